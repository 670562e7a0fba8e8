"""What logs put before each line: clocks, levels, names of containers and of processes."""

import re
from collections import Counter

_CLOCK = (
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9][0-9]:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z| ?[+-][0-9][0-9]:?[0-9]{2})?"
)
_LEVEL = r"(?: ?[-|:] ?[\w.]{1,40}(?= ?- ))? ?[-|:]? ?\[?(?:DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b\]? *[-|:]?"

_PREFIX = re.compile(
    # GitHub Actions, logging, loguru: "2024-05-01 12:00:00,123 - ERROR - ", "2024-05-01 12:00:00.123 | ERROR | app:run:12 - "
    rf"\[?{_CLOCK}\]?(?:{_LEVEL}(?: *[\w.<>]+:[\w.<>]+:[0-9]+ -)?)?\s?"
    # Docker Compose: "app-1  | "
    r"|[\w.-]+[-_][0-9]+ {1,30}\|\s"
    # the journal: "May 01 12:00:00 host program[1234]: "
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [\w.-]{1,60} "
    r"[\w./@-]{1,60}(?:\[[0-9]+\])?: "
    # Ray and vLLM: "(EngineCore_0 pid=1234) ", torchrun: "[rank0]: "
    r"|\([\w .:-]{1,60}\bpid=[0-9]+(?:, ip=[0-9.]+)?\)\s|\[(?:rank|default)[0-9]+\]:\s?"
    # pytest
    r"|E {3}"
)


_SERVICE = re.compile(r"(?P<name>[A-Za-z][\w.-]{0,60}) {1,30}\|\s")
_NUMBERED = re.compile(r"[\w.-]+[-_][0-9]+ {1,30}\|\s$")
_OFTEN = 3
"""In so many lines a word before a bar is the name of a service, and no cell of a table."""


def without(text: str) -> tuple[str, str]:
    """A line's prefix, and the line without it."""
    prefix = _PREFIX.match(text)
    return (text[: prefix.end()], text[prefix.end() :]) if prefix else ("", text)


def services(text: str) -> frozenset[str]:
    """Names of the services whose lines Docker Compose marked: "web  | "."""
    if " | " not in text:
        return frozenset()
    names = Counter(match["name"] for match in re.finditer(r"(?m)^" + _SERVICE.pattern, text))
    return frozenset(name for name, count in names.items() if count >= _OFTEN)


def of_service(text: str, names: frozenset[str]) -> tuple[str, str]:
    """The same for the mark of one of these services."""
    mark = _SERVICE.match(text)
    return (text[: mark.end()], text[mark.end() :]) if mark and mark["name"] in names else ("", text)


def is_container(prefix: str) -> bool:
    """Docker Compose wrote it."""
    return prefix.endswith("| ") and bool(_SERVICE.match(prefix) or _NUMBERED.match(prefix))
