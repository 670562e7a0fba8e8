"""The base of all records."""

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A frozen, keyword-only record; collections are tuples. Every record repeats the two words, since type checkers ask for it.

    ``None`` always means *unknown* (why, stands in ``Snapshot.unknowns``); an empty tuple means *looked, and
    there is none*.
    """
