"""``ptsetup check``: the doctor's rules as a CI pre-flight, with annotations and exit codes."""

from typing import Any

import click

from ptsetup.commands import doctor
from ptsetup.terminal import Terminal


@click.command()
@click.option("--python", metavar="PY", help="The interpreter to look at (path or version).")
@click.option("--from", "source", metavar="FILE|-", help="Check a Snapshot or a report in place of this machine.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "github", "junit", "sarif", "json"]),
    default="text",
    help="github: annotations; junit, sarif: for what reads them.",
)
@click.option("--output", metavar="FILE", help="Write the result there.")
@click.option("--select", multiple=True, callback=doctor.codes, metavar="CODES", help="Only these rules.")
@click.option("--ignore", multiple=True, callback=doctor.codes, metavar="CODES", help="All but these rules.")
@click.option(
    "--fail-on",
    type=click.Choice([*doctor.THRESHOLDS, "never"]),
    default="error",
    help="Exit code 1 from this severity on (error).",
)
@click.option("--expect", type=doctor.DEVICES, help="The device that must work; else inferred and shown.")
@click.option("--no-import", is_flag=True, help="Never import torch.")
@click.option("--deep", is_flag=True, help="Also hashes, companions, a device test, copies between GPUs.")
@click.option("--index", "index_file", metavar="FILE", help="Another wheels_index.json.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """CI pre-flight. Exit codes: 0 well, 1 something found, 2 wrong use, 3 could not work, 4 a bug of ptsetup."""
    terminal: Terminal = ctx.obj
    told = doctor.examine({**options, "is_fix": False}, terminal)
    if options["form"] in ("text", "json"):
        doctor.show(told, {**options, "verbose": False}, terminal)
    else:
        from ptsetup.render import ci

        if options["form"] == "junit":
            text = ci.as_junit(told, options["fail_on"])
        else:
            text = ci.as_github(told) if options["form"] == "github" else ci.as_sarif(told)
        if options["output"]:
            from ptsetup.commands import _output

            _output.write(options["output"], text.encode(errors="backslashreplace"))
            terminal.log(told.headline)
        else:
            terminal.result(text)
    ctx.exit(doctor.exit_code(told, options["fail_on"]))
