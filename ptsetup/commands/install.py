"""``ptsetup install``: carry the plan out, and prove it."""

from typing import Any

import click

from ptsetup.commands.plan import check_picks, described_by, request_for, request_options, snapshot_for
from ptsetup.terminal import Terminal


@click.command()
@request_options
@click.option("--dry-run", is_flag=True, help="Show the plan and its commands; change nothing.")
@click.option("--yes", "-y", "is_yes", is_flag=True, help="Do not ask.")
@click.option(
    "--installer",
    type=click.Choice(["auto", "uv", "pip"]),
    default="auto",
    help="The installer: uv (auto), or the target's own pip.",
)
@click.option("--no-prove", is_flag=True, help="Leave out the proof (an image that is built without its GPU).")
@click.pass_context
def command(ctx: click.Context, /, dry_run: bool, is_yes: bool, no_prove: bool, **options: Any) -> None:
    """Install the PyTorch build that works here, and prove it. On any failure the environment is as it was before.

    A machine that is described (--os, --driver and their like, --from) is planned for only: add --dry-run.
    """
    from ptsetup import index, install

    terminal: Terminal = ctx.obj
    wheels = index.load(options["index_file"])
    request = request_for(options)
    snapshot = _with_environment(
        snapshot_for(options, wheels, terminal), options, wheels, terminal, is_sure=is_yes and not dry_run
    )
    check_picks(options, snapshot, wheels)
    is_elsewhere = described_by(options).is_given or bool(options["snapshot_file"])
    if is_elsewhere:
        _refuse_elsewhere(dry_run=dry_run)
    if not dry_run and not is_elsewhere and install.was_cut_off(snapshot):
        snapshot = _recovered(snapshot, options, wheels, terminal)
    settings = install.Settings.of(None if is_elsewhere else _pip_of(snapshot))
    plan = _with_companions(snapshot, request, wheels, settings, terminal, is_elsewhere=is_elsewhere)
    if plan.outcome != "install" or dry_run:
        _show(plan if is_elsewhere else install.as_shown(plan, settings), terminal)
        ctx.exit(0 if plan.outcome == "install" else 3)
    if not is_elsewhere and install.is_there(plan, snapshot):
        install.forget(snapshot)
        for note in plan.warnings:
            terminal.log(note)
        terminal.result(
            f"Nothing to do: torch {plan.name} is installed in {snapshot.target.prefix}, the right build for this machine.\n"
        )
        ctx.exit(0)
    terminal.log(_announcement(plan, snapshot, terminal.width if terminal.is_terminal else 0))
    if terminal.is_interactive and not is_yes and not terminal.ask("Go on?"):
        terminal.log("Nothing was changed.")
        ctx.exit(1)
    ctx.exit(_carry_out(plan, snapshot, settings, terminal, no_prove=no_prove))


def _recovered(snapshot: Any, options: dict[str, Any], wheels: Any, terminal: Terminal) -> Any:
    """The Snapshot after the old state of an installation that was cut off is back; where all is right by now, that is left alone."""
    from ptsetup import install
    from ptsetup.plan import plan

    made = plan(snapshot, request_for(options), wheels)
    if made.outcome == "install" and install.is_there(made, snapshot):
        return snapshot
    install.recover(snapshot, terminal.log)
    return snapshot_for(options, wheels, terminal)


def _with_environment(snapshot: Any, options: dict[str, Any], wheels: Any, terminal: Terminal, *, is_sure: bool) -> Any:
    """A Python that belongs to the system is left alone: offer to install into .venv beside it, and to make that where there is none."""
    target = snapshot.target
    if snapshot.origin != "probe" or target is None or not target.is_externally_managed or options["snapshot_file"]:
        return snapshot
    from ptsetup.install import own

    is_there = own.is_there()
    offer = (
        "Install into the environment .venv that is here"
        if is_there
        else "Make the environment .venv here and install into it"
    )
    question = f"{target.executable} belongs to the operating system. {offer}?"
    if not is_sure and not (terminal.is_interactive and terminal.ask(question)):
        return snapshot
    if not is_there:
        own.make(target.executable)
    terminal.log(f"{'Taken' if is_there else 'Made'} the environment .venv.")
    options["python"] = ".venv"
    return snapshot_for(options, wheels, terminal)


