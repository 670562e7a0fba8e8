"""``ptsetup`` alone: how things stand, in three lines, and what to type next."""

import click

from ptsetup.terminal import Terminal

FIRST = "Next: ptsetup install (the build that works here), ptsetup plan (which that is), ptsetup --help"

NEXT = "Next: ptsetup doctor (why, and what else), ptsetup bench (is it right and fast), ptsetup --help"


def show(ctx: click.Context) -> None:
    """Say which torch the target has and for what, by its files; nothing is imported."""
    from ptsetup import probes
    from ptsetup.errors import PtsetupError

    terminal: Terminal = ctx.obj
    try:
        snapshot = probes.take(with_torch=False)
    except PtsetupError as problem:
        terminal.result(f"{problem.message}\n{NEXT}\n")
        return
    target = snapshot.target
    wheel = target.wheel if target else None
    where = f"{target.prefix} (Python {target.version})" if target else "this machine"
    names = [gpu.name for gpu in (snapshot.nvidia.gpus if snapshot.nvidia else None) or () if gpu.name]
    beside = f"; {', '.join(names)}" if names else ""
    if wheel is None or wheel.version is None:
        terminal.result(f"No torch in {where}{beside}.\n{FIRST}\n")
        return
    terminal.result(f"torch {wheel.version} in {where}{beside}.\n{NEXT}\n")
