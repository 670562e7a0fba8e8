"""Is an index sound beyond its types: each problem names the path of the wrong value."""

import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable, Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from ptsetup.index.records import Build, CompanionBuild, Release, WheelFile, WheelIndex
from ptsetup.index.rows import Rows
from ptsetup.index.tags import PLATFORMS

COMPANIONS = ("torchvision", "torchaudio", "torchtext", "torchcodec")

PROJECTS = ("torch", *COMPANIONS, "triton", "triton-rocm", "triton-xpu", "pytorch-triton-rocm", "pytorch-triton-xpu")

LEVELS = ("measured", "table", "user-output", "release-script", "build-script", "release-text", "inferred")

BACKEND = re.compile(r"cpu|xpu|cu\d{2,3}|rocm\d+\.\d+(\.\d+)?")
PYTHON = re.compile(r"cp3\d{1,2}t?|py3")
FOLDER = re.compile(r"whl(/[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*)*")
_ARCHITECTURE = re.compile(r"(sm|compute)_\d{2,3}[a-z]?")
_GFX = re.compile(r"gfx[0-9a-f]{3,4}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBERS = re.compile(r"\d+(\.\d+)*")
_TWO = re.compile(r"\d+\.\d+")
_CUDA = re.compile(r"\d+\.\d+(\.\d+)?")
_HTTP = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?(/.*)?")
_TAG = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_WHEEL = re.compile(r"([^-/\\]+)-([^-/\\]+)(-\d[^-/\\]*)?-([^-/\\]+)-([^-/\\]+)-([^-/\\]+)\.whl")

Problems = Iterator[str]


def verify(index: WheelIndex) -> tuple[str, ...]:
    """Problems, each as ``path: what is wrong``; () when the index is sound."""
    damaged = tuple(trouble for rows in _late(index) if (trouble := rows.trouble()) is not None)
    if damaged:
        return damaged
    checks = (_head, _releases, _builds, _companions, _dangling, _files, _drivers, _names, _sources)
    return tuple(problem for check in checks for problem in check(index))


def _late(index: WheelIndex) -> Iterator["Rows[WheelFile]"]:
    for table in index.__struct_fields__:
        rows = getattr(index, table)
        if isinstance(rows, Rows):
            yield rows


@functools.lru_cache(maxsize=4096)
def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


@functools.lru_cache(maxsize=4096)
def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _one(where: str, value: str | None, pattern: "re.Pattern[str]", what: str) -> Problems:
    """A text that must have a form; None is always right."""
    if value is not None and not pattern.fullmatch(value):
        yield f"{where}: {value!r} is {what}"


def _each(where: str, values: Iterable[str], pattern: "re.Pattern[str]", what: str) -> Problems:
    seen = set()
    for position, value in enumerate(values):
        yield from _one(f"{where}[{position}]", value, pattern, what)
        if value in seen:
            yield f"{where}[{position}]: {value!r} stands there twice"
        seen.add(value)


def _among(where: str, value: str | None, allowed: Iterable[str], what: str) -> Problems:
    if value is not None and value not in allowed:
        yield f"{where}: {value!r} is {what}"


def _version(where: str, value: str) -> Problems:
    if not _is_version(value):
        yield f"{where}: {value!r} is no version"


def _head(index: WheelIndex) -> Problems:
    if not _is_date(index.date):
        yield f"date: {index.date!r} is no day (YYYY-MM-DD)"
    yield from _one("origin_url", index.origin_url, _HTTP, "no http or https address")
    for position, mirror in enumerate(index.mirrors):
        yield from _one(f"mirrors[{position}].base", mirror.base, _HTTP, "no http or https address")
        yield from _one(f"mirrors[{position}].per_tag", mirror.per_tag, _HTTP, "no http or https address")
        if "{tag}" not in mirror.per_tag:
            yield f"mirrors[{position}].per_tag: has no {{tag}}"


def _releases(index: WheelIndex) -> Problems:
    if not index.releases:
        yield "releases: empty"
    built = {build.torch for build in index.builds}
    seen: set[str] = set()
    for position, release in enumerate(index.releases):
        where = f"releases[{position}]"
        yield from _release(where, release)
        if release.version in seen:
            yield f"{where}.version: {release.version} stands there twice"
        seen.add(release.version)
        if release.version not in built:
            yield f"{where}.version: {release.version} has no build"
    known = [Version(release.version) for release in index.releases if _is_version(release.version)]
    if known != sorted(known):
        yield "releases: not in order, the oldest first"


def _release(where: str, release: Release) -> Problems:
    yield from _version(f"{where}.version", release.version)
    if not _is_date(release.date):
        yield f"{where}.date: {release.date!r} is no day (YYYY-MM-DD)"
    for name in COMPANIONS:
        for position, version in enumerate(getattr(release, name)):
            yield from _version(f"{where}.{name}[{position}]", version)
    for platform, texts in release.requires.items():
        yield from _among(f"{where}.requires", platform, PLATFORMS, "no platform")
        for position, text in enumerate(texts):
            if not _is_requirement(text):
                yield f"{where}.requires.{platform}[{position}]: {text!r} is no requirement"


def _builds(index: WheelIndex) -> Problems:
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


def _build(where: str, build: Build) -> Problems:
    yield from _one(f"{where}.backend", build.backend, BACKEND, "no backend tag")
    yield from _among(f"{where}.platform", build.platform, PLATFORMS, "no platform")
    if not build.pythons:
        yield f"{where}.pythons: empty"
    yield from _each(f"{where}.pythons", build.pythons, PYTHON, "no Python tag")
    yield from _each(f"{where}.platform_tags", build.platform_tags, _TAG, "no platform tag")
    yield from _each(f"{where}.sass", build.sass, _ARCHITECTURE, "no architecture")
    yield from _each(f"{where}.ptx", build.ptx, _ARCHITECTURE, "no architecture")
    yield from _each(f"{where}.gfx", build.gfx, _GFX, "no gfx target")
    yield from _one(f"{where}.cuda", build.cuda, _CUDA, "no CUDA release")
    if build.cuda and build.backend.startswith("cu") and "".join(build.cuda.split(".")[:2]) != build.backend[2:]:
        yield f"{where}.cuda: {build.cuda} is not what {build.backend} says"
    yield from _one(f"{where}.cudnn", build.cudnn, _NUMBERS, "no cuDNN release")
    yield from _one(f"{where}.min_glibc", build.min_glibc, _TWO, "no glibc version")
    yield from _one(f"{where}.min_macos", build.min_macos, _TWO, "no macOS version")
    for tag, macos in build.min_macos_by_python.items():
        yield from _among(f"{where}.min_macos_by_python", tag, build.pythons, "no Python of this build")
        yield from _one(f"{where}.min_macos_by_python.{tag}", macos, _TWO, "no macOS version")
    yield from _among(f"{where}.arch_level", build.arch_level, LEVELS, "no level")
    yield from _among(f"{where}.numpy_abi", build.numpy_abi, ("numpy1-only", "numpy2-capable"), "no NumPy ABI")


def _companions(index: WheelIndex) -> Problems:
    seen: set[tuple[str, ...]] = set()
    for position, row in enumerate(index.companions):
        where = f"companions[{position}]"
        key = (row.project, row.version, row.backend, row.platform, row.origin)
        if key in seen:
            yield f"{where}: {row.project} {row.version}+{row.backend} for {row.platform} stands there twice"
        seen.add(key)
        yield from _companion(where, row)


def _companion(where: str, row: CompanionBuild) -> Problems:
    yield from _among(f"{where}.project", row.project, PROJECTS, "no project of the torch family")
    yield from _version(f"{where}.version", row.version)
    yield from _among(f"{where}.platform", row.platform, PLATFORMS, "no platform")
    yield from _one(f"{where}.backend", row.backend, BACKEND, "no backend tag")
    yield from _each(f"{where}.pythons", row.pythons, PYTHON, "no Python tag")


def _dangling(index: WheelIndex) -> Problems:
    """Companions that a release names and that have no build at all."""
    have = {(row.project, row.version) for row in index.companions}
    for position, release in enumerate(index.releases):
        for name in COMPANIONS:
            for place, version in enumerate(getattr(release, name)):
                if (name, version) not in have:
                    yield f"releases[{position}].{name}[{place}]: {name} {version} has no row in companions"


def _files(index: WheelIndex) -> Problems:
    seen: set[tuple[str | None, ...]] = set()
    for position, row in enumerate(index.files):
        where = f"files[{position}]"
        key = (row.file, row.folder, row.origin)
        if key in seen:
            yield f"{where}.file: {row.file} stands there twice"
        seen.add(key)
        yield from _file(where, row)


def _file(where: str, row: WheelFile) -> Problems:
    yield from _among(f"{where}.project", row.project, PROJECTS, "no project of the torch family")
    yield from _version(f"{where}.version", row.version)
    yield from _one(f"{where}.sha256", row.sha256, _HASH, "no sha256")
    yield from _one(f"{where}.folder", row.folder, FOLDER, "no folder of the index")
    if row.size_bytes is not None and row.size_bytes <= 0:
        yield f"{where}.size_bytes: {row.size_bytes} is no size"
    parts = _WHEEL.fullmatch(row.file)
    if parts is None:
        yield f"{where}.file: {row.file!r} is no wheel's name"
    elif (parts[1].replace("_", "-"), *parts.group(2, 4, 5, 6)) != (
        row.project,
        row.version,
        row.python_tag,
        row.abi,
        row.platform,
    ):
        yield f"{where}.file: {row.file!r} says another project, version or tag than its row"


def _drivers(index: WheelIndex) -> Problems:
    for position, row in enumerate(index.cuda_releases):
        where = f"cuda_releases[{position}]"
        yield from _one(f"{where}.cuda", row.cuda, _TWO, "no CUDA release")
        yield from _one(f"{where}.linux", row.linux, _NUMBERS, "no driver version")
        yield from _one(f"{where}.windows", row.windows, _NUMBERS, "no driver version")
    for position, major in enumerate(index.cuda_majors):
        yield from _one(f"cuda_majors[{position}].linux", major.linux, _NUMBERS, "no driver version")
        yield from _one(f"cuda_majors[{position}].windows", major.windows, _NUMBERS, "no driver version")
    for position, branch in enumerate(index.driver_branches):
        where = f"driver_branches[{position}]"
        yield from _each(f"{where}.capabilities", branch.capabilities, _TWO, "no compute capability")
        yield from _one(f"{where}.first", branch.first, _NUMBERS, "no driver branch")
        yield from _one(f"{where}.last", branch.last, _NUMBERS, "no driver branch")


def _names(index: WheelIndex) -> Problems:
    for position, gpu in enumerate(index.nvidia_gpus):
        if not (1 <= gpu.capability[0] <= 99 and 0 <= gpu.capability[1] <= 9):
            yield f"nvidia_gpus[{position}].capability: {gpu.capability} is no compute capability"
    for position, target in enumerate(index.gfx_targets):
        yield from _one(f"gfx_targets[{position}].gfx", target.gfx, _GFX, "no gfx target")
        yield from _one(f"gfx_targets[{position}].override", target.override, _NUMBERS, "no override")
    yield from _one("xpu.windows", index.xpu.windows, _NUMBERS, "no version of Windows")
    yield from _one("xpu.ubuntu", index.xpu.ubuntu, _TWO, "no version of Ubuntu")
    for position, floor in enumerate(index.mps):
        yield from _version(f"mps[{position}].torch", floor.torch)
        yield from _one(f"mps[{position}].macos", floor.macos, _TWO, "no macOS version")
    for position, room in enumerate(index.footprints):
        if room.torch is not None:
            yield from _version(f"footprints[{position}].torch", room.torch)
        for name in ("download_bytes", "installed_bytes"):
            size = getattr(room, name)
            if size is not None and size <= 0:
                yield f"footprints[{position}].{name}: {size} is no size"


def _sources(index: WheelIndex) -> Problems:
    """Rows that rest on a source which is not described."""
    tables: tuple[tuple[str, Callable[[WheelIndex], Iterable[object]]], ...] = (
        ("cuda_releases", lambda i: i.cuda_releases),
        ("cuda_majors", lambda i: i.cuda_majors),
        ("nvidia_gpus", lambda i: i.nvidia_gpus),
        ("driver_branches", lambda i: i.driver_branches),
        ("footprints", lambda i: i.footprints),
        ("peaks", lambda i: i.peaks),
    )
    for name, rows_of in tables:
        for position, row in enumerate(rows_of(index)):
            named = (getattr(row, "source", None), *getattr(row, "sources", ()))
            for source in named:
                yield from _among(f"{name}[{position}].source", source, index.sources, "not described in sources")
