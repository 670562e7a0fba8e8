"""Keeps runs in a file, and tells a slowdown from chance: the process is the unit, not the sample."""

import math
import pathlib
import random
from collections.abc import Sequence

import msgspec

from ptsetup.bench.comparison import Comparison, Quantity
from ptsetup.bench.records import Report
from ptsetup.bench.series import Series, median
from ptsetup.errors import PtsetupError
from ptsetup.facts import Record

SCHEMA = 1

LEAST_RATIO = 0.10
"""Nothing below this is called a slowdown: fresh processes of one build differ by 5 to 10 %."""
SURE_RATIO = 0.05
"""The lower limit of the bootstrap must lie above this."""
MAD_FACTOR = 3.0
RESAMPLES = 400
FEW = 0.1
"""Share of processes that may lie on the other side, where other work disturbs the machine."""
LOWER = 0.025
"""The lower limit of a 95 % interval."""
LEAST_RUNS = 3
"""Runs that a baseline needs before anything is called slower."""

CLASS = ("system", "processor", "threads_granted", "cpu_quota", "devices")


class Run(Record, frozen=True, kw_only=True):
    """One run of the speed part, as kept."""

    taken_at: str | None = None
    profile: str
    versions: dict[str, str] = {}
    machine: dict[str, object] = {}
    is_quiet: bool
    series: tuple[Series, ...]


class Kept(Record, frozen=True, kw_only=True):
    """A file of runs of one machine class."""

    schema: int = SCHEMA
    kind: str = "ptsetup bench runs"
    runs: tuple[Run, ...] = ()


