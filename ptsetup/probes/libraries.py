"""Libraries and packages of the system: what the dynamic loader's cache lists, package versions, CDI, NCCL settings (Linux)."""

import functools
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping

from ptsetup import run
from ptsetup.facts import Library
from ptsetup.probes import _text, deadlines
from ptsetup.probes._tree import Tree, clean

CACHE = "/etc/ld.so.cache"

CACHE_LIMIT = 16 * 1024 * 1024

OF_INTEREST = frozenset(
    f"lib{stem}".encode()
    for stem in (
        "cuda", "nvidia-ml", "nvcuvid", "cudart", "cublas", "cublasLt", "nccl", "nccl-net", "nvrtc", "nvJitLink", "cusparse",
        "cusparseLt", "cusolver", "cufft", "curand", "cupti", "nvshmem_host", "cufile", "avutil", "avcodec", "avformat",
        "ze_loader", "ze_intel_gpu", "OpenCL", "igdrcl", "stdc++", "gomp", "omp", "iomp5", "amdhip64", "hsa-runtime64",
        "rocm_smi64", "amd_smi", "fabric", "ibverbs", "dxcore", "mkl_rt", "numa",
    )
)  # fmt: skip
"""Names before ``.so``; those of cuDNN and of NCCL's plugins are told by their start."""

_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_MAGIC = b"ld.so-1.7.0"
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<IIIIQ")
_ENTRIES_LIMIT = 200_000

MACHINES = {"x86_64": 0x0300, "aarch64": 0x0A00, "s390x": 0x0400, "ppc64le": 0x0500}
"""Machine -> what the flags of a cache entry say of it (glibc, sysdeps/generic/ldconfig.h)."""

PACKAGES = frozenset((
    "libcuda", "libcuda1", "libnccl", "libnccl2", "amdgpu-dkms", "amdgpu-core", "rocm-core", "rocm-hip-runtime", "hsa-rocr",
    "libze1", "libze-intel-gpu1", "intel-opencl-icd", "intel-level-zero-gpu", "level-zero", "ffmpeg", "docker-ce",
    "containerd.io", "podman",
))  # fmt: skip

PACKAGE_STARTS = (
    "nvidia", "libnvidia-", "xorg-x11-drv-nvidia", "akmod-nvidia", "kmod-nvidia", "cuda-compat", "cuda-toolkit", "cuda-nvcc",
    "cuda-drivers", "libcudnn",
)  # fmt: skip

_TELLING = 4

_BEGINNINGS = frozenset(name[:_TELLING].encode() for name in (*PACKAGES, *PACKAGE_STARTS))
"""The first bytes of those names: none is shorter."""

DPKG = "/var/lib/dpkg/status"
DPKG_LIMIT = 64 * 1024 * 1024
PACMAN = "/var/lib/pacman/local"
RPM = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")

CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")


def loader_cache(tree: Tree, machine: str | None) -> tuple[Library, ...] | None:
    """Libraries of interest that the loader would find without any variable set."""
    data = tree.data(CACHE, "host.loader_cache", limit=CACHE_LIMIT)
    if data is None:
        return None
    if _offset(data) is None:
        tree.note("host.loader_cache", "unsupported", f"{CACHE} is not of a format that is known here.")
        return None
    wanted = MACHINES.get(machine or "")
    found: dict[str, str] = {}
    for flags, soname, path in entries_of_interest(data):
        if wanted is None or flags & 0xFF00 == wanted:
            # of several files with one name the loader takes the first
            found.setdefault(soname, path)
    return tuple(
        Library(soname=soname, path=path, version=version_behind(tree, path), via="ld.so.cache")
        for soname, path in sorted(found.items())
    )


def is_of_interest(soname: bytes) -> bool:
    """A library that some rule asks for."""
    stem, mark, _ = soname.partition(b".so")
    return bool(mark) and (stem in OF_INTEREST or stem.startswith((b"libcudnn", b"libnccl-net")))


@functools.lru_cache(maxsize=2)
def entries_of_interest(data: bytes) -> tuple[tuple[int, str, str], ...]:
    """Those entries of ld.so.cache that ``is_of_interest``: three probes ask for them."""
    return tuple(entries(data, is_of_interest))


def entries(data: bytes, is_wanted: Callable[[bytes], bool] = bool) -> Iterator[tuple[int, str, str]]:
    """(flags, soname, path) of each entry in the text of ld.so.cache, format 1.1, alone or behind the old one.

    A system has thousands of them: only those whose name ``is_wanted`` are made into text.
    """
    start = _offset(data)
    if start is None or len(data) < start + _HEADER.size:
        return
    count = min(_HEADER.unpack_from(data, start)[1], _ENTRIES_LIMIT)
    table = data[start + _HEADER.size :][: count * _ENTRY.size]
    whole = len(table) // _ENTRY.size * _ENTRY.size
    for flags, key, value, _, _ in _ENTRY.iter_unpack(table[:whole]):
        soname = _string(data, start + key)
        if is_wanted(soname):
            yield flags, soname.decode("utf-8", "replace"), _string(data, start + value).decode("utf-8", "replace")


