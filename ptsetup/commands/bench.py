"""``ptsetup bench``: prove that the installed torch computes right, and say how fast."""

import click

from ptsetup.terminal import Terminal


@click.command()
@click.option("--python", metavar="PY", help="The interpreter that has torch (path or version).")
@click.option(
    "--device",
    default="auto",
    metavar="auto|cpu|cuda:0|mps|xpu",
    help="What to test; auto takes the first accelerator.",
)
@click.option(
    "--profile", type=click.Choice(["quick", "full", "soak"]), default="quick", help="quick: seconds; full: a minute."
)
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only these checks or groups (repeatable, or separated by commas)."
)
@click.option("--skip", multiple=True, metavar="NAME", help="Leave out these checks or groups.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all random inputs.")
@click.option("--list", "is_list", is_flag=True, help="List the checks and what each proves.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "ndjson", "markdown"]),
    default="text",
    help="How to print it.",
)
@click.option("--schema", "is_schema", is_flag=True, help="Print the JSON Schema of the result.")
@click.option("--timeout-scale", type=float, default=1.0, metavar="X", help="Multiply every deadline (slow disks).")
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
    timeout_scale: float,
    *,
    is_list: bool,
    is_schema: bool,
) -> None:
    """Prove that the installed torch computes right, on the detected device, against formulas."""
    from ptsetup import bench
    from ptsetup.render import bench as render

    terminal: Terminal = ctx.obj
    names, left_out = split(only), split(skip)
    _known((*names, *left_out))
    if is_schema:
        terminal.result_bytes(render.schema())
        return
    if is_list:
        terminal.result(render.as_list(bench.ENTRIES, width=terminal.width))
        return
    report = bench.prove(
        interpreter(python),
        device=device,
        profile=profile,
        only=names,
        skip=left_out,
        seed=seed,
        progress=terminal.log if terminal.is_moving else None,
        deadline_scale=timeout_scale,
    )
    if form == "json":
        terminal.result_bytes(render.as_json(report))
    elif form == "ndjson":
        terminal.result_bytes(render.as_ndjson(report))
    elif form == "markdown":
        terminal.result(render.as_markdown(report))
    else:
        terminal.result(render.as_text(report, terminal.style, width=terminal.width, is_unicode=terminal.is_unicode))
    ctx.exit(1 if report.failed else 0)


def interpreter(python: str | None) -> str:
    """Path of the interpreter to test, chosen as every command chooses it."""
    from ptsetup.probes import choose

    return choose.choose(python).executable


def split(names: tuple[str, ...]) -> tuple[str, ...]:
    """``("a,b", "c")`` -> ``("a", "b", "c")``."""
    return tuple(part.strip() for name in names for part in name.split(",") if part.strip())


def _known(names: tuple[str, ...]) -> None:
    from ptsetup import bench
    from ptsetup.errors import RequestError

    known = {entry.name for entry in bench.ENTRIES} | {entry.group for entry in bench.ENTRIES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise RequestError(
            f"There is no check or group named {unknown[0]!r}.", hint="ptsetup bench --list shows them all."
        )
