"""How fast torch is here: several processes, a noise gate, and this machine's own ceiling, measured in the same run."""

import contextlib
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ptsetup import run
from ptsetup.bench import machine, peaks
from ptsetup.bench.fastness import BY_NAME, ENTRIES, PRESSURE_LIMIT, SPIN_LIMIT, judge_all, slowest
from ptsetup.bench.judge import ended
from ptsetup.bench.records import Check
from ptsetup.bench.series import Absent, Ceiling, Gate, Pair, Series, Speed, summarise
from ptsetup.index import WheelIndex

Progress = Callable[[str], None]

PROCESSES = {"quick": 3, "full": 5, "soak": 5}
DEADLINE_S = 240.0
"""Of one child, importing torch from a cold disk included."""
SUSTAINED_S = 20.0
RETRY_WAIT_S = 1.5
CHECK_OF = {
    **dict.fromkeys(("copy", "triad", "host_to_device", "device_to_host"), "memory"),
    **dict.fromkeys(("pageable_to_device", "device_to_pageable"), "memory"),
    "pair": "p2p",
}
"""The check that a series belongs to, where their names differ."""


def measure(
    python: str,
    *,
    device: str = "cpu",
    profile: str = "quick",
    index: WheelIndex | None = None,
    is_fresh: bool | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
    deadline_scale: float = 1.0,
    env: Mapping[str, str] | None = None,
) -> tuple[Speed | None, tuple[Check, ...]]:
    """Measure throughput in that interpreter and judge it.

    Args:
        python: path of the interpreter that has torch.
        device: ``cpu``, ``cuda:1``; ``cuda`` means every GPU.
        profile: decides the number of processes and how wide the sweep is.
        index: for the data sheets of known GPUs.
        is_fresh: every process imports torch itself (what comparing needs); None: not in the quick profile on a CPU.
        processes: their number; None: 3 for quick, else 5.
        progress: told a line per process.
        deadline_scale: multiplies the deadlines.
        env: variables of the children; None: ours.

    Returns:
        what was measured (None when nothing was), and a check per quantity. Never raises for what the children do.
    """
    session = _Session(python, device, profile, progress, deadline_scale, dict(os.environ if env is None else env))
    session.is_fresh = is_fresh if is_fresh is not None else profile != "quick"
    session.count = processes or PROCESSES[profile]
    session.go()
    return session.speed(index), session.checks(index)


