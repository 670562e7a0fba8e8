"""Carries a Plan out as a transaction: keep the old, run the installer, prove the new, or put the old back."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ptsetup import run
from ptsetup.errors import InstallFailed
from ptsetup.facts import Snapshot
from ptsetup.install import journal, refusals, transaction
from ptsetup.install.already import family_needs, folders, marker_environment, project
from ptsetup.install.records import Outcome, Step
from ptsetup.install.settings import Settings, arguments, asks_default_index, environment, out_of_sight
from ptsetup.plan import Plan

Log = Callable[[str], None]

Prover = Callable[[Plan], tuple[str, ...]]
"""Proves an installation; returns what is wrong with it, () when all is right."""


@dataclass
class Work:
    """One installation in progress."""

    plan: Plan
    snapshot: Snapshot
    settings: Settings
    log: Log
    steps: list[Step] = field(default_factory=list)

    def done(self, name: str, started: float, detail: str = "") -> None:
        """Note a finished step and tell it."""
        self._note(name, detail, time.monotonic() - started)

    def back(self, detail: str, seconds: float) -> None:
        """Note that the old state is back and tell it."""
        self._note("rolled back", detail, seconds)

    def _note(self, name: str, detail: str, seconds: float) -> None:
        self.steps.append(Step(name=name, detail=detail, seconds=seconds))
        self.log(f"{name:<11} {detail:<56} {seconds:5.1f} s")


def carry_out(plan: Plan, snapshot: Snapshot, settings: Settings, log: Log, prove: Prover | None) -> Outcome:
    """Install what the Plan says and prove it; on any failure the environment is as it was before.

    Raises:
        InstallFailed: refused, the installer stopped, or the result did not prove right (the old state is back).
        KeyboardInterrupt: interrupted; the old state is back.
    """
    target = snapshot.target
    if target is None or target.purelib is None or target.prefix is None:
        raise InstallFailed("The target interpreter is not known.", hint="Name it with --python.")
    refusals.check(snapshot, plan)
    work = Work(plan, snapshot, settings, log)
    with refusals.lock(target.prefix), contextlib.ExitStack() as stack:
        for site in folders(target):
            stack.enter_context(transaction.over(site, work.back))
        _install(work)
        _look(work)
        problems = _prove(work, prove)
        if problems:
            raise InstallFailed(
                f"torch {plan.name} was installed but did not prove right, and the old state is back: {problems[0]}",
                hint="Run ptsetup doctor for the cause; ptsetup install --no-prove keeps it all the same.",
            )
    words = "runs" if prove else "is installed (not proved: --no-prove)"
    return Outcome(
        is_done=True,
        is_changed=True,
        is_proved=prove is not None,
        headline=f"Done: torch {plan.name} {words}.",
        plan=plan,
        steps=tuple(work.steps),
    )


def _install(work: Work) -> None:
    started = time.monotonic()
    for command in work.plan.commands:
        is_family = not {"--isolated", "--no-config"}.isdisjoint(command)
        _command(work, command, is_family=is_family)
        for extra in _closure(work, command) if is_family else ():
            _command(work, extra, is_family=True)
    work.done("installed", started, f"torch {work.plan.name} and what it needs; the old is kept until the proof")


def _look(work: Work) -> None:
    """An installer that ended well may have done its work elsewhere (a wrapper, a setting of a kind that is not known to us)."""
    sites = folders(work.snapshot.target) if work.snapshot.target else ()
    there = {project(name) for site in sites for name in journal.dist_infos(site)}
    lacking = [requirement.name for requirement in work.plan.requirements if requirement.name not in there]
    if lacking:
        raise InstallFailed(
            f"The installer ended well, but {lacking[0]} is not in {sites[0]}. The old state is back.",
            hint="Its words above name the folder that it wrote to; ptsetup doctor looks at the settings of pip and uv.",
        )


def _closure(work: Work, first: Sequence[str]) -> list[tuple[str, ...]]:
    """More packages of the family that those just installed require (triton-rocm): they come from the same index, too."""
    target = work.snapshot.target
    if target is None or target.purelib is None or "--no-deps" not in first:
        return []
    needs = family_needs(folders(target), marker_environment(work.snapshot))
    if not needs:
        return []
    head = first[: first.index("--no-deps")]
    source = [
        word
        for word in first[len(head) :]
        if word.partition("==")[0].partition("[")[0] not in {r.name for r in work.plan.requirements}
    ]
    return [(*head, *source, *needs)]


def _command(work: Work, command: Sequence[str], *, is_family: bool) -> None:
    is_uv = command[0] == "uv"
    program = (uv_program(),) if is_uv else (command[0],)
    position = command.index("install") + 1
    is_default = asks_default_index(command)
    argv = [
        *program,
        *command[1:position],
        *arguments(work.settings, is_uv=is_uv, is_family=is_family, is_default=is_default),
        # pip would not look at the user's index in the variables; ours hold nothing else that --isolated keeps out
        *(word for word in command[position:] if not (is_default and word == "--isolated")),
    ]
    argv, secret = out_of_sight(argv, is_uv=is_uv)
    code = run.stream(argv, env={**environment(work.settings, os.environ, is_default=is_default), **secret})
    if code == 0:
        return
    if code == 127:
        raise InstallFailed(
            f"{program[0]} could not be started.", hint="Install uv (pip install uv), or use --installer pip."
        )
    what = "torch" if is_family else "the dependencies from your default index"
    raise InstallFailed(
        f"The installer stopped with exit code {code} while it fetched {what}; its own words stand above. The old state is back.",
        hint="Repeat with --dry-run to see the exact commands; ptsetup doctor explains most messages of pip and uv.",
    )


def uv_program() -> str:
    """The uv that came with ptsetup, else the one on PATH.

    Raises:
        InstallFailed: there is none.
    """
    beside = os.path.join(os.path.dirname(sys.executable), "uv.exe" if os.name == "nt" else "uv")  # noqa: PTH118, PTH120 - no symlink is resolved
    found = beside if os.path.isfile(beside) else shutil.which("uv")  # noqa: PTH113
    if found is None:
        try:
            import uv
        except ImportError:
            raise InstallFailed(
                "uv was not found.", hint="Install it (pip install uv), or use --installer pip."
            ) from None
        found = str(uv.find_uv_bin())
    return found


def _prove(work: Work, prove: Prover | None) -> tuple[str, ...]:
    if prove is None:
        return ()
    started = time.monotonic()
    problems = prove(work.plan)
    work.done(
        "proved", started, "wrong: " + problems[0] if problems else "version, build, devices and the quick checks"
    )
    return problems
