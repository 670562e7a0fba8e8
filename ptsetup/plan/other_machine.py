"""What another driver, Python or system would open: the same request planned again with that one thing changed."""

from ptsetup import compat
from ptsetup.facts import replace
from ptsetup.index import DriverBranch
from ptsetup.plan import survey
from ptsetup.plan.compose import describe_build
from ptsetup.plan.context import Context
from ptsetup.plan.drivers import branch_row, covers
from ptsetup.plan.machine import Card, Machine, labels
from ptsetup.plan.records import Option
from ptsetup.plan.survey import builds_of
from ptsetup.plan.verdict import Fit
from ptsetup.plan.wanted import version_of


def _best(context: Context, machine: Machine, cards: tuple[Card, ...], than: Fit | None = None) -> Fit | None:
    """The build that would be taken on a changed machine; only if newer ``than`` that one."""
    return survey.best(machine, context.wanted, context.index, cards, than.build.torch if than else None)


def _option(kind: str, context: Context, what: str, fit: Fit) -> Option:
    build, is_pre = fit.build, context.wanted.is_pre
    name = "the newest nightly" if is_pre else build.torch
    return Option(
        kind=kind,
        text=f"{what} opens {describe_build(name, build.backend, build.platform)}",
        torch=None if is_pre else build.torch,
        backend=build.backend,
    )


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