def runs_of(report: Report, repeat: int = 1) -> tuple[Run, ...]:
    """The report's speed part as runs: its processes divided by ``repeat``.

    Raises:
        PtsetupError: nothing was timed.
    """
    speed = report.speed
    if speed is None or not speed.series:
        raise PtsetupError(
            "This run timed nothing, so there is nothing to keep or to compare.",
            hint="Leave out --only and --skip, or add the group: --only speed",
        )
    size = max(1, speed.processes // max(1, repeat))
    groups: dict[int, list[Series]] = {}
    for one in speed.series:
        groups.setdefault(min(one.process // size, repeat - 1), []).append(one)
    return tuple(
        Run(
            taken_at=report.taken_at,
            profile=report.profile,
            versions=report.versions,
            machine={key: report.machine.get(key) for key in CLASS},
            is_quiet=speed.gate.is_quiet,
            series=tuple(group),
        )
        for _, group in sorted(groups.items())
    )


def load(name: str) -> Kept:
    """Read a file of runs.

    Raises:
        PtsetupError: it cannot be read, or is none.
    """
    try:
        kept = msgspec.json.decode(pathlib.Path(name).read_bytes(), type=Kept)
    except OSError as problem:
        raise PtsetupError(
            f"{name} cannot be read: {problem.strerror}.", hint=f"Make it first: ptsetup bench --save {name}"
        ) from None
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as problem:
        raise PtsetupError(
            f"{name} is no file of kept runs: {problem}.", hint="Name one that ptsetup bench --save wrote."
        ) from None
    if kept.schema != SCHEMA:
        raise PtsetupError(
            f"{name} has schema {kept.schema}; this ptsetup reads schema {SCHEMA}.",
            hint="Make it again: ptsetup bench --save FILE",
        )
    if not kept.runs:
        raise PtsetupError(f"{name} holds no runs.", hint="Make it: ptsetup bench --save FILE")
    return kept


def added(kept: Kept | None, runs: Sequence[Run], name: str) -> bytes:
    """The file's new content: its runs and the new ones.

    Raises:
        PtsetupError: the runs in the file are of another machine class.
    """
    if kept is not None:
        require_same_class(kept, runs[0], name)
    whole = Kept(runs=(*(kept.runs if kept else ()), *runs))
    return msgspec.json.encode(whole) + b"\n"


def require_same_class(kept: Kept, run: Run, name: str) -> None:
    """Figures of two machines are not compared.

    Raises:
        PtsetupError: names what differs.
    """
    theirs = kept.runs[0].machine
    different = [key for key in CLASS if _plain(theirs.get(key)) != _plain(run.machine.get(key))]
    if different:
        words = "; ".join(
            f"{key.replace('_', ' ')} {theirs.get(key)} there, {run.machine.get(key)} here" for key in different
        )
        raise PtsetupError(
            f"The runs in {name} are of another machine class: {words}.",
            hint="Compare only runs of one class; keep this machine's in a file of its own: ptsetup bench --save FILE",
        )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def compare(before: Sequence[Run], after: Sequence[Run], *, seed: int = 0) -> Comparison:
    """Every quantity that both sides timed, judged.

    A quantity is slower when the ratio of the medians of medians is beyond max(10 %, 3 x the larger MAD of runs and processes) and
    the lower limit of a bootstrap over processes, then samples, is above 5 %. Wall time; CPU time with one thread where
    either side was busy with other work, and there nothing is said about more threads, and the processes must stand apart.
    """
    is_quiet = all(run.is_quiet for run in (*before, *after))
    old, new = _by_key(before), _by_key(after)
    quantities = tuple(
        _quantity(key, old[key], new[key], is_quiet=is_quiet, is_enough=len(before) >= LEAST_RUNS, seed=seed)
        for key in old
        if key in new
    )
    return Comparison(
        headline=_headline(quantities, before),
        runs_before=len(before),
        runs_after=len(after),
        versions_before=before[-1].versions,
        versions_after=after[-1].versions,
        quantities=quantities,
    )


def _by_key(runs: Sequence[Run]) -> dict[str, list[list[Series]]]:
    """Key -> the runs' series of that key."""
    found: dict[str, list[list[Series]]] = {}
    for number, run in enumerate(runs):
        for one in run.series:
            groups = found.setdefault(one.key, [])
            if not groups or groups[-1][0].process >> 20 != number:
                groups.append([])
            # the run's number rides above the process's, so that one pass groups them
            groups[-1].append(msgspec.structs.replace(one, process=(number << 20) | (one.process & 0xFFFFF)))
    return found


def _quantity(
    key: str,
    old: Sequence[Sequence[Series]],
    new: Sequence[Sequence[Series]],
    *,
    is_quiet: bool,
    is_enough: bool,
    seed: int,
) -> Quantity:
    clock = "wall"
    first = old[0][0]
    if not is_quiet and first.device == "cpu":
        if first.threads != 1:
            return Quantity(key=key, verdict="noisy", ratio=_ratio(old, new, clock), clock=clock)
        clock = "cpu"
    ratio = _ratio(old, new, clock)
    limit = max(math.log1p(LEAST_RATIO), MAD_FACTOR * max(_mad(old, clock), _mad(new, clock)))
    verdict, low = "same", None
    if abs(math.log(ratio)) > limit:
        slower = ratio > 1
        low = (
            lower_limit(_samples(old, clock), _samples(new, clock), seed=seed)
            if slower
            else lower_limit(_samples(new, clock), _samples(old, clock), seed=seed)
        )
        if low > 1 + SURE_RATIO:
            verdict = ("slower" if slower else "faster") if is_enough else "unsure"
            if not is_quiet and not (stand_apart(old, new, clock) if slower else stand_apart(new, old, clock)):
                verdict = "noisy"
    return Quantity(key=key, verdict=verdict, ratio=ratio, limit=math.exp(limit), low=low, clock=clock)


def _samples(runs: Sequence[Sequence[Series]], clock: str) -> list[tuple[float, ...]]:
    return [_per_work(one, clock) for run in runs for one in run]


def _per_work(one: Series, clock: str) -> tuple[float, ...]:
    """Seconds per unit of work: a sample may hold another number of steps than one that was kept."""
    return tuple(sample / one.work for sample in one.samples(clock))


def _run_median(run: Sequence[Series], clock: str) -> float:
    return median(median(_per_work(one, clock)) for one in run)


def _ratio(old: Sequence[Sequence[Series]], new: Sequence[Sequence[Series]], clock: str) -> float:
    before, after = (median(median(samples) for samples in _samples(runs, clock)) for runs in (old, new))
    return after / before if before > 0 and after > 0 else 1.0


def _mad(runs: Sequence[Sequence[Series]], clock: str) -> float:
    """Median absolute deviation of the runs' medians or of the processes' (the larger), as a log ratio."""
    by_process = [median(samples) for samples in _samples(runs, clock)]
    return max(_deviation([_run_median(run, clock) for run in runs]), _deviation(by_process))


def _deviation(values: Sequence[float]) -> float:
    logs = [math.log(max(1e-12, value)) for value in values]
    middle = median(logs)
    return median(abs(value - middle) for value in logs)


def stand_apart(low: Sequence[Sequence[Series]], high: Sequence[Sequence[Series]], clock: str) -> bool:
    """Whether (nearly) every process of ``high`` took longer than (nearly) every one of ``low``.

    Of twelve alike processes the three new ones are the three slowest once in 220 times, however they scatter; a median may be beyond a
    limit far more often on a machine whose load changes from minute to minute.
    """
    below, above = (sorted(median(samples) for samples in _samples(runs, clock)) for runs in (low, high))
    return above[int(FEW * len(above))] > below[math.ceil((1 - FEW / 2) * len(below)) - 1]


def lower_limit(
    before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], *, seed: int = 0, resamples: int = RESAMPLES
) -> float:
    """Lower limit of the ratio after/before: processes are drawn with replacement, then the samples of each."""
    chance = random.Random(seed)  # noqa: S311 - a bootstrap, no secret
    ratios = sorted(_drawn(after, chance) / _drawn(before, chance) for _ in range(resamples))
    return ratios[int(LOWER * resamples)]


def _drawn(processes: Sequence[Sequence[float]], chance: random.Random) -> float:
    drawn = chance.choices(processes, k=len(processes))
    return median(median(chance.choices(samples, k=len(samples))) for samples in drawn)


def _headline(quantities: Sequence[Quantity], before: Sequence[Run]) -> str:
    slower = [one for one in quantities if one.verdict == "slower"]
    kept = f"{len(before)} kept run{'s' if len(before) != 1 else ''}"
    if not quantities:
        return f"Nothing that was timed now was timed in the {kept}."
    if slower:
        worst = max(slower, key=lambda one: one.ratio)
        return f"Slower than the {kept}: {len(slower)} of {len(quantities)} quantities, the worst by {100 * (worst.ratio - 1):.0f} %."
    if len(before) < LEAST_RUNS:
        return f"Against {kept}; nothing is called slower before there are {LEAST_RUNS} (ptsetup bench --save FILE --repeat {LEAST_RUNS})."
    noisy = sum(one.verdict == "noisy" for one in quantities)
    rest = f"; {noisy} could not be told on a busy machine" if noisy else ""
    return f"No slower than the {kept}: {len(quantities) - noisy} quantities{rest}."
