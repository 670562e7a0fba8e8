"""Options that several commands have, said in the same words everywhere."""

from collections.abc import Callable
from typing import Any

import click


def python(purpose: str) -> Callable[[Any], Any]:
    """``--python PY``: which interpreter is looked at, or installed into."""
    chosen = "a path or a version (3.12); else that of the active environment, of ./.venv, or the one that runs ptsetup"
    return click.option("--python", metavar="PY", help=f"The interpreter {purpose}: {chosen}.")


def output(text: str) -> Callable[[Any], Any]:
    """``--output FILE``; ``-`` is stdout, as everywhere."""
    return click.option("--output", metavar="FILE", callback=_no_dash, help=text)


def _no_dash(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    return None if value == "-" else value


def index_file(function: Any) -> Any:
    """``--index FILE``."""
    text = "Use this index of wheels in place of the newest of those that came with ptsetup or were updated."
    return click.option("--index", "index_file", metavar="FILE", help=text)(function)
