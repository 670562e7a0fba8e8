"""Where wheels_index.json lies, and how it is read: shipped, cached by ``index update``, or named by the user."""

import functools
import os
import pathlib
import sys
from collections.abc import Mapping

import msgspec

from ptsetup.errors import WheelIndexError
from ptsetup.facts import Record
from ptsetup.index.records import SCHEMA, WheelIndex

FILE_NAME = "wheels_index.json"

SHIPPED = "Use the shipped index: leave out --index, or run ptsetup index update."


class Source(Record, frozen=True, kw_only=True):
    """Which file an index came from."""

    path: str
    kind: str
    """``shipped``, ``cached``, ``named``."""
    size_bytes: int
    note: str | None = None
    """Why another file was passed over."""


def locate() -> pathlib.Path:
    """The shipped file: beside the package's modules (a wheel), or one level above the package in a checkout.

    Raises:
        WheelIndexError: it is in neither place.
    """
    package = pathlib.Path(__file__).parent.parent
    beside, above = package / FILE_NAME, package.parent / FILE_NAME
    if beside.is_file():
        return beside
    if above.is_file() and (package.parent / "pyproject.toml").is_file():
        return above
    raise WheelIndexError(
        f"{FILE_NAME} is missing: neither {beside} nor {above} is there.",
        hint="Install ptsetup again, or name a copy with --index FILE.",
    )


def cache_path(env: Mapping[str, str] | None = None, system: str = sys.platform) -> pathlib.Path:
    """Where ``index update`` keeps the user's copy."""
    env = os.environ if env is None else env
    home = pathlib.Path(env.get("HOME") or env.get("USERPROFILE") or pathlib.Path.home())
    if system == "win32":
        base = pathlib.Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif system == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = pathlib.Path(env.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "ptsetup" / FILE_NAME


def parse(data: bytes, name: str) -> WheelIndex:
    """Read an index; ``name`` is what messages call it.

    Raises:
        WheelIndexError: not JSON, another schema, or a wrong value (its path is named).
    """
    try:
        head = msgspec.json.decode(data, type=_Head)
        if head.schema != SCHEMA:
            raise WheelIndexError(
                f"{name} has schema {head.schema}; this ptsetup reads schema {SCHEMA}.",
                hint="Use the index that came with this version.",
            )
        return msgspec.json.decode(data, type=WheelIndex)
    except msgspec.ValidationError as problem:
        raise WheelIndexError(f"{name} has a wrong value: {problem}.", hint=SHIPPED) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise WheelIndexError(f"{name} is no JSON: {problem}.", hint=f"It may be cut short. {SHIPPED}") from None


class _Head(msgspec.Struct):
    """The schema is read first: an index of another schema is told as such, not as a wrong value."""

    schema: int


def load(path: str | None = None) -> WheelIndex:
    """The index at ``path``, else the newer of the cached and the shipped one.

    Raises:
        WheelIndexError: it cannot be read or is damaged (a damaged cached copy is passed over).
    """
    return find(path)[0]


def find(path: str | None = None) -> tuple[WheelIndex, Source]:
    """The index, and which file it came from.

    Raises:
        WheelIndexError: as ``load``.
    """
    return _find(path, str(cache_path()))


@functools.lru_cache(maxsize=4)
def _find(path: str | None, cache: str) -> tuple[WheelIndex, Source]:
    if path is not None:
        return _read(pathlib.Path(path), "named")
    shipped = _read(locate(), "shipped")
    copy = pathlib.Path(cache)
    if not copy.is_file():
        return shipped
    try:
        cached = _read(copy, "cached")
    except WheelIndexError as problem:
        note = f"the cached copy is passed over: {problem.message}"
        return shipped[0], msgspec.structs.replace(shipped[1], note=note)
    return cached if cached[0].date > shipped[0].date else shipped


def digest(path: str) -> str:
    """sha256 of a file, in hexadecimal."""
    import hashlib

    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def _read(file: pathlib.Path, kind: str) -> tuple[WheelIndex, Source]:
    try:
        data = file.read_bytes()
    except OSError as problem:
        raise WheelIndexError(
            f"{file} cannot be read: {problem.strerror}.", hint="Check the path after --index."
        ) from None
    return parse(data, str(file)), Source(path=str(file), kind=kind, size_bytes=len(data))


def dump(index: WheelIndex) -> bytes:
    """The index as JSON, one record a line in the large tables: differences can be read."""
    fields = msgspec.to_builtins(index)
    lines = []
    for name, value in fields.items():
        if isinstance(value, list) and value and name != "doubts":
            rows = ",\n".join(msgspec.json.encode(row).decode() for row in value)
            lines.append(f'"{name}": [\n{rows}\n]')
        else:
            lines.append(f'"{name}": {msgspec.json.encode(value).decode()}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def save(index: WheelIndex, path: pathlib.Path) -> None:
    """Write an index atomically: whole, or not at all.

    Raises:
        WheelIndexError: the folder cannot be written.
    """
    import tempfile

    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".wheels_index-", delete=False) as file:
            temporary = file.name
            file.write(dump(index))
            file.flush()
            os.fsync(file.fileno())
        pathlib.Path(temporary).replace(path)
    except OSError as problem:
        if temporary:
            pathlib.Path(temporary).unlink(missing_ok=True)
        raise WheelIndexError(
            f"{path} cannot be written: {problem.strerror}.", hint="Free some room, or set XDG_CACHE_HOME."
        ) from None
    _find.cache_clear()
