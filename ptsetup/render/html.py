"""``bench --html``: one page that stands by itself."""

import msgspec

from ptsetup.bench import Check, Report
from ptsetup.bench.fastness import NODE_FLOOR, node_shares
from ptsetup.bench.series import Metric, Speed, median
from ptsetup.render import _charts, rates
from ptsetup.render._page import page, section, table, text
from ptsetup.render.bench import NOT_HERE, again, also_beyond, brief, difference


def as_html(report: Report) -> str:
    """The whole report as one page without any reference to the outside."""
    pair = _training(report) + _speed(report)
    body = (
        _head(report)
        + _findings(report)
        + (f'<div class="wide">\n{pair}</div>\n' if pair else "")
        + _checks(report)
        + _gpus(report)
        + _comparison(report)
        + _not_tried(report)
        + _environment(report)
        + _json(report)
    )
    return page(report.headline, body)


def _head(report: Report) -> str:
    kind = {"wrong": "bad", "slow": "warn", "untested": "warn"}.get(report.verdict, "")
    attribute = f' class="{kind}"' if kind else ""
    counts: dict[str, int] = {}
    for check in report.checks:
        counts[check.verdict] = counts.get(check.verdict, 0) + 1
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    parts = [words, f"{report.profile} profile", f"{report.seconds:.1f} s", report.taken_at or ""]
    return (
        f"<header{attribute}>\n<h1>{text(report.headline)}</h1>\n"
        f'<p class="dim">{text("; ".join(part for part in parts if part))}</p>\n</header>\n'
    )


def _findings(report: Report) -> str:
    slow = [check for check in report.checks if check.verdict == "slow"]
    noisy: dict[str, list[Check]] = {}
    for check in report.checks:
        if check.verdict == "noisy":
            noisy.setdefault(check.detail, []).append(check)
    parts = [_finding(check, report) for check in (*report.failed, *slow)]
    parts += [_noise(detail, checks) for detail, checks in noisy.items()]
    return section("Findings", "".join(parts))


def _noise(detail: str, checks: list[Check]) -> str:
    """One cause, said once: most often all of the speed part was disturbed by the same neighbour."""
    titles = ", ".join(check.title for check in checks)
    return (
        f'<div class="finding warn">\n<h3>{text(titles)}: noisy</h3>\n<p>{text(detail)}; no verdict on speed.</p>\n'
        "<p>Measure again when the machine is idle.</p>\n<pre>ptsetup bench --only speed</pre>\n</div>\n"
    )


def _finding(check: Check, report: Report) -> str:
    is_mild = check.verdict == "slow"
    words = difference(check)
    parts = [f"<h3>{text(check.title)}: {text(check.verdict)}</h3>\n"]
    if words:
        parts.append(f"<p>{text(words)}</p>\n")
    if check.detail:
        parts.append(f"<p>{text(check.detail)}</p>\n")
    if others := also_beyond(check, most=12):
        parts.append(f"<p>{text(others[0].upper() + others[1:])}</p>\n")
    if check.reveals:
        parts.append(f"<p>Points to {text(check.reveals)}.</p>\n")
    action = again(check, report) + ("" if is_mild else "\nptsetup doctor")
    kind = "finding warn" if is_mild else "finding"
    return f'<div class="{kind}">\n{"".join(parts)}<pre>{text(action)}</pre>\n</div>\n'


def _training(report: Report) -> str:
    charts = []
    for check in report.checks:
        if not isinstance(check.data.get("curve"), list):
            continue
        drawing = _charts.loss_curve(check)
        if drawing:
            bound = check.data.get("loss_bound")
            accepted = f"; accepted up to {bound:g} (green)" if isinstance(bound, int | float) else ""
            words = f"{check.title}: {brief(check)}{accepted}"
            charts.append(f"<figure>\n{drawing}<figcaption>{text(words)}</figcaption>\n</figure>\n")
    if not charts:
        return ""
    note = (
        "<p><small>Line: training loss of each epoch. Square: loss on data that the training did not see.</small></p>\n"
    )
    return section("Training", f'<div class="charts">\n{"".join(charts)}</div>\n{note}')


