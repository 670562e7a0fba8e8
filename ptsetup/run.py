"""The only place that starts child processes: with a deadline, a process group of their own, and files for output."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, NamedTuple

OUTPUT_LIMIT = 4 * 1024 * 1024
"""Bytes of each stream that are read back: the last ones."""

FLOOD_LIMIT = 256 * 1024 * 1024
"""A child that has written more than this is ended: it would fill the disk before its deadline."""

LOOK_EVERY_S = 0.25
"""How often the output of a running child is measured."""

SPOOL_MINIMUM = 16 * 1024 * 1024
"""With less room than this in the folder for temporary files, output is kept in memory (a full disk is a case to diagnose)."""

KILL_WAIT_S = 2.0
"""How long we wait for a killed child; one stuck in a kernel driver cannot be ended and is left behind."""

GRACE_S = 10.0
"""How long an installer that was told to end may clean up."""

END_WAIT_S = 1.0
"""How long our own end waits for children that are being started at that moment."""

_starting: "set[Child]" = set()
_running: "set[Child]" = set()
"""Children of all threads that are being started, and those that have not been waited for yet."""

_is_over = False
"""We are ending: nothing is started any more."""


class Completed(NamedTuple):
    """How a child ended. No msgspec record: children are started before anything that is slow to import."""

    argv: tuple[str, ...]
    ending: str
    """``exited``, ``missing`` (no such program, or it cannot be executed), ``timeout``, ``flooded`` (too much output); of a child
    that is still at work ``running``."""
    exit_code: int | None = None
    """Only of a child that ``exited``, and not by a signal."""
    signal: int | None = None
    """The signal that ended it."""
    stdout: str = ""
    stderr: str = ""
    """Of a ``missing`` program: why it could not be started."""
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
        self._problem = ""
        self._streams: tuple[IO[bytes], ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        _starting.add(self)
        try:
            self._streams = (_spool(), _spool())
            self._process = self._start(env, cwd)
            _running.add(self)
        except (OSError, ValueError) as problem:
            self._problem = str(problem)
        finally:
            _starting.discard(self)

    def _start(self, env: Mapping[str, str] | None, cwd: str | os.PathLike[str] | None) -> "subprocess.Popen[bytes]":
        if _is_over:
            raise OSError("ptsetup is ending")
        return subprocess.Popen(
            self.argv,
            stdin=subprocess.DEVNULL,
            stdout=self._streams[0],
            stderr=self._streams[1],
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    @property
    def is_running(self) -> bool:
        """It has started and not ended yet."""
        return self._process is not None and self._process.poll() is None

    def partial(self) -> Completed:
        """What it has written so far."""
        texts = tuple(_text(stream) for stream in self._streams if not stream.closed) or ("", "")
        return Completed(
            argv=self.argv,
            ending="running",
            stdout=texts[0],
            stderr=texts[-1],
            seconds=time.monotonic() - self._started,
        )

    def finish(self) -> Completed:
        """Wait until it ends, floods, or its deadline passes; then end its whole group. Never raises for what the child does."""
        process = self._process
        if process is None:
            self._close()
            return Completed(argv=self.argv, ending="missing", stderr=self._problem)
        try:
            ending = self._wait(process)
            # a child that has ended may leave grandchildren in its group
            is_gone = _end(process)
        except BaseException:
            # Ctrl-C must not leave children behind
            _end(process)
            self._close()
            raise
        seconds = time.monotonic() - self._started
        code = process.returncode if ending == "exited" else None
        completed = Completed(
            argv=self.argv,
            ending=ending,
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            stdout=_text(self._streams[0]),
            stderr=_text(self._streams[1]),
            seconds=seconds,
            is_left_behind=not is_gone,
        )
        self._close()
        return completed

    def stop(self) -> None:
        """End it and its group now; nothing of it is wanted any more."""
        if self._process is not None:
            _end(self._process)
        self._close()

    def kill(self) -> None:
        """Kill it and its group without waiting: for the end of our own process."""
        if self._process is not None and self._process.returncode is None:
            _kill(self._process)

    def _wait(self, process: "subprocess.Popen[bytes]") -> str:
        """``exited``, ``timeout`` or ``flooded``; an ended child is not reaped here where the system lets us watch it."""
        with _watch(process) as has_ended:
            while True:
                rest = self.deadline_s - (time.monotonic() - self._started)
                if has_ended(max(0.0, min(rest, LOOK_EVERY_S))):
                    return "exited"
                if rest <= 0:
                    return "timeout"
                if any(os.fstat(stream.fileno()).st_size > FLOOD_LIMIT for stream in self._streams):
                    return "flooded"

    def _close(self) -> None:
        _running.discard(self)
        for stream in self._streams:
            stream.close()


def end_all() -> None:
    """Kill every child that is still at work: one of a thread that nobody waits for any more would live on without us.

    For the very end of our process: none can be started after it.
    """
    global _is_over  # noqa: PLW0603 - a process ends once
    _is_over = True
    end = time.monotonic() + END_WAIT_S
    while _starting and time.monotonic() < end:
        time.sleep(0.001)
    for child in tuple(_running):
        child.kill()


@contextlib.contextmanager
def _watch(process: "subprocess.Popen[bytes]") -> Iterator[Callable[[float], bool]]:
    """A function that waits up to some seconds for a child to end and tells whether it did."""
    descriptor = None
    if sys.platform == "linux" and process.returncode is None and hasattr(os, "pidfd_open"):
        # Popen.wait asks again and again, up to 50 ms late; a descriptor of the process tells at once (Linux 5.3)
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(process.pid)
    if sys.platform == "win32" or descriptor is None:
        yield lambda seconds: _has_ended(process, seconds)
        return
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        yield lambda seconds: bool(poll.poll(seconds * 1000))
    finally:
        os.close(descriptor)


def _has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: "subprocess.Popen[bytes]") -> bool:
    """Kill what is left of the group; True when the child itself is gone."""
    _kill(process)
    try:
        process.wait(timeout=KILL_WAIT_S)
    except subprocess.TimeoutExpired:
        # an unreaped Popen would warn at exit; the child is stuck in the kernel and not ours to wait for
        process.returncode = -signal.SIGTERM
        return False
    return True


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if sys.platform != "win32":
        _kill_group(process.pid)
    elif process.poll() is None:
        _kill_tree(process)


def _kill_group(pid: int) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """Windows: the children of a process are found by a system program."""
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
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=_stderr(),
            env=dict(env) if env is not None else None,
        )
    except (OSError, ValueError):
        return 127
    try:
        code = process.wait()
    except BaseException as stop:
        try:
            # after Ctrl-C it has got the same signal
            _end_in_order(process, is_told=type(stop) is KeyboardInterrupt)
        finally:
            # a second Ctrl-C may come at any moment
            _insist(process)
        raise
    return code if code >= 0 else 128 - code


def _stderr() -> int:
    """The descriptor of our stderr; its usual number where that was closed when we were started (``2>&-``)."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return 2


