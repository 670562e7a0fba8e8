"""PT710 to PT712, PT718 and PT719: Windows' subsystem for Linux, where the driver lives in Windows."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Host
from ptsetup.rules import _contrast, _counts, _nvidia, _visible
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

WSL_FOLDER = "/usr/lib/wsl/lib"
"""Windows mounts its driver's libraries there."""

OLDEST_KERNEL = "5.10.43.3"
"""The oldest WSL2 kernel that CUDA supports (NVIDIA, CUDA on WSL user guide)."""

NO_DRIVER = _nvidia.NO_DRIVER
NO_LIBRARY = r"libcuda\.so(?:\.1)?: cannot open shared object file|no libcuda|libcuda\.so(?:\.1)? not found"
CUDA_FAILS = (
    NO_DRIVER,
    r"CUDA driver version is insufficient for CUDA runtime version",
    r"CUDA-capable devices?(?:\(s\))? (?:is/are|are|is) busy or unavailable",
    r"couldn'?t communicate with the NVIDIA driver|failed to initialize NVML",
)
IN_WINDOWS = "in Windows"


def _wsl(case: Case) -> Host | None:
    """The host, when it is WSL and CUDA is not seen to work in it."""
    host = case.snapshot.host
    return host if host and host.wsl and not _nvidia.works(case) else None


def _update(text: str, *commands: tuple[str, ...]) -> Fix:
    return Fix(text=text, commands=commands, systems=("linux", "windows"), where=IN_WINDOWS)


def _distribution(case: Case) -> str:
    """Name of the WSL distribution as ``wsl --set-version`` wants it."""
    return case.env("WSL_DISTRO_NAME") or "Ubuntu"


@rule(
    "PT710",
    "wsl-linux-driver-inside",
    "error",
    "A Linux driver is installed inside WSL",
    needs=("host.wsl", "nvidia.libraries|nvidia.cuda.library_path|host.package_versions|messages"),
    hides=("PT501", "PT502", "PT503", "PT504", "PT510", "PT513", "PT536", "PT711", "PT712", "PT650"),
    layer=21,
    is_starred=True,
)
def driver_inside(case: Case) -> Iterator[Finding]:
    """What is wrong
        A Linux driver package of NVIDIA is installed inside WSL. Its libcuda.so.1 stands before the one that Windows
        provides.

    Why it matters
        torch.cuda.is_available() is False, or CUDA ends with code 100, although Windows is fine.

    See it yourself
        ldconfig -p | grep libcuda
        dpkg -l | grep -E "nvidia|libnvidia"

    Fix
        Remove the packages of the driver inside WSL. For nvcc install cuda-toolkit, which brings no driver. Keep the
        Windows driver up to date.

    Sources
        NVIDIA/cuml#6218, microsoft/WSL#9092, MicrosoftDocs/WSL (gpu-compute)
    """
    host = _wsl(case)
    nvidia = case.snapshot.nvidia
    if host is None or host.wsl != 2:
        return
    taken = nvidia.cuda.library_path if nvidia and nvidia.cuda else None
    libraries = (nvidia.libraries if nvidia else None) or ()
    taken = taken or next((lib.path for lib in libraries if lib.soname == "libcuda.so.1" and lib.via), None)
    packages = [
        name
        for name in host.package_versions or {}
        if name.startswith(("nvidia-driver-", "libnvidia-compute-", "cuda-drivers", "nvidia-dkms-"))
    ]
    is_other = taken is not None and not taken.startswith(WSL_FOLDER) and "/wsl/" not in taken
    told = case.said(
        r"\b(?:apt|apt-get|dnf|pacman)\b.{0,40}install.{0,60}(?:nvidia-driver|cuda-drivers|libnvidia-compute)"
    )
    if not is_other and not packages and not (told and case.snapshot.origin == "report"):
        return
    yield Finding(
        message=f"Inside WSL the loader takes {taken}, which is not the library that Windows provides."
        if is_other
        else f"A Linux driver is installed inside WSL ({', '.join(packages[:3])})."
        if packages
        else "A Linux driver was installed inside WSL, where the driver belongs to Windows.",
        subject="libcuda.so.1",
        evidence=(
            *([fact(case, "nvidia.libraries", taken, "the loader")] if is_other else []),
            *([fact(case, "host.package_versions", ", ".join(packages[:3]), "package database")] if packages else []),
            *([told.evidence] if told else []),
        ),
        fixes=(
            Fix(
                text="Remove the driver's packages inside WSL.",
                shell="sudo apt remove --purge 'nvidia-*' 'libnvidia-*' && sudo ldconfig",
                systems=("linux",),
            ),
            _update("Then start WSL anew.", ("wsl", "--shutdown")),
        ),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if is_other else "likely",
    )


