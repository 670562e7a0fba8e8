"""The target interpreter and what is installed in it, read by a script that runs in it and imports nothing of it."""

import re
from collections.abc import Mapping
from typing import Any

from ptsetup.errors import TargetError
from ptsetup.facts import Target, Unknown, replace
from ptsetup.probes import _ask, caches, choose, cut_off, installers, interpreters
from ptsetup.probes._found import Found
from ptsetup.probes.begin import Question


def finish(question: Question, choice: choose.Choice) -> Found:
    """Wait for it and make the section of what it told.

    Raises:
        TargetError: the interpreter gave no answer at all.
    """
    return found(_ask.finish(question), choice)


def around(target: Target, env: Mapping[str, str]) -> Found:
    """What is found around the target: other interpreters, installers at work or cut off, the model caches.

    The record is a Target that holds these four facts only; ``with_surroundings`` joins the two.
    """
    unknowns: list[Unknown] = []
    record = Target(
        other_interpreters=interpreters.with_torch(target, env),
        running_installs=installers.running(target, env, unknowns),
        cut_off_installs=cut_off.sites(target),
        hf_cache_problem=caches.problem(env),
    )
    return Found(record=record, unknowns=tuple(unknowns))


def with_surroundings(target: Target, surroundings: Target) -> Target:
    """The target with what ``around`` found."""
    return replace(
        target,
        other_interpreters=surroundings.other_interpreters,
        running_installs=surroundings.running_installs,
        cut_off_installs=surroundings.cut_off_installs,
        hf_cache_problem=surroundings.hf_cache_problem,
    )


def _no_answer(asked: _ask.Asked) -> str:
    """Why it is no target, as the end of a sentence: its last words where they are not about what we gave it."""
    done = asked.completed
    if done.ending == "missing":
        return f"is no Python interpreter: {_cannot_start(done.stderr)}."
    said = next(iter((asked.stderr_tail or "").splitlines()[-1:]), "").strip().rstrip(".")[:200]
    # another program takes our script and its arguments for files or options of its own
    is_about_us = "--help" in said or any(word in said for word in done.argv[1:])
    if said and not is_about_us:
        return f"does not answer as a Python interpreter: it {asked.problem}: {said}."
    is_python = done.ending in ("timeout", "flooded") or done.signal is not None
    return f"{'does not answer as a' if is_python else 'is no'} Python interpreter: it {asked.problem}."


def _cannot_start(problem: str) -> str:
    """What the system said, without its number and the path that stands in the sentence already."""
    words = re.sub(r"^\[\w+ \d+\] |: '.*$", "", problem)
    if words == "No such file or directory":
        return "the program that its first line names does not exist"
    return f"the system cannot start it ({words})"


def found(asked: _ask.Asked, choice: choose.Choice) -> Found:
    """The section of what a child told before it ended.

    Raises:
        TargetError: it told nothing: that is no Python interpreter, or none that runs.
    """
    if not asked.has_answered:
        named = choice.executable if choice.chosen_by == "--python" else f"{choice.executable} ({choice.chosen_by})"
        raise TargetError(f"{named} {_no_answer(asked)}", hint=choose.ELSEWHERE)
    facts: dict[str, Any] = dict(asked.section("target"))
    facts["chosen_by"] = choice.chosen_by
    facts.setdefault("executable", choice.executable)
    section, odd = _ask.record(Target, facts, "target")
    problem = asked.problem
    return Found(
        record=section,
        status="found" if problem is None else "timeout" if asked.completed.ending == "timeout" else "failed",
        detail=None if problem is None else f"Reading the target {problem}.",
        unknowns=(*asked.unknowns, *odd),
        seconds=asked.completed.seconds,
    )
