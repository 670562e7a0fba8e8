"""Puts wheels that were seen on live pages into an index: what is new is added, what was not seen stays."""

import re
from collections.abc import Iterable, Sequence

import msgspec
from packaging.version import Version

from ptsetup.facts import Record
from ptsetup.index.records import Build, CompanionBuild, Release, WheelFile, WheelIndex
from ptsetup.index.seen import Seen, python_key

ANNOUNCED_NOTE = "Announced for this release; no file was seen."
"""The sentence in the note of an announced build; it goes when a file is seen."""


class Merged(Record, frozen=True, kw_only=True):
    """An index with what was seen."""

    index: WheelIndex
    files: int = 0
    builds: int = 0
    problems: tuple[str, ...] = ()


def merge(index: WheelIndex, seen: Sequence[Seen], *, today: str, origin: str) -> Merged:
    """The index with these wheels; the same object when nothing was seen."""
    if not seen:
        return Merged(index=index)
    files, added, problems = _files(index, seen)
    builds, changed = _builds(index, [wheel for wheel in seen if wheel.row.project == "torch"])
    return Merged(
        index=msgspec.structs.replace(
            index,
            date=max(today, index.date),
            updated_from=origin,
            releases=_releases(index, builds, today),
            builds=builds,
            companions=_companions(index, [wheel for wheel in seen if wheel.row.project != "torch"]),
            files=files,
        ),
        files=added,
        builds=changed,
        problems=problems,
    )


def _files(index: WheelIndex, seen: Sequence[Seen]) -> tuple[tuple[WheelFile, ...], int, tuple[str, ...]]:
    """(All files, how many are new, contradictions). A hash that is known is never replaced by what a page says."""
    rows = list(index.files)
    known = {(row.project, row.file, row.origin): position for position, row in enumerate(rows)}
    problems = []
    added = 0
    for wheel in sorted(seen, key=lambda w: (w.row.project, w.row.file)):
        row = wheel.row
        position = known.setdefault((row.project, row.file, row.origin), len(rows))
        if position == len(rows):
            rows.append(row)
            added += 1
            continue
        old = rows[position]
        if old.sha256 and row.sha256 and old.sha256 != row.sha256:
            problems.append(f"{row.file}: the page gives another sha256 than the known one, which is kept")
        rows[position] = msgspec.structs.replace(
            old,
            folder=old.folder or row.folder,
            sha256=old.sha256 or row.sha256,
            size_bytes=old.size_bytes or row.size_bytes,
        )
    return tuple(rows), added, tuple(dict.fromkeys(problems))


def _pythons(wheels: Iterable[Seen]) -> tuple[str, ...]:
    return tuple(sorted({tag for wheel in wheels for tag in wheel.pythons}, key=python_key))


def _builds(index: WheelIndex, torches: Sequence[Seen]) -> tuple[tuple[Build, ...], int]:
    """(All builds, how many are new or newly confirmed)."""
    groups: dict[tuple[str, str, str], list[Seen]] = {}
    for wheel in torches:
        groups.setdefault((_base(wheel), wheel.tag, wheel.platform), []).append(wheel)
    rows = [
        _confirmed(build, groups.pop((build.torch, build.backend, build.platform), []))
        if build.origin == "pytorch"
        else build
        for build in index.builds
    ]
    changed = sum(1 for old, new in zip(index.builds, rows, strict=True) if new is not old)
    new = [_new_build(index, *key, wheels) for key, wheels in sorted(groups.items())]
    return (*rows, *new), changed + len(new)


def _base(wheel: Seen) -> str:
    return wheel.row.version.partition("+")[0]


def _confirmed(build: Build, wheels: Sequence[Seen]) -> Build:
    """The build with what was seen of it; the same object when that is nothing new."""
    there = _pythons(wheels)
    if not wheels or (build.status == "seen" and set(there) <= set(build.pythons)):
        return build
    if build.status != "announced":
        pythons = tuple(sorted({*build.pythons, *there}, key=python_key))
        return msgspec.structs.replace(build, status="seen", pythons=pythons)
    # Pythons and tags of an announced build were a guess: what is there replaces it
    note = (build.note or "").replace(ANNOUNCED_NOTE, "").strip() or None
    return msgspec.structs.replace(build, status="seen", pythons=there, platform_tags=_platform_tags(wheels), note=note)


def _platform_tags(wheels: Iterable[Seen]) -> tuple[str, ...]:
    return tuple(sorted({wheel.row.platform for wheel in wheels}))


def _new_build(index: WheelIndex, torch: str, tag: str, platform: str, wheels: Sequence[Seen]) -> Build:
    """What was never heard of: architectures and floors are taken over from the nearest older release of the same tag, and said so."""
    older = [
        b
        for b in index.builds
        if (b.backend, b.platform, b.origin) == (tag, platform, "pytorch") and Version(b.torch) < Version(torch)
    ]
    model = max(older, key=lambda b: Version(b.torch)) if older else None
    base = model or Build(
        torch=torch, backend=tag, platform=platform, origin="pytorch", status="seen", pythons=(), cuda=_cuda(tag)
    )
    taken_over = f"; what is compiled in is taken over from {model.torch}" if model else ""
    return msgspec.structs.replace(
        base,
        torch=torch,
        status="seen",
        pythons=_pythons(wheels),
        platform_tags=_platform_tags(wheels),
        arch_level="inferred" if base.arch_level else None,
        min_macos_by_python={},
        note=f"Read from the live index{taken_over}.",
    )


def _cuda(tag: str) -> str | None:
    match = re.fullmatch(r"cu(\d+)(\d)", tag)
    return f"{match[1]}.{match[2]}" if match else None


def _releases(index: WheelIndex, builds: Sequence[Build], today: str) -> tuple[Release, ...]:
    known = {release.version for release in index.releases}
    new = sorted({build.torch for build in builds} - known, key=Version)
    rows = [
        *index.releases,
        *(Release(version=version, date=today, notes=("Read from the live index.",)) for version in new),
    ]
    return tuple(sorted(rows, key=lambda release: Version(release.version)))


def _companions(index: WheelIndex, wheels: Sequence[Seen]) -> tuple[CompanionBuild, ...]:
    groups: dict[tuple[str, str, str, str], list[Seen]] = {}
    for wheel in wheels:
        groups.setdefault((wheel.row.project, _base(wheel), wheel.tag, wheel.platform), []).append(wheel)
    rows = []
    for row in index.companions:
        found = groups.pop((row.project, row.version, row.backend, row.platform), []) if row.origin == "pytorch" else []
        pythons = tuple(sorted({*row.pythons, *_pythons(found)}, key=python_key))
        rows.append(msgspec.structs.replace(row, status="seen", pythons=pythons) if found else row)
    for (project, version, tag, platform), found in sorted(groups.items()):
        rows.append(
            CompanionBuild(
                project=project,
                version=version,
                backend=tag,
                platform=platform,
                origin="pytorch",
                status="seen",
                pythons=_pythons(found),
            )
        )
    return tuple(rows)