@rule(
    "PT711",
    "wsl-lib-not-found",
    "error",
    "The loader does not find the driver's library that Windows provides",
    needs=("host.wsl", "nvidia.libraries|messages"),
    hides=("PT501", "PT536", "PT701"),
    layer=22,
    says=(NO_LIBRARY,),
)
def not_found(case: Case) -> Iterator[Finding]:
    """What is wrong
        Windows provides libcuda.so.1 in /usr/lib/wsl/lib, but that folder is not on the loader's path: own
        configuration, Nix, or a conda LD_LIBRARY_PATH.

    Why it matters
        torch.cuda.is_available() is False in WSL without a warning.

    See it yourself
        ls /usr/lib/wsl/lib/libcuda.so.1
        ldconfig -p | grep libcuda

    Fix
        Put the folder on the loader's path.

    Sources
        NixOS/nixpkgs#230214, tensorflow/tensorflow#45882
    """
    host = _wsl(case)
    if host is None or host.wsl != 2:
        return
    libraries = case.snapshot.nvidia.libraries if case.snapshot.nvidia else None
    cuda = [lib for lib in libraries or () if lib.soname == "libcuda.so.1"]
    in_wsl = next((lib for lib in cuda if lib.path.startswith(WSL_FOLDER)), None)
    is_lost = in_wsl is not None and not any(lib.via for lib in cuda)
    hit = case.heard(not_found)
    if not is_lost and (hit is None or libraries is not None):
        return
    line = f"echo {WSL_FOLDER} | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig"
    yield Finding(
        message=f"Windows provides {WSL_FOLDER}/libcuda.so.1, and the loader does not look there.",
        subject="libcuda.so.1",
        evidence=(
            *([fact(case, "nvidia.libraries", in_wsl.path, "not on the loader's path")] if is_lost and in_wsl else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="Put the folder on the loader's path.", shell=line, systems=("linux",)),
            Fix(
                text="Or for this shell only.",
                shell=f"export LD_LIBRARY_PATH={WSL_FOLDER}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}",
                systems=("linux",),
            ),
        ),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if is_lost else "likely",
    )


