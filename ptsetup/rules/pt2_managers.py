"""PT216, PT217, PT223 and PT224: where one may install, and versions that do not belong together."""

import functools
import re
from collections.abc import Iterator
from itertools import combinations

from ptsetup import compat
from ptsetup.facts import Distribution
from ptsetup.rules._case import Case
from ptsetup.rules._installers import lacks_torch
from ptsetup.rules._pairs import local_tag
from ptsetup.rules._requirements import is_plainly_satisfied, is_satisfied, named, requirements_of
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import FRESH, another_build, fact, fitting, pip


@rule(
    "PT216",
    "externally-managed",
    "error",
    "The operating system manages this Python",
    needs=("target.is_externally_managed|messages",),
    hides=("PT217", "PT202"),
    layer=50,
    says=(r"externally[- ]managed[- ]environment", r"This environment is externally managed"),
)
def externally_managed(case: Case) -> Iterator[Finding]:
    """What is wrong
        The distribution keeps this Python for its own programs and has marked it: packages are to come from the
        distribution only.

    Why it matters
        pip refuses with "externally-managed-environment". Forcing it can break programs of the system.

    See it yourself
        python3 -c "import sysconfig, os; print(os.listdir(sysconfig.get_path('stdlib')).count('EXTERNALLY-MANAGED'))"

    Fix
        Make a virtual environment and install there.

    Sources
        PEP 668; pypa/pip, _internal/commands/install.py
    """
    target = case.snapshot.target
    hit = case.heard(externally_managed)
    is_marked = bool(target and target.is_externally_managed and not target.is_venv and not target.is_conda)
    if not hit and not is_marked:
        return
    if not hit and not lacks_torch(case):
        return
    evidence = [hit.evidence] if hit else []
    if is_marked:
        evidence.append(fact(case, "target.is_externally_managed", "True", "EXTERNALLY-MANAGED beside the stdlib"))
    yield Finding(
        message="This Python belongs to the operating system, which lets pip install nothing into it.",
        subject="Python",
        evidence=tuple(evidence),
        fixes=_own_environment(case, "safe"),
        certainty="certain",
    )


def _own_environment(case: Case, kind: str) -> tuple[Fix, ...]:
    """A virtual environment in the current folder, made by uv (Debian's Python lacks venv without another package)."""
    text = "Make a virtual environment here and install torch into it."
    is_safe = kind == "safe"
    make = ("uv", "venv", "--python", "{python}", FRESH)
    return fitting(
        case,
        Fix(
            text=text,
            commands=(make, ("ptsetup", "install", "--python", f"{FRESH}/bin/python")),
            systems=("linux", "macos"),
            kind="safe" if is_safe else "print",
        ),
        Fix(
            text=text,
            commands=(make, ("ptsetup", "install", "--python", f"{FRESH}\\Scripts\\python.exe")),
            systems=("windows",),
            kind="safe" if is_safe else "print",
        ),
    )


@rule(
    "PT217",
    "site-not-writable",
    "error",
    "This user may not write to site-packages",
    needs=("target.is_writable|messages",),
    layer=54,
    says=(
        r"defaulting to user installation because normal site-packages is not writeable",
        r"(?:permission denied|read-only file system).{0,80}(?:site-packages|dist-packages)",
        r"could not install packages due to an (?:OSError|EnvironmentError): \[Errno (?:13|30)\]",
    ),
)
def not_writable(case: Case) -> Iterator[Finding]:
    """What is wrong
        The folder for packages belongs to somebody else, or its file system is mounted read-only.

    Why it matters
        Nothing can be installed, repaired or upgraded there. pip may fall back on the user's own folder, whose packages
        then get in the way of others (PT205).

    See it yourself
        python -c "import os, sysconfig; p = sysconfig.get_path('purelib'); print(p, os.access(p, os.W_OK))"

    Fix
        Make a virtual environment in a place that you may write to.

    Sources
        flathub/com.vscodium.codium#235
    """
    target = case.snapshot.target
    hit = case.heard(not_writable)
    is_closed = target is not None and target.is_writable is False
    if not hit and not is_closed:
        return
    disks = case.snapshot.host.disks or () if case.snapshot.host else ()
    disk = next((d for d in disks if d.role == "target"), None)
    place = (target.purelib if target else None) or "site-packages"
    is_read_only = bool(disk and disk.is_read_only)
    matters = bool(hit) or lacks_torch(case) or bool(target and (target.is_venv or target.is_conda)) or is_read_only
    evidence = [fact(case, "target.is_writable", f"no: {place}", "os.access")] if is_closed else []
    if disk and is_read_only:
        evidence.append(fact(case, "host.disks", f"{disk.path} is mounted read-only", "mount table"))
    yield Finding(
        message=f"{place} cannot be written to"
        + (": its file system is mounted read-only." if is_read_only else " by this user."),
        subject=place,
        evidence=(*([hit.evidence] if hit else []), *evidence),
        fixes=_own_environment(case, "print"),
        # images that run as another user than the one who made them are so, and torch works in them
        severity="note" if not matters else "warning" if case.is_import_ok and not hit else "error",
        certainty="certain" if is_closed else "likely",
    )


