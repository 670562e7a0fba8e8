"""PT805 and PT807 to PT809: ROCm: its kernel driver, several GPUs, Windows, amdsmi."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia, _vendors
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, pip

RELEASES = ("5.4", "5.5", "5.6", "5.7", "6.0", "6.1", "6.2", "6.3", "6.4", "7.0", "7.1", "7.2")
"""ROCm's minor releases in their order (releases of ROCm/clr; amdgpu-docs, compatibility matrix)."""

DKMS = {(5, 18): "5.4", (6, 12): "6.4"}
"""First two numbers of AMD's amdgpu module -> the ROCm release that it came with: only what public texts show (ROCm/amdgpu#148;
amd-smi beside ROCm 6.4.0 and 6.4.1). AMD's matrix names packages, not module versions (ROCm/rocm-install-on-linux#684), so
of other modules nothing is said."""


@rule(
    "PT805",
    "rocm-kernel-user-gap",
    "warning",
    "AMD's kernel driver and the ROCm of torch are far apart",
    needs=("amd.kernel_driver_version",),
    layer=62,
)
def gap(case: Case) -> Iterator[Finding]:
    """What is wrong
        AMD tests a kernel driver with the ROCm releases up to two before and after its own. The ROCm that torch brings is
        farther away. (The driver inside the kernel has no version and is not judged.)

    Why it matters
        It may work, and may fail in odd ways.

    See it yourself
        cat /sys/module/amdgpu/version
        python -c "import torch; print(torch.version.hip)"

    Fix
        Install a newer kernel driver, or a build for a nearer ROCm.

    Sources
        ROCm documentation, user and kernel space compatibility; ROCm/amdgpu#148, ROCm/rocm-install-on-linux#684
    """
    amd = case.snapshot.amd
    version = amd.kernel_driver_version if amd else None
    wheel = (case.wheel.rocm or case.wheel.hip) if case.wheel else None
    numbers = (*compat.version_tuple(version or ""), 0, 0)
    own = DKMS.get((numbers[0], numbers[1]))
    mine = ".".join((wheel or "").split(".")[:2])
    if own is None or mine not in RELEASES or case.family != "rocm":
        return
    distance = RELEASES.index(mine) - RELEASES.index(own)
    if abs(distance) <= 2:
        return
    yield Finding(
        message=f"amdgpu {version} belongs to ROCm {own}, torch brings ROCm {mine}: {abs(distance)} releases apart.",
        subject="amdgpu",
        evidence=(
            fact(case, "amd.kernel_driver_version", version, "/sys/module/amdgpu/version"),
            fact(case, "target.wheel.hip", wheel, "torch/version.py"),
        ),
        fixes=(
            Fix(text="Install the kernel driver of a nearer ROCm release, then restart.", kind="none"),
            another_build("Or a build for a nearer ROCm."),
        ),
        severity="note" if case.snapshot.torch and case.snapshot.torch.is_cuda_available else "warning",
        certainty="possible",
    )


