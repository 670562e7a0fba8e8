"""Installers at work in the target environment: what they leave half done while they run is no damage."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping

from ptsetup.facts import Target, Unknown

PROC = "/proc"

INSTALLS = ("install", "sync", "uninstall", "add", "remove", "update", "create")

NAMED = (b"pip", b"uv", b"conda", b"mamba", b"poetry", b"pdm")

PROGRAM = r"(?:^|[/\\])(?:pip(?:3(?:\.\d+)?)?|uv|poetry|pdm|conda|mamba|micromamba)(?:\.exe)?$|^pip$"


def running(
    target: Target, env: Mapping[str, str], unknowns: list[Unknown], proc: str = PROC
) -> tuple[int, ...] | None:
    """Ids of pip, uv, conda and their like that change this environment; None where processes cannot be listed."""
    if not os.path.isdir(proc):  # noqa: PTH112 - never raises
        unknowns.append(
            Unknown(path="target.running_installs", reason="unsupported", detail=f"There is no {proc} here.")
        )
        return None
    places = {os.path.realpath(path) for path in (target.prefix, env.get("VIRTUAL_ENV")) if path}
    places = {path for path in places if target.prefix and path == os.path.realpath(target.prefix)}
    own = _ancestors(proc)
    return tuple(
        pid
        for pid, words in _commands(proc)
        if pid not in own and is_install(words) and _acts_on(proc, pid, words, places)
    )


def is_install(words: list[str]) -> bool:
    """The command line of an installer that changes something (``python -m pip install torch``, ``uv sync``)."""
    for position, word in enumerate(words[:4]):
        if re.search(PROGRAM, word) and (position == 0 or words[position - 1] == "-m" or _is_python(words[0])):
            return any(other in INSTALLS for other in words[position + 1 : position + 4])
    return False


def _is_python(word: str) -> bool:
    return re.search(r"(?:^|[/\\])python[\w.]*$", word) is not None


def _acts_on(proc: str, pid: int, words: list[str], places: set[str]) -> bool:
    """By what ``--python`` or ``--prefix`` names; else by the interpreter that runs it, or the environment that was active then."""
    folder = _folder(proc, pid)
    named = [word.partition("=")[2] for word in words if word.startswith(TARGETS_WITH_VALUE)]
    named += _after(words, TARGETS)
    if named:
        return any(_leads_to(folder, path, places) for path in named)
    # uv and conda may lie in one environment and work on another; pip works on its own
    if any(_leads_to(folder, path, places) for path in words[:2] if not re.search(MANAGER, path)):
        return True
    active = _variable(proc, pid, "VIRTUAL_ENV")
    return active is not None and os.path.realpath(active) in places


TARGETS = ("--python", "-p", "--prefix", "--target")
TARGETS_WITH_VALUE = tuple(f"{name}=" for name in TARGETS if name.startswith("--"))
MANAGER = r"(?:^|[/\\])(?:uv|poetry|pdm|conda|mamba|micromamba)(?:\.exe)?$"


def _leads_to(folder: str | None, path: str, places: set[str]) -> bool:
    """``.venv/bin/python`` is seen from that process's folder, not from ours: another project has one, too."""
    if not os.path.isabs(path):  # noqa: PTH117 - a text
        if folder is None or "/" not in path:
            return False
        path = f"{folder}/{path}"
    return any(_is_below(os.path.normpath(path), place) for place in places)


def _folder(proc: str, pid: int) -> str | None:
    try:
        return os.readlink(f"{proc}/{pid}/cwd")  # noqa: PTH115 - a text
    except OSError:
        return None


def _after(words: list[str], options: tuple[str, ...]) -> Iterator[str]:
    return (value for name, value in itertools.pairwise(words) if name in options)


def _is_below(path: str, place: str) -> bool:
    # the interpreter of an environment is a link to one elsewhere: only its folder is resolved
    folder = os.path.realpath(os.path.dirname(path))  # noqa: PTH120 - a text
    return folder == place or folder.startswith(place.rstrip(os.sep) + os.sep)


def _commands(proc: str) -> Iterator[tuple[int, list[str]]]:
    for name in os.listdir(proc):  # noqa: PTH208 - names are wanted
        if name.isdigit():
            data = _read(f"{proc}/{name}/cmdline")
            if data and any(program in data for program in NAMED):
                yield int(name), [word.decode("utf-8", "replace") for word in data.split(b"\0") if word]


def _variable(proc: str, pid: int, name: str) -> str | None:
    """A variable of another process of this user."""
    start = f"{name}=".encode()
    return next(
        (
            entry[len(start) :].decode("utf-8", "replace")
            for entry in (_read(f"{proc}/{pid}/environ") or b"").split(b"\0")
            if entry.startswith(start)
        ),
        None,
    )


def _ancestors(proc: str) -> set[int]:
    """This process and those that started it: ``uv run ptsetup`` is no installation."""
    found, pid = set(), os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        status = (_read(f"{proc}/{pid}/stat") or b"").rpartition(b")")[2].split()
        pid = int(status[1]) if len(status) > 1 and status[1].isdigit() else 0
    return found


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a text
            return file.read(131072)
    except OSError:
        return None
