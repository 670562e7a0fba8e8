"""PT5xx: NVIDIA's driver. Here: is it there, new enough, and of one piece; modules, nodes and hardware stand in pt5_*."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import (
    _nvidia,
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
    pt5_xids,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

NO_DRIVER = r"found no NVIDIA driver on your system"

SMI_MISSING = r"nvidia-smi['\"]?(?::| is)? (?:command )?not (?:found|recognized)"


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
    yield Finding(
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
        severity=_nvidia.wanted(case, "error" if bound or case.gpus or case.expect else "warning"),
        certainty="certain" if bound and has_nothing else "likely" if bound or case.gpus else "possible",
    )


OLD_MINIMUM = {(9, 0): "384.81", (9, 1): "390.46", (9, 2): "396.26", (10, 0): "410.48", (10, 1): "418.39"}
"""Linux drivers of CUDA releases that the index leaves out (CUDA release notes, table of drivers)."""

TOO_OLD = r"(?:NVIDIA )?driver on your system is too old(?: \(found version (?P<found>\d{4,5})\))?"
INSUFFICIENT = r"CUDA driver version is insufficient for (?:the )?CUDA runtime version|cudaErrorInsufficientDriver"
UNSATISFIED = r"unsatisfied condition: (?:cuda|driver) ?>= ?(?P<needs>[\d.]+)"


@rule(
    "PT502",
    "driver-too-old-for-wheel",
    "error",
    "The driver is older than the CUDA of the wheel needs",
    needs=("target.wheel|torch.cuda_build_version|messages",),
    hides=("PT603", "PT604", "PT513", "PT536", "PT307", "PT930", "PT408"),
    layer=25,
    says=(TOO_OLD, INSUFFICIENT, UNSATISFIED),
    is_starred=True,
)
def too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch was built with a CUDA whose major release is newer than the driver speaks. CUDA 13 needs driver 580 or
        newer, 12 needs 525, 11 needs 450; before CUDA 11 each release needs its own driver. Within one major an older
        driver will do.

    Why it matters
        CUDA does not start: "The NVIDIA driver on your system is too old (found version 12040)". The GPU stays idle.

    See it yourself
        nvidia-smi --query-gpu=driver_version --format=csv,noheader
        python -c "import torch; print(torch.version.cuda)"

    Fix
        Either install a newer driver and restart, or install a build of torch for a CUDA that this driver speaks.
        Where you may not change the driver, or none is made for the GPU any more, take the second way.

    Sources
        NVIDIA, CUDA compatibility; pytorch/pytorch#190385, #162531, sgl-project/sglang#11395, Nerogar/OneTrainer#1572
    """
    hit = case.heard(too_old)
    if _is_elsewhere(case):
        return
    gap = _gap(case)
    if gap is None and (hit is None or _is_refuted(case, hit)):
        return
    build = f"CUDA {case.cuda_build}" if case.cuda_build else "the CUDA of the installed torch"
    minimum = _minimum(case)
    speaks = case.cuda_driver_version
    driver = case.driver_version
    seen = f"driver {driver[0]}" if driver else "the driver"
    upto = f" speaks CUDA {'.'.join(map(str, speaks[0]))} at most" if speaks else " is older"
    needs = f", which needs driver {minimum} or newer" if minimum else ""
    yield Finding(
        message=f"torch {case.torch_version or ''} is built with {build}{needs}; {seen}{upto}.".replace("  ", " "),
        subject="NVIDIA driver",
        evidence=(
            *([hit.evidence] if hit else []),
            *_nvidia.driver_fact(case),
            *_speaks_fact(case),
            *([fact(case, "target.wheel.cuda", build, "torch/version.py")] if case.cuda_build else []),
        ),
        fixes=_two_ways(case, minimum),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if gap or (hit and case.cuda_build) else "likely",
    )


def _speaks_fact(case: Case) -> tuple[Evidence, ...]:
    speaks = case.cuda_driver_version
    if speaks is None:
        return ()
    path = {"NVML": "nvidia.nvml.cuda_driver_version", "cuDriverGetVersion": "nvidia.cuda.version"}
    value = f"CUDA {'.'.join(map(str, speaks[0]))}"
    return (fact(case, path.get(speaks[1], "nvidia.smi.cuda_version"), value, speaks[1]),)


