"""``ptsetup doctor``: say what is wrong with a PyTorch set-up, and the exact fix."""

import time
from typing import Any

import click

from ptsetup.commands import _options
from ptsetup.terminal import Terminal

DEVICES = click.Choice(["cuda", "rocm", "xpu", "mps", "cpu"])
THRESHOLDS = ("error", "warning", "note")
"""Those of render.doctor, which is not loaded for ``--help``."""


def codes(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """``--select PT5,PT401 --select PT7`` as one tuple.

    Raises:
        RequestError: one fits no rule. A slip of the pen must not turn a pre-flight green.
    """
    found = tuple(code.strip() for value in values for code in value.split(",") if code.strip())
    if found:
        from ptsetup import rules
        from ptsetup.errors import RequestError

        for code in found:
            if not any(rule.code.startswith(code.upper()) or rule.slug == code for rule in rules.RULES):
                raise RequestError(
                    f"No rule is meant by {code!r}.", hint="ptsetup explain --all lists their codes and names."
                )
    return found


@click.command()
@_options.python("to look at")
@click.option(
    "--from",
    "source",
    metavar="FILE|-",
    help="Judge a report (collect_env, nvidia-smi, pip list, errors, an issue) or a Snapshot in place of this machine; - is stdin.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", help="How to print it."
)
@_options.output("Write the result there; the verdict goes to stderr.")
@click.option(
    "--select",
    multiple=True,
    callback=codes,
    metavar="CODES",
    help="Only these rules: codes, their beginnings or names (PT502,PT5). Repeatable.",
)
@click.option("--ignore", multiple=True, callback=codes, metavar="CODES", help="All but these rules. Repeatable.")
@click.option(
    "--fail-on",
    type=click.Choice([*THRESHOLDS, "never"]),
    default="error",
    help="End with exit code 1 from this severity on.",
)
@click.option("--expect", type=DEVICES, help="The device that must work; else inferred and shown.")
@click.option("--no-import", is_flag=True, help="Never import torch: a verdict in a blink.")
@click.option(
    "--deep",
    is_flag=True,
    help="Also hash torch's files, import companions, test each device and copies between GPUs: minutes.",
)
@click.option("--fix", "is_fix", is_flag=True, help="Carry out what is safe, after asking once.")
@click.option("--dry-run", is_flag=True, help="With --fix: show the commands, change nothing.")
@click.option("--yes", "-y", "is_yes", is_flag=True, help="With --fix: do not ask.")
@click.option("--share", is_flag=True, help="Mask user and host names, home folders, addresses, ids and serials.")
@click.option("--schema", "is_schema", is_flag=True, help="Print the JSON Schema of --format json and look at nothing.")
@_options.index_file
@click.option("-v", "--verbose", is_flag=True, help="Everything: evidence, what passed, what was skipped and why.")
@click.pass_context
def command(ctx: click.Context, /, is_schema: bool, **options: Any) -> None:
    """Say what is wrong with a PyTorch set-up, and the exact fix.

    Exit codes: 0 well, 1 an error was found (--fail-on), 2 wrong use, 3 nothing could be judged.
    """
    from ptsetup.commands import _output

    terminal: Terminal = ctx.obj
    if is_schema:
        from ptsetup.render import doctor as render

        terminal.result_bytes(render.schema())
        return
    check_sense(options)
    _output.check(options["output"])
    told = examine(options, terminal)
    if options["is_fix"]:
        from ptsetup.commands import _mending

        told = _mending.mend(told, options, terminal)
    else:
        show(told, options, terminal)
    ctx.exit(exit_code(told, options["fail_on"]))


def check_sense(options: dict[str, Any]) -> None:
    """Refuse what cannot be meant; ``check`` has fewer options than ``doctor``.

    Raises:
        RequestError: options that contradict each other.
    """
    from ptsetup.errors import RequestError

    for name, what in (("python", "--python"), ("deep", "--deep")):
        if options["source"] and options[name]:
            raise RequestError(
                f"{what} looks at this machine, and --from judges another one in its place.", hint="Give one of them."
            )
    if options["source"] and options["is_fix"]:
        raise RequestError("--fix cannot repair a machine that is only described.", hint="Run it on that machine.")
    if not options["is_fix"] and (options.get("dry_run") or options.get("is_yes")):
        raise RequestError("--dry-run and --yes go with --fix.", hint="Add --fix, or leave them out.")
    if options["no_import"] and options["deep"]:
        raise RequestError("--deep imports torch and --no-import forbids it.", hint="Give one of them.")


def exit_code(told: Any, fail_on: str) -> int:
    """1 when something was found at or above the threshold; 3 when there was nothing to judge."""
    if told.outcome == "unread":
        return 3
    from ptsetup.render.doctor import is_failing

    return int(is_failing(told.counts, fail_on))


def examine(options: dict[str, Any], terminal: Terminal) -> Any:
    """Look, judge, and fill the fixes in: a render.doctor.Report."""
    started = time.monotonic()
    snapshot = read(options["source"], terminal) if options["source"] else take(options, terminal)
    from ptsetup import __version__, index, rules
    from ptsetup.commands import _remedies
    from ptsetup.errors import RequestError
    from ptsetup.render import doctor as render

    wheels = index.load(options["index_file"])
    diagnosis = rules.diagnose(
        snapshot, wheels, expect=options["expect"], select=options["select"], ignore=options["ignore"]
    )
    if not diagnosis.verdicts:
        raise RequestError("--select and --ignore leave no rule, so nothing was checked.", hint="Ignore fewer codes.")
    diagnosis = _remedies.fill(diagnosis, snapshot, wheels, with_notes=not _is_brief(options))
    seconds = None if options["source"] else time.monotonic() - started
    told = render.report(diagnosis, snapshot, version=__version__, seconds=seconds)
    if options.get("share"):
        from ptsetup import replay

        return replay.shared(told, snapshot)
    return told


def _is_brief(options: dict[str, Any]) -> bool:
    """Notes are not shown, so their fixes need none of the planning, which takes longer than all rules together."""
    is_quiet = not options.get("verbose") and options["fail_on"] != "note"
    return options["form"] == "text" and is_quiet and not options["is_fix"]


def take(options: dict[str, Any], terminal: Terminal) -> Any:
    """Look at this machine; the index and the rules are loaded while the children are waited for."""
    from ptsetup import probes

    return probes.take(
        options["python"],
        with_torch=not options["no_import"],
        is_deep=options["deep"],
        progress=terminal.progress,
        meanwhile=lambda: _warm(options["index_file"]),
    )


def _warm(index_file: str | None) -> None:
    """Load what is needed after the look; whatever fails here fails again, and is told, where it is needed."""
    import contextlib

    with contextlib.suppress(Exception):
        from ptsetup import index

        index.load(index_file)

        from ptsetup import rules  # noqa: F401
        from ptsetup.render import doctor  # noqa: F401


def read(source: str, terminal: Terminal) -> Any:
    """Read somebody's report; ``-`` is stdin.

    Raises:
        SnapshotError: it cannot be read, or is a JSON document of another kind.
    """
    from ptsetup import readers
    from ptsetup.commands import _input

    return readers.read(_input.content(source, terminal))


def show(told: Any, options: dict[str, Any], terminal: Terminal) -> None:
    """Print the result, or write it to the file that was named."""
    text = rendered(told, options, terminal)
    if options["output"]:
        from ptsetup.commands import _output

        _output.write(options["output"], text.encode(errors="backslashreplace") if isinstance(text, str) else text)
        terminal.log(told.headline)
    elif isinstance(text, bytes):
        terminal.result_bytes(text)
    else:
        terminal.result(text)


def rendered(told: Any, options: dict[str, Any], terminal: Terminal) -> str | bytes:
    """The result in the format that was asked for."""
    from ptsetup.render import doctor as render

    if options["form"] == "json":
        return render.as_json(told)
    if options["form"] == "markdown":
        from ptsetup.render import markdown

        return markdown.as_markdown(told, with_notes=options["fail_on"] == "note")
    plain = (lambda text, **_: text) if options["output"] else terminal.style
    width = 80 if options["output"] else terminal.width
    return render.as_text(told, plain, width=width, is_verbose=options["verbose"], fail_on=options["fail_on"])
