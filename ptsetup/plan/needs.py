"""Does what a torch requires beside itself go together with what else was asked for: Triton, SymPy, setuptools."""

import functools
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from ptsetup import compat
from ptsetup.index import Build, WheelIndex


def required_by(build: Build, python: str, index: WheelIndex) -> Iterator[tuple[str, SpecifierSet]]:
    """What a build goes with, by name, where it sets a limit. ``python`` is the target's, ``3.12`` or ``3.14t``.

    The index knows it of each platform's default build. CUDA's own packages differ from tag to tag and are left out, and Triton is
    required by the CUDA builds alone; NumPy is judged by the ABI.
    """
    release = index.release(build.torch)
    for text in release.requires.get(build.platform, ()) if release else ():
        requirement = _read(text)
        name = requirement.name
        if not str(requirement.specifier) or name.startswith(("nvidia-", "cuda-")) or name == "numpy":
            continue
        if name == "triton" and compat.family(build.backend) != "cuda":
            continue
        # where Triton had no wheel for a Python it was not required there: another Triton goes with that torch no better
        is_here = requirement.marker is None or requirement.marker.evaluate({"python_version": python.rstrip("t")})
        if is_here or name == "triton":
            yield name, requirement.specifier


def limited_names(index: WheelIndex) -> frozenset[str]:
    """Names of the packages that some release requires with a limit."""
    texts = {text for release in index.releases for row in release.requires.values() for text in row}
    return frozenset(_read(text).name for text in texts if str(_read(text).specifier))


@functools.lru_cache(maxsize=512)
def _read(text: str) -> Requirement:
    return Requirement(text)


@functools.lru_cache(maxsize=1024)
def go_together(one: SpecifierSet, other: SpecifierSet) -> bool:
    """Some version satisfies both: one that is named, one just above it, or the oldest of all."""
    both = one & other
    named = [release for part in both if (release := _release(part.version.removesuffix(".*"))) is not None]
    above = [(*release, 0, 1) for release in named]
    return any(both.contains(".".join(map(str, release)), prereleases=True) for release in ((0,), *named, *above))


def _release(text: str) -> tuple[int, ...] | None:
    try:
        return Version(text).release
    except InvalidVersion:
        return None
