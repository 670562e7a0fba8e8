"""A benchmark report for people (text, Markdown) and programs (JSON, NDJSON)."""

import math
import re
import textwrap
from collections.abc import Callable, Sequence

import msgspec

from ptsetup.bench import SCHEMA, Check, Entry, Report
from ptsetup.render import rates
from ptsetup.render.shell import quoted

Style = Callable[..., str]

BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-=+*#@"
COLOURS = {"ok": "green", "wrong": "red", "crashed": "red", "timeout": "red", "slow": "yellow", "noisy": "yellow"}
NOT_HERE = ("unavailable", "unsupported", "skipped")

NARROW = 60
"""Below this width a check takes two lines."""
TITLE = 34


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
    """The verdict, what failed with its cause, a line per check, what was not tried, and what the figures rest on."""
    lines = [style(part, bold=True) for part in wrap(report.headline, width)]
    for check in report.failed:
        lines += ["", *_failure(check, report, style, width)]
    if table := _table(report, style, width, is_unicode=is_unicode):
        lines += ["", *table]
    lines += _types(report, width, is_unicode=is_unicode)
    lines += _compared(report, style, width)
    lines += _not_here(report, width)
    lines += ["", *_foot(report, width)]
    return "\n".join(lines) + "\n"


def wrap(text: str, width: int, indent: str = "") -> list[str]:
    """The text in lines of that width: only whole words go to the next line, and a number keeps its unit."""
    held = re.sub(r"(?<=\d) (?=(?:s|ms|%|MB|GB|time)\b|%)", "\0", text)
    lines = textwrap.wrap(held, max(20, width), initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _failure(check: Check, report: Report, style: Style, width: int) -> list[str]:
    """What failed, by how much, what it points to, and what to type next."""
    *before, last = wrap(f"{check.title} ({check.name})  {check.verdict}", width, "  ")
    words = difference(check)
    is_short = not before and len(last) + 2 + len(words) <= width
    head = last.removesuffix(check.verdict) + style(check.verdict, fg="red", bold=True)
    lines = [*before, f"{head}  {words}" if words and is_short else head]
    if words and not is_short:
        lines += wrap(words, width, "    ")
    if check.detail:
        lines += wrap(check.detail, width, "    ")
    lines += wrap(others, width, "    ") if (others := also_beyond(check)) else []
    if check.reveals:
        lines += wrap(f"points to {check.reveals}", width, "    ")
    return [*lines, f"    {again(check, report)}"]


def again(check: Check, report: Report) -> str:
    """The line that runs one check again as it was run: the same interpreter, device and random inputs."""
    words = ["ptsetup", "bench", "--only", check.name]
    words += ["--python", report.python] if report.python else []
    words += [] if report.device in ("cpu", "auto", "cuda:0") else ["--device", report.device]
    return quoted([*words, "--seed", str(report.seed)] if report.seed else words)


def _table(report: Report, style: Style, width: int, *, is_unicode: bool) -> list[str]:
    lines: list[str] = []
    group = ""
    for check in report.checks:
        if check.verdict in NOT_HERE:
            continue
        shown, group = (check.group if check.group != group else ""), check.group
        lines += _row(check, shown, report, style, width)
        curve = check.data.get("curve")
        if isinstance(curve, list) and len(curve) > 1 and width >= NARROW:
            lines.append(
                f"{'':13}{curve[0]:.2f} {sparkline(curve, is_unicode=is_unicode)} {curve[-1]:.3f} over {len(curve)} epochs"
            )
    return lines


def _row(check: Check, group: str, report: Report, style: Style, width: int) -> list[str]:
    measured = rates.line(check, report) or brief(check)
    is_told = check.verdict == "noisy" and report.speed is not None and not report.speed.gate.is_quiet
    if check.verdict in ("slow", "noisy") and check.detail and measured != check.detail and not is_told:
        measured = f"{measured}; {check.detail}" if measured else check.detail
    word = style(f"{check.verdict:<6}", fg=COLOURS.get(check.verdict))
    if width < NARROW:
        first, *more = wrap(f"{check.title}: {measured}" if measured else check.title, width - 9)
        head = [f"  {group}"] if group else []
        return [*head, f"  {word} {first}", *(f"{'':9}{part}" for part in more)]
    pad = 13 + TITLE + 1 + 7
    parts = wrap(measured, width - pad)
    title = wrap(check.title, TITLE)
    lines = [f"  {group:<11}{title[0]:<{TITLE}} {word} {parts[0]}".rstrip()]
    for number in range(1, max(len(parts), len(title))):
        left = title[number] if number < len(title) else ""
        right = parts[number] if number < len(parts) else ""
        lines.append(f"{'':13}{left:<{TITLE}} {'':7}{right}".rstrip())
    return lines


def _types(report: Report, width: int, *, is_unicode: bool) -> list[str]:
    """The best product of each type as bars, where more than one was timed."""
    speed = report.speed
    found = rates.tops(speed) if speed else ()
    if len(found) < 2 or width < NARROW:
        return []
    length = min(30, width - 42)
    lines = ["", "  best matrix product of each type, this run"]
    for one in found:
        sheet = f", {rates.percent(one.rate / one.datasheet)} of data sheet" if one.datasheet else ""
        filled = bar(one.rate / found[0].rate, length, is_unicode=is_unicode)
        lines.append(f"    {one.dtype:<9} {filled:<{length}} {rates.amount(one.rate, 'FLOP/s')}{sheet}")
    return lines


def _compared(report: Report, style: Style, width: int) -> list[str]:
    comparison = report.comparison
    if comparison is None:
        return []
    lines = ["", *wrap(comparison.headline, width, "  ")]
    for one in comparison.quantities:
        word = style(f"{one.verdict:<8}", fg={"slower": "red", "faster": "green"}.get(one.verdict))
        change = f"{100 * (one.ratio - 1):+6.1f} % time"
        if width < NARROW:
            lines += [f"    {word} {change.strip()}", f"    {one.key}"]
        else:
            lines.append(f"    {word} {one.key:<36} {change}")
    return lines


def _not_here(report: Report, width: int) -> list[str]:
    """What was not tried, one paragraph per reason."""
    reasons: dict[str, list[str]] = {}
    for check in report.checks:
        if check.verdict in NOT_HERE:
            reasons.setdefault(check.detail or check.verdict, []).append(check.name)
    lines = []
    for reason, names in reasons.items():
        lines += wrap(f"not tried  {', '.join(names)}: {reason}", width, "  ")
    return ["", *lines] if lines else []


def _foot(report: Report, width: int) -> list[str]:
    machine = report.machine
    versions = report.versions
    place = report.device_name or str(machine.get("processor") or report.device)
    threads = machine.get("threads_granted")
    granted = f", {threads} CPU thread{'s' if threads != 1 else ''} granted" if threads else ""
    parts = [f"Python {versions.get('python', '?')}", f"{report.profile} profile", f"{report.seconds:.1f} s"]
    lines = wrap(f"{place}{granted}; {', '.join(parts)}", width)
    if report.speed is not None:
        lines += wrap(f"Speed: {rates.basis(report.speed)}.", width)
        if alone := rates.one_thread(report.speed):
            lines += wrap(alone, width)
    return lines


def difference(check: Check) -> str:
    """``error 0.31, tolerance 2e-06``; what it counts is said."""
    if check.error is None or check.tolerance is None:
        return ""
    if check.tolerance == 0:
        return "must be exact and is not" if check.error else "exact"
    unit = f" {check.unit}" if check.unit else ""
    return f"error {short(check.error)}, tolerance {short(check.tolerance)}{unit}"


def also_beyond(check: Check, most: int = 3) -> str:
    """What else of the check was beyond its tolerance: ``also: matmul, float64; bmm``."""
    told = check.data.get("beyond")
    parts = [_what(part.get("detail")) for part in told if isinstance(part, dict)] if isinstance(told, list) else []
    rest = [part for part in dict.fromkeys(parts) if part != _what(check.detail)]
    return (
        f"also: {'; '.join(rest[:most])}{f' and {len(rest) - most} more' if len(rest) > most else ''}" if rest else ""
    )


def _what(detail: object) -> str:
    """What was compared, without the numbers that came out."""
    return re.split(r": (?=[\[{\d-])", str(detail), maxsplit=1)[0]


def brief(check: Check) -> str:
    """Error over tolerance: ``0.8 of 16 eps``, ``exact``."""
    data = check.data
    if "loss" in data and "accuracy" in data and "loss_bound" in data:
        return f"loss {data['loss']:.3f}, {100 * data['accuracy']:.1f} % right"
    if check.error is None or check.tolerance is None:
        return check.detail if check.group == "speed" else ""
    if check.tolerance == 0:
        return "exact" if check.error == 0 else "not equal"
    unit = {"rel": "", "abs": "", "count": ""}.get(check.unit, f" {check.unit}")
    return f"{short(check.error)} of {short(check.tolerance)}{unit}"


def short(value: float) -> str:
    """Two digits that matter: ``0.8``, ``16``, ``2e-09``."""
    if value == 0:
        return "0"
    if value != value or abs(value) > 1e300:  # noqa: PLR0124 - not a number
        return "infinite"
    if abs(value) >= 1e6 or abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


def sparkline(values: Sequence[float], *, is_unicode: bool = True) -> str:
    """A curve in one line; by its logarithm where it falls far, since all but the start would be flat otherwise."""
    bars = BARS if is_unicode else ASCII_BARS
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return "?" * len(values)
    # what ran away stands as high as the highest
    values = [value if math.isfinite(value) else max(known) for value in values]
    if min(values) > 0 and max(values) > 20 * min(values):
        values = [math.log(value) for value in values]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(bars[round((value - low) / span * (len(bars) - 1))] for value in values)


def bar(share: float, length: int, *, is_unicode: bool = True) -> str:
    """A bar for a share of 1, eighths of a letter fine; at least a sliver for what is more than nothing."""
    share = max(0.0, min(1.0, share))
    if not is_unicode:
        return "#" * max(1 if share else 0, round(share * length))
    eighths = max(1 if share else 0, round(share * length * 8))
    full, rest = divmod(eighths, 8)
    return "█" * full + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[rest]


def as_markdown(report: Report) -> str:
    """The verdict, what failed, and a folded table: fits into an issue."""
    lines = [f"**{_cell(report.headline)}**", ""]
    lines += [
        f"- **{check.name}** {check.verdict}: {_cell(difference(check) or check.detail)}. Points to {_cell(check.reveals)}."
        for check in report.failed
    ]
    if report.failed:
        lines.append("")
    lines += ["| check | verdict | measured |", "| --- | --- | --- |"]
    for check in report.checks:
        words = rates.line(check, report) or brief(check) or check.detail
        lines.append(f"| {check.name} | {check.verdict} | {_cell(words)} |")
    lines += ["", *(_cell(part) for part in _foot(report, 1000))]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def list_as_json(entries: Sequence[Entry]) -> bytes:
    """The same for programs, with the number of the report's schema."""
    return msgspec.json.format(msgspec.json.encode({"schema": SCHEMA, "checks": entries}), indent=2) + b"\n"


def as_list(entries: Sequence[Entry], *, width: int = 80) -> str:
    """All checks with what each proves and the profile that runs it."""
    lines = []
    for entry in entries:
        head = f"{entry.name:<20} {entry.profile:<6}"
        lines += (
            [head.rstrip(), *wrap(entry.title, width, "    ")] if width < NARROW else [f"{head} {entry.title}".rstrip()]
        )
        lines += wrap(f"{entry.proves}; a failure points to {entry.reveals}", width, "    ")
    return "\n".join(lines) + "\n"
