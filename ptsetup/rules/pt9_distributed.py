"""PT920 to PT923 and PT930: NCCL and Gloo: shared memory, GPUs, interfaces."""

from collections.abc import Iterator

from ptsetup.facts import Interface
from ptsetup.rules import _nvidia, _visible
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, unset
from ptsetup.rules.pt7_limits import more_shm


def number(value: str | None) -> int | None:
    """A small whole number out of a variable; None for anything else."""
    return int(value) if value and value.strip().isdecimal() and len(value) < 7 else None


def is_multi_node(case: Case) -> bool:
    """The run spans several machines, by its variables."""
    world, local = number(case.env("WORLD_SIZE")), number(case.env("LOCAL_WORLD_SIZE"))
    return bool(world and local and world > local)


def up(case: Case) -> tuple[Interface, ...]:
    """Network interfaces that are up, loopback apart."""
    network = case.snapshot.host.network if case.snapshot.host else None
    return tuple(i for i in (network.interfaces if network else None) or () if i.is_up and not i.is_loopback)


SHM_FAILED = (
    r"call to shm_open failed ?: ?(?P<why>permission denied|no space left on device)",
    r"NCCL WARN .{0,80}(?:/dev/shm|shared memory|shm).{0,80}(?:failed|error|no space)",
    r"error while creating shared memory segment",
)


