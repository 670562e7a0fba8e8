"""PT1xx: the interpreter. Its kind stands in pt1_builds, its system in pt1_platform, what is peculiar to Windows in pt1_windows."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _tongues, pt1_builds, pt1_platform, pt1_windows
from ptsetup.rules._case import Case
from ptsetup.rules._installers import (
    CONDA_LIST,
    CONDA_PYTHON,
    ITS_NAME,
    NOT_FOUND,
    NOT_INSTALLED,
    OTHER_PYTHON,
    POETRY,
    SAID_NO_WHEEL,
    UV_NO_TAG,
    UV_TAGS,
    WRONG_WHEEL,
    Served,
    asked_for,
    by_list,
    minors_of,
    newest_for,
    served,
)
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fresh_environment, python_to_take

NO_WHEEL = (NOT_FOUND, UV_TAGS, UV_NO_TAG, OTHER_PYTHON, CONDA_PYTHON, CONDA_LIST, POETRY, WRONG_WHEEL, NOT_INSTALLED)


def _is_served_elsewhere(case: Case) -> bool:
    """Torch is there and works, and no installer complained: the interpreter is good enough."""
    return case.is_import_ok is True and not case.said(*NO_WHEEL)


def _needs(case: Case, told: Served) -> tuple[Evidence, ...]:
    """The interpreter's version and the Pythons that would do."""
    pythons = ", ".join(f"3.{minor}" for minor in told.minors) or "no other"
    version = case.snapshot.target.version if case.snapshot.target else None
    return (
        fact(case, "target.version", version, "the interpreter"),
        Evidence(path="index.builds", value=f"{told.what}: Python {pythons}", source=told.source),
        *([told.hit.evidence] if told.hit else []),
    )


def _other_pythons(case: Case, told: Served) -> tuple[Fix, ...]:
    """An interpreter that is served; where an older or newer release serves this one, that too."""
    python = python_to_take(f"cp3{minor}" for minor in told.minors)
    why = f"{told.what} is for Python {python}" if told.source == ITS_NAME else ""
    fixes = fresh_environment(case, python, why or f"Wheels of {told.what} exist for Python {python}")
    other = newest_for(case, case.python[1])
    if other is None:
        return fixes
    text = f"Or keep this Python and take torch {other}, the newest with wheels for it."
    return (*fixes, another_build(text, f"torch=={other}"))


@rule(
    "PT101",
    "python-too-new",
    "error",
    "No wheel exists yet for this Python",
    needs=("target.version|messages",),
    hides=("PT106", "PT202", "PT218"),
    says=NO_WHEEL,
    is_starred=True,
)
def python_too_new(case: Case) -> Iterator[Finding]:
    """What is wrong
        The interpreter is newer than every Python for which the wanted release was built. A wheel of torch is tied to
        one minor version of Python, and its makers add a new one only some months after it appears. Or one file was
        asked for by its name, and it is for another Python or another system.

    Why it matters
        The installer finds nothing ("from versions: none"), or takes a release that is years old.

    See it yourself
        python --version
        python -m pip index versions torch

    Fix
        Make an environment with a Python that the release supports; 3.13 or 3.12 has wheels of nearly everything.
        Or take a newer torch, if one has been built for this Python.

    Sources
        pytorch/pytorch#144024, #112478, #130249; names of the published wheels
    """
    told = served(case)
    if len(case.python) < 2 or (told is not None and case.python[1] in told.minors):
        yield from _by_list(case, "new")
        yield from _by_name(case)
        yield from _by_tag(case)
    if told is None or (len(case.python) > 1 and case.python[1] in told.minors):
        yield from _just_released(case)
        yield from _companion_later(case)
    if told is None:
        yield from _in_words(case, "new")
    if told is None or len(case.python) < 2 or case.python[0] != 3 or _is_served_elsewhere(case):
        return
    minor = case.python[1]
    if minor in told.minors or (told.minors and minor < min(told.minors)):
        return
    newest = f": the newest Python that it serves is 3.{max(told.minors)}." if told.minors else "."
    yield Finding(
        message=f"{told.what} is for Python 3.{max(told.minors)}, and this is 3.{minor}."
        if told.source == ITS_NAME
        else f"{told.what[:1].upper() + told.what[1:] if told.source == 'conda' else told.what}"
        f" has no wheel for Python 3.{minor}{newest}",
        subject=f"Python {'.'.join(map(str, case.python))}",
        evidence=_needs(case, told),
        fixes=_other_pythons(case, told),
        # a mirror or an index of one's own may hold wheels that the public ones lack
        certainty="likely" if told.hit is None and _has_own_index(case) else "certain",
    )


