"""Writes a result to the file that ``--output`` names."""

import contextlib
import os
import pathlib
import tempfile

from ptsetup.errors import PtsetupError


def write(name: str, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        PtsetupError: it cannot be written.
    """
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


def _mode(path: pathlib.Path) -> int:
    """Permission bits of the file that is replaced, else what a new file would have."""
    if path.is_file():
        return path.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