@rule(
    "PT807",
    "rocm-iommu-pt",
    "warning",
    "Several AMD GPUs, and the IOMMU translates their traffic",
    needs=("amd.gpus|messages",),
    layer=27,
    says=(r"missing \"?iommu=pt\"?",),
)
def iommu(case: Case) -> Iterator[Finding]:
    """What is wrong
        The IOMMU translates addresses for the GPUs, and the kernel was not started with iommu=pt.

    Why it matters
        Programs on several AMD GPUs may hang.

    See it yourself
        cat /proc/cmdline; ls /sys/class/iommu

    Fix
        Start the kernel with iommu=pt.

    Sources
        ROCm installation on Linux, questions; ROCm/vllm#390
    """
    hit = case.heard(iommu)
    host = case.snapshot.host
    line = host.kernel_command_line if host else None
    gpus = [gpu for gpu in _vendors.amd_gpus(case) if not gpu.is_apu]
    is_seen = bool(
        len(gpus) > 1
        and host
        and host.iommu_groups
        and line is not None
        and "iommu=pt" not in line
        and "iommu=off" not in line
    )
    if not is_seen and not hit:
        return

    yield Finding(
        message=f"{len(gpus)} AMD GPUs are here, and the kernel runs without iommu=pt."
        if is_seen
        else "The kernel runs without iommu=pt, which several AMD GPUs need.",
        subject="iommu=pt",
        evidence=(
            *([fact(case, "host.kernel_command_line", "no iommu=pt", "/proc/cmdline")] if is_seen else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_nvidia.on_host(case, _nvidia.pass_through(case)),
        certainty="likely",
    )


@rule(
    "PT808",
    "rocm-windows-or-wsl",
    "error",
    "An AMD GPU on Windows or in WSL, and a torch without ROCm",
    needs=("host.system",),
    hides=("PT801", "PT536"),
    layer=58,
)
def on_windows(case: Case) -> Iterator[Finding]:
    """What is wrong
        The usual wheels for Windows hold no ROCm. In WSL, ROCm needs AMD's own WSL driver and its way of installing.

    Why it matters
        torch uses the CPU only; or "no ROCm-capable device is detected".

    See it yourself
        python -c "import torch; print(torch.version.hip)"

    Fix
        Follow AMD's instructions for PyTorch on Windows or for WSL: they have wheels of their own.

    Sources
        ROCm/hip#3710; ROCm documentation, Radeon on Windows and WSL
    """
    host = case.snapshot.host
    is_windows = case.system == "windows"
    is_wsl = bool(host and host.wsl)
    usable = _vendors.usable_amd(case)
    hit = case.said(r"hipErrorNoDevice|no ROCm-capable device is detected")
    if not (is_windows or is_wsl) or _vendors.has_nvidia(case):
        return
    is_plain = case.family == "cpu" and bool(usable)
    if not (is_plain or (is_wsl and hit)):
        return
    url = "https://rocm.docs.amd.com/projects/radeon-ryzen/en/latest/"
    named = next((gpu.name for gpu in usable if gpu.name), "An AMD GPU")
    yield Finding(
        message=f"{named} is here, and torch {case.torch_version or ''} has no ROCm.".replace("  ", " ")
        if is_plain
        else "ROCm finds no GPU in this WSL: AMD's WSL driver is missing.",
        subject="ROCm",
        evidence=(
            fact(case, "host.system", "Windows" if is_windows else "WSL", "the system"),
            *([fact(case, "amd.gpus", named, "display devices")] if is_plain else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(Fix(text=f"Follow AMD's instructions: {url}", kind="none"),),
        severity="error" if hit or case.expect == "rocm" else "note",
        certainty="likely",
    )


@rule(
    "PT809",
    "amdsmi-broken",
    "note",
    "The Python package amdsmi does not work",
    needs=("torch.imports|messages",),
    layer=73,
    says=(r"libamd_smi\.so\S*: .{0,60}", r"(?:import|load)\w* .{0,20}amdsmi.{0,40}(?:fail|error)"),
    import_needed=True,
)
def amdsmi(case: Case) -> Iterator[Finding]:
    """What is wrong
        amdsmi is installed, but its library is missing or belongs to another ROCm.

    Why it matters
        torch counts devices another way, and questions about their memory and temperature fail.

    See it yourself
        python -c "import amdsmi; amdsmi.amdsmi_init()"

    Fix
        Install amdsmi anew from the ROCm at hand, or remove it.

    Sources
        torch/cuda/__init__.py
    """
    hit = case.heard(amdsmi)
    result = case.import_of("amdsmi")
    is_broken = result is not None and result.is_ok is False and bool(case.dists("amdsmi"))
    if not is_broken and hit is None:
        return
    yield Finding(
        message="amdsmi is installed and cannot be used"
        + (f": {result.message}." if is_broken and result and result.message else "."),
        subject="amdsmi",
        evidence=(
            *(
                [fact(case, "torch.imports", (result.message or "failed") if result else "", "import amdsmi")]
                if is_broken
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Remove it (torch works without).", commands=(pip(case, "uninstall", "-y", "amdsmi"),), kind="venv"
            ),
        ),
        certainty="certain" if is_broken else "likely",
    )


RULES = (gap, iommu, on_windows, amdsmi)
