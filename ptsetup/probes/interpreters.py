"""Other interpreters within reach that have a torch: looked up in their folders, none of them is started."""

import os
import re
from collections.abc import Iterator, Mapping

from ptsetup.facts import OtherInterpreter, Target
from ptsetup.probes import choose

NAMES = r"(?:python|pip)(?:3(?:\.\d{1,2}t?)?)?(?:\.exe)?"

PREFIXES_LIMIT = 80
FOUND_LIMIT = 8

SITES = (
    ("lib", "python3*", "site-packages"),
    ("lib64", "python3*", "site-packages"),
    ("lib", "python3", "dist-packages"),
    ("local/lib", "python3*", "dist-packages"),
    (".", "Lib", "site-packages"),
)
"""Folders of packages below a prefix: of CPython, Fedora, Debian, Windows. A star stands for the rest of a name."""

VERSION = r"(?m)^__version__\s*(?::[^=\n]*)?=\s*['\"]([^'\"\n]+)"

CONDA_HOMES = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", "opt/miniconda3")


def with_torch(target: Target, env: Mapping[str, str]) -> tuple[OtherInterpreter, ...]:
    """Those that have a folder torch with code in it, nearest first; the target is not among them."""
    own = {_real(path) for path in (target.prefix,) if path}
    own_sites = {_real(path) for path in (target.purelib, target.platlib) if path}
    if target.is_user_site_enabled and target.user_site:
        own_sites.add(_real(target.user_site))
    found: list[OtherInterpreter] = []
    seen: set[str] = set()
    for prefix, executable in _prefixes(target, env):
        real = _real(prefix)
        if real in seen or real in own:
            continue
        seen.add(real)
        if len(seen) > PREFIXES_LIMIT or len(found) >= FOUND_LIMIT:
            break
        found += _in_prefix(prefix, executable, own_sites)
    return tuple(found[:FOUND_LIMIT])


def _in_prefix(prefix: str, executable: str | None, own_sites: set[str]) -> Iterator[OtherInterpreter]:
    for site in _sites(prefix):
        version = version_in(site)
        if version is not None and _real(site) not in own_sites:
            runner = executable or choose.interpreter_in(prefix) or prefix
            yield OtherInterpreter(executable=runner, torch_version=version or None, site=site)


def _sites(prefix: str) -> Iterator[str]:
    """Folders of packages that may be there (pathlib's glob takes six times as long, and there are dozens of prefixes)."""
    for above, pattern, leaf in SITES:
        parent = os.path.normpath(os.path.join(prefix, above))  # noqa: PTH118 - a text
        start = pattern.removesuffix("*")
        names = (n for n in _names(parent) if n.startswith(start)) if start != pattern else (pattern,)
        yield from (os.path.join(parent, name, leaf) for name in names)  # noqa: PTH118 - texts


def version_in(site: str) -> str | None:
    """Version of the torch in a folder of packages; "" where its file does not tell, None where there is no torch."""
    folder = os.path.join(site, "torch")  # noqa: PTH118 - a text
    if not os.path.isfile(os.path.join(folder, "__init__.py")):  # noqa: PTH113, PTH118 - never raises
        return None
    try:
        with open(os.path.join(folder, "version.py"), encoding="utf-8", errors="replace") as file:  # noqa: PTH118, PTH123
            match = re.search(VERSION, file.read(65536))
    except OSError:
        return ""
    return match[1] if match else ""


def _real(path: str) -> str:
    return os.path.realpath(path)


def _prefixes(target: Target, env: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """(prefix, interpreter in it as it was met)."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if env.get(variable):
            yield env[variable], None
    for name in (".venv", "venv", "env"):
        yield os.path.join(choose.here(), name), None  # noqa: PTH118 - a text
    for path in _on_path(env.get("PATH", "")):
        yield prefix_of(path), path
    if target.base_prefix:
        yield target.base_prefix, None
    for folder in choose.managed_folders(env):
        yield from ((os.path.join(folder, name), None) for name in _names(folder))  # noqa: PTH118 - texts
    yield from ((prefix, None) for prefix in _conda(env))
    home = env.get("HOME") or env.get("USERPROFILE")
    if home:
        # packages that pip installed for this user, for any interpreter of that version
        yield os.path.join(home, ".local"), None  # noqa: PTH118 - a text


def _on_path(path: str) -> Iterator[str]:
    """Interpreters on PATH, and those that a pip on PATH belongs to (its first line names them)."""
    for folder in dict.fromkeys(path.split(os.pathsep)):
        if not folder or choose.is_shims(folder):
            continue
        for name in _names(folder):
            if name.startswith(("python", "pip")) and re.fullmatch(NAMES, name):
                place = os.path.join(folder, name)  # noqa: PTH118 - a text
                owner = _owner(place) if name.startswith("pip") else place
                if owner:
                    yield owner


def _owner(script: str) -> str | None:
    """The interpreter in the first line of a script."""
    try:
        with open(script, "rb") as file:  # noqa: PTH123 - a text
            first = file.readline(1024)
    except OSError:
        return None
    match = re.match(rb"#!\s*(/\S*python[\w.]*)", first)
    return match[1].decode("utf-8", "replace") if match else None


def prefix_of(interpreter: str) -> str:
    """The prefix that an interpreter belongs to: of its environment, else of the file that it leads to."""
    folder = os.path.dirname(os.path.abspath(interpreter))  # noqa: PTH100, PTH120 - texts
    for place in (folder, os.path.dirname(folder)):  # noqa: PTH120 - a text
        if os.path.isfile(os.path.join(place, "pyvenv.cfg")):  # noqa: PTH113, PTH118 - never raises
            return place
    folder = os.path.dirname(os.path.realpath(interpreter))  # noqa: PTH120 - a text
    return folder if os.name == "nt" else os.path.dirname(folder)  # noqa: PTH120 - a text


def _conda(env: Mapping[str, str]) -> Iterator[str]:
    home = env.get("HOME") or env.get("USERPROFILE") or ""
    program = env.get("CONDA_EXE")
    bases = [os.path.dirname(os.path.dirname(program))] if program else []  # noqa: PTH120 - a text
    bases += [os.path.join(home, name) for name in CONDA_HOMES] if home else []  # noqa: PTH118 - a text
    for base in bases:
        if os.path.isdir(base):  # noqa: PTH112 - never raises
            yield base
            yield from (os.path.join(base, "envs", name) for name in _names(os.path.join(base, "envs")))  # noqa: PTH118


def _names(folder: str | os.PathLike[str]) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - names are wanted
    except (OSError, ValueError):
        return []
