"""What Windows and macOS share: programs, interfaces by psutil, the processor's name by py-cpuinfo in a child."""

import os
import sys
from collections.abc import Callable, Mapping

import msgspec

from ptsetup import run
from ptsetup.facts import Interface, Network, Program
from ptsetup.probes import deadlines, network
from ptsetup.probes._tree import Tree, clean, reason_of


def start_network(
    tree: Tree, env: Mapping[str, str], *, is_online: bool = False, deadline_scale: float = 1.0
) -> Callable[[], Network]:
    """The network without the files of Linux: names by the resolver, interfaces by psutil."""
    import socket

    hostname = socket.gethostname() or None
    waiting = network.Waiting(hostname, env, is_online=is_online, deadline_scale=deadline_scale)
    return lambda: waiting.finish(tree, interfaces(tree), None)


def interfaces(tree: Tree) -> tuple[Interface, ...] | None:
    """Network interfaces by psutil."""
    import psutil  # type: ignore[import-untyped]

    try:
        states, addresses = psutil.net_if_stats(), psutil.net_if_addrs()
    except OSError as problem:
        tree.note("host.network.interfaces", reason_of(problem), f"psutil: {problem}.")
        return None
    families = ("AF_INET", "AF_INET6")
    return tuple(
        Interface(
            name=clean(name),
            is_up=states[name].isup if name in states else None,
            is_loopback="loopback" in states[name].flags.split(",") if name in states and states[name].flags else None,
            addresses=tuple(
                row.address.partition("%")[0] for row in rows if getattr(row.family, "name", "") in families
            ),
        )
        for name, rows in sorted(addresses.items())
    )


def which(env: Mapping[str, str], name: str) -> str | None:
    """First program of that name on PATH (with the endings of PATHEXT on Windows)."""
    found = run.which(name, env.get("PATH", ""))
    return clean(found) if found else None


def located(env: Mapping[str, str], names: tuple[str, ...]) -> tuple[Program, ...]:
    """The programs with their paths, no version asked."""
    return tuple(Program(name=name, path=which(env, name), source="PATH") for name in names)


def nvcc(tree: Tree, env: Mapping[str, str]) -> Program:
    """The CUDA compiler by CUDA_HOME, CUDA_PATH, PATH."""
    from ptsetup.probes.programs import TOOLKIT_VARIABLES, toolkit_version

    ending = "nvcc.exe" if os.name == "nt" else "nvcc"
    for variable in TOOLKIT_VARIABLES:
        home = env.get(variable)
        if home:
            path = os.path.join(home, "bin", ending)  # noqa: PTH118 - texts
            if os.path.isfile(path):  # noqa: PTH113 - a text
                return Program(name="nvcc", path=clean(path), version=toolkit_version(tree, home), source=variable)
            return Program(name="nvcc", source=variable, error=clean(f"{variable}={home} has no bin/{ending}."))
    path_found = which(env, "nvcc")
    if path_found is None:
        return Program(name="nvcc", source="PATH")
    home = os.path.dirname(os.path.dirname(os.path.realpath(path_found)))  # noqa: PTH120 - texts
    return Program(name="nvcc", path=path_found, version=toolkit_version(tree, home), source="PATH")


def model_by_cpuinfo(deadline_scale: float = 1.0) -> str | None:
    """The processor's name by py-cpuinfo, in a child: it starts programs, sleeps, and has been seen to crash."""
    done = run.run([sys.executable, "-I", "-m", "cpuinfo", "--json"], deadline_s=deadlines.CPUINFO_S * deadline_scale)
    return parse_cpuinfo(done.stdout) if done.is_ok else None


def parse_cpuinfo(text: str) -> str | None:
    """``brand_raw`` of what ``python -m cpuinfo --json`` prints."""
    try:
        name = msgspec.json.decode(text.encode(), type=dict[str, object]).get("brand_raw")
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return name.strip() or None if isinstance(name, str) else None
