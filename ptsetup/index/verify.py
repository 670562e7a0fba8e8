"""Is an index sound beyond its types: each problem names the path of the wrong value."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from packaging.version import InvalidVersion, Version

from ptsetup.index.records import Build, WheelIndex

PLATFORMS = ("linux_x86_64", "linux_aarch64", "linux_s390x", "win_amd64", "win_arm64", "macos_arm64", "macos_x86_64")

_TAG = re.compile(r"cpu|xpu|cu\d{2,3}|rocm\d+\.\d+(\.\d+)?")
_PYTHON = re.compile(r"cp3\d{1,2}t?|py3")
_ARCHITECTURE = re.compile(r"(sm|compute)_\d{2,3}[a-z]?")
_GFX = re.compile(r"gfx[0-9a-f]{3,4}")
_HASH = re.compile(r"[0-9a-f]{64}")
_DRIVER = re.compile(r"\d+(\.\d+)*")


def verify(index: WheelIndex) -> tuple[str, ...]:
    """Problems, each as ``path: what is wrong``; () when the index is sound."""
    checks = (_dates, _releases, _builds, _companions, _files, _drivers, _names)
    return tuple(problem for check in checks for problem in check(index))


def _dates(index: WheelIndex) -> Iterator[str]:
    if not _is_date(index.date):
        yield f"date: {index.date!r} is no day (YYYY-MM-DD)"
    for position, release in enumerate(index.releases):
        if not _is_date(release.date):
            yield f"releases[{position}].date: {release.date!r} is no day (YYYY-MM-DD)"


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _releases(index: WheelIndex) -> Iterator[str]:
    if not index.releases:
        yield "releases: empty"
    seen: set[str] = set()
    for position, release in enumerate(index.releases):
        where = f"releases[{position}]"
        if not _is_version(release.version):
            yield f"{where}.version: {release.version!r} is no version"
            continue
        if release.version in seen:
            yield f"{where}.version: {release.version} stands there twice"
        seen.add(release.version)
    known = [Version(release.version) for release in index.releases if _is_version(release.version)]
    if known != sorted(known):
        yield "releases: not in order, the oldest first"


def _builds(index: WheelIndex) -> Iterator[str]:
    releases = {release.version for release in index.releases}
    seen: set[tuple[str, ...]] = set()
    for position, build in enumerate(index.builds):
        where = f"builds[{position}]"
        key = (build.torch, build.backend, build.platform, build.origin)
        if key in seen:
            yield f"{where}: {build.torch}+{build.backend} for {build.platform} from {build.origin} stands there twice"
        seen.add(key)
        if build.torch not in releases:
            yield f"{where}.torch: {build.torch} is no release of this index"
        yield from _build(where, build)


def _build(where: str, build: Build) -> Iterator[str]:
    if not _TAG.fullmatch(build.backend):
        yield f"{where}.backend: {build.backend!r} is no backend tag"
    if build.platform not in PLATFORMS:
        yield f"{where}.platform: {build.platform!r} is no platform"
    yield from _each(f"{where}.pythons", build.pythons, _PYTHON, "no Python tag")
    yield from _each(f"{where}.sass", build.sass, _ARCHITECTURE, "no architecture")
    yield from _each(f"{where}.ptx", build.ptx, _ARCHITECTURE, "no architecture")
    yield from _each(f"{where}.gfx", build.gfx, _GFX, "no gfx target")
    if not build.pythons:
        yield f"{where}.pythons: empty"


def _each(where: str, values: Iterable[str], pattern: "re.Pattern[str]", what: str) -> Iterator[str]:
    for position, value in enumerate(values):
        if not pattern.fullmatch(value):
            yield f"{where}[{position}]: {value!r} is {what}"


def _companions(index: WheelIndex) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for position, row in enumerate(index.companions):
        where = f"companions[{position}]"
        key = (row.project, row.version, row.backend, row.platform, row.origin)
        if key in seen:
            yield f"{where}: {row.project} {row.version}+{row.backend} for {row.platform} stands there twice"
        seen.add(key)
        if not _is_version(row.version):
            yield f"{where}.version: {row.version!r} is no version"
        if row.platform not in PLATFORMS:
            yield f"{where}.platform: {row.platform!r} is no platform"
        if not _TAG.fullmatch(row.backend):
            yield f"{where}.backend: {row.backend!r} is no backend tag"


def _files(index: WheelIndex) -> Iterator[str]:
    for position, row in enumerate(index.files):
        where = f"files[{position}]"
        if row.sha256 is not None and not _HASH.fullmatch(row.sha256):
            yield f"{where}.sha256: {row.sha256!r} is no sha256"
        if not row.file.endswith(".whl") or "/" in row.file or "\\" in row.file:
            yield f"{where}.file: {row.file!r} is no wheel's name"
        if not _is_version(row.version):
            yield f"{where}.version: {row.version!r} is no version"
        if row.size_bytes is not None and row.size_bytes <= 0:
            yield f"{where}.size_bytes: {row.size_bytes} is no size"


def _drivers(index: WheelIndex) -> Iterator[str]:
    for position, row in enumerate(index.cuda_releases):
        for name, value in (("linux", row.linux), ("windows", row.windows)):
            if value is not None and not _DRIVER.fullmatch(value):
                yield f"cuda_releases[{position}].{name}: {value!r} is no driver version"
    for position, major in enumerate(index.cuda_majors):
        for name, value in (("linux", major.linux), ("windows", major.windows)):
            if value is not None and not _DRIVER.fullmatch(value):
                yield f"cuda_majors[{position}].{name}: {value!r} is no driver version"


def _names(index: WheelIndex) -> Iterator[str]:
    for position, gpu in enumerate(index.nvidia_gpus):
        if not (1 <= gpu.capability[0] <= 99 and 0 <= gpu.capability[1] <= 9):
            yield f"nvidia_gpus[{position}].capability: {gpu.capability} is no compute capability"
    for position, target in enumerate(index.gfx_targets):
        if not _GFX.fullmatch(target.gfx):
            yield f"gfx_targets[{position}].gfx: {target.gfx!r} is no gfx target"
    for position, mirror in enumerate(index.mirrors):
        if "{tag}" not in mirror.per_tag:
            yield f"mirrors[{position}].per_tag: has no {{tag}}"
