"""What every match of a regular expression must hold: a text without it need not be searched, nor the pattern compiled."""

import functools
import re

_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*\]|\(\?(?:P?<\w+>|:|<?[=!]|P=\w+)|\(|\)|\||[?*+]\??|\{\d*,?\d*\}\??|[^\\\[\]()|?*+{}.^$]+|.",
    re.DOTALL,
)

Literals = tuple[str, ...]
"""One of these texts, in lower case, is in each match; () when none can be told."""


@functools.lru_cache(maxsize=4096)
def literals_of(pattern: str) -> Literals:
    """Texts in lower case of which everything that the pattern fits must hold one; ("",), which everything holds, when none can be told."""
    found, _ = _alternatives(_TOKEN.findall(pattern), 0)
    return tuple(text.lower() for text in found) or ("",)


def _alternatives(tokens: list[str], at: int) -> tuple[Literals, int]:
    """The literals of alternatives up to the end of their group, and the place after it."""
    every: list[str] = []
    is_open = False
    while True:
        found, at = _sequence(tokens, at)
        is_open = is_open or not found
        every += found
        if at >= len(tokens) or tokens[at] == ")":
            return (() if is_open else tuple(dict.fromkeys(every))), at + 1
        at += 1


def _text_of(token: str) -> str:
    """What a token fits and nothing else; an empty text when it fits several."""
    if token[0] == "\\":
        return "" if token[1].isalnum() else token[1]
    return "" if token[0] in "([.^$?*+{" else token


def _group(tokens: list[str], at: int) -> tuple[Literals, int]:
    """The literals of the group that was opened before that place: none where it looks ahead or back."""
    opened = tokens[at - 1]
    found, at = _alternatives(tokens, at)
    is_passed = opened[:2] != "(?" or opened[2] == ":" or opened[:4] == "(?P<"
    return (found if is_passed else ()), at


def _sequence(tokens: list[str], at: int) -> tuple[Literals, int]:
    """The best literals of what stands one after another, and the place of the bar, or of the bracket, that ends it."""
    best: Literals = ()
    size, run, end = 0, "", len(tokens)
    while at < end:
        token = tokens[at]
        first = token[0]
        if first in "|)":
            break
        at += 1
        found: Literals = ()
        text = _text_of(token)
        if first == "(":
            found, at = _group(tokens, at)
        times = tokens[at][0] if at < end else ""
        if times and times in "?*{" and (times != "{" or tokens[at][1] in "0,"):
            text, found, is_whole = text[:-1], (), False
        else:
            is_whole = bool(text) and times not in ("+", "{")
        run += text
        if not is_whole:
            if len(run) > size and _is_plain(run):
                best, size = (run,), len(run)
            run = ""
        if found and (shortest := min(map(len, found))) > size:
            best, size = found, shortest
    if len(run) > size and _is_plain(run):
        best = (run,)
    return best, at


def _is_plain(text: str) -> bool:
    """Of ASCII, Cyrillic, and signs that have no case: letters of which case folds in one way."""
    return text.isascii() or all(char.isascii() or "\u0430" <= char <= "\u044f" or char >= "\u2e80" for char in text)
