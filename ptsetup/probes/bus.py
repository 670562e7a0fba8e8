"""Display and accelerator devices on the PCI bus (Linux: sysfs; names from pci.ids where a distribution has it)."""

import re
from collections.abc import Iterable

from ptsetup.facts import PciDevice, replace
from ptsetup.probes import _text
from ptsetup.probes._tree import Tree

DEVICES = "/sys/bus/pci/devices"

CLASSES = ("03", "12")
"""First two digits of a PCI class: display controllers, processing accelerators."""

NAMES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids", "/var/lib/pciutils/pci.ids")

NAMES_LIMIT = 4 * 1024 * 1024

INTEL_NAMES = (
    ("0b69|0b6e|0bd[0-9ab]|0be[015]", "Data Center GPU Max (Ponte Vecchio)"),
    ("56c[0-2]", "Data Center GPU Flex (Arctic Sound)"),
    ("569[0-7]|56a[0-6]|56b[0-3a-f]", "Arc A-Series (Alchemist)"),
    ("e2[0-2][0-9a-f]", "Arc B-Series (Battlemage)"),
    ("7d40|7d45|7d55|7d60|7dd5", "Meteor Lake [Arc Graphics]"),
    ("7d41|7d51|7d67|7dd1|b640", "Arrow Lake [Arc Graphics]"),
    ("6420|64a0|64b0", "Lunar Lake [Arc Graphics]"),
    ("b08[0-9a-f]|b090|b0a0|b0b0", "Panther Lake [Arc Graphics]"),
)
"""Families by device id, for machines without pci.ids. Source: include/drm/intel/pciids.h of the Linux kernel (6.18)."""


def devices(tree: Tree) -> tuple[PciDevice, ...] | None:
    """All display and accelerator devices; () on a kernel without a PCI bus, None when the bus cannot be read."""
    names = tree.names(DEVICES)
    if names is None:
        # a real sysfs lists other buses; an empty or missing one is a sandbox's, which hides them
        if not tree.exists("/sys/bus/pci") and tree.names("/sys/bus"):
            return ()
        tree.names(DEVICES, "host.pci")
        return None
    found = [device for name in names if (device := _device(tree, name)) is not None]
    return named(tree, found)


def _device(tree: Tree, bdf: str) -> PciDevice | None:
    folder = f"{DEVICES}/{bdf}"
    code = _hexadecimal(tree.line(f"{folder}/class"), 6)
    if code is None or not code.startswith(CLASSES):
        return None
    maker = _hexadecimal(tree.line(f"{folder}/vendor"), 4)
    if maker is None:
        return None
    node = _text.whole(tree.line(f"{folder}/numa_node"))
    return PciDevice(
        vendor=maker,
        device=_hexadecimal(tree.line(f"{folder}/device"), 4) or "",
        class_code=code,
        bdf=bdf,
        driver=tree.link(f"{folder}/driver"),
        numa_node=node if node is not None and node >= 0 else None,
        link_speed=tree.line(f"{folder}/current_link_speed"),
        link_speed_max=tree.line(f"{folder}/max_link_speed"),
        link_width=_width(tree.line(f"{folder}/current_link_width")),
        link_width_max=_width(tree.line(f"{folder}/max_link_width")),
        # the entry is a link into the tree of bridges, where the folder above is the port
        slot_width=_width(tree.line(f"{folder}/../max_link_width")),
        bar1_bytes=bar1(tree.text(f"{folder}/resource", limit=8192)),
    )


def _hexadecimal(text: str | None, digits: int) -> str | None:
    number = _text.whole(text, 16)
    return f"{number:0{digits}x}" if number is not None and number < 16**digits else None


def _width(text: str | None) -> int | None:
    width = _text.whole(text)
    # 255 means that the device does not say
    return width if width is not None and 0 < width <= 64 else None


def bar1(text: str | None) -> int | None:
    """Size of region 1 in a ``resource`` file (lines of start, end, flags); None when it is not assigned."""
    lines = (text or "").splitlines()
    words = lines[1].split() if len(lines) > 1 else []
    if len(words) < 2:
        return None
    start, end = _text.whole(words[0], 16), _text.whole(words[1], 16)
    return end - start + 1 if start is not None and end is not None and end > start > 0 else None


def named(tree: Tree, found: Iterable[PciDevice]) -> tuple[PciDevice, ...]:
    """The devices with the names that pci.ids gives them, else (Intel) the family."""
    found = tuple(found)
    if not found:
        return ()
    file = tree.first(NAMES)
    data = tree.data(file, limit=NAMES_LIMIT) if file else None
    return tuple(replace(d, name=name_in(data or b"", d.vendor, d.device) or family(d.vendor, d.device)) for d in found)


def name_in(data: bytes, vendor: str, device: str) -> str | None:
    """Name of a device in the text of pci.ids; vendors start at the margin, their devices behind one tab."""
    start = re.search(rb"^%s\s" % re.escape(vendor.encode()), data, re.MULTILINE)
    if start is None or not device:
        return None
    end = re.compile(rb"^[0-9a-f]", re.MULTILINE).search(data, start.end())
    line = re.compile(rb"^\t%s\s+(.+)$" % re.escape(device.encode()), re.MULTILINE)
    match = line.search(data, start.end(), end.start() if end else len(data))
    return match[1].decode("utf-8", "replace").strip() or None if match else None


def family(vendor: str, device: str) -> str | None:
    """Family of an Intel device by its id; None for others."""
    if vendor != "8086":
        return None
    return next((name for pattern, name in INTEL_NAMES if re.fullmatch(pattern, device)), None)


def iommu_count(tree: Tree) -> int | None:
    """Entries of /sys/class/iommu; 0 where the kernel drives none."""
    if tree.is_dir("/sys/class") and not tree.exists("/sys/class/iommu"):
        return 0
    names = tree.names("/sys/class/iommu", "host.iommu_groups")
    return None if names is None else len(names)
