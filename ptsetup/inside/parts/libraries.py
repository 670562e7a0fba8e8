"""Shared libraries: what torch and the nvidia packages bring, what stands before them on a path, OpenMP runtimes, broken extensions."""

import os
import re
import sys

from ptsetup_inside import elf, wheel

LIBRARY = re.compile(r".+\.so(?:\.[\d.]+)?$|.+\.dylib$|.+\.dll$", re.I)

SUFFIX = re.compile(r"\.so\.(\d[\w.]*)$")

NVIDIA_FOLDERS = ("lib", "bin", os.path.join("bin", "x86_64"))

FOLDERS_LIMIT = 64
"""Folders of a search path that are looked at."""

OPENMP = re.compile(r"(?:lib)?(?:iomp5(?:md)?|gomp|omp|vcomp)(?:[-.\d][\w.-]*)?\.(?:so|dylib|dll)[\w.]*$", re.I)

FOREIGN = (b"_ZN3c10", b"_ZNK3c10", b"_ZN2at", b"_ZNK2at", b"_ZN5torch", b"_ZNK5torch", b"_ZTIN3c1", b"_ZTVN3c1")
"""Beginnings of the symbols that only torch's libraries bring: namespaces c10, at and torch."""

OWN_LIBRARIES = (
    "libc10.so",
    "libtorch_cpu.so",
    "libtorch_python.so",
    "libtorch.so",
    "libc10_cuda.so",
    "libtorch_cuda.so",
    "libc10_hip.so",
    "libtorch_hip.so",
    "libc10_xpu.so",
    "libtorch_xpu.so",
    "libtorch_cuda_linalg.so",
)

EXTENSIONS_LIMIT = 60
SYMBOLS_TOLD = 5


def brought(torch_folder, path):
    """Libraries in torch/lib and nvidia/*/lib."""
    found = []
    for folder in own_folders(torch_folder, path):
        for name in wheel.listed(folder) or ():
            if LIBRARY.match(name):
                found.append(library(os.path.join(folder, name), name, "wheel"))
    return found


def own_folders(torch_folder, path):
    """Folders of libraries of torch and of the nvidia packages."""
    folders = [os.path.join(torch_folder, "lib")] if torch_folder else []
    for entry in path.libraries():
        root = os.path.join(entry, "nvidia")
        for name in sorted(wheel.listed(root) or ()) if "nvidia" in path.names(entry) else ():
            folders += [os.path.join(root, name, leaf) for leaf in NVIDIA_FOLDERS]
    return [folder for folder in folders if os.path.isdir(folder)]


def library(file, soname, via):
    """One library; its version is what the name of the real file says."""
    real = os.path.realpath(file)
    match = SUFFIX.search(os.path.basename(real))
    return {"soname": soname, "path": file, "version": match.group(1) if match else None, "via": via}


def shadows(own):
    """Files elsewhere on a search path of the loader with the name of one that torch brings."""
    by_name = {one["soname"]: one for one in own}
    homes = {os.path.dirname(os.path.realpath(one["path"])) for one in own}
    found = []
    for folder, via in searched():
        if os.path.realpath(folder) in homes:
            continue
        for name in wheel.listed(folder) or ():
            if name in by_name:
                one = library(os.path.join(folder, name), name, via)
                one["is_text"] = is_text(one["path"])
                if size(one["path"]) == size(by_name[name]["path"]):
                    # the same build of the same library: its name may only be written at greater length
                    one["version"] = by_name[name]["version"]
                found.append(one)
    return found


def searched():
    """(folder, how the loader gets there), before or beside the wheel's own folders."""
    is_windows = sys.platform == "win32"
    variables = (
        ("PATH",) if is_windows else ("DYLD_LIBRARY_PATH",) if sys.platform == "darwin" else ("LD_LIBRARY_PATH",)
    )
    found = []
    for variable in variables:
        folders = os.environ.get(variable, "").split(os.pathsep)
        found += [(folder, variable) for folder in folders[:FOLDERS_LIMIT] if folder and os.path.isdir(folder)]
    if os.path.isdir(os.path.join(sys.prefix, "conda-meta")):
        leaf = os.path.join("Library", "bin") if is_windows else "lib"
        found.append((os.path.join(sys.prefix, leaf), "conda"))
    return found