def _speed(report: Report) -> str:
    speed = report.speed
    if speed is None:
        return ""
    tiles = [
        f'<div class="tile"><small>{text(check.title)}</small><b>{text(words)}</b></div>\n'
        for check in report.checks
        if (words := rates.line(check, report))
    ]
    body = f'<div class="tiles">\n{"".join(tiles)}</div>\n' + _roofline(speed) + _plateau(speed)
    note = " ".join(part for part in (rates.basis(speed) + ".", rates.one_thread(speed)) if part)
    return section("Speed", f"{body}<p><small>{text(note[0].upper() + note[1:])}</small></p>\n")


def _roofline(speed: Speed) -> str:
    tops = rates.tops(speed)
    if not tops:
        return ""
    scale = max(max(one.rate, one.datasheet or 0) for one in tops)
    rows = []
    for one in tops:
        typical = median(m.rate for m in speed.metrics if _is_of(m, one.device, one.dtype, one.threads))
        words = rates.amount(one.rate, "FLOP/s")
        if one.datasheet:
            words += f", {rates.percent(one.rate / one.datasheet)} of {rates.amount(one.datasheet, 'FLOP/s')}"
        rows.append((one.dtype, one.rate / scale, typical / scale, words))
    share, float32 = rates.mlp_share(speed), next((one for one in tops if one.dtype == "float32"), None)
    if share is not None and float32 is not None:
        words = f"{rates.amount(share * float32.rate, 'FLOP/s')}, {rates.percent(share)}"
        rows.append(("MLP, float32", float32.rate / scale, share * float32.rate / scale, words))
    sheet = '<span><i class="sheet"></i>up to the data sheet</span>' if any(one.datasheet for one in tops) else ""
    key = (
        '<p class="key"><small><span><i></i>achieved (median of the shapes; the MLP)</span>'
        f'<span><i class="own"></i>own ceiling: best shape of this run</span>{sheet}</small></p>\n'
    )
    sources = sorted({one.source for one in tops if one.source and one.datasheet})
    told = f"<p><small>Data sheet: {text('; '.join(sources))}</small></p>\n" if sources else ""
    return f"<h3>Matrix products against the ceiling</h3>\n{_charts.bars(rows)}{key}{told}"


def _is_of(metric: Metric, device: str, dtype: str, threads: int | None) -> bool:
    return metric.name == "matmul" and (metric.device, metric.dtype, metric.threads) == (device, dtype, threads)


def _plateau(speed: Speed) -> str:
    most = max((one.threads or 0 for one in speed.metrics), default=0)
    points = sorted(
        (one.array_mib, one.rate / 1e9)
        for one in speed.metrics
        if one.name == "triad" and one.array_mib and one.device == "cpu" and (one.threads or 0) == most
    )
    if len(points) < 2:
        return ""
    words = "Memory bandwidth in GB/s by size: the plateau at the right is memory, the rest is cache"
    return f"<h3>Memory bandwidth</h3>\n<figure>\n{_charts.sweep(points, words)}<figcaption>{text(words)}</figcaption>\n</figure>\n"


def _checks(report: Report) -> str:
    groups: dict[str, list[Check]] = {}
    for check in report.checks:
        if check.verdict not in NOT_HERE and check.group != "speed":
            groups.setdefault(check.group, []).append(check)
    parts = []
    for group, checks in groups.items():
        rows = "".join(_charts.error_row(check, brief(check)) for check in checks)
        parts.append(f'<div class="group"><h3>{text(group)}</h3>\n{rows}</div>\n')
    if not parts:
        return ""
    note = (
        "<p><small>Dots: error as a share of its tolerance on a log scale, from a millionth at the left; the upright line is "
        "the tolerance.</small></p>\n"
    )
    return section("Error against tolerance", f'{note}<div class="rows">\n{"".join(parts)}</div>\n')


