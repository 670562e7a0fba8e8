"""What comes or stays beside a torch: its companions for the same tag, and packages that it sets a limit to."""

import functools

from packaging.specifiers import SpecifierSet

from ptsetup.index import Build, CompanionBuild, WheelIndex
from ptsetup.plan.machine import Machine
from ptsetup.plan.needs import go_together, required_by
from ptsetup.plan.verdict import Held, No, full_version
from ptsetup.plan.wanted import COMPANIONS, ONE_BUILD, Wanted, version_of


def companions(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex) -> tuple[tuple[str, str], ...] | No:
    """Each companion that was asked for with the version that goes with a build; or why one of them cannot be had."""
    found = []
    release = index.release(build.torch)
    for name in wanted.companions:
        paired: tuple[str, ...] = getattr(release, name, ()) or () if release and name in COMPANIONS else ()
        fitting = [
            v
            for v in paired
            if wanted.specifiers[name].contains(version_of(v), prereleases=True) and wanted.is_allowed(name, v)
        ]
        if not fitting:
            asked = f"{name}{wanted.specifiers[name]}"
            have = f" (it goes with {name} {paired[0]})" if paired else ""
            return No("companion", f"has no {asked} that belongs to it{have}")
        at_hand = [
            v
            for v in fitting
            if _can_be_had(name, v, build, wanted) and f"{name}-{v}+{build.backend}@{build.origin}" not in wanted.absent
        ]
        there = next((v for v in at_hand if wanted.only or _has_companion(name, v, build, machine, index)), None)
        if there is None:
            return No("companion", _without(name, fitting, at_hand, build, machine, wanted, index))
        found.append((name, there))
    return tuple(found)


def _without(
    name: str, fitting: list[str], at_hand: list[str], build: Build, machine: Machine, wanted: Wanted, index: WheelIndex
) -> str:
    """Why none of a companion's fitting versions can be had."""
    if not at_hand:
        return f"has no {name} {'among the wheels at hand' if wanted.only else 'on the index (asked just now)'}"
    table = _companion_rows(Held(index))
    rows = [row for v in fitting for row in table.get((name, v, build.backend, build.platform), ())]
    has_one = any(row.origin == build.origin for row in rows)
    return f"has no {name} for {f'Python {machine.python}' if has_one else 'the same backend tag'}"


def _can_be_had(name: str, version: str, build: Build, wanted: Wanted) -> bool:
    """Some file name of that companion is among the wheels at hand, where there is such a list."""
    names = {full_version(version, build)}
    if name in ONE_BUILD:
        names |= {version, f"{version}+cpu"}
    elif build.platform == "linux_aarch64":
        names.add(version)
    return any(wanted.can_be_had(name, one) for one in names)


def _has_companion(name: str, version: str, build: Build, machine: Machine, index: WheelIndex) -> bool:
    rows = _companion_rows(Held(index)).get((name, version, build.backend, build.platform), ())
    return any(
        row.origin == build.origin and (not row.pythons or "py3" in row.pythons or machine.python_tag in row.pythons)
        for row in rows
    )


@functools.lru_cache(maxsize=4)
def _companion_rows(held: Held) -> dict[tuple[str, str, str, str], tuple[CompanionBuild, ...]]:
    table: dict[tuple[str, str, str, str], tuple[CompanionBuild, ...]] = {}
    for row in held.index.companions:
        key = (row.project, row.version, row.backend, row.platform)
        table[key] = (*table.get(key, ()), row)
    return table


def clash(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex) -> No | None:
    """What it requires beside itself does not go together with what else was asked for, or with the user's constraints."""
    if not wanted.limits and not wanted.constraints:
        return None
    for name, spec in required_by(build, machine.python, index):
        asked = wanted.limits.get(name, SpecifierSet()) & wanted.constraints.get(name, SpecifierSet())
        if str(asked) and not go_together(spec, asked):
            return No("requires", f"goes with {name}{spec}, not with {name}{asked}")
    return None
