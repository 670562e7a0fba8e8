"""Runs the checks in a child of the target interpreter; a crash or hang is pinned on one check, and the rest goes on."""

import datetime as dt
import json
import os
import pathlib
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ptsetup import index, run
from ptsetup.bench import machine
from ptsetup.bench.catalogue import BY_NAME, Entry, select
from ptsetup.bench.fastness import wanted
from ptsetup.bench.judge import ended, judge
from ptsetup.bench.records import FAILED, NOT_RUN, Check, Report
from ptsetup.bench.series import Speed
from ptsetup.bench.speed import PROCESSES, measure
from ptsetup.errors import TargetError, WheelIndexError
from ptsetup.facts import replace
from ptsetup.index import WheelIndex

Progress = Callable[[str], None]

IMPORT_S = 120.0
PYTHON_S = 10.0
"""What importing torch may take (a cold network disk)."""

POLL_S = 0.02

RESTARTS = 6
"""A torch that crashes in more checks than this is broken as a whole; the rest is skipped."""


def prove(
    python: str,
    *,
    device: str = "auto",
    profile: str = "quick",
    only: tuple[str, ...] = (),
    skip: tuple[str, ...] = (),
    seed: int = 0,
    progress: Progress | None = None,
    deadline_scale: float = 1.0,
    env: Mapping[str, str] | None = None,
    repeat: int = 0,
) -> Report:
    """Run the checks of a profile in that interpreter and judge them.

    Args:
        python: path of the interpreter that has torch.
        device: ``auto``, ``cpu``, ``cuda:0``, ``mps``, ``xpu``.
        profile: ``quick``, ``full`` or ``soak``.
        only: names or groups; reaches beyond the profile.
        skip: names or groups.
        seed: of all inputs.
        progress: told a line per check.
        deadline_scale: multiplies every deadline.
        env: variables of the child; None: ours.
        repeat: how many times the speed part runs, in processes that import torch themselves (what comparing needs);
            0: once, as the profile has it.

    Raises:
        TargetError: torch cannot be imported there.
    """
    entries = select(profile, only, skip)
    timed = wanted(profile, only, skip)
    session = _Session(python, device, seed, progress, deadline_scale, dict(os.environ if env is None else env))
    started = time.monotonic()
    checks = session.run(entries)
    report = _report(session, checks, profile=profile, python=python, seed=seed, seconds=time.monotonic() - started)
    if not timed:
        return report
    speed, found = timing(python, report, timed, session, repeat=repeat)
    return with_speed(report, speed, found, seconds=time.monotonic() - started)


def timing(
    python: str, report: Report, timed: Sequence[Entry], session: "_Session", *, repeat: int
) -> tuple[Speed | None, tuple[Check, ...]]:
    """The speed part. That of a torch which computes wrong is of no interest."""
    if report.failed:
        reason = "not measured: torch computes wrong here"
        return None, tuple(
            Check(name=e.name, group=e.group, title=e.title, detail=reason, reveals=e.reveals) for e in timed
        )
    device = session.info.get("device", "cpu") if session.device in ("auto", "") else session.device
    family = str(device).partition(":")[0]
    if session.device == "auto" and family in ("cuda", "xpu"):
        # every GPU: the slow one of eight is what a person would not find by hand
        device = family
    speed, found = measure(
        python,
        device=str(device),
        profile=report.profile,
        index=_peaks() if family != "cpu" else None,
        is_fresh=True if repeat else None,
        processes=PROCESSES[report.profile] * repeat if repeat else None,
        progress=session.progress,
        deadline_scale=session.scale,
        env=session.env_of_user,
    )
    names = {entry.name for entry in timed}
    return speed, tuple(check for check in found if check.name in names)


def with_speed(report: Report, speed: Speed | None, found: tuple[Check, ...], *, seconds: float) -> Report:
    """The report with the speed part in it."""
    checks = (*report.checks, *found)
    place = "the CPU" if report.device == "cpu" else f"{report.device} ({report.device_name})"
    if speed is not None and len(speed.devices) > 1:
        place = f"{report.device_name} and {len(speed.devices) - 1} more"
    changed: Report = replace(
        report,
        speed=speed,
        checks=checks,
        headline=headline(report.versions, place, checks, seconds),
        verdict=verdict_of(checks),
        seconds=seconds,
        machine={**report.machine, **machine_class(speed)},
    )
    return changed


def machine_class(speed: Speed | None) -> dict[str, Any]:
    """What must be equal for two runs to be compared."""
    quota = machine.cpu_quota()
    devices = [one.get("name") or one["device"] for one in speed.devices] if speed else []
    return {
        "system": platform.system(),
        "processor": machine.processor(),
        "threads_granted": machine.granted_threads(),
        "cpu_quota": round(quota, 2) if quota is not None else None,
        "devices": devices,
    }


def _peaks() -> WheelIndex | None:
    """The index, for the data sheets of GPUs; a damaged one costs only those."""
    try:
        return index.load()
    except WheelIndexError:
        return None