@rule(
    "PT712",
    "wsl-no-dxg",
    "error",
    "Windows gives this WSL no GPU",
    needs=("host.wsl", "host.device_nodes|messages"),
    hides=("PT501", "PT536", "PT701", "PT711"),
    layer=20,
    says=(NO_DRIVER,),
)
def no_dxg(case: Case) -> Iterator[Finding]:
    """What is wrong
        The device /dev/dxg, through which WSL2 reaches the GPU, is missing, or Windows does not provide its driver's
        library in /usr/lib/wsl/lib: WSL or the Windows driver is too old, or there is no NVIDIA driver in Windows.

    Why it matters
        No CUDA in WSL: "Found no NVIDIA driver on your system".

    See it yourself
        ls -l /dev/dxg /usr/lib/wsl/lib/libcuda.so.1
        nvidia-smi.exe

    Fix
        In Windows: update WSL, install the current driver of the GPU, then shut WSL down and start it again.

    Sources
        microsoft/WSL#7056, #6014
    """
    host = _wsl(case)
    if host is None or host.wsl != 2 or case.has_nvidia_device is False:
        return
    dxg = _nvidia.node(case, "/dev/dxg")
    libraries = case.snapshot.nvidia.libraries if case.snapshot.nvidia else None
    no_node = dxg is not None and not dxg.exists
    no_library = libraries is not None and not any(lib.soname == "libcuda.so.1" for lib in libraries)
    hit = case.heard(no_dxg)
    is_seen = no_node or (no_library and dxg is not None)
    if not is_seen and (hit is None or dxg is not None):
        return
    if case.family not in ("cuda", None) and hit is None:
        return
    yield Finding(
        message="Windows gives this WSL no GPU: "
        + ("/dev/dxg does not exist." if no_node else f"there is no libcuda.so.1 in {WSL_FOLDER}.")
        if is_seen
        else "Windows gives this WSL no NVIDIA driver.",
        subject="WSL",
        evidence=(
            *([fact(case, "host.device_nodes", "/dev/dxg absent", "ls /dev")] if no_node else []),
            *([fact(case, "nvidia.libraries", "no libcuda.so.1", WSL_FOLDER)] if no_library and not no_node else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            _update("Update WSL and start it anew.", ("wsl", "--update"), ("wsl", "--shutdown")),
            *_nvidia.newer_driver(case, None, text="Install the current NVIDIA driver"),
        ),
        severity="error" if hit or case.family == "cuda" or case.expect == "cuda" else "note",
        certainty="certain" if is_seen else "likely",
    )


NO_MEMORY = (r"out[ _]of[ _]memory", r"cudaErrorMemoryAllocation", r"unable to allocate enough memory")
WSL_WORD = r"(?<![a-z])wsl(?! ?-?1)(?![a-z])"

MANY = 8
"""WSL2 maps so many GPUs for sure; with large cards the limit is met earlier."""


@rule(
    "PT718",
    "wsl-too-many-gpus",
    "error",
    "More GPUs than WSL2 can map",
    needs=("host.wsl|messages",),
    hides=("PT524", "PT513", "PT651", "PT650"),
    layer=21,
)
def too_many(case: Case) -> Iterator[Finding]:
    """What is wrong
        WSL2 can map only so much GPU memory. With several GPUs in sight CUDA fails at its start.

    Why it matters
        CUDA ends with "out of memory" (error 2), though every GPU is free.

    See it yourself
        CUDA_VISIBLE_DEVICES=0 python -c "import torch; print(torch.cuda.is_available())"

    Fix
        Show CUDA fewer GPUs, or start Linux itself on that machine.

    Sources
        microsoft/WSL, issues on several GPUs
    """
    host = case.snapshot.host
    fewer = case.said(*_contrast.FEWER_WORK) if case.snapshot.origin == "report" and case.has_complaint else None
    # whoever has CUDA in WSL has its second version: the first knows no GPU
    is_second = host.wsl == 2 if host and host.wsl else case.said(WSL_WORD) is not None
    if not is_second or (case.snapshot.torch and case.snapshot.torch.is_cuda_available and not fewer):
        return
    value = case.env("CUDA_VISIBLE_DEVICES")
    named = len(_visible.read(value).taken) if value else 0
    number, told = _counts.said(case)
    listed = max(named, len(_visible.visible(case)))
    count = max(listed, number)
    hit = case.said(*NO_MEMORY)
    code = _nvidia.cuda_code(case)
    is_free = all((gpu.memory_free_bytes or 1) * 2 > (gpu.memory_total_bytes or 1) for gpu in case.gpus)
    if not (listed > MANY or (count > 1 and is_free and (code == 2 or ((hit or fewer) and count > 2)))):
        return

    yield Finding(
        message=f"{count} GPUs are in sight of this WSL2, more than it can map"
        + (", and CUDA says out of memory." if hit or code == 2 else ": with fewer of them CUDA works."),
        subject="WSL2",
        evidence=(
            *([_nvidia.gpu_fact(case, case.gpus[-1], "index", f"{len(case.gpus)} GPUs")] if case.gpus else []),
            *([fact(case, "env.CUDA_VISIBLE_DEVICES", value, "the environment")] if value else []),
            *([fact(case, "nvidia.cuda.init_rc", code, "cuInit")] if code == 2 else []),
            *([told.evidence] if told and not case.gpus and not (fewer and fewer.message is told.message) else []),
            *([hit.evidence] if hit else [fewer.evidence] if fewer else []),
        ),
        fixes=(
            Fix(
                text="Show CUDA one GPU, then more of them as long as it works.",
                shell="export CUDA_VISIBLE_DEVICES=0",
                systems=("linux",),
            ),
            Fix(text="Or start Linux itself on that machine.", kind="none"),
        ),
        certainty="certain" if code == 2 else "likely",
    )


@rule(
    "PT719",
    "wsl-too-old",
    "error",
    "This WSL is too old for CUDA",
    needs=("host.wsl",),
    hides=("PT501", "PT502", "PT504", "PT536", "PT701", "PT710", "PT711", "PT712", "PT513", "PT523"),
    layer=19,
)
def too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        WSL 1 cannot reach a GPU; and a WSL2 kernel older than 5.10.43.3 cannot do it for CUDA.

    Why it matters
        CUDA is not found inside WSL, although Windows has a current driver.

    See it yourself
        wsl.exe --list --verbose
        uname -r

    Fix
        In Windows: update WSL, turn the distribution into version 2, shut WSL down and start it again.

    Sources
        NVIDIA, CUDA on WSL user guide
    """
    hit = case.said(*CUDA_FAILS)
    host = case.snapshot.host if hit else _wsl(case)
    if host is None or (case.family in ("cpu", "rocm", "xpu") and not hit):
        return
    is_one = host.wsl == 1
    is_old = host.wsl == 2 and compat.at_least(host.kernel, OLDEST_KERNEL) is False
    if not is_one and not is_old:
        return
    steps: list[tuple[str, ...]] = [("wsl", "--update")]
    if is_one:
        steps.append(("wsl", "--set-version", _distribution(case), "2"))
    yield Finding(
        message="This is WSL 1, which cannot reach a GPU."
        if is_one
        else f"The kernel of this WSL2 is {host.kernel}; CUDA needs {OLDEST_KERNEL} or newer.",
        subject="WSL",
        evidence=(
            fact(case, "host.wsl", host.wsl, "kernel name")
            if is_one
            else fact(case, "host.kernel", host.kernel, "uname -r"),
            *([hit.evidence] if hit else []),
        ),
        fixes=(_update("Update WSL and start it anew.", *steps, ("wsl", "--shutdown")),),
        severity=_nvidia.wanted(case, "error" if case.family == "cuda" or hit or _is_blind(case) else "warning"),
    )


def _is_blind(case: Case) -> bool:
    """By torch itself CUDA is not available."""
    return bool(case.snapshot.torch and case.snapshot.torch.is_cuda_available is False)


RULES = (driver_inside, not_found, no_dxg, too_many, too_old)
