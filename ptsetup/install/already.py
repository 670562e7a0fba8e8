"""Is the planned build there already; and what the installed family still needs."""

import pathlib
import re
from collections.abc import Mapping
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ptsetup import compat
from ptsetup.facts import Distribution, Snapshot
from ptsetup.plan import FAMILY, Plan


def is_there(plan: Plan, snapshot: Snapshot) -> bool:
    """The planned torch and companions are installed whole, by their own files; torch is not imported."""
    target = snapshot.target
    wheel = target.wheel if target else None
    if target is None or wheel is None or plan.torch is None or plan.backend is None:
        return False
    if not _is_build(wheel.version or "", wheel.cuda, wheel.hip, wheel.xpu, plan):
        return False
    return all(
        _is_whole(target.distributions or (), requirement.name, requirement.version)
        for requirement in plan.requirements
    )


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
    found = [d for d in installed if d.name == name]
    if len(found) != 1 or found[0].missing_files or found[0].resized_files or found[0].has_record is False:
        return False
    have, want = found[0].version or "", version or ""
    # the default index's builds carry no local version in their metadata
    return have == want or (have.partition("+")[0] == want.partition("+")[0] and "+" not in have)


def family_needs(site: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Requirements on packages of the torch family (and of ROCm's own wheels) that the installed ones have and that are not there."""
    infos = {project(path.name): path for path in pathlib.Path(site).glob("*.dist-info")}
    needs: dict[str, str] = {}
    for name, path in infos.items():
        if not is_family(name):
            continue
        for requirement in requirements_of(path, environment):
            wanted = canonicalize_name(requirement.name)
            if is_family(wanted) and wanted not in infos:
                needs[wanted] = f"{requirement.name}{_extras(requirement)}{requirement.specifier}"
    return tuple(needs[name] for name in sorted(needs))


def marker_environment(snapshot: Snapshot) -> dict[str, str]:
    """Marker variables of the target interpreter, where they may differ from ours."""
    version = (snapshot.target.version if snapshot.target else None) or ""
    short = ".".join(version.split(".")[:2])
    return {"python_version": short, "python_full_version": version} if short else {}


def is_family(name: str) -> bool:
    """A package that only the PyTorch index may supply."""
    return name in FAMILY or name == "rocm" or name.startswith("rocm-sdk")


def _extras(requirement: Requirement) -> str:
    return f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""


def project(dist_info: str) -> str:
    """Normalised project of a dist-info folder's name."""
    return re.sub(r"[-_.]+", "-", dist_info.removesuffix(".dist-info").rpartition("-")[0]).lower()


def requirements_of(dist_info: pathlib.Path, environment: Mapping[str, str]) -> tuple[Requirement, ...]:
    """Requires-Dist of an installed distribution that hold in that environment (markers); () when METADATA cannot be read."""
    try:
        header = HeaderParser().parsestr((dist_info / "METADATA").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
    found = []
    for text in header.get_all("Requires-Dist") or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": "", **environment}):
            found.append(requirement)
    return tuple(found)
