"""Where the torch family is to come from: the addresses and folders on the command line, checked before anything is asked."""

import os
import pathlib
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ptsetup.errors import RequestError

SCHEMES = ("http", "https", "file")

OPTIONS = {"index_url": "--index-url", "mirror": "--mirror", "find_links": "--find-links"}
"""In the order of ``Places``."""


class Places(NamedTuple):
    """As ``Request`` has them."""

    index_url: str | None
    mirror: str | None
    find_links: str | None


def checked(options: dict[str, Any]) -> Places:
    """What was given, with the scheme of an address in small letters.

    Raises:
        RequestError: two of them, an address that no installer could ask, or a folder that is not there.
    """
    given = {name: options[name] for name in OPTIONS if options[name] is not None}
    if len(given) > 1:
        first, second = (OPTIONS[name] for name in list(given)[:2])
        raise RequestError(
            f"{first} and {second} both say where torch comes from, and it comes from one place.",
            hint="Give one of them.",
        )
    return Places(*(_place(given[name], option) if name in given else None for name, option in OPTIONS.items()))


def _place(text: str, option: str) -> str:
    if not text.strip():
        raise RequestError(f"{option} is empty.", hint="Leave it out, or look whether the variable in it is set.")
    from ptsetup.install import settings

    text = settings.place(text) if option == "--find-links" else settings.address(text)
    is_address = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None
    if option == "--find-links" and not is_address:
        return _folder(text)
    if option == "--mirror" and not is_address:
        return text.lower()
    return _address(text, option)


def _folder(text: str) -> str:
    if not pathlib.Path(text).exists():
        raise RequestError(f"There is no folder {text}.", hint="Check the path after --find-links.")
    return text


def _address(text: str, option: str) -> str:
    """An address with a scheme that pip and uv can both ask."""
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in SCHEMES or not rest:
        raise RequestError(f"{option} {_shown(text)} is no address that can be asked.", hint=_way_out(text))
    if scheme.lower() == "file":
        return f"file://{rest}"
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    if not host or re.search(r"\s", text):
        raise RequestError(f"{option} {_shown(text)} names no host.", hint=_way_out(text))
    return f"{scheme.lower()}://{rest}"


def _shown(text: str) -> str:
    """Without a login, since a message gets pasted."""
    from ptsetup.index import web

    return repr(web.hidden(text))


def _way_out(text: str) -> str:
    if os.path.isdir(text):  # noqa: PTH112 - never raises
        return f"A folder is written so: {pathlib.Path(text).resolve().as_uri()}"
    return "Write it as https://host/path, http://host/path or file:///folder."