def _is_elsewhere(case: Case) -> bool:
    """CUDA works, no NVIDIA GPU is meant, or the driver comes with the board."""
    host, amd = case.snapshot.host, case.snapshot.amd
    has_other = bool(amd and amd.gpus) and not case.gpus
    is_absent = case.has_nvidia_device is False and not _nvidia.has_answered(case)
    return _nvidia.works(case) or is_absent or has_other or bool(host and host.jetson)


def _gap(case: Case) -> bool | None:
    """The driver is too old for the build by the facts; None when they do not show it."""
    need = compat.version_tuple(case.cuda_build or "")[:2]
    if len(need) < 2 or case.family != "cuda" or _nvidia.cuda_code(case) == 0:
        return None
    speaks, driver = case.cuda_driver_version, case.driver_version
    if speaks:
        # before CUDA 11 there is no minor-version compatibility
        return True if speaks[0][0] < need[0] or (need[0] < 11 and speaks[0] < need) else None
    return True if driver and compat.at_least(driver[0], _minimum(case)) is False else None


def _minimum(case: Case) -> str | None:
    """The oldest driver with which the installed build starts."""
    need = compat.version_tuple(case.cuda_build or "")[:2]
    if len(need) < 2:
        hit = case.said(UNSATISFIED)
        return hit.match["needs"] if hit and "driver" in hit.match[0].lower() else None
    full, loose = compat.minimum_driver(
        (need[0], need[1]), case.index, is_windows=compat.counts_as_windows(case.snapshot)
    )
    return (loose if need[0] >= 11 else full or OLD_MINIMUM.get((need[0], need[1]))) or full


def _is_refuted(case: Case, hit: Hit) -> bool:
    """The text cannot be true of what is known: the driver speaks the build's CUDA."""
    need = compat.version_tuple(case.cuda_build or "")[:2]
    found = hit.match.groupdict().get("found")
    speaks = (int(found) // 1000, int(found) % 1000 // 10) if found else None
    if found is None and case.cuda_driver_version and case.family == "cuda":
        speaks = case.cuda_driver_version[0]
    return bool(speaks and len(need) == 2 and need[0] >= 11 and speaks[0] >= need[0] and not found)


def _two_ways(case: Case, minimum: str | None) -> tuple[Fix, ...]:
    driver = _nvidia.newer_driver(case, minimum)
    speaks = case.cuda_driver_version
    most = f"{speaks[0][0]}.x" if speaks and speaks[0][0] >= 11 else ".".join(map(str, speaks[0])) if speaks else ""
    upto = f" (CUDA {most} or older)" if most else ""
    build = another_build(f"{'Or install' if driver else 'Install'} a build of torch that this driver carries{upto}.")
    return (*driver, build)


MISMATCH = r"driver/library version mismatch"
API_MISMATCH = r"API mismatch: the (?:NVIDIA )?(?:kernel module|client) has (?:the )?version"
CODE_803 = r"error 803\b|unsupported display driver ?/ ?cuda driver combination"


@rule(
    "PT503",
    "driver-library-mismatch",
    "error",
    "Kernel module and driver libraries are of two versions",
    needs=("nvidia.nvml|nvidia.kernel_module_version|messages",),
    hides=("PT501", "PT502", "PT504", "PT510", "PT512", "PT513", "PT536", "PT603", "PT701", "PT930"),
    layer=20,
    says=(MISMATCH, API_MISMATCH, r"error 803\b", r"unsupported display driver ?/ ?cuda driver combination"),
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
    return any("/compat" in (path or "") for path in paths)


def _reload(case: Case) -> tuple[Fix, ...]:
    recreate = Fix(
        text="Then create the container anew, so that it gets the host's libraries; install no driver inside it.",
        kind="none",
    )
    ways = (
        Fix(text="Restart, so that the module of the installed libraries is loaded.", commands=(("sudo", "reboot"),)),
        Fix(
            text="Or, without a restart, end every program that uses the GPU and load the modules anew.",
            shell="sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe nvidia nvidia_uvm",
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
            too_old,
            mismatch,
            *pt5_modules.RULES,
            *pt5_flavours.RULES,
            *pt5_nodes.RULES,
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
