"""Can the index be reached, and what lies in the user's wheelhouses if not."""

import pathlib
import re
from collections.abc import Iterable, Sequence

from packaging.version import InvalidVersion, Version

from ptsetup.facts import Record
from ptsetup.index import pages, web
from ptsetup.index.pages import Page
from ptsetup.index.tags import platform_of_tag
from ptsetup.install.settings import Settings


class Wheel(Record, frozen=True, kw_only=True):
    """A wheel of the torch family in a folder."""

    folder: str
    file: str
    project: str
    version: str
    """With its local part."""
    python_tag: str
    abi: str
    platform: str | None


def ask(index_url: str, project: str, settings: Settings) -> Page:
    """Ask an index for a project's page, once, for about three seconds. Never raises."""
    return pages.fetch(
        f"{index_url.rstrip('/')}/{project}/",
        through=web.opener(proxy=settings.proxy, cert=settings.cert, is_trusted=settings.trusts(index_url)),
    )


_WHEEL = re.compile(
    r"(torch|torchvision|torchaudio|torchtext|torchcodec)-([^-]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl"
)


def wheels_in(folders: Iterable[str]) -> tuple[Wheel, ...]:
    """The wheels of the torch family in local folders (those that cannot be read hold none), sorted by name."""
    found = []
    for folder in dict.fromkeys(folders):
        try:
            names = sorted(entry.name for entry in pathlib.Path(folder).iterdir())
        except OSError:
            names = []
        found += [wheel for name in names if (wheel := _wheel(folder, name)) is not None]
    return tuple(found)


def _wheel(folder: str, name: str) -> Wheel | None:
    match = _WHEEL.fullmatch(name.replace("%2B", "+"))
    if match is None:
        return None
    project, version, python_tag, abi, platform = match.groups()
    if not _is_version(version):
        return None
    return Wheel(
        folder=folder,
        file=name,
        project=project,
        version=version,
        python_tag=python_tag,
        abi=abi,
        platform=platform_of_tag(platform) if platform != "any" else None,
    )


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def fitting(wheels: Sequence[Wheel], python_tag: str | None, platform: str | None) -> tuple[Wheel, ...]:
    """Those that this interpreter on this platform can install."""
    return tuple(
        wheel
        for wheel in wheels
        if wheel.platform in (None, platform)
        and (
            python_tag is None
            or wheel.python_tag == "py3"
            or (wheel.abi if wheel.abi.endswith("t") else wheel.python_tag) == python_tag
        )
    )


def newest_on(page: Page, project: str, python_tag: str | None, platform: str | None) -> str | None:
    """The newest version on a project's page that this interpreter can install, with its local part; None when there is none."""
    wheels = [wheel for link in page.links if (wheel := _wheel("", link.file)) is not None and wheel.project == project]
    versions = [wheel.version for wheel in fitting(wheels, python_tag, platform)]
    return max(versions, key=Version, default=None)
