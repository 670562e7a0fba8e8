"""The option that lengthens every deadline; snapshot and bench have it."""

import math
from typing import Any

import click


def _number(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    # a range lets nan through: it is neither below nor above
    if math.isnan(value):
        raise click.BadParameter("nan is no number to multiply with.", ctx=ctx, param=parameter)
    return value


def timeout_scale(command: Any) -> Any:
    """``--timeout-scale X``: 0.1 to 100 times every deadline."""
    option = click.option(
        "--timeout-scale",
        type=click.FloatRange(0.1, 100),
        default=1.0,
        metavar="X",
        callback=_number,
        help="Multiply every deadline (slow disks: 5).",
    )
    return option(command)
