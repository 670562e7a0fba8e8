"""The Snapshot as the planner sees it: platform, Python, driver, and the accelerators that are visible."""

import re
from collections.abc import Iterable, Sequence

from ptsetup import compat
from ptsetup.facts import Gpu, Host, Record, Snapshot
from ptsetup.index import WheelIndex

L4T_DRIVER = {32: "440.33", 34: "470.57", 35: "470.57", 36: "560.28.03", 38: "580.65.06"}
"""Jetson Linux release -> the desktop driver that carries the same CUDA (JetPack 4: 10.2, 5: 11.4, 6: 12.6, 7: 13.0)."""

SYSTEM_NAMES = {
    "linux_x86_64": "Linux on x86_64",
    "linux_aarch64": "Linux on aarch64",
    "linux_s390x": "Linux on s390x",
    "win_amd64": "Windows",
    "win_arm64": "Windows on ARM",
    "macos_arm64": "macOS",
    "macos_x86_64": "macOS on Intel",
}
"""The index's platforms in words."""

BLOCKED_MODULE = "the driver does not answer"


class Card(Record, frozen=True, kw_only=True):
    """One accelerator."""

    vendor: str
    """``nvidia``, ``amd``, ``intel``, ``apple``."""
    name: str
    index: int = 0
    capability: tuple[int, int] | None = None
    gfx: str | None = None
    is_integrated: bool = False

    @property
    def detail(self) -> str | None:
        """What decides about kernels: ``8.9``, ``gfx1100``."""
        return f"{self.capability[0]}.{self.capability[1]}" if self.capability else self.gfx

    @property
    def label(self) -> str:
        """Name with that detail."""
        return f"{self.name} ({self.detail})" if self.detail and self.detail not in self.name else self.name


def labels(cards: Iterable[Card]) -> str:
    """Their names, each once."""
    return " and ".join(dict.fromkeys(card.label for card in cards))


def numbers(cards: Sequence[Card]) -> tuple[int, ...]:
    """By which number each card is picked: its own, or its place where two makers count from 0 on alike."""
    own = tuple(card.index for card in cards)
    return own if len(set(own)) == len(own) else tuple(range(len(own)))


class Machine(Record, frozen=True, kw_only=True):
    """What decides about builds. None means unknown, and an unknown rules nothing out."""

    platform: str | None
    system: str | None
    arch: str | None
    python_tag: str | None
    implementation: str | None
    bits: int | None
    libc: str | None
    libc_version: str | None
    macos: str | None
    is_windows_driver: bool
    is_jetson: bool
    is_wsl: bool
    is_rosetta: bool
    driver: str | None
    driver_text: str | None
    """As messages name it."""
    driver_cuda: tuple[int, int] | None
    driver_problem: str | None
    """NVIDIA: why the driver cannot be relied on although it is there."""
    cards: tuple[Card, ...]
    notes: tuple[str, ...] = ()

    @property
    def python(self) -> str:
        """``3.12`` of ``cp312``, ``3.14t`` of ``cp314t``."""
        match = re.fullmatch(r"cp(\d)(\d+)(t?)", self.python_tag or "")
        return f"{match[1]}.{match[2]}{match[3]}" if match else self.python_tag or "unknown"


def view(snapshot: Snapshot, index: WheelIndex, chosen: tuple[int, ...] = ()) -> Machine:
    """The planner's view of a Snapshot; ``chosen`` keeps only the accelerators with these ``numbers``."""
    host, target = snapshot.host, snapshot.target
    driver = compat.driver_version(snapshot)
    speaks = compat.cuda_driver_version(snapshot, index)
    is_jetson = bool(host and host.jetson)
    by_cuda = _driver_by_cuda(snapshot, speaks[0], index) if speaks and not driver and not is_jetson else None
    cards, notes = _visible(_cards(snapshot, index), snapshot, chosen)
    return Machine(
        platform=compat.platform_of(snapshot),
        system=host.system if host else None,
        arch=(target.machine if target else None) or (host.machine if host else None),
        python_tag=target.python_tag if target else None,
        implementation=target.implementation if target else None,
        bits=target.bits if target else None,
        libc=host.libc.name if host and host.libc else None,
        libc_version=host.libc.version if host and host.libc else None,
        macos=host.version if host and host.system == "macos" else None,
        is_windows_driver=compat.counts_as_windows(snapshot),
        is_jetson=is_jetson,
        is_wsl=bool(host and host.wsl),
        is_rosetta=bool(host and host.is_rosetta),
        driver=_as_desktop(driver[0], is_jetson=is_jetson) if driver else by_cuda,
        driver_text=_driver_text(driver[0], host, is_jetson=is_jetson)
        if driver
        else f"{by_cuda} (by its CUDA, {'.'.join(map(str, speaks[0]))})"
        if by_cuda and speaks
        else None,
        driver_cuda=speaks[0] if speaks and not is_jetson else None,
        driver_problem=_driver_problem(snapshot),
        cards=cards,
        notes=notes,
    )