def _report(
    session: "_Session", checks: Sequence[Check], *, profile: str, python: str, seed: int, seconds: float
) -> Report:
    info = session.info
    device = str(info.get("device", "cpu"))
    title = f"{device} ({info.get('device_name')})" if info.get("device_name") else device
    return Report(
        verdict=verdict_of(checks),
        headline=headline(info.get("versions", {}), "the CPU" if device == "cpu" else title, checks, seconds),
        profile=profile,
        seed=seed,
        device=str(info.get("device", "cpu")),
        device_name=info.get("device_name"),
        python=python,
        versions=dict(info.get("versions", {})),
        machine={
            "threads": info.get("threads"),
            "cpu_capability": info.get("cpu_capability"),
            "device": info.get("device_name") or "cpu",
            "settings": _settings(info.get("settings") or {}),
        },
        taken_at=dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=seconds,
        cpu_seconds=session.cpu_seconds,
        peak_bytes=session.peak_bytes,
        libraries=tuple(sorted(session.libraries)),
        checks=tuple(checks),
    )


def _settings(found: Mapping[str, Any]) -> dict[str, str]:
    """How torch was set when it had been imported, in words."""
    allowed = {True: "allowed", False: "off"}
    words = {"matmul": "float32 products", "convolution": "TF32 in convolutions", "recurrent": "TF32 in recurrent nets"}
    return {words.get(name, name): allowed.get(value, str(value)) for name, value in found.items()}


def verdict_of(checks: Sequence[Check]) -> str:
    """``wrong``, ``slow``, ``ok``, or ``untested`` where no check could run."""
    words = {check.verdict for check in checks}
    if words & FAILED:
        return "wrong"
    return "slow" if "slow" in words else "ok" if words - NOT_RUN else "untested"


def headline(versions: Mapping[str, str], place: str, checks: Sequence[Check], seconds: float) -> str:
    """The answer in a sentence."""
    version = versions.get("torch", "?")
    bad = [check for check in checks if check.verdict in FAILED]
    ran = [check for check in checks if check.verdict not in NOT_RUN]
    if bad:
        return f"torch {version} computes wrong here: {len(bad)} of {len(ran)} checks failed. Do not train on this machine."
    if not ran:
        return f"Nothing of torch {version} was tested on {place}: none of the checks asked for can run there."
    slow = [check.title for check in ran if check.verdict == "slow"]
    count = f"{len(ran)} check{'s' if len(ran) != 1 else ''}"
    ending = f" Slow: {', '.join(slow)}." if slow else ""
    if all(check.group == "speed" for check in ran):
        return f"torch {version} was timed on {place} ({count} in {seconds:.1f} s); whether it computes right was not asked.{ending}"
    return f"torch {version} computes right on {place}: {count} in {seconds:.1f} s.{ending}"


