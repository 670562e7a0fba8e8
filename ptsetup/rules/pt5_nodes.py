"""PT510 and PT511: the device files of GPUs: are they there, and who may open them."""

from collections.abc import Iterator

from ptsetup.facts import DeviceNode
from ptsetup.rules import _nvidia, _speech
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact

DENIED = (13, 1)
"""EACCES, EPERM."""


@rule(
    "PT510",
    "device-nodes-missing",
    "error",
    "The device files of the GPU are missing",
    needs=("host.device_nodes",),
    hides=("PT513", "PT536", "PT512"),
    layer=24,
)
def nodes_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        The kernel module is loaded, but its device files (/dev/nvidiactl, /dev/nvidia0 ...) were never made.

    Why it matters
        NVML and CUDA open these files. Without them nothing finds the GPU, though it may work for root, who can make
        them.

    See it yourself
        ls -l /dev/nvidia*

    Fix
        Make them with nvidia-modprobe, and enable nvidia-persistenced, which makes them at every start.

    Sources
        github.com/NVIDIA/nvidia-modprobe
    """
    if not _nvidia.is_plain(case) or not _nvidia.has_module(case) or _nvidia.works(case):
        return
    expected = ["/dev/nvidiactl", *(f"/dev/nvidia{gpu.minor}" for gpu in case.gpus if gpu.minor is not None)]
    missing = [path for path in expected if (found := _nvidia.node(case, path)) and not found.exists]
    if _nvidia.has_answered(case) and "/dev/nvidiactl" in missing:
        missing = []  # NVML or CUDA has used it: the list of files is not the one that counts
    if not missing:
        yield from _none_offered(case)
        return
    yield Finding(
        message=f"The NVIDIA module is loaded, but {', '.join(missing)} do{'es' if len(missing) == 1 else ''} not exist.",
        subject=missing[0],
        evidence=(
            fact(case, "host.device_nodes", f"absent: {', '.join(missing)}", "ls /dev"),
            *_nvidia.driver_fact(case),
        ),
        fixes=(
            Fix(
                text="Make the device files.",
                commands=(("sudo", "nvidia-modprobe", "-c", "0", "-u"),),
                systems=("linux",),
            ),
            Fix(
                text="Have them made at every start.",
                commands=(("sudo", "systemctl", "enable", "--now", "nvidia-persistenced"),),
                systems=("linux",),
            ),
        ),
        severity=_nvidia.wanted(case, "error"),
    )


def _none_offered(case: Case) -> Iterator[Finding]:
    """NVML lists GPUs and CUDA finds none (100), although nothing hides them: their device files cannot be used."""
    nvml = case.snapshot.nvidia.nvml if case.snapshot.nvidia else None
    is_hidden = case.env("CUDA_VISIBLE_DEVICES") is not None or any(gpu.mig_current for gpu in case.gpus)
    if nvml is None or not nvml.count or _nvidia.cuda_code(case) != 100 or is_hidden or case.is_container:
        return
    yield Finding(
        message=f"NVML lists {nvml.count} GPU{'s' * (nvml.count > 1)}, and CUDA is offered none (code 100).",
        subject="/dev/nvidia0",
        evidence=(
            fact(case, "nvidia.nvml.count", nvml.count, "NVML"),
            fact(case, "nvidia.cuda.init_rc", 100, "cuInit"),
        ),
        fixes=(
            Fix(
                text="Make the device files anew.",
                commands=(("sudo", "nvidia-modprobe", "-c", "0", "-u"),),
                systems=("linux",),
            ),
        ),
        severity=_nvidia.wanted(case, "error"),
        certainty="likely",
    )


NO_RIGHTS = (
    r"failed to initialize NVML: insufficient permissions",
    r"NVML_?ERROR_?NO_?PERMISSION|NVMLError_NoPermission",
    r"/dev/nvidia\w*.{0,40}(?:permission denied|EACCES|operation not permitted|EPERM)|permission denied.{0,40}/dev/nvidia",
)


@rule(
    "PT511",
    "device-nodes-permission",
    "error",
    "This user may not open the GPU's device files",
    needs=("host.device_nodes|nvidia.nvml.init_rc|messages",),
    hides=("PT512", "PT513", "PT536", "PT501"),
    layer=24,
    says=(*NO_RIGHTS, *_speech.ROOT_ONLY, *_speech.JOINED),
)
def no_rights(case: Case) -> Iterator[Finding]:
    """What is wrong
        The device files of the GPU exist, and this user may not open them: their mode or group was restricted.

    Why it matters
        NVML answers "Insufficient Permissions", CUDA 304 or 100; as root all is well.

    See it yourself
        ls -l /dev/nvidia*
        id

    Fix
        Join the group that owns the files and log in again; or let the driver make them for everybody, which is its
        default (NVreg_DeviceFileMode=0666).

    Sources
        nvml.h, return code 4; NVIDIA container toolkit, troubleshooting
    """
    hit = case.heard(no_rights)
    denied = [n for n in _nvidia.gpu_nodes(case) if n.open_errno in DENIED]
    if case.is_container:
        denied = [n for n in denied if n.open_errno == 13]  # 1 is the control group's doing: PT704
    refused = [gpu for gpu in case.gpus if gpu.handle_rc == 4]
    closed = [n for n in _nvidia.gpu_nodes(case) if n.mode and n.mode[-1:].isdecimal() and int(n.mode[-1:]) & 6 != 6]
    code = _nvidia.nvml_code(case)
    is_call_refused = _nvidia.cuda_code(case) == 304
    if _nvidia.works(case) or not (denied or refused or code == 4 or hit or is_call_refused):
        return
    is_rights = case.said(*NO_RIGHTS) is not None
    is_amd = bool(case.snapshot.amd and case.snapshot.amd.gpus) and not (case.gpus or is_rights)
    if is_amd:
        return  # PT802
    is_certain = denied or refused or code == 4 or is_rights or is_call_refused or closed
    if not is_certain and not _is_blind(case):
        return
    is_batch = bool(refused) and not denied and case.env("SLURM_JOB_ID") is not None
    node = next(iter((*denied, *closed)), None)
    yield Finding(
        message="The batch system hides GPUs of other jobs from this one; that is meant."
        if is_batch
        else f"This user may not open {node.path}"
        + (f" (mode {node.mode}, group {node.group})." if node.group else ".")
        if node
        else "The driver refuses this user: its device files may not be opened.",
        subject=node.path if node else "/dev/nvidiactl",
        evidence=(
            *(_node_fact(case, n) for n in (denied or closed)[:2]),
            *(_nvidia.gpu_fact(case, gpu, "handle_rc", 4) for gpu in refused[:2]),
            *([fact(case, "nvidia.nvml.init_rc", 4, "NVML")] if code == 4 else []),
            *([fact(case, "nvidia.cuda.init_rc", 304, "cuInit")] if is_call_refused else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=() if is_batch else _into_container(node) if case.is_container else _join(node),
        severity="note" if is_batch else _nvidia.wanted(case, "error" if is_certain else "warning"),
        certainty="certain" if denied else "likely",
    )


def _is_blind(case: Case) -> bool:
    """By torch there is no CUDA, or it cannot be started."""
    torch = case.snapshot.torch
    failed = case.said(
        r"torch\.cuda\.is_available|cudaGetDeviceCount|No CUDA GPUs are available|not able to use (?:the )?GPU|CUDA initialization"
    )
    return bool(torch and torch.is_cuda_available is False) or failed is not None


def _into_container(node: DeviceNode | None) -> tuple[Fix, ...]:
    number = str(node.gid) if node and node.gid is not None else "$(stat -c %g /dev/nvidiactl)"
    return (
        Fix(
            text="Start the container with the group that owns the device files; this shows that it works.",
            shell=f"docker run --rm --gpus all --group-add {number} --user 1000 ubuntu nvidia-smi -L",
            where="on the host",
        ),
        Fix(text="Or run it as root, if it is only for you.", kind="none", where="on the host"),
    )


def _node_fact(case: Case, node: DeviceNode) -> Evidence:
    how = {13: "permission denied", 1: "not permitted"}.get(node.open_errno or 0, "")
    parts = [f"mode {node.mode}" if node.mode else "", f"group {node.group}" if node.group else "", how]
    return fact(case, "host.device_nodes", f"{node.path}: {', '.join(p for p in parts if p)}", "ls -l")


def _join(node: DeviceNode | None) -> tuple[Fix, ...]:
    open_all = Fix(
        text="Or let the driver make the files for everybody (its default), then restart.",
        shell='echo "options nvidia NVreg_DeviceFileMode=0666" | sudo tee /etc/modprobe.d/nvidia-mode.conf',
        systems=("linux",),
    )
    group = (node.group if node else None) or "video"
    if group == "root":
        return (open_all,)
    join = Fix(
        text=f"Join the group {group} and log in again.", shell=f"sudo usermod -aG {group} $USER", systems=("linux",)
    )
    return (join, open_all)


RULES = (nodes_missing, no_rights)
