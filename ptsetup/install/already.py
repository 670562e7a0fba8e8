"""Is the planned build there already; and what the installed family still needs."""

import contextlib
import os
import pathlib
import re
from collections.abc import Iterable, Mapping
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from ptsetup import compat
from ptsetup.facts import Distribution, Snapshot, Target
from ptsetup.plan import ONE_BUILD, Plan, is_family


def is_there(plan: Plan, snapshot: Snapshot) -> bool:
    """All that was asked for is installed, by its own files: the planned build, and what was named beside it."""
    return is_family_there(plan, snapshot) and not lacking_beside(plan, snapshot)


def is_family_there(plan: Plan, snapshot: Snapshot) -> bool:
    """The planned torch and companions are installed whole, with all that they require; torch is not imported."""
    target = snapshot.target
    wheel = target.wheel if target else None
    if target is None or wheel is None or plan.torch is None or plan.backend is None:
        return False
    if not _is_build(wheel.version or "", wheel.cuda, wheel.hip, wheel.xpu, plan):
        return False
    is_whole = all(
        _is_whole(target.distributions or (), requirement.name, requirement.version)
        for requirement in plan.requirements
    )
    names = [requirement.name for requirement in plan.requirements]
    return is_whole and not unmet(_sites(target), names, marker_environment(snapshot))


def lacking_beside(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Of what was named beside the family (``pandas``), and of what its extras bring, what is not there or of another version."""
    target = snapshot.target
    infos = {project(path.name): path for site in _sites(target) for path in _infos(site)} if target else {}
    asked = [Requirement(other) for other in plan.others]
    for requirement in plan.requirements:
        extras = Requirement(requirement.pin).extras
        if extras and requirement.name in infos:
            plain = requirements_of(infos[requirement.name], marker_environment(snapshot))
            with_them = requirements_of(infos[requirement.name], marker_environment(snapshot), *extras)
            asked += [need for need in with_them if need not in plain]
    return tuple(
        str(need)
        for need in asked
        if (info := infos.get(canonicalize_name(need.name))) is None or not _is_met(need, info.name)
    )


def _sites(target: Target) -> tuple[str, ...]:
    """The folders of packages that the environment sees, those of the system included; its own last."""
    others = [entry.path for entry in target.sys_path or () if entry.kind not in ("stdlib", "cwd")]
    return (*others, *folders(target))


def _infos(site: str) -> Iterable[pathlib.Path]:
    return pathlib.Path(site).glob("*-info")


def folders(target: Target) -> tuple[str, ...]:
    """The folders of packages that an installer writes to: one, but on some systems compiled packages have their own."""
    found = {os.path.realpath(path): path for path in (target.platlib, target.purelib) if path}
    return tuple(reversed(found.values()))


def unmet(sites: Iterable[str], names: Iterable[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """What these installed projects require, directly or not, and what is not there or of another version."""
    infos = {project(path.name): path for site in sites for path in _infos(site)}
    lacking: list[str] = []
    looked: set[str] = set()
    ahead = list(names)
    while ahead:
        name = ahead.pop()
        if name in looked:
            continue
        looked.add(name)
        for requirement in requirements_of(infos[name], environment) if name in infos else ():
            wanted = canonicalize_name(requirement.name)
            if wanted not in infos or not _is_met(requirement, infos[wanted].name):
                lacking.append(str(requirement))
            ahead.append(wanted)
    return tuple(lacking)


def _is_met(requirement: Requirement, info: str) -> bool:
    version = _INFO.fullmatch(info)
    try:
        return version is None or requirement.specifier.contains(version[2], prereleases=True)
    except InvalidVersion:
        return True


def _is_build(version: str, cuda: str | None, hip: str | None, xpu: str | None, plan: Plan) -> bool:
    base, _, local = version.partition("+")
    if base != plan.torch:
        return False
    if local:
        return local == plan.backend
    family = compat.family(plan.backend or "cpu")
    if family == "cuda":
        return cuda is not None and compat.tag_of_cuda(cuda) == plan.backend
    return (hip is not None) == (family == "rocm") and (xpu is not None) == (family == "xpu") and cuda is None


def _is_whole(installed: tuple[Distribution, ...], name: str, version: str | None) -> bool:
    # the first on the import path counts; two in one place are damage, those behind it are in nobody's way
    found = [d for d in installed if d.name == name]
    found = [d for d in found if d.location == found[0].location]
    if len(found) != 1 or found[0].missing_files or found[0].resized_files or found[0].has_record is False:
        return False
    have, want = found[0].version or "", version or ""
    if name in ONE_BUILD:
        return have.partition("+")[0] == want.partition("+")[0]
    # the default index's builds carry no local version in their metadata
    return have == want or (have.partition("+")[0] == want.partition("+")[0] and "+" not in have)


def family_needs(sites: Iterable[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Requirements on packages of the torch family (and of ROCm's own wheels) that the installed ones have and that are not there."""
    infos = {project(path.name): path for site in sites for path in pathlib.Path(site).glob("*.dist-info")}
    needs: dict[str, str] = {}
    for name, path in infos.items():
        if not is_family(name):
            continue
        for requirement in requirements_of(path, environment):
            wanted = canonicalize_name(requirement.name)
            if is_family(wanted) and wanted not in infos:
                needs[wanted] = f"{requirement.name}{_extras(requirement)}{requirement.specifier}"
    return tuple(needs[name] for name in sorted(needs))


def closure(metadata: Mapping[str, pathlib.Path]) -> frozenset[str]:
    """The torch family and all that it requires, by the METADATA of each project; markers are not looked at."""
    found: set[str] = set()
    ahead = [name for name in metadata if is_family(name)]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            needs = _all_requirements(metadata[name]) if name in metadata else ()
            ahead += [canonicalize_name(need.name) for need in needs]
    return frozenset(found)


def marker_environment(snapshot: Snapshot) -> dict[str, str]:
    """Marker variables of the target interpreter, where they may differ from ours."""
    version = (snapshot.target.version if snapshot.target else None) or ""
    short = ".".join(version.split(".")[:2])
    return {"python_version": short, "python_full_version": version} if short else {}


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""


def project(info: str) -> str:
    """Normalised project of the name of a dist-info or egg-info folder."""
    match = _INFO.fullmatch(info)
    return canonicalize_name(match[1] if match else info.rpartition(".")[0])


_INFO = re.compile(r"(.+?)-(\d[^-]*)(?:-py[\d.]+)?\.(?:dist|egg)-info")
"""``typing_extensions-4.16.0.dist-info``."""


def requirements_of(dist_info: pathlib.Path, environment: Mapping[str, str], *extras: str) -> tuple[Requirement, ...]:
    """Requires-Dist of an installed distribution that hold in that environment (markers) and with those extras.

    () when METADATA cannot be read.
    """
    return tuple(
        requirement
        for requirement in _all_requirements(dist_info / "METADATA")
        if requirement.marker is None
        or any(requirement.marker.evaluate({"extra": extra, **environment}) for extra in ("", *extras))
    )


def _all_requirements(metadata: pathlib.Path) -> tuple[Requirement, ...]:
    """Every Requires-Dist that can be read."""
    try:
        header = HeaderParser().parsestr(metadata.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
    found = []
    for text in header.get_all("Requires-Dist") or ():
        with contextlib.suppress(InvalidRequirement):
            found.append(Requirement(text))
    return tuple(found)
