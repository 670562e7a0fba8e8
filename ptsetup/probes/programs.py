"""Compilers and tools: where they are, and which version, all asked side by side under one short deadline."""

import os
import re
import shlex
from collections.abc import Callable, Mapping

from ptsetup import run
from ptsetup.facts import Program, replace
from ptsetup.probes import deadlines
from ptsetup.probes._tree import Tree, clean

VERSIONED = ("g++", "clang++", "gcc", "cc", "ninja")
"""Asked for their version: they answer within milliseconds. Docker and nvidia-ctk take far longer, and no rule needs theirs."""

C_ALONE = ("gcc", "cc")
"""Asked only where there is no g++, which comes with them and is what extensions are built with."""

LOCATED = ("docker", "podman", "nvidia-ctk", "nvidia-modprobe", "nvidia-cuda-mps-control")

TOOLKIT_VARIABLES = ("CUDA_HOME", "CUDA_PATH")

TOOLKIT = "/usr/local/cuda"

_VERSION = r"(\d+(?:\.\d+)+[\w.-]*|\b\d+\b)"
_NVCC = r"release (\d+\.\d+)(?:, V(\d+(?:\.\d+)+))?"


def start(tree: Tree, env: Mapping[str, str], *, deadline_scale: float = 1.0) -> Callable[[], tuple[Program, ...]]:
    """Look for the programs and start those that are asked for their version; the result is what waits for them."""
    found = [nvcc(tree, env), *_compilers(tree, env)]
    found += [Program(name=name, path=_clean(which(tree, env, name)), source="PATH") for name in LOCATED]
    children: dict[int, run.Child] = {}
    started: dict[str, int] = {}
    same: dict[int, int] = {}
    has_cxx = any(program.name == "g++" and program.path for program in found)
    for number, program in enumerate(found):
        command = _question(program, env)
        if command is None or not tree.is_real or (has_cxx and program.name in C_ALONE):
            continue
        # g++, c++ and cc are often one file: it is asked once
        real = "\0".join([os.path.realpath(command[0]), *command[1:]])
        if real in started:
            same[number] = started[real]
        else:
            children[number] = run.Child(command, deadline_s=deadlines.VERSION_S * deadline_scale)
            started[real] = number

    def finish() -> tuple[Program, ...]:
        done = {number: child.finish() for number, child in children.items()}
        done |= {number: done[first] for number, first in same.items()}
        return tuple(_told(program, done.get(number)) for number, program in enumerate(found))

    return finish


def nvcc(tree: Tree, env: Mapping[str, str]) -> Program:
    """The CUDA compiler as torch's extension builder looks for it: CUDA_HOME, CUDA_PATH, PATH, /usr/local/cuda."""
    set_ = [(name, env[name]) for name in TOOLKIT_VARIABLES if env.get(name)]
    if set_:
        # the first variable that is set decides, right or wrong
        variable, home = set_[0]
        path = f"{home.rstrip('/')}/bin/nvcc"
        is_there = os.path.isfile(tree.at(path))  # noqa: PTH113 - a text
        return Program(
            name="nvcc",
            path=clean(path) if is_there else None,
            version=toolkit_version(tree, home) if is_there else None,
            source=variable,
            error=None if is_there else clean(f"{variable}={home} has no bin/nvcc."),
        )
    on_path = which(tree, env, "nvcc")
    if on_path is not None:
        real = os.path.realpath(tree.at(on_path))
        home = real.removeprefix(tree.root).rpartition("/bin/")[0]
        return Program(name="nvcc", path=clean(on_path), version=toolkit_version(tree, home), source="PATH")
    if os.path.isfile(tree.at(f"{TOOLKIT}/bin/nvcc")):  # noqa: PTH113 - a text
        version = toolkit_version(tree, TOOLKIT)
        return Program(name="nvcc", path=f"{TOOLKIT}/bin/nvcc", version=version, source=TOOLKIT)
    return Program(name="nvcc", source="PATH")


