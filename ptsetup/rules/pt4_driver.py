"""PT414 and PT415: a libcuda that is not the driver's."""

import re
import shlex
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, unset


def _init_code(case: Case) -> int | None:
    """What cuInit said."""
    cuda = case.snapshot.nvidia.cuda if case.snapshot.nvidia else None
    return cuda.init_rc if cuda else None


@rule(
    "PT414",
    "driver-stub-loaded",
    "error",
    "The link-time stub of libcuda was loaded",
    needs=("nvidia.cuda|messages",),
    hides=("PT501", "PT513"),
    layer=22,
    says=(r"CUDA driver is a stub library", r"stub library", r"cudaErrorStubLibrary"),
    import_needed=True,
)
def stub(case: Case) -> Iterator[Finding]:
    """What is wrong
        The CUDA toolkit has a folder "stubs" with an empty libcuda, meant for linking only. It stands on the loader's
        path, before the driver's library.

    Why it matters
        Every start of CUDA ends with code 34, although the driver is well.

    See it yourself
        ldconfig -p | grep libcuda.so
        echo $LD_LIBRARY_PATH

    Fix
        Take the folder stubs out of LD_LIBRARY_PATH (or out of /etc/ld.so.conf.d, then run ldconfig).

    Sources
        reproduced; CUDA driver API, error 34
    """
    hit = case.heard(stub)
    code = _init_code(case)
    if code != 34 and not hit:
        return
    if code == 0:
        return
    value = case.env("LD_LIBRARY_PATH") or ""
    stubs = next((p for p in value.split(":") if "stubs" in p), None)
    loaded = _loaded(case)
    by_cache = loaded.rpartition("/")[0] if loaded and "/stubs" in loaded and not stubs else None
    evidence = [fact(case, "nvidia.cuda.init_rc", "34", "cuInit")] if code == 34 else []
    if stubs:
        evidence.append(fact(case, "env.LD_LIBRARY_PATH", stubs, "the environment"))
    if by_cache:
        evidence.append(fact(case, "nvidia.libraries", loaded, "the loader"))
    where = stubs or by_cache
    yield Finding(
        message=f"The library libcuda that was loaded is an empty stub{f' from {where}' if where else ''}.",
        subject="libcuda.so.1",
        evidence=(*evidence, *([hit.evidence] if hit else [])),
        fixes=_without_stubs(case, value, by_cache),
        certainty="certain" if code == 34 else "likely",
    )


def _without_stubs(case: Case, value: str, by_cache: str | None) -> tuple[Fix, ...]:
    """Take the folder out of the variable, or out of the loader's configuration."""
    if by_cache:
        files = f"$(grep -l {shlex.quote(by_cache)} /etc/ld.so.conf /etc/ld.so.conf.d/*.conf)"
        line = f"sudo sed -i '\\#{by_cache}#d' {files} && sudo ldconfig"
        return (Fix(text="Take the stubs out of the loader's configuration.", shell=line, systems=("linux",)),)
    kept = ":".join(p for p in value.split(":") if p and "stubs" not in p)
    if not kept:
        return unset(case, "LD_LIBRARY_PATH")[:1]
    line = f"export LD_LIBRARY_PATH={shlex.quote(kept)}"
    return (Fix(text="Take the stubs out of the path.", shell=line, systems=("linux",)),)


CODE_803 = (
    r"(?:error )?803\b|unsupported display driver */ *cuda driver combination|cudaErrorSystemDriverMismatch"
    r"|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"
)
CODE_804 = (
    r"(?:error )?804\b.{0,20}|forward compatibility was attempted on non[- ]supported HW|cudaErrorCompatNotSupportedOnDevice"
    r"|CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"
)
HINTS = ("LD_LIBRARY_PATH", "VLLM_ENABLE_CUDA_COMPATIBILITY")
CONTAINER_WORDS = r"\b(?:docker|podman|kubernetes|k8s|containerd?|nvcr\.io|vllm-openai)\b"
COMPAT = r"/compat\b|cuda-compat"
NAMED_COMPAT = r"/cuda[\w.-]*/compat\b|\bcuda-compat(?:-\d|\b)|compat(?:ibility)? (?:libs?|librar\w+|folder|package)\b"
"""A report speaks of the folder or the package."""


