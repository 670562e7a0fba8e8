"""What pip, uv and conda said when they found no wheel, and what the index knows about it."""

import re
from typing import NamedTuple

from ptsetup import compat
from ptsetup.rules import _speech
from ptsetup.rules._case import Case, Hit

NOT_FOUND = (
    r"could not find a version that satisfies the requirement (?P<name>torch(?:vision|audio)?)\b(?P<spec>[^()\s]{0,40})"
    r".{0,120}?\(?from versions:?\s*(?P<listed>[^)]*)"
)
UV_TAGS = (
    r"you're using (?:CPython|PyPy) (?P<python>\d+\.\d+)[^,]{0,40}, but `(?P<name>[\w.-]+)` \(v(?P<version>[^)]+)\)"
    r" only has wheels with the following Python (?:ABI |implementation |version )?tags?: (?P<tags>.*)"
)
UV_NO_TAG = r"(?P<name>torch(?:vision|audio)?)(?:==| \(v)(?P<version>[\w.]+)[^\s)]{0,20}\)? has no wheels with a matching Python"
OTHER_PYTHON = (
    r"(?P<name>torch\w*)['\" ].{0,40}requires a different Python: (?P<python>[\d.]+) not in '(?P<spec>[^']+)'"
)
CONDA_PYTHON = r"(?:py)?torch\w*\b.{0,90}?(?:requires|would require|depends on) .{0,20}?python >=?3\.(?P<low>\d+),<3\.(?P<high>\d+)"
WRONG_WHEEL = (
    r"(?P<name>torch\w*)-(?P<version>[\w.+%]+)-(?P<tag>cp3\d+)-\w+-(?P<platform>[\w.]+)\.whl is not a supported wheel"
)
UNLISTED = (
    r"(?:could not find a version that satisfies the requirement|no matching distribution found for) "
    r"(?P<name>torch(?:vision|audio)?)==(?P<version>\d+\.[\d.]*\d(?:\+\w+)?)"
)
"""The same message without its list."""

POETRY = r"unable to find installation candidates for (?P<name>torch(?:vision|audio)?) \((?P<version>[\d.]+)[^)]*\)"
CONDA_LIST = r"(?:py)?torch\w{0,20}[^\n]{0,40} -> python\[version='(?P<spec>[^']+)'"
UV_PLATFORM = (
    r"you're on [\w ]{1,20} \(`(?P<mine>\w+)`\), but `(?P<name>[\w.-]+)` \(v(?P<version>[^)]+)\) only has wheels for the"
    r" following platforms?: (?P<tags>.*)"
)
UV_NO_PLATFORM = (
    r"(?P<name>torch\w{0,20})\S{0,40} has no wheels with a matching platform tag(?: \(e\.g\., `(?P<mine>\w+)`\))?"
)
PLATFORM = (UV_PLATFORM, UV_NO_PLATFORM)
NOT_INSTALLED = (
    r"(?:couldn'?t|could not|failed to|unable to|cannot) install (?:py)?torch\b|error (?:while )?installing "
    r"(?:py)?torch\b|no compatible version found for: torch\b"
)
"""What an installer of another program says when its call of pip failed."""

PIP_COMMAND = r"\bpip3? install (?:[^\n]{0,120}? )?[\"']?torch==(?P<version>\d[\w.+]*)"
NO_MATCH_PINNED = (
    r"no matching distribution (?:was )?(?:found )?for (?P<name>torch(?:vision|audio)?)={2,3}(?P<version>\d[\w.+]*\w)"
)
"""The version that was asked for, where the line with the versions on offer was left out."""

UV_NONE = (
    r"\b(?P<name>torch(?:vision|audio)?)(?:==| \(?v?)(?P<version>\d[\w.+]*)\)?(?: @ [^`\n]{0,200})?`?"
    r" (?:can['\u2019]?t be installed because it )?(?:doesn['\u2019]?t|does not) have a source distribution or wheel"
)
"""What uv said before it named tags and platforms."""

