"""NVIDIA's driver by its files: kernel module, libraries, settings of containers and of MPS. Nothing of it is loaded."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from ptsetup.facts import Library
from ptsetup.probes import libraries
from ptsetup.probes._tree import Tree, clean

VERSION = r"(?<![\d.])(\d{3}\.\d+(?:\.\d+)*)(?![\d.]*\w)"
"""A driver's release: ``550.144.03``, ``390.157``."""

WANTED = ("libcuda.so.1", "libnvidia-ml.so.1")

WSL = "/usr/lib/wsl/lib"

UNLISTED = (WSL, "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib")
"""Folders that a host puts its driver into without telling the loader (WSL, older container runtimes)."""

SYSTEM = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
          "/lib64", "/usr/lib64", "/lib", "/usr/lib")  # fmt: skip
"""Folders that the loader looks into without a cache."""

MPS_PIPE = "/tmp/nvidia-mps"  # noqa: S108 - CUDA's own default
PATH_LIMIT = 64


def kernel_module(tree: Tree) -> tuple[str | None, str | None]:
    """(version, ``open`` or ``proprietary``) of the loaded module."""
    text = tree.text("/proc/driver/nvidia/version", limit=4096)
    line = next((one for one in (text or "").splitlines() if one.startswith("NVRM version")), "")
    match = re.search(VERSION, line)
    if match:
        return match[1], "open" if "Open Kernel Module" in line else "proprietary"
    told = tree.line("/sys/module/nvidia/version", "nvidia.kernel_module_version")
    match = re.search(VERSION, told or "")
    if told and not match:
        tree.note("nvidia.kernel_module_version", "failed", f"/sys/module/nvidia/version holds {told[:80]!r}.")
    return (match[1] if match else None), None


def device_file_mode(tree: Tree) -> str | None:
    """``0666``: permission bits that the driver gives its device files."""
    params = tree.text("/proc/driver/nvidia/params", "nvidia.device_file_mode", limit=65536) or ""
    match = re.search(r"^DeviceFileMode:\s*(\d{1,6})\s*$", params, re.MULTILINE)
    return f"{int(match[1]):04o}" if match else None


def is_module_built(tree: Tree) -> bool | None:
    """A file of the module exists for the running kernel; None where the modules of that kernel are not in sight (containers)."""
    release = (tree.line("/proc/sys/kernel/osrelease") or "").strip("/")
    folder = f"/lib/modules/{release}"
    if not release or "/" in release or not tree.is_dir(folder):
        return None
    listing = tree.text(f"{folder}/modules.dep", limit=8 << 20)
    return None if listing is None else re.search(r"(?:^|/)nvidia\.ko(?:\.\w+)?:", listing, re.MULTILINE) is not None


def found_libraries(tree: Tree, env: Mapping[str, str]) -> tuple[Library, ...]:
    """Every libcuda.so.1 and libnvidia-ml.so.1, in the loader's order: what it would take is the first of each name."""
    seen: dict[str, Library] = {}
    cached = _cached(tree)
    for soname in WANTED:
        for folder, via in _folders(env, cached[soname]):
            path = f"{folder}/{soname}"
            if path not in seen and tree.exists(path):
                seen[path] = Library(
                    soname=soname,
                    path=clean(path),
                    version=libraries.version_behind(tree, path),
                    via=via,
                    is_text=is_text(tree.data(path, limit=64)),
                )
    return tuple(seen.values())


def _cached(tree: Tree) -> dict[str, list[str]]:
    """Name -> its folders in the loader's cache, those for other machines left out."""
    data = tree.data(libraries.CACHE, limit=libraries.CACHE_LIMIT)
    wanted = None
    if tree.is_real and sys.platform != "win32":
        wanted = libraries.MACHINES.get(os.uname().machine)
    found: dict[str, list[str]] = {soname: [] for soname in WANTED}
    for flags, soname, path in libraries.entries_of_interest(data or b""):
        # 32-bit libraries of the driver stand in the cache as well, under the same name
        if soname in WANTED and (wanted is None or flags & 0xFF00 == wanted):
            found[soname].append(path.rpartition("/")[0])
    return found


def _folders(env: Mapping[str, str], cached: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """(folder, how the loader gets there; None: it does not)."""
    for entry in re.split(r"[:;]", env.get("LD_LIBRARY_PATH", ""))[:PATH_LIMIT]:
        if entry.startswith("/"):
            yield entry.rstrip("/"), "LD_LIBRARY_PATH"
    for folder in (*cached, *SYSTEM):
        yield folder, "ld.so.cache"
    for folder in UNLISTED:
        yield folder, None


def reachable(found: tuple[Library, ...], soname: str, env: Mapping[str, str]) -> bool:
    """The loader would find a library of that name, so that asking it is worth a child."""
    return any(library.soname == soname and library.via for library in found) or soname in env.get("LD_PRELOAD", "")


def is_text(head: bytes | None) -> bool | None:
    """The file is empty or a text in the place of a library (a damaged mount of a container); None: it could not be read."""
    if head is None:
        return None
    return not head.startswith((b"\x7fELF", b"MZ")) and (not head or b"\0" not in head)


def library_version(found: tuple[Library, ...]) -> str | None:
    """Driver version in the name of the real file behind libcuda.so.1, else behind libnvidia-ml.so.1."""
    names = (library.version for soname in WANTED for library in found if library.soname == soname and library.via)
    return next((name for name in names if name and re.fullmatch(VERSION, name)), None)


def mps(tree: Tree, env: Mapping[str, str]) -> tuple[bool, bool | None]:
    """(the pipe folder of CUDA's multi-process service exists, its daemon runs; None: nobody looked)."""
    folder = env.get("CUDA_MPS_PIPE_DIRECTORY") or MPS_PIPE
    if not folder.startswith("/") or not tree.exists(folder):
        return False, None
    pids = tree.names("/proc", "nvidia.mps_daemon_runs")
    if pids is None:
        return True, None
    commands = (tree.line(f"/proc/{pid}/comm") for pid in pids if pid.isdigit())
    return True, any((command or "").startswith("nvidia-cuda-mps") for command in commands)


def has_nvidia_runtime(tree: Tree) -> bool | None:
    """Docker is configured with the nvidia runtime; False where its file is not there."""
    if not tree.exists("/etc/docker/daemon.json"):
        return False
    text = tree.text("/etc/docker/daemon.json", "nvidia.has_nvidia_runtime", limit=65536)
    if text is None:
        return None
    try:
        return "nvidia" in (json.loads(text).get("runtimes") or {})
    except (ValueError, AttributeError, TypeError, RecursionError):
        tree.note("nvidia.has_nvidia_runtime", "failed", "/etc/docker/daemon.json is no JSON object.")
        return None


def cdi_driver_version(tree: Tree) -> str | None:
    """Driver version in the paths of the first CDI specification that names one."""
    for path in libraries.cdi_specs(tree) or ():
        text = tree.text(path) or ""
        match = re.search(r"lib(?:cuda|nvidia-ml)\.so\.(\d{3}\.[\d.]*\d)", text)
        if match:
            return match[1]
    return None


def binding() -> str | None:
    """Path of the module pynvml of nvidia-ml-py beside us; None when it is not installed."""
    import importlib.util

    spec = importlib.util.find_spec("pynvml")
    return spec.origin if spec and spec.origin and os.path.isfile(spec.origin) else None  # noqa: PTH113 - never raises
