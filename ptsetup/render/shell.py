"""Argument vectors as lines to copy. It stands alone: a plan is printed without the rules that ``machine`` needs."""

import re
import shlex
from collections.abc import Sequence

_PLAIN = re.compile(r"(?!@)[\w@%+=:./~\\-]+", re.ASCII)
"""A word that no shell changes; the backslash is a Windows path's. PowerShell makes two words of ``a,b`` and none of ``@a``."""

_LIVE = re.compile(r'["$`]|!(?!=)')
"""What stays alive between double quotes in some shell: ``!`` (history) does not before ``=``, so ``torch!=2.15.0`` is safe."""


def quoted(command: Sequence[str]) -> str:
    """An argument vector as a line that every shell reads alike: POSIX, PowerShell and the Command Prompt.

    Words are put into double quotes: the Command Prompt knows no single ones (``'numpy<2'`` would redirect there).
    """
    line = " ".join(map(_word, command))
    # PowerShell, the shell that Windows opens, takes a quoted first word for a text unless it is called
    return f"& {line}" if line.startswith('"') and "\\" in command[0] else line


def _word(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    if _LIVE.search(word) or (word.endswith("\\") and " " in word):
        return shlex.quote(word)
    return f'"{word}"'