NO_MATCH = r"no matching distribution found for (?P<name>torch(?:vision|audio)?)\b"

_PYTHON = r"\bpython ?(?:version )?v?(?P<python>3\.\d{1,2})(?:\.\d+|\.x|\+)?\b"
_LACKS = (
    rf"(?:{_speech.NOT} {_speech.ADVERB}(?:be )?(?:officially |yet )?(?:support\w*|compatible|available|work\w*|exist|released|built"
    rf"|ready|installable)"
    r"|unsupported|incompatible|no (?:wheels?|releases?|builds?|versions?|distributions?|support)|lacks|too (?:new|recent|old)|dropped)"
)
SAID_NO_WHEEL = (
    rf"{_PYTHON}{_speech.CLAUSE}\b{_LACKS}{_speech.CLAUSE}\b(?:py)?torch\b(?!vision|audio|-)",
    rf"\b(?:py)?torch\b{_speech.CLAUSE}\b{_LACKS}\b{_speech.CLAUSE}{_PYTHON}",
    rf"\bno (?:\w+ ){{0,2}}?(?:py)?torch (?:\w+ ){{0,3}}?(?:for|on|with) {_PYTHON}",
)
"""A person has found out that the Python is not served."""

ITS_NAME = "the wheel's name"
"""The source of what is known from the name of one file alone."""

BEFORE_INDEX = (5, 6, 7, 8)
"""Python 3 minors of the releases 1.2 to 1.6, which the index does not hold (their files on the registry)."""


class Asked(NamedTuple):
    """A package that an installer did not find."""

    name: str
    version: str | None
    """As asked for, with a local part if there was one; None: any."""
    listed: tuple[str, ...]
    """The versions that it could have had on this interpreter; () none."""
    hit: Hit


class Served(NamedTuple):
    """The Pythons for which a package has wheels."""

    what: str
    """``torch 2.3.1``."""
    minors: tuple[int, ...]
    source: str
    hit: Hit | None = None


def asked_for(case: Case) -> Asked | None:
    """The package of the torch family that pip did not find, and what it was offered in its place."""
    hit = case.said(NOT_FOUND)
    if hit is None:
        return None
    version = re.match(r"(?:={2,3}|[>~]=)\s?([\w.+]+)", hit.match["spec"] or "")
    listed = tuple(re.findall(r"\d+(?:\.\w+)+(?:\+\w+)?", hit.match["listed"]))
    return Asked(hit.match["name"].lower(), version[1] if version else None, listed, hit)


_SYSTEMS = {"macos": "macos_arm64", "windows": "win_", "linux": "linux_"}
"""How the platforms begin of a system whose machine is not known; Macs are mostly Apple silicon."""


def minors_of(case: Case, name: str, version: str) -> tuple[int, ...]:
    """Python 3 minors for which that release has wheels on this platform (any platform where that is not known)."""
    base, _, local = version.partition("+")
    platform = compat.platform_of(case.snapshot)
    beginning = "" if platform else _SYSTEMS.get(case.system or "", "")
    if name == "torch":
        rows = [(b.torch, b.backend, b.platform, b.pythons) for b in case.index.builds]
    else:
        rows = [(c.version, c.backend, c.platform, c.pythons) for c in case.index.companions if c.project == name]
    found = {
        tag
        for number, backend, where, pythons in rows
        if number == base
        and where == (platform or where)
        and where.startswith(beginning)
        and backend == (local or backend)
        for tag in pythons
    }
    if not found and local:
        return minors_of(case, name, base)
    minors = {int(tag[3:]) for tag in found if tag[2:3] == "3" and tag[3:].isdigit()}
    if not minors and name == "torch" and (1, 2) <= compat.version_tuple(base) < (1, 7):
        return BEFORE_INDEX
    return tuple(sorted(minors))


