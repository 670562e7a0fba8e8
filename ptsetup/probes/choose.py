"""Which interpreter is the target: the one asked for, else the active environment, else ./.venv, else our own."""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ptsetup import run
from ptsetup.errors import TargetError

ELSEWHERE = "Name an interpreter by its path: --python /path/to/python"

OR_ELSEWHERE = "or name an interpreter by its path: --python /path/to/python"


VERSIONS = tuple(f"3.{minor}" for minor in range(20, 5, -1))
"""Versions that are named where the one that was asked for is missing."""


class Choice(NamedTuple):
    """The target."""

    executable: str
    chosen_by: str
    """``--python``, ``VIRTUAL_ENV``, ``CONDA_PREFIX``, ``.venv``, ``own``."""


def choose(
    python: str | None, env: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None
) -> Choice:
    """The target interpreter.

    Raises:
        TargetError: what was asked for, or what the environment names, does not exist.
    """
    env = os.environ if env is None else env
    folder = here() if cwd is None else os.fspath(cwd)
    if python is not None:
        return Choice(executable=_named(python, env), chosen_by="--python")
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if env.get(variable):
            return Choice(executable=_active(variable, env[variable]), chosen_by=variable)
    local = _joined(folder, ".venv")
    found = interpreter_in(local)
    if found is not None:
        return Choice(executable=found, chosen_by=".venv")
    if os.path.isfile(_joined(local, "pyvenv.cfg")):  # noqa: PTH113
        raise TargetError(
            f"The environment {local} has no interpreter.",
            hint=f"Make it anew (python -m venv {local}), {OR_ELSEWHERE}",
        )
    if not sys.executable:
        raise TargetError("The interpreter that runs ptsetup does not know its own path.", hint=ELSEWHERE)
    return Choice(executable=sys.executable, chosen_by="own")


def here() -> str:
    """The current folder; the root when it was deleted under us."""
    try:
        return os.getcwd()  # noqa: PTH109 - a text
    except OSError:
        return os.path.abspath(os.sep)  # noqa: PTH100 - a text


def interpreter_in(prefix: str | os.PathLike[str]) -> str | None:
    """The interpreter of an environment; None when there is none that can be run."""
    names = (r"Scripts\python.exe", "python.exe") if os.name == "nt" else ("bin/python", "bin/python3")
    places = (_joined(prefix, name) for name in names)
    return next((place for place in places if is_program(place)), None)


def _joined(folder: str | os.PathLike[str], *names: str) -> str:
    """A path as a text: pathlib takes 4 ms to import, which a verdict in a blink does not have."""
    return os.path.join(os.fspath(folder), *names)  # noqa: PTH118


def is_program(path: str | os.PathLike[str]) -> bool:
    """A file that may be executed."""
    return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - never raises, also for odd names


def _active(variable: str, prefix: str) -> str:
    found = interpreter_in(prefix)
    if found is None:
        raise TargetError(
            f"{variable} names {prefix}, where there is no interpreter.",
            hint=f"Leave that environment (deactivate, or unset {variable}), {OR_ELSEWHERE}",
        )
    return found


def _named(name: str, env: Mapping[str, str]) -> str:
    if not name.strip():
        raise TargetError("--python is empty.", hint="Leave it out, or look whether the variable in it is set.")
    path = os.path.expanduser(name)  # noqa: PTH111 - a text that may be no path at all
    if os.path.isdir(path):  # noqa: PTH112 - never raises
        found = interpreter_in(path)
        if found is None:
            raise TargetError(f"There is no Python interpreter in the folder {name}.", hint=ELSEWHERE)
        return os.path.abspath(found)  # noqa: PTH100 - resolving links would leave a virtual environment
    if os.path.lexists(path) or os.sep in name or "/" in name:
        if not is_program(path):
            what = "does not exist" if not os.path.lexists(path) else "is no program: it cannot be executed"
            raise TargetError(f"{name} {what}.", hint=ELSEWHERE)
        return os.path.abspath(path)  # noqa: PTH100 - resolving links would leave a virtual environment
    found = next(by_name(name, env), None)
    if found is None:
        known = ", ".join(version for version in VERSIONS if next(by_name(version, env), None))
        raise TargetError(
            f"No interpreter called {name} was found on PATH or among those of pyenv and uv.",
            hint=f"Take one of {known}, {OR_ELSEWHERE}" if known else ELSEWHERE,
        )
    return found


def by_name(name: str, env: Mapping[str, str]) -> Iterator[str]:
    """Interpreters for ``3.12``, ``3.12.1``, ``3.14t``, ``python3.12`` or any other name of a program, best first."""
    match = re.fullmatch(r"(?:python|cpython-|cp)?(\d)\.?(\d{1,2})?(?:\.(\d{1,2}))?(t?)", name)
    path = env.get("PATH", "")
    if match is None:
        found = run.which(name, path)
        yield from [found] if found else []
        return
    major, minor, micro, free = match.groups()
    wanted = ".".join(part for part in (major, minor, micro) if part)
    if not micro:
        found = _on_path(f"python{major}" + (f".{minor}" if minor else "") + free, path)
        yield from [found] if found else []
    yield from _managed(wanted, free, env)


def _on_path(name: str, path: str) -> str | None:
    """The first on PATH that is no shim: a shim runs whatever version the current folder asks for, or none."""
    for folder in path.split(os.pathsep):
        found = run.which(name, folder) if folder and not is_shims(folder) else None
        if found:
            return found
    return None


def is_shims(folder: str) -> bool:
    """A folder of pyenv's or asdf's programs, each of which runs whatever version the current folder asks for."""
    return os.path.basename(folder.rstrip("/" + os.sep)) == "shims"  # noqa: PTH119


def _managed(version: str, free: str, env: Mapping[str, str]) -> Iterator[str]:
    """Interpreters that pyenv and uv installed, the newest first."""
    pattern = re.compile(rf"(?:cpython-)?{re.escape(version)}(?:\.\d+)*{'(?:t|.freethreaded)' if free else ''}(?:-.*)?")
    for folder in managed_folders(env):
        names = os.listdir(folder) if os.path.isdir(folder) else []  # noqa: PTH112, PTH208 - names are wanted
        fitting = [name for name in names if pattern.fullmatch(name) and bool(free) == _is_free_threaded(name)]
        for name in sorted(fitting, key=_numbers, reverse=True):
            found = interpreter_in(_joined(folder, name))
            if found:
                yield found


def managed_folders(env: Mapping[str, str]) -> tuple[str, ...]:
    """Where pyenv and uv keep the interpreters that they installed."""
    home = os.path.expanduser(env.get("HOME") or env.get("USERPROFILE") or "~")  # noqa: PTH111
    data = env.get("XDG_DATA_HOME") or _joined(home, ".local", "share")
    if os.name == "nt":
        data = env.get("APPDATA") or _joined(home, "AppData", "Roaming")
    return (
        _joined(env.get("PYENV_ROOT") or _joined(home, ".pyenv"), "versions"),
        env.get("UV_PYTHON_INSTALL_DIR") or _joined(data, "uv", "python"),
    )


def _is_free_threaded(name: str) -> bool:
    return re.match(r"(?:cpython-)?[\d.]+(?:t\b|\+freethreaded)", name) is not None


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name)[:3])
