"""Requires-Dist of installed packages, put to the versions that are installed."""

import functools
from collections.abc import Iterator, Sequence
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
    case: Case, dist: Distribution, prefixes: Sequence[str], extras: Sequence[str] = ("",)
) -> Iterator["Requirement"]:
    """What the distribution asks for, of names with one of those prefixes, as far as the markers hold for the target."""
    for text in dist.requires or ():
        if text.lower().replace("_", "-").startswith(tuple(prefixes)):
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
