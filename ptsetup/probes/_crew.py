"""Probes at work side by side: threads that cannot hold us, and a bug in one costs its own section only."""

import threading
import time
from collections.abc import Callable

from ptsetup.errors import PtsetupError
from ptsetup.facts import replace
from ptsetup.probes._found import Found

Progress = Callable[[str], None]

HEAD_START_S = 0.01
"""A probe that reads a few files is done within this time. Threads of Python that compute at once take turns; taking
them cost as much as the reading."""


class Crew:
    """Runs probes and keeps what they bring."""

    def __init__(self, progress: Progress | None = None) -> None:
        """Nothing runs yet; ``progress`` is told one line per probe that has ended."""
        self._progress = progress
        self._found: dict[str, Found] = {}
        self._threads: dict[str, tuple[threading.Thread, float]] = {}

    def start(self, name: str, probe: Callable[[], Found], *, deadline_s: float, head_start_s: float = 0.0) -> None:
        """Run a probe beside the others; ``head_start_s``: after so long at most we go on, and it may still be at work.

        Its thread is a daemon: one that is stuck in the kernel does not hold us at the end.
        """
        thread = threading.Thread(target=self.do, args=(name, probe), name=f"ptsetup-{name}", daemon=True)
        self._threads[name] = thread, time.monotonic() + deadline_s
        thread.start()
        thread.join(head_start_s)

    def do(self, name: str, probe: Callable[[], Found]) -> Found:
        """Run a probe here and now.

        Raises:
            PtsetupError: the probe says that the whole Snapshot makes no sense (no target); anything else is kept as ``failed``.
        """
        started = time.monotonic()
        try:
            found = probe()
        except PtsetupError:
            raise
        except Exception as bug:  # noqa: BLE001 - whatever happens in a probe, the others go on
            found = Found(status="failed", detail=f"The probe itself failed: {type(bug).__name__}: {bug}")
        if not found.seconds:
            found = replace(found, seconds=time.monotonic() - started)
        # what comes after its deadline comes too late: the Snapshot is being put together
        self._found.setdefault(name, found)
        if self._progress is not None and found.status != "skipped":
            self._progress(f"looked at {name}: {found.detail or found.status}")
        return found

    def result(self, name: str) -> Found:
        """What a probe brought; one that takes longer than its deadline is left behind, and its answer would come too late."""
        if name in self._threads:
            thread, end = self._threads[name]
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                self._found.setdefault(
                    name, Found(status="timeout", detail="It did not come to an end and was left behind.")
                )
        return self._found[name]

    def wait(self) -> dict[str, Found]:
        """What all of them brought."""
        for name in self._threads:
            self.result(name)
        return dict(self._found)