def _driver_by_cuda(snapshot: Snapshot, speaks: tuple[int, int], index: WheelIndex) -> str | None:
    """The oldest driver that speaks this CUDA: a container that was given libcuda alone tells its CUDA, not its release."""
    return compat.minimum_driver(speaks, index, is_windows=compat.counts_as_windows(snapshot))[0]


def _as_desktop(driver: str, *, is_jetson: bool) -> str:
    release = compat.version_tuple(driver)[0]
    if not is_jetson or release >= FIRST_DESKTOP_BRANCH:
        return driver
    return L4T_DRIVER.get(release) or (L4T_DRIVER[max(L4T_DRIVER)] if release > max(L4T_DRIVER) else "0")


FIRST_DESKTOP_BRANCH = 100
"""Smaller numbers are releases of Jetson Linux."""


def _driver_text(driver: str, host: Host | None, *, is_jetson: bool) -> str:
    if is_jetson and compat.version_tuple(driver)[0] < FIRST_DESKTOP_BRANCH:
        return f"Jetson Linux {driver} (as desktop driver {_as_desktop(driver, is_jetson=True)})"
    return f"{driver} in Windows" if host and host.wsl else driver


def _driver_problem(snapshot: Snapshot) -> str | None:
    nvml = snapshot.nvidia.nvml if snapshot.nvidia else None
    if nvml is None or (nvml.init_rc in (0, None) and not nvml.is_hung):
        return None
    return BLOCKED_MODULE if nvml.is_hung else f"NVML answers with code {nvml.init_rc}"


def _cards(snapshot: Snapshot, index: WheelIndex) -> tuple[Card, ...]:
    found = [*_nvidia(snapshot, index), *_amd(snapshot), *_intel(snapshot)]
    apple = snapshot.apple
    if apple is not None and apple.has_metal is not False and snapshot.host and snapshot.host.system == "macos":
        found.append(Card(vendor="apple", name=apple.chip or "Apple GPU"))
    return tuple(found)


def _nvidia(snapshot: Snapshot, index: WheelIndex) -> list[Card]:
    gpus = snapshot.nvidia.gpus if snapshot.nvidia else None
    if gpus:
        return [_nvidia_card(gpu) for gpu in compat.with_capabilities(gpus, index)]
    bus = (snapshot.host.pci if snapshot.host else None) or ()
    on_bus = [device for device in bus if device.vendor == "10de" and device.driver != "vfio-pci"]
    cards = []
    for position, device in enumerate(on_bus):
        capability = compat.capability_by_name(device.name, index) if device.name else None
        cards.append(Card(vendor="nvidia", name=device.name or "NVIDIA GPU", index=position, capability=capability))
    return cards


def _nvidia_card(gpu: Gpu) -> Card:
    return Card(vendor="nvidia", name=gpu.name or "NVIDIA GPU", index=gpu.index, capability=gpu.compute_capability)


def _amd(snapshot: Snapshot) -> list[Card]:
    gpus = (snapshot.amd.gpus if snapshot.amd else None) or ()
    listed = [
        Card(vendor="amd", name=gpu.name or "AMD GPU", index=position, gfx=gpu.gfx, is_integrated=bool(gpu.is_apu))
        for position, gpu in enumerate(gpus)
    ]
    if listed or snapshot.amd is None:
        return listed
    bus = (snapshot.host.pci if snapshot.host else None) or ()
    return [
        Card(vendor="amd", name=device.name or "AMD GPU", index=i)
        for i, device in enumerate(d for d in bus if d.vendor == "1002")
    ]


def _intel(snapshot: Snapshot) -> list[Card]:
    gpus = (snapshot.intel.gpus if snapshot.intel else None) or ()
    return [
        Card(
            vendor="intel",
            name=gpu.name or "Intel GPU",
            index=position,
            is_integrated=compat.is_integrated_intel(gpu.name),
        )
        for position, gpu in enumerate(gpus)
    ]


def _visible(
    cards: tuple[Card, ...], snapshot: Snapshot, chosen: tuple[int, ...]
) -> tuple[tuple[Card, ...], tuple[str, ...]]:
    if chosen:
        return tuple(card for number, card in zip(numbers(cards), cards, strict=True) if number in chosen), ()
    listed = (snapshot.env or {}).get("CUDA_VISIBLE_DEVICES")
    nvidia = [card for card in cards if card.vendor == "nvidia"]
    if listed is None or len(nvidia) < 2:
        return cards, ()
    indices = [int(part) for part in listed.replace(" ", "").split(",") if part.isdigit()]
    kept = [card for card in nvidia if card.index in indices]
    is_ordered = (snapshot.env or {}).get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len(
        {c.capability for c in nvidia}
    ) == 1
    if not kept or not is_ordered:
        return cards, (f"CUDA_VISIBLE_DEVICES={listed} is set; the plan serves every GPU all the same",)
    rest = tuple(card for card in cards if card.vendor != "nvidia" or card in kept)
    return rest, (f"CUDA_VISIBLE_DEVICES={listed}: only those GPUs are served",)
