"""Writes a result to the file that ``--output`` names."""

import contextlib
import os
from typing import TYPE_CHECKING

from ptsetup.errors import PtsetupError

if TYPE_CHECKING:
    import pathlib


def check(name: str | None) -> None:
    """Look whether a file can be put there, before minutes are spent.

    Raises:
        PtsetupError: its folder does not exist, or it is a folder itself.
    """
    if not name:
        return
    import pathlib  # slow, as below

    path = pathlib.Path(name)
    if path.is_dir():
        raise PtsetupError(f"{name} cannot be written: it is a folder.", hint="Name a file in it.")
    if not path.parent.is_dir():
        raise PtsetupError(
            f"{name} cannot be written: the folder {path.parent} does not exist.",
            hint="Make that folder first, or name a file in another one.",
        )


def write(name: str, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        PtsetupError: it cannot be written.
    """
    import pathlib
    import tempfile  # slow: they bring what a verdict on the screen does not need

    path = pathlib.Path(name)
    try:
        if path.exists() and not path.is_file():
            # a device or a pipe (/dev/stdout) cannot be replaced
            path.write_bytes(data)
            return
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            os.chmod(temporary, _mode(path))  # noqa: PTH101 - mkstemp gives a text
            os.replace(temporary, path)  # noqa: PTH105 - same
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108 - same
            raise
    except OSError as problem:
        raise PtsetupError(f"{name} cannot be written: {problem.strerror}.", hint="Name another file.") from None


def _mode(path: "pathlib.Path") -> int:
    """Permission bits of the file that is replaced, else what a new file would have."""
    if path.is_file():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