NIGHTLY = ("torch", "torchvision", "torchaudio", "pytorch-triton")


@rule(
    "PT223",
    "nightly-mix",
    "error",
    "Nightly and stable builds are mixed",
    needs=("target.distributions",),
    hides=("PT224",),
    layer=69,
)
def nightly_mix(case: Case) -> Iterator[Finding]:
    """What is wrong
        Some of torch, torchvision, torchaudio and triton are nightly builds and others are not, or their dates are days
        apart. The compiled ones fit one build of torch only.

    Why it matters
        Undefined symbols and missing operators as soon as the companion is imported.

    See it yourself
        python -m pip list | grep -i -E "torch|triton"

    Fix
        Take all of them from the nightly page of the PyTorch index on one day; or all of them stable.

    Sources
        pytorch/pytorch#131312, #101801
    """
    found = [d for name in NIGHTLY for d in case.dists(name) if d.version]
    nightly = {d.name: day for d in found if (day := _nightly_day(d.version or ""))}
    if not nightly:
        return
    apart = [(a, b) for a, b in combinations(nightly, 2) if abs(_days(nightly[a]) - _days(nightly[b])) > 3]
    stable = [d for d in found if d.name not in nightly and re.fullmatch(r"[\d.]+(?:\+\w[\w.]*)?", d.version or "")]
    # Triton's nightly builds have no day but the commit in their local part
    stable = [d for d in stable if not (_has_lower_bound(d) or re.search(r"\+(?:git)?[0-9a-f]{8,}$", d.version or ""))]
    if not apart and not stable:
        return
    named = ", ".join(f"{d.name} {d.version}" for d in found)
    failed = case.is_import_ok is False or case.said(
        r"undefined symbol", r"::\w+ does not exist", r"torchvision|torchaudio"
    )
    yield Finding(
        message=f"Builds of different days are mixed: {named}.",
        subject=(apart[0][1] if apart else stable[0].name),
        evidence=(fact(case, "target.distributions", named, "metadata"),),
        fixes=(
            another_build("Take a stable torch with the companions that belong to it.", "torch", "torchvision"),
            Fix(
                text="Or take all of them from the nightly page of one day.",
                commands=(
                    pip(
                        case,
                        "install",
                        "--pre",
                        "--force-reinstall",
                        *sorted({d.name for d in found} & set(NIGHTLY[:3])),
                        "--index-url",
                        f"{case.index.origin_url}/nightly/{_tag(found) or case.backend or 'cpu'}",
                    ),
                ),
                kind="venv",
            ),
        ),
        severity="error" if failed else "note",
        certainty="certain" if failed else "likely",
    )


def _tag(found: list[Distribution]) -> str | None:
    """Backend tag of the nightly torch, else of another nightly."""
    return next((tag for d in found if ".dev" in (d.version or "") and (tag := local_tag(d.version))), None)


def _nightly_day(version: str) -> str | None:
    """``2.5.0.dev20240705`` -> ``20240705``."""
    match = re.search(r"\.dev(20\d{6})", version)
    return match[1] if match else None


def _days(day: str) -> int:
    """Days on a calendar of 31-day months: good enough to tell three days from more."""
    return int(day[:4]) * 372 + int(day[4:6]) * 31 + int(day[6:])


