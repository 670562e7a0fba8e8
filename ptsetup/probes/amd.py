"""AMD: GPUs by the KFD topology in sysfs, the kernel driver's version, ROCm's; no tool of ROCm is needed."""

import re
import sys
import time

from ptsetup.facts import Amd, AmdGpu, PciDevice, Unknown, replace
from ptsetup.probes import _text, bus
from ptsetup.probes._found import Found
from ptsetup.probes._tree import Tree

NODES = "/sys/class/kfd/kfd/topology/nodes"

ROCM_FILES = ("/opt/rocm/.info/version", "/opt/rocm/.info/version-dev", "/opt/rocm/.info/version-utils")

PUBLIC_HEAP, PRIVATE_HEAP = 1, 2
"""Kinds of memory bank that are video memory (KFD: visible to the processor or not)."""

APU_GFX = frozenset(
    f"gfx{n}"
    for n in (
        "902",
        "909",
        "90c",
        "1013",
        "1033",
        "1035",
        "1036",
        "1037",
        "1103",
        "1150",
        "1151",
        "1152",
        "1153",
        "1170",
    )
)
"""Targets that exist only inside processors (LLVM, AMDGPUUsage, "Processors": the column APU)."""


def probe(*, root: str = "/", deadline_scale: float = 1.0) -> Found:
    """Read the AMD section. Never raises; ``absent`` where neither the driver nor the bus shows an AMD GPU."""
    started = time.monotonic()
    tree = Tree(root)
    if sys.platform == "win32" and tree.is_real:
        return _on_windows(deadline_scale, started)
    if not tree.is_dir("/sys/class"):
        tree.note(
            "amd", "unsupported", "There is no /sys/class here; on macOS only the list of displays tells of AMD GPUs."
        )
        return Found(status="skipped", unknowns=tuple(tree.unknowns), seconds=time.monotonic() - started)
    on_bus = {device.bdf: device for device in bus.devices(tree) or () if device.vendor == "1002"}
    gpus = _gpus(tree, on_bus)
    amd = Amd(
        gpus=gpus,
        kernel_driver_version=tree.line("/sys/module/amdgpu/version", "amd.kernel_driver_version"),
        has_kfd=tree.exists("/dev/kfd"),
        rocm_version=_rocm(tree),
    )
    is_here = bool(gpus or on_bus or amd.rocm_version)
    return Found(
        record=amd,
        status="found" if is_here or gpus is None else "absent",
        detail=None if is_here else "No AMD GPU is on the bus or known to the kernel's compute driver.",
        unknowns=tuple(tree.unknowns),
        seconds=time.monotonic() - started,
    )


def _gpus(tree: Tree, on_bus: dict[str, PciDevice]) -> tuple[AmdGpu, ...] | None:
    if not tree.exists("/sys/class/kfd"):
        # no compute driver: it knows no GPU
        return ()
    names = tree.names(NODES, "amd.gpus")
    if names is None:
        return None
    found = []
    for name in sorted((n for n in names if n.isascii() and n.isdigit()), key=int):
        text = tree.text(f"{NODES}/{name}/properties", f"amd.gpus[{name}]", limit=65536)
        gpu = node(int(name), text or "", _banks(tree, name))
        if gpu is not None:
            device = on_bus.get(gpu.bdf or "")
            marketing = tree.line(f"{NODES}/{name}/name")
            found.append(_named(gpu, device.name if device else None, marketing))
    return tuple(found)


def node(number: int, properties: str, memory_bytes: int | None = None) -> AmdGpu | None:
    """A GPU by the ``properties`` of its node; None for the nodes that are processors."""
    rows = _text.pairs(properties, " ")
    simds = _text.whole(rows.get("simd_count"))
    gfx = gfx_name(_text.whole(rows.get("gfx_target_version")))
    if not simds and gfx is None:
        return None
    memory = memory_bytes if memory_bytes is not None else _text.whole(rows.get("local_mem_size")) or None
    cores = _text.whole(rows.get("cpu_cores_count"))
    return AmdGpu(
        node=number,
        gfx=gfx,
        simd_count=simds,
        memory_bytes=memory,
        # an accelerated processor shares its node with the cores, or is of a target that exists in no card
        is_apu=bool(cores) or gfx in APU_GFX,
        bdf=bdf(_text.whole(rows.get("domain")), _text.whole(rows.get("location_id"))),
    )


def gfx_name(version: int | None) -> str | None:
    """``gfx90a`` of gfx_target_version 90010: major, two digits of minor and two of stepping, the last two in hexadecimal."""
    if version is None or not 0 < version < 1_000_000:
        return None
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def bdf(domain: int | None, location: int | None) -> str | None:
    """PCI address of location_id (bus in the high byte, device in five bits, function in three)."""
    if location is None or not 0 <= location <= 0xFFFF:
        return None
    return f"{domain or 0:04x}:{location >> 8:02x}:{location >> 3 & 0x1F:02x}.{location & 7}"


def _banks(tree: Tree, name: str) -> int | None:
    """Video memory: the sum of the node's banks of that kind; None when it lists none."""
    total = 0
    for bank in tree.names(f"{NODES}/{name}/mem_banks") or ():
        rows = _text.pairs(tree.text(f"{NODES}/{name}/mem_banks/{bank}/properties", limit=4096), " ")
        if _text.whole(rows.get("heap_type")) in (PUBLIC_HEAP, PRIVATE_HEAP):
            total += max(0, _text.whole(rows.get("size_in_bytes")) or 0)
    return total or None


def _named(gpu: AmdGpu, by_id: str | None, marketing: str | None) -> AmdGpu:
    """The card's name by pci.ids, else the chip's by the driver (``navi31``)."""
    return replace(gpu, name=by_id or marketing)


def _rocm(tree: Tree) -> str | None:
    for name in ROCM_FILES:
        match = re.match(r"\d+(?:\.\d+)+(?:-\d+)?", tree.line(name) or "")
        if match:
            return match[0]
    tree.line(ROCM_FILES[0], "amd.rocm_version")
    return None


def _on_windows(deadline_scale: float, started: float) -> Found:
    from ptsetup.probes import windows

    cim = windows.ask_cim(deadline_scale)
    if cim is None:
        reason = Unknown(path="amd.gpus", reason="failed", detail="PowerShell gave no list of display devices.")
        return Found(record=Amd(), status="failed", unknowns=(reason,), seconds=time.monotonic() - started)
    mine = [device for device in cim.devices if device.vendor == "1002"]
    gpus = tuple(AmdGpu(node=number, name=device.name) for number, device in enumerate(mine))
    return Found(record=Amd(gpus=gpus), status="found" if gpus else "absent", seconds=time.monotonic() - started)
