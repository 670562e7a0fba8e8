"""``ptsetup bench``: prove that the installed torch computes right, and say how fast."""

import pathlib
import time
from typing import TYPE_CHECKING

import click

from ptsetup.commands import _options
from ptsetup.commands._deadlines import timeout_scale
from ptsetup.terminal import Terminal

if TYPE_CHECKING:
    from ptsetup.bench import Report


@click.command()
@_options.python("whose torch is tested")
@click.option(
    "--device",
    default="auto",
    metavar="auto|cpu|cuda:0|mps|xpu",
    help="What to test; auto takes the first accelerator.",
)
@click.option(
    "--profile",
    type=click.Choice(["quick", "full", "soak"]),
    default="quick",
    help="How much to test; quick: seconds, full: a minute, soak (a GPU): minutes.",
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only these checks or groups (repeatable, or separated by commas)."
)
@click.option(
    "--skip",
    multiple=True,
    metavar="NAME",
    help="Leave out these checks or groups (repeatable, or separated by commas).",
)
@click.option("--seed", type=click.IntRange(0, 2**40), default=0, metavar="N", help="The seed of all random inputs.")
@click.option(
    "--list", "is_list", is_flag=True, help="List the checks and what each proves (text or json), and test nothing."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "ndjson", "markdown"]),
    default="text",
    help="How to print it.",
)
@click.option("--html", "page", metavar="FILE", help="Also write one self-contained page.")
@click.option("--save", metavar="FILE", help="Keep this run's speed in FILE (added to the runs in it).")
@click.option("--compare", metavar="FILE", help="Tell whether this machine became slower than the runs kept in FILE.")
@click.option("--repeat", type=click.IntRange(1, 20), default=1, metavar="N", help="Time the speed part N times.")
@click.option("--schema", "is_schema", is_flag=True, help="Print the JSON Schema of --format json and test nothing.")
@timeout_scale
@click.pass_context
def command(
    ctx: click.Context,
    /,
    python: str | None,
    device: str,
    profile: str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    seed: int,
    form: str,
    page: str | None,
    save: str | None,
    compare: str | None,
    repeat: int,
    timeout_scale: float,
    *,
    is_list: bool,
    is_schema: bool,
) -> None:
    """Prove that the installed torch computes right, on the detected device, against formulas.

    Exit codes: 0 right, 1 a check failed or --compare found it slower, 2 wrong use, 3 nothing could be tested.
    """
    from ptsetup import bench
    from ptsetup.render import bench as render

    terminal: Terminal = ctx.obj
    names, left_out = split(only), split(skip)
    _known((*names, *left_out))
    _is_device(device)
    if is_schema:
        terminal.result_bytes(render.schema())
        return
    if is_list:
        _list(form, terminal)
        return
    _can_be_kept((page, save), is_asked=bool(save or compare), names=names, left_out=left_out)
    keeping = _Keeping(save, compare, repeat)
    progress = Progress(terminal)
    report = bench.prove(
        interpreter(python),
        device=device,
        profile=profile,
        only=names,
        skip=left_out,
        seed=seed,
        progress=progress,
        deadline_scale=timeout_scale,
        repeat=repeat if save or compare or repeat > 1 else 0,
    )
    progress.end()
    report = keeping.settle(report)
    _show(terminal, report, form, page)
    is_slower = report.comparison is not None and report.comparison.is_slower
    ctx.exit(1 if report.failed or is_slower else 3 if report.verdict == "untested" else 0)