def _has_own_index(case: Case) -> bool:
    """Installers are sent to an index that is neither the default one nor PyTorch's."""
    config = case.snapshot.target.pip if case.snapshot.target else None
    urls = [config.index_url if config else None, *(case.env(n) for n in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"))]
    return any(url and "pytorch.org" not in url for url in urls)


@rule(
    "PT102",
    "python-eol-or-dropped",
    "warning",
    "This Python is older than the releases that are wanted",
    needs=("target.version|messages",),
    hides=("PT106", "PT218"),
    says=NO_WHEEL,
)
def python_dropped(case: Case) -> Iterator[Finding]:
    """What is wrong
        The interpreter is older than the oldest Python for which the newest (or the wanted) release was built.

    Why it matters
        Without a word the installer takes an older torch: 2.14.1 for Python 3.10, 2.8.0 for Python 3.9. Newer GPUs and
        newer companions may need more than that.

    See it yourself
        python --version
        python -m pip index versions torch

    Fix
        Make an environment with Python 3.11 or newer. Whoever pins the older torch on purpose can stay.

    Sources
        Requires-Python of the published wheels; pytorch/pytorch#39939
    """
    told = served(case)
    if len(case.python) < 2:
        yield from _by_list(case, "old")
    if told is None:
        yield from _in_words(case, "old")
    if told is None or len(case.python) < 2 or case.python[0] != 3 or _is_served_elsewhere(case):
        yield from _older_than_newest(case)
        return
    minor = case.python[1]
    if not told.minors or minor >= min(told.minors):
        return
    other = newest_for(case, minor)
    is_stuck = told.hit is not None or other is None
    yield Finding(
        message=f"{told.what} needs Python 3.{min(told.minors)} or newer, this is 3.{minor}"
        + (f"; the newest torch for it is {other}." if other else ", for which no torch is known."),
        subject=f"Python {'.'.join(map(str, case.python))}",
        evidence=_needs(case, told),
        fixes=_other_pythons(case, told),
        severity="error" if is_stuck else "warning",
    )


def _by_list(case: Case, kind: str) -> Iterator[Finding]:
    """The Python is not known, but what pip offered begins after, or ends before, what was asked for."""
    told = by_list(case)
    if told is None or told[0] != kind or case.system == "macos":
        return
    _, minor, asked = told
    offered = [version for version in asked.listed if not version.startswith("0.1.2")]
    served_by = python_to_take(
        tag for build in case.index.builds if build.torch == _base(asked.version) for tag in build.pythons
    )
    which = f", as they do for Python 3.{minor}" if minor else ""
    yield Finding(
        message=f"The wheels that this Python can take begin with {offered[0]}{which}; {asked.name} {asked.version} is older."
        if kind == "new"
        else f"The wheels that this Python can take end with {offered[-1]}{which}; {asked.name} {asked.version} is newer.",
        subject="Python",
        evidence=(asked.hit.evidence,),
        fixes=(
            *fresh_environment(case, served_by, f"{asked.name} {asked.version} has wheels for Python {served_by}"),
            another_build(
                f"Or keep this Python and take torch {offered[-1]}, which has a wheel for it.", f"torch=={offered[-1]}"
            ),
        ),
        severity="error",
        certainty="likely",
    )


FRESH_PATCH = 1
"""Wheels for a new minor release of Python come weeks to months after it: its first two patch releases are of those days."""

TORCH_FOUND = (
    r"(?:Downloading|Using cached|Collecting|Successfully installed) (?:[\w.-]+ )*torch(?![a-z])(?!.{0,60}==)"
    r"|requirement already satisfied: torch\b(?!vision|audio)"
    r"|\btorch(?: ?==? ?|-| )?[\d.+\w]*\b (?:itself )?(?:installs|(?:is|was|got|already) (?:\w+ )?installed|works|installed fine)"
    r"|\bpip3? install torch\b(?! torch)[^.;\n]{0,12}\b(?:works?|worked|is fine|was fine|succeeds?)\b"
)
"""An installer took torch itself, or a person says so."""

COMPANIONS_LATER = 12
"""From this minor release of Python on torch came to a new one weeks before its companions did (their files' dates)."""


def _companion_later(case: Case) -> Iterator[Finding]:
    """Torch has a wheel for this Python, and its companion had none at all: that one was not built for it yet."""
    asked = asked_for(case)
    if asked is None or asked.name == "torch" or asked.listed or case.snapshot.origin != "report":
        return
    host = case.snapshot.host
    is_arm = bool(host and host.machine == "aarch64")
    is_new = len(case.python) > 1 and case.python[0] == 3 and case.python[1] >= COMPANIONS_LATER
    if not is_new or is_arm or case.said(*OTHER_REASONS) or not (case.torch_version or case.said(TORCH_FOUND)):
        return
    shown = ".".join(map(str, case.python))
    yield Finding(
        message=f"pip was offered no {asked.name} at all for Python {shown}, though torch has a wheel for it.",
        subject=f"Python {shown}",
        evidence=(asked.hit.evidence, fact(case, "target.version", shown, "the interpreter")),
        fixes=(
            *fresh_environment(
                case, "3.12" if case.python[1] > COMPANIONS_LATER else "3.11", "An older Python has wheels"
            ),
            another_build(
                "Or, if some time has passed since: install torch and its companions anew, with a current pip."
            ),
        ),
        certainty="likely",
    )


BARE = r"no matching distribution found for torch\s*$"
PRERELEASE = r"\bpython ?(?:version:? )?(?P<version>3\.\d{1,2}\.\d(?:a|b|rc)\d)"


def _just_released(case: Case) -> Iterator[Finding]:
    """The installer was offered nothing at all for a Python that has wheels today; it is one of the first of its minor release."""
    asked, early = asked_for(case), case.said(PRERELEASE)
    offered = asked.hit if asked and asked.name == "torch" and not asked.listed else None
    none = offered if asked else case.said(BARE)
    is_first = len(case.python) > 2 and case.python[0] == 3 and case.python[2] <= FRESH_PATCH
    is_other = (case.snapshot.target and case.snapshot.target.bits == 32) or case.system == "macos"
    if none is None or is_other or case.snapshot.origin != "report" or not (is_first or early):
        return
    if case.is_import_ok or case.said(*OTHER_REASONS):
        return
    shown = early.match["version"] if early else ".".join(map(str, case.python))
    yield Finding(
        message=f"pip was offered no torch at all for Python {shown}, one of the first of its kind: there was no wheel for it yet.",
        subject=f"Python {shown}",
        evidence=(
            none.evidence,
            early.evidence if early else fact(case, "target.version", shown, "the interpreter"),
        ),
        fixes=(
            *fresh_environment(case, "3.13" if case.python[:2] != (3, 13) else "3.12", "An older Python has wheels"),
            another_build("Or, if some time has passed since: install torch anew, with a current pip."),
        ),
        certainty="likely",
    )


OTHER_REASONS = (
    r"\bmusl|\balpine\b|\b32[- ]?bit\b|connection|proxy|timed? ?out|SSL|certificate|name resolution|retrying",
    r"armv[67]l|ppc64|riscv|i[36]86|win32\b(?! *$)",
)
"""What keeps pip from every wheel too."""


def _in_words(case: Case, kind: str) -> Iterator[Finding]:
    """A person says that torch is not made for this Python; which side it is on, the newest release of the day tells."""
    is_open = case.snapshot.origin == "report" and case.is_import_ok is not True
    hit = case.said(*SAID_NO_WHEEL, _tongues.PYTHON_NOT_SERVED) if is_open else None
    if hit is None or case.said(NOT_ON_PYTHON):
        return
    words = hit.match.groupdict()
    python = words.get("python") or words.get("one") or words.get("two") or words.get("three") or ""
    minor = int(python.partition(".")[2])
    minors = minors_of(case, "torch", case.newest_torch_then or "")
    if ("old" if minors and minor < min(minors) else "new") != kind:
        return
    served_by = python_to_take(f"cp3{number}" for number in minors)
    yield Finding(
        message=f"By the report the wanted torch has no wheel for Python 3.{minor}.",
        subject=f"Python 3.{minor}",
        evidence=(hit.evidence,),
        fixes=fresh_environment(case, served_by, f"Wheels of nearly everything exist for Python {served_by}"),
        severity="error",
        certainty="likely",
    )


NOT_ON_PYTHON = (
    r"(?:dynamo|torch\.compile)(?:\(\))? is not (?:yet )?supported on Python|not yet supported for torch\.compile"
)


def _by_name(case: Case) -> Iterator[Finding]:
    """The installer refuses one file; what that is for stands in its name, and this Python is not known, or would do."""
    hit = case.said(WRONG_WHEEL)
    if hit is None or hit.match["name"].lower() != "torch":
        return
    file = hit.match[0].split()[0]
    where = f"Python 3.{hit.match['tag'][3:]} on {hit.match['platform']}"
    which = "this system is another" if len(case.python) > 1 else "this Python or this system is another"
    see = "import sys, sysconfig; print(sys.version, sysconfig.get_platform())"
    yield Finding(
        title="This wheel is for another Python or another system",
        message=f"{file} is for {where}: {which}.",
        subject=file,
        evidence=(hit.evidence,),
        fixes=(
            another_build(
                "Let the installer choose the file for this machine.", f"torch=={_base(hit.match['version'])}"
            ),
            Fix(text="Or see which Python and system this is.", commands=(("{python}", "-c", see),)),
        ),
        certainty="likely",
    )


OLDEST_OF_UV = 9
"""uv makes no environments with a Python older than 3.8; a release that serves this one is not refused for its age."""


def _by_tag(case: Case) -> Iterator[Finding]:
    """By uv the release has no wheel with this Python's tag, and this Python is not known: it can only be a newer one."""
    hit = case.said(UV_NO_TAG) if not case.python else None
    minors = minors_of(case, hit.match["name"].lower(), hit.match["version"]) if hit else ()
    if hit is None or not minors or min(minors) > OLDEST_OF_UV:
        return
    what = f"{hit.match['name']} {hit.match['version']}"
    yield Finding(
        message=f"{what} has no wheel for this Python: the newest that it serves is 3.{max(minors)}.",
        subject="Python",
        evidence=(hit.evidence, Evidence(path="index.builds", value=what, source="wheels_index.json")),
        fixes=fresh_environment(
            case, python_to_take(f"cp3{minor}" for minor in minors), f"Wheels of {what} exist for that Python"
        ),
        certainty="likely",
    )


def _base(version: str | None) -> str:
    return (version or "").partition("+")[0]


def _older_than_newest(case: Case) -> Iterator[Finding]:
    """Torch is there, but this Python keeps it from being newer: a note."""
    newest = case.newest_torch_then
    if not newest or not case.torch_base or len(case.python) < 2 or case.python[0] != 3:
        return
    here = newest_for(case, case.python[1])
    if here is None or compat.version_tuple(here) >= compat.version_tuple(newest):
        return
    yield Finding(
        message=f"torch {newest} needs a newer Python; for 3.{case.python[1]} the newest is {here}.",
        subject=f"Python {'.'.join(map(str, case.python))}",
        evidence=(
            fact(case, "target.version", ".".join(map(str, case.python)), "the interpreter"),
            Evidence(path="index.releases", value=f"{newest} is the newest", source="wheels_index.json"),
        ),
        fixes=fresh_environment(case, "3.13", "Only if a newer torch is wanted"),
        severity="note",
    )


RULES = tuple(
    sorted(
        (
            python_too_new,
            python_dropped,
            *pt1_builds.RULES,
            *pt1_platform.RULES,
            *pt1_windows.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT1xx."""
