"""Documents that ptsetup itself wrote: a Snapshot, or a doctor's JSON with one inside."""

import msgspec

from ptsetup.errors import SnapshotError
from ptsetup.facts import SCHEMA, Snapshot


def read(text: str) -> Snapshot | None:
    """The Snapshot in a JSON document of ours; None when the text is something else.

    Raises:
        SnapshotError: it is one of ours, but of another schema or with a wrong value.
    """
    if text.lstrip()[:1] != "{":
        return None
    try:
        document = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None
    inner = document.get("snapshot", document)
    if not isinstance(inner, dict):
        return None
    is_ours = {"schema", "origin"} <= inner.keys() or document.keys() == {"schema"}
    if not is_ours:
        return None
    if inner["schema"] != SCHEMA:
        raise SnapshotError(
            f"This Snapshot has schema {inner['schema']!r}; this ptsetup reads schema {SCHEMA}.",
            hint="Take it again with this version of ptsetup, or use the version that wrote it.",
        )
    try:
        return msgspec.convert(inner, type=Snapshot)
    except (msgspec.ValidationError, RecursionError) as problem:
        raise SnapshotError(
            f"This Snapshot has a wrong value: {problem}.", hint="Take it again: ptsetup snapshot"
        ) from None
