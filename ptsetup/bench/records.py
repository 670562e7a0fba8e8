"""What a benchmark run reports."""

from typing import Any

from ptsetup.bench.comparison import Comparison
from ptsetup.bench.series import Speed
from ptsetup.facts import Record

SCHEMA = 1

FAILED = frozenset(("wrong", "crashed", "timeout"))
"""Verdicts that fail a run. ``slow`` does too, where it was asked for."""

NOT_RUN = frozenset(("skipped", "unavailable", "unsupported"))
"""Verdicts of checks that compared nothing."""


class Check(Record, frozen=True, kw_only=True):
    """One check and its verdict."""

    name: str
    """``optim.adam``: what ``--only`` and ``--skip`` take."""
    group: str = ""
    title: str = ""
    verdict: str = "skipped"
    """``ok``, ``wrong``, ``slow``, ``unavailable`` (feature not in this build), ``unsupported`` (the device cannot), ``crashed``,
    ``timeout``, ``noisy``, ``skipped``."""
    error: float | None = None
    """Largest error, in ``unit``; None where nothing was measured."""
    tolerance: float | None = None
    unit: str = ""
    """``eps`` of the dtype, ``rel`` (relative), ``count`` (wrong values), ``sigma``, or a word for what was compared."""
    detail: str = ""
    """Where the largest error was, or why there is no verdict."""
    reveals: str = ""
    """What its failure points to."""
    seconds: float | None = None
    cpu_seconds: float | None = None
    data: dict[str, Any] = {}
    """What else was measured: a loss curve, counts."""


class Report(Record, frozen=True, kw_only=True):
    """One run of the benchmark."""

    schema: int = SCHEMA
    verdict: str = "ok"
    """``ok``, ``wrong``, ``slow``, ``untested`` (no check could run)."""
    headline: str = ""
    profile: str = "quick"
    seed: int = 0
    device: str = "cpu"
    device_name: str | None = None
    python: str | None = None
    """The target interpreter."""
    versions: dict[str, str] = {}
    """``python``, ``torch``, ``cuda``, ``cudnn`` ..."""
    machine: dict[str, Any] = {}
    """Machine class: what must be equal for two runs to be compared (device, threads, dtype modes, processor)."""
    taken_at: str | None = None
    seconds: float = 0.0
    cpu_seconds: float | None = None
    peak_bytes: int | None = None
    """Peak memory of the child."""
    libraries: tuple[str, ...] = ()
    """File of every library of interest that the child had mapped (Linux): two of one kind, or one from elsewhere, explain much."""
    checks: tuple[Check, ...] = ()
    speed: Speed | None = None
    """Throughput against this machine's own ceiling, with the raw samples."""
    comparison: Comparison | None = None
    """Against kept runs (``--compare``)."""

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that fail the run."""
        return tuple(check for check in self.checks if check.verdict in FAILED)
