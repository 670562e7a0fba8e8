"""A wheel that stands on a page of a tag, if it can be believed: other projects, other tags and absurd versions are left out."""

import re
import urllib.parse

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from ptsetup.facts import Record
from ptsetup.index.pages import Link, Page
from ptsetup.index.records import WheelFile, WheelIndex
from ptsetup.index.tags import platform_of_tag
from ptsetup.index.verify import FOLDER, PYTHON


class Seen(Record, frozen=True, kw_only=True):
    """One wheel that was seen on a page of a tag."""

    tag: str
    row: WheelFile
    platform: str
    pythons: tuple[str, ...]
    """Python tags that it serves."""


class Ceiling(Record, frozen=True, kw_only=True):
    """What a page may claim, by what is known."""

    majors: dict[str, int]
    """Project -> highest major release that is believed: one above the newest that is known."""
    pythons: tuple[str, ...]
    """Python tags of the newest release: a wheel for the stable ABI serves those from its own on."""
    roots: tuple[str, ...] = ()
    """Addresses of the PyTorch index itself; what lies elsewhere (a mirror) says nothing about the folders there."""

    @classmethod
    def of(cls, index: WheelIndex) -> "Ceiling":
        """From an index."""
        newest = [("torch", release.version) for release in index.releases[-1:]]
        newest += [(row.project, row.version) for row in index.companions]
        majors: dict[str, int] = {}
        for project, version in newest:
            majors[project] = max(majors.get(project, 0), Version(version).major + 1)
        last = index.releases[-1].version if index.releases else ""
        tags = {tag for build in index.builds if build.torch == last for tag in build.pythons}
        own = (index.origin_url, *(mirror.base for mirror in index.mirrors if ".pytorch.org/" in mirror.base))
        return cls(
            majors=majors,
            pythons=tuple(sorted(tags, key=python_key)),
            roots=tuple(f"{address.rstrip('/')}/" for address in own),
        )


def python_key(tag: str) -> tuple[int, str]:
    """Sorts ``cp39`` before ``cp310`` before ``cp313t``."""
    return int(re.sub(r"\D", "", tag)[1:] or 0), tag


def wheels_of(page: Page, tag: str, project: str, ceiling: Ceiling) -> list[Seen]:
    """The wheels of one project and tag on a page (a flat page shows others as well)."""
    return [wheel for link in page.links if (wheel := _wheel(link, tag, project, ceiling)) is not None]


def _wheel(link: Link, tag: str, project: str, ceiling: Ceiling) -> Seen | None:
    try:
        name, version, _, _ = parse_wheel_filename(link.file)
    except (InvalidWheelFilename, ValueError):
        return None
    if not link.file.startswith(f"{project.replace('-', '_')}-{version}-"):
        return None
    python_tag, abi, platform_tag = link.file.removesuffix(".whl").split("-")[-3:]
    platform = platform_of_tag(platform_tag)
    pythons = _pythons(python_tag, abi, ceiling)
    if canonicalize_name(name) != project or platform is None or not pythons:
        return None
    if not _is_believable(version, ceiling.majors.get(project, 1)) or not _is_of_tag(version, tag, project, platform):
        return None
    row = WheelFile(
        project=project,
        version=str(version),
        python_tag=python_tag,
        abi=abi,
        platform=platform_tag,
        origin="pytorch",
        file=link.file,
        folder=_folder(link.url, ceiling.roots),
        sha256=link.sha256,
        size_bytes=link.size_bytes,
    )
    return Seen(tag=tag, row=row, platform=platform, pythons=pythons)


def _is_believable(version: Version, major: int) -> bool:
    """A release, in the form that the family's releases have."""
    is_plain = not (version.is_prerelease or version.is_postrelease or version.epoch)
    return is_plain and len(version.release) == 3 and version.major <= major and max(version.release) < 1000


def _is_of_tag(version: Version, tag: str, project: str, platform: str) -> bool:
    local = version.local
    if local is None:
        return "triton" in project or (tag == "cpu" and platform.startswith("macos"))
    return local == tag


def _pythons(python_tag: str, abi: str, ceiling: Ceiling) -> tuple[str, ...]:
    if not PYTHON.fullmatch(python_tag):
        return ()
    if abi == "abi3":
        return tuple(t for t in ceiling.pythons if not t.endswith("t") and python_key(t) >= python_key(python_tag))
    if abi == f"{python_tag}t":
        return (abi,)
    return (python_tag,) if abi in (python_tag, f"{python_tag}m", "none") else ()


def _folder(url: str, roots: tuple[str, ...]) -> str | None:
    root = next((root for root in roots if url.startswith(root)), None)
    if root is None:
        return None
    folder = urllib.parse.unquote(f"whl/{url.removeprefix(root)}".rpartition("/")[0])
    return folder if FOLDER.fullmatch(folder) else None