class _Session:
    """The children of one measurement, and what they said."""

    def __init__(
        self, python: str, device: str, profile: str, progress: Progress | None, scale: float, env: dict[str, str]
    ) -> None:
        self.python, self.device, self.profile, self.progress, self.scale = python, device, profile, progress, scale
        self.threads = machine.granted_threads()
        # threads for what is granted, not for the host's cores
        self.env = {**env, "OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        self.is_fresh, self.count = True, 1
        self.spins: list[float] = []
        self.pressure: float | None = None
        self.tries = 1
        self.process = -1
        self.devices: tuple[dict[str, str | None], ...] = ()
        self.series: list[Series] = []
        self.pairs: list[Pair] = []
        self.absent: list[Absent] = []
        self.held_back: dict[str, str] = {}
        self.ended: Check | None = None
        self.current: str | None = None
        self.is_done = False

    def go(self) -> None:
        """All children, behind the gate."""
        self.spins.append(machine.spin())
        if self.spins[0] > SPIN_LIMIT:
            # a burst of other work may pass: look once more
            time.sleep(RETRY_WAIT_S)
            self.spins, self.tries = [machine.spin()], 2
        begun, waited = time.monotonic(), machine.pressure_us()
        is_forking = not self.is_fresh and self.device == "cpu" and os.name == "posix"
        self.is_fresh = not is_forking
        for number in range(1 if is_forking else self.count):
            if self.progress:
                self.progress(f"speed, process {number + 1} of {1 if is_forking else self.count}")
            self._child(number, forks=self.count if is_forking else 0)
            if self.ended:
                break
        after = machine.pressure_us()
        if waited is not None and after is not None:
            self.pressure = (after - waited) / 1e6 / max(1e-3, time.monotonic() - begun)

    def _child(self, number: int, *, forks: int) -> None:
        is_wide = self.profile != "quick" and number == 0
        sustained_s = SUSTAINED_S if self.profile == "soak" and number == 0 else 0
        asked = {"device": self.device, "threads": self.threads, "forks": forks, "is_wide": is_wide}
        asked["sustained_s"] = sustained_s
        with tempfile.TemporaryDirectory(prefix="ptsetup-speed-") as folder:
            answer = pathlib.Path(folder) / "answer.ndjson"
            argv = [self.python, "-W", "ignore", run.script("bench_speed.py"), str(answer), json.dumps(asked)]
            begun = time.monotonic()
            completed = run.run(argv, deadline_s=(DEADLINE_S + sustained_s) * self.scale, env=self.env, cwd=folder)
            self.is_done = False
            self._read(answer)
        if not self.is_done or not completed.is_ok:
            self._ended(completed, time.monotonic() - begun)

    def _read(self, answer: pathlib.Path) -> None:
        try:
            lines = answer.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            # a line may be cut short by the child's death; the death itself is reported
            with contextlib.suppress(ValueError, KeyError, TypeError, msgspec.ValidationError):
                self._take(json.loads(line))

    def _take(self, record: dict[str, Any]) -> None:
        event = record["event"]
        if event == "info":
            self.process += 1
            self.devices = tuple(record["devices"])
            self.spins += record["spin"]
        elif event == "start":
            self.current = str(record["name"])
        elif event == "series":
            self.series.append(_series(record, self.process))
        elif event == "pair":
            self._pair(record)
        elif event == "absent":
            self._absent(record)
        elif event == "clocks":
            self.held_back[str(record["device"])] = ", ".join(record["reasons"])
        elif event == "done":
            self.is_done, self.current = True, None
            self.spins += record["spin"]

    def _pair(self, record: Mapping[str, Any]) -> None:
        pair = msgspec.convert(record, Pair)
        others = [one for one in self.pairs if (one.source, one.target) != (pair.source, pair.target)]
        known = [one for one in self.pairs if (one.source, one.target) == (pair.source, pair.target)]
        # content that was wrong once is wrong
        self.pairs = [*others, known[0] if known and known[0].is_right is not True else pair]

    def _absent(self, record: Mapping[str, Any]) -> None:
        one = Absent(
            name=record["name"], device=record["device"], dtype=record.get("dtype"), reason=str(record["reason"])
        )
        if one not in self.absent:
            self.absent.append(one)

    def _ended(self, completed: run.Completed, seconds: float) -> None:
        name = f"speed.{CHECK_OF.get(self.current or '', self.current or 'mlp')}"
        entry = BY_NAME.get(name, ENTRIES[0])
        self.ended = ended(
            entry,
            number=completed.signal,
            is_timeout=completed.ending == "timeout",
            words=completed.stderr,
            seconds=seconds,
        )

    def gate(self) -> Gate:
        """How busy the machine was."""
        spin = max(self.spins)
        is_quiet = spin <= SPIN_LIMIT and (self.pressure is None or self.pressure < PRESSURE_LIMIT)
        return Gate(spin=round(spin, 3), pressure=self.pressure, is_quiet=is_quiet, tries=self.tries)

    def speed(self, index: WheelIndex | None) -> Speed | None:
        """All that was measured; None when nothing was."""
        if not self.series:
            return None
        speed = Speed(
            threads=self.threads,
            processes=self.process + 1,
            is_fresh=self.is_fresh,
            gate=self.gate(),
            devices=tuple(self._told(one) for one in self.devices),
            metrics=summarise(self.series),
            pairs=tuple(sorted(self.pairs, key=lambda pair: (pair.source, pair.target))),
            absent=tuple(self.absent),
            series=tuple(self.series),
        )
        return with_ceilings(speed, index)

    def _told(self, device: dict[str, str | None]) -> dict[str, str | None]:
        """The device, with what held its clocks back under a long load where the driver told."""
        reasons = self.held_back.get(str(device["device"]))
        return device if reasons is None else {**device, "held_back": reasons}

    def checks(self, index: WheelIndex | None) -> tuple[Check, ...]:
        """A check per quantity of the profile."""
        speed = self.speed(index)
        found = judge_all(speed, self.profile) if speed else ()
        if self.ended is None:
            return found
        return (*(check for check in found if check.name != self.ended.name), self.ended)


def _series(record: Mapping[str, Any], process: int) -> Series:
    return Series(
        name=record["name"],
        process=process,
        device=record["device"],
        threads=record.get("threads"),
        dtype=record.get("dtype"),
        shape=tuple(record.get("shape") or ()),
        array_mib=record.get("array_mib"),
        wall_s=tuple(record["wall_s"]),
        cpu_s=tuple(record["cpu_s"]),
        dropped=record["dropped"],
        work=record["work"],
        unit=record["unit"],
    )


def with_ceilings(speed: Speed, index: WheelIndex | None) -> Speed:
    """The same with the best rate per device, dtype and number of threads, and the data sheet beside it."""
    names = {one["device"]: one.get("name") for one in speed.devices}
    best: dict[tuple[str, str, int | None], Ceiling] = {}
    for metric in speed.metrics:
        if metric.name != "matmul" or metric.dtype is None:
            continue
        key = (metric.device, metric.dtype, metric.threads)
        if key in best and best[key].rate >= metric.rate:
            continue
        known = peaks.known(names.get(metric.device), index)
        best[key] = Ceiling(
            device=metric.device,
            dtype=metric.dtype,
            threads=metric.threads,
            rate=metric.rate,
            shape=metric.shape,
            datasheet=known.flops.get(metric.dtype) if known else None,
            achievable=known.achievable if known and metric.dtype == "bfloat16" else None,
            source=known.source if known else None,
        )
    return msgspec.structs.replace(speed, ceilings=tuple(best.values()), slowest=slowest(speed))