@rule(
    "PT920",
    "nccl-shm",
    "error",
    "NCCL cannot use shared memory",
    needs=("host.shm|messages",),
    hides=("PT706",),
    layer=31,
    says=SHM_FAILED,
)
def nccl_shm(case: Case) -> Iterator[Finding]:
    """What is wrong
        NCCL makes its segments in /dev/shm and cannot: the folder's mode is wrong, it is full, or it is too small.

    Why it matters
        ncclSystemError at the first collective operation.

    See it yourself
        ls -ld /dev/shm; df -h /dev/shm; ls /dev/shm | grep nccl

    Fix
        Set the mode back (1777), delete segments of dead programs, give the container more (PT706).

    Sources
        NVIDIA/nccl#328, #1518, llm-d/llm-d#352
    """
    hit = case.heard(nccl_shm)
    shm = case.snapshot.host.shm if case.snapshot.host else None
    mode = shm.mode if shm else None
    is_closed = mode is not None and not mode.endswith("777")
    if not (hit or is_closed):
        return
    why = (hit.match.groupdict().get("why") or "").lower() if hit else ""
    leftovers = [name for name in (shm.leftovers if shm else None) or () if name.startswith("nccl-")]
    opened = Fix(text="Set the mode back.", commands=(("sudo", "chmod", "1777", "/dev/shm"),), systems=("linux",))
    is_rights = is_closed or "permission" in why
    yield Finding(
        message=f"/dev/shm has mode {mode}: others cannot make files in it."
        if is_closed
        else "NCCL cannot make its segment in /dev/shm" + (f": {why}." if why else "."),
        subject="/dev/shm",
        evidence=(
            *([fact(case, "host.shm.mode", mode, "ls -ld /dev/shm")] if is_closed else []),
            *([fact(case, "host.shm.leftovers", ", ".join(leftovers[:3]), "ls /dev/shm")] if leftovers else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(opened,) if is_rights else more_shm(case, tuple(leftovers)),
        severity="error" if hit else "warning",
        certainty="certain" if is_closed else "likely",
    )


@rule(
    "PT921",
    "nccl-duplicate-gpu",
    "error",
    "Two processes use the same GPU",
    needs=("env|messages",),
    hides=("PT524",),
    layer=80,
    says=(
        r"duplicate GPU detected ?: ?rank (?P<one>\d+) and rank (?P<two>\d+) both on CUDA device (?P<device>[\w:.]+)",
        r"duplicate GPU detected",
    ),
)
def duplicate_gpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        More processes were started on this machine than there are GPUs in sight, or each one uses cuda:0.

    Why it matters
        NCCL refuses: "Duplicate GPU detected : rank 1 and rank 0 both on CUDA device ...".

    See it yourself
        nvidia-smi -L | wc -l
        env | grep -E "LOCAL_WORLD_SIZE|CUDA_VISIBLE_DEVICES"

    Fix
        Start as many processes as GPUs, and let each take its own: torch.cuda.set_device(int(os.environ["LOCAL_RANK"])).

    Sources
        NVIDIA/nccl#1241, facebookresearch/ViewDiff#24
    """
    hit = case.heard(duplicate_gpu)
    local = number(case.env("LOCAL_WORLD_SIZE"))
    count = len(_visible.visible(case)) if case.gpus else None
    is_more = bool(local and count and local > count)
    if not hit and not is_more:
        return
    told = hit.match.groupdict() if hit else {}
    yield Finding(
        message=f"{local} processes were started here, and {count} GPU{'s are' if count and count > 1 else ' is'} in sight."
        if is_more
        else f"Ranks {told['two']} and {told['one']} both use the GPU {told['device']}."
        if told.get("device")
        else "Two ranks use the same GPU.",
        subject="LOCAL_RANK",
        evidence=(
            *([fact(case, "env.LOCAL_WORLD_SIZE", local, "the environment")] if is_more else []),
            *([_nvidia.gpu_fact(case, case.gpus[-1], "index", f"{count} in sight")] if is_more else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Start as many processes as there are GPUs.",
                shell=f"torchrun --nproc-per-node={count or 'gpu'} train.py",
            ),
            Fix(
                text='Let each process take its own: torch.cuda.set_device(int(os.environ["LOCAL_RANK"])).', kind="none"
            ),
        ),
        certainty="certain" if is_more else "likely",
    )


def _matches(spec: str, names: list[str]) -> list[str]:
    """Interfaces that NCCL_SOCKET_IFNAME chooses: prefixes; ``=`` exact names; ``^`` leaves out."""
    is_not, spec = spec.startswith("^"), spec.removeprefix("^")
    is_exact, spec = spec.startswith("="), spec.removeprefix("=")
    words = [word for word in spec.split(",") if word]
    hits = [n for n in names if any(n == w if is_exact else n.startswith(w) for w in words)]
    return [n for n in names if n not in hits] if is_not else hits


@rule(
    "PT922",
    "nccl-wrong-interface",
    "warning",
    "NCCL may talk over the wrong network interface",
    needs=("host.network", "env"),
    layer=80,
)
def interface(case: Case) -> Iterator[Finding]:
    """What is wrong
        The run spans several machines, several network interfaces are up, and nothing says which one to use; or the
        name that is given fits none. (NCCL_SOCKET_IFNAME holds prefixes; "=" means an exact name, "^" leaves out.)

    Why it matters
        NCCL may take docker0, a virtual bridge or a VPN: the run hangs, or connections are refused.

    See it yourself
        ip -br address
        env | grep SOCKET_IFNAME

    Fix
        Name the interface that reaches the other machines.

    Sources
        NCCL user guide, environment and troubleshooting
    """
    network = case.snapshot.host.network if case.snapshot.host else None
    if network is None or network.interfaces is None:
        return
    spec = case.env("NCCL_SOCKET_IFNAME")
    names = [i.name for i in network.interfaces]
    is_none = bool(spec) and not _matches(spec or "", names)
    good = [i.name for i in up(case) if not i.name.startswith(("docker", "virbr", "veth", "br-", "tun", "wg", "cni"))]
    is_open = not spec and is_multi_node(case) and len(up(case)) > 1
    if not is_none and not is_open:
        return
    best = (good or [i.name for i in up(case)] or ["eth0"])[0]
    yield Finding(
        message=f"NCCL_SOCKET_IFNAME={spec} fits no interface of this machine ({', '.join(names[:5])})."
        if is_none
        else f"{len(up(case))} interfaces are up ({', '.join(i.name for i in up(case)[:5])}), and nothing tells NCCL which one to use.",
        subject="NCCL_SOCKET_IFNAME",
        evidence=(
            fact(case, "host.network.interfaces", ", ".join(names[:6]), "/sys/class/net"),
            *([fact(case, "env.NCCL_SOCKET_IFNAME", spec, "the environment")] if spec else []),
        ),
        fixes=(
            Fix(
                text="Name the interface that reaches the other machines.",
                shell=f"export NCCL_SOCKET_IFNAME=={best} GLOO_SOCKET_IFNAME={best}",
                systems=("linux",),
            ),
        ),
        severity="error" if is_none else "warning",
    )


@rule(
    "PT923",
    "gloo-interface-missing",
    "error",
    "GLOO_SOCKET_IFNAME names an interface that is not there",
    needs=("host.network|messages",),
    layer=80,
    says=(r"unable to find address for: ?(?P<name>[\w.@:-]+)",),
)
def gloo(case: Case) -> Iterator[Finding]:
    """What is wrong
        GLOO_SOCKET_IFNAME must be the exact name of an interface (no prefixes as with NCCL), and it is not.

    Why it matters
        "Unable to find address for: ..."; the process group does not start.

    See it yourself
        ip -br address; echo $GLOO_SOCKET_IFNAME

    Fix
        Name an interface of this machine, or take the variable away.

    Sources
        reproduced
    """
    hit = case.heard(gloo)
    network = case.snapshot.host.network if case.snapshot.host else None
    names = [i.name for i in (network.interfaces if network else None) or ()]
    value = case.env("GLOO_SOCKET_IFNAME")
    wrong = [name for name in (value or "").split(",") if name and name not in names] if names else []
    if not wrong and not hit:
        return
    named = wrong[0] if wrong else hit.match["name"] if hit else ""
    best = next((i.name for i in up(case)), None)
    line = f"export GLOO_SOCKET_IFNAME={best}"
    name_it = Fix(text="Name an interface of this machine.", shell=line, systems=("linux",))
    yield Finding(
        message=f"There is no interface {named}" + (f"; there are {', '.join(names[:5])}." if names else "."),
        subject="GLOO_SOCKET_IFNAME",
        evidence=(
            *([fact(case, "env.GLOO_SOCKET_IFNAME", value, "the environment")] if wrong else []),
            *([fact(case, "host.network.interfaces", ", ".join(names[:6]), "/sys/class/net")] if wrong else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*((name_it,) if best else ()), *unset(case, "GLOO_SOCKET_IFNAME")),
        certainty="certain" if wrong else "likely",
    )


@rule(
    "PT930",
    "nccl-without-gpu",
    "error",
    "NCCL was asked for where there is no GPU",
    needs=("messages",),
    layer=84,
    says=(r"nccl2? requires at least one CUDA device", r"ProcessGroupNCCL is only supported with GPUs, no GPUs found"),
)
def nccl_without_gpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        The program asks for the backend "nccl", and CUDA offers no GPU.

    Why it matters
        "ProcessGroupNCCL is only supported with GPUs, no GPUs found".

    See it yourself
        python -c "import torch; print(torch.cuda.device_count())"

    Fix
        On a machine without a GPU use the backend "gloo". With one, mend first what keeps CUDA from it.

    Sources
        reproduced
    """
    hit = case.heard(nccl_without_gpu)
    if hit is None:
        return
    yield Finding(
        message="The program asks for NCCL, and CUDA offers no GPU here.",
        subject="NCCL",
        evidence=(hit.evidence,),
        fixes=(Fix(text='Use the backend "gloo", or mend first what keeps CUDA from the GPU.', kind="none"),),
        certainty="likely",
    )


RULES = (nccl_shm, duplicate_gpu, interface, gloo, nccl_without_gpu)
