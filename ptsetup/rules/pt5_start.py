"""PT534 to PT536: what else keeps CUDA from starting: MPS, a driver that hangs, no GPU at all."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _denials, _nvidia, _speech, _tongues
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, unset


@rule(
    "PT534",
    "cuda-mps-daemon",
    "error",
    "CUDA's multi-process service does not answer",
    needs=("nvidia.cuda.init_rc|nvidia.mps_daemon_runs|messages",),
    hides=("PT513", "PT536"),
    layer=40,
    says=(
        r"error 80[57]\b",
        r"MPS client failed to connect|cudaErrorMpsConnectionFailed|CUDA_ERROR_MPS_CONNECTION_FAILED",
        r"MPS server is not ready|cudaErrorMpsServerNotReady",
    ),
)
def mps_daemon(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA was told to go through the multi-process service (MPS): its pipe folder exists or is named by
        CUDA_MPS_PIPE_DIRECTORY; but its control daemon does not run, or its server is not ready.

    Why it matters
        CUDA ends with code 805 or 807.

    See it yourself
        pgrep -a nvidia-cuda-mps
        echo $CUDA_MPS_PIPE_DIRECTORY

    Fix
        Start the daemon, or take the variable away and work without MPS.

    Sources
        CUDA driver API, errors 805 and 807; reproduced
    """
    hit = case.heard(mps_daemon)
    nvidia = case.snapshot.nvidia
    code = _nvidia.cuda_code(case)
    folder = case.env("CUDA_MPS_PIPE_DIRECTORY")
    is_asked = bool(folder and nvidia and nvidia.mps_daemon_runs is False)
    if code not in (805, 807) and hit is None and not is_asked:
        return
    if _nvidia.works(case) and hit is None and code not in (805, 807):
        return
    is_failure = code in (805, 807) or hit is not None
    yield Finding(
        message=f"CUDA cannot reach its multi-process service{f' in {folder}' if folder else ''}"
        + (f" (code {code})." if code in (805, 807) else ": the daemon does not run." if is_asked else "."),
        subject="CUDA MPS",
        evidence=(
            *([fact(case, "nvidia.cuda.init_rc", code, "cuInit")] if code in (805, 807) else []),
            *([fact(case, "env.CUDA_MPS_PIPE_DIRECTORY", folder, "the environment")] if folder else []),
            *([fact(case, "nvidia.mps_daemon_runs", "no", "processes")] if is_asked else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            *(unset(case, "CUDA_MPS_PIPE_DIRECTORY", text="Work without MPS.")[:1] if folder else ()),
            Fix(text="Or start the daemon.", commands=(("nvidia-cuda-mps-control", "-d"),), systems=("linux",)),
            Fix(text="Or end it for good.", shell="echo quit | nvidia-cuda-mps-control", systems=("linux",)),
        ),
        severity="error" if is_failure else "warning",
        certainty="certain" if code in (805, 807) or is_asked else "likely",
    )


@rule(
    "PT535",
    "nvml-hangs",
    "error",
    "The driver does not answer",
    needs=("nvidia.nvml|nvidia.smi|messages",),
    hides=("PT990", "PT992", "PT501", "PT504", "PT513", "PT536"),
    layer=17,
    says=(
        r"nvidia-smi (?:just |simply |always )?(?:hangs?|freezes|never returns|does(?:n'?t| not) return|is stuck|gets stuck)",
        r"torch\.cuda\.(?:device_count|is_available)\(?\)? (?:hangs?|never returns|is stuck)",
        r"nvidia-smi.{0,30}timed out",
    ),
)
def hangs(case: Case) -> Iterator[Finding]:
    """What is wrong
        NVML (or nvidia-smi, which asks it) did not answer within its deadline: the driver or a GPU hangs.

    Why it matters
        nvidia-smi, torch.cuda.device_count() and collect_env never return; a program that waits on the driver cannot
        even be killed.

    See it yourself
        timeout 10 nvidia-smi; echo $?
        ps -eo pid,stat,cmd | awk '$2 ~ /^D/'

    Fix
        Look for Xid lines in the kernel log; restart. If only nvidia-smi hangs, see which program bears that name.

    Sources
        Start9Labs/start-technologies#3693; reproduced (torch hangs with it)
    """
    hit = case.heard(hangs)
    nvidia = case.snapshot.nvidia
    nvml = bool(nvidia and nvidia.nvml and nvidia.nvml.is_hung)
    cuda = bool(nvidia and nvidia.cuda and nvidia.cuda.is_hung)
    smi = bool(nvidia and nvidia.smi and nvidia.smi.is_hung)
    if not (nvml or cuda or smi or hit):
        return
    path = nvidia.smi.path if nvidia and nvidia.smi and smi else None
    what = "NVML" if nvml else "cuInit" if cuda else f"{path or 'nvidia-smi'}"
    is_smi_alone = smi and not nvml and _nvidia.nvml_code(case) is not None
    has_nvml = _nvidia.nvml_code(case) != NO_NVML
    log = Fix(
        text="Look for the reason in the kernel log.", shell='sudo dmesg | grep -iE "nvrm|xid"', systems=("linux",)
    )
    restart = Fix(text="Restart the machine.", commands=(("sudo", "reboot"),), systems=("linux",))
    which = Fix(text="See what bears the name nvidia-smi.", shell="type -a nvidia-smi", systems=("linux",))
    sources = (
        (nvml, "nvidia.nvml.is_hung", "no answer from NVML", "NVML"),
        (cuda, "nvidia.cuda.is_hung", "no answer from cuInit", "cuInit"),
        (smi, "nvidia.smi.is_hung", f"{path or 'nvidia-smi'} did not return", "nvidia-smi"),
    )
    yield Finding(
        message=f"{what} does not answer: the driver or a GPU hangs."
        if not is_smi_alone
        else f"{what} does not return, although {'NVML itself answers' if has_nvml else 'there is no NVML that it could ask'}.",
        subject=what,
        evidence=(
            *(fact(case, where, value, source) for is_so, where, value, source in sources if is_so),
            *([hit.evidence] if hit else []),
        ),
        fixes=(which,) if is_smi_alone else _nvidia.on_host(case, log, restart),
        certainty="certain" if nvml or cuda or smi else "likely",
    )


NO_NVML = 12
"""NVML's code for a library that is not there."""

_NOT_MEANT = (
    r"(?! (?:support|code|access|memory|acceleration|instances?|is |are |was |were |found|available|detected|visible|and (?:no "
    r")?display))"
)
_HARDWARE = r"(?:machine|server|laptop|node|vm|instance|box|computer|pc|system|host|runner|workstation|notebook)"
NO_GPU_SAID = (
    _tongues.NO_GPU,
    *_denials.NO_NVIDIA,
    *_denials.OTHERS_ONLY,
    (
        rf"\b(?:there (?:is|are|was|were) no|there (?:is|are|was|were)(?: not|n'?t) (?:an?|any)|(?:do|does|did)(?: not|n['o]?t) (?:even "
        rf")?(?:have|own|contain|include)"
        rf"(?: an?| any| the)?|(?:has|have|had|with) no|without(?: an?| any| the)?|lacks?(?: an?| any)?) {_speech.GPU}\b{_NOT_MEANT}"
    ),
    rf"\bno (?:nvidia|dedicated|discrete|external|physical) (?:nvidia )?(?:gpus?|graphics|cards?|video cards?)\b{_NOT_MEANT}",
    rf"\b(?:non|no)[- ](?:nvidia )?gpu {_HARDWARE}\b|\bcpu[- ]only {_HARDWARE}\b",
    r"\b(?:only|just) (?:\w+ )?(?:intel|integrated|onboard)(?: (?:gpu|graphics|adapter|chip|one))?\W*$",
    (
        r"\bintel i[3579]\b.{0,12}graphics card|\bonly (?:has |have |an? |my |the |got )*(?:intel|integrated|onboard)\b.{0,12}\b(?:gpu"
        r"|graphics|uhd|hd|iris)"
    ),
    r"\b(?:intel|integrated|onboard) (?:core )?(?:uhd |hd |iris )?graphics (?:\w+ )?only\b|\b(?:uhd|iris|hd)(?: graphics)? \d{3} only\b",
)
"""A person says that there is none."""

ASKS_FOR_CUDA = (
    _nvidia.NOT_COMPILED,
    _nvidia.NO_DRIVER,
    r"torch\.cuda\.set_device\(",
    r"no CUDA-capable device is detected|No CUDA GPUs are available",
    r"no CUDA runtime is found|CUDA is not available|CUDA (?:is )?not (?:found|detected)",
    r"attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False",
    r"invalid device (?:string|ordinal)",
    r"the NVIDIA driver was not detected",
)


@rule(
    "PT536",
    "no-accelerator",
    "note",
    "No GPU that torch can use is in this machine",
    needs=("host.pci|intel.gpus|amd.gpus|messages",),
    hides=("PT401", "PT501", "PT701", "PT702", "PT930"),
    layer=14,
    says=ASKS_FOR_CUDA,
)
def no_accelerator(case: Case) -> Iterator[Finding]:
    """What is wrong
        The program asks for CUDA (or torch is a CUDA build), and this machine has no NVIDIA GPU, nor another one that
        torch supports.

    Why it matters
        "Found no NVIDIA driver on your system" then means just that; no driver will help.

    See it yourself
        lspci -nn | grep -iE "vga|3d|display"

    Fix
        Let the program use the CPU (device="cpu"), or run it on a machine with a GPU. The CPU build of torch is
        smaller by gigabytes.

    Sources
        pytorch/pytorch#39028
    """
    hit = case.heard(no_accelerator)
    if hit is not None and hit.message.source == "torch":
        hit = None  # our own question whether CUDA starts: no program asked
    bus = case.snapshot.host.pci if case.snapshot.host else None
    intel = case.snapshot.intel.gpus if case.snapshot.intel else None
    amd = case.snapshot.amd.gpus if case.snapshot.amd else None
    is_mac = case.system == "macos" and not case.gpus
    if hit is None and is_mac and case.is_blind and case.snapshot.origin == "report":
        hit = case.said(r"cuda\.is_available\b")
    told = _said_none(case) if hit or case.said(r"torch\.cuda\.is_available") else None
    if bus is None and not intel and not amd and not is_mac and not told:
        return
    if (case.has_nvidia_device is not False and not is_mac and not told) or _is_usable(case) or _nvidia.works(case):
        return
    if hit is None and case.family != "cuda" and case.expect != "cuda":
        return
    have, seen = _in_its_place(case, told, is_mac=is_mac)
    torch = fact(case, "target.wheel", f"torch {case.torch_version}", "torch/version.py")
    yield Finding(
        message=f"This machine has no NVIDIA GPU{have}" + (", and the program asks for CUDA." if hit else "."),
        subject="GPU",
        evidence=(seen, *([hit.evidence] if hit else []), *([torch] if case.torch_version else [])),
        fixes=_without_gpu(case, is_mac=is_mac),
        severity="error" if hit is not None or case.expect == "cuda" else "warning" if told else "note",
        certainty="likely" if told else "certain",
    )


def _said_none(case: Case) -> Hit | None:
    """A person says that this machine has no GPU, and none is named; in a container it may be the container that has none."""
    is_open = case.snapshot.origin == "report" and not case.gpus and not case.is_container
    return case.said(*NO_GPU_SAID) if is_open else None


def _in_its_place(case: Case, told: Hit | None, *, is_mac: bool) -> tuple[str, Evidence]:
    """What is here in place of an NVIDIA GPU, and the fact that shows it."""
    bus = case.snapshot.host.pci if case.snapshot.host else None
    intel = case.snapshot.intel.gpus if case.snapshot.intel else None
    names = [d.name or f"{d.vendor}:{d.device}" for d in bus or ()] or [gpu.name for gpu in intel or () if gpu.name]
    have = f": it has {', '.join(names[:2])}" if names else ""
    if is_mac:
        return ": it is a Mac", fact(case, "host.system", "macos", "the system")
    if told:
        return have, told.evidence
    return have, fact(case, "host.pci" if bus is not None else "intel.gpus", ", ".join(names) or "no GPU", "PCI bus")


def _without_gpu(case: Case, *, is_mac: bool) -> tuple[Fix, ...]:
    other = 'the GPU of Apple silicon (device="mps") or the CPU' if is_mac else 'the CPU (device="cpu")'
    use = Fix(text=f"Let the program use {other}, or run it on a machine with an NVIDIA GPU.", kind="none")
    smaller = another_build("The CPU build is enough here, and far smaller.", backend="cpu")
    return (use, smaller) if case.family == "cuda" else (use,)


def _is_usable(case: Case) -> bool:
    """An AMD or Intel GPU that some build of torch serves: PT806 and PT820 speak of that."""
    amd, intel = case.snapshot.amd, case.snapshot.intel
    bus = (case.snapshot.host.pci if case.snapshot.host else None) or ()
    names = [gpu.name or gpu.gfx or "" for gpu in (amd.gpus if amd else None) or ()]
    names += [d.name for d in bus if d.vendor == "1002" and d.name]
    served = {gfx for build in case.index.builds for gfx in build.gfx}
    is_amd = any((compat.gfx_of(name, case.index) or "") in served for name in names)
    if not names and any(d.vendor == "1002" for d in bus):
        is_amd = True  # an AMD GPU of unknown kind: not ours to judge
    intel_names = [gpu.name for gpu in (intel.gpus if intel else None) or ()] + [
        d.name for d in bus if d.vendor == "8086"
    ]
    return (
        is_amd
        or any(compat.xpu_support(name) for name in intel_names)
        or bool(re.search("arc", " ".join(filter(None, intel_names)), re.IGNORECASE))
    )


RULES = (mps_daemon, hangs, no_accelerator)
