"""Lists of packages that pip, uv and conda print as JSON, and JSON around a text: what may be read though it is no Snapshot."""

from collections.abc import Mapping
from typing import Any

from ptsetup.readers._lines import Line

TEXTS = ("body", "log", "message", "msg", "text", "stdout", "stderr", "output", "traceback", "error")
"""Under one of these names an issue tracker or a log keeps a text: the document is read as the text that it wraps."""


def wraps_a_text(document: object) -> bool:
    """A GitHub issue as its API gives it, or a line of a container's log."""
    return isinstance(document, dict) and "schema" not in document and any(_is_text(document, name) for name in TEXTS)


def _is_text(document: Mapping[str, Any], name: str) -> bool:
    value = document.get(name)
    return isinstance(value, str) and bool(value.strip())


def package_lines(document: object) -> tuple[Line, ...] | None:
    """A list of packages as the same tool prints it for people, each with the number of its entry; None when it is none.

    pip and uv name ``name`` and ``version``; conda also ``build_string`` and ``channel``.
    """
    if not isinstance(document, list) or not document:
        return None
    lines = [Line(0, "Package Version")]
    for number, entry in enumerate(document, 1):
        words = _words(entry)
        if words is None:
            return None
        lines.append(Line(number, " ".join(words)))
    return tuple(lines)


def _words(entry: object) -> list[str] | None:
    if not isinstance(entry, dict):
        return None
    told = [entry.get(name) for name in ("name", "version", "build_string", "channel")]
    if not all(isinstance(word, str) and word.strip() for word in told[:2]):
        return None
    return [word.strip() for word in told if isinstance(word, str) and word.strip()]