def _with_companions(
    snapshot: Any, request: Any, wheels: Any, settings: Any, terminal: Terminal, *, is_elsewhere: bool
) -> Any:
    """The plan, with what is installed beside torch and would not fit the new one."""
    from ptsetup import install
    from ptsetup.errors import InstallFailed

    wider, note = install.with_companions(snapshot, request, wheels)
    if note:
        terminal.log(note)
    try:
        return _plan(snapshot, wider, wheels, settings, terminal, is_elsewhere=is_elsewhere)
    except InstallFailed:
        if wider == request:
            raise
        made = _plan(snapshot, request, wheels, settings, terminal, is_elsewhere=is_elsewhere)
        terminal.log(
            f"Nothing at hand for {' and '.join(wider.packages[len(request.packages) :])}: it will not fit the new torch."
        )
        return made


def _plan(snapshot: Any, request: Any, wheels: Any, settings: Any, terminal: Terminal, *, is_elsewhere: bool) -> Any:
    from ptsetup import install
    from ptsetup.plan import plan

    made = plan(snapshot, request, wheels)
    # what is right already needs no network at all
    if is_elsewhere or (made.outcome == "install" and install.is_there(made, snapshot)):
        return made
    if made.outcome == "install" and install.is_family_there(made, snapshot):
        return install.only_beside(made)
    return install.prepare(snapshot, request, wheels, settings, terminal.log)


def _refuse_elsewhere(*, dry_run: bool) -> None:
    from ptsetup.errors import RequestError

    if not dry_run:
        raise RequestError(
            "A described machine cannot be installed to.",
            hint="Add --dry-run, or use ptsetup plan --format requirements there.",
        )


def _pip_of(snapshot: Any) -> Any:
    """The settings as they are, with credentials; the Snapshot's have none."""
    from ptsetup.errors import TargetError
    from ptsetup.probes import pip_settings

    target = snapshot.target
    if target is None or target.executable is None:
        raise TargetError(
            "The target interpreter did not tell what is installed in it.", hint="Name one with --python."
        )
    return pip_settings.read(target.executable) or target.pip


def _show(plan: Any, terminal: Terminal) -> None:
    from ptsetup.render import plan as render

    terminal.result(render.as_text(plan, terminal.style, width=terminal.width, is_verbose=False))


def _announcement(plan: Any, snapshot: Any, width: int) -> str:
    """What will be done and why; broken into lines for a terminal (a width of 0: not broken)."""
    target = snapshot.target
    old = target.wheel.version if target.wheel else None
    replaces = f" Replaces torch {old}." if old and {"--reinstall", "--force-reinstall"} & set(plan.commands[0]) else ""
    lines = [
        f"{plan.headline}, into {target.prefix} (Python {target.version}, chosen by {target.chosen_by}).{replaces}"
    ]
    lines += [f"  {reason}" for reason in (*plan.reasons, *plan.warnings)]
    return "\n".join(lines if not width else [part for line in lines for part in _wrapped(line, width)])


def _wrapped(line: str, width: int) -> list[str]:
    import textwrap

    head = "  " if line.startswith("  ") else ""
    return textwrap.wrap(
        line.strip(),
        width,
        initial_indent=head,
        subsequent_indent=f"{head}{head}",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _carry_out(plan: Any, snapshot: Any, settings: Any, terminal: Terminal, *, no_prove: bool) -> int:
    from ptsetup import install
    from ptsetup.install.proof import prover

    prove = None if no_prove else prover(snapshot.target.executable, terminal.progress)
    outcome = install.carry_out(plan, snapshot, settings, terminal.log, prove)
    terminal.result(outcome.headline + "\n")
    return 0
