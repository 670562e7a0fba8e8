"""One build against one machine: does it fit, how well, and if not, which fact rules it out."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.index import Build, WheelIndex
from ptsetup.plan.beside import clash, companions
from ptsetup.plan.drivers import support_of, unfit, unreadable
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.serving import serve, unserved
from ptsetup.plan.verdict import VENDOR_FAMILY, Fit, No, full_version
from ptsetup.plan.wanted import Wanted


def judge(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]) -> Fit | No:
    """Does this build work on this machine, serve all of ``cards`` and satisfy what was asked for?"""
    no = next(in_the_way(build, machine, wanted, index, cards), None)
    if no is not None:
        return no
    support = support_of(build, machine, index, cards)
    services = []
    for card in cards:
        service = serve(build, machine, card, is_driver_full=support == "full", index=index)
        services.append((card, service or "native"))
    found = companions(build, machine, wanted, index)
    return Fit(
        build=build,
        services=tuple(services),
        support=support,
        companions=() if isinstance(found, No) else found,
    )


def in_the_way(
    build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]
) -> Iterator[No]:
    """Every fact that rules a build out, what was asked for first; none when it works."""
    yield from _some(_nightly(build, wanted))
    yield from _some(_asked(build, wanted))
    yield from _some(_interpreter(build, machine))
    yield from _some(_system(build, machine))
    yield from _some(unreadable(build, machine, wanted, cards))
    yield from _some(unfit(build, machine, index, cards))
    yield from _some(_unserving(build, machine, wanted, index, cards))
    yield from _some(_numpy(build, wanted))
    yield from _some(clash(build, machine, wanted, index))
    yield from _some(_missing(companions(build, machine, wanted, index)))


def _some(no: No | None) -> tuple[No, ...]:
    return () if no is None else (no,)


def _nightly(build: Build, wanted: Wanted) -> No | None:
    if wanted.is_pre and (build.torch != wanted.nightly or build.origin != "pytorch"):
        return No("request", f"says nothing about nightlies, which have the backend tags of {wanted.nightly}")
    return None


def _asked(build: Build, wanted: Wanted) -> No | None:
    if not wanted.takes(build.torch):
        return No("request", f"is not what was asked for ({wanted.text})")
    if wanted.backend is not None and build.backend != wanted.backend:
        return No("backend", f"is not the build asked for ({wanted.backend})")
    if not wanted.is_allowed("torch", build.torch):
        return No("constraint", f"is shut out by your pip constraints (torch{wanted.constraints['torch']})")
    if f"{'nightly' if wanted.is_pre else build.torch}+{build.backend}@{build.origin}" in wanted.absent:
        return No("absent", "is not on the index (asked just now)")
    if not wanted.can_be_had("torch", full_version(build.torch, build)):
        return No("absent", "is not among the wheels at hand")
    return None


def _interpreter(build: Build, machine: Machine) -> No | None:
    if machine.python_tag is None or machine.python_tag in build.pythons or not build.pythons:
        return None
    return No("python", f"has no wheel for Python {machine.python}")


def _system(build: Build, machine: Machine) -> No | None:
    if machine.libc == "glibc" and compat.at_least(machine.libc_version, build.min_glibc) is False:
        return No("libc", f"needs glibc {build.min_glibc} or newer, this system has {machine.libc_version}")
    floor = build.macos_floor(machine.python_tag)
    if compat.at_least(machine.macos, floor) is False:
        return No("macos", f"needs macOS {floor} or newer, this Mac has {machine.macos}")
    return None


def _unserving(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]) -> No | None:
    """A card that the build is not for, or holds no code for."""
    family = compat.family(build.backend)
    support = support_of(build, machine, index, cards)
    for card in cards:
        if VENDOR_FAMILY[card.vendor] != family:
            return _other_family(build, cards)
        if serve(build, machine, card, is_driver_full=support == "full", index=index) is None:
            return unserved(build, machine, card, index)
    if not cards and family != "cpu" and wanted.backend is None:
        return No("vendor", "is for a GPU, and this machine has none that it could use")
    return None


def _numpy(build: Build, wanted: Wanted) -> No | None:
    if build.numpy_abi == "numpy1-only" and not wanted.takes_numpy_1:
        return No("numpy", f"was built for NumPy 1, and numpy{wanted.numpy} is asked for")
    return None


def _missing(found: tuple[tuple[str, str], ...] | No) -> No | None:
    return found if isinstance(found, No) else None


def _other_family(build: Build, cards: tuple[Card, ...]) -> No:
    if compat.family(build.backend) == "cpu":
        return No("idle", f"would leave the {'GPUs' if len(cards) > 1 else 'GPU'} idle")
    return No("vendor", "is for another maker's GPU")
