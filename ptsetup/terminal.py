"""The only writer to stdout and stderr: width, colour, encoding and closed pipes are decided here."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping

import click


class Terminal:
    """Where results (stdout) and progress (stderr) go."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        """Look once at the environment and at what stdout and stderr are."""
        env = os.environ if env is None else env
        plain = bool(env.get("NO_COLOR")) or env.get("TERM") == "dumb"
        self.is_terminal = _is_tty(sys.stdout)
        self.is_interactive = _is_tty(sys.stdin) and _is_tty(sys.stderr)
        self.is_moving = _is_tty(sys.stderr) and not plain
        self.has_colour = (self.is_terminal and not plain) or (bool(env.get("FORCE_COLOR")) and not plain)
        columns = _columns() if self.is_terminal else 80
        self.width = max(20, min(columns, 120))
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
        self.is_unicode = encoding.startswith("utf")
        self._has_status = False

    @property
    def progress(self) -> Callable[[str], None] | None:
        """What shows progress in the one moving line; None where stderr does not move."""
        return self.status if self.is_moving else None

    def result(self, text: str) -> None:
        """Write a result to stdout (no newline is added)."""
        self.status()
        _write(sys.stdout, text)

    def result_bytes(self, data: bytes) -> None:
        """Write bytes (JSON) to stdout."""
        self.status()
        out = getattr(sys.stdout, "buffer", None)
        if out is None:
            _write(sys.stdout, data.decode())
        else:
            sys.stdout.flush()
            out.write(data)
            out.flush()

    def log(self, line: str) -> None:
        """Write a line of progress to stderr; where that cannot be written (a full disk, a closed terminal), the work goes on."""
        with contextlib.suppress(OSError):
            self.status()
            _write(sys.stderr, line + "\n")

    def status(self, text: str = "") -> None:
        """Rewrite the one moving line of progress on stderr; an empty text clears it. Nothing where stderr does not move."""
        if self.is_moving and (text or self._has_status):
            self._has_status = bool(text)
            _write(sys.stderr, f"\r\x1b[2K{text[: max(1, _columns() - 1)]}")

    def ask(self, question: str) -> bool:
        """Ask a yes-or-no question on stderr; yes is the default. Only with a terminal."""
        self.status()
        return click.confirm(question, default=True, err=True)

    def style(self, text: str, **style: object) -> str:
        """Colour a text where colour is wanted (click.style's arguments)."""
        return click.style(text, **style) if self.has_colour else text  # type: ignore[arg-type]


def _columns() -> int:
    # as shutil.get_terminal_size, which brings every kind of archive
    with contextlib.suppress(ValueError):
        if (columns := int(os.environ.get("COLUMNS", "0"))) > 0:
            return columns
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    return 80


def _is_tty(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return False


def _write(stream: object, text: str) -> None:
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)  # names of files may be no text in any encoding
    stream.write(text)  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]
