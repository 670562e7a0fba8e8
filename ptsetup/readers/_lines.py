"""A report as clean lines: no colour codes, quote marks, fences, markup or binary noise, each with its number."""

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

from ptsetup.readers import _prefixes

LINE_LIMIT = 4096
"""Characters of one line that are looked at: first three quarters and last quarter (progress bars print megabytes)."""

LONG = 1_000_000
"""Characters of a line with line ends in it that are looked at."""

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]{0,16}[ -/]?[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[()][0-9A-B]|[=>])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+")
_QUOTE = re.compile(r"^(?: {0,3}> ?)+")
_FENCE = re.compile(r"^\s{0,6}(?:```+|~~~+)[\w .+-]*$")
_TAG = re.compile(
    r"</?(?:details|summary|pre|code|p|br|b|i|em|strong|ul|ol|li|div|span|h[1-6]|table|tr|td|th|tbody|kbd|sub|sup)\b[^<>]{0,200}>",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"^(?P<mark>`|\*\*)(?P<text>[^`*]+)(?P=mark)\s*$")
_BREAK = re.compile(r"<br ?/?>|</(?:li|p|tr|div)>", re.IGNORECASE)
_JSON_BREAK = re.compile(r'(?:\\r)?\\n|(?<!\\)"(?:,|\s?:)\s?"|^\{"')
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\|\\\\")
_ESCAPED = re.compile(r"\\(?!__\w+__\.)([_*\[\]#<>`~])")
_COMMENT = re.compile(r"<!--.{0,2000}?-->")


class Line(NamedTuple):
    """One line of a report."""

    number: int
    """From 1, in the text as it was given."""
    text: str
    prefix: str = ""
    """What a log put before it."""


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


_SYMBOL = re.compile(
    r"(undefined symbol|未定义的?符号|未定義シンボル)(?: name)?[ :=\uff1a]{0,3}[`'\"“]?"
    r"(?=_Z|__|[a-z]+[A-Z]\w|[A-Za-z]+_[A-Za-z_]|iJIT)(\w+)[`'\"”]?"
)


_FILE_FIRST = re.compile(r"(\.(?:so|pyd)(?:\.[0-9]+)*),? {1,2}(?=undefined symbol)")


def as_loaders_say(text: str) -> str:
    """``undefined symbol `ncclX` `` of hasty hands as the loader prints it, ``undefined symbol: ncclX``."""
    lower = text.lower()
    if "undefined symbol" not in lower and "符号" not in text:
        return text
    return _FILE_FIRST.sub(r"\1: ", _SYMBOL.sub(r"undefined symbol: \2", text))


def clean(text: str) -> tuple[Line, ...]:
    """The lines of a report that hold anything, cleaned."""
    text = text.replace("\r\n", "\n")
    services = _prefixes.services(text)
    found = []
    for number, raw in enumerate(text.split("\n"), 1):
        for part in _parts(raw):
            cleaned = _clean_line(part)
            prefix, line = _prefixes.of_service(cleaned, services) if services else ("", cleaned)
            if not prefix:
                prefix, line = _prefixes.without(cleaned)
            if line or prefix:
                found.append(Line(number, line or prefix, prefix if line else ""))
    return tuple(found)


def _parts(raw: str) -> Iterator[str]:
    """The lines that a page's markup, or a string of JSON, made one."""
    if "<" in raw and _BREAK.search(raw):
        yield from _BREAK.split(raw)
    elif raw.count("\\n") > 2 and not _WINDOWS_PATH.search(raw):
        yield from (part.replace('\\"', '"') for part in _JSON_BREAK.split(raw[:LONG]))
    else:
        yield raw


_HEADING = re.compile(r"^\s{0,3}#{2,5}\s+(?P<label>[A-Za-z][^\n:?]{1,60}?)\s*$")
_UNCHECKED = re.compile(r"^\s*[-*] \[ \]\s")


def with_headings(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The same with the answers of issue forms as labelled lines: a heading, and below it a value of one line.

    What is not ticked in a list of boxes is left out.
    """
    found: list[Line] = []
    label: str | None = None
    for position, line in enumerate(lines):
        heading = _HEADING.match(line.text) if "#" in line.text else None
        if "[ ]" in line.text and _UNCHECKED.match(line.text):
            continue
        is_whole = position + 1 == len(lines) or lines[position + 1].number != line.number + 1
        if label is not None and heading is None and is_whole and len(line.text) < 120 and ":" not in line.text:
            found.append(line._replace(text=f"{label}: {line.text.strip()}"))
        else:
            found.append(line)
        label = heading["label"] if heading else None
    return tuple(found)


_TYPED = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
        "\uff1a": ": ",
        "\uff0c": ", ",
        "\uff08": " (",
        "\uff09": ") ",
        "\uff1d": "=",
    }
)
"""Quotation marks that an editor made of those that a program printed, and the wide marks of Chinese and Japanese keyboards."""

_MARKS = re.compile("[\u2018-\u201f\uff08-\uff1d]")

_ODD = re.compile(r"[^ -~]|[&%<>`\\]|^\*")
"""A character for which a line has to be cleaned; most lines have none."""


def _decoded(raw: str) -> str:
    """Without what pages, addresses and editors do to a text."""
    if "&" in raw:
        raw = html.unescape(raw)
    if "%20" in raw and "://" not in raw:
        raw = raw.replace("%20", " ")
    if "\\" in raw and _ESCAPED.search(raw) and not re.search(r"\\[A-Za-z0-9]", raw):
        # Markdown's: is\_available; where there are no paths of Windows
        raw = _ESCAPED.sub(r"\1", raw)
    if not _MARKS.search(raw):
        return raw
    typed = raw.translate(_TYPED)
    return typed.replace(":  ", ": ") if "\uff1a" in raw else typed


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
    if raw[:1] in ("`", "*"):
        raw = _WRAPPED.sub(r"\g<text>", raw)
    return raw.rstrip()
