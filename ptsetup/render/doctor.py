"""A Diagnosis for people (text), for programs (JSON); the record that both are made from."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence

import msgspec

from ptsetup.facts import Record, Snapshot, replace, to_json
from ptsetup.render import machine
from ptsetup.rules import BY_CODE, Diagnosis, Evidence, Fix, Ranked

Style = Callable[..., str]

SCHEMA = 1
"""Of the doctor's JSON."""

COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


class Report(Record, frozen=True, kw_only=True):
    """What ``ptsetup doctor`` found: the one document that it prints as JSON."""

    schema: int = SCHEMA
    ptsetup_version: str
    outcome: str
    """``ill`` (an error), ``warned`` (a warning), ``well`` (torch was seen at work), ``quiet`` (no fault found, but not all was seen),
    ``unread`` (the text or the Snapshot says nothing about a set-up)."""
    headline: str
    expect: str | None = None
    """The device that is wanted; ``expect_reason`` says how that is known."""
    expect_reason: str | None = None
    as_of: str | None = None
    """The day as of which newest versions are judged."""
    seconds: float | None = None
    findings: tuple[Ranked, ...] = ()
    """Root cause first; what follows from another finding (``consequence_of``) comes last."""
    counts: dict[str, int] = {}
    passed: tuple[str, ...] = ()
    skipped: dict[str, str] = {}
    """Code -> the fact that is not known, and why."""
    snapshot: Snapshot


THRESHOLDS = ("error", "warning", "note")

DEFAULT_THRESHOLD = "error"


def is_failing(counts: Mapping[str, int], fail_on: str) -> bool:
    """Something was found at that severity or above it; never for ``never``."""
    return fail_on != "never" and any(counts[word] for word in THRESHOLDS[: THRESHOLDS.index(fail_on) + 1])


UNREAD = "Nothing about a PyTorch set-up was recognised in this text, so nothing can be said about it."

EMPTY = "This Snapshot holds no facts, so nothing can be said about that machine."

_SPEAKS = re.compile(
    r"torch|cuda|nvidia|rocm|\bhip|python|\bpip\b|conda|error|warning|traceback|driver|gpu", re.IGNORECASE
)


def says_nothing(snapshot: Snapshot) -> bool:
    """No fact is in it, and, of a report, no line that speaks of anything that we know."""
    if snapshot.origin != "report":
        return not snapshot.has_facts
    is_bare = not replace(snapshot, messages=(), env=None).has_facts
    return is_bare and not any(_SPEAKS.search(message.text) for message in snapshot.messages)


def _unread(snapshot: Snapshot) -> str:
    return UNREAD if snapshot.origin == "report" else EMPTY


def report(diagnosis: Diagnosis, snapshot: Snapshot, *, version: str, seconds: float | None = None) -> Report:
    """Put the parts together."""
    counts = {word: sum(f.severity == word for f in diagnosis.findings) for word in ("error", "warning", "note")}
    outcome = "ill" if counts["error"] else "warned" if counts["warning"] else machine.state(snapshot)
    if not diagnosis.findings and says_nothing(snapshot):
        outcome = "unread"
    return Report(
        ptsetup_version=version,
        outcome=outcome,
        headline=_unread(snapshot) if outcome == "unread" else machine.headline(diagnosis, snapshot, outcome),
        expect=diagnosis.expect,
        expect_reason=diagnosis.expect_reason,
        as_of=diagnosis.as_of,
        seconds=seconds,
        findings=diagnosis.findings,
        counts=counts,
        # a rule that had nothing to look at has not passed
        passed=() if outcome == "unread" else tuple(v.code for v in diagnosis.verdicts if v.outcome == "passed"),
        skipped={v.code: v.reason or "" for v in diagnosis.verdicts if v.outcome == "skipped"},
        snapshot=snapshot,
    )


def as_json(told: Report) -> bytes:
    """One document with a schema number."""
    return to_json(told)