def _offset(data: bytes) -> int | None:
    if data.startswith(_MAGIC):
        return 0
    if data.startswith(_OLD_MAGIC):
        place = data.find(_MAGIC)
        return place if place >= 0 else None
    return None


def _string(data: bytes, start: int) -> bytes:
    end = data.find(b"\0", start, start + 4096)
    return data[start:end] if end >= 0 else b""


def version_behind(tree: Tree, path: str) -> str | None:
    """``580.95.05`` when ``libcuda.so.1`` leads to ``libcuda.so.580.95.05``; None when the name bears none."""
    for _ in range(8):
        try:
            target = os.readlink(tree.at(path))  # noqa: PTH115 - a text
        except (OSError, ValueError):
            break
        path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
    match = re.search(r"\.so\.(\d[\w.]*)$", path)
    return match[1] if match else None


def start_packages(
    tree: Tree, *, has_rpm_use: bool, deadline_scale: float = 1.0
) -> Callable[[], dict[str, str] | None]:
    """Versions of the system packages of interest; rpm's own program is asked only where ``has_rpm_use``."""
    data = tree.data(DPKG, limit=DPKG_LIMIT)
    if data is not None:
        found = parse_dpkg(data)
        return lambda: found
    names = tree.names(PACMAN)
    if names is not None:
        listed = parse_pacman(names)
        return lambda: listed
    if not tree.is_real or not has_rpm_use or tree.first(RPM) is None:
        tree.note(
            "host.package_versions", "absent", "No package database that is read here (dpkg, pacman, rpm with a GPU)."
        )
        return lambda: None
    globs = ("*nvidia*", "cuda-*", "libcudnn*", "libnccl*", "rocm-core", "amdgpu-dkms", "*level-zero*")
    child = run.Child(
        ["rpm", "--query", "--all", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\\n", *globs],
        deadline_s=deadlines.PACKAGES_S * deadline_scale,
    )

    def finish() -> dict[str, str] | None:
        done = child.finish()
        if not done.is_ok:
            tree.note(
                "host.package_versions", "timeout" if done.ending == "timeout" else "failed", "rpm gave no answer."
            )
            return None
        return parse_rpm(done.stdout)

    return finish


def is_wanted(package: str) -> bool:
    """A system package that some rule asks for."""
    return package in PACKAGES or package.startswith(PACKAGE_STARTS)


def parse_dpkg(data: bytes) -> dict[str, str]:
    """Installed packages of interest in dpkg's status file."""
    found = {}
    for block in (b"\n" + data).split(b"\nPackage: ")[1:]:
        # of the thousand packages of a system few are of interest, and no text is made of the others
        if block[:_TELLING] not in _BEGINNINGS:
            continue
        name, _, rest = block.partition(b"\n")
        package = name.decode("utf-8", "replace").strip()
        if is_wanted(package):
            rows = _text.pairs(rest.partition(b"\n\n")[0].decode("utf-8", "replace"))
            if rows.get("Status", "").endswith(" installed") and rows.get("Version"):
                found[package] = rows["Version"]
    return found


def parse_pacman(names: tuple[str, ...]) -> dict[str, str]:
    """Folder names such as ``nvidia-utils-580.95.05-1``."""
    parts = (name.rsplit("-", 2) for name in names)
    return {part[0]: f"{part[1]}-{part[2]}" for part in parts if len(part) == 3 and is_wanted(part[0])}


def parse_rpm(text: str) -> dict[str, str]:
    """Lines of name and version."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 2 and is_wanted(row[0])}


def cdi_specs(tree: Tree) -> tuple[str, ...] | None:
    """Files of the Container Device Interface that name NVIDIA; () when there is none."""
    found = []
    for folder in CDI_FOLDERS:
        for name in tree.names(folder) or ():
            if name.endswith((".yaml", ".yml", ".json")):
                path = f"{folder}/{name}"
                if b"nvidia" in (tree.data(path, limit=65536) or b"").lower():
                    found.append(clean(path))
    return tuple(found)


def nccl_config(tree: Tree, env: Mapping[str, str]) -> dict[str, str]:
    """Settings of NCCL's files: /etc/nccl.conf, then the user's own, which wins."""
    home = env.get("HOME")
    files = ["/etc/nccl.conf", env.get("NCCL_CONF_FILE") or (f"{home}/.nccl.conf" if home else None)]
    found: dict[str, str] = {}
    for file in files:
        if file and file.startswith("/"):
            found |= parse_nccl(tree.text(file, limit=65536) or "")
    return found


def parse_nccl(text: str) -> dict[str, str]:
    """``NCCL_NAME=value`` lines; # starts a comment."""
    lines = (line.partition("#")[0].strip().partition("=") for line in text.splitlines())
    return {key.strip(): value.strip() for key, mark, value in lines if mark and re.fullmatch(r"NCCL_\w+", key.strip())}
