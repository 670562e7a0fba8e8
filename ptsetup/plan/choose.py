"""The planner: the best build for a machine, or why there is none and what would change that. Pure: same input, same plan."""

from collections.abc import Iterable, Sequence

from packaging.requirements import InvalidRequirement
from packaging.version import InvalidVersion

from ptsetup import compat
from ptsetup.errors import WheelIndexError
from ptsetup.facts import Snapshot
from ptsetup.index import Build, WheelIndex
from ptsetup.plan import compose, ways_out
from ptsetup.plan.context import Context
from ptsetup.plan.gates import gate
from ptsetup.plan.machine import Card, view
from ptsetup.plan.records import Device, Plan, Request
from ptsetup.plan.survey import best, builds_of, survey
from ptsetup.plan.usable import sort_cards
from ptsetup.plan.verdict import MAKERS, VENDOR_FAMILY, No
from ptsetup.plan.wanted import Wanted, parse


def plan(snapshot: Snapshot, request: Request, index: WheelIndex) -> Plan:
    """The build that works on this machine, with reasons; or the choices; or why none works, and each way out.

    Raises:
        RequestError: the request cannot be read.
        WheelIndexError: a version or requirement in the index cannot be read (its types alone were looked at when it was loaded).
    """
    try:
        return _planned(snapshot, request, index)
    except (InvalidVersion, InvalidRequirement) as problem:
        said = str(problem).splitlines()[0]
        raise WheelIndexError(
            f"The index of {index.date} holds a value that cannot be read: {said}.",
            hint="ptsetup index verify FILE names its place. Use the shipped index: leave out --index, or run ptsetup index update.",
        ) from None


def _planned(snapshot: Snapshot, request: Request, index: WheelIndex) -> Plan:
    pip = snapshot.target.pip if snapshot.target else None
    wanted = parse(request, index, pip.constraint_lines if pip else ())
    machine = view(snapshot, index, request.gpus)
    context = Context(snapshot=snapshot, request=request, index=index, machine=machine, wanted=wanted)
    closed = gate(machine, index)
    if closed is not None:
        everything = [(build, No("system", closed.reason)) for build in builds_of(machine.platform, index)]
        return compose.refusal(context, closed.headline, closed.options, everything)
    usable, unusable = sort_cards(machine, index)
    cards, dropped = _one_vendor(usable, wanted)
    return _decide(context, cards, [*unusable, *dropped])


def _decide(context: Context, cards: tuple[Card, ...], unusable: Sequence[tuple[Card, str]]) -> Plan:
    wanted, devices = context.wanted, _devices(cards, unusable)
    if context.machine.is_jetson and wanted.backend is None and not cards:
        return ways_out.refuse_jetson(context, devices)
    if wanted.backend is not None:
        cards, idle = _settled(context, cards)
        devices = _devices(cards, [*unusable, *idle])
    if len({card.vendor for card in cards}) > 1 and wanted.backend is None:
        found = survey(context.machine, wanted, context.index, cards)
        return ways_out.choose_vendor(context, cards, devices, found.misfits)
    found = survey(context.machine, wanted, context.index, cards)
    if found.best is not None:
        chosen = compose.chosen(context, found.best, found.fits, found.misfits, devices)
        return compose.with_advice(chosen, ways_out.advice(context, cards, found.best))
    several = _several(context, cards, devices, unusable, found.misfits) if len(cards) > 1 else None
    return several or ways_out.refuse(context, cards, devices, found.misfits)


def _settled(context: Context, cards: tuple[Card, ...]) -> tuple[tuple[Card, ...], list[tuple[Card, str]]]:
    """(The cards that the tag asked for is for, the others). Where it is for no card here but some can be used, it is the wrong tag."""
    tag = context.wanted.backend or "cpu"
    family = compat.family(tag)
    if family == "cpu":
        return _on_purpose(context, cards)
    for_it = tuple(card for card in cards if VENDOR_FAMILY[card.vendor] == family)
    is_one_here = any(VENDOR_FAMILY[card.vendor] == family for card in context.machine.cards)
    if not for_it and not is_one_here:
        return cards, []
    why = f"the {tag} build that was asked for is for {MAKERS[family]}"
    return for_it, [(card, why) for card in cards if card not in for_it]


def _on_purpose(context: Context, cards: tuple[Card, ...]) -> tuple[tuple[Card, ...], list[tuple[Card, str]]]:
    """The CPU build serves no card, but on a Mac it holds MPS: that is kept unless an older torch would be the price."""
    machine, wanted, index = context.machine, context.wanted, context.index
    apple = tuple(card for card in cards if card.vendor == "apple")
    newest, served = best(machine, wanted, index, ()), best(machine, wanted, index, apple)
    kept = apple if newest and served and newest.build.torch == served.build.torch else ()
    return kept, [(card, "the CPU build was asked for") for card in cards if card not in kept]


def _several(
    context: Context,
    cards: tuple[Card, ...],
    devices: tuple[Device, ...],
    unusable: Sequence[tuple[Card, str]],
    misfits: Sequence[tuple[Build, No]],
) -> Plan | None:
    """No build serves all cards: a tag that was asked for settles it, else they are laid out to choose from."""
    if context.wanted.backend is not None:
        part = _serve_part(context, cards, unusable)
        if part is not None:
            return part
    return ways_out.choose_card(context, cards, devices, misfits)


def _serve_part(context: Context, cards: tuple[Card, ...], unusable: Sequence[tuple[Card, str]]) -> Plan | None:
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
