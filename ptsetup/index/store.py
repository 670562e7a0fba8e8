"""Where wheels_index.json lies, and how it is read: shipped, cached by ``index update``, or named by the user."""

import contextlib
import functools
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec

from ptsetup.errors import WheelIndexError
from ptsetup.facts import Record
from ptsetup.index.records import SCHEMA, CompanionBuild, GpuName, Peak, WheelFile, WheelIndex
from ptsetup.index.rows import WAY_OUT, Rows

if TYPE_CHECKING:
    # it takes 4 ms to import, which a verdict in a blink does not have: files are read by their names here
    import pathlib

FILE_NAME = "wheels_index.json"

LATE: dict[str, type[msgspec.Struct]] = {
    "companions": CompanionBuild,
    "nvidia_gpus": GpuName,
    "peaks": Peak,
    "files": WheelFile,
}
"""Tables that are decoded when they are looked at, as they follow each other in the file: few of their rows are needed, and they
are most of it."""


class Source(Record, frozen=True, kw_only=True):
    """Which file an index came from."""

    path: str
    kind: str
    """``shipped``, ``cached``, ``named``."""
    size_bytes: int
    note: str | None = None
    """Why another file was passed over."""


def locate() -> "pathlib.Path":
    """The shipped file: beside the package's modules (a wheel), or one level above the package in a checkout.

    Raises:
        WheelIndexError: it is in neither place.
    """
    import pathlib

    return pathlib.Path(_shipped())


def _shipped() -> str:
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    above = os.path.dirname(package)  # noqa: PTH120
    beside, above_it, project = _in(package, FILE_NAME), _in(above, FILE_NAME), _in(above, "pyproject.toml")
    if os.path.isfile(beside):  # noqa: PTH113
        return beside
    if os.path.isfile(above_it) and os.path.isfile(project):  # noqa: PTH113
        return above_it
    raise WheelIndexError(
        f"{FILE_NAME} is missing: neither {beside} nor {above_it} is there.",
        hint="Install ptsetup again, or name a copy with --index FILE.",
    )


def cache_path(env: Mapping[str, str] | None = None, system: str = sys.platform) -> "pathlib.Path":
    """Where ``index update`` keeps the user's copy."""
    import pathlib

    return pathlib.Path(_cache(os.environ if env is None else env, system))


def _cache(env: Mapping[str, str], system: str) -> str:
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")  # noqa: PTH111
    if system == "win32":
        base = env.get("LOCALAPPDATA") or _in(home, "AppData", "Local")
    elif system == "darwin":
        base = _in(home, "Library", "Caches")
    else:
        base = env.get("XDG_CACHE_HOME") or _in(home, ".cache")
    return _in(base, "ptsetup", FILE_NAME)


def _in(folder: str, *names: str) -> str:
    return os.path.join(folder, *names)  # noqa: PTH118


def parse(data: bytes, name: str) -> WheelIndex:
    """Read an index; ``name`` is what messages call it.

    The tables of ``LATE`` are decoded when they are first looked at; a wrong value in them is an error only then.

    Raises:
        WheelIndexError: not JSON, another schema, or a wrong value (its path is named).
    """
    rest, late = _apart(data)
    try:
        stored = msgspec.json.decode(rest, type=_Stored)
        _refuse_other_schema(stored.schema, name)
    except msgspec.ValidationError as problem:
        # an index of another schema is told as such, not as a wrong value
        _refuse_other_schema(_head(data).schema, name)
        raise WheelIndexError(f"{name} has a wrong value: {problem}.", hint=WAY_OUT) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise WheelIndexError(f"{name} is no JSON: {problem}.", hint=f"It may be cut short. {WAY_OUT}") from None
    fields = {field: getattr(stored, field) for field in stored.__struct_fields__}
    tables: dict[str, Rows[msgspec.Struct]] = {
        table: Rows(late.get(table, fields[table]), row, table=table, name=name) for table, row in LATE.items()
    }
    return WheelIndex(**{**fields, **tables})