def _can_be_kept(
    files: tuple[str | None, ...], *, is_asked: bool, names: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    """Look before a minute is measured whether the files can be written, and whether there will be anything to keep or compare.

    Raises:
        RequestError: speed is left out.
        PtsetupError: a file cannot be.
    """
    from ptsetup.commands import _output
    from ptsetup.errors import RequestError

    for file in files:
        _output.check(file)
    is_timed = not names or any(name.partition(".")[0] == "speed" for name in names)
    if is_asked and ("speed" in left_out or not is_timed):
        raise RequestError(
            "--save and --compare are about speed, which --only or --skip leaves out.",
            hint="Add the group: --only speed",
        )


def _list(form: str, terminal: Terminal) -> None:
    from ptsetup import bench
    from ptsetup.render import bench as render

    if form == "json":
        terminal.result_bytes(render.list_as_json(bench.ENTRIES))
    else:
        terminal.result(render.as_list(bench.ENTRIES, width=terminal.width))


def _show(terminal: Terminal, report: "Report", form: str, page: str | None) -> None:
    """The page, if one was asked for, and the report in its form."""
    from ptsetup.render import bench as render

    if page:
        from ptsetup.commands import _output
        from ptsetup.render import html

        _output.write(page, html.as_html(report).encode())
    if form == "json":
        terminal.result_bytes(render.as_json(report))
    elif form == "ndjson":
        terminal.result_bytes(render.as_ndjson(report))
    elif form == "markdown":
        terminal.result(render.as_markdown(report))
    else:
        terminal.result(render.as_text(report, terminal.style, width=terminal.width, is_unicode=terminal.is_unicode))


class _Keeping:
    """What ``--save`` and ``--compare`` ask for; the files are read before anything is measured."""

    def __init__(self, save: str | None, compare: str | None, repeat: int) -> None:
        from ptsetup.bench import compare as comparing

        self.save, self.repeat = save, repeat
        self.name = compare
        self.before = comparing.load(compare) if compare else None
        self.there = comparing.load(save) if save and pathlib.Path(save).exists() else None

    def settle(self, report: "Report") -> "Report":
        """The report with the comparison in it; the runs are kept."""
        from ptsetup.bench import compare as comparing
        from ptsetup.facts import replace

        if not (self.save or self.before):
            return report
        runs = comparing.runs_of(report, self.repeat)
        if self.before and self.name:
            comparing.require_same_class(self.before, runs[0], self.name)
            told = comparing.compare(self.before.runs, runs)
            slower = report.verdict == "ok" and told.is_slower
            report = replace(report, comparison=told, verdict="slow" if slower else report.verdict)
        if self.save:
            from ptsetup.commands import _output

            _output.write(self.save, comparing.added(self.there, runs, self.save))
        return report


class Progress:
    """Progress on stderr: one moving line on a terminal, else a line every few seconds. What fails is left standing."""

    EVERY_S = 5.0

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.count = terminal, 0
        self.since = time.monotonic()

    def __call__(self, line: str) -> None:
        """Take a line."""
        self.count += 1
        text = " ".join(line.split())
        if text.rpartition(" ")[2] in ("wrong", "crashed", "timeout"):
            self.terminal.status()
            self.terminal.log(f"  {text}")
        elif self.terminal.is_moving:
            self.terminal.status(f"  {self.count:>3}  {text}")
        elif time.monotonic() - self.since > self.EVERY_S:
            self.since = time.monotonic()
            self.terminal.log(f"  {self.count:>3}  {text}")

    def end(self) -> None:
        """Take the moving line away."""
        self.terminal.status()


def interpreter(python: str | None) -> str:
    """Path of the interpreter to test, chosen as every command chooses it."""
    from ptsetup.probes import choose

    return choose.choose(python).executable


def split(names: tuple[str, ...]) -> tuple[str, ...]:
    """``("a,b", "c")`` -> ``("a", "b", "c")``."""
    return tuple(part.strip() for name in names for part in name.split(",") if part.strip())


def _is_device(name: str) -> None:
    """A name of the kind that torch gives its devices; whether it is there, only the target can tell.

    Raises:
        RequestError: it is none.
    """
    import re

    from ptsetup.errors import RequestError

    if not re.fullmatch(r"auto|(?:cpu|cuda|xpu|mps)(?::\d+)?", name):
        raise RequestError(
            f"--device {name!r} is no device.",
            hint="Write auto, cpu, cuda (also for ROCm), cuda:1, xpu or mps.",
        )


def _known(names: tuple[str, ...]) -> None:
    from ptsetup import bench
    from ptsetup.errors import RequestError

    known = {entry.name for entry in bench.ENTRIES} | {entry.group for entry in bench.ENTRIES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(
            f"There is no check or group named {unknown[0]!r}.", hint="ptsetup bench --list shows them all."
        )
