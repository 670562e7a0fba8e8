"""The index of wheels for people and programs."""

import re
import textwrap
from collections.abc import Iterable, Sequence

import msgspec

from ptsetup.compat import tag_order
from ptsetup.index import Build, Release, Source, WheelIndex, whole

COMPANIONS = ("torchvision", "torchaudio", "torchtext", "torchcodec")

LEGEND = {
    "announced": "announced: planned, not observed; install asks the index first",
    "listed": "listed: named by a release matrix, no file of it was seen",
}


DEFAULT = "* what the plain name installs from the default package index, by system"


def all_as_json(index: WheelIndex) -> bytes:
    """The whole index without its file table."""
    return _json(whole(msgspec.structs.replace(index, files=())))


def one_as_json(index: WheelIndex, version: str) -> bytes:
    """One release: its record, builds, companions, files."""
    release = index.release(version)
    builds = [build for build in index.builds if build.torch == version]
    pairs = {(name, v) for name in COMPANIONS for v in getattr(release, name, ())}
    companions = [row for row in index.companions if (row.project, row.version) in pairs]
    files = [row for row in index.files if row.project == "torch" and row.version.partition("+")[0] == version]
    return _json(
        {
            "schema": index.schema,
            "date": index.date,
            "release": release,
            "builds": builds,
            "companions": companions,
            "files": [msgspec.structs.asdict(row) for row in files],
        }
    )


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def all_as_text(index: WheelIndex, source: Source, width: int = 80) -> str:
    """A line per release, the newest first."""
    counts = f"{len(index.releases)} releases, {len(index.builds)} builds, {len(index.files):,} wheels"
    lines = [*_wrapped(f"{counts}; checked {index.date}", width, ""), f"{source.kind}: {source.path}"]
    if index.updated_from:
        lines.append(f"last read from {index.updated_from}")
    if source.note:
        lines += _wrapped(source.note, width, "")
    lines.append("")
    for release in reversed(index.releases):
        builds = [build for build in index.builds if build.torch == release.version]
        head = f"{release.version:<8} {release.date}  "
        lines += _wrapped(_tags(builds), width, head)
    mirrors = f"mirrors: {', '.join(mirror.name for mirror in index.mirrors)}"
    lines.append("")
    for text in (DEFAULT, mirrors):
        lines += _wrapped(text, width, "")
    lines += ["One release in detail:", "  ptsetup index show VERSION"]
    return "\n".join(lines) + "\n"


def _tags(builds: Sequence[Build]) -> str:
    """Backend tags, those of the default package index marked; said once when those of the PyTorch index are announced."""
    default = {build.backend for build in builds if build.origin == "default"}
    tags = sorted({build.backend for build in builds}, key=tag_order)
    statuses = {build.status for build in builds if build.origin == "pytorch"}
    told = ", ".join(f"{tag}{'*' if tag in default else ''}" for tag in tags)
    if "announced" not in statuses:
        return told
    return f"{told} (announced)" if statuses == {"announced"} else f"{told} (some announced)"


def one_as_text(index: WheelIndex, version: str, width: int = 80) -> str:
    """Builds by platform, with CUDA, architectures, Pythons; companions; notes."""
    release = index.release(version)
    if release is None:
        return f"torch {version} is not known.\n"
    builds = [build for build in index.builds if build.torch == version]
    lines = [f"torch {version}, {release.date}, Python {release.requires_python or 'not known'}", ""]
    lines += _companions(index, release, builds, width)
    for platform in dict.fromkeys(build.platform for build in builds):
        rows = [build for build in builds if build.platform == platform]
        floors = {_floor(build) for build in rows}
        common = floors.pop() if len(floors) == 1 else None
        lines += ["", f"  {platform}{f', {common}' if common else ''}"]
        for build in sorted(rows, key=lambda b: (b.origin, tag_order(b.backend))):
            lines += _build(build, width, has_floor=common is None)
    lines.append("")
    for note in release.notes:
        lines += _wrapped(note, width, "  ")
    for status, text in LEGEND.items():
        lines += _wrapped(text, width, "  ") if any(build.status == status for build in builds) else []
    return "\n".join(lines) + "\n"