def size(file):
    try:
        return os.stat(file).st_size
    except OSError:
        return None


def is_text(file):
    """No library at all: empty, or a text such as a linker script."""
    try:
        with open(file, "rb") as opened:
            head = opened.read(64)
    except OSError:
        return None
    return not head or (b"\0" not in head and not head.startswith((b"\x7fELF", b"MZ")))


def openmp(torch_folder, path):
    """OpenMP runtimes that an import of the usual packages may load."""
    folders = [os.path.join(torch_folder, leaf) for leaf in ("lib", ".dylibs")] if torch_folder else []
    folders += [os.path.join(sys.prefix, leaf) for leaf in ("lib", os.path.join("Library", "bin"))]
    for entry in path.libraries():
        names = path.names(entry)
        folders += [os.path.join(entry, name) for name in sorted(names) if name.endswith(".libs")]
        folders += [
            os.path.join(entry, name, leaf)
            for name in ("numpy", "scipy", "sklearn", "cv2", "functorch", "torchvision")
            if name in names
            for leaf in (".libs", ".dylibs")
        ]
    found = []
    for folder in dict.fromkeys(folders):
        found += [os.path.join(folder, name) for name in wheel.listed(folder) or () if OPENMP.match(name)]
    return found


def broken(torch_folder, infos):
    """Compiled modules that ask the installed torch for symbols which it does not export."""
    modules = [(info, file) for info in infos for file in extensions(info)][:EXTENSIONS_LIMIT]
    if not modules or torch_folder is None or not sys.platform.startswith("linux"):
        return []
    with Exports(os.path.join(torch_folder, "lib")) as has:
        found = []
        for info, file in modules:
            try:
                lacking = missing_symbols(file, has)
            except elf.DAMAGED:
                continue
            if lacking:
                found.append({"path": file, "distribution": info["name"], "symbols": lacking[:SYMBOLS_TOLD]})
    return found


class Exports:
    """What the installed torch libraries export, asked symbol by symbol through their own hash tables."""

    def __init__(self, folder):
        self.opened, self.asked = [], []
        for name in OWN_LIBRARIES:
            try:
                library = elf.Elf(os.path.join(folder, name))
            except elf.DAMAGED:
                continue
            self.opened.append(library)
            try:
                self.asked.append(library.exports())
            except elf.DAMAGED:
                continue

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for library in self.opened:
            library.close()

    def __call__(self, name):
        number = elf.gnu_hash(name)
        return not self.asked or any(has(name, number) for has in self.asked)


def extensions(info):
    """Compiled modules of a distribution that is built on torch, by its RECORD."""
    requires = " ".join(info.get("requires") or ())
    is_on_torch = re.search(r"(?:^| )torch\b(?![\w.-]*\w-)", requires) or info["name"] in BUILT_ON_TORCH
    if not is_on_torch or info["name"] == "torch" or info["name"].startswith(("nvidia-", "triton")):
        return []
    try:
        with open(os.path.join(info["_folder"], "RECORD"), "rb") as opened:
            text = opened.read(8 << 20).decode("utf-8", "replace")
    except (OSError, KeyError):
        return []
    names = re.findall(r"^\"?([^,\n\"]+\.so)\"?,", text, re.M)
    return [os.path.join(info["location"], name) for name in names]


BUILT_ON_TORCH = (
    "torchvision",
    "torchaudio",
    "torchtext",
    "torchao",
    "torchcodec",
    "flash-attn",
    "xformers",
    "apex",
    "vllm",
)


def missing_symbols(file, has):
    """Symbols of torch's namespaces that a module asks for and that no installed library has."""
    with elf.Elf(file) as module:
        if not any(name.startswith(("libc10", "libtorch")) for name in module.strings(elf.DT_NEEDED)):
            return []
        wanted = module.undefined(FOREIGN)
    return [name.decode("ascii", "replace") for name in wanted if not has(name)]
