"""A benchmark report for people (text, Markdown) and programs (JSON, NDJSON)."""

from collections.abc import Callable, Sequence

import msgspec

from ptsetup.bench import Check, Entry, Report

Style = Callable[..., str]

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=+*#@"
COLOURS = {"ok": "green", "wrong": "red", "crashed": "red", "timeout": "red", "slow": "yellow", "noisy": "yellow"}


def as_json(report: Report) -> bytes:
    """One document with a schema number."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def as_ndjson(report: Report) -> bytes:
    """One line per check, and the report without its checks as the last."""
    lines = [msgspec.json.encode(check) for check in report.checks]
    summary = msgspec.to_builtins(report)
    summary.pop("checks")
    return b"\n".join([*lines, msgspec.json.encode(summary)]) + b"\n"


def schema() -> bytes:
    """The JSON Schema of the report."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report)), indent=2) + b"\n"


def as_text(report: Report, style: Style, *, width: int = 80, is_unicode: bool = True) -> str:
    """The verdict, then a line per check; what failed is explained, the rest is one line."""
    lines = [style(report.headline, bold=True), ""]
    group = ""
    for check in report.checks:
        shown = check.group if check.group != group else ""
        group = check.group
        lines += _check(check, shown, style, width, is_unicode=is_unicode)
    return "\n".join(lines) + "\n"


def _check(check: Check, group: str, style: Style, width: int, *, is_unicode: bool) -> list[str]:
    head = f"  {group:<9} {check.title:<35} "
    lines = [head + style(f"{check.verdict:<8}", fg=COLOURS.get(check.verdict)) + measured(check)]
    curve = check.data.get("curve")
    if isinstance(curve, list) and curve:
        lines.append(
            f"            {curve[0]:.2f} {sparkline(curve, is_unicode=is_unicode)} {curve[-1]:.3f} loss per epoch"
        )
    if check.verdict in ("wrong", "crashed", "timeout", "unavailable", "unsupported", "skipped"):
        lines += _explained(check, width)
    return lines


def _explained(check: Check, width: int) -> list[str]:
    import textwrap

    texts = [check.detail] if check.detail else []
    if check.verdict in ("wrong", "crashed", "timeout"):
        texts.append(f"points to {check.reveals}")
    found: list[str] = []
    for text in texts:
        found += textwrap.wrap(text, max(40, width), initial_indent=" " * 12, subsequent_indent=" " * 12)
    return found


def measured(check: Check) -> str:
    """Error over tolerance: ``0.8 of 16 eps``, ``exact``."""
    if check.error is None or check.tolerance is None:
        return ""
    if check.tolerance == 0:
        return "exact" if check.error == 0 else "not equal"
    if "loss" in check.data and "accuracy" in check.data:
        data = check.data
        return f"loss {data['loss']:.3f} of {data['loss_bound']}, accuracy {100 * data['accuracy']:.1f} % (>= {100 * data['accuracy_bound']:.0f})"
    return f"{short(check.error)} of {short(check.tolerance)} {check.unit}"


def short(value: float) -> str:
    """Two digits that matter: ``0.8``, ``16``, ``2e-09``."""
    if value == 0:
        return "0"
    if value >= 1e6 or abs(value) < 1e-3:
        return f"{value:.0e}" if value < 1e300 else "infinite"
    return f"{value:.2g}" if value < 100 else f"{value:.0f}"


def sparkline(values: Sequence[float], *, is_unicode: bool = True) -> str:
    """A curve in one line; plain letters where the terminal has no Unicode."""
    bars = BARS if is_unicode else ASCII_BARS
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(bars[round((value - low) / span * (len(bars) - 1))] for value in values)


def as_markdown(report: Report) -> str:
    """A table that fits into an issue."""
    lines = [f"**{report.headline}**", "", "| check | verdict | measured |", "| --- | --- | --- |"]
    lines += [
        f"| {check.name} | {check.verdict} | {measured(check) or check.detail.replace('|', '/')} |"
        for check in report.checks
    ]
    return "\n".join(lines) + "\n"


def as_list(entries: Sequence[Entry], *, width: int = 80) -> str:
    """All checks with what each proves and the profile that runs it."""
    import textwrap

    lines = []
    for entry in entries:
        lines.append(f"{entry.name:<20} {entry.profile:<6} {entry.title}")
        lines += textwrap.wrap(
            f"{entry.proves}; a failure points to {entry.reveals}",
            max(width, 40),
            initial_indent=" " * 4,
            subsequent_indent=" " * 4,
        )
    return "\n".join(lines) + "\n"
