"""Refreshes an index from live pages: adds what is new, keeps what it cannot see. A page that is no index page changes nothing."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ptsetup.facts import Record
from ptsetup.index.merge import merge
from ptsetup.index.pages import REACH_S, Page, fetch
from ptsetup.index.records import WheelIndex
from ptsetup.index.seen import Ceiling, Seen, wheels_of

if TYPE_CHECKING:
    from urllib.request import OpenerDirector

PROJECTS = ("torch", "torchvision", "torchaudio", "torchtext", "torchcodec")

TRITONS = {
    "cu": ("triton",),
    "rocm": ("triton-rocm", "pytorch-triton-rocm"),
    "xpu": ("triton-xpu", "pytorch-triton-xpu"),
}
"""The compiler of each family lies beside torch."""

LINK_LIMIT = 20_000
"""Wheels of one page; a real one has some thousands at most."""

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


def refresh(
    index: WheelIndex,
    *,
    today: str,
    pages_of: Callable[[str, str], tuple[str, ...]],
    tags: Sequence[str],
    origin: str,
    through: "OpenerDirector | None" = None,
    reach_s: float = REACH_S,
    log: Log = lambda _: None,
) -> Refreshed:
    """A new index with what the pages of these tags show. A host that stops answering is asked no more.

    Args:
        index: the old one; it is not changed.
        today: the day, ISO.
        pages_of: (tag, project) -> addresses of its page, tried in this order until one is there.
        tags: backend tags to ask for.
        origin: what was read, for ``updated_from``.
        through: opener of the requests.
        reach_s: seconds until the first answer of a page.
        log: told a line per tag.
    """
    ask = _Asker(through, reach_s)
    ceiling = Ceiling.of(index)
    seen: list[Seen] = []
    problems: list[str] = []
    for tag in tags:
        found, trouble = _of_tag(tag, pages_of, ask, ceiling)
        seen += found
        problems += trouble
        if ask.silence:
            break
        log(f"{tag}: {len(found)} wheels")
    if ask.silence and not seen:
        return Refreshed(index=index, problems=(ask.silence,), is_unreachable=True)
    if ask.silence and tags[-1] != tag:
        problems.append(f"the tags after {tag} were not asked for")
    merged = merge(index, seen, today=today, origin=origin)
    return Refreshed(
        index=merged.index, files=merged.files, builds=merged.builds, problems=(*problems, *merged.problems)
    )


class _Asker:
    """Fetches each address once (a flat page is that of every project) and remembers a host that does not answer."""

    def __init__(self, through: "OpenerDirector | None", reach_s: float) -> None:
        self._through = through
        self._reach_s = reach_s
        self._pages: dict[str, Page] = {}
        self.silence: str | None = None
        """What a host that does not answer showed."""

    def __call__(self, addresses: Sequence[str]) -> Page:
        """The first page that is there; else what the first address answered."""
        answers = []
        for address in addresses:
            page = self._pages.get(address) or fetch(address, through=self._through, reach_s=self._reach_s)
            self._pages[address] = page
            answers.append(page)
            if page.answer == "unreachable":
                self.silence = page.detail
            if page.answer == "there" or self.silence:
                return page
        return answers[0]


def _of_tag(
    tag: str, pages_of: Callable[[str, str], tuple[str, ...]], ask: _Asker, ceiling: Ceiling
) -> tuple[list[Seen], list[str]]:
    """(Wheels of one tag, pages that were not used and why)."""
    found: list[Seen] = []
    problems: list[str] = []
    for project in (*PROJECTS, *_tritons(tag)):
        page = ask(pages_of(tag, project))
        if page.answer in ("unreachable", "refused"):
            problems.append(f"{tag}/{project}: {page.detail}")
        elif page.answer == "absent" and project == "torch":
            problems.append(f"{tag}: {page.detail}")
            break
        elif len(page.links) > LINK_LIMIT:
            problems.append(f"{tag}/{project}: {page.detail} lists {len(page.links):,} wheels, more than any real page")
        else:
            found += wheels_of(page, tag, project, ceiling)
        if ask.silence:
            break
    return found, problems


def _tritons(tag: str) -> tuple[str, ...]:
    return next((names for family, names in TRITONS.items() if tag.startswith(family)), ())
