"""Takes a Snapshot: every probe beside the others, each under a deadline, and a Reading of each whatever happens."""

import threading
import time
from collections.abc import Callable
from typing import Any

from ptsetup import __version__
from ptsetup.errors import PtsetupError
from ptsetup.facts import Reading, Snapshot, Target, Unknown, replace
from ptsetup.probes import _ask, choose, deadlines
from ptsetup.probes._found import Found

Progress = Callable[[str], None]

ORDER = ("host", "nvidia", "amd", "intel", "apple", "disks", "target", "torch", "env")
"""The order of the readings, whatever the order in which they arrive."""


def take(
    python: str | None = None,
    *,
    deadline_scale: float = 1.0,
    with_torch: bool = True,
    is_deep: bool = False,
    is_online: bool = False,
    progress: Progress | None = None,
) -> Snapshot:
    """Look at this machine and at one interpreter in it.

    Args:
        python: path or name of the target (``3.12``); None: the active environment, else ./.venv, else our own interpreter.
        deadline_scale: multiplies every deadline (see ``deadlines``).
        with_torch: import torch in the target.
        is_deep: also sample clocks, hash files, test devices and import what is built on torch.
        is_online: the network may be asked.
        progress: told one line per probe that has ended.

    Raises:
        TargetError: the target does not exist or does not answer.
    """
    choice = choose.choose(python)
    taking = _Taking(progress)
    from ptsetup.probes import target, torch

    # the slow children first
    importing = torch.start(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep) if with_torch else None
    reading = target.start(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep)
    try:
        return _gather(taking, choice, importing, reading, deadline_scale, is_deep=is_deep, is_online=is_online)
    except BaseException:
        # Ctrl-C, or no target: nothing that we started stays behind
        for question in (importing, reading):
            if question is not None:
                question.stop()
        raise


def _gather(
    taking: "_Taking",
    choice: choose.Choice,
    importing: _ask.Question | None,
    reading: _ask.Question,
    scale: float,
    *,
    is_deep: bool,
    is_online: bool,
) -> Snapshot:
    from ptsetup.probes import amd, apple, disks, environ, host, intel, nvidia, target, torch

    taking.start("host", lambda: host.probe(deadline_scale=scale, is_online=is_online))
    taking.start("nvidia", lambda: nvidia.probe(deadline_scale=scale, is_deep=is_deep))
    taking.start("amd", lambda: amd.probe(deadline_scale=scale))
    taking.start("intel", lambda: intel.probe(deadline_scale=scale))
    taking.start("apple", lambda: apple.probe(deadline_scale=scale))
    taking.do("env", lambda: Found(record=environ.take()))
    looked = taking.do("target", lambda: target.finish(reading, choice))
    taking.start("disks", lambda: _disks(disks, looked.record, scale))
    if importing is not None:
        taking.do("torch", lambda: torch.finish(importing))
    else:
        taking.keep("torch", Found(status="skipped", detail="Importing torch was not asked for."))
    return taking.snapshot(deadlines.THREAD_S * scale)


def _disks(disks: Any, target: Target | None, scale: float) -> Found:
    paths = {"target": target.purelib} if target and target.purelib else {}
    unknowns: list[Unknown] = []
    record = disks.probe({**paths, **disks.usual()}, deadline_scale=scale, unknowns=unknowns)
    return Found(record=record, unknowns=tuple(unknowns))


class _Taking:
    """The probes at work: some in threads of their own."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._started = time.monotonic()
        self._found: dict[str, Found] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, name: str, probe: Callable[[], Found]) -> None:
        """Run a probe beside the others. The thread is a daemon: one that is stuck in the kernel cannot hold us at the end."""
        thread = threading.Thread(target=self.do, args=(name, probe), name=name, daemon=True)
        self._threads[name] = thread
        thread.start()

    def do(self, name: str, probe: Callable[[], Found]) -> Found:
        """Run a probe here and now; a bug in it costs its own section only."""
        started = time.monotonic()
        try:
            found = probe()
        except PtsetupError:
            raise
        except Exception as bug:  # noqa: BLE001 - whatever happens in a probe, the others go on
            found = Found(status="failed", detail=f"The probe itself failed: {type(bug).__name__}: {bug}")
        if not found.seconds:
            found = replace(found, seconds=time.monotonic() - started)
        self.keep(name, found)
        return found

    def keep(self, name: str, found: Found) -> None:
        """Keep what a probe brought."""
        self._found[name] = found
        if self._progress is not None and found.status != "skipped":
            self._progress(f"looked at {name}: {found.detail or found.status}")

    def snapshot(self, deadline_s: float) -> Snapshot:
        """Wait for the threads and put all together, always in the same order."""
        for name, thread in self._threads.items():
            thread.join(max(0.0, deadline_s - (time.monotonic() - self._started)))
            if name not in self._found:
                self.keep(
                    name, Found(status="timeout", detail=f"No answer within {deadline_s:.0f} s.", seconds=deadline_s)
                )
        found = {name: self._found[name] for name in ORDER if name in self._found}
        sections = {name: one.record for name, one in found.items() if name != "disks"}
        disks = found.get("disks")
        if sections.get("host") is not None and disks is not None and disks.record is not None:
            sections["host"] = replace(sections["host"], disks=disks.record)
        return Snapshot(
            taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            ptsetup_version=__version__,
            messages=tuple(message for one in found.values() for message in one.messages),
            unknowns=tuple(unknown for one in found.values() for unknown in _reasons(one)) + _lost(found),
            readings=tuple(_reading(name, one) for name, one in found.items()),
            **sections,
        )


def _reasons(found: Found) -> tuple[Unknown, ...]:
    return found.unknowns


def _lost(found: dict[str, Found]) -> tuple[Unknown, ...]:
    """A section that brought nothing keeps the reason."""
    reasons = {"timeout": "timeout", "failed": "failed", "absent": "absent", "skipped": "unsupported"}
    return tuple(
        Unknown(
            path="host.disks" if name == "disks" else name, reason=reasons.get(one.status, "failed"), detail=one.detail
        )
        for name, one in found.items()
        if one.record is None and all(unknown.path != name for unknown in one.unknowns)
    )


def _reading(name: str, found: Found) -> Reading:
    return Reading(probe=name, status=found.status, seconds=round(found.seconds, 3), detail=found.detail)
