"""``ptsetup doctor --fix``: carry out what is safe, look again, and say what changed."""

import contextlib
import os
import pathlib
import time
from typing import Any

from ptsetup.commands import _remedies, doctor
from ptsetup.errors import InstallFailed
from ptsetup.facts import Snapshot
from ptsetup.install import carry, refusals, transaction
from ptsetup.install.already import folders
from ptsetup.render.doctor import Report
from ptsetup.render.machine import lines_to_copy
from ptsetup.rules import Fix, Ranked
from ptsetup.terminal import Terminal

FORBIDDEN = frozenset(
    {"sudo", "su", "doas", "pkexec", "apt", "apt-get", "dnf", "yum", "zypper", "pacman", "modprobe", "rmmod"}
)
"""Programs that are never run, whatever a rule says: they change the system, not an environment."""

INSTALLS = frozenset({"pip", "uv"})


def mend(told: Report, options: dict[str, Any], terminal: Terminal) -> Report:
    """Carry out the fixes that ptsetup may carry out; returns the report of the second look (the first one where nothing was done).

    Raises:
        InstallFailed: a command failed; the environment is as it was before it.
    """
    # JSON is one document: that of the last look
    is_document = options["form"] == "json"
    if not is_document:
        doctor.show(told, options, terminal)
    after = _mend(told, options, terminal)
    if is_document or after is not told:
        doctor.show(after, options, terminal)
    if after is not told:
        terminal.log(changes(told, after))
    return after


def _mend(told: Report, options: dict[str, Any], terminal: Terminal) -> Report:
    chosen = choose(told)
    if not chosen:
        terminal.log("Nothing here is for ptsetup to change by itself: the fixes are for you to decide on.")
        return told
    terminal.log("To be done:")
    for finding, fix in chosen:
        terminal.log(f"  {finding.code} {fix.text}")
        for command in fix.commands:
            terminal.log(f"      {lines_to_copy(Fix(text='', commands=(command,)))[0]}")
    if options["dry_run"]:
        terminal.log("Nothing was changed (--dry-run).")
        return told
    if not _is_agreed(options, terminal):
        terminal.log("Nothing was changed.")
        return told
    copy = keep_freeze(told.snapshot)
    if copy:
        terminal.log(f"What is installed now is written down in {copy}.")
    for _, fix in chosen:
        _carry_out(fix, told.snapshot, options, terminal)
    terminal.log("Looking again.")
    after: Report = doctor.examine(options, terminal)
    return after


def _is_agreed(options: dict[str, Any], terminal: Terminal) -> bool:
    if options["is_yes"]:
        return True
    if not terminal.is_interactive:
        terminal.log("Without a terminal nobody can be asked: add --yes.")
        return False
    return terminal.ask("Go on?")


def choose(told: Report) -> list[tuple[Ranked, Fix]]:
    """The first fix of each cause that may be carried out here, each thing once."""
    target = told.snapshot.target
    is_environment = bool(target and (target.is_venv or target.is_conda))
    chosen: list[tuple[Ranked, Fix]] = []
    for finding in told.findings:
        if finding.severity == "note" or finding.consequence_of is not None:
            continue
        fix = next((f for f in finding.fixes if is_allowed(f, is_environment=is_environment)), None)
        if fix is not None and all(fix.commands != other.commands for _, other in chosen):
            chosen.append((finding, fix))
    return chosen


def is_allowed(fix: Fix, *, is_environment: bool) -> bool:
    """``safe``, or ``venv`` inside an environment; on this machine; by argument vectors; by no program of the system."""
    if fix.kind not in ("safe", "venv") or fix.where != "here" or not fix.commands:
        return False
    is_harmless = all(pathlib.PurePath(command[0]).name not in FORBIDDEN for command in fix.commands)
    return is_harmless and (fix.kind == "safe" or is_environment)


def keep_freeze(snapshot: Snapshot) -> str | None:
    """Write the versions of everything that is installed into the environment's folder; its path, None when that is not possible."""
    from ptsetup import run
    from ptsetup.probes import environ

    target = snapshot.target
    if target is None or not target.executable or not target.prefix:
        return None
    done = run.run([target.executable, "-m", "pip", "freeze", "--all"], deadline_s=60)
    if not done.is_ok:
        done = run.run([carry.uv_program(), "pip", "freeze", "--python", target.executable], deadline_s=60)
    if not done.is_ok or not done.stdout:
        return None
    path = pathlib.Path(target.prefix) / time.strftime("ptsetup-freeze-%Y%m%dT%H%M%SZ.txt", time.gmtime())
    # an editable project is named by the address of its repository, which may hold a token
    lines = [environ.harmless(line) for line in done.stdout.splitlines()]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError:
        return None
    return str(path)


def _carry_out(fix: Fix, snapshot: Snapshot, options: dict[str, Any], terminal: Terminal) -> None:
    if fix.needs_plan:
        _install(fix, snapshot, options, terminal)
        return
    target = snapshot.target
    is_install = any(INSTALLS & {pathlib.PurePath(word).name for word in command[:3]} for command in fix.commands)
    if target is None or not target.purelib or not is_install:
        _run_all(fix, terminal)
        return

    def told(detail: str, _: float) -> None:
        terminal.log(f"Rolled back: {detail}.")

    with refusals.lock(target.prefix or target.purelib), contextlib.ExitStack() as stack:
        for site in folders(target):
            stack.enter_context(transaction.over(site, told))
        _run_all(fix, terminal)


def _run_all(fix: Fix, terminal: Terminal) -> None:
    """Run the commands one by one and stop at the first that fails."""
    from ptsetup import run

    for command in fix.commands:
        argv = (carry.uv_program(), *command[1:]) if command[0] == "uv" else command
        terminal.log(f"+ {lines_to_copy(Fix(text='', commands=(command,)))[0]}")
        code = run.stream(argv, env={**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
        if code != 0:
            raise InstallFailed(
                f"{command[0]} stopped with exit code {code}; its own words stand above. What it installed was taken back.",
                hint="Run ptsetup doctor again for the state of things.",
            )


def _install(fix: Fix, snapshot: Snapshot, options: dict[str, Any], terminal: Terminal) -> None:
    """Another build: through the installer's transaction, proved."""
    from ptsetup import index, install
    from ptsetup.install.proof import prover
    from ptsetup.plan import Request
    from ptsetup.probes import pip_settings

    wheels = index.load(options["index_file"])
    target = snapshot.target
    # the Snapshot's have no passwords
    told = pip_settings.read(target.executable) if target and target.executable else None
    settings = install.Settings.of(told or (target.pip if target else None))
    request = Request(packages=_remedies.packages_of(fix, snapshot), backend=fix.needs_backend or "auto")
    plan = install.prepare(snapshot, request, wheels, settings, terminal.log)
    if plan.outcome != "install":
        raise InstallFailed(plan.headline, hint="ptsetup plan shows the ways out.")
    prove = prover((target.executable if target else None) or "python", terminal.progress)
    terminal.log(install.carry_out(plan, snapshot, settings, terminal.log, prove).headline)


def changes(before: Report, after: Report) -> str:
    """What the second look says in comparison with the first."""
    then = {f.code for f in before.findings if f.severity != "note"}
    now = {f.code for f in after.findings if f.severity != "note"}
    parts = [
        f"gone: {', '.join(sorted(then - now))}" if then - now else "",
        f"still there: {', '.join(sorted(then & now))}" if then & now else "",
        f"new: {', '.join(sorted(now - then))}" if now - then else "",
    ]
    return (
        f"Changed: {'; '.join(part for part in parts if part)}." if then | now else "Nothing was wrong before or after."
    )
