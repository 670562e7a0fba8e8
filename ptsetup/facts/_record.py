"""The base of all records."""

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen, keyword-only record; collections are tuples.

    ``None`` always means *unknown* (why, stands in ``Snapshot.unknowns``); an empty tuple means *looked, and
    there is none*.
    """
