"""The day on which a report was made: not before the newest date that it shows."""

import re

from ptsetup.readers._draft import Draft

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

_CTIME = re.compile(
    rf"\b(?:Mon|Tue|Wed|Thu|Fri|Sat"
    rf"|Sun)[ _]{_MONTH}[ _]{{1,2}}([0-9]{{1,2}})[ _][0-9][0-9]:[0-9]{{2}}:[0-9]{{2}}[ _](?:[A-Z]{{2,5}}[ _])?(20[12][0-9])\b"
)
_BUILT = re.compile(
    rf"\(\S[^()]{{0,30}}, {_MONTH} {{1,2}}([0-9]{{1,2}}) (20[12][0-9]), [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}\)"
)
_ISO = re.compile(r"(?<![0-9])(20[12][0-9])[-/](0[1-9]|1[0-2])[-/](0[1-9]|[12][0-9]|3[01])[T _,][0-9][0-9]:[0-9]{2}")
_DEV = re.compile(r"\.?dev(20[12][0-9])(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])(?![0-9])")


def scan(draft: Draft, text: str) -> None:
    """Keep the dates of a line: clocks of logs, build dates, dates of nightly versions."""
    if "201" not in text and "202" not in text:
        return
    for match in _ISO.finditer(text):
        draft.dates.append(f"{match[1]}-{match[2]}-{match[3]}")
    for pattern in (_CTIME, _BUILT):
        for match in pattern.finditer(text):
            draft.dates.append(f"{match[3]}-{_MONTHS[match[1].lower()]:02}-{int(match[2]):02}")
    of_version(draft, text)


def of_version(draft: Draft, text: str) -> None:
    """Keep the day of a nightly version, ``2.5.0.dev20240705``."""
    for match in _DEV.finditer(text):
        draft.dates.append(f"{match[1]}-{match[2]}-{match[3]}")