def _has_lower_bound(dist: Distribution) -> bool:
    """Whether torchvision asks for a minimum only since 0.29."""
    return dist.name == "torchvision" and compat.at_least(dist.version, "0.29") is True


CONFLICT = (
    r"(?<![\w.-])(?P<who>[A-Za-z][\w.-]{0,80}) (?P<version>\d\S{0,60}) (?:requires|has requirement|depends on)"
    r" (?P<need>(?:torch|triton|numpy|nvidia-)[^,]*?(?:, ?[<>=!~][^,]*)*), but you(?:'ll)? have"
    r" (?P<have>[\w-]+) (?P<is>\S+) which is incompatible"
)
FAMILY = ("torch", "triton", "nvidia-", "numpy")
OWNERS = {
    "torchvision": ("torch",),
    "torchaudio": ("torch",),
    "torch": ("triton", "nvidia-", "cuda-", "numpy"),
    "xformers": ("torch",),
    "torchao": ("torch",),
}
"""Pairs of which a rule of its own speaks."""


@rule(
    "PT224",
    "requirements-conflict",
    "warning",
    "Installed packages ask for versions that are not there",
    needs=("target.distributions|messages",),
    layer=72,
    says=(CONFLICT,),
)
def requirements(case: Case) -> Iterator[Finding]:
    """What is wrong
        A package's metadata ask for a version of torch, triton, numpy or a library of NVIDIA that is not the one
        installed.

    Why it matters
        What was tested together is not what runs together; the first sign may come far from the cause.

    See it yourself
        python -m pip check

    Fix
        Change one of the two to the version that satisfies both.

    Sources
        reproduced (pip check names torchvision 0.25 beside torch 2.15)
    """
    seen: set[tuple[str, str]] = set()
    for who, need, have, evidence in (*_told_conflicts(case), *_found_conflicts(case)):
        name = re.split(r"[^\w-]", need, maxsplit=1)[0]
        if name.startswith(OWNERS.get(who.split()[0], ("-",))) or (who, name) in seen:
            continue
        seen.add((who, name))
        yield Finding(
            message=f"{who} asks for {need}, and {have} is installed.",
            subject=who.split()[0],
            evidence=(evidence,),
            fixes=(
                another_build(f"Take a torch that satisfies {need}.", need)
                if name == "torch"
                else Fix(text=f"Install {need}.", commands=(pip(case, "install", need),), kind="venv"),
                Fix(
                    text=f"Or take a {who.split()[0]} that fits what is installed.",
                    commands=(pip(case, "install", "--upgrade", who.split()[0]),),
                    kind="print",
                ),
            ),
            severity="note" if case.is_import_ok else "warning",
        )


def _told_conflicts(case: Case) -> Iterator[tuple[str, str, str, Evidence]]:
    """What pip said at the end of an installation."""
    hit = case.heard(requirements)
    if hit:
        match = hit.match
        yield f"{match['who']} {match['version']}", match["need"], f"{match['have']} {match['is']}", hit.evidence


def _found_conflicts(case: Case) -> Iterator[tuple[str, str, str, Evidence]]:
    """Requires-Dist of what is installed against what is installed, within the family."""
    target = case.snapshot.target
    for dist in (target.distributions or ()) if target and case.snapshot.origin == "probe" else ():
        for need in requirements_of(case, dist, FAMILY, unless=functools.partial(_is_well, case)):
            installed = next((d.version for d in case.dists(need.name) if d.version), None)
            if installed is not None and not is_satisfied(need, installed):
                yield (
                    f"{dist.name} {dist.version}",
                    f"{need.name}{need.specifier}",
                    f"{need.name} {installed}",
                    fact(case, "target.distributions", f"{dist.name}: {need.name}{need.specifier}", "METADATA"),
                )


def _is_well(case: Case, text: str) -> bool:
    """No version of it is installed, or plainly one that will do."""
    installed = next((d.version for d in case.dists(named(text)) if d.version), None)
    return installed is None or is_plainly_satisfied(text, installed)


RULES = (externally_managed, not_writable, nightly_mix, requirements)
