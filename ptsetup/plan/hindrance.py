"""Why nothing works as asked: the fact that keeps the closest build away, in words."""

from collections.abc import Sequence

from ptsetup import compat
from ptsetup.index import Build
from ptsetup.plan.context import Context
from ptsetup.plan.drivers import branch_row
from ptsetup.plan.judge import in_the_way
from ptsetup.plan.machine import SYSTEM_NAMES, Card, labels
from ptsetup.plan.survey import best, builds_of
from ptsetup.plan.verdict import MAKERS, VENDOR_FAMILY, No, cuda_of
from ptsetup.plan.wanted import version_of


def headline(context: Context, cards: tuple[Card, ...]) -> str:
    """The answer of a refusal in one sentence."""
    machine, wanted = context.machine, context.wanted
    if machine.driver_problem and machine.driver is None and cards:
        return f"No build can be chosen for {cards[0].label}: {machine.driver_problem}."
    asked = f"{wanted.text} ({wanted.backend})" if wanted.backend else wanted.text
    what = f"nightly of {asked}" if wanted.is_pre else f"build of {asked}"
    where = f" for {labels(cards)}" if cards else ""
    return f"No {what} runs here{where}: {why(context, cards)}."


def why(context: Context, cards: tuple[Card, ...]) -> str:
    """The end of that sentence: the first thing that is missing, seen from the request, else what rules the closest build out."""
    wanted = context.wanted
    if len({card.vendor for card in cards}) > 1 and wanted.backend is None:
        return _of_two_makers(context, cards)
    asked = [build for build in builds_of(context.machine.platform, context.index) if _is_asked(build, context)]
    if not asked:
        return _no_release(context)
    tagged = [build for build in asked if wanted.backend in (None, build.backend)]
    if not tagged:
        tags = sorted({build.backend for build in asked}, key=compat.tag_order)
        return f"{_span(asked)} no {wanted.backend} build for {_system(context)}, but {', '.join(tags)}"
    family = VENDOR_FAMILY[cards[0].vendor] if cards else "cpu"
    kin = [build for build in tagged if compat.family(build.backend) == family]
    if not kin and wanted.backend:
        return f"{wanted.backend} builds are for {MAKERS[compat.family(wanted.backend)]}"
    if not kin:
        return f"{_span(asked)} no build for {MAKERS[family]} on {_system(context)}"
    return _no_common_driver(context, cards) or _nearest(context, cards, kin)


def _of_two_makers(context: Context, cards: tuple[Card, ...]) -> str:
    """What keeps the build for the first maker that has none."""
    for vendor in dict.fromkeys(card.vendor for card in cards):
        part = tuple(card for card in cards if card.vendor == vendor)
        if best(context.machine, context.wanted, context.index, part) is None:
            return f"a build serves one maker's GPUs, and for {labels(part)} {why(context, part)}"
    return "a build serves one maker's GPUs"


def _is_asked(build: Build, context: Context) -> bool:
    wanted = context.wanted
    return build.torch == wanted.nightly if wanted.is_pre else wanted.takes(build.torch)


def _no_release(context: Context) -> str:
    wanted, index = context.wanted, context.index
    here = [build.torch for build in builds_of(context.machine.platform, index)]
    if wanted.is_pre:
        return f"nightlies have the builds of {wanted.nightly}, and it has none for {_system(context)}"
    newest = f"the newest is {max(here, key=version_of)}" if here else "there is none at all"
    if any(wanted.takes(release.version) for release in index.releases):
        return f"that release has no build for {_system(context)}, where {newest}"
    return f"no such release is known, {newest}"


def _system(context: Context) -> str:
    return SYSTEM_NAMES.get(context.machine.platform or "", "this system")


def _span(builds: Sequence[Build]) -> str:
    versions = sorted({build.torch for build in builds}, key=version_of)
    return f"{versions[0]} has" if len(versions) == 1 else f"{versions[0]} to {versions[-1]} have"


def _nearest(context: Context, cards: tuple[Card, ...], kin: Sequence[Build]) -> str:
    """Of the builds with the fewest facts against them the newest one, and those facts."""
    judged = [(build, tuple(in_the_way(build, context.machine, context.wanted, context.index, cards))) for build in kin]
    build, facts = max(_least_demanding(judged), key=_closeness)
    name = f"the {build.backend} nightly" if context.wanted.is_pre else f"{build.torch}+{build.backend}"
    is_jetson = context.machine.is_jetson
    own = any(card.capability in compat.JETSON_CAPABILITIES or (is_jetson and not card.capability) for card in cards)
    if own and cuda_of(build) is not None:
        return f"builds before CUDA 13.2 hold no code for a Jetson's own GPU, and {name} {_said(facts)}"
    return f"{name} {_said(facts)}"


def _least_demanding(judged: Sequence[tuple[Build, tuple[No, ...]]]) -> list[tuple[Build, tuple[No, ...]]]:
    """Of the builds that wait for a newer driver alone only those that wait for the oldest: what they need is where it begins."""
    waiting = [facts[0].driver for _, facts in judged if len(facts) == 1 and facts[0].driver]
    oldest = min(waiting, key=compat.version_tuple, default=None)
    return [(build, facts) for build, facts in judged if len(facts) > 1 or facts[0].driver in (None, oldest)]


def _said(facts: Sequence[No]) -> str:
    """The facts against a build as one clause."""
    is_too_old = any(no.kind == "macos" for no in facts)
    reasons = [no.reason for no in facts if not (is_too_old and no.kind == "gpu")]
    said = ""
    for reason in dict.fromkeys(reasons):
        # after "this machine has ..." an "and" would go on about the machine
        join = "" if not said else "; it also " if ", this " in said else " and "
        said += f"{join}{reason}"
    return said


def _closeness(judged: tuple[Build, tuple[No, ...]]) -> tuple[object, ...]:
    """Fewest facts; then what a person can change before what is compiled in; then the newest torch and the least demanding CUDA."""
    build, facts = judged
    cuda = cuda_of(build) or (0, 0)
    is_changeable = all(no.kind not in ("gpu", "vendor") for no in facts)
    modest = (-cuda[0], -cuda[1]) if is_changeable else cuda
    return -len(facts), is_changeable, version_of(build.torch), modest, compat.tag_order(build.backend)


def _no_common_driver(context: Context, cards: Sequence[Card]) -> str | None:
    """Two cards of which one ends with an older driver branch than the other begins with."""
    ends = [(card, row.last) for card in cards if (row := branch_row(card, context.index)) and row.last]
    begins = [(card, row.first) for card in cards if (row := branch_row(card, context.index)) and row.first]
    for old, last in ends:
        for new, first in begins:
            if compat.version_tuple(last) < compat.version_tuple(first):
                return (
                    f"{old.label} ends with driver branch {last} and {new.label} begins with {first}, "
                    f"so no driver serves both; this machine has {context.machine.driver_text}"
                )
    return None
