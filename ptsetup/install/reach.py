"""Can the index be reached, and what lies in the user's wheelhouses if not."""

import pathlib
import re
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from ptsetup import compat
from ptsetup.facts import Record
from ptsetup.install.settings import Settings

if TYPE_CHECKING:
    import urllib.request

REACH_S = 3.0
"""An index that has not answered by then counts as out of reach."""

Answer = Literal["there", "absent", "unreachable"]


class Reached(Record, frozen=True, kw_only=True):
    """What an index answered."""

    answer: Answer
    detail: str = ""
    """Host and what was seen."""
    names: tuple[str, ...] = ()
    """Names of the wheels on the page."""


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

    @property
    def build(self) -> str:
        """As ``Request.only`` names builds: ``2.13.0+cpu``; without a local part the default index's build, ``2.13.0``."""
        return self.version


def ask(index_url: str, project: str, settings: Settings, *, limit_s: float = REACH_S) -> Reached:
    """Ask an index for a project's page, once, under a deadline (seconds). Never raises."""
    import urllib.error
    import urllib.request

    url = f"{index_url.rstrip('/')}/{project}/"
    host = re.sub(r"^[a-z+]+://([^/@]*@)?", "", url).partition("/")[0]
    request = urllib.request.Request(url, headers={"User-Agent": "ptsetup", "Accept": "text/html"})  # noqa: S310 - schemes are checked below
    if not url.startswith(("http://", "https://", "file://")):
        return Reached(answer="unreachable", detail=f"{index_url} is no http, https or file address")
    started = time.monotonic()
    try:
        with _opener(settings).open(request, timeout=limit_s) as page:
            text = _read(page, started + limit_s)
    except urllib.error.HTTPError as problem:
        # the PyTorch index answers 403 for what does not exist
        answer: Answer = "absent" if problem.code in (403, 404, 410) else "unreachable"
        return Reached(answer=answer, detail=f"{host} answered {problem.code}")
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        return Reached(answer="unreachable", detail=f"{host} did not answer: {reason}")
    names = tuple(
        dict.fromkeys(re.findall(rf"{project}-[^\s\"'<>/#]+?\.whl", text.replace("%2B", "+").replace("&#43;", "+")))
    )
    if not names:
        return Reached(answer="absent", detail=f"{host} answered with a page that lists no {project} wheel")
    return Reached(answer="there", detail=host, names=names)


PAGE_LIMIT = 20 * 1024 * 1024
"""Bytes of a page that are read; real pages stay far below."""


def _read(page: object, deadline: float) -> str:
    parts: list[bytes] = []
    size = 0
    while size < PAGE_LIMIT:
        if time.monotonic() > deadline:
            raise TimeoutError("the page came too slowly")
        part = page.read1(65536) if hasattr(page, "read1") else page.read(65536)  # type: ignore[attr-defined]
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts).decode("utf-8", "replace")


def _opener(settings: Settings) -> "urllib.request.OpenerDirector":
    import ssl
    import urllib.request

    handlers: list[object] = []
    if settings.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": settings.proxy, "https": settings.proxy}))
    if settings.cert:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=settings.cert)))
    return urllib.request.build_opener(*handlers)  # type: ignore[arg-type]


_WHEEL = re.compile(
    r"(torch|torchvision|torchaudio|torchtext|torchcodec)-([^-]+)(?:-\d[^-]*)?-([^-]+)-([^-]+)-([^-]+)\.whl"
)


def wheels_in(folders: Iterable[str]) -> tuple[Wheel, ...]:
    """The wheels of the torch family in local folders (those that cannot be read hold none), sorted by name."""
    found = []
    for folder in dict.fromkeys(folders):
        path = folder.removeprefix("file://")
        try:
            names = sorted(entry.name for entry in pathlib.Path(path).iterdir())
        except OSError:
            names = []
        found += [wheel for name in names if (wheel := _wheel(path, name)) is not None]
    return tuple(found)


def _wheel(folder: str, name: str) -> Wheel | None:
    match = _WHEEL.fullmatch(name.replace("%2B", "+"))
    if match is None:
        return None
    project, version, python_tag, abi, platform = match.groups()
    return Wheel(
        folder=folder,
        file=name,
        project=project,
        version=version,
        python_tag=python_tag,
        abi=abi,
        platform=compat.platform_of_tag(platform) if platform != "any" else None,
    )


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
