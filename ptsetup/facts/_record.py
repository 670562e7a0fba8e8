"""The base of all records."""

import sys

if "typing_extensions" not in sys.modules:
    # msgspec can do without it and takes it where torch has brought it along: 6 ms of a verdict's 100, for what typing has too
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    try:
        import msgspec
    finally:
        del sys.modules["typing_extensions"]

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen, keyword-only record; collections are tuples. Every record repeats the two words, since type checkers ask for it.

    ``None`` always means *unknown* (why, stands in ``Snapshot.unknowns``); an empty tuple means *looked, and
    there is none*.
    """


def to_json(record: Record) -> bytes:
    """A record as indented JSON, one document, UTF-8, with a final newline."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:
        # a name from the file system that is no UTF-8 came through: JSON cannot carry it as it is
        data = msgspec.json.encode(_carried(msgspec.to_builtins(record)))
    return msgspec.json.format(data, indent=2) + b"\n"


def _carried(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_carried(item) for item in value]
    if isinstance(value, dict):
        return {_carried(key): _carried(item) for key, item in value.items()}
    return value
