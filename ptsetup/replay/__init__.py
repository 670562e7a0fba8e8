"""Snapshot to JSON and back, and with names, addresses and ids masked for sharing."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ptsetup.errors import SnapshotError
from ptsetup.facts import SCHEMA, Record, Snapshot

SharedT = TypeVar("SharedT", bound=Record)


def dump(snapshot: Snapshot) -> bytes:
    """The Snapshot as indented JSON, one document, UTF-8, with a final newline."""
    try:
        data = msgspec.json.encode(snapshot)
    except UnicodeEncodeError:
        # a name from the file system that is no UTF-8 came through: JSON cannot carry it as it is
        data = msgspec.json.encode(carried(msgspec.to_builtins(snapshot)))
    return msgspec.json.format(data, indent=2) + b"\n"


def carried(value: object) -> object:
    """With what JSON cannot carry, names of files that are no UTF-8, in escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [carried(item) for item in value]
    if isinstance(value, dict):
        return {carried(key): carried(item) for key, item in value.items()}
    return value


def load(data: bytes) -> Snapshot:
    """Read a Snapshot back.

    Raises:
        SnapshotError: not JSON, a field of the wrong type (its path is named), or an unknown schema.
    """
    try:
        head = msgspec.json.decode(data, type=dict)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise SnapshotError(
            f"This is no Snapshot: {problem}.", hint="Make one with: ptsetup snapshot --output FILE"
        ) from None
    schema = head.get("schema")
    if schema != SCHEMA:
        raise SnapshotError(
            f"This Snapshot has schema {schema!r}; this ptsetup reads schema {SCHEMA}.",
            hint="Take it again with this version of ptsetup, or use the version that wrote it.",
        )
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise SnapshotError(
            f"This Snapshot has a wrong value: {problem}.", hint="Take it again: ptsetup snapshot"
        ) from None


def schema() -> bytes:
    """The JSON Schema of a Snapshot."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Snapshot)), indent=2) + b"\n"


def redact(snapshot: Snapshot) -> Snapshot:
    """The Snapshot with all that names a person or a machine masked (``--share``)."""
    return shared(snapshot, snapshot)


def shared(record: SharedT, snapshot: Snapshot) -> SharedT:
    """A record (the Snapshot itself, a report on it) with what ``masker`` masks. Keys and numbers stay as they are."""
    from ptsetup.replay import masking

    return masking.shared(record, snapshot)


def masker(snapshot: Snapshot) -> Callable[[str], str]:
    """The function that masks a text of this Snapshot."""
    from ptsetup.replay import masking

    return masking.masker(snapshot)