def _end_in_order(process: "subprocess.Popen[bytes]", *, is_told: bool) -> None:
    """Give it the time to clean up; a second Ctrl-C takes that from it."""
    with contextlib.suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
        if not is_told:
            process.terminate()
        process.wait(timeout=GRACE_S)


def _insist(process: "subprocess.Popen[bytes]") -> None:
    """End it if it is still there: what is put back next must not meet it."""
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=KILL_WAIT_S)


def script(name: str) -> str:
    """Path of one of the scripts in ``inside/``."""
    return os.path.join(os.path.dirname(__file__), "inside", name)  # noqa: PTH118, PTH120 - texts, as below


def _spool() -> IO[bytes]:
    """A file without a name for a child's output: on disk, or in memory where there is no room or no such folder (Linux)."""
    if sys.platform != "linux" or not hasattr(os, "memfd_create"):
        import tempfile

        return tempfile.TemporaryFile()
    with contextlib.suppress(OSError):
        descriptor = _nameless(temporary_folder())
        system = os.fstatvfs(descriptor)
        if system.f_bavail * system.f_frsize >= SPOOL_MINIMUM:
            return os.fdopen(descriptor, "w+b")
        os.close(descriptor)
    return os.fdopen(os.memfd_create("ptsetup-output"), "w+b")


def _nameless(folder: str) -> int:
    """A new file in a folder that loses its name at once (O_TMPFILE is refused by the file systems of many containers)."""
    name = os.path.join(folder, f"ptsetup-{os.urandom(8).hex()}")  # noqa: PTH118 - a text
    descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(name)  # noqa: PTH108 - a text
    return descriptor


def temporary_folder() -> str:
    """What ``tempfile.gettempdir`` says, in a tenth of the time of importing it on Linux: it brings every kind of archive."""
    if sys.platform != "linux":
        import tempfile

        return tempfile.gettempdir()
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    for folder in (*named, "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108 - the folders that tempfile tries
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):  # noqa: PTH112 - a text
            return os.path.abspath(folder)  # noqa: PTH100 - a text
    return os.getcwd()  # noqa: PTH109 - a text


def which(name: str, path: str) -> str | None:
    """The first program of that name on ``path`` (folders as in PATH); None when there is none.

    ``shutil.which`` by itself on Windows, which adds endings; elsewhere importing it takes longer than all of looking.
    """
    if os.name == "nt":
        import shutil

        return shutil.which(name, path=path)
    for folder in path.split(os.pathsep):
        place = f"{folder or '.'}/{name}"
        if os.path.isfile(place) and os.access(place, os.X_OK):  # noqa: PTH113 - never raises
            return place
    return None


def _text(stream_file: IO[bytes]) -> str:
    """The last ``OUTPUT_LIMIT`` bytes of a temporary file as text."""
    descriptor = stream_file.fileno()
    start = max(0, os.fstat(descriptor).st_size - OUTPUT_LIMIT)
    if sys.platform != "win32":
        return os.pread(descriptor, OUTPUT_LIMIT, start).decode("utf-8", "replace")
    stream_file.seek(start)
    return stream_file.read(OUTPUT_LIMIT).decode("utf-8", "replace")
