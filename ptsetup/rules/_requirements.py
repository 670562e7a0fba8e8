"""Requires-Dist of installed packages, put to the versions that are installed."""

import functools
import operator
import re
import string
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ptsetup.facts import Distribution
from ptsetup.rules._case import Case

if TYPE_CHECKING:
    from packaging.requirements import Requirement

SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "windows": ("win32", "Windows", "nt"),
    "macos": ("darwin", "Darwin", "posix"),
}

_NAME = string.ascii_letters + string.digits + "._-"

_BOUND = r" *(==|>=|<=|>|<) *(\d+(?:\.\d+)*) *"

_RELEASE = r"(\d+(?:\.\d+)*)(?:\+.*)?"

_HOLDS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "==": operator.eq,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def named(text: str) -> str:
    """The normalised name that a requirement begins with."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0]).lower()


def is_plainly_satisfied(text: str, version: str) -> bool:
    """A released version within bounds that are releases, by the text alone; False: ask ``parsed``.

    Most requirements are as plain as that, and importing what reads the others takes longer than all rules together.
    """
    release = re.fullmatch(_RELEASE, version)
    bounds = text.partition(";")[0].strip().lstrip(_NAME).strip(" ()")
    if release is None:
        return False
    have = _numbers(release[1])
    for bound in bounds.split(",") if bounds else ():
        match = re.fullmatch(_BOUND, bound)
        if match is None or not _HOLDS[match[1]](have, _numbers(match[2])):
            return False
    return True


def _numbers(release: str) -> tuple[int, ...]:
    """``2.10.0`` as (2, 10): zeros at the end do not tell releases apart."""
    numbers = [int(part) for part in release.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _is_of_extra(text: str) -> bool:
    """Only who asked for an extra has that requirement; told without parsing, as above."""
    marker = text.partition(";")[2]
    return re.search(r"\bextra *== *[\"'][\w.-]+[\"'] *$", marker) is not None and " or " not in marker


@functools.lru_cache(maxsize=1024)
def parsed(text: str) -> "Requirement | None":
    """A requirement with its name normalised; None when it cannot be read (old metadata)."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    requirement.name = canonicalize_name(requirement.name)
    return requirement


def requirements_of(
    case: Case,
    dist: Distribution,
    prefixes: Sequence[str],
    extras: Sequence[str] = ("",),
    unless: Callable[[str], bool] = lambda _: False,
) -> Iterator["Requirement"]:
    """What the distribution asks for, of names with one of those prefixes, as far as the markers hold for the target.

    Texts for which ``unless`` is true are passed over without being parsed.
    """
    for text in dist.requires or ():
        is_open = text.lower().replace("_", "-").startswith(tuple(prefixes)) and not unless(text)
        if is_open and (extras != ("",) or not _is_of_extra(text)):
            requirement = parsed(text)
            if requirement is not None and _applies(case, requirement, extras):
                yield requirement


def is_satisfied(requirement: "Requirement", version: str) -> bool:
    """That version will do; one that cannot be compared counts as fitting."""
    from packaging.version import InvalidVersion, Version

    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _applies(case: Case, requirement: "Requirement", extras: Sequence[str]) -> bool:
    if requirement.marker is None:
        return True
    version = (case.snapshot.target.version if case.snapshot.target else None) or "3.12.0"
    platform, name, os_name = SYSTEMS.get(case.system or "", SYSTEMS["linux"])
    host = case.snapshot.host
    surroundings = {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "sys_platform": platform,
        "platform_system": name,
        "platform_machine": (host.machine if host else None) or "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": os_name,
    }
    return any(requirement.marker.evaluate({**surroundings, "extra": extra}) for extra in extras)
