"""``ptsetup explain``: the page of a rule, or what an error text means."""

import re
from collections.abc import Sequence
from typing import Any

import click

from ptsetup.terminal import Terminal

LIMIT = 8
"""Rules that are named for one error text."""


@click.command()
@click.argument("asked", nargs=-1, metavar="CODE...|TEXT")
@click.option("--all", "is_all", is_flag=True, help="Print every page.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How to print it."
)
@click.pass_context
def command(ctx: click.Context, /, asked: tuple[str, ...], is_all: bool, form: str) -> None:
    """Print the page of a rule (PT502, driver-too-old-for-wheel), or say what a pasted error text means (- reads stdin)."""
    from ptsetup.errors import RequestError

    terminal: Terminal = ctx.obj
    if is_all and asked:
        raise RequestError("--all prints every page, and one was named beside it.", hint="Give one of the two.")
    if is_all or (asked and all(_is_name(word) for word in asked)):
        _pages(_chosen(asked, is_all=is_all), form, terminal)
        return
    if not any(word.strip() for word in asked):
        raise RequestError(
            "Nothing to explain was given.",
            hint="Give a code (ptsetup explain PT502), an error text in quotes, or --all.",
        )
    from ptsetup.bench.teaching import lessons

    text = _given(asked, terminal)
    found, taught = guess(text), lessons(text)
    _guesses(found, taught, form, terminal)
    ctx.exit(0 if found or taught else 1)


def _given(asked: tuple[str, ...], terminal: Terminal) -> str:
    """The error text: the words, or what stdin holds."""
    if asked != ("-",):
        return " ".join(asked)
    from ptsetup.commands import _input
    from ptsetup.readers import decode

    return decode(_input.content("-", terminal))


def _is_name(word: str) -> bool:
    from ptsetup.rules import RULES

    return bool(re.fullmatch(r"PT\d+", word, re.IGNORECASE)) or any(rule.slug == word.lower() for rule in RULES)


def _chosen(asked: tuple[str, ...], *, is_all: bool) -> list[Any]:
    """The rules that are meant, in the order of the question; a prefix (PT5) means its family.

    Raises:
        RequestError: there is no such rule.
    """
    from ptsetup.errors import RequestError
    from ptsetup.rules import RULES

    if is_all:
        return list(RULES)
    chosen = []
    for word in asked:
        found = [rule for rule in RULES if rule.slug == word.lower() or rule.code.startswith(word.upper())]
        if not found:
            raise RequestError(f"There is no rule {word.upper()}.", hint="List all of them: ptsetup explain --all")
        chosen += [rule for rule in found if rule not in chosen]
    return chosen


def _pages(chosen: list[Any], form: str, terminal: Terminal) -> None:
    from ptsetup.render import explain as render

    pages = [render.page(rule) for rule in chosen]
    if form == "json":
        terminal.result_bytes(render.as_json(pages))
    elif form == "markdown":
        terminal.result(render.as_markdown(pages))
    else:
        terminal.result("\n".join(render.as_text(page, terminal.style, width=terminal.width) for page in pages))


def guess(text: str) -> list[Any]:
    """Rules that an error text points to: those that its facts prove, then the known meanings of its lines, then those whose words fit."""
    from ptsetup import index, readers
    from ptsetup.commands import _messages
    from ptsetup.render.explain import Guess
    from ptsetup.rules import BY_CODE, RULES, Case, diagnose

    wheels = index.load()
    snapshot = readers.read(text)
    found: dict[str, Guess] = {}
    for f in diagnose(snapshot, wheels).findings:
        if f.code in BY_CODE:
            told = Guess(code=f.code, slug=f.slug, title=f.title.rstrip("."), why=f.message, is_found=True)
            found.setdefault(f.code, told)
    meant = {one.code: _by_words(BY_CODE[one.code], one.words) for one in _messages.meant_by(text)}
    case = Case(snapshot, wheels)
    heard = [
        _by_words(rule, hit.match[0])
        for rule in RULES
        if rule.words and not {rule.code} & (found.keys() | meant.keys()) and (hit := case.heard(rule)) is not None
    ]
    known = [entry for code, entry in meant.items() if code not in found]
    return [*found.values(), *known, *heard][:LIMIT]


def _by_words(rule: Any, words: str) -> Any:
    from ptsetup.render.explain import Guess

    return Guess(code=rule.code, slug=rule.slug, title=rule.title.rstrip("."), why=f"“{' '.join(words.split())[:200]}”")


def _guesses(found: list[Any], taught: Sequence[Any], form: str, terminal: Terminal) -> None:
    import msgspec

    from ptsetup.render import explain as render

    if form == "json":
        body = msgspec.json.encode({"schema": render.SCHEMA, "guesses": found, "lessons": taught})
        terminal.result_bytes(msgspec.json.format(body, indent=2) + b"\n")
        return
    if form == "markdown":
        terminal.result(render.guesses_as_markdown(found, taught))
        return
    if taught:
        terminal.result(render.lessons(taught, terminal.style, width=terminal.width))
    if found or not taught:
        terminal.result(render.guesses(found, terminal.style, width=terminal.width))
