"""Which accelerators some build can use at all, given a fitting driver, Python and request; and why the others cannot be."""

from ptsetup import compat
from ptsetup.index import WheelIndex
from ptsetup.plan.machine import SYSTEM_NAMES, Card, Machine
from ptsetup.plan.serving import serve
from ptsetup.plan.survey import builds_of
from ptsetup.plan.verdict import VENDOR_FAMILY

_FAMILY_NAMES = {"cuda": "CUDA", "rocm": "ROCm", "xpu": "XPU", "cpu": "CPU"}


def sort_cards(machine: Machine, index: WheelIndex) -> tuple[tuple[Card, ...], list[tuple[Card, str]]]:
    """(Cards that some build serves, given a fitting driver and Python; the others with the reason)."""
    usable: list[Card] = []
    unusable: list[tuple[Card, str]] = []
    for card in machine.cards:
        problem = never(card, machine, index)
        if problem:
            unusable.append((card, problem))
        else:
            usable.append(card)
    return tuple(usable), unusable


def never(card: Card, machine: Machine, index: WheelIndex) -> str | None:
    """Why no build of any release can use a card on this system today; None when one can."""
    family = VENDOR_FAMILY[card.vendor]
    builds = [b for b in builds_of(machine.platform, index) if compat.family(b.backend) == family]
    if not builds:
        return f"no {_FAMILY_NAMES[family]} build exists for {SYSTEM_NAMES.get(machine.platform or '', 'this system')}"
    if card.vendor == "amd" and machine.is_wsl:
        return "the builds of the PyTorch index do not reach an AMD GPU through WSL; AMD publishes wheels of its own for it"
    if not any(serve(build, machine, card, is_driver_full=True, index=index) for build in builds):
        return _unserved_by_all(card, machine)
    if card.vendor == "nvidia" and machine.driver is None and machine.driver_problem is None:
        return "no NVIDIA driver is installed"
    return None


def _unserved_by_all(card: Card, machine: Machine) -> str:
    if card.vendor == "intel":
        return "PyTorch's XPU build is for Arc, Data Center GPU Max and Core Ultra with Arc; this GPU is not supported"
    if card.vendor == "apple":
        return f"MPS needs macOS 12.3 or newer, this Mac has {machine.macos}"
    if card.vendor == "amd" and card.gfx is None:
        return "its gfx target is not known"
    where = SYSTEM_NAMES.get(machine.platform or "", "this system")
    return f"no build for {where} is confirmed to hold code for {card.detail or card.name}"
