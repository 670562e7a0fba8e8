"""The machine's own files below a root: each read is guarded, and a fact that could not be read keeps the reason."""

import errno
import os
from collections.abc import Iterable

from ptsetup.facts import Unknown

LIMIT = 1024 * 1024
"""Bytes that are read of one file; those of /proc and /sys are small, and a hostile one must not fill our memory."""

_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_DENIED = (errno.EACCES, errno.EPERM)
_UNSUPPORTED = (errno.ENODEV, errno.ENXIO, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class Tree:
    """Reads files below ``root`` (a folder that stands for /) and collects an Unknown for each fact that it could not read."""

    def __init__(self, root: str = "/") -> None:
        """Nothing is read yet."""
        self.root = root.rstrip("/")
        self.unknowns: list[Unknown] = []

    @property
    def is_real(self) -> bool:
        """The root is this machine's own: system calls tell of the same machine as the files."""
        return self.root == ""

    def at(self, name: str) -> str:
        """The real path of an absolute name."""
        return self.root + name

    def note(self, fact: str | None, reason: str, detail: str | None = None) -> None:
        """Remember why a fact (``host.pci``) is not known; the first reason stays."""
        if fact is not None and all(unknown.path != fact for unknown in self.unknowns):
            self.unknowns.append(Unknown(path=fact, reason=reason, detail=detail))

    def data(self, name: str, fact: str | None = None, *, limit: int = LIMIT) -> bytes | None:
        """The first ``limit`` bytes of a file; None, with the reason noted for ``fact``, when it cannot be read."""
        try:
            # without O_NONBLOCK a named pipe in the place of a file would hold us for ever
            descriptor = os.open(
                self.at(name), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
            )
        except (OSError, ValueError) as problem:
            self.note(fact, reason_of(problem), detail_of(problem, name))
            return None
        try:
            return _read(descriptor, limit)
        except OSError as problem:
            self.note(fact, reason_of(problem), detail_of(problem, name))
            return None
        finally:
            os.close(descriptor)

    def text(self, name: str, fact: str | None = None, *, limit: int = LIMIT) -> str | None:
        """The same as text without NUL characters; bytes that are no UTF-8 are replaced."""
        data = self.data(name, fact, limit=limit)
        return None if data is None else data.decode("utf-8", "replace").replace("\0", "")

    def line(self, name: str, fact: str | None = None) -> str | None:
        """A file of one line, stripped; None when it is empty, too."""
        text = self.text(name, fact, limit=4096)
        if text is not None and not text.strip():
            self.note(fact, "failed", f"{name} is empty.")
        return (text or "").strip() or None

    def names(self, name: str, fact: str | None = None) -> tuple[str, ...] | None:
        """Sorted names in a folder; None, with the reason noted, when it cannot be listed."""
        try:
            return tuple(sorted(os.listdir(self.at(name))))  # noqa: PTH208 - names are wanted
        except (OSError, ValueError) as problem:
            self.note(fact, reason_of(problem), detail_of(problem, name))
            return None

    def link(self, name: str) -> str | None:
        """Last part of what a symbolic link points to; None when it is none."""
        try:
            return os.path.basename(os.readlink(self.at(name))) or None  # noqa: PTH119, PTH115 - texts
        except (OSError, ValueError):
            return None

    def exists(self, name: str) -> bool:
        """The name can be seen, a broken link too."""
        return os.path.lexists(self.at(name))

    def is_dir(self, name: str) -> bool:
        """A folder of that name can be seen."""
        return os.path.isdir(self.at(name))  # noqa: PTH112 - a text

    def first(self, names: Iterable[str]) -> str | None:
        """The first of the names that exists."""
        return next((name for name in names if self.exists(name)), None)


def _read(descriptor: int, limit: int) -> bytes:
    parts, size = [], 0
    while size < limit:
        try:
            part = os.read(descriptor, min(65536, limit - size))
        except BlockingIOError:
            break
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def reason_of(problem: Exception) -> str:
    """The reason of an Unknown for an error: ``absent``, ``denied``, ``unsupported``, ``timeout``, ``failed``."""
    if isinstance(problem, TimeoutError):
        return "timeout"
    number = getattr(problem, "errno", None)
    if number in _ABSENT:
        return "absent"
    if number in _DENIED:
        return "denied"
    return "unsupported" if number in _UNSUPPORTED else "failed"


def detail_of(problem: Exception, name: str) -> str:
    """One sentence on what was tried and seen."""
    return f"{name}: {getattr(problem, 'strerror', None) or problem}."


def clean(text: str) -> str:
    r"""A name from the file system without what JSON cannot carry: bytes that are no UTF-8 are shown as ``\xe9``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8") if not text.isascii() else text
