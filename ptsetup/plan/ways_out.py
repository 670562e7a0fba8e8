"""What would change the answer: advice beside a plan, choices between equals, ways out of a refusal.

Each is found by planning again with one thing changed: the driver, the Python, the system, the request.
"""

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet

from ptsetup import compat
from ptsetup.facts import replace
from ptsetup.index import Build
from ptsetup.plan import compose, survey
from ptsetup.plan.compose import Context, describe_build
from ptsetup.plan.judge import VENDOR_FAMILY, Fit, No, branch_problem, covers
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.records import Device, Option, Plan
from ptsetup.plan.wanted import Wanted, version_of

JETSON_WHEELS = "take NVIDIA's own wheel for this JetPack release, or a jetson-containers image"


def best(
    context: Context, machine: Machine, wanted: Wanted, cards: tuple[Card, ...], than: Fit | None = None
) -> Fit | None:
    """The build that would be taken on a changed machine or for a changed request; only if newer ``than`` that one."""
    return survey.best(machine, wanted, context.index, cards, than.build.torch if than else None)


def advice(context: Context, cards: tuple[Card, ...], taken: Fit) -> tuple[Option, ...]:
    """The smallest changes that would open something better than ``taken``."""
    found = [*_other_driver(context, cards, taken), *_other_python(context, cards, taken)]
    found += _other_system(context, cards, taken)
    if not any(option.kind == "driver" for option in found):
        found += _no_driver(context)
    return (*found, *_vendor_wheels(context, cards))


def _opens(what: str, fit: Fit) -> str:
    return f"{what} opens {describe_build(fit.build.torch, fit.build.backend, fit.build.platform)}"


def drivers_to_try(context: Context) -> list[str]:
    """Driver versions at which something changes, the smallest first."""
    is_windows = context.machine.is_windows_driver
    index = context.index
    steps = {m for row in index.cuda_majors if (m := row.windows if is_windows else row.linux)}
    steps |= {row.first for row in index.driver_branches if row.first}
    have = compat.version_tuple(context.machine.driver or "0")
    return sorted((step for step in steps if compat.version_tuple(step) > have), key=compat.version_tuple)


def _with_driver(context: Context, driver: str) -> Machine:
    machine = context.machine
    speaks = compat.cuda_of_driver(driver, context.index, is_windows=machine.is_windows_driver)
    return replace(machine, driver=driver, driver_text=driver, driver_cuda=speaks, driver_problem=None)


