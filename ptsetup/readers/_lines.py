"""A report as clean lines: no colour codes, quote marks, fences, markup or binary noise, each with its number."""

import html
import re
from typing import NamedTuple

LINE_LIMIT = 4096
"""Characters of one line that are looked at: first three quarters and last quarter (progress bars print megabytes)."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,16}[ -/]?[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[()][0-9A-B]|[=>])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028\u2029\ufeff]+")
_QUOTE = re.compile(r"^(?: {0,3}> ?)+")
_FENCE = re.compile(r"^\s{0,6}(?:```+|~~~+)[\w .+-]*$")
_TAG = re.compile(
    r"</?(?:details|summary|pre|code|p|br|b|i|em|strong|ul|ol|li|div|span|h[1-6]|table|tr|td|th|tbody|kbd|sub|sup)\b[^<>]{0,200}>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.{0,2000}?-->")


class Line(NamedTuple):
    """One line of a report."""

    number: int
    """From 1, in the text as it was given."""
    text: str


def speaks_of(text: str, words: tuple[str, ...]) -> bool:
    """One of the words (in lower case) is in the text, in whatever case.

    Put before a pattern that needs one of them: a text is passed over ten times faster than by trying each word at each place.
    """
    lower = text.lower()
    for word in words:  # noqa: SIM110 - any() takes twice as long, and this is asked five times of each line
        if word in lower:
            return True
    return False


def decode(data: bytes) -> str:
    """Bytes of any origin as text: UTF-8, or UTF-16 where a byte order mark or the zeros tell; what is neither stays readable."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    head = data[:400]
    if len(head) >= 8 and head[1::2].count(0) > len(head) // 3:
        # PowerShell's > writes UTF-16 and sometimes no mark
        return data.decode("utf-16-le", "replace")
    return data.decode("utf-8-sig", "replace")


def clean(text: str) -> tuple[Line, ...]:
    """The lines of a report that hold anything, cleaned."""
    text = text.replace("\r\n", "\n")
    found = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = _clean_line(raw)
        if line:
            found.append(Line(number, line))
    return tuple(found)


_HEADING = re.compile(r"^\s{0,3}#{2,5}\s+(?P<label>[A-Za-z][^\n:?]{1,60}?)\s*$")
_UNCHECKED = re.compile(r"^\s*[-*] \[ \]\s")


def with_headings(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The same with the answers of issue forms as labelled lines: a heading, and below it a value of one line.

    What is not ticked in a list of boxes is left out.
    """
    found: list[Line] = []
    label: str | None = None
    for line in lines:
        heading = _HEADING.match(line.text) if "#" in line.text else None
        if "[ ]" in line.text and _UNCHECKED.match(line.text):
            continue
        if label is not None and heading is None and len(line.text) < 120 and ":" not in line.text:
            found.append(Line(line.number, f"{label}: {line.text.strip()}"))
        else:
            found.append(line)
        label = heading["label"] if heading else None
    return tuple(found)


_TYPED = str.maketrans("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f", "''''\"\"\"\"")
"""Quotation marks that an editor made of those that a program printed."""

_MARKS = re.compile("[\u2018-\u201f]")

_ODD = re.compile(r"[^ -~]|[&%<>`]")
"""A character for which a line has to be cleaned; most lines have none."""


def _decoded(raw: str) -> str:
    """Without what pages, addresses and editors do to a text."""
    if "&" in raw:
        raw = html.unescape(raw)
    if "%20" in raw and "://" not in raw:
        raw = raw.replace("%20", " ")
    return raw.translate(_TYPED) if _MARKS.search(raw) else raw


def _clean_line(raw: str) -> str:
    if len(raw) > LINE_LIMIT:
        raw = raw[: LINE_LIMIT * 3 // 4] + " " + raw[-LINE_LIMIT // 4 :]
    if not _ODD.search(raw):
        return "" if raw.startswith("~~~") and _FENCE.match(raw) else raw.rstrip()
    if "\x1b" in raw:
        raw = _ANSI.sub("", raw)
    if "\r" in raw:
        # a progress line overwrites itself: what was printed last is what was seen
        raw = raw.rstrip("\r").rpartition("\r")[2]
    raw = _decoded(raw)
    if not raw.isprintable():
        raw = _CONTROL.sub("", raw.replace("\t", "    ").replace("\xa0", " ")).replace("\ufffd", "")
    if raw.lstrip().startswith(">") and not raw.lstrip().startswith(">>>"):
        raw = _QUOTE.sub("", raw)
    if "<" in raw:
        raw = _TAG.sub(" ", _COMMENT.sub("", raw))
    if "`" in raw and _FENCE.match(raw):
        return ""
    return raw.rstrip()
