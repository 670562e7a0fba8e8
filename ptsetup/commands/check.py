"""``ptsetup check``: the doctor's rules as a CI pre-flight, with annotations and exit codes."""

from typing import Any

import click

from ptsetup.commands import _options, doctor
from ptsetup.terminal import Terminal


@click.command()
@_options.python("to look at")
@click.option(
    "--from",
    "source",
    metavar="FILE|-",
    help="Check a report (collect_env, nvidia-smi, pip list, errors, an issue) or a Snapshot in place of this machine; - is stdin.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "junit", "sarif", "json"]),
    default="text",
    help="How to print it; github: annotations of a workflow, junit and sarif: files for what reads them.",
)
@_options.output("Write the result there; the verdict goes to stderr.")
@click.option(
    "--select",
    multiple=True,
    callback=doctor.codes,
    metavar="CODES",
    help="Only these rules: codes, their beginnings or names (PT502,PT5). Repeatable.",
)
@click.option(
    "--ignore", multiple=True, callback=doctor.codes, metavar="CODES", help="All but these rules. Repeatable."
)
@click.option(
    "--fail-on",
    type=click.Choice([*doctor.THRESHOLDS, "never"]),
    default="error",
    help="End with exit code 1 from this severity on.",
)
@click.option("--expect", type=doctor.DEVICES, help="The device that must work; else inferred and shown.")
@click.option("--no-import", is_flag=True, help="Never import torch: a verdict in a blink.")
@click.option(
    "--deep",
    is_flag=True,
    help="Also hash torch's files, import companions, test each device and copies between GPUs: minutes.",
)
@_options.index_file
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Put doctor's rules to this machine as a CI pre-flight, with annotations.

    Exit codes: 0 well, 1 something found (--fail-on), 2 wrong use, 3 could not work, 4 a bug of ptsetup.
    """
    from ptsetup.commands import _output

    terminal: Terminal = ctx.obj
    _output.check(options["output"])
    options["is_fix"] = False
    doctor.check_sense(options)
    told = doctor.examine(options, terminal)
    if options["form"] in ("text", "json"):
        doctor.show(told, {**options, "verbose": False}, terminal)
    else:
        from ptsetup.render import ci

        if options["form"] == "junit":
            text = ci.as_junit(told, options["fail_on"])
        else:
            text = ci.as_github(told) if options["form"] == "github" else ci.as_sarif(told)
        if options["output"]:
            _output.write(options["output"], text.encode(errors="backslashreplace"))
            terminal.log(told.headline)
        else:
            terminal.result(text)
    ctx.exit(doctor.exit_code(told, options["fail_on"]))
