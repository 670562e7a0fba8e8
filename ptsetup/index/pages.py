"""Pages of a package index: fetched once under a deadline and a size limit, and read with suspicion (PEP 503, PEP 691, flat pages)."""

import html.parser
import json
import re
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Literal

from ptsetup.facts import Record
from ptsetup.index.web import by_proxy, host_of, opener, without_login

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

REACH_S = 3.0
"""An index that has not answered by then counts as out of reach."""

READ_S = 30.0
"""A page that has begun to come may take so long."""

PARSE_S = 10.0
"""A page that takes longer to be read through was made to keep us busy."""

PAGE_LIMIT = 20 * 1024 * 1024
"""Bytes of a page that are read; a real one stays far below. A longer page is refused whole."""

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.5, text/html;q=0.2"

CHUNK = 65536
"""Characters that are parsed between two looks at the clock."""

_HASH = re.compile(r"[0-9a-f]{64}")

_WHEEL = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._]*-[A-Za-z0-9.+!_]+(-\d[A-Za-z0-9_.]*)?-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl"
)


class Link(Record, frozen=True, kw_only=True):
    """One wheel on a page."""

    file: str
    """File name, percent-decoded."""
    url: str = ""
    sha256: str | None = None
    size_bytes: int | None = None


class Page(Record, frozen=True, kw_only=True):
    """What an index answered."""

    answer: Literal["there", "absent", "unreachable", "refused"]
    """``absent``: 403, 404 or 410 (the PyTorch index answers 403 for what it does not have); ``refused``: came, but is no index page."""
    detail: str = ""
    """Host and what was seen."""
    links: tuple[Link, ...] = ()


def fetch(
    url: str,
    *,
    through: "OpenerDirector | None" = None,
    reach_s: float = REACH_S,
    read_s: float = READ_S,
) -> Page:
    """Fetch a page once. Never raises for what the other side does.

    Args:
        url: http, https or file.
        through: an opener; None: one of the environment.
        reach_s: seconds until the first answer.
        read_s: seconds for the whole page.
    """
    if not url.lower().startswith(("http://", "https://", "file://")):
        return Page(answer="unreachable", detail=f"{host_of(url)} stands in no http, https or file address")
    # a thread, because no timeout of a socket covers the look-up of a name, several addresses, or a header sent byte by byte
    begun, done, pages = threading.Event(), threading.Event(), list[Page]()
    asked = through or opener()
    host = f"{host_of(url)}{by_proxy(url, asked)}"

    def work() -> None:
        try:
            pages.append(_fetch(url, asked, host, reach_s, read_s, begun))
        finally:
            begun.set()
            done.set()

    threading.Thread(target=work, daemon=True).start()
    if not begun.wait(reach_s + 1.0):
        return Page(answer="unreachable", detail=f"{host} did not answer within {reach_s:g} s")
    if not done.wait(read_s + reach_s + PARSE_S) or not pages:
        return Page(answer="unreachable", detail=f"{host} sent its page too slowly")
    return pages[0]


def _fetch(
    url: str, through: "OpenerDirector", host: str, reach_s: float, read_s: float, begun: threading.Event
) -> Page:
    import urllib.error
    from http.client import HTTPException

    try:
        text, kind = _get(url, through, reach_s, read_s, begun)
        links = read_links(text, kind, without_login(url)[0])
    except urllib.error.HTTPError as problem:
        problem.close()
        return Page(
            answer="absent" if problem.code in (403, 404, 410) else "unreachable",
            detail=f"{host} answered {problem.code}{LOGINS.get(problem.code, '')}",
        )
    except _TooLongError:
        return Page(answer="refused", detail=f"{host} sent a page that takes too long to read")
    except _TooLargeError:
        return Page(answer="refused", detail=f"{host} sent a page of more than {PAGE_LIMIT // 1024 // 1024} MB")
    except (OSError, ValueError, EOFError, HTTPException) as problem:
        is_lacking = _is_lacking(url, problem)
        detail = f"{host} is not there" if is_lacking else f"{host} did not answer: {_reason(problem)}"
        return Page(answer="absent" if is_lacking else "unreachable", detail=detail)
    if links is None:
        return Page(answer="refused", detail=f"{host} answered with a page that is no package index")
    return Page(answer="there", detail=host, links=links)


def _is_lacking(url: str, problem: Exception) -> bool:
    """The index is a folder that is there, and it has no such project."""
    import pathlib
    import urllib.request

    if not url.lower().startswith("file:") or not isinstance(getattr(problem, "reason", None), FileNotFoundError):
        return False
    return pathlib.Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path)).parent.is_dir()


def _reason(problem: Exception) -> str:
    if type(problem).__name__ == "InvalidURL":
        # its words repeat a piece of the address, which may be one of a password
        return "this is no valid address (in a password, / is written %2F and @ is written %40)"
    return str(getattr(problem, "reason", None) or repr(problem))