def toolkit_version(tree: Tree, home: str) -> str | None:
    """Version of a CUDA toolkit by its version.json (its nvcc, else the toolkit's own) or the older version.txt."""
    text = tree.text(f"{home}/version.json", limit=65536)
    if text is not None:
        import msgspec

        try:
            table = msgspec.json.decode(text.encode(), type=dict[str, dict[str, object]])
        except msgspec.DecodeError:
            table = {}
        version = next((table[key].get("version") for key in ("cuda_nvcc", "cuda") if key in table), None)
        if isinstance(version, str):
            return version
    match = re.search(r"CUDA Version (\d+(?:\.\d+)+)", tree.text(f"{home}/version.txt", limit=4096) or "")
    return match[1] if match else None


def _compilers(tree: Tree, env: Mapping[str, str]) -> list[Program]:
    found = []
    for variable in ("CXX", "CC"):
        words = split(env.get(variable))
        if words:
            path = words[0] if "/" in words[0] else which(tree, env, words[0])
            is_there = path is not None and os.path.isfile(tree.at(path))  # noqa: PTH113 - a text
            found.append(
                Program(
                    name=variable,
                    path=clean(path) if is_there and path else None,
                    source=variable,
                    error=None if is_there else clean(f"{variable}={env[variable]} names no program."),
                )
            )
    return found + [Program(name=name, path=_clean(which(tree, env, name)), source="PATH") for name in VERSIONED]


def split(text: str | None) -> list[str]:
    """The words of a variable such as ``CXX="ccache g++"``."""
    try:
        return shlex.split(text or "")
    except ValueError:
        return (text or "").split()


def which(tree: Tree, env: Mapping[str, str], name: str) -> str | None:
    """First file of that name on PATH that may be executed; no child is started, nothing in the current folder counts."""
    for folder in (env.get("PATH") or "").split(os.pathsep):
        path = f"{folder.rstrip('/')}/{name}"
        if folder.startswith("/") and os.path.isfile(tree.at(path)) and os.access(tree.at(path), os.X_OK):  # noqa: PTH113
            return path
    return None


def _clean(path: str | None) -> str | None:
    return None if path is None else clean(path)


def _question(program: Program, env: Mapping[str, str]) -> list[str] | None:
    """The command that prints the program's version; None when it is not asked."""
    if program.path is None:
        return None
    if program.name in ("CXX", "CC"):
        return [program.path, *split(env.get(program.name))[1:], "--version"]
    if program.name == "nvcc":
        return [program.path, "--version"] if program.version is None else None
    return [program.path, "--version"] if program.name in VERSIONED else None


def _told(program: Program, done: run.Completed | None) -> Program:
    """The program with its answer."""
    if done is None:
        return program
    if not done.is_ok:
        said = next((line.strip() for line in done.stderr.splitlines() if line.strip()), "")
        why = f"{' '.join(done.argv)}: {_ending(done)}{f': {said}' if said else ''}"
        return replace(program, error=clean(why)[:300])
    parse = nvcc_version if program.name == "nvcc" else version_in
    return replace(program, version=parse(done.stdout))


def _ending(done: run.Completed) -> str:
    if done.ending != "exited":
        return "no answer in time" if done.ending == "timeout" else "it does not start"
    return f"ended by signal {done.signal}" if done.signal else f"exit code {done.exit_code}"


def version_in(text: str) -> str | None:
    """The version in the first line that ``--version`` prints: ``g++ (Debian 12.2.0-14) 12.2.0`` -> 12.2.0."""
    line = re.sub(r"\([^)]*\)", " ", next(iter(text.splitlines()), ""))
    match = re.search(_VERSION, line)
    return match[1] if match else None


def nvcc_version(text: str) -> str | None:
    """``13.2.51`` in what ``nvcc --version`` prints, else its ``release 13.2``."""
    match = re.search(_NVCC, text)
    return (match[2] or match[1]) if match else None