def served_by_text(case: Case) -> Served | None:
    """The Pythons that would do, by what an installer said."""
    readers = (
        (UV_TAGS, _by_tags),
        (WRONG_WHEEL, _by_file),
        (CONDA_PYTHON, _by_bounds),
        (CONDA_LIST, _by_listing),
        (OTHER_PYTHON, _by_specifier),
    )
    for pattern, read in readers:
        hit = case.said(pattern)
        if hit:
            return read(hit)
    hit = case.said(UV_NO_TAG, POETRY)
    asked = None if hit else asked_for(case)
    pinned = case.said(NO_MATCH_PINNED, UV_NONE) if not (hit or asked) and case.python else None
    hit = hit or pinned
    command = case.said(PIP_COMMAND) if case.said(NOT_INSTALLED) else None
    if hit:
        name, version = hit.match["name"].lower(), hit.match["version"]
    elif asked:
        name, version, hit = asked.name, asked.version, asked.hit
    elif command:
        name, version, hit = "torch", command.match["version"], command
    elif unlisted := case.said(UNLISTED):
        name, version, hit = unlisted.match["name"].lower(), unlisted.match["version"], unlisted
    else:
        return None
    tag = tag_of_index(case) if version is None and name == "torch" else None
    if tag:
        minors = tuple(sorted(minor for minor in _spans(case, tag)))
        return Served(f"torch for {tag}", minors, "wheels_index.json", hit) if minors else None
    version = version or (case.newest_torch_then if name == "torch" else None)
    minors = minors_of(case, name, version) if version else ()
    return Served(f"{name} {version}", minors, "wheels_index.json", hit) if minors else None


def tag_of_index(case: Case) -> str | None:
    """``cu117``, where pip looked on that page of the PyTorch index alone."""
    config = case.snapshot.target.pip if case.snapshot.target else None
    looked = case.said(r"looking in indexes: (?P<urls>\S+)\s*$")
    url = (looked.match["urls"] if looked else None) or (config.index_url if config else None) or ""
    match = re.search(r"/whl/(cu\d{2,3}|cpu|rocm[\d.]+|xpu)/?$", url)
    return match[1] if match else None


def _by_tags(hit: Hit) -> Served:
    """The tags that uv lists; those of free-threaded builds are of no use here."""
    tags = re.findall(r"cp3(\d+)(?![\dt])", hit.match["tags"])
    return Served(f"{hit.match['name']} {hit.match['version']}", tuple(sorted(map(int, tags))), "uv", hit)


def _by_file(hit: Hit) -> Served:
    return Served(hit.match[0].split()[0], (int(hit.match["tag"][3:]),), ITS_NAME, hit)


def _by_bounds(hit: Hit) -> Served:
    return Served("that PyTorch", tuple(range(int(hit.match["low"]), int(hit.match["high"]))), "conda", hit)


def _by_listing(hit: Hit) -> Served | None:
    bounds = [int(minor) for minor in re.findall(r"3\.(\d+)", hit.match["spec"])]
    return Served("that PyTorch", tuple(range(min(bounds), max(bounds))), "conda", hit) if bounds else None


def _by_specifier(hit: Hit) -> Served | None:
    """``>=3.8,<3.12`` as Python 3 minors."""
    low = re.search(r">=?\s*3\.(\d+)", hit.match["spec"])
    high = re.search(r"<(=?)\s*3\.(\d+)", hit.match["spec"])
    first = int(low[1]) if low else 6
    last = int(high[2]) + bool(high[1]) if high else max(first + 1, 30)
    return Served(hit.match["name"], tuple(range(first, last)), "its Requires-Python", hit)


