"""``ptsetup`` alone: how things stand, in three lines, and what to type next."""

import click

from ptsetup.terminal import Terminal

FIRST = "Next: ptsetup install (the build that works here), ptsetup plan (which that is), ptsetup --help"

NEXT = "Next: ptsetup doctor (why, and what else), ptsetup bench (is it right and fast), ptsetup --help"


CUT_OFF = (
    "Next: ptsetup install (puts the old state back, then installs), ptsetup doctor (what is there), ptsetup --help"
)


def show(ctx: click.Context) -> None:
    """Say which torch the target has and for what, by its files; nothing is imported."""
    from ptsetup import probes
    from ptsetup.errors import PtsetupError

    terminal: Terminal = ctx.obj
    try:
        snapshot = probes.take(with_torch=False)
    except PtsetupError as problem:
        _say(terminal, problem.message, NEXT)
        return
    target = snapshot.target
    wheel = target.wheel if target else None
    where = f"{target.prefix} (Python {target.version})" if target else "this machine"
    names = [gpu.name for gpu in (snapshot.nvidia.gpus if snapshot.nvidia else None) or () if gpu.name]
    beside = f"; {', '.join(names)}" if names else ""
    if target and target.cut_off_installs:
        _say(terminal, f"An installation into {target.prefix} was cut off{beside}.", CUT_OFF)
        return
    if wheel is None or wheel.version is None:
        _say(terminal, f"No torch in {where}{beside}.", FIRST)
        return
    _say(terminal, f"torch {wheel.version} in {where}{beside}.", NEXT)


def _say(terminal: Terminal, *paragraphs: str) -> None:
    import textwrap

    for text in paragraphs:
        lines = textwrap.wrap(text, terminal.width, break_long_words=False, break_on_hyphens=False)
        terminal.result("\n".join(lines) + "\n")
