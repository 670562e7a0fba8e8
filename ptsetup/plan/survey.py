"""Every build of a platform, judged and put in order of preference."""

import functools
import itertools
from collections.abc import Sequence

from ptsetup import compat
from ptsetup.facts import Record
from ptsetup.index import Build, WheelIndex
from ptsetup.plan.judge import judge
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.verdict import Fit, Held, No, cuda_of
from ptsetup.plan.wanted import Wanted, version_of


class Survey(Record, frozen=True):
    """Every build of this platform, judged."""

    fits: tuple[Fit, ...]
    """The best first."""
    misfits: tuple[tuple[Build, No], ...]

    @property
    def best(self) -> Fit | None:
        """The build to take."""
        return self.fits[0] if self.fits else None


def survey(machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]) -> Survey:
    """Judge every build of the platform; the fits come in order of preference."""
    fits: list[Fit] = []
    misfits: list[tuple[Build, No]] = []
    for build in builds_of(machine.platform, index):
        verdict = judge(build, machine, wanted, index, cards)
        if isinstance(verdict, Fit):
            fits.append(verdict)
        else:
            misfits.append((build, verdict))
    return Survey(tuple(sorted(fits, key=_preference, reverse=True)), tuple(misfits))


def best(
    machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...], newer_than: str | None = None
) -> Fit | None:
    """The build that ``survey`` would put first, without judging older ones; None when none fits, or none is newer than asked."""
    floor = version_of(newer_than) if newer_than else None
    for torch, builds in _by_release(Held(index)).get(machine.platform or "", ()):
        if floor is not None and version_of(torch) <= floor:
            return None
        if not wanted.takes(torch):
            continue
        fits = [fit for build in builds if isinstance(fit := judge(build, machine, wanted, index, cards), Fit)]
        if fits:
            return max(fits, key=_preference)
    return None


@functools.lru_cache(maxsize=8)
def _by_release(held: Held) -> dict[str, tuple[tuple[str, tuple[Build, ...]], ...]]:
    return {
        platform: tuple(
            (torch, tuple(group)) for torch, group in itertools.groupby(builds, key=lambda build: build.torch)
        )
        for platform, builds in _by_platform(held).items()
    }


def _preference(fit: Fit) -> tuple[object, ...]:
    """Larger is better, in the order of the rules of choice.

    Newest torch; native before PTX; full support before minor-version compatibility; the newest fully supported CUDA, else the
    nearest above the driver's; a certain origin before an announced one.
    """
    cuda = cuda_of(fit.build) or (0, 0)
    is_full = fit.support != "minor-version"
    nearest = cuda if is_full else (-cuda[0], -cuda[1])
    rocm = compat.version_tuple(fit.build.backend.removeprefix("rocm"))
    certainty = {"announced": 0}.get(fit.build.status, 1)
    is_confirmed = fit.build.arch_level != "build-script" or not rocm
    return (
        version_of(fit.build.torch),
        fit.is_native,
        is_full,
        is_confirmed,
        nearest,
        rocm,
        certainty,
        fit.build.origin == "pytorch",
    )


@functools.lru_cache(maxsize=8)
def _by_platform(held: Held) -> dict[str, tuple[Build, ...]]:
    table: dict[str, list[Build]] = {}
    for build in held.index.builds:
        table.setdefault(build.platform, []).append(build)
    return {
        platform: tuple(sorted(rows, key=lambda b: version_of(b.torch), reverse=True))
        for platform, rows in table.items()
    }


def builds_of(platform: str | None, index: WheelIndex) -> Sequence[Build]:
    """All builds for a platform, the newest torch first."""
    return _by_platform(Held(index)).get(platform or "", ())
