"""Tables of wheels_index.json that most commands never look at: kept as JSON text until someone does."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar, overload

import msgspec

from ptsetup.errors import WheelIndexError

Row = TypeVar("Row", bound=msgspec.Struct)

WAY_OUT = "Use the shipped index: leave out --index, or run ptsetup index update."


class Rows(Sequence[Row], Generic[Row]):
    """A table that is decoded when it is first looked at. It compares and reads like a tuple.

    Every access may raise WheelIndexError: a wrong value in the table is found only then, and named by its path.
    """

    __slots__ = ("_name", "_raw", "_rows", "_table", "_type")

    def __init__(self, raw: bytes | msgspec.Raw, row_type: type[Row], *, table: str, name: str) -> None:
        """``table`` is its key in the file, ``name`` what messages call the file."""
        self._raw = bytes(raw)
        self._type = row_type
        self._table = table
        self._name = name
        self._rows: tuple[Row, ...] | None = None

    def all(self) -> tuple[Row, ...]:
        """Every row.

        Raises:
            WheelIndexError: a wrong value.
        """
        trouble = self.trouble()
        if self._rows is None:
            raise WheelIndexError(f"{self._name} has a wrong value: {trouble}.", hint=WAY_OUT)
        return self._rows

    def trouble(self) -> str | None:
        """What is wrong in the table, with its path; None when every row can be read."""
        if self._rows is None:
            try:
                self._rows = msgspec.json.decode(self._raw, type=tuple[self._type, ...])  # type: ignore[name-defined]
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                what, _, where = str(problem).partition(" - at `$")
                return f"{self._table}{where.rstrip('`')}: {what}"
        return None

    def beginning_with(self, first: str, second: str) -> tuple[Row, ...]:
        """Rows written as arrays whose first two texts are these; found in the text, without decoding the table.

        Raises:
            WheelIndexError: a wrong value.
        """
        found = None if self._rows is not None else _parts(self._raw, first, second)
        if found is not None:
            # a bracket inside a text, or a wrong value: the whole table tells
            with contextlib.suppress(msgspec.DecodeError):
                return tuple(msgspec.json.decode(part, type=self._type) for part in found)
        return tuple(row for row in self.all() if msgspec.structs.astuple(row)[:2] == (first, second))

    def __len__(self) -> int:
        return len(self.all())

    def __iter__(self) -> Iterator[Row]:
        return iter(self.all())

    @overload
    def __getitem__(self, position: int) -> Row: ...
    @overload
    def __getitem__(self, position: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, position: int | slice) -> Row | tuple[Row, ...]:
        return self.all()[position]

    def __mul__(self, times: int) -> tuple[Row, ...]:
        return self.all() * times

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self.all())


def _parts(raw: bytes, first: str, second: str) -> list[bytes] | None:
    """The JSON text of each such row; None when the text has escapes, so that a value can be written in several ways."""
    if b"\\" in raw:
        return None
    token = f'"{second}"'.encode()
    head = re.compile(rb'\[\s*"' + re.escape(first.encode()) + rb'"\s*,\s*')
    parts = []
    position = raw.find(token)
    while position >= 0:
        start = raw.rfind(b"[", 0, position)
        end = raw.find(b"]", position)
        if start >= 0 and end >= 0 and head.fullmatch(raw, start, position):
            parts.append(raw[start : end + 1])
        position = raw.find(token, position + len(token))
    return parts
