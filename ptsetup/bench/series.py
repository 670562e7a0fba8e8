"""Records of the speed part: raw samples, and what is made of them."""

import math
from collections.abc import Iterable, Sequence

from ptsetup.facts import Record

GROSS_IQR = 0.25
"""A process whose middle half is wider than this share of its median was disturbed (torch's own timer says so too)."""

GROSS_SPREAD = 0.25
"""Processes that lie further apart than this were not measuring the same thing."""


class Series(Record, frozen=True, kw_only=True):
    """The raw samples of one quantity in one process."""

    name: str
    """``matmul``, ``triad``, ``copy``, ``mlp``, ``dispatch``, ``host_to_device``, ``device_to_host``, ``sustained``."""
    process: int
    device: str
    threads: int | None = None
    dtype: str | None = None
    shape: tuple[int, ...] = ()
    array_mib: float | None = None
    wall_s: tuple[float, ...]
    """Seconds; on a GPU by device events."""
    cpu_s: tuple[float, ...]
    dropped: int | None
    """Samples of the warm-up; None: it never settled."""
    work: float
    """Of one sample, in ``unit``."""
    unit: str

    @property
    def key(self) -> str:
        """What names the quantity: equal keys may be compared."""
        shape = "x".join(map(str, self.shape)) if self.shape else ""
        size = f"{self.array_mib:g}MiB" if self.array_mib is not None else ""
        threads = f"{self.threads}t" if self.threads is not None else ""
        return ".".join(part for part in (self.name, self.dtype, shape, size, self.device, threads) if part)

    def samples(self, clock: str = "wall") -> tuple[float, ...]:
        """The settled samples by that clock (``wall`` or ``cpu``), in seconds."""
        all_of_them = self.cpu_s if clock == "cpu" else self.wall_s
        return all_of_them[self.dropped or 0 :]


class Metric(Record, frozen=True, kw_only=True):
    """One quantity over all processes."""

    key: str
    name: str
    device: str
    threads: int | None = None
    dtype: str | None = None
    shape: tuple[int, ...] = ()
    array_mib: float | None = None
    unit: str
    rate: float
    """Work per second, by the median of the processes' medians."""
    seconds: float
    """That median, of one sample."""
    medians: tuple[float, ...]
    """One per process, in seconds."""
    spread: float
    """Slowest process over fastest, less one."""
    iqr: float
    """The widest middle half of a process, as a share of its median."""
    is_noisy: bool
    """A process was disturbed or never settled, or the processes differ grossly."""


class Ceiling(Record, frozen=True, kw_only=True):
    """The best rate of one type over the fixed list of shapes, in this run."""

    device: str
    dtype: str
    threads: int | None = None
    rate: float
    """FLOP/s."""
    shape: tuple[int, ...]
    datasheet: float | None = None
    """FLOP/s that the maker states (dense); None: not known for this device."""
    achievable: float | None = None
    """Share of the datasheet that the best shape was publicly seen to reach; None: nobody published it."""
    source: str | None = None


class Pair(Record, frozen=True, kw_only=True):
    """A copy from one GPU to another."""

    source: int
    target: int
    is_right: bool | None
    """The content, read back through the host; None: the copy raised."""
    is_direct: bool | None = None
    """Peer access is possible."""
    gbs: float | None = None
    reason: str | None = None


class Absent(Record, frozen=True, kw_only=True):
    """A series that could not be measured."""

    name: str
    device: str
    dtype: str | None = None
    reason: str


class Gate(Record, frozen=True, kw_only=True):
    """How busy the machine was with other work."""

    spin: float
    """Wall over CPU time of a loop that only computes, the worst seen; idle is 1.0."""
    pressure: float | None
    """Share of the time in which some task waited for a CPU; None: the system does not tell."""
    is_quiet: bool
    tries: int = 1


class Speed(Record, frozen=True, kw_only=True):
    """Throughput of this machine."""

    threads: int
    """Granted by affinity and cgroup."""
    processes: int
    is_fresh: bool
    """Each process imported torch itself; else they are forks of one that had."""
    gate: Gate
    devices: tuple[dict[str, str | None], ...] = ()
    metrics: tuple[Metric, ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    pairs: tuple[Pair, ...] = ()
    absent: tuple[Absent, ...] = ()
    series: tuple[Series, ...] = ()
    """The raw samples."""
    slowest: str | None = None
    """The slowest of several GPUs."""

    def metric(self, name: str, **labels: object) -> Metric | None:
        """The first metric of that name with these labels (``device``, ``threads``, ``dtype`` ...)."""
        return next(
            (
                m
                for m in self.metrics
                if m.name == name and all(getattr(m, label) == value for label, value in labels.items())
            ),
            None,
        )


def median(values: Iterable[float]) -> float:
    """The median of at least one value."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the values lie (linear between neighbours)."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def summarise(series: Iterable[Series], clock: str = "wall") -> tuple[Metric, ...]:
    """A metric per key: median of the processes' medians. Order of first appearance."""
    groups: dict[str, list[Series]] = {}
    for one in series:
        groups.setdefault(one.key, []).append(one)
    return tuple(_metric(key, group, clock) for key, group in groups.items())


def _metric(key: str, group: Sequence[Series], clock: str) -> Metric:
    first = group[0]
    medians = tuple(median(one.samples(clock)) for one in group)
    middle = median(medians)
    iqr = max(_iqr(one.samples(clock)) for one in group)
    spread = max(medians) / min(medians) - 1 if min(medians) > 0 else 0.0
    # one odd process among several does not move a median of medians; most of them do
    odd = sum(abs(value - middle) > GROSS_SPREAD * middle for value in medians)
    disturbed = sum(one.dropped is None or _iqr(one.samples(clock)) > GROSS_IQR for one in group)
    return Metric(
        key=key,
        name=first.name,
        device=first.device,
        threads=first.threads,
        dtype=first.dtype,
        shape=first.shape,
        array_mib=first.array_mib,
        unit=first.unit,
        rate=first.work / middle if middle > 0 else 0.0,
        seconds=middle,
        medians=medians,
        spread=spread,
        iqr=iqr,
        is_noisy=2 * max(odd, disturbed) > len(group) or (len(group) > 1 and 3 * odd > len(group)),
    )


def _iqr(samples: Sequence[float]) -> float:
    middle = median(samples)
    return (quantile(samples, 0.75) - quantile(samples, 0.25)) / middle if middle > 0 else 0.0