def _other_driver(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    if not any(card.vendor == "nvidia" for card in cards) or context.machine.driver is None:
        return []
    option: Option | None = None
    for driver in drivers_to_try(context):
        fit = best(context, _with_driver(context, driver), context.wanted, cards, taken)
        if fit is not None:
            option = _driver_option(driver, fit, "or newer", is_jetson=context.machine.is_jetson)
            break
    if option is None and taken is None:
        option = _older_driver(context, cards)
    return [option] if option else []


def _driver_option(driver: str, fit: Fit, suffix: str, *, is_jetson: bool = False) -> Option:
    # the driver of a Jetson board comes with its JetPack release only
    what = (
        f"a JetPack release that carries what desktop driver {driver} does (JetPack 7)"
        if is_jetson
        else f"driver {driver} {suffix}"
    )
    return Option(
        kind="driver",
        text=_opens(what, fit),
        torch=fit.build.torch,
        backend=fit.build.backend,
    )


def _older_driver(context: Context, cards: tuple[Card, ...]) -> Option | None:
    """A card that the newer branches dropped works with the last one that has it."""
    for row in context.index.driver_branches:
        is_for_it = any(covers(row.capabilities, card.capability) for card in cards if card.capability)
        if row.last and is_for_it and compat.at_least(context.machine.driver, row.last):
            fit = best(context, _with_driver(context, f"{row.last}.999"), context.wanted, cards)
            if fit is not None:
                return _driver_option(row.last, fit, "(the last branch for this GPU)")
    return None


def _no_driver(context: Context) -> list[Option]:
    """A card waits for its driver: the oldest driver that opens the newest torch."""
    machine = context.machine
    cards = tuple(card for card in machine.cards if card.vendor == "nvidia")
    if not cards or machine.driver is not None or machine.driver_problem is not None:
        return []
    reached: Option | None = None
    newest: Fit | None = None
    for driver in drivers_to_try(context):
        fit = best(context, _with_driver(context, driver), context.wanted, cards, newest)
        if fit is not None:
            newest, reached = fit, _driver_option(driver, fit, "or newer")
    return [reached] if reached else []


def _other_python(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    have = _python_number(context.machine.python_tag)
    if have is None:
        return []
    tags = {
        tag for build in context.index.builds if build.platform == context.machine.platform for tag in build.pythons
    }
    numbered = [(number, tag) for tag in tags if (number := _python_number(tag)) is not None and not tag.endswith("t")]
    opened: list[tuple[tuple[int, ...], int, str, Fit]] = []
    for number, tag in numbered:
        fit = best(context, replace(context.machine, python_tag=tag), context.wanted, cards, taken)
        if fit is not None:
            opened.append((version_of(fit.build.torch).release, -abs(number - have), tag, fit))
    if not opened:
        return []
    _, _, tag, fit = max(opened, key=lambda row: (row[0], row[1], row[2]))
    name = replace(context.machine, python_tag=tag).python
    return [Option(kind="python", text=_opens(f"Python {name}", fit), torch=fit.build.torch, backend=fit.build.backend)]


def _python_number(tag: str | None) -> int | None:
    digits = (tag or "").removeprefix("cp").rstrip("t")
    return int(digits[1:]) if digits.isdigit() and len(digits) > 1 else None


def _other_system(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    machine = context.machine
    changed: list[tuple[str, Machine]] = []
    if machine.libc_version and compat.at_least(machine.libc_version, "2.28") is False:
        changed.append(("a system with glibc 2.28 or newer", replace(machine, libc_version="2.28")))
    if machine.macos:
        changed += [
            (f"macOS {floor} or newer", replace(machine, macos=floor))
            for floor in ("12.3", "13.0", "14.0")
            if compat.at_least(machine.macos, floor) is False
        ]
    found = []
    for what, other in changed:
        fit = best(context, other, context.wanted, cards, taken)
        if fit is not None:
            found.append(
                Option(kind="system", text=_opens(what, fit), torch=fit.build.torch, backend=fit.build.backend)
            )
    return found[-1:]


def _vendor_wheels(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Builds that others publish, where the PyTorch index has none for a card."""
    found = []
    for card in context.machine.cards:
        if card in cards:
            continue
        if card.vendor == "amd":
            text = f"AMD publishes wheels per GPU architecture for {card.label} (ROCm's own index); ptsetup does not install those"
            if card.gfx and card.gfx.startswith("gfx103") and context.machine.system == "linux":
                text += "; HSA_OVERRIDE_GFX_VERSION=10.3.0 is common practice for it, unsupported, and not done here"
            found.append(Option(kind="vendor_wheel", text=text))
    return found


def _command(*arguments: str) -> tuple[str, ...]:
    return ("ptsetup", "install", *arguments)


def choose_vendor(context: Context, cards: tuple[Card, ...], devices: tuple[Device, ...]) -> Plan:
    """Two vendors' cards: each has its build, and neither is better."""
    options = []
    for vendor in dict.fromkeys(card.vendor for card in cards):
        part = tuple(card for card in cards if card.vendor == vendor)
        fit = best(context, context.machine, context.wanted, part)
        if fit is not None:
            options.append(_choice(context, part, fit))
    if not options:
        return refuse(context, cards[:1], devices, ())
    return compose.refusal(
        context,
        f"GPUs of two makers are here, and a build serves one maker's: {labels(cards)}.",
        tuple(options),
        (),
        devices,
        outcome="choose",
    )


def labels(cards: Sequence[Card]) -> str:
    """Their names, each once."""
    return " and ".join(dict.fromkeys(card.label for card in cards))


def _choice(context: Context, part: tuple[Card, ...], fit: Fit) -> Option:
    build = fit.build
    return Option(
        kind="backend",
        text=f"for {labels(part)}: {describe_build(build.torch, build.backend, build.platform)}",
        torch=build.torch,
        backend=build.backend,
        command=_command("--backend", build.backend, *context.request.packages),
    )


def choose_card(context: Context, cards: tuple[Card, ...], devices: tuple[Device, ...]) -> Plan | None:
    """No build serves all cards together: one per kind of card, where at least two kinds have one; else None."""
    kinds: dict[str | None, list[Card]] = {}
    for card in cards:
        kinds.setdefault(card.detail, []).append(card)
    options: list[Option] = []
    for part in kinds.values():
        fit = best(context, context.machine, context.wanted, tuple(part))
        if fit is not None:
            choice = _choice(context, tuple(part), fit)
            options.append(replace_command(choice, _gpu_command(context, part, choice)))
    if len(options) < 2 or _serves_together(context, cards):
        return None
    names = " and ".join(f"{card.index} ({card.label})" for card in cards)
    return compose.refusal(
        context, f"No build serves all GPUs of this machine: {names}.", tuple(options), (), devices, outcome="choose"
    )


def _serves_together(context: Context, cards: tuple[Card, ...]) -> bool:
    """Some release serves all of them with this driver and Python: then the request is in the way, and that is a refusal."""
    return best(context, context.machine, _relaxed(context.wanted), cards) is not None


def replace_command(option: Option, command: tuple[str, ...]) -> Option:
    """The option with another command."""
    changed: Option = replace(option, command=command)
    return changed


def _gpu_command(context: Context, part: Sequence[Card], choice: Option) -> tuple[str, ...]:
    picks = [argument for card in part for argument in ("--gpu", str(card.index))]
    return _command(*picks, *context.request.packages) if context.snapshot.origin == "probe" else choice.command


def _relaxed(wanted: Wanted) -> Wanted:
    return replace(
        wanted, specifiers={name: SpecifierSet() for name in wanted.specifiers}, backend=None, constraints={}
    )


def refuse(
    context: Context,
    cards: tuple[Card, ...],
    devices: tuple[Device, ...],
    misfits: Sequence[tuple[Build, No]],
) -> Plan:
    """Nothing works as asked: say what is in the way, and each way out."""
    options = [
        *_relax(context, cards),
        *_other_driver(context, cards, None),
        *_other_python(context, cards, None),
        *_other_system(context, cards, None),
        *_driver_and_python(context, cards),
        *_jetson(context),
        *_fix_driver(context, cards),
        *_part(context, cards),
        *_on_purpose(context, cards),
    ]
    options = options or _last_resort(context, cards)
    return compose.refusal(context, _headline(context, cards, misfits), tuple(options), misfits, devices)


def _part(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Of several GPUs some can be served as things are, while the others wait for another driver or request."""
    kinds: dict[str | None, list[Card]] = {}
    for card in cards:
        kinds.setdefault(card.detail, []).append(card)
    if len(kinds) < 2:
        return []
    found = []
    for part in kinds.values():
        fit = best(context, context.machine, context.wanted, tuple(part))
        if fit is not None:
            choice = _choice(context, tuple(part), fit)
            found.append(replace(choice, kind="gpu", command=_gpu_command(context, part, choice)))
    return found


def _last_resort(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """No single change helps: give up the pins as well, else send the person to the list of builds."""
    free = replace(context, wanted=_relaxed(context.wanted))
    found = _other_python(free, cards, None) or _other_python(free, (), None)
    texts = [f"without the pins, {option.text}" for option in found] or [
        "no single change helps: see which builds exist for this system"
    ]
    command = () if found else ("ptsetup", "index", "show")
    return [Option(kind="request", text=text, command=command) for text in texts]


def _relax(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    if not context.wanted.is_pinned and context.wanted.backend is None and not context.wanted.constraints:
        return []
    fit = best(context, context.machine, _relaxed(context.wanted), cards)
    if fit is None:
        return []
    build = fit.build
    packages = [f"torch=={build.torch}", *context.wanted.companions]
    what = "without the pip constraint" if context.wanted.constraints and not context.wanted.is_pinned else "take"
    return [
        Option(
            kind="request",
            text=f"{what} {describe_build(build.torch, build.backend, build.platform)}",
            torch=build.torch,
            backend=build.backend,
            command=_command(*packages),
        )
    ]


def _driver_and_python(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Where neither alone helps."""
    if _other_driver(context, cards, None) or _other_python(context, cards, None) or context.machine.driver is None:
        return []
    for driver in drivers_to_try(context):
        other = replace(context, machine=_with_driver(context, driver))
        for option in _other_python(other, cards, None):
            return [replace(option, kind="driver", text=f"driver {driver} or newer together with {option.text}")]
    return []


def refuse_jetson(context: Context, devices: tuple[Device, ...]) -> Plan:
    """A Jetson board whose GPU no build of the PyTorch index serves: NVIDIA's own wheels do."""
    options = (*_jetson(context), *_on_purpose(context, (), is_asked=True))
    headline = f"No build of the PyTorch index serves the GPU of this Jetson board: {_jetson_reason(devices)}."
    return compose.refusal(context, headline, options, (), devices)


def _jetson_reason(devices: tuple[Device, ...]) -> str:
    return next((device.problem for device in devices if device.problem), None) or "which GPU it has is not known"


def _jetson(context: Context) -> list[Option]:
    return [Option(kind="vendor_wheel", text=JETSON_WHEELS)] if context.machine.is_jetson else []


def _fix_driver(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    if context.machine.driver_problem is None or not any(card.vendor == "nvidia" for card in cards):
        return []
    return [Option(kind="driver", text="mend the driver first: ptsetup doctor says how", command=("ptsetup", "doctor"))]


def _on_purpose(context: Context, cards: tuple[Card, ...], *, is_asked: bool = False) -> list[Option]:
    if not cards and not is_asked:
        return []
    wanted = replace(context.wanted, backend="cpu")
    fit = best(context, context.machine, wanted, ()) or best(
        context, context.machine, replace(_relaxed(wanted), backend="cpu"), ()
    )
    if fit is None:
        return []
    build = fit.build
    packages = (
        [f"torch=={build.torch}", *context.wanted.companions]
        if context.wanted.is_pinned
        else list(context.request.packages)
    )
    return [
        Option(
            kind="cpu",
            text=f"use the CPU on purpose: {build.torch}",
            torch=build.torch,
            backend="cpu",
            command=_command("--backend", "cpu", *packages),
        )
    ]


def _headline(context: Context, cards: tuple[Card, ...], misfits: Sequence[tuple[Build, No]]) -> str:
    machine = context.machine
    if machine.driver_problem and machine.driver is None and cards:
        return f"No build can be chosen for {cards[0].label}: {machine.driver_problem}."
    dropped = next((problem for card in cards if (problem := branch_problem(card, machine, context.index))), None)
    closest = f"the GPU {dropped}" if dropped else _closest(misfits, cards)
    what = f"No build of {context.wanted.text}" + (f" ({context.wanted.backend})" if context.wanted.backend else "")
    where = f" for {labels(cards)}" if cards else ""
    return f"{what} runs here{where}: {closest}."


def _closest(misfits: Sequence[tuple[Build, No]], cards: tuple[Card, ...]) -> str:
    """The fact that is in the way of the newest build that comes closest."""
    family = VENDOR_FAMILY[cards[0].vendor] if cards else "cpu"
    weight = {
        "driver": 6,
        "python": 5,
        "libc": 5,
        "macos": 5,
        "companion": 4,
        "constraint": 4,
        "gpu": 3,
        "absent": 2,
        "backend": 1,
    }
    near = [(b, no) for b, no in misfits if compat.family(b.backend) == family and no.kind in weight]
    if not near:
        return "no such build exists"
    build, no = max(near, key=lambda pair: (weight[pair[1].kind], version_of(pair[0].torch), pair[1].reason))
    return f"{build.torch}+{build.backend} {no.reason}"