def _companions(index: WheelIndex, release: Release, builds: Sequence[Build], width: int) -> list[str]:
    """A line per companion, with the backend tags that have none of it."""
    tags = {build.backend for build in builds if build.origin == "pytorch"}
    lines = []
    for name in COMPANIONS:
        versions = getattr(release, name)
        if not versions:
            continue
        have = {row.backend for row in index.companions if row.project == name and row.version in versions}
        lacking = sorted(tags - have, key=tag_order)
        text = ", ".join(versions) + (f" (none for {', '.join(lacking)})" if lacking else "")
        lines += _wrapped(text, width, f"  {name:<12} ")
    return lines


def _floor(build: Build) -> str:
    if build.min_glibc:
        return f"glibc {build.min_glibc} or newer"
    return f"macOS {build.min_macos} or newer" if build.min_macos else ""


def _build(build: Build, width: int, *, has_floor: bool) -> list[str]:
    head = f"    {build.backend:<9} "
    facts = ["default package index"] if build.origin == "default" else []
    facts += [build.status] if build.status in LEGEND else []
    facts.append(f"Python {_short(build.pythons)}")
    facts += [f"CUDA {build.cuda}"] if build.cuda else []
    compiled = (*build.sass, *build.ptx, *build.gfx)
    facts += [f"{' '.join(compiled)} ({build.arch_level or 'level not known'})"] if compiled else []
    facts += [_floor(build)] if has_floor and _floor(build) else []
    facts += [f"{_short((tag,))} needs macOS {macos}" for tag, macos in build.min_macos_by_python.items()]
    # what is announced is said already
    note = re.sub(r"\s*Announced for this release[^.]*\.", "", build.note or "")
    return _wrapped("; ".join(facts), width, head) + (_wrapped(note, width, " " * len(head)) if note else [])


def _wrapped(text: str, width: int, head: str) -> list[str]:
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _short(pythons: Iterable[str]) -> str:
    """``3.10-3.13 3.13t``: Python tags as people write them, three or more in a row as a range."""
    minors = []
    others = []
    for tag in pythons:
        match = re.fullmatch(r"cp3(\d+)", tag)
        if match:
            minors.append(int(match[1]))
        else:
            others.append(re.sub(r"^cp3(\d+t)$", r"3.\1", tag))
    runs: list[list[int]] = []
    for minor in sorted(minors):
        if runs and minor == runs[-1][-1] + 1:
            runs[-1].append(minor)
        else:
            runs.append([minor])
    texts = [f"3.{run[0]}-3.{run[-1]}" if len(run) > 2 else " ".join(f"3.{minor}" for minor in run) for run in runs]
    return " ".join((*texts, *others))


def verified_as_text(
    index: WheelIndex | None, problems: Sequence[str], path: str, source: Source | None, digest: str, width: int = 80
) -> str:
    """The problems, then which file was looked at and the verdict."""
    what = f"{source.kind}, " if source else ""
    day = f"of {index.date}, " if index else ""
    lines = [*problems, path, *_wrapped(f"{what}{day}sha256 {digest[:16]}", width, "  ")]
    if source and source.note:
        lines += _wrapped(source.note, width, "  ")
    if problems:
        lines.append(f"  {len(problems)} problem{'' if len(problems) == 1 else 's'}")
    elif index:
        tables = {"releases": index.releases, "builds": index.builds, "companions": index.companions}
        counts = [f"{len(rows):,} {name}" for name, rows in tables.items()]
        lines += _wrapped(f"sound: {', '.join(counts)}, {len(index.files):,} wheels", width, "  ")
    return "\n".join(lines) + "\n"