def _gpus(report: Report) -> str:
    speed = report.speed
    if speed is None or len(speed.devices) < 2:
        return ""
    names = {str(one["device"]): str(one.get("name") or "") for one in speed.devices}
    shares = node_shares(speed)
    rows = [
        (
            f"{device} {names.get(device, '')}",
            share,
            None,
            rates.percent(share) + (", slow" if share < NODE_FLOOR else ""),
        )
        for device, share in shares.items()
    ]
    note = f"<p><small>Lowest rate against the best GPU of the same name; below {rates.percent(NODE_FLOOR)} is an outlier.</small></p>\n"
    return section("Every GPU", f"{_charts.bars(rows)}{note}{_matrix(speed)}")


def _matrix(speed: Speed) -> str:
    if not speed.pairs:
        return ""
    numbers = sorted({pair.source for pair in speed.pairs} | {pair.target for pair in speed.pairs})
    cells = {(pair.source, pair.target): pair for pair in speed.pairs}
    head = "".join(f'<th scope="col" class="num">to {number}</th>' for number in numbers)
    lines = []
    for source in numbers:
        row = []
        for target in numbers:
            pair = cells.get((source, target))
            if pair is None:
                row.append("<td></td>")
            elif pair.is_right is False:
                row.append('<td class="num bad">wrong content</td>')
            elif pair.gbs is None:
                row.append(f'<td class="num bad">{text(pair.reason or "failed")}</td>')
            else:
                row.append(f'<td class="num">{rates.three(pair.gbs)}{"" if pair.is_direct else " via host"}</td>')
        lines.append(f'<tr><th scope="row">from {source}</th>{"".join(row)}</tr>\n')
    return (
        "<h3>Copies between GPUs, GB/s (the content of each was compared first)</h3>\n"
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead><tbody>\n{"".join(lines)}</tbody></table></div>\n'
    )


def _comparison(report: Report) -> str:
    told = report.comparison
    if told is None:
        return ""
    colours = {"slower": "bad", "faster": "ok"}
    rows = "".join(
        f'<tr><td>{text(one.key)}</td><td class="{colours.get(one.verdict, "dim")}">{text(one.verdict)}</td>'
        f'<td class="num">{100 * (one.ratio - 1):+.1f} %</td><td>{text(one.clock)}</td></tr>\n'
        for one in told.quantities
    )
    head = "<tr><th>quantity</th><th>verdict</th><th>time</th><th>clock</th></tr>"
    return section(
        "Against kept runs",
        f'<p>{text(told.headline)}</p>\n<div class="scroll"><table><thead>{head}</thead><tbody>\n{rows}</tbody></table></div>\n',
    )


def _not_tried(report: Report) -> str:
    rows: list[tuple[str, object]] = [
        (check.name, check.detail or check.verdict) for check in report.checks if check.verdict in NOT_HERE
    ]
    return section("Not tried", table(rows))


def _environment(report: Report) -> str:
    rows: list[tuple[str, object]] = [
        ("device", f"{report.device} {report.device_name or ''}".strip()),
        ("interpreter", report.python or "unknown"),
    ]
    rows += [(name, value) for name, value in report.versions.items() if value]
    rows += [(name.replace("_", " "), _plain(value)) for name, value in report.machine.items() if _is_told(name, value)]
    if report.peak_bytes:
        rows.append(("peak memory of the checks", f"{report.peak_bytes / 1e6:.0f} MB"))
    if report.cpu_seconds:
        rows.append(("CPU time of the checks", f"{report.cpu_seconds:.1f} s"))
    rows += [("library", path) for path in report.libraries]
    return section("Environment", table(rows))


def _is_told(name: str, value: object) -> bool:
    """The device stands above already; what is not known or empty is no row."""
    return name != "device" and value not in (None, {}, [], ())


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _json(report: Report) -> str:
    document = msgspec.json.format(msgspec.json.encode(report), indent=1).decode()
    return (
        '<section class="screen">\n<details>\n<summary>The whole report as JSON</summary>\n'
        '<p><button type="button" id="copy">Copy</button></p>\n'
        f'<textarea id="json" readonly aria-label="JSON" spellcheck="false">{text(document)}</textarea>\n</details>\n</section>\n'
    )