@rule(
    "PT415",
    "cuda-compat-misused",
    "error",
    "The compatibility libcuda is used where it cannot work",
    needs=("nvidia.cuda|nvidia.libraries|messages",),
    hides=("PT503", "PT513", "PT502"),
    layer=21,
    says=(
        r"error 803\b|system has unsupported display driver|cudaErrorSystemDriverMismatch|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        r"error 804\b|forward compatibility was attempted on non[- ]supported HW|CompatNotSupportedOnDevice|COMPAT_NOT_SUPPORTED_ON_DEVICE",
        r"VLLM_ENABLE_CUDA_COMPATIBILITY",
    ),
)
def cuda_compat(case: Case) -> Iterator[Finding]:
    """What is wrong
        A libcuda of the package cuda-compat (mostly from a container's /usr/local/cuda/compat) was loaded. It is meant
        for data-centre GPUs with an older driver. With a newer driver it does not match (803), and on a GeForce or
        workstation card it is not allowed (804).

    Why it matters
        CUDA does not start in this container, while the host and other images are well.

    See it yourself
        ldconfig -p | grep libcuda.so
        ls -l /usr/local/cuda/compat

    Fix
        Keep the compat folder off the loader's path in the container; or take a driver (or an image) of which neither
        needs it.

    Sources
        gpustack/gpustack#4678, #1254, NVIDIA/nvidia-docker#1256; NVIDIA, CUDA compatibility
    """
    hit = case.heard(cuda_compat)
    code = _init_code(case)
    library = _loaded(case)
    in_compat = bool(library and re.search(r"/compat/", library))
    path_hint = (
        bool(re.search(COMPAT, case.env("LD_LIBRARY_PATH") or ""))
        or case.env("VLLM_ENABLE_CUDA_COMPATIBILITY") == "1"
        or (case.snapshot.origin == "report" and case.said(NAMED_COMPAT) is not None)
    )
    is_804 = code == 804 or (hit is not None and re.search(CODE_804, hit.match[0], re.IGNORECASE) is not None)
    is_803 = code == 803 or (hit is not None and re.search(CODE_803, hit.match[0], re.IGNORECASE) is not None)
    if code == 0 or not (is_803 or is_804 or _is_useless(case, library)):
        return
    if is_803 and not is_804 and not (in_compat or path_hint or case.is_container or case.said(CONTAINER_WORDS)):
        return
    if is_803 and not (in_compat or path_hint) and _versions_differ(case):
        return
    evidence = [fact(case, "nvidia.cuda.init_rc", code, "cuInit")] if code in (803, 804) else []
    if in_compat:
        evidence.append(fact(case, "nvidia.cuda.library_path", library, "the loader"))
    evidence += [
        fact(case, f"env.{name}", case.env(name), "the environment") for name in HINTS if path_hint and case.env(name)
    ]
    driver = case.driver_version
    if driver:
        evidence.append(fact(case, "nvidia.kernel_module_version", driver[0], driver[1]))
    yield Finding(
        message="A compatibility libcuda is used on a card for which it is not allowed (804): GeForce and workstation cards."
        if is_804
        else f"A compatibility libcuda does not go with this driver{f' ({driver[0]})' if driver else ''}: 803."
        if is_803
        else f"{library} is older than the driver and of no use here.",
        subject="libcuda.so.1",
        evidence=(*([hit.evidence] if hit else []), *evidence),
        fixes=_without_compat(case),
        severity="error" if is_803 or is_804 else "warning",
        certainty="certain" if (code in (803, 804) and in_compat) or is_804 else "likely",
    )


def _loaded(case: Case) -> str | None:
    """The libcuda that the loader takes: as cuInit saw it, else the first that was found."""
    nvidia = case.snapshot.nvidia
    if nvidia is None:
        return None
    if nvidia.cuda and nvidia.cuda.library_path:
        return nvidia.cuda.library_path
    return next((library.path for library in nvidia.libraries or () if "libcuda" in library.soname), None)


def _is_useless(case: Case, library: str | None) -> bool:
    """A compat library that is not newer than the kernel module: harmful or useless."""
    nvidia = case.snapshot.nvidia
    if not library or "/compat/" not in library or nvidia is None:
        return False
    match = re.search(r"\.so\.(\d+\.[\d.]+)$", library)
    own = (match[1] if match else None) or nvidia.user_library_version
    return compat.at_least(nvidia.kernel_module_version, own) is True


def _versions_differ(case: Case) -> bool:
    """Kernel module and driver library are of two versions, and no compat folder is in play: PT503."""
    nvidia = case.snapshot.nvidia
    if nvidia is None or not nvidia.kernel_module_version or not nvidia.user_library_version:
        return bool(nvidia and nvidia.nvml and nvidia.nvml.init_rc == 18)
    return nvidia.kernel_module_version != nvidia.user_library_version


def _without_compat(case: Case) -> tuple[Fix, ...]:
    where = " in the container" if case.is_container else ""
    fixes = [
        Fix(
            text=f"Let the loader find the driver's own library first{where}.",
            shell=f"export LD_LIBRARY_PATH={':'.join(_own_folders(case))}",
            systems=("linux",),
        ),
        Fix(
            text="Or take the compat folder out of the image for good.",
            shell="rm -f /etc/ld.so.conf.d/*compat* && ldconfig",
            systems=("linux",),
        ),
        Fix(
            text="Or bring the host's driver to the branch of the image's CUDA, so that nothing needs compat; then restart.",
            kind="none",
            where="on the host" if case.is_container else "here",
        ),
    ]
    if case.driver_version or case.snapshot.origin == "report":  # else nobody knows what it runs
        fixes.append(another_build("Or take a build of torch that this driver runs without compat."))
    if case.env("VLLM_ENABLE_CUDA_COMPATIBILITY"):
        fixes.insert(0, unset(case, "VLLM_ENABLE_CUDA_COMPATIBILITY")[0])
    return tuple(fixes)


def _own_folders(case: Case) -> tuple[str, ...]:
    """Where the driver's own libcuda is: as it was seen, else where containers and distributions have it."""
    libraries = (case.snapshot.nvidia.libraries if case.snapshot.nvidia else None) or ()
    seen = [lib.path.rpartition("/")[0] for lib in libraries if "libcuda" in lib.soname and "/compat" not in lib.path]
    host = case.snapshot.host
    machine = (host.machine if host else None) or "x86_64"
    return tuple(dict.fromkeys(seen)) or ("/usr/local/nvidia/lib64", f"/usr/lib/{machine}-linux-gnu", "/usr/lib64")


RULES = (stub, cuda_compat)
