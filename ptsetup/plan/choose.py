"""The planner: the best build for a machine, or why there is none and what would change that. Pure: same input, same plan."""

from collections.abc import Iterable, Sequence

from ptsetup import compat
from ptsetup.facts import Snapshot
from ptsetup.index import WheelIndex
from ptsetup.plan import compose, ways_out
from ptsetup.plan.gates import gate
from ptsetup.plan.judge import VENDOR_FAMILY, serve
from ptsetup.plan.machine import Card, Machine, view
from ptsetup.plan.records import Device, Plan, Request
from ptsetup.plan.survey import builds_of, survey
from ptsetup.plan.wanted import Wanted, parse


def plan(snapshot: Snapshot, request: Request, index: WheelIndex) -> Plan:
    """The build that works on this machine, with reasons; or the choices; or why none works, and each way out.

    Raises:
        RequestError: the request cannot be read.
    """
    pip = snapshot.target.pip if snapshot.target else None
    wanted = parse(request, index, pip.constraint_lines if pip else ())
    machine = view(snapshot, index, request.gpus)
    context = compose.Context(snapshot=snapshot, request=request, index=index, machine=machine, wanted=wanted)
    closed = gate(machine, index)
    if closed is not None:
        return compose.refusal(context, closed.headline, closed.options, ())
    usable, unusable = sort_cards(machine, index)
    cards, dropped = _one_vendor(usable, wanted)
    return _decide(context, cards, [*unusable, *dropped])


def _decide(context: compose.Context, cards: tuple[Card, ...], unusable: Sequence[tuple[Card, str]]) -> Plan:
    wanted, devices = context.wanted, _devices(cards, unusable)
    if context.machine.is_jetson and wanted.backend is None and not cards:
        return ways_out.refuse_jetson(context, devices)
    if wanted.backend is not None:
        cards = tuple(card for card in cards if VENDOR_FAMILY[card.vendor] == compat.family(wanted.backend))
    if len({card.vendor for card in cards}) > 1:
        return ways_out.choose_vendor(context, cards, devices)
    found = survey(context.machine, wanted, context.index, cards)
    if found.best is not None:
        chosen = compose.chosen(context, found.best, found.fits, found.misfits, devices)
        return compose.with_advice(chosen, ways_out.advice(context, cards, found.best))
    several = _several(context, cards, devices, unusable) if len(cards) > 1 else None
    return several or ways_out.refuse(context, cards, devices, found.misfits)


def _several(
    context: compose.Context, cards: tuple[Card, ...], devices: tuple[Device, ...], unusable: Sequence[tuple[Card, str]]
) -> Plan | None:
    """No build serves all cards: a tag that was asked for settles it, else they are laid out to choose from."""
    if context.wanted.backend is not None:
        part = _serve_part(context, cards, unusable)
        if part is not None:
            return part
    return ways_out.choose_card(context, cards, devices)


def _serve_part(context: compose.Context, cards: tuple[Card, ...], unusable: Sequence[tuple[Card, str]]) -> Plan | None:
    """A backend tag that was asked for settles which of several cards is served; None when it serves none of them."""
    machine, wanted, index = context.machine, context.wanted, context.index
    part = tuple(card for card in cards if survey(machine, wanted, index, (card,)).best is not None)
    found = survey(machine, wanted, index, part)
    if not part or found.best is None:
        return None
    idle = [
        (card, f"the {wanted.backend} build that was asked for does not serve it") for card in cards if card not in part
    ]
    return compose.chosen(context, found.best, found.fits, found.misfits, _devices(part, [*unusable, *idle]))


def sort_cards(machine: Machine, index: WheelIndex) -> tuple[tuple[Card, ...], list[tuple[Card, str]]]:
    """(Cards that some build serves, given a fitting driver and Python; the others with the reason)."""
    usable: list[Card] = []
    unusable: list[tuple[Card, str]] = []
    for card in machine.cards:
        problem = _never(card, machine, index)
        if problem:
            unusable.append((card, problem))
        else:
            usable.append(card)
    return tuple(usable), unusable


def _never(card: Card, machine: Machine, index: WheelIndex) -> str | None:
    """Why no build of any release can use a card on this system today; None when one can."""
    family = VENDOR_FAMILY[card.vendor]
    builds = [b for b in builds_of(machine.platform, index) if compat.family(b.backend) == family]
    if not builds:
        return f"no {_FAMILY_NAME[family]} build exists for {_SYSTEM_NAME.get(machine.platform or '', 'this system')}"
    if card.vendor == "amd" and machine.is_wsl:
        return "the builds of the PyTorch index do not reach an AMD GPU through WSL; AMD publishes wheels of its own for it"
    if not any(serve(build, machine, card, is_driver_full=True, index=index) for build in builds):
        return _unserved_by_all(card, machine)
    if card.vendor == "nvidia" and machine.driver is None and machine.driver_problem is None:
        return "no NVIDIA driver is installed"
    return None


_FAMILY_NAME = {"cuda": "CUDA", "rocm": "ROCm", "xpu": "XPU", "cpu": "CPU"}

_SYSTEM_NAME = {
    "linux_x86_64": "Linux on x86_64",
    "linux_aarch64": "Linux on aarch64",
    "linux_s390x": "Linux on s390x",
    "win_amd64": "Windows",
    "win_arm64": "Windows on ARM",
    "macos_arm64": "macOS",
    "macos_x86_64": "macOS on Intel",
}


def _unserved_by_all(card: Card, machine: Machine) -> str:
    if card.vendor == "intel":
        return "PyTorch's XPU build is for Arc, Data Center GPU Max and Core Ultra with Arc; this GPU is not supported"
    if card.vendor == "apple":
        return f"MPS needs macOS 12.3 or newer, this Mac has {machine.macos}"
    if card.vendor == "amd" and card.gfx is None:
        return "its gfx target is not known"
    return f"no build of any release is confirmed to hold code for {card.detail or card.name}"


def _one_vendor(cards: tuple[Card, ...], wanted: Wanted) -> tuple[tuple[Card, ...], list[tuple[Card, str]]]:
    """A card inside the processor steps back behind a discrete one of another vendor."""
    discrete = {card.vendor for card in cards if not card.is_integrated}
    if wanted.backend is not None or len({card.vendor for card in cards}) < 2 or not discrete:
        return cards, []
    kept = tuple(card for card in cards if not card.is_integrated or card.vendor in discrete)
    return kept, [
        (card, "it is part of the processor; the build serves the discrete GPU") for card in cards if card not in kept
    ]


def _devices(cards: Iterable[Card], unusable: Sequence[tuple[Card, str]]) -> tuple[Device, ...]:
    found = [Device(name=c.name, vendor=c.vendor, index=c.index, detail=c.detail) for c in cards]
    found += [Device(name=c.name, vendor=c.vendor, index=c.index, detail=c.detail, problem=why) for c, why in unusable]
    return tuple(found)
