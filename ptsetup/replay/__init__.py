"""Snapshot to JSON and back, and with names, addresses and ids masked for sharing."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ptsetup.errors import SnapshotError
from ptsetup.facts import SCHEMA, Record, Snapshot, to_json

SharedT = TypeVar("SharedT", bound=Record)


def dump(snapshot: Snapshot) -> bytes:
    """The Snapshot as indented JSON, one document, UTF-8, with a final newline."""
    return to_json(snapshot)


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
