"""Refreshes an index from live pages: adds what is new, keeps what it cannot see. A page that is no index page changes nothing."""

import re
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from ptsetup.facts import Record
from ptsetup.index.pages import Link, Page, fetch
from ptsetup.index.records import Build, CompanionBuild, Release, WheelFile, WheelIndex

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

PROJECTS = ("torch", "torchvision", "torchaudio", "torchtext", "torchcodec")

Log = Callable[[str], None]


class Refreshed(Record, frozen=True, kw_only=True):
    """What a refresh found."""

    index: WheelIndex
    files: int = 0
    """New files."""
    builds: int = 0
    """Builds that are new, or now seen where they were listed or announced."""
    problems: tuple[str, ...] = ()
    """Pages that could not be used, and why."""
    is_unreachable: bool = False
    """The host did not answer at all."""


class Seen(Record, frozen=True, kw_only=True):
    """One wheel that was seen on a page of a tag."""

    tag: str
    row: WheelFile
    platform: str
    python: str


def refresh(
    index: WheelIndex,
    *,
    today: str,
    page_of: Callable[[str, str], str],
    tags: Sequence[str],
    origin: str,
    through: "OpenerDirector | None" = None,
    log: Log = lambda _: None,
) -> Refreshed:
    """A new index with what the pages of these tags show.

    Args:
        index: the old one; it is not changed.
        today: the day, ISO.
        page_of: (tag, project) -> address of the page.
        tags: backend tags to ask for.
        origin: what was read, for ``updated_from``.
        through: opener of the requests.
        log: told a line per tag.
    """
    seen: list[Seen] = []
    problems: list[str] = []
    for tag in tags:
        for project in PROJECTS:
            page = fetch(page_of(tag, project), through=through)
            if page.answer == "unreachable" and not seen:
                return Refreshed(index=index, problems=(page.detail,), is_unreachable=True)
            if page.answer in ("unreachable", "refused"):
                problems.append(f"{tag}/{project}: {page.detail}")
            seen += wheels_of(page, tag, project)
        log(f"{tag}: {sum(1 for wheel in seen if wheel.tag == tag)} wheels")
    return _merge(index, seen, today=today, origin=origin, problems=tuple(problems))


def wheels_of(page: Page, tag: str, project: str) -> list[Seen]:
    """The wheels of one project on a page; those of other projects or tags, and with absurd versions, are left out."""
    return [wheel for link in page.links if (wheel := _wheel(link, tag, project)) is not None]


def _wheel(link: Link, tag: str, project: str) -> Seen | None:
    try:
        name, version, _, tags = parse_wheel_filename(link.file)
    except (InvalidWheelFilename, ValueError):
        return None
    local = version.local or ""
    if (
        canonicalize_name(name) != project
        or version.is_prerelease
        or version.epoch
        or len(version.release) > 4
        or version.major > 9
    ):
        return None
    python_tag, abi, platform_tag = link.file.removesuffix(".whl").split("-")[-3:]
    platform = _platform(platform_tag)
    # a page of one tag may show others' wheels (a flat page shows all)
    is_of_tag = local == tag or (not local and (tag == "cpu" and (platform or "").startswith("macos")))
    if platform is None or not is_of_tag or not tags:
        return None
    row = WheelFile(
        project=project,
        version=str(version),
        python_tag=python_tag,
        abi=abi,
        platform=platform_tag,
        origin="pytorch",
        file=link.file,
        folder=_folder(link.url),
        sha256=link.sha256,
        size_bytes=link.size_bytes,
    )
    python = abi if re.fullmatch(r"cp\d+t", abi) else python_tag
    return Seen(tag=tag, row=row, platform=platform, python=python)


_ENDINGS = (
    ("linux_x86_64", "linux_x86_64"),
    ("linux_aarch64", "linux_aarch64"),
    ("linux_s390x", "linux_s390x"),
    ("win_amd64", "win_amd64"),
    ("win_arm64", "win_arm64"),
)


def _platform(tag: str) -> str | None:
    first = re.sub(r"^manylinux(_\d+_\d+|\d+)_", "linux_", tag.partition(".")[0])
    if first.startswith("macosx_"):
        return "macos_arm64" if first.endswith("arm64") else "macos_x86_64" if first.endswith("x86_64") else None
    return next((platform for ending, platform in _ENDINGS if first == ending), None)