def _apart(data: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The text without the rows of the late tables, and these; a table that does not stand on lines of its own stays in the text.

    Even passing over them would take half of the time that reading an index takes.
    """
    parts, late, place = [], {}, 0
    for start, table in sorted(_starts(data)):
        end = data.find(b"\n]", start)
        if start >= place and end >= 0:
            parts += [data[place : start + 1], b"]"]
            late[table] = data[start : end + 2]
            place = end + 2
    return b"".join((*parts, data[place:])), late


def _starts(data: bytes) -> Iterator[tuple[int, str]]:
    """Where the brackets of the tables stand, of those at the end of a line that begins with the table's name."""
    after = 0
    for table in LATE:
        heads = (f'\n"{table}":[\n'.encode(), f'\n"{table}": [\n'.encode())
        # they stand in this order as a rule: all that comes before was looked through already
        for head, begin in itertools.product(heads, (after, 0)):
            place = data.find(head, begin)
            if place >= 0:
                after = place + len(head) - 2
                yield after, table
                break


class _Stored(WheelIndex, frozen=True, kw_only=True):
    """An index whose large tables are text still."""

    companions: msgspec.Raw  # type: ignore[assignment]
    files: msgspec.Raw  # type: ignore[assignment]
    nvidia_gpus: msgspec.Raw  # type: ignore[assignment]
    peaks: msgspec.Raw  # type: ignore[assignment]


class _Head(msgspec.Struct):
    """What tells which index it is."""

    schema: int = SCHEMA
    date: str = ""


def _head(data: bytes) -> _Head:
    try:
        return msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Head()


def _refuse_other_schema(schema: int, name: str) -> None:
    if schema != SCHEMA:
        raise WheelIndexError(
            f"{name} has schema {schema}; this ptsetup reads schema {SCHEMA}.",
            hint="Use the index that came with this version.",
        )


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
    return _find(path, _cache(os.environ, sys.platform))


@functools.lru_cache(maxsize=4)
def _find(path: str | None, cache: str) -> tuple[WheelIndex, Source]:
    if path is not None:
        return _read(path, "named")
    shipped = _shipped()
    note = None
    if os.path.isfile(cache):  # noqa: PTH113
        try:
            cached = _read(cache, "cached")
            # a copy that was made on the day of the shipped one knows more
            if cached[0].date >= _head(read(shipped)).date:
                _look_at_all(cached[0])
                return cached
        except WheelIndexError as problem:
            note = f"the cached copy is passed over: {problem.message}"
    index, source = _read(shipped, "shipped")
    return index, msgspec.structs.replace(source, note=note)


def _look_at_all(index: WheelIndex) -> None:
    """Decode the late tables now: a damaged cached copy must be noticed while another can still be taken."""
    for table in LATE:
        rows = getattr(index, table)
        if isinstance(rows, Rows):
            rows.all()


def digest(path: str) -> str:
    """sha256 of a file, in hexadecimal."""
    import hashlib

    return hashlib.sha256(read(path)).hexdigest()


def read(path: str) -> bytes:
    """The content of an index file.

    Raises:
        WheelIndexError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            return file.read()
    except OSError as problem:
        raise WheelIndexError(
            f"{path} cannot be read: {problem.strerror}.", hint="Check the path of the index."
        ) from None


def _read(path: str, kind: str) -> tuple[WheelIndex, Source]:
    data = read(path)
    return parse(data, path), Source(path=path, kind=kind, size_bytes=len(data))


def whole(index: WheelIndex) -> WheelIndex:
    """The index with every table decoded, as msgspec can write it.

    Raises:
        WheelIndexError: a wrong value in a table that nobody had looked at.
    """
    decoded: WheelIndex = msgspec.structs.replace(index, **{table: tuple(getattr(index, table)) for table in LATE})
    return decoded


def dump(index: WheelIndex) -> bytes:
    """The index as JSON, one record a line in the large tables: differences can be read."""
    fields = msgspec.to_builtins(whole(index))
    lines = []
    for name, value in fields.items():
        if isinstance(value, list) and value and name != "doubts":
            rows = ",\n".join(msgspec.json.encode(row).decode() for row in value)
            lines.append(f'"{name}": [\n{rows}\n]')
        else:
            lines.append(f'"{name}": {msgspec.json.encode(value).decode()}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def save(index: WheelIndex, path: "pathlib.Path") -> None:
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
        os.replace(temporary, path)  # noqa: PTH105
    except OSError as problem:
        if temporary:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
        raise WheelIndexError(
            f"{path} cannot be written: {problem.strerror}.", hint="Free some room, or set XDG_CACHE_HOME."
        ) from None
    _find.cache_clear()
