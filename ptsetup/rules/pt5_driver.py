"""PT5xx: NVIDIA's driver. Here: is it there, and of one piece; the rest of the family stands in pt5_*."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import (
    _nvidia,
    _tongues,
    pt5_fabric,
    pt5_flavours,
    pt5_health,
    pt5_links,
    pt5_memory,
    pt5_mig,
    pt5_modules,
    pt5_nodes,
    pt5_speed,
    pt5_start,
    pt5_too_old,
    pt5_uvm,
    pt5_xids,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact
from ptsetup.rules.pt4_driver import NAMED_COMPAT

NO_DRIVER = _nvidia.NO_DRIVER

SMI_MISSING = rf"nvidia-smi['\"]?(?::| is)? (?:command )?not (?:found|recognized)|nvidia-smi\b.{{0,12}}(?:{_tongues.UNKNOWN_COMMAND})"


@rule(
    "PT501",
    "nvidia-driver-missing",
    "error",
    "There is an NVIDIA GPU, but no driver for it",
    needs=("host.pci|nvidia.gpus|messages",),
    hides=("PT502", "PT504", "PT51", "PT536", "PT930", "PT992"),
    layer=20,
    says=(NO_DRIVER, SMI_MISSING),
    is_starred=True,
)
def missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        An NVIDIA GPU is on the bus, and neither the driver's kernel module nor its libraries are installed.

    Why it matters
        torch.cuda.is_available() is False without a warning; .cuda() says "Found no NVIDIA driver on your system". A
        CUDA toolkit or a wheel brings no driver.

    See it yourself
        lspci -nnk | grep -A3 -i nvidia
        nvidia-smi

    Fix
        Install the driver and restart: on Ubuntu with ubuntu-drivers, on Fedora akmod-nvidia, elsewhere the package
        nvidia-open of NVIDIA's repository; on Windows the NVIDIA app or the download page.

    Sources
        torch/cuda/__init__.py; pytorch/pytorch#16936; reproduced
    """
    hit = case.heard(missing)
    if not _nvidia.is_plain(case) or _nvidia.works(case) or case.has_nvidia_device is False:
        return
    bound = [d for d in _nvidia.devices(case) if d.driver != "vfio-pci"]
    if _nvidia.devices(case) and not bound:
        return
    has_library, has_module = _nvidia.has_library(case), _nvidia.has_module(case)
    files = case.snapshot.host.kernel_modules_available if case.snapshot.host else None
    has_nothing = has_library is False and not has_module and "nvidia" not in (files or ())
    if not (bound and has_nothing) and (hit is None or has_library or has_module or case.driver_version):
        return
    if hit is None and not has_nothing:
        return
    named = next((gpu.name for gpu in case.gpus if gpu.name), None) or next((d.name for d in bound if d.name), None)
    if hit is not None and not (bound or case.gpus) and not re.search(NO_DRIVER, hit.match[0], re.IGNORECASE):
        return
    if hit is not None and not (bound or case.gpus or case.expect):
        yield _not_told(case, hit)
        return
    yield Finding(
        title=None if bound or case.gpus else "No NVIDIA driver answers",
        message=f"{named or 'An NVIDIA GPU'} is on the bus, but no NVIDIA driver is installed."
        if bound and has_nothing
        else f"No NVIDIA driver answers{f' for {named}' if named else ''}: it is not installed, or not on the loader's path.",
        subject=named or "NVIDIA driver",
        evidence=(
            *(_nvidia.bus_fact(case, d) for d in bound[:1]),
            *(
                [fact(case, "nvidia.libraries", "no libcuda.so.1, no libnvidia-ml.so.1", "the loader")]
                if has_nothing
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=_nvidia.newer_driver(case, None),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if bound and has_nothing else "likely" if bound or case.gpus else "possible",
    )


def _not_told(case: Case, hit: Hit) -> Finding:
    """The message of torch alone.

    A warning, since it names an effect and no cause: torch asks the driver for its version, gets none, and says the
    same on a machine that has no NVIDIA GPU (where nothing is broken), in a container that was started without the GPU,
    and where the driver is missing.
    """
    return Finding(
        title="torch finds no NVIDIA driver",
        message="torch finds no NVIDIA driver; this text does not show whether there is an NVIDIA GPU, or a container without it.",
        subject="NVIDIA driver",
        evidence=(hit.evidence,),
        fixes=(
            *_nvidia.newer_driver(case, None, text="If there is an NVIDIA GPU: install its driver"),
            Fix(text="In a container: start it with the GPU (docker run --gpus all).", kind="none"),
            Fix(text="If there is none: let the program run on the CPU.", kind="none"),
        ),
        severity="warning",
        certainty="possible",
    )


MISMATCH = (
    r"driver ?(?:/|and|-|to) ?library (?:version )?mismatch|\bnvml\b.{0,40}version mismatch|\bkernel module\b.{0,80}\bversion mismatch"
    r"|version mismatch.{0,40}\b(?:nvml|kernel "
    r"module)\b"
)
API_MISMATCH = r"API mismatch: the (?:NVIDIA )?(?:kernel module|client) has (?:the )?version"
CODE_803 = (
    r"error 803\b|unsupported display driver ?/ ?cuda driver combination|cudaErrorSystemDriverMismatch"
    r"|CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"
)


@rule(
    "PT503",
    "driver-library-mismatch",
    "error",
    "Kernel module and driver libraries are of two versions",
    needs=("nvidia.nvml|nvidia.kernel_module_version|messages",),
    hides=("PT501", "PT502", "PT504", "PT510", "PT512", "PT513", "PT536", "PT603", "PT701", "PT930"),
    layer=20,
    says=(MISMATCH, API_MISMATCH, r"error 803\b", CODE_803),
    is_starred=True,
)
def mismatch(case: Case) -> Iterator[Finding]:
    """What is wrong
        The loaded kernel module is of another version than the driver's libraries. Mostly an update exchanged the
        libraries (often unattended) while the old module stayed loaded; or a container brought libraries of its own.

    Why it matters
        nvidia-smi says "Driver/library version mismatch", CUDA ends with code 803 or 804.

    See it yourself
        cat /proc/driver/nvidia/version
        ls -l $(ldconfig -p | awk '/libcuda.so.1/ {print $NF; exit}')

    Fix
        Restart the machine: it loads the module that belongs to the libraries. Without a restart, end all that uses the
        GPU and load the modules anew. If it comes back, one of the two was not updated: reinstall the driver. Hold the
        packages to prevent it.

    Sources
        NVIDIA/nvidia-container-toolkit#394, oddmario/NVIDIA-Ubuntu-Driver-Guide#4, lyulyul/shine-cluster#30; nvml.h
    """
    hit = case.heard(mismatch)
    nvidia = case.snapshot.nvidia
    module = nvidia.kernel_module_version if nvidia else None
    library = nvidia.user_library_version if nvidia else None
    is_different = _nvidia.is_plain(case) and _differ(module, library)
    is_refused = _nvidia.cuda_code(case) == 803 and not case.is_container
    is_told = is_refused or (hit is not None and not _is_compat(case, hit))
    if _nvidia.nvml_code(case) != 18 and not is_different and not is_told:
        return
    if _uses_compat(case) or (_nvidia.nvml_code(case) == 0 and _nvidia.works(case)):
        return
    versions = f" ({module} and {library})" if module and library and module != library else ""
    yield Finding(
        message=f"The loaded kernel module and the driver's libraries are of different versions{versions}.",
        subject="NVIDIA driver",
        evidence=(
            *([fact(case, "nvidia.nvml.init_rc", 18, "NVML")] if _nvidia.nvml_code(case) == 18 else []),
            *([fact(case, "nvidia.cuda.init_rc", 803, "cuInit")] if is_refused else []),
            *([fact(case, "nvidia.kernel_module_version", module, "/proc/driver/nvidia/version")] if module else []),
            *([fact(case, "nvidia.user_library_version", library, "the library's file name")] if library else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_reload(case),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if is_different or (nvidia and nvidia.nvml and _nvidia.nvml_code(case) == 18) else "likely",
    )


def _differ(module: str | None, library: str | None) -> bool:
    """Two versions differ where both are given (NVML may print a shortened one)."""
    one, other = compat.version_tuple(module or ""), compat.version_tuple(library or "")
    length = min(len(one), len(other))
    return length >= 2 and one[:length] != other[:length]


def _is_compat(case: Case, hit: Hit) -> bool:
    """Code 803 in a container, or with a compat folder: PT415 speaks of that."""
    return bool(re.search(CODE_803, hit.match[0], re.IGNORECASE)) and (case.is_container or _uses_compat(case))


def _uses_compat(case: Case) -> bool:
    nvidia = case.snapshot.nvidia
    paths = [nvidia.cuda.library_path if nvidia and nvidia.cuda else None, case.env("LD_LIBRARY_PATH")]
    return any("/compat" in (path or "") for path in paths) or (
        case.snapshot.origin == "report" and case.said(NAMED_COMPAT) is not None
    )


def _reload(case: Case) -> tuple[Fix, ...]:
    recreate = Fix(
        text="Then create the container anew, so that it gets the host's libraries; install no driver inside it.",
        kind="none",
    )
    ways = (
        Fix(text="Restart, so that the module of the installed libraries is loaded.", commands=(("sudo", "reboot"),)),
        Fix(
            text="Or, without a restart, end every program that uses the GPU and load the modules anew.",
            # modprobe takes words after the first for parameters, unless it is told -a
            shell="sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe -a nvidia nvidia_uvm",
            systems=("linux",),
        ),
        *(
            [
                Fix(
                    text="Then keep updates from parting them again: update the driver by hand, with a restart.",
                    shell="sudo apt-mark hold 'nvidia-*' 'libnvidia-*'",
                    systems=("linux",),
                )
            ]
            if _nvidia.distribution(case) == "apt"
            else []
        ),
    )
    return (*_nvidia.on_host(case, *ways), *((recreate,) if case.is_container else ()))


RULES = tuple(
    sorted(
        (
            missing,
            mismatch,
            *pt5_too_old.RULES,
            *pt5_modules.RULES,
            *pt5_flavours.RULES,
            *pt5_nodes.RULES,
            *pt5_uvm.RULES,
            *pt5_start.RULES,
            *pt5_fabric.RULES,
            *pt5_health.RULES,
            *pt5_xids.RULES,
            *pt5_mig.RULES,
            *pt5_memory.RULES,
            *pt5_links.RULES,
            *pt5_speed.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT5xx."""