def schema() -> bytes:
    """The JSON Schema of that document."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Report)), indent=2) + b"\n"


def as_text(
    told: Report, style: Style, *, width: int = 80, is_verbose: bool = False, fail_on: str = DEFAULT_THRESHOLD
) -> str:
    """Quiet when well, full when ill: the answer, the root cause with evidence and fix, the rest in short, the machine.

    What decides the exit code is shown in any case: notes where ``fail_on`` says so.
    """
    lines = [*wrap(told.headline, width), ""]
    has_notes = is_verbose or fail_on == "note"
    main = [f for f in told.findings if f.consequence_of is None]
    shown = [f for f in main if f.severity != "note" or has_notes]
    for position, finding in enumerate(shown):
        followers = [f for f in told.findings if f.consequence_of == finding.code]
        is_full = position == 0 or is_verbose
        lines += _full(finding, style, width) if is_full else _short(finding, style, width)
        lines += _followers(followers, style, width)
        lines.append("")
    if shown or is_verbose:
        lines += [line for label, value in machine.summary(told.snapshot) for line in _row(label, value, width)]
        lines += _expected(told, width)
    if is_verbose:
        lines += _verdicts(told, style, width)
    if not shown and not is_verbose:
        lines.pop()
    lines += wrap(_tail(told, has_notes=has_notes), width)
    if fail_on != DEFAULT_THRESHOLD and is_failing(told.counts, fail_on):
        lines += wrap(f"Exit code 1: --fail-on {fail_on}.", width)
    return "\n".join(lines) + "\n"


def wrap(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """A text broken into lines; nothing is cut, long words (paths, URLs) stay whole."""
    after = first if rest is None else rest
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=after, break_long_words=False, break_on_hyphens=False
    ) or [first.rstrip()]


def _head(finding: Ranked, style: Style) -> str:
    word = style(f"{finding.severity:<8}", fg=COLOURS[finding.severity], bold=True)
    return f"{word} {finding.code}  "


def _full(finding: Ranked, style: Style, width: int) -> list[str]:
    lines = [_head(finding, style) + finding.slug, *wrap(finding.message, width, "  "), ""]
    lines += _evidence(finding.evidence, style, width)
    return lines + [""] * bool(finding.fixes) + fixes(finding.fixes, width)


def _evidence(evidence: Sequence[Evidence], style: Style, width: int) -> list[str]:
    rows = [(machine.label_of(e.path), e.value, e.source) for e in evidence]
    column = min(max((len(label) for label, _, _ in rows), default=0), 18) + 2
    lines = []
    for label, value, source in rows:
        text = value if not source else f"{value}  ({source})"
        wrapped = wrap(text, width, f"  {label:<{column - 2}}  ", " " * (column + 2))
        if source and wrapped[-1].endswith(f"({source})"):
            wrapped[-1] = wrapped[-1][: -len(source) - 2] + style(f"({source})", dim=True)
        lines += wrapped
    return lines


def fixes(ways: Sequence[Fix], width: int, indent: str = "  ") -> list[str]:
    """The ways out, numbered where there are several, each with its lines to copy (which are never broken)."""
    lines: list[str] = []
    for number, fix in enumerate(ways, 1):
        label = f"Fix {number}" if len(ways) > 1 else "Fix"
        where = "" if fix.where == "here" else f" {fix.where}"
        lines += wrap(f"{label}{where}: {fix.text}", width, indent, indent + "  ")
        lines += [f"{indent}  {line}" for line in machine.lines_to_copy(fix)]
    return lines


def _short(finding: Ranked, style: Style, width: int) -> list[str]:
    head = _head(finding, style)
    pad = " " * 16
    lines = wrap(finding.message, width, pad, pad)
    lines[0] = head + lines[0][16:]
    copies = [line for fix in finding.fixes[:1] for line in machine.lines_to_copy(fix)]
    if not copies and finding.fixes:
        return lines + wrap(f"Fix: {finding.fixes[0].text}", width, "    ", "      ")
    return lines + [f"    {line}" for line in copies]


def _followers(followers: Sequence[Ranked], style: Style, width: int) -> list[str]:
    """What follows from the finding above: named, so that nobody looks for a second cause."""
    lines: list[str] = []
    for finding in followers:
        text = f"follows: {finding.code}: {finding.title.rstrip('.')}"
        lines += [style(line, dim=True) for line in wrap(text, width, "  ", "    ")]
    return lines


def _row(label: str, value: str, width: int) -> list[str]:
    return wrap(value, width, f"{label:<9}", " " * 9)


def _expected(told: Report, width: int) -> list[str]:
    if told.expect is None:
        return []
    another = "" if "--expect" in (told.expect_reason or "") else "; --expect says otherwise"
    return _row("Expected", f"{told.expect} ({told.expect_reason}{another})", width)


def _verdicts(told: Report, style: Style, width: int) -> list[str]:
    """What passed, and what was skipped and why."""
    lines = ["", style("Passed", bold=True), *wrap(" ".join(told.passed) or "nothing", width, "  ")]
    by_reason: dict[str, list[str]] = {}
    for code, reason in told.skipped.items():
        by_reason.setdefault(reason, []).append(code)
    for heading, start in (("Not checked", "not known"), ("Not for this machine", "not here")):
        rows = [(reason, codes) for reason, codes in by_reason.items() if reason.startswith(start)]
        lines += [style(heading, bold=True)] * bool(rows)
        for reason, codes in rows:
            lines += wrap(f"{reason.partition(': ')[2]}: {' '.join(codes)}", width, "  ", "    ")
    return [*lines, ""]


def _tail(told: Report, *, has_notes: bool) -> str:
    looked = len(told.passed) + len({f.code for f in told.findings if f.code in BY_CODE})
    took = f" in {told.seconds:.1f} s" if told.seconds is not None else ""
    parts = [f"{n} {word}{'s' * (n != 1)}" for word, n in told.counts.items() if n and word != "note"]
    notes = told.counts.get("note", 0)
    if notes:
        parts.append(f"{notes} note{'s' * (notes != 1)}{'' if has_notes else ' (-v)'}")
    unknown = sum(reason.startswith("not known") for reason in told.skipped.values())
    if unknown:
        parts.append(f"{unknown} could not be checked (-v)")
    return f"Looked at {looked} thing{'s' * (looked != 1)}{took}{': ' if parts else ''}{', '.join(parts)}."
