"""What a probe brings back."""

from typing import Any

from ptsetup.facts import Message, Record, Unknown


class Found(Record, frozen=True, kw_only=True):
    """The outcome of one probe."""

    record: Any = None
    """The section of the Snapshot, or None."""
    status: str = "found"
    """``found``, ``absent`` (looked, and there is none), ``failed`` (could not look), ``timeout``, ``skipped``."""
    detail: str | None = None
    """One sentence on why it is not ``found``."""
    unknowns: tuple[Unknown, ...] = ()
    messages: tuple[Message, ...] = ()
    seconds: float = 0.0
