"""What several rules ask about AMD and Intel GPUs."""

from ptsetup import compat
from ptsetup.facts import AmdGpu, PciDevice
from ptsetup.rules._case import Case

DISPLAY = ("", "03", "12")


def on_bus(case: Case, vendor: str) -> tuple[PciDevice, ...]:
    """Display and compute devices of that PCI vendor."""
    bus = case.snapshot.host.pci if case.snapshot.host else None
    return tuple(d for d in bus or () if d.vendor == vendor and d.class_code[:2] in DISPLAY)


def amd_gpus(case: Case) -> tuple[AmdGpu, ...]:
    """AMD GPUs: by the KFD topology, a report, else the bus."""
    amd = case.snapshot.amd
    if amd and amd.gpus:
        return amd.gpus
    return tuple(AmdGpu(name=d.name, bdf=d.bdf) for d in on_bus(case, "1002"))


def gfx(case: Case, gpu: AmdGpu) -> str | None:
    """Gfx target of a GPU: as the kernel says it, else by its name."""
    return gpu.gfx or (compat.gfx_of(gpu.name, case.index) if gpu.name else None)


def served_targets(case: Case) -> frozenset[str]:
    """Gfx targets for which some build of the index has code."""
    return frozenset(target for build in case.index.builds for target in build.gfx)


def usable_amd(case: Case) -> tuple[AmdGpu, ...]:
    """AMD GPUs that some build of torch serves."""
    gpus = amd_gpus(case)
    served = served_targets(case) if gpus else frozenset()
    return tuple(gpu for gpu in gpus if gfx(case, gpu) in served)


def intel_names(case: Case) -> tuple[str, ...]:
    """Names of the Intel GPUs, where they are known."""
    intel = case.snapshot.intel
    names = [gpu.name for gpu in (intel.gpus if intel else None) or ()] + [d.name for d in on_bus(case, "8086")]
    return tuple(dict.fromkeys(name for name in names if name))


def usable_intel(case: Case) -> tuple[str, ...]:
    """Intel GPUs that torch's xpu build serves, by their names."""
    return tuple(name for name in intel_names(case) if compat.xpu_support(name))


def is_absent(case: Case, path: str) -> bool:
    """Somebody looked for the fact, and it is not there."""
    return any(unknown.path == path and unknown.reason == "absent" for unknown in case.snapshot.unknowns)


def has_nvidia(case: Case) -> bool:
    """An NVIDIA GPU is known to be here."""
    return bool(case.has_nvidia_device or case.gpus)
