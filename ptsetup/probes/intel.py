"""Intel: GPUs by the PCI bus, the Level Zero libraries by the loader's cache."""

import sys
import time

from ptsetup.facts import Intel, IntelGpu, Library, Unknown
from ptsetup.probes import bus, libraries
from ptsetup.probes._found import Found
from ptsetup.probes._tree import Tree

LOADER, DRIVER = "libze_loader.so.1", "libze_intel_gpu.so.1"

DISPLAY_CLASS = "03"


def probe(*, root: str = "/", deadline_scale: float = 1.0) -> Found:
    """Read the Intel section. Never raises; ``absent`` where the bus shows no Intel GPU."""
    started = time.monotonic()
    tree = Tree(root)
    if sys.platform == "win32" and tree.is_real:
        return _on_windows(deadline_scale, started)
    if not tree.is_dir("/sys/class"):
        tree.note(
            "intel",
            "unsupported",
            "There is no /sys/class here; on macOS only the list of displays tells of Intel GPUs.",
        )
        return Found(status="skipped", unknowns=tuple(tree.unknowns), seconds=time.monotonic() - started)
    devices = bus.devices(tree)
    if devices is None:
        tree.note("intel.gpus", "absent", f"{bus.DEVICES} cannot be read.")
    mine = (
        None
        if devices is None
        else [d for d in devices if d.vendor == "8086" and d.class_code.startswith(DISPLAY_CLASS)]
    )
    gpus = (
        None
        if mine is None
        else tuple(IntelGpu(name=d.name, device=d.device, bdf=d.bdf, driver=d.driver) for d in mine)
    )
    cached = {library.soname: library for library in libraries.loader_cache(tree, None) or ()}
    intel = Intel(
        gpus=gpus,
        level_zero_loader=_library(tree, cached, LOADER, "intel.level_zero_loader"),
        level_zero_gpu=_library(tree, cached, DRIVER, "intel.level_zero_gpu"),
    )
    return Found(
        record=intel,
        status="absent" if gpus == () else "found" if gpus else "failed",
        detail=None if gpus else "No Intel GPU is on the bus." if gpus == () else "The PCI bus cannot be read.",
        unknowns=tuple(tree.unknowns),
        seconds=time.monotonic() - started,
    )


def _library(tree: Tree, cached: dict[str, Library], soname: str, fact: str) -> Library | None:
    library = cached.get(soname)
    if library is None:
        known = tree.exists(libraries.CACHE)
        tree.note(
            fact, "absent", f"{soname} is not in the loader's cache." if known else "There is no loader's cache here."
        )
    return library


def _on_windows(deadline_scale: float, started: float) -> Found:
    from ptsetup.probes import windows

    cim = windows.ask_cim(deadline_scale)
    if cim is None:
        reason = Unknown(path="intel.gpus", reason="failed", detail="PowerShell gave no list of display devices.")
        return Found(record=Intel(), status="failed", unknowns=(reason,), seconds=time.monotonic() - started)
    mine = [device for device in cim.devices if device.vendor == "8086"]
    gpus = tuple(IntelGpu(name=d.name, device=d.device, driver=d.driver) for d in mine)
    return Found(record=Intel(gpus=gpus), status="found" if gpus else "absent", seconds=time.monotonic() - started)