LOGINS = {401: ": it wants a login", 407: ": the proxy wants a login"}
"""What an answer means where the number alone says little."""


def _get(url: str, through: "OpenerDirector", reach_s: float, read_s: float, begun: threading.Event) -> tuple[str, str]:
    """(Text, content type) of a page; ``begun`` is set when its headers are there."""
    import urllib.request

    address, login = without_login(url)
    if address.lower().startswith("file:") and address.endswith("/"):
        # as pip and uv read an index that lies in folders
        address += "index.html"
    request = urllib.request.Request(address, headers={"User-Agent": "ptsetup", "Accept": ACCEPT})  # noqa: S310 - fetch() has looked at the scheme
    if login:
        # a host that we are sent on to must not get it
        request.add_unredirected_header("Authorization", login)
    with through.open(request, timeout=reach_s) as response:
        begun.set()
        return _read(response, time.monotonic() + read_s), (
            response.headers.get("Content-Type", "") if response.headers else ""
        )


class _TooLargeError(Exception):
    """The page is longer than any real one."""


class _TooLongError(Exception):
    """The page takes longer to be parsed than any real one."""


def _read(response: "HTTPResponse", deadline: float) -> str:
    parts: list[bytes] = []
    size = 0
    while True:
        if time.monotonic() > deadline:
            raise TimeoutError("the page came too slowly")
        part = response.read1(65536) if hasattr(response, "read1") else response.read(65536)
        if not part:
            break
        parts.append(part)
        size += len(part)
        if size > PAGE_LIMIT:
            raise _TooLargeError
    expected = response.headers.get("Content-Length") if response.headers else None
    if expected and expected.isdigit() and size < int(expected):
        raise EOFError("the page is cut short")
    return b"".join(parts).decode("utf-8", "replace")


def read_links(text: str, content_type: str, url: str) -> tuple[Link, ...] | None:
    """The wheels of a page; None when it is no index page.

    Names that no wheel can have, foreign schemes and yanked files are left out.
    """
    if "json" in content_type or text.lstrip().startswith("{"):
        return _from_json(text, url)
    parser = _Anchors()
    deadline = time.monotonic() + PARSE_S
    try:
        for start in range(0, len(text), CHUNK):
            parser.feed(text[start : start + CHUNK])
            if time.monotonic() > deadline:
                raise _TooLongError
    except (ValueError, AssertionError):
        return None
    found = [link for href, shown in parser.anchors if (link := _link(href, shown, url)) is not None]
    # an empty index page is an index page; a login page or a news site has anchors, but none to a wheel
    if not found and (parser.anchors or "<html" not in text.lower()):
        return None
    return tuple({link.file: link for link in found}.values())


def _from_json(text: str, url: str) -> tuple[Link, ...] | None:
    try:
        data = json.loads(text)
        rows = data["files"]
        found = []
        for row in rows:
            link = _link(str(row["url"]), str(row["filename"]), url)
            digest = (row.get("hashes") or {}).get("sha256")
            size = row.get("size")
            if link is not None and not row.get("yanked"):
                found.append(
                    Link(
                        file=link.file,
                        url=link.url,
                        sha256=digest if isinstance(digest, str) and _HASH.fullmatch(digest) else link.sha256,
                        size_bytes=size if isinstance(size, int) and size > 0 else None,
                    )
                )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return tuple(found)


def _link(href: str, shown: str, url: str) -> Link | None:
    address, _, fragment = href.partition("#")
    try:
        whole = urllib.parse.urljoin(url, address)
        parts = urllib.parse.urlsplit(whole)
    except ValueError:
        return None
    name = urllib.parse.unquote(parts.path.rpartition("/")[2])
    if parts.scheme not in ("http", "https", "file") or not _WHEEL.fullmatch(name) or len(name) > 255:
        return None
    if shown.strip() and shown.strip().endswith(".whl") and urllib.parse.unquote(shown.strip()) != name:
        return None
    digest = fragment.removeprefix("sha256=")
    return Link(
        file=name, url=whole, sha256=digest if fragment.startswith("sha256=") and _HASH.fullmatch(digest) else None
    )


class _Anchors(html.parser.HTMLParser):
    """Collects (href, text) of the anchors of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[tuple[str, str]] = []
        self._href: str | None = None
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An anchor begins."""
        if tag == "a":
            self._close()
            named = dict(attrs)
            self._href = "" if "data-yanked" in named else named.get("href") or ""

    def handle_data(self, data: str) -> None:
        """Its text."""
        if self._href is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """It ends."""
        if tag == "a":
            self._close()

    def _close(self) -> None:
        if self._href is not None:
            self.anchors.append((self._href, "".join(self._text)))
        self._href, self._text = None, []