def _folder(url: str) -> str | None:
    path = urllib.parse.urlsplit(url).path
    position = path.find("/whl/")
    return path[position + 1 :].rpartition("/")[0] if position >= 0 else None


def _merge(index: WheelIndex, seen: Sequence[Seen], *, today: str, origin: str, problems: tuple[str, ...]) -> Refreshed:
    known = {(row.project, row.version, row.file, row.origin) for row in index.files}
    new = {
        key: wheel
        for wheel in seen
        if (key := (wheel.row.project, wheel.row.version, wheel.row.file, wheel.row.origin)) not in known
    }
    builds, changed = _builds(index, [wheel for wheel in seen if wheel.row.project == "torch"])
    if not new and not changed:
        return Refreshed(
            index=msgspec.structs.replace(index, date=today, updated_from=origin) if seen else index, problems=problems
        )
    merged = msgspec.structs.replace(
        index,
        date=today,
        updated_from=origin,
        releases=_releases(index, builds, today),
        builds=builds,
        companions=_companions(index, [wheel for wheel in seen if wheel.row.project != "torch"]),
        files=(*index.files, *(wheel.row for wheel in sorted(new.values(), key=lambda w: w.row.file))),
    )
    return Refreshed(index=merged, files=len(new), builds=changed, problems=problems)


def _pythons(wheels: Iterable[Seen]) -> tuple[str, ...]:
    return tuple(
        sorted({wheel.python for wheel in wheels}, key=lambda tag: (int(re.sub(r"\D", "", tag)[1:] or 0), tag))
    )


def _builds(index: WheelIndex, torches: Sequence[Seen]) -> tuple[tuple[Build, ...], int]:
    groups: dict[tuple[str, str, str], list[Seen]] = {}
    for wheel in torches:
        groups.setdefault((wheel.row.version.partition("+")[0], wheel.tag, wheel.platform), []).append(wheel)
    rows, changed = [], 0
    for build in index.builds:
        wheels = groups.pop((build.torch, build.backend, build.platform), []) if build.origin == "pytorch" else []
        known = tuple(
            sorted({*build.pythons, *_pythons(wheels)}, key=lambda tag: (int(re.sub(r"\D", "", tag)[1:] or 0), tag))
        )
        if wheels and (build.status != "seen" or set(known) != set(build.pythons)):
            changed += 1
            # an announced build's Pythons were a guess: what is there replaces it
            pythons = _pythons(wheels) if build.status == "announced" else known
            rows.append(msgspec.structs.replace(build, status="seen", pythons=pythons))
        else:
            rows.append(build)
    for (torch, tag, platform), wheels in sorted(groups.items()):
        changed += 1
        rows.append(_new_build(index, torch, tag, platform, wheels))
    return tuple(rows), changed


def _new_build(index: WheelIndex, torch: str, tag: str, platform: str, wheels: Sequence[Seen]) -> Build:
    """What was never heard of: architectures and floors are taken over from the nearest older release of the same tag, and said so."""
    older = [
        b
        for b in index.builds
        if (b.backend, b.platform, b.origin) == (tag, platform, "pytorch") and Version(b.torch) < Version(torch)
    ]
    model = max(older, key=lambda b: Version(b.torch)) if older else None
    fields = msgspec.structs.asdict(model) if model else {}
    fields |= {
        "torch": torch,
        "backend": tag,
        "platform": platform,
        "origin": "pytorch",
        "status": "seen",
        "pythons": _pythons(wheels),
        "platform_tags": tuple(sorted({wheel.row.platform for wheel in wheels})),
        "arch_level": "inferred" if model else None,
        "note": f"read from the live index; what is compiled in is taken over from {model.torch}"
        if model
        else "read from the live index",
    }
    return Build(**fields)


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
        groups.setdefault(
            (wheel.row.project, wheel.row.version.partition("+")[0], wheel.tag, wheel.platform), []
        ).append(wheel)
    rows = []
    for row in index.companions:
        found = groups.pop((row.project, row.version, row.backend, row.platform), []) if row.origin == "pytorch" else []
        pythons = tuple(dict.fromkeys((*row.pythons, *_pythons(found))))
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
