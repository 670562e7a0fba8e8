"""JSON documents that people hand to ``--from``: those of ours that hold a Snapshot are read, all others are refused by name."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ptsetup.errors import NoSnapshot, SnapshotError
from ptsetup.facts import SCHEMA, Snapshot

TAKE = "Take one with: ptsetup snapshot --output FILE"

REPORT = (
    "Give a Snapshot (ptsetup snapshot --output FILE), the JSON of ptsetup doctor, or a report as text: collect_env, nvidia-smi, "
    "pip list, the lines of an error."
)

OWN = frozenset(Snapshot.__struct_fields__) - {"schema"}
"""Fields of a Snapshot; one of them beside ``schema`` makes a document one, unless ``KINDS`` knows it better."""

KINDS: tuple[tuple[frozenset[str], str, str], ...] = tuple(
    (frozenset(keys.split()), what, hint)
    for keys, what, hint in (
        ("outcome requirements commands", "a plan (ptsetup plan --format json)", ""),
        ("checks verdict headline", "a report of ptsetup bench", ""),
        ("reveals verdict name", "a report of ptsetup bench", ""),
        ("schema kind runs", "a file of kept runs (ptsetup bench --save)", "ptsetup bench --compare FILE reads it."),
        ("schema pages", "the pages of the rules (ptsetup explain --format json)", ""),
        ("schema guesses lessons", "an answer of ptsetup explain", ""),
        ("releases builds companions", "an index of wheels", "ptsetup plan --index FILE takes it."),
        ("release builds files", "a part of the index of wheels (ptsetup index show)", ""),
        ("$defs $ref", "a JSON Schema", ""),
        (
            "version runs $schema",
            "a SARIF file",
            "Give what it was made from: the JSON of ptsetup doctor, or a Snapshot.",
        ),
        ("nbformat cells", "a notebook", "Give the text of the cell that failed, with its error."),
        ("name version scripts", "a package.json of Node.js", ""),
        ("name version dependencies", "a package.json of Node.js", ""),
    )
)
"""(Keys that a document of that kind has, what it is, what to do with it where that is not what is done with any other)."""

KEYS_TOLD = 4


def utf8(data: bytes) -> bytes:
    """The content of a file as UTF-8 without a byte order mark; PowerShell's ``>`` writes UTF-16."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")


def parse(text: str) -> dict[str, Any] | list[Any] | None:
    """The object or list that a text is from its first letter to its last; None when it is a text of another kind.

    Raises:
        SnapshotError: it begins as a document of ours and is cut short.
    """
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start not in ("{", "[") or not start:
        return None
    try:
        found = msgspec.json.decode(text.lstrip("\ufeff").encode())
    except UnicodeEncodeError:
        return None
    except (msgspec.DecodeError, RecursionError) as problem:
        return _first_line(text, problem)
    return found if isinstance(found, dict | list) else None


def _first_line(text: str, problem: Exception) -> dict[str, Any] | None:
    """Of lines that are a document each, the first where it is one of ours; else it is a text that only begins like JSON.

    Raises:
        SnapshotError: see ``parse``.
    """
    head = text.lstrip("\ufeff \t\r\n")
    try:
        first = msgspec.json.decode(head.partition("\n")[0].encode())
    except (msgspec.DecodeError, RecursionError):
        if head[1:].lstrip().startswith('"schema"'):
            raise SnapshotError(
                f"This JSON document is cut short or damaged: {problem}.",
                hint="Take the Snapshot again: ptsetup snapshot --output FILE",
            ) from None
        return None
    return first if isinstance(first, dict) and _kind(first) else None


def snapshot_in(document: object, *, wanted: str = "a Snapshot or a report", way_out: str = REPORT) -> Snapshot:
    """The Snapshot that a document is or, of a doctor's, holds; ``wanted`` and ``way_out`` are for the message.

    Raises:
        NoSnapshot: it is something else, which the message names.
        SnapshotError: it is one of another schema, or with a wrong value (its path is named).
    """
    found: object = document
    if isinstance(document, dict) and "findings" in document and isinstance(document.get("snapshot"), dict):
        found = document["snapshot"]
    if not isinstance(found, dict) or not _is_snapshot(found):
        kind = _kind(document) if isinstance(document, dict) else None
        hint = kind[1] if kind and kind[1] else way_out
        raise NoSnapshot(f"This is {named(document)}, not {wanted}.", hint=hint)
    if found["schema"] != SCHEMA:
        raise SnapshotError(
            f"This Snapshot has schema {found['schema']!r}; this ptsetup reads schema {SCHEMA}.",
            hint="Take it again with this version of ptsetup, or use the version that wrote it.",
        )
    try:
        return msgspec.convert(found, type=Snapshot)
    except (msgspec.ValidationError, RecursionError) as problem:
        raise SnapshotError(
            f"This Snapshot has a wrong value: {problem}.", hint="Take it again: ptsetup snapshot"
        ) from None


def _is_snapshot(document: Mapping[str, Any]) -> bool:
    return "schema" in document and _kind(document) is None and (len(document) == 1 or bool(OWN & document.keys()))


def _kind(document: Mapping[str, Any]) -> tuple[str, str] | None:
    """(What it is, what to do with it or nothing) of a document that is known and is no Snapshot."""
    return next(((what, hint) for keys, what, hint in KINDS if keys <= document.keys()), None)


def named(document: object) -> str:
    """What a document is, as the end of a sentence."""
    if isinstance(document, list):
        return (
            f"a JSON list of {len(document)} item{'' if len(document) == 1 else 's'}"
            if document
            else "an empty JSON list"
        )
    if not isinstance(document, dict) or not document:
        return "an empty JSON document"
    kind = _kind(document)
    if kind is not None:
        return kind[0]
    shown = ", ".join(str(key)[:30] for key in list(document)[:KEYS_TOLD])
    rest = len(document) - KEYS_TOLD
    return f"a JSON document of another kind, with {shown}{f' and {rest} more' if rest > 0 else ''} in it"
