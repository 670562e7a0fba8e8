"""The installed torch by its own files: version.py as text, folders, ELF headers; nothing of it is imported or executed."""

import os
import re

from ptsetup_inside import elf

ASSIGNED = re.compile(
    r"^(__version__|debug|cuda|git_version|hip|rocm|xpu)\s*(?::[^=\n]*)?=\s*(None|True|False|'[^'\n]*'|\"[^\"\n]*\")",
    re.M,
)

KNOWN_LOCAL = re.compile(r"cpu(?:\.cxx11\.abi)?|cu\d+(?:[._]full)?|rocm[\d.]+|xpu|cpu-cxx11-abi")
"""Local versions of PyTorch's own builds."""

MAIN_LIBRARIES = ("libtorch_cuda.so", "libtorch_hip.so", "libtorch_xpu.so", "libtorch_cpu.so")
"""The first that is there tells how the loader finds what torch brings."""

OPENMP = re.compile(r"lib(?:gomp|iomp5|omp)[\w.-]*\.(?:so|dylib|dll)|libiomp5md\.dll|vcomp\d+\.dll")


def look(folder, infos):
    """The facts of the torch in that folder; None when there is no folder."""
    if folder is None:
        return None
    version = version_file(os.path.join(folder, "version.py"))
    info = own_info(folder, infos)
    names = listed(os.path.join(folder, "lib"))
    manager = os.path.join(folder, "bin", "torch_shm_manager")
    has_manager = os.path.isfile(manager)
    found = {
        "version": version.get("__version__") or (info or {}).get("version"),
        "cuda": version.get("cuda"),
        "hip": version.get("hip"),
        "rocm": version.get("rocm"),
        "xpu": version.get("xpu"),
        "git_version": version.get("git_version"),
        "is_debug": version.get("debug"),
        "has_version_file": bool(version),
        "path": folder,
        "requires": (info or {}).get("requires"),
        "wheel_tags": (info or {}).get("wheel_tags"),
        "rpath_kind": rpath_kind(folder),
        "has_shm_manager": has_manager,
        "is_shm_manager_executable": os.access(manager, os.X_OK) if has_manager else None,
        "has_own_openmp": any(OPENMP.match(name) for name in names) if names is not None else None,
    }
    found["build_kind"] = build_kind(found["version"] or "", infos, info)
    return found


def folder_of(path, origin=None):
    """The folder of the torch that is installed, wherever the current folder may lead: the first with code on the path.

    ``origin`` (what would be imported) counts where the path has none: an editable installation.
    """
    folders = [os.path.join(entry, "torch") for entry in path.entries]
    for folder in folders:
        if os.path.isfile(os.path.join(folder, "__init__.py")):
            return folder
    if origin and os.path.isfile(os.path.join(os.path.dirname(origin), "version.py")):
        return os.path.dirname(origin)
    return next((folder for folder in folders if os.path.isdir(folder)), None)


def version_file(file):
    """What version.py assigns; {} when it cannot be read."""
    try:
        with open(file, "rb") as opened:
            text = opened.read(65536).decode("utf-8", "replace")
    except OSError:
        return {}
    words = {"None": None, "True": True, "False": False}
    found = {}
    for name, value in ASSIGNED.findall(text):
        found.setdefault(name, words[value] if value in words else value[1:-1])
    return found


def own_info(folder, infos):
    """The distribution that this folder belongs to."""
    beside = [info for info in infos if info["name"] == "torch" and info.get("installer") != "conda"]
    here = [info for info in beside if info.get("location") == os.path.dirname(folder)]
    return next(iter(here or beside), None)


def build_kind(version, infos, info):
    """``conda``, ``source`` (an editable or locally built one), ``vendor`` (NVIDIA, a distribution), ``pip``."""
    names = ("torch", "pytorch", "libtorch")
    if any(one["name"] in names and one.get("installer") == "conda" for one in infos):
        is_pip_too = info is not None and info.get("installer") in ("pip", "uv")
        if not is_pip_too:
            return "conda"
    local = version.partition("+")[2]
    if info is not None and info.get("is_editable") or re.match(r"git[0-9a-f]{7}", local):
        return "source"
    if info is None or info.get("installer") in ("debian", "rpm", "portage", "nix"):
        return "vendor"
    if local and not KNOWN_LOCAL.fullmatch(local):
        return "vendor"
    return "pip"


def listed(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return None


def rpath_kind(folder):
    """How the largest library of torch names its neighbours' folders: ``RPATH``, ``RUNPATH`` or None."""
    for name in MAIN_LIBRARIES:
        file = os.path.join(folder, "lib", name)
        if os.path.isfile(file):
            try:
                with elf.Elf(file) as library:
                    return library.rpath_kind
            except elf.DAMAGED:
                return None
    return None
