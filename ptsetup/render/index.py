"""The index of wheels for people and programs."""

import textwrap
from collections.abc import Iterable

import msgspec

from ptsetup.index import Build, Source, WheelIndex
from ptsetup.plan.compose import tag_order

MARKS = {"seen": "", "listed": "", "announced": " (announced)"}


def all_as_json(index: WheelIndex) -> bytes:
    """The whole index without its file table."""
    return msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(index, files=())), indent=2) + b"\n"


def one_as_json(index: WheelIndex, version: str) -> bytes:
    """One release: its record, builds, companions."""
    release = index.release(version)
    builds = [build for build in index.builds if build.torch == version]
    return (
        msgspec.json.format(
            msgspec.json.encode({"schema": index.schema, "release": release, "builds": builds}), indent=2
        )
        + b"\n"
    )


def all_as_text(index: WheelIndex, source: Source, width: int = 80) -> str:
    """A line per release, the newest first."""
    lines = [
        f"{len(index.releases)} releases, {len(index.builds)} builds, {len(index.files)} wheels; checked {index.date} ({source.path})"
    ]
    if source.note:
        lines.append(source.note)
    lines.append("")
    for release in reversed(index.releases):
        builds = [build for build in index.builds if build.torch == release.version]
        tags = ", ".join(sorted({build.backend for build in builds}, key=tag_order))
        mark = " (announced)" if any(build.status == "announced" for build in builds) else ""
        head = f"{release.version:<8} {release.date}  "
        lines += textwrap.wrap(f"{tags}{mark}", max(width, 40), initial_indent=head, subsequent_indent=" " * len(head))
    lines += [
        "",
        f"mirrors: {', '.join(mirror.name for mirror in index.mirrors)}",
        "One release in detail: ptsetup index show VERSION",
    ]
    return "\n".join(lines) + "\n"


def one_as_text(index: WheelIndex, version: str, width: int = 80) -> str:
    """Builds by platform, with CUDA, architectures, Pythons; companions; notes."""
    release = index.release(version)
    if release is None:
        return f"torch {version} is not known.\n"
    lines = [f"torch {version}, {release.date}, Python {release.requires_python or 'not known'}", ""]
    for name in ("torchvision", "torchaudio", "torchtext", "torchcodec"):
        versions = getattr(release, name)
        if versions:
            lines.append(f"  {name:<12} {', '.join(versions)}")
    for platform in dict.fromkeys(build.platform for build in index.builds if build.torch == version):
        lines += ["", f"  {platform}"]
        rows = [build for build in index.builds if build.torch == version and build.platform == platform]
        for build in sorted(rows, key=lambda b: (b.origin, tag_order(b.backend))):
            lines += _build(build, width)
    for note in release.notes:
        lines += ["", *textwrap.wrap(note, max(width, 40), initial_indent="  ", subsequent_indent="  ")]
    return "\n".join(lines) + "\n"


def _build(build: Build, width: int) -> list[str]:
    head = f"    {build.backend:<9}"
    facts = [f"Python {_short(build.pythons)}"]
    if build.cuda:
        facts.append(f"CUDA {build.cuda}")
    if build.sass or build.ptx:
        facts.append(f"{' '.join((*build.sass, *build.ptx))} ({build.arch_level or 'level not known'})")
    if build.gfx:
        facts.append(f"{' '.join(build.gfx)} ({build.arch_level or 'level not known'})")
    origin = "default package index; " if build.origin == "default" else ""
    return textwrap.wrap(
        f"{origin}{'; '.join(facts)}{MARKS[build.status]}",
        max(width, 40),
        initial_indent=head,
        subsequent_indent=" " * len(head),
    )


def _short(pythons: Iterable[str]) -> str:
    return " ".join(tag.removeprefix("cp3").join(("3.", "")) if tag.startswith("cp3") else tag for tag in pythons)
