"""Reads what ``--from`` names."""

import os
import sys

from ptsetup.errors import SnapshotError
from ptsetup.terminal import Terminal


def content(source: str, terminal: Terminal) -> bytes:
    """The bytes of a file; of stdin where it is ``-``.

    Raises:
        SnapshotError: it cannot be read.
    """
    try:
        if source != "-":
            with open(source, "rb") as file:  # noqa: PTH123 - a name from the command line
                return file.read()
        if terminal.is_interactive:
            keys = "Ctrl-Z and Enter" if os.name == "nt" else "Ctrl-D"
            terminal.log(f"Reading from the terminal: paste the text, then press {keys} on a line of its own.")
        return sys.stdin.buffer.read()
    except (OSError, ValueError) as problem:
        told = problem.strerror if isinstance(problem, OSError) else "its name is no name of a file"
        raise SnapshotError(f"{source} cannot be read: {told}.", hint="Check the path after --from.") from None
