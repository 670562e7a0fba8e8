"""Snapshot to JSON and back, and with names, addresses and ids masked for sharing."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ptsetup.errors import NoSnapshot, SnapshotError
from ptsetup.facts import Record, Snapshot, to_json

SharedT = TypeVar("SharedT", bound=Record)


def dump(snapshot: Snapshot) -> bytes:
    """The Snapshot as indented JSON, one document, UTF-8, with a final newline."""
    return to_json(snapshot)


def load(data: bytes) -> Snapshot:
    """Read a Snapshot back, or the one in a doctor's JSON.

    Raises:
        NoSnapshot: a text, or a JSON document of another kind, which the message names.
        SnapshotError: damaged, a field of the wrong type (its path is named), or an unknown schema.
    """
    from ptsetup.replay import documents

    try:
        text = documents.utf8(data).decode()
    except UnicodeDecodeError as problem:
        raise SnapshotError(f"This Snapshot is damaged: {problem}.", hint=documents.TAKE) from None
    document = documents.parse(text)
    if document is None:
        what = "a text" if text.strip() else "an empty file"
        raise NoSnapshot(f"This is {what}, not a Snapshot.", hint=documents.TAKE)
    return documents.snapshot_in(document, wanted="a Snapshot", way_out=documents.TAKE)


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
