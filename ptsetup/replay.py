"""Snapshot to JSON and back."""

import msgspec

from ptsetup.errors import SnapshotError
from ptsetup.facts import SCHEMA, Snapshot


def dump(snapshot: Snapshot) -> bytes:
    """The Snapshot as indented JSON, one document, UTF-8, with a final newline."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=2) + b"\n"


def load(data: bytes) -> Snapshot:
    """Read a Snapshot back.

    Raises:
        SnapshotError: not JSON, a field of the wrong type (its path is named), or an unknown schema.
    """
    try:
        head = msgspec.json.decode(data, type=dict)
    except msgspec.DecodeError as problem:
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
    except msgspec.ValidationError as problem:
        raise SnapshotError(
            f"This Snapshot has a wrong value: {problem}.", hint="Take it again: ptsetup snapshot"
        ) from None


def schema() -> bytes:
    """The JSON Schema of a Snapshot."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Snapshot)), indent=2) + b"\n"
