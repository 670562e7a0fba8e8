"""The import path: what each entry is and brings, what torch would be loaded, and what in the current folder hides modules."""

import importlib.util
import os
import site
import sys
import sysconfig

BRINGS = ("torch", "torchvision", "torchaudio", "numpy", "nvidia", "triton")

NEEDED = frozenset(
    """
    argparse array ast asyncio base64 binascii bisect bz2 calendar cmath code collections concurrent contextlib contextvars
    copy copyreg csv ctypes dataclasses datetime difflib dis email enum fnmatch functools gettext glob gzip hashlib heapq
    http inspect ipaddress json keyword linecache locale logging lzma math mmap multiprocessing numbers opcode operator
    pathlib pickle pickletools pkgutil platform pprint queue quopri random re reprlib select selectors shutil signal socket
    ssl string struct subprocess tarfile tempfile textwrap threading timeit token tokenize traceback types typing unittest
    urllib uuid warnings weakref zipfile zlib
    filelock fsspec jinja2 markupsafe mpmath networkx numpy sympy torch torchgen triton typing_extensions
    """.split()
)
"""Modules that ``import torch`` pulls in (sys.modules after importing 2.13.0), and those that its compiler needs."""


class Path:
    """sys.path as the user's program has it: with the current folder in front, unless the interpreter leaves it out."""

    def __init__(self, cwd):
        self.cwd = cwd
        self.has_cwd = not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated
        self.entries = [entry for entry in sys.path if entry]
        self._names = {}
        self._libraries = None
        self.infos = None
        """What dists.all_infos found."""

    @property
    def as_user(self):
        """Entries in order of search."""
        return ([self.cwd] if self.has_cwd and self.cwd not in self.entries else []) + self.entries

    def names(self, folder):
        """Names in a folder of the path; an empty set where it cannot be listed."""
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]

    def libraries(self):
        """Entries that may hold packages: all but the standard library, archives and the current folder."""
        if self._libraries is None:
            outside = stdlib_folders()
            self._libraries = [e for e in unique(self.entries) if normal(e) not in outside and os.path.isdir(e)]
        return self._libraries


def unique(items):
    """Each once, in order."""
    return list(dict.fromkeys(items))


def normal(path):
    return os.path.normcase(os.path.abspath(path))


def scheme_path(name):
    """sysconfig's path of that name; it makes a dictionary of a thousand variables at each question."""
    if name not in SCHEME_PATHS:
        SCHEME_PATHS[name] = sysconfig.get_path(name)
    return SCHEME_PATHS[name]


SCHEME_PATHS = {}


def stdlib_folders():
    """Folders of the standard library."""
    found = {normal(scheme_path(name)) for name in ("stdlib", "platstdlib")}
    return found | {os.path.join(folder, "lib-dynload") for folder in found} | {normal(os.path.dirname(os.__file__))}


def site_folders():
    """Folders into which packages are installed."""
    found = [scheme_path("purelib"), scheme_path("platlib")]
    if hasattr(site, "getsitepackages"):
        found += site.getsitepackages()
    return [normal(folder) for folder in found if folder]


def described(path):
    """Each entry with its kind and what it brings of the torch family."""
    kind = Kinds(path)
    return [{"path": entry, "kind": kind.of(entry), "provides": provided(path, entry)} for entry in path.as_user]


class Kinds:
    """Why an entry is on the path."""

    def __init__(self, path):
        self.path = path
        self.stdlib = stdlib_folders()
        self.site = set(site_folders())
        self.user = normal(site.getusersitepackages())
        wanted = os.environ.get("PYTHONPATH", "") if not sys.flags.ignore_environment else ""
        self.pythonpath = {normal(entry) for entry in wanted.split(os.pathsep) if entry}
        self._pth = None

    def of(self, entry):
        """``cwd``, ``stdlib``, ``user``, ``site``, ``pythonpath``, ``pth`` or ``other``."""
        place = normal(entry)
        if place in self.stdlib or entry.endswith(".zip") and os.path.basename(entry).startswith("python"):
            return "stdlib"
        if place == self.user:
            return "user"
        if place in self.site:
            return "site"
        if place in self.pythonpath:
            return "pythonpath"
        if entry == self.path.cwd and self.path.has_cwd:
            return "cwd"
        return "pth" if place in self.pth() else "other"

    def pth(self):
        """Folders that .pth files add; these files are read only when some entry is not explained otherwise."""
        if self._pth is None:
            self._pth = set()
            for folder in unique([*sorted(self.site), self.user]):
                for name in sorted(self.path.names(folder)):
                    if name.endswith(".pth"):
                        self._pth |= {
                            normal(os.path.join(folder, line)) for line in pth_lines(os.path.join(folder, name))
                        }
        return self._pth


def pth_lines(file):
    """Lines of a .pth file that name folders."""
    try:
        with open(file, "rb") as opened:
            text = opened.read(65536).decode("utf-8", "replace")
    except OSError:
        return []
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "import ", "import\t"))]


def provided(path, entry):
    """Of the torch family: what is in that folder. The current folder may be huge, so it is asked name by name."""
    if entry == path.cwd:
        return [name for name in BRINGS if is_module(entry, name) or os.path.isdir(os.path.join(entry, name))]
    names = path.names(entry)
    return [name for name in BRINGS if name in names or name + ".py" in names]


def is_module(folder, name):
    """``import name`` would take it from that folder: a file, or a folder with __init__.py."""
    return is_file(os.path.join(folder, name + ".py")) or is_file(os.path.join(folder, name, "__init__.py"))


def is_file(path):
    """os.path.isfile, at a third of its cost where there is nothing: hundreds of names are asked for, and few are there."""
    return os.access(path, os.F_OK) and os.path.isfile(path)


def shadows(path):
    """Files and folders in the current folder that hide modules which torch needs; () where that folder is not searched."""
    if not path.has_cwd or normal(path.cwd) in site_folders():
        return []
    found = []
    for name in sorted(NEEDED - set(sys.builtin_module_names)):
        folder = os.path.join(path.cwd, name)
        if is_file(folder + ".py"):
            found.append(folder + ".py")
        elif is_file(os.path.join(folder, "__init__.py")):
            found.append(folder)
    return found


def torch_spec(path):
    """What ``import torch`` would load from the user's folder: (origin, is a namespace); nothing is imported."""
    before = list(sys.path)
    sys.path[:] = path.as_user
    try:
        spec = importlib.util.find_spec("torch")
    finally:
        sys.path[:] = before
    if spec is None:
        return None, None
    if spec.has_location:
        return spec.origin, False
    return None, spec.submodule_search_locations is not None


def torch_folders(path):
    """Folders and files named torch on the import path, in order of search."""
    found = []
    for entry in unique(path.as_user):
        place = os.path.join(entry, "torch")
        if os.path.isfile(place + ".py"):
            found.append({"path": place + ".py", "is_file": True})
        if os.path.isdir(place):
            found.append(
                {
                    "path": place,
                    "has_init": os.path.isfile(os.path.join(place, "__init__.py")),
                    "has_version": os.path.isfile(os.path.join(place, "version.py")),
                }
            )
    return found
