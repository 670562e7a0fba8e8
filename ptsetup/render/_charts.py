"""Charts as SVG and HTML bars, drawn from records; all text escaped."""

import math
from collections.abc import Sequence

from ptsetup.bench import Check
from ptsetup.render._page import text

WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34

SMALLEST = 1e-6
"""Share of the tolerance at the left end of the scale."""
AT_TOLERANCE = 0.85
"""Where the tolerance stands on the scale, as a share of its width; the page's style draws the line there."""


def loss_curve(check: Check) -> str:
    """The training loss by epoch on a log scale, the accepted band, and the held-out loss at the end."""
    curve = [float(value) for value in check.data["curve"]]
    bound = check.data.get("loss_bound")
    held_out = check.data.get("loss")
    told = [value for value in (*curve, bound, held_out) if isinstance(value, int | float)]
    levels = [value for value in told if value > 0]
    if len(curve) < 2 or not levels or not all(map(math.isfinite, told)):
        # a loss that ran away has no axis; its check says what happened
        return ""
    low, high = _decades(levels)
    place = _log_axis(low, high)
    step = (WIDTH - LEFT - RIGHT) / (len(curve) - 1)
    points = [(LEFT + number * step, place(max(value, low))) for number, value in enumerate(curve)]
    parts = [_grid(low, high, place)]
    if isinstance(bound, int | float):
        edge = place(float(bound))
        parts.append(
            f'<rect class="band" x="{LEFT}" y="{edge:.1f}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - BOTTOM - edge:.1f}"/>'
            f'<line class="bound" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{edge:.1f}" y2="{edge:.1f}"/>'
        )
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline class="curve" points="{joined}"/>')
    parts += [f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]
    if isinstance(held_out, int | float):
        bad = " bad" if check.verdict != "ok" else ""
        y = place(max(float(held_out), low))
        parts.append(f'<rect class="last{bad}" x="{WIDTH - RIGHT - 5}" y="{y - 5:.1f}" width="10" height="10"/>')
    parts += [
        f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{number + 1}</text>'
        for number, (x, _) in enumerate(points)
    ]
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">epoch</text>')
    words = f"{check.title}: loss from {curve[0]:.2f} to {curve[-1]:.3f} in {len(curve)} epochs"
    return _svg(words, "".join(parts))


def sweep(points: Sequence[tuple[float, float]], words: str) -> str:
    """Bandwidth (GB/s) by the size of an array (MiB), both by their logarithms."""
    if len(points) < 2:
        return ""
    low, high = _decades([rate for _, rate in points])
    place = _log_axis(low, high)
    first, last = math.log(points[0][0]), math.log(points[-1][0])
    xs = [LEFT + (math.log(size) - first) / (last - first) * (WIDTH - LEFT - RIGHT) for size, _ in points]
    parts = [_grid(low, high, place)]
    joined = " ".join(f"{x:.1f},{place(rate):.1f}" for x, (_, rate) in zip(xs, points, strict=True))
    parts.append(f'<polyline class="curve" points="{joined}"/>')
    for x, (size, rate) in zip(xs, points, strict=True):
        parts.append(f'<circle class="mark" cx="{x:.1f}" cy="{place(rate):.1f}" r="3"/>')
        anchor = "end" if x > WIDTH - RIGHT - 12 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{size:g}</text>')
    parts.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">MiB in each of three arrays</text>'
    )
    return _svg(words, "".join(parts))


def _svg(words: str, inner: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(words)}"><title>{text(words)}</title>{inner}</svg>\n'


def _decades(levels: Sequence[float]) -> tuple[float, float]:
    low, high = 10.0 ** math.floor(math.log10(min(levels))), 10.0 ** math.ceil(math.log10(max(levels)))
    return low, high if high > low else low * 10


def _log_axis(low: float, high: float):  # type: ignore[no-untyped-def] # noqa: ANN202 - a function of one number
    span = math.log10(high) - math.log10(low)

    def place(value: float) -> float:
        share = (math.log10(value) - math.log10(low)) / span
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    return place


def _grid(low: float, high: float, place) -> str:  # type: ignore[no-untyped-def] # noqa: ANN001 - see _log_axis
    parts, level = [], low
    while level <= high * 1.0001:
        y = place(level)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{level:g}</text>')
        level *= 10
    return "".join(parts)


def on_scale(check: Check) -> float | None:
    """Where an error stands on the scale, 0 to 1; the tolerance is at ``AT_TOLERANCE``. None: nothing to compare."""
    if check.error is None or check.tolerance is None:
        return None
    if check.error <= 0:
        return 0.02
    if check.tolerance <= 0 or not math.isfinite(check.error):
        return 0.98
    share = check.error / check.tolerance
    if share <= 1:
        return max(0.02, AT_TOLERANCE * (1 - math.log10(max(share, SMALLEST)) / math.log10(SMALLEST)))
    return min(0.98, AT_TOLERANCE + (1 - AT_TOLERANCE) * math.log10(share) / 6 + 0.03)


def error_row(check: Check, words: str) -> str:
    """One check: title, error against tolerance, verdict with the figures."""
    place = on_scale(check)
    colour = {"ok": "ok", "slow": "warn", "noisy": "warn"}.get(check.verdict, "bad")
    bad = ' class="bad"' if colour == "bad" else ""
    scale = (
        f'<span class="scale"><i{bad} style="left:{100 * place:.1f}%"></i></span>'
        if place is not None
        else "<span></span>"
    )
    tail = f" {text(words)}" if words else ""
    return (
        f'<div class="row"><span title="{text(check.name)}">{text(check.title)}</span>{scale}'
        f'<span><span class="{colour}">{text(check.verdict)}</span>{tail}</span></div>\n'
    )


def bars(rows: Sequence[tuple[str, float, float | None, str]]) -> str:
    """Rows of (label, outer share, inner share or None, words): a wide bar with a thin one in it."""
    parts = []
    for label, outer, inner, words in rows:
        thin = f'<i style="width:{100 * min(1, inner):.1f}%"></i>' if inner is not None else ""
        wide = f'<i style="width:{100 * min(1, outer):.1f}%"></i>'
        parts.append(
            f'<div><span>{text(label)}</span><div class="bar">{wide}{thin}</div><span>{text(words)}</span></div>\n'
        )
    return f'<div class="bars">\n{"".join(parts)}</div>\n' if parts else ""