def driver_option(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    """The oldest newer driver that opens something, or something newer than what is ``taken``; else the branch that a card ended with."""
    if not any(card.vendor == "nvidia" for card in cards) or context.machine.driver is None:
        return []
    option: Option | None = None
    for driver in drivers_to_try(context):
        fit = _best(context, _with_driver(context, driver), cards, taken)
        if fit is not None:
            option = _by_driver(context, driver, fit, _or_newer(context, cards))
            break
    if option is None and taken is None:
        option = _older_driver(context, cards)
    return [option] if option else []


def _or_newer(context: Context, cards: tuple[Card, ...]) -> str:
    ends = [row.last for card in cards if (row := branch_row(card, context.index)) and row.last]
    return f"or newer, up to branch {min(ends, key=compat.version_tuple)}," if ends else "or newer"


def _by_driver(context: Context, driver: str, fit: Fit, suffix: str) -> Option:
    # the driver of a Jetson board comes with its JetPack release only
    what = (
        f"a JetPack release that carries what desktop driver {driver} does (JetPack 7)"
        if context.machine.is_jetson
        else f"driver {driver} {suffix}{' in Windows' if context.machine.is_wsl else ''}"
    )
    return _option("driver", context, what, fit)


def _older_driver(context: Context, cards: tuple[Card, ...]) -> Option | None:
    """A card that the newer branches dropped works with the last one that has it."""
    for row in context.index.driver_branches:
        is_for_it = any(covers(row.capabilities, card.capability) for card in cards if card.capability)
        if row.last and is_for_it and compat.at_least(context.machine.driver, row.last):
            fit = _best(context, _with_driver(context, f"{row.last}.999"), cards)
            if fit is not None:
                return _by_driver(context, row.last, fit, f"(the last branch for {_ending_with(row, cards)})")
    return None


def _ending_with(row: DriverBranch, cards: tuple[Card, ...]) -> str:
    return labels(card for card in cards if card.capability and covers(row.capabilities, card.capability))


def missing_driver(context: Context) -> list[Option]:
    """A card waits for its driver: the oldest driver that opens the newest torch."""
    machine = context.machine
    cards = tuple(card for card in machine.cards if card.vendor == "nvidia")
    if not cards or machine.driver is not None or machine.driver_problem is not None:
        return []
    reached: Option | None = None
    newest: Fit | None = None
    for driver in drivers_to_try(context):
        fit = _best(context, _with_driver(context, driver), cards, newest)
        if fit is not None:
            newest, reached = fit, _by_driver(context, driver, fit, _or_newer(context, cards))
    return [reached] if reached else []


def python_option(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    """The Python that opens the newest torch, or one newer than what is ``taken``; of several the nearest to this one."""
    have = _python_number(context.machine.python_tag)
    if have is None:
        return []
    tags = {
        tag for build in context.index.builds if build.platform == context.machine.platform for tag in build.pythons
    }
    is_free_threaded = (context.machine.python_tag or "").endswith("t")
    opened: list[tuple[bool, tuple[int, ...], int, str, Fit]] = []
    for tag in tags:
        number = _python_number(tag)
        # a person with the free-threaded build is told of another such build first, and others are not sent to one
        is_kind = tag.endswith("t") is is_free_threaded
        if number is None or not (is_kind or is_free_threaded):
            continue
        fit = _best(context, replace(context.machine, python_tag=tag), cards, taken)
        if fit is not None:
            opened.append((is_kind, version_of(fit.build.torch).release, -abs(number - have), tag, fit))
    if not opened:
        return []
    *_, tag, fit = max(opened, key=lambda row: row[:4])
    name = replace(context.machine, python_tag=tag).python
    return [_option("python", context, f"Python {name}", fit)]


def _python_number(tag: str | None) -> int | None:
    digits = (tag or "").removeprefix("cp").rstrip("t")
    return int(digits[1:]) if digits.isdigit() and len(digits) > 1 else None


CURRENT_GLIBC = "2.28"
"""What every wheel of today is content with (manylinux_2_28)."""


def system_option(context: Context, cards: tuple[Card, ...], taken: Fit | None) -> list[Option]:
    """A newer C library or macOS that opens something, or something newer than what is ``taken``."""
    machine = context.machine
    changed: list[tuple[str, Machine]] = []
    if compat.at_least(machine.libc_version, CURRENT_GLIBC) is False:
        changed.append((f"a system with glibc {CURRENT_GLIBC} or newer", replace(machine, libc_version=CURRENT_GLIBC)))
    changed += [
        (f"macOS {floor} or newer", replace(machine, macos=floor))
        for floor in _macos_floors(context)
        if compat.at_least(machine.macos, floor) is False
    ]
    opened = [(what, fit) for what, other in changed if (fit := _best(context, other, cards, taken)) is not None]
    if not opened:
        return []
    # of several that open the same torch the first: the oldest system
    what, fit = max(opened, key=lambda one: version_of(one[1].build.torch))
    return [_option("system", context, what, fit)]


def _macos_floors(context: Context) -> list[str]:
    """Versions of macOS at which something changes, the oldest first."""
    floors = {floor.macos for floor in context.index.mps}
    for build in builds_of(context.machine.platform, context.index):
        floors |= {floor for floor in (build.min_macos, *build.min_macos_by_python.values()) if floor}
    return sorted(floors, key=compat.version_tuple)


def driver_and_python(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Where neither alone helps."""
    if driver_option(context, cards, None) or python_option(context, cards, None) or context.machine.driver is None:
        return []
    for driver in drivers_to_try(context):
        other = replace(context, machine=_with_driver(context, driver))
        for option in python_option(other, cards, None):
            return [replace(option, kind="driver", text=f"driver {driver} or newer together with {option.text}")]
    return []


def libc_and_more(context: Context, cards: tuple[Card, ...]) -> list[Option]:
    """Where a newer C library helps only together with another driver or Python, and these do not help without it."""
    machine = context.machine
    if compat.at_least(machine.libc_version, CURRENT_GLIBC) is not False:
        return []
    if any(way(context, cards, None) for way in (driver_option, python_option, system_option)):
        return []
    other = replace(context, machine=replace(machine, libc_version=CURRENT_GLIBC))
    more = driver_option(other, cards, None) or python_option(other, cards, None)
    what = f"a system with glibc {CURRENT_GLIBC} or newer together with"
    return [replace(option, kind="system", text=f"{what} {option.text}") for option in more[:1]]
