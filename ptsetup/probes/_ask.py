"""Asks another interpreter with a script of ``inside``: what it tells stage by stage comes back, however the child ends."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ptsetup import run
from ptsetup.facts import Record, Unknown
from ptsetup.probes.begin import Question

AnyRecord = TypeVar("AnyRecord", bound=Record)

TAIL = 4000
"""Characters of stderr that are kept."""


class Asked(Record, frozen=True, kw_only=True):
    """What a child told before it ended."""

    facts: dict[str, Any]
    """The facts of all stages, merged."""
    stages: tuple[str, ...]
    """Names of the stages reached, in order."""
    unknowns: tuple[Unknown, ...]
    completed: run.Completed

    @property
    def has_answered(self) -> bool:
        """At least one stage was reached."""
        return bool(self.stages)

    def section(self, name: str) -> dict[str, Any]:
        """The facts told under a name; {} when there are none."""
        return _mapping(self.facts.get(name))

    @property
    def stage(self) -> str | None:
        """The last stage that was reached."""
        return self.stages[-1] if self.stages else None

    @property
    def problem(self) -> str | None:
        """One clause on how it went wrong; None when the child ended as it should."""
        done, after = self.completed, f" (last stage: {self.stage})" if self.stage else ""
        if done.ending == "timeout":
            return f"gave no answer within {done.seconds:.0f} s{after}" + (
                " and could not be ended" if done.is_left_behind else ""
            )
        if done.ending == "flooded":
            return f"wrote without end{after} and was ended"
        if done.ending == "missing":
            return f"could not be started: {done.stderr}"
        if done.signal is not None:
            return f"died of signal {done.signal}{after}"
        if done.exit_code:
            return f"ended with exit code {done.exit_code}{after}"
        return None if self.stages else "ended without an answer"

    @property
    def stderr_tail(self) -> str | None:
        """The end of what it printed."""
        return self.completed.stderr[-TAIL:].strip() or None


def ask(
    python: str,
    script: str,
    options: Mapping[str, Any],
    *,
    deadline_s: float,
    flags: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> Asked:
    """Run a script of ``inside`` to its end or its deadline."""
    return finish(Question(python, script, options, deadline_s=deadline_s, flags=flags, env=env))


def finish(question: Question) -> Asked:
    """Wait for the end of a child, or its deadline, and read what it told."""
    return understand(question.wait(), question.begin, question.end)


def understand(completed: run.Completed, begin: str, end: str) -> Asked:
    """The stages between the marks; noise around them, and a line that was cut short, are passed over."""
    facts: dict[str, Any] = {}
    stages: list[str] = []
    unknowns: list[Unknown] = []
    for piece in completed.stdout.split(begin)[1:]:
        text, mark, _ = piece.partition(end)
        told = _decoded(text) if mark else None
        if told is None:
            continue
        stages.append(str(told.get("stage")))
        _merge(facts, _mapping(told.get("facts")))
        rows = told.get("unknowns")
        unknowns += [reason for row in rows if (reason := _unknown(row))] if isinstance(rows, list) else []
    return Asked(facts=facts, stages=tuple(stages), unknowns=tuple(unknowns), completed=completed)


def record(kind: type[AnyRecord], facts: Mapping[str, Any], path: str) -> tuple[AnyRecord, tuple[Unknown, ...]]:
    """The facts as a record; a field of the wrong type is left out, with the reason, and costs no other."""
    try:
        return msgspec.convert(dict(facts), kind), ()
    except msgspec.ValidationError:
        pass
    kept, unknowns = {}, []
    for field in msgspec.structs.fields(kind):
        if field.name not in facts:
            continue
        try:
            kept[field.name] = msgspec.convert(facts[field.name], field.type)
        except msgspec.ValidationError as problem:
            unknowns.append(Unknown(path=f"{path}.{field.name}", reason="failed", detail=f"Not understood: {problem}"))
    return kind(**kept), tuple(unknowns)


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _mapping(value: Any) -> dict[str, Any]:
    """What should be a dictionary; {} when a child told something else."""
    return value if isinstance(value, dict) else {}


def _merge(into: dict[str, Any], facts: Mapping[str, Any]) -> None:
    """Later stages add to the dictionaries of earlier ones."""
    for name, value in facts.items():
        known = into.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            _merge(known, value)
        else:
            into[name] = value


def _unknown(row: Any) -> Unknown | None:
    try:
        return msgspec.convert(row, Unknown)
    except msgspec.ValidationError:
        return None
