"""How measured speed is written for people: figures, shares of the own ceiling, and what they are made from."""

from ptsetup.bench import Check, Report
from ptsetup.bench.fastness import SERIES_OF, chief
from ptsetup.bench.series import Ceiling, Speed, summarise

MLP_FLOP = 3 * 2 * 64 * (784 * 128 + 128 * 10) - 2 * 64 * 784 * 128
"""Of one training step of the MLP 784-128-10 on 64 samples: forward, and backward twice that; the first layer needs no input gradient."""

PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))


def amount(rate: float, unit: str) -> str:
    """``221 GFLOP/s``, ``45.8 GB/s``, ``2,408 steps/s``."""
    if unit.startswith(("step", "operation")):
        plural = unit.replace("step/", "steps/").replace("operation/", "ops/")
        return f"{rate:,.0f} {plural}"
    for size, prefix in PREFIXES:
        if rate >= size:
            return f"{three(rate / size)} {prefix}{unit}"
    return f"{three(rate)} {unit}"


def three(value: float) -> str:
    """Three digits, no exponent: ``1.83``, ``45.8``, ``1,024``."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percent(share: float) -> str:
    """``94 %``."""
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else f"{100 * share:.1g} %"


def line(check: Check, report: Report) -> str:
    """What one check of the speed part measured, in a few words."""
    speed = report.speed
    if speed is None or check.name not in SERIES_OF:
        return ""
    metric = chief(speed, check.name)
    if metric is None:
        return ""
    text = amount(metric.rate, f"{metric.unit}/s")
    return f"{text}, {metric.dtype}" if check.name == "speed.matmul" else text


def one_thread(speed: Speed) -> str:
    """What one thread reaches, where several were used: ``With 1 thread: 1,836 steps/s``."""
    metric = chief(speed, "speed.mlp")
    if metric is None or metric.threads in (None, 1):
        return ""
    share = mlp_share(speed)
    used = f"; the MLP uses {percent(share)} of the best product" if share and speed.gate.is_quiet else ""
    # on a busy machine the wall clock tells of the others; the CPU time of one thread is still its own
    clock = "wall" if speed.gate.is_quiet else "cpu"
    alone = summarise((one for one in speed.series if one.threads == 1), clock)
    steps = next((amount(one.rate, "step/s") for one in alone if one.name == "mlp"), None)
    flops = max((one.rate for one in alone if (one.name, one.dtype) == ("matmul", "float32")), default=None)
    parts = [part for part in (steps, amount(flops, "FLOP/s") if flops else None) if part]
    by = "" if clock == "wall" else ", by CPU time"
    return f"{metric.threads} threads{used}. With 1 thread{by}: {', '.join(parts)}." if parts else ""


def mlp_share(speed: Speed) -> float | None:
    """The MLP's FLOP/s as a share of the float32 ceiling of the same run; None where either is missing."""
    metric = chief(speed, "speed.mlp")
    if metric is None:
        return None
    top = next(
        (
            one
            for one in speed.ceilings
            if (one.device, one.dtype, one.threads) == (metric.device, "float32", metric.threads)
        ),
        None,
    )
    return metric.rate * MLP_FLOP / top.rate if top else None


def tops(speed: Speed) -> tuple[Ceiling, ...]:
    """The ceilings of the first device with all its threads, the fastest type first."""
    if not speed.ceilings:
        return ()
    device = speed.ceilings[0].device
    most = max(one.threads or 0 for one in speed.ceilings)
    found = [one for one in speed.ceilings if one.device == device and (one.threads or 0) == most]
    return tuple(sorted(found, key=lambda one: -one.rate))


def basis(speed: Speed) -> str:
    """What the figures rest on: ``3 processes, median of medians; machine quiet (spin 1.01, pressure 2 %)``."""
    gate = speed.gate
    pressure = "" if gate.pressure is None else f", CPU wait {percent(gate.pressure)}"
    state = "quiet" if gate.is_quiet else "busy with other work, so no verdict"
    count = f"{speed.processes} process" + ("es" if speed.processes != 1 else "")
    return f"{count}, median of medians; machine {state} (spin {gate.spin:.2f}{pressure})"