def by_list(case: Case) -> tuple[str, int | None, Asked] | None:
    """Where the Python is not known, what the versions on offer tell: ``new`` or ``old`` for what is asked, and its minor.

    Every Python has a first and a last release with wheels for it. What is on offer begins or ends there.
    """
    asked = asked_for(case)
    offered = sorted(compat.version_tuple(v) for v in (asked.listed if asked else ()) if not v.startswith("0.1.2"))
    wanted = compat.version_tuple(asked.version or "") if asked else ()
    if asked is None or not offered or not wanted:
        return None
    spans = _spans(case) if asked.name == "torch" else _spans_of(case, asked.name)
    if wanted < offered[0]:
        minors = [minor for minor, (first, _) in spans.items() if first == offered[0]]
        return "new", (max(minors) if minors else None), asked
    if wanted > offered[-1]:
        minors = [minor for minor, (_, last) in spans.items() if last == offered[-1]]
        newest = compat.version_tuple(case.newest_torch_then or "")
        is_torch = asked.name == "torch"
        return ("old", max(minors), asked) if minors and is_torch and offered[-1] != newest else None
    return None


def _spans(case: Case, backend: str | None = None) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
    """Python minor -> first and last release that have a wheel for it on this platform (on any, where that is not known)."""
    platform = compat.platform_of(case.snapshot)
    versions: dict[int, list[tuple[int, ...]]] = {}
    for build in case.index.builds:
        if build.platform == (platform or build.platform) and build.backend == (backend or build.backend):
            for tag in build.pythons:
                if tag[3:].isdigit():
                    versions.setdefault(int(tag[3:]), []).append(compat.version_tuple(build.torch))
    return {minor: (min(found), max(found)) for minor, found in versions.items()}


def _spans_of(case: Case, name: str) -> dict[int, tuple[tuple[int, ...], tuple[int, ...]]]:
    """The same for a companion of torch."""
    versions: dict[int, list[tuple[int, ...]]] = {}
    for build in case.index.companions:
        if build.project == name:
            for tag in build.pythons:
                if tag[3:].isdigit():
                    versions.setdefault(int(tag[3:]), []).append(compat.version_tuple(build.version))
    return {minor: (min(found), max(found)) for minor, found in versions.items()}


def platform_hint(case: Case) -> tuple[str, Hit] | None:
    """Why uv finds no wheel for this platform: ``musl``, ``glibc``, ``intel``, ``macos``, ``bits`` or ``machine``."""
    hit = case.said(*PLATFORM)
    mine = (hit.match["mine"] or "").lower() if hit else ""
    if hit is None or not mine:
        return None
    kinds = (
        (r"musl", "musl"),
        (r"macosx_\d+_\d+_x86_64", "intel"),
        (r"macosx_\d+_\d+_arm64", "macos"),
        (r"manylinux\w*_(?:x86_64|aarch64)|linux_(?:x86_64|aarch64)", "glibc"),
        (r"win32", "bits"),
    )
    return next((kind for pattern, kind in kinds if re.match(pattern, mine)), "machine"), hit


def lacks_torch(case: Case) -> bool:
    """Somebody looked and torch is not installed. A report's list may be partial, so it never says that."""
    target = case.snapshot.target
    if target is None or target.distributions is None or case.torch_version or case.snapshot.origin == "report":
        return False
    return not any(folder.has_init or folder.is_file for folder in target.torch_folders or ())


def served(case: Case) -> Served | None:
    """The Pythons that would do: by what an installer said; where torch is absent, those of the newest release."""
    told = served_by_text(case)
    if told or not lacks_torch(case):
        return told
    newest = case.newest_torch_then
    minors = minors_of(case, "torch", newest) if newest else ()
    return Served(f"torch {newest}", minors, "wheels_index.json") if minors else None


def newest_for(case: Case, minor: int) -> str | None:
    """The newest torch, as of the day of judgement, that has a wheel for that Python on this platform."""
    dates = {release.version: release.date for release in case.index.releases}
    platform = compat.platform_of(case.snapshot)
    found = {
        build.torch
        for build in case.index.builds
        if f"cp3{minor}" in build.pythons
        and (platform is None or build.platform == platform)
        and dates.get(build.torch, "9999") <= case.as_of
    }
    return max(found, key=compat.version_tuple, default=None)
