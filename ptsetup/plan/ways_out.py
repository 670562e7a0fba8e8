"""What would change the answer: advice beside a plan, choices between equals, ways out of a refusal.

Each is found by planning again with one thing changed: the driver, the Python, the system, the request.
"""

from collections.abc import Sequence

from ptsetup.facts import replace
from ptsetup.index import Build
from ptsetup.plan import compose, hindrance, other_machine, relax
from ptsetup.plan.compose import describe_build
from ptsetup.plan.context import Context
from ptsetup.plan.machine import Card, labels
from ptsetup.plan.records import Device, Option, Plan
from ptsetup.plan.survey import best
from ptsetup.plan.usable import never
from ptsetup.plan.verdict import Fit, No

JETSON_WHEELS = "take NVIDIA's own wheel for this JetPack release, or a jetson-containers image"


def advice(context: Context, cards: tuple[Card, ...], taken: Fit) -> tuple[Option, ...]:
    """The smallest changes that would open something better than ``taken``."""
    if context.wanted.is_pre:
        return ()
    found = [*other_machine.driver_option(context, cards, taken), *other_machine.python_option(context, cards, taken)]
    found += other_machine.system_option(context, cards, taken)
    if not cards:
        found += other_machine.missing_driver(context)
    return (*found, *_vendor_wheels(context, cards))


