"""The Snapshot: everything known about one machine and one target interpreter at one moment."""

from typing import Any, TypeVar

import msgspec

from ptsetup.facts._record import Record
from ptsetup.facts.accelerators import Amd, Apple, Intel
from ptsetup.facts.host import Host
from ptsetup.facts.nvidia import Nvidia
from ptsetup.facts.target import Target
from ptsetup.facts.torch import Torch

AnyRecord = TypeVar("AnyRecord", bound=Record)

SCHEMA = 1
"""Raised when a field is renamed or retyped; a new field with a default does not raise it."""


class Unknown(Record, frozen=True, kw_only=True):
    """Why a fact is not known."""

    path: str
    """The fact, ``host.libc`` or ``nvidia.gpus[0].temperature_c``."""
    reason: str
    """``absent`` (looked, and it is not there), ``denied``, ``timeout``, ``unsupported``, ``failed``, ``not_asked``
    (an option left it out), ``not_shown`` (a report does not show it)."""
    detail: str | None = None


class Reading(Record, frozen=True, kw_only=True):
    """How one probe went."""

    probe: str
    status: str
    """``found``, ``absent``, ``failed``, ``timeout``, ``skipped``."""
    seconds: float = 0.0
    detail: str | None = None


class Message(Record, frozen=True, kw_only=True):
    """A line of somebody's output that says what went wrong."""

    text: str
    line: int | None = None
    """Line number in the report, from 1."""
    source: str = "report"
    """``report``, ``torch import``, ``nvidia-smi`` ..."""


class Snapshot(Record, frozen=True, kw_only=True):
    """One machine and one target interpreter."""

    schema: int = SCHEMA
    taken_at: str | None = None
    """UTC, ISO 8601; of a report, the date on which it was made, where it can be told."""
    ptsetup_version: str | None = None
    origin: str = "probe"
    """``probe``, ``described`` (options of plan), ``report`` (read from text)."""
    host: Host | None = None
    nvidia: Nvidia | None = None
    amd: Amd | None = None
    intel: Intel | None = None
    apple: Apple | None = None
    target: Target | None = None
    torch: Torch | None = None
    env: dict[str, str] | None = None
    """Variables of an allow-list that are set; None when nobody looked."""
    messages: tuple[Message, ...] = ()
    """Errors and warnings that a report or a probe shows."""
    unknowns: tuple[Unknown, ...] = ()
    readings: tuple[Reading, ...] = ()
    sources: dict[str, str] = {}
    """Of a report: path of a fact -> where it stands in the text, ``report line 12``."""

    @property
    def has_facts(self) -> bool:
        """Something is told of the machine or its interpreter; fields that stand at their defaults tell nothing."""
        sections = (self.host, self.nvidia, self.amd, self.intel, self.apple, self.target, self.torch)
        return bool(self.env or self.messages) or any(section is not None and _tells(section) for section in sections)

    def why_unknown(self, path: str) -> Unknown | None:
        """Why the fact at ``path`` (or a section above it) is None; None when no reason is recorded."""
        by_path = {unknown.path: unknown for unknown in self.unknowns}
        while path:
            if path in by_path:
                return by_path[path]
            path = path.rpartition(".")[0]
        return None


def _tells(section: Record) -> bool:
    return any(
        field.required or getattr(section, field.name) not in (field.default, (), {})
        for field in msgspec.structs.fields(type(section))
    )


def replace(record: AnyRecord, /, **changes: Any) -> AnyRecord:
    """A copy of a record with some fields changed."""
    return msgspec.structs.replace(record, **changes)
