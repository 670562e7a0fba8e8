"""The only place that starts child processes: with a deadline, a process group of their own, and files for output."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from ptsetup.facts._record import Record

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes of each stream that are read back; a child that floods costs disk until its deadline, never our memory."""

KILL_WAIT_S = 2.0
"""How long we wait for a killed child; one stuck in a kernel driver cannot be ended and is left behind."""


class Completed(Record, frozen=True, kw_only=True):
    """How a child ended."""

    argv: tuple[str, ...]
    ending: str
    """``exited``, ``missing`` (no such program, or not executable), ``timeout``."""
    exit_code: int | None = None
    """None for ``missing`` and ``timeout``; negative never: see ``signal``."""
    signal: int | None = None
    """The signal that ended it."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    is_left_behind: bool = False
    """It outlived its kill (a process in uninterruptible sleep)."""

    @property
    def is_ok(self) -> bool:
        """It ran and exited with 0."""
        return self.ending == "exited" and self.exit_code == 0


class Child:
    """A running child; ``finish`` waits for it until its deadline."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        deadline_s: float,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> None:
        """Start ``argv`` with its own process group, no stdin, and temporary files for its output."""
        self.argv = tuple(map(str, argv))
        self.deadline_s = deadline_s
        self._started = time.monotonic()
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish()
        self._err = tempfile.TemporaryFile()  # noqa: SIM115 - closed by finish()
        self._problem = ""
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=self._out,
                stderr=self._err,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        except (OSError, ValueError) as problem:
            self._problem = str(problem)

    @property
    def is_running(self) -> bool:
        """It has started and not ended yet."""
        return self._process is not None and self._process.poll() is None

    def partial_stdout(self) -> str:
        """What it has written so far."""
        return _text(self._out)

    def finish(self) -> Completed:
        """Wait until it ends or its deadline passes; then end its whole group. Never raises for what the child does."""
        process = self._process
        if process is None:
            self._close()
            return Completed(argv=self.argv, ending="missing", stderr=self._problem)
        ending, left = "exited", False
        try:
            process.wait(timeout=max(0.0, self.deadline_s - (time.monotonic() - self._started)))
        except subprocess.TimeoutExpired:
            ending = "timeout"
            left = not self._end(process)
        except BaseException:
            # Ctrl-C must not leave children behind
            self._end(process)
            self._close()
            raise
        seconds = time.monotonic() - self._started
        if ending == "exited":
            # a grandchild may still hold the group
            _kill_group(process.pid)
        out, err = _text(self._out), _text(self._err)
        self._close()
        code = process.returncode
        return Completed(
            argv=self.argv,
            ending=ending,
            exit_code=code if ending == "exited" and code is not None and code >= 0 else None,
            signal=-code if ending == "exited" and code is not None and code < 0 else None,
            stdout=out,
            stderr=err,
            seconds=seconds,
            is_left_behind=left,
        )

    @staticmethod
    def _end(process: "subprocess.Popen[bytes]") -> bool:
        """Kill the group; True when the child is gone."""
        if os.name == "posix":
            _kill_group(process.pid)
        else:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(
                    ["taskkill", "/T", "/F", "/PID", str(process.pid)],  # noqa: S607 - a system program on Windows
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=KILL_WAIT_S,
                    check=False,
                )
            with contextlib.suppress(OSError):
                process.kill()
        try:
            process.wait(timeout=KILL_WAIT_S)
        except subprocess.TimeoutExpired:
            # an unreaped Popen would warn at exit; the child is stuck in the kernel and not ours to wait for
            process.returncode = -signal.SIGTERM
            return False
        return True

    def _close(self) -> None:
        self._out.close()
        self._err.close()


def run(
    argv: Sequence[str],
    *,
    deadline_s: float,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> Completed:
    """Run a child to its end or its deadline (seconds). Never raises for what the child does."""
    return Child(argv, deadline_s=deadline_s, env=env, cwd=cwd).finish()


def stream(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a child that talks to the user's own terminal (an installer) and return its exit code; 127 when missing.

    It shares our process group, so that Ctrl-C reaches it; it has no deadline, since a download may take hours.
    Its stdout goes to our stderr: results alone belong on stdout.
    """
    try:
        with subprocess.Popen(
            list(argv), stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(), env=dict(env) if env is not None else None
        ) as process:
            try:
                code = process.wait()
            except KeyboardInterrupt:
                # it got the same signal: give it the time to clean up, then insist
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                raise
    except (OSError, ValueError):
        return 127
    return code if code >= 0 else 128 - code


def script(name: str) -> str:
    """Path of one of the scripts in ``inside/``."""
    return str(pathlib.Path(__file__).with_name("inside") / name)


def _kill_group(pid: int) -> None:
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _text(stream_file: BinaryIO) -> str:
    """The last ``OUTPUT_LIMIT`` bytes of a temporary file as text."""
    descriptor = stream_file.fileno()
    size = os.fstat(descriptor).st_size
    start = max(0, size - OUTPUT_LIMIT)
    if hasattr(os, "pread"):
        data = os.pread(descriptor, OUTPUT_LIMIT, start)
    else:
        stream_file.seek(start)
        data = stream_file.read(OUTPUT_LIMIT)
    return data.decode("utf-8", "replace")
