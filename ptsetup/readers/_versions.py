"""Versions and distributions in running text."""

import re

from ptsetup.facts import Distribution
from ptsetup.readers import _dates
from ptsetup.readers._draft import MEASURED, Draft

VERSION = r"[0-9]+(?:\.[0-9]+){1,3}(?:(?:a|b|rc)[0-9]+|\.?post[0-9]+|\.?dev[0-9]+)*(?:\+[0-9A-Za-z][\w.]{0,40})?"

_VERSION = re.compile(rf"(?<![\w.]){VERSION}(?![\w])", re.ASCII)
_V_VERSION = re.compile(rf"(?<![\w.])v?({VERSION})", re.ASCII)


def first(text: str) -> str | None:
    """The first version number in a text."""
    match = _V_VERSION.search(text)
    return match[1].rstrip(".") if match else None


def torch_version(text: str) -> str | None:
    """A version that can be one of torch: 0.4 to 2.x (``2.01`` of hasty hands is 2.0.1)."""
    for match in _V_VERSION.finditer(re.sub(r"(?i)\b(?:py)?torch(?=[0-9])", "", text[:300])):
        version = match[1].rstrip(".")
        if re.match(r"(?:0\.[1-4]|1\.[0-9]{1,2}|2\.[0-9]{1,2}|3\.[0-3])(?![0-9])", version):
            return re.sub(r"^([0-9])\.0([0-9])(?=$|\+)", r"\1.0.\2", version)
    return None


def normalise(name: str) -> str:
    """A distribution's name by PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def note_distribution(
    draft: Draft, name: str, version: str | None, line: int, worth: int = MEASURED, **facts: object
) -> None:
    """Keep an installed distribution; torch's version is a fact of its wheel too."""
    name = normalise(name)
    if name == "pytorch":
        name = "torch"
    if version is not None and not re.match(r"[0-9]", version):
        version = None
    draft.distribution(Distribution(name=name, version=version, **facts), line, worth)  # type: ignore[arg-type]
    if name == "torch" and version:
        draft.note("target.wheel.version", version, line, max(worth, 1))
    if version:
        _dates.of_version(draft, version)