class _Session:
    """Children one after the other until every check has its verdict."""

    def __init__(
        self, python: str, device: str, seed: int, progress: Progress | None, scale: float, env: dict[str, str]
    ) -> None:
        self.python, self.device, self.seed, self.progress, self.scale = python, device, seed, progress, scale
        self.info: dict[str, Any] = {}
        self.peak_bytes: int | None = None
        self.cpu_seconds: float | None = None
        self.libraries: set[str] = set()
        # one correctness thread; libgomp starts threads for the host's cores at import, and spinning ones spoil every clock
        self.env_of_user = env
        self.env = {**env, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
        self.env.pop("PYTHONWARNINGS", None)

    def run(self, entries: Sequence[Entry]) -> list[Check]:
        """Run them all; the order of the verdicts is that of the entries."""
        waiting = list(entries)
        done: dict[str, Check] = {}
        if not waiting:
            # only the speed part was asked for: which device it is, is still the child's to say
            self._child([], done)
        for _ in range(RESTARTS):
            if not waiting:
                break
            self._child(waiting, done)
            waiting = [entry for entry in waiting if entry.name not in done]
        for entry in waiting:
            done[entry.name] = Check(
                name=entry.name,
                group=entry.group,
                title=entry.title,
                detail="too many checks crashed before it",
                reveals=entry.reveals,
            )
        return [done[entry.name] for entry in entries]

    def _child(self, waiting: Sequence[Entry], done: dict[str, Check]) -> None:
        """One child: until it is done, or hangs, or dies."""
        with tempfile.TemporaryDirectory(prefix="ptsetup-bench-") as folder:
            answer = pathlib.Path(folder) / "answer.ndjson"
            answer.touch()
            asked = json.dumps({"device": self.device, "seed": self.seed, "checks": [entry.name for entry in waiting]})
            total = (IMPORT_S + sum(entry.deadline_s for entry in waiting)) * self.scale
            argv = [self.python, "-W", "ignore", run.script("bench_main.py"), str(answer), asked]
            child = run.Child(argv, deadline_s=total, env=self.env, cwd=folder)
            follower = _Follower(self, answer, done)
            try:
                hung = follower.follow(child)
            except BaseException:
                # Ctrl-C: it has a group of its own and would live on
                child.stop()
                raise
            if hung:
                # its deadline is over now
                child.deadline_s = 0.0
            completed = child.finish()
            follower.read()
            if follower.missing is not None and done:
                # it was there for the checks before
                self._lose(waiting, done, follower.missing)
                return
            if follower.missing is not None:
                raise TargetError(
                    f"The device that was asked for cannot be used by this torch: {follower.missing}.",
                    hint="ptsetup doctor says why; --device cpu tests the CPU.",
                )
            if follower.is_done:
                return
            current = follower.current
            words = completed.stderr or completed.stdout
            if current is None and follower.count:
                # it ended between two checks: an error of the device sticks to a process, and a new one goes on
                return
            if current is None:
                _raise_no_torch(self.python, completed, is_hung=hung)
                return
            entry = BY_NAME[current]
            done[current] = ended(
                entry,
                number=completed.signal if not hung else None,
                is_timeout=hung or completed.ending == "timeout",
                words=words,
                seconds=time.monotonic() - follower.since,
            )
            self._tell(done[current])

    def _lose(self, waiting: Sequence[Entry], done: dict[str, Check], words: str) -> None:
        """The device has gone: the first of those that wait says so, the rest is skipped."""
        for entry in [entry for entry in waiting if entry.name not in done]:
            is_first = not any(check.verdict == "crashed" and "has gone" in check.detail for check in done.values())
            done[entry.name] = Check(
                name=entry.name,
                group=entry.group,
                title=entry.title,
                verdict="crashed" if is_first else "skipped",
                detail=f"the device has gone: {words}" if is_first else "the device has gone",
                reveals="the driver, or a GPU that has fallen off the bus (the kernel's log names it)",
            )
            self._tell(done[entry.name])

    def _tell(self, check: Check) -> None:
        if self.progress:
            self.progress(f"{check.name:<18} {check.verdict}")


def _raise_no_torch(python: str, completed: run.Completed, *, is_hung: bool) -> None:
    lines = [line for line in completed.stderr.strip().splitlines() if line.strip()]
    if lines and "No module named 'torch'" in lines[-1]:
        raise TargetError(f"torch is not installed in {python}.", hint="Install it: ptsetup install")
    if completed.ending == "missing" or not _is_python(python):
        raise TargetError(
            f"{python} is no Python interpreter: it cannot run a line of Python.",
            hint="Name an interpreter by its path: --python /path/to/python",
        )
    if is_hung:
        why = "importing it did not end in time"
    elif completed.signal:
        why = f"importing it ended with signal {completed.signal}"
    else:
        why = lines[-1][:300] if lines else "importing it failed without a word"
    raise TargetError(f"torch cannot be used in {python}: {why}.", hint="ptsetup doctor names the cause.")


def _is_python(python: str) -> bool:
    """It runs a line of Python; asked only where something has gone wrong already."""
    done = run.run([python, "-c", "print(6 * 7)"], deadline_s=PYTHON_S)
    # one that is slow or dies may be one all the same
    return done.ending != "exited" or done.signal is not None or done.stdout.strip() == "42"


class _Follower:
    """Reads the child's answer while it grows."""

    def __init__(self, session: _Session, answer: pathlib.Path, done: dict[str, Check]) -> None:
        self.session, self.answer, self.done = session, answer, done
        self.current: str | None = None
        """The check that is running; None before, between and after them."""
        self.count = 0
        """How many checks have ended."""
        self.since = time.monotonic()
        self.is_done = False
        self.missing: str | None = None
        """The device that was asked for is not there: what torch said."""
        self._read = 0

    def follow(self, child: run.Child) -> bool:
        """Until the child ends; True when a check (or the import) ran past its deadline."""
        while child.is_running:
            self.read()
            limit = (BY_NAME[self.current].deadline_s if self.current else IMPORT_S) * self.session.scale
            if time.monotonic() - self.since > limit:
                return True
            if self.is_done:
                return False
            time.sleep(POLL_S)
        return False

    def read(self) -> None:
        """Take in the whole lines that have come."""
        with self.answer.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, record: Mapping[str, Any]) -> None:
        event = record.get("event")
        self.since = time.monotonic()
        if event == "info":
            self.session.info = dict(record)
        elif event == "start":
            self.current = str(record["name"])
        elif event == "end":
            entry = BY_NAME[str(record["name"])]
            self.current, self.count = None, self.count + 1
            self.done[entry.name] = judge(entry, record)
            self.session._tell(self.done[entry.name])  # noqa: SLF001 - one pair of classes
        elif event == "no_device":
            self.missing = f"{record.get('device')}: {record.get('detail')}"
        elif event == "done":
            self.is_done = True
            peak, cpu = record.get("peak_bytes"), record.get("cpu_seconds")
            self.session.peak_bytes = max(self.session.peak_bytes or 0, int(peak)) if peak else self.session.peak_bytes
            self.session.cpu_seconds = (self.session.cpu_seconds or 0.0) + float(cpu or 0.0)
            self.session.libraries |= set(record.get("libraries") or ())