def _vendor_wheels(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Builds that others publish, where the PyTorch index has none for a card."""
    found = []
    for card in context.machine.cards:
        if card.vendor != "amd" or (card.is_integrated and cards) or not never(card, context.machine, context.index):
            continue
        if context.machine.platform not in ("linux_x86_64", "win_amd64"):
            continue
        text = f"AMD publishes wheels of its own per GPU architecture: look there for {card.label}; ptsetup does not install those"
        if card.gfx and card.gfx.startswith("gfx103") and context.machine.system == "linux":
            text += "; HSA_OVERRIDE_GFX_VERSION=10.3.0 is common practice for it, unsupported, and not done here"
        found.append(Option(kind="vendor_wheel", text=text))
    return found


def choose_vendor(
    context: Context, cards: tuple[Card, ...], devices: tuple[Device, ...], misfits: Sequence[tuple[Build, No]]
) -> Plan:
    """Two vendors' cards: each has its build, and neither is better. Where only one has, the other waits for something."""
    options = []
    for vendor in dict.fromkeys(card.vendor for card in cards):
        part = tuple(card for card in cards if card.vendor == vendor)
        fit = best(context.machine, context.wanted, context.index, part)
        if fit is not None:
            options.append(_choice(context, part, fit))
    if len(options) < 2:
        return refuse(context, cards, devices, misfits)
    return compose.refusal(
        context,
        f"GPUs of two makers are here, and a build serves one maker's: {labels(cards)}.",
        tuple(options),
        misfits,
        devices,
        outcome="choose",
    )


def _choice(context: Context, part: tuple[Card, ...], fit: Fit) -> Option:
    """A build for some of the GPUs, taken by its tag; or by their numbers, where the machine is this one."""
    build = fit.build
    head = relax.call(context, backend=build.backend)
    if context.snapshot.origin == "probe" and len({card.vendor for card in context.machine.cards}) == 1:
        head = (*relax.call(context), *(word for card in part for word in ("--gpu", str(card.index))))
    return Option(
        kind="backend",
        text=f"for {labels(part)}: {describe_build(build.torch, build.backend, build.platform)}",
        torch=build.torch,
        backend=build.backend,
        command=(*head, *context.request.packages),
    )


def choose_card(
    context: Context, cards: tuple[Card, ...], devices: tuple[Device, ...], misfits: Sequence[tuple[Build, No]]
) -> Plan | None:
    """No build serves all cards together: one per kind of card, where at least two kinds have one; else None."""
    options = [
        _choice(context, part, fit)
        for part in _kinds(cards)
        if (fit := best(context.machine, context.wanted, context.index, part)) is not None
    ]
    if len(options) < 2 or _serves_together(context, cards):
        return None
    names = ", ".join(f"GPU {card.index} is {card.label}" for card in cards)
    headline = f"No build serves all GPUs of this machine together: {names}."
    return compose.refusal(context, headline, tuple(options), misfits, devices, outcome="choose")


def _kinds(cards: tuple[Card, ...]) -> tuple[tuple[Card, ...], ...]:
    """The cards by what decides about their kernels."""
    kinds: dict[tuple[str, str | None], list[Card]] = {}
    for card in cards:
        kinds.setdefault((card.vendor, card.detail), []).append(card)
    return tuple(tuple(part) for part in kinds.values())


def _serves_together(context: Context, cards: tuple[Card, ...]) -> bool:
    """Some release serves all of them with this driver and Python: then the request is in the way, and that is a refusal."""
    return bool(relax.smallest(context, context.machine, context.wanted, cards))


def refuse(
    context: Context, cards: tuple[Card, ...], devices: tuple[Device, ...], misfits: Sequence[tuple[Build, No]]
) -> Plan:
    """Nothing works as asked: say what is in the way, and each way out."""
    ways = relax.smallest(context, context.machine, context.wanted, cards)
    options = [
        *(relax.option(context, way, context.wanted) for way in ways),
        *other_machine.driver_option(context, cards, None),
        *other_machine.python_option(context, cards, None),
        *other_machine.system_option(context, cards, None),
        *other_machine.driver_and_python(context, cards),
        *other_machine.libc_and_more(context, cards),
        *_jetson(context),
        *_fix_driver(context, cards),
        *_part(context, cards),
        *_on_purpose(context, cards),
    ]
    options = options or _last_resort(context, cards)
    return compose.refusal(context, hindrance.headline(context, cards), tuple(options), misfits, devices)


def _part(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Of several GPUs some can be served as things are, or after a smaller change than all of them together."""
    kinds = _kinds(cards)
    if len(kinds) < 2:
        return []
    found: list[Option] = []
    for part in kinds:
        fit = best(context.machine, context.wanted, context.index, part)
        if fit is not None:
            choice: Option = replace(_choice(context, part, fit), kind="gpu")
            found.append(choice)
            continue
        for option in other_machine.driver_option(context, part, None):
            alone: Option = replace(option, text=f"{option.text}, for {labels(part)} alone")
            found.append(alone)
    return found


def _last_resort(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """No single change helps: give up the pins as well, else send the person to the list of builds."""
    free = replace(context, wanted=relax.free(context.wanted))
    found = other_machine.python_option(free, cards, None) or other_machine.python_option(free, (), None)
    if found:
        return [Option(kind="request", text=f"without the pins, {option.text}") for option in found]
    text = "no single change helps: see which builds exist for this system"
    return [Option(kind="request", text=text, command=("ptsetup", "index", "show"))]


def refuse_jetson(context: Context, devices: tuple[Device, ...]) -> Plan:
    """A Jetson board whose GPU no build of the PyTorch index serves: NVIDIA's own wheels do."""
    options = (*_jetson(context), *_on_purpose(context, (), is_asked=True))
    reason = next((device.problem for device in devices if device.problem), None) or "which GPU it has is not known"
    headline = f"No build of the PyTorch index serves the GPU of this Jetson board: {reason}."
    return compose.refusal(context, headline, options, (), devices)


def _jetson(context: Context) -> list[Option]:
    return [Option(kind="vendor_wheel", text=JETSON_WHEELS)] if context.machine.is_jetson else []


def _fix_driver(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    if context.machine.driver_problem is None or not any(card.vendor == "nvidia" for card in cards):
        return []
    return [Option(kind="driver", text="mend the driver first: ptsetup doctor says how", command=("ptsetup", "doctor"))]


def _on_purpose(context: Context, cards: tuple[Card, ...], *, is_asked: bool = False) -> list[Option]:
    """The CPU build, for a machine whose GPU waits: as asked for where that can be, else with as little given up as possible."""
    if not cards and not is_asked:
        return []
    wanted = replace(context.wanted, backend="cpu")
    fit = best(context.machine, wanted, context.index, ())
    ways = (
        (relax.Loosened(changes=(), wanted=wanted, fit=fit),)
        if fit
        else relax.smallest(context, context.machine, wanted, (), is_backend_kept=True)
    )
    return [relax.on_purpose(context, way, wanted) for way in ways[:1]]
