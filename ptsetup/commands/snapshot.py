"""``ptsetup snapshot``: what is true of this machine and of one interpreter in it, as JSON."""

from typing import Any

import click

from ptsetup.commands import _options, _output
from ptsetup.commands._deadlines import timeout_scale
from ptsetup.terminal import Terminal


@click.command()
@_options.python("to look at")
@click.option("--share", is_flag=True, help="Mask user and host names, home folders, addresses, ids and serials.")
@_options.output("Write it there, whole or not at all.")
@click.option("--schema", "is_schema", is_flag=True, help="Print the JSON Schema of a Snapshot and look at nothing.")
@click.option("--no-import", is_flag=True, help="Never import torch: much faster.")
@click.option(
    "--deep", is_flag=True, help="Also hash torch's files, import companions, test each device, sample clocks: minutes."
)
@click.option(
    "--online", is_flag=True, help="Also ask the network: how wrong the clock is, whether MASTER_ADDR answers."
)
@timeout_scale
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Print what is true of this machine as JSON: hardware, driver, interpreter, torch. doctor and plan read it with --from."""
    terminal: Terminal = ctx.obj
    _check(options)
    snapshot = None if options["is_schema"] else take(options, terminal)
    from ptsetup import replay

    if snapshot is None:
        _give(replay.schema(), options, terminal)
        return
    _give(replay.dump(replay.redact(snapshot) if options["share"] else snapshot), options, terminal)


def _check(options: dict[str, Any]) -> None:
    """Refuse what cannot end well before minutes are spent.

    Raises:
        RequestError: options that contradict each other.
        PtsetupError: the file of ``--output`` cannot be.
    """
    from ptsetup.errors import RequestError

    if options["no_import"] and options["deep"]:
        raise RequestError("--deep imports torch and --no-import forbids it.", hint="Give one of them.")
    _output.check(options["output"])


def take(options: dict[str, Any], terminal: Terminal) -> Any:
    """Take the Snapshot; the target that was chosen is said on stderr, the progress only on a terminal."""
    from ptsetup import probes

    snapshot = probes.take(
        options["python"],
        deadline_scale=options["timeout_scale"],
        with_torch=not options["no_import"],
        is_deep=options["deep"],
        is_online=options["online"],
        progress=terminal.progress,
    )
    target = snapshot.target
    if target is not None:
        how = {"--python": "as asked", "own": "no environment is active; the one that runs ptsetup"}
        terminal.log(f"Target: {target.executable} ({how.get(target.chosen_by or '', target.chosen_by)})")
    return snapshot


def _give(data: bytes, options: dict[str, Any], terminal: Terminal) -> None:
    if not options["output"]:
        terminal.result_bytes(data)
        return
    _output.write(options["output"], data)
    terminal.log(f"Written: {options['output']}")
