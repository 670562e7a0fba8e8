"""Pages of rules: one for the terminal, all of them as Markdown or JSON; and what an error text points to."""

import inspect
from collections.abc import Callable, Iterable, Sequence

import msgspec

from ptsetup.bench.teaching import Lesson
from ptsetup.facts import Record
from ptsetup.render.doctor import COLOURS, wrap
from ptsetup.rules import Rule

Style = Callable[..., str]

HEADINGS = ("What is wrong", "Why it matters", "See it yourself", "Fix", "Sources")
"""The parts of a page, in this order; the docstring of a rule's check holds them."""

SCHEMA = 1


UNKNOWN = "No rule knows this text."


class Page(Record, frozen=True, kw_only=True):
    """The page of one rule."""

    code: str
    slug: str
    severity: str
    title: str
    sections: dict[str, str]
    """Heading -> text; lines that are indented are to be copied."""
    says: tuple[str, ...] = ()
    """Error texts that point to it, as regular expressions."""
    hides: tuple[str, ...] = ()
    """What merely follows when this is found."""


class Pages(Record, frozen=True, kw_only=True):
    """All pages."""

    schema: int = SCHEMA
    pages: tuple[Page, ...]


class Guess(Record, frozen=True, kw_only=True):
    """A rule that an error text points to."""

    code: str
    slug: str
    title: str
    why: str
    """What was found by the facts in the text, or the words that fit."""
    is_found: bool = False
    """The rule itself found it; else only its words fit."""


def page(rule: Rule) -> Page:
    """The page of a rule, from the docstring of its check."""
    return Page(
        code=rule.code,
        slug=rule.slug,
        severity=rule.severity,
        title=rule.title,
        sections=sections(rule.page),
        says=rule.words,
        hides=rule.hides,
    )


def sections(docstring: str) -> dict[str, str]:
    """Heading -> text. Headings stand at the margin, their text is indented; deeper lines are to be copied."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in inspect.cleandoc(docstring).splitlines():
        if line in HEADINGS:
            current = found.setdefault(line, [])
        else:
            current.append(line)
    return {heading: inspect.cleandoc("\n" + "\n".join(lines)).strip("\n") for heading, lines in found.items()}


def as_text(told: Page, style: Style, *, width: int = 80) -> str:
    """One page for a terminal."""
    severity = style(told.severity, fg=COLOURS[told.severity], bold=True)
    lines = [style(f"{told.code}  {told.slug}", bold=True) + f"  ({severity})", *wrap(told.title, width)]
    for heading, text in told.sections.items():
        lines += ["", style(heading, bold=True), *_flow(heading, text, width)]
    return "\n".join(lines) + "\n"


def _flow(heading: str, text: str, width: int) -> list[str]:
    """Running text filled to the width; commands to type, indented lines and lists keep their lines."""
    if heading == "See it yourself":
        return [f"  {row}".rstrip() for row in text.splitlines()]
    lines: list[str] = []
    prose: list[str] = []
    for row in [*text.splitlines(), ""]:
        if row and not row.startswith((" ", "- ")):
            prose.append(row)
            continue
        lines += wrap(" ".join(prose), width, "  ") if prose else []
        prose = []
        lines += wrap(row, width, "  ", "    ") if row.startswith("- ") else [f"  {row}".rstrip()]
    return lines[:-1]


def as_markdown(pages: Iterable[Page]) -> str:
    """All pages as one document."""
    parts = ["# What ptsetup doctor knows\n"]
    for told in pages:
        parts.append(f"\n## {told.code} {told.slug}\n\n{told.severity}: {told.title}\n")
        for heading, text in told.sections.items():
            is_code = heading == "See it yourself"
            body = f"```\n{text}\n```" if is_code else text
            parts.append(f"\n**{heading}**\n\n{body}\n")
    return "".join(parts)


def as_json(pages: Iterable[Page]) -> bytes:
    """All pages as one document with a schema number."""
    return msgspec.json.format(msgspec.json.encode(Pages(pages=tuple(pages))), indent=2) + b"\n"


def lessons(told: Sequence[Lesson], style: Style, *, width: int = 80) -> str:
    """A name that teaching texts get wrong: what is so, what to use, and what tests it."""
    lines: list[str] = []
    for lesson in told:
        lines += wrap(style(lesson.name, bold=True), width)
        lines += wrap(lesson.fact, width, "  ", "  ")
        lines += wrap(f"Use {lesson.use}.", width, "  ", "  ")
        lines += [*_labelled("Tested by:", f"ptsetup bench --only {lesson.check}", width), ""]
    return "\n".join(lines) + "\n"


def guesses_as_markdown(told: Sequence[Guess], taught: Sequence[Lesson]) -> str:
    """The same as a list that fits into an issue."""
    lines = [f"- **{lesson.name}**: {lesson.fact} Use {lesson.use}." for lesson in taught]
    lines += [f"- **{g.code} {g.slug}** ({_mark(g)}): {g.title}. {g.why}" for g in told]
    return "\n".join(lines or [UNKNOWN]) + "\n"


def _mark(guess: Guess) -> str:
    return "found by its facts" if guess.is_found else "its words fit"


def _labelled(label: str, command: str, width: int) -> list[str]:
    """A line to copy beside its label; below it where both do not fit, since such a line is never broken."""
    line = f"  {label} {command}"
    return [line] if len(line) <= width else [f"  {label}", f"    {command}"]


def guesses(told: Sequence[Guess], style: Style, *, width: int = 80) -> str:
    """What an error text points to, the likeliest first."""
    if not told:
        more = wrap("Give more of it (the last lines of the traceback, the environment):", width)
        return "\n".join((UNKNOWN, *more, "  ptsetup doctor --from FILE")) + "\n"
    lines = ["This points to:", ""]
    for guess in told:
        lines += wrap(f"{guess.title} ({_mark(guess)}).", width, f"{style(guess.code, bold=True)}  ", " " * 7)
        lines += wrap(guess.why, width, " " * 7)
    lines += ["", f"Read on: ptsetup explain {told[0].code}", "Look at this machine: ptsetup doctor"]
    return "\n".join(lines) + "\n"
