"""The processor as this process may use it (Linux: /proc and sysfs)."""

import os
import re

from ptsetup.facts import Cpu
from ptsetup.probes import _text
from ptsetup.probes._tree import Tree

CPUS = "/sys/devices/system/cpu"

ARM_PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse N1",
    (0x41, 0xD40): "Neoverse V1",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD49): "Neoverse N2",
    (0x41, 0xD4F): "Neoverse V2",
    (0x41, 0xD83): "Neoverse V3AE",
    (0x41, 0xD84): "Neoverse V3",
    (0x41, 0xD8E): "Neoverse N3",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1A",
}
"""(implementer, part) -> name; Arm's files bear no model name. Source: arch/arm64/include/asm/cputype.h and util-linux' lscpu."""

_FIRST_BLOCKS = 64 * 1024


def cpu(tree: Tree, quota: float | None = None) -> Cpu:
    """The processor; ``quota`` is what the control group grants, in cores."""
    block = first_block(tree.text("/proc/cpuinfo", "host.cpu.model", limit=_FIRST_BLOCKS) or "")
    names = flags(block)
    logical = _online(tree)
    affinity = affinity_cores(tree)
    usable = min((value for value in (affinity, quota) if value), default=None)
    return Cpu(
        model=model(block),
        flags=names,
        physical_cores=_physical(tree, block, logical),
        logical_cores=logical,
        affinity_cores=affinity,
        usable_cores=float(usable) if usable is not None else None,
        numa_nodes=_nodes(tree),
        performance_cores=_hybrid(tree, "core", "performance_cores"),
        efficiency_cores=_hybrid(tree, "atom", "efficiency_cores"),
        is_virtual=None if names is None or "vendor_id" not in block else "hypervisor" in names,
    )


def first_block(text: str) -> dict[str, str]:
    """Keys of the first processor in /proc/cpuinfo, and those that stand once for all."""
    return _text.pairs(text.partition("\n\n")[0])


def model(block: dict[str, str]) -> str | None:
    """Model name; on Arm the name of the core by its number."""
    for key in ("model name", "cpu model", "cpu", "Processor"):
        if block.get(key):
            return block[key]
    maker, part = _text.whole(block.get("CPU implementer"), 16), _text.whole(block.get("CPU part"), 16)
    if maker is None or part is None:
        return None
    return ARM_PARTS.get((maker, part), f"Arm implementer 0x{maker:02x} part 0x{part:03x}")


def flags(block: dict[str, str]) -> tuple[str, ...] | None:
    """Feature flags as the kernel names them; None when the file shows none."""
    text = block.get("flags") or block.get("Features") or block.get("features")
    return tuple(text.split()) if text else None


def is_translated(block: dict[str, str]) -> bool:
    """An Apple processor seen through Rosetta by a Linux container or virtual machine."""
    return "virtualapple" in (block.get("vendor_id", "") + block.get("model name", "")).lower()


def _online(tree: Tree) -> int | None:
    count = _text.cores_in(tree.line(f"{CPUS}/online"))
    if count is None:
        text = tree.text("/proc/cpuinfo", "host.cpu.logical_cores") or ""
        count = len(re.findall(r"^processor[ \t]*:", text, re.MULTILINE)) or None
    return count


def affinity_cores(tree: Tree) -> int | None:
    """Cores that the affinity mask of this process grants."""
    if tree.is_real and hasattr(os, "sched_getaffinity"):
        try:
            return len(os.sched_getaffinity(0))
        except OSError:
            pass
    status = _text.pairs(tree.text("/proc/self/status", "host.cpu.affinity_cores", limit=16384))
    return _text.cores_in(status.get("Cpus_allowed_list"))


def _physical(tree: Tree, block: dict[str, str], logical: int | None) -> int | None:
    """Cores without their threads: by the threads that share one, for all cores (hybrid processors differ)."""
    shared = set()
    for name in tree.names(CPUS) or ():
        if re.fullmatch(r"cpu\d+", name):
            siblings = tree.line(f"{CPUS}/{name}/topology/thread_siblings_list")
            if siblings is not None:
                shared.add(siblings)
    if shared:
        return len(shared)
    if tree.line(f"{CPUS}/smt/active") == "0":
        return logical
    per_package = _text.whole(block.get("cpu cores"))
    tree.note("host.cpu.physical_cores", "absent", "The kernel shows no topology of cores.")
    return per_package if per_package == logical else None


def _nodes(tree: Tree) -> int | None:
    text = tree.line("/sys/devices/system/node/online")
    if text is None and tree.is_dir(CPUS):
        # a kernel without NUMA support has no such folder
        return 1
    if text is None:
        tree.line("/sys/devices/system/node/online", "host.cpu.numa_nodes")
    return _text.cores_in(text)


def _hybrid(tree: Tree, kind: str, field: str) -> str | None:
    text = tree.line(f"/sys/devices/cpu_{kind}/cpus")
    if text is None:
        tree.note(f"host.cpu.{field}", "absent", "The cores are all of one kind, as far as the kernel tells.")
    return text
