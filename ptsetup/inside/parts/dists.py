"""Installed distributions, read from their dist-info, egg-info and conda-meta; whatever is missing or damaged is a fact of its own."""

import json
import os
import re
import sys

from ptsetup_inside import urls

FAMILY = re.compile(
    r"torch(?:vision|audio|text|codec|ao|data|gen|rl|elastic)?|functorch|pytorch(?:-.*)?|libtorch|triton(?:-.*)?|numpy|nvidia-.*|cuda-.*"
    r"|cudatoolkit|cudnn|nccl|pynvml|xformers|flash-attn(?:-.*)?|bitsandbytes|amdsmi|rocm(?:-.*)?|intel-.*|mkl(?:-.*)?|nomkl"
    r"|cpuonly|llvm-openmp|libgomp|openmp-mutex|libstdcxx(?:-ng)?|ffmpeg|vllm|apex|pyqt5|pyqt6|pyside2|pyside6"
)
"""Packages of the torch family, what it is built on, and those that are known to break it."""

USES = re.compile(
    rb"^Requires-Dist:\s*(?:torch|numpy|triton|nvidia[-_.])(?![\w.-]*\w)[^\n]*|^Requires-Dist:\s*nvidia-[^\n]*",
    re.M | re.I,
)

USED = (b"torch", b"numpy", b"triton", b"nvidia")
"""One of these words is in whatever USES finds; looking for them costs a tenth."""

HEADER_LIMIT = 262144
"""Bytes of METADATA that are looked through for its header; the whole file of torch 2.13.0 has 38 kB."""

META_LIMIT = 32768

def all_infos(path):
    """(name, version of the folder's name, folder) of every dist-info and egg-info on the path, in order of search."""
    if path.infos is not None:
        return path.infos
    found = path.infos = []
    for entry in path.libraries():
        for file in sorted(path.names(entry)):
            if file.endswith((".dist-info", ".egg-info")) and not file.startswith(("~", "-")):
                stem = file.rpartition(".")[0]
                name, _, version = stem.partition("-")
                if file.endswith(".egg-info"):
                    version = re.sub(r"-py\d.*$", "", version)
                found.append((normal(name), version or None, os.path.join(entry, file)))
    return found


def normal(name):
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Header:
    """The header of METADATA or PKG-INFO."""

    def __init__(self, folder):
        is_egg = folder.endswith(".egg-info")
        file = folder if os.path.isfile(folder) else os.path.join(folder, "PKG-INFO" if is_egg else "METADATA")
        try:
            with open(file, "rb") as opened:
                text = opened.read(HEADER_LIMIT).replace(b"\r\n", b"\n")
        except OSError:
            text = None
        self.exists = text is not None
        self.text = (text or b"").partition(b"\n\n")[0]

    def values(self, field):
        pattern = re.compile(rb"^%s:[ \t]*([^\n]*)" % re.escape(field), re.M | re.I)
        return [value.decode("utf-8", "replace").strip() for value in pattern.findall(self.text)]

    def value(self, field):
        return next(iter(self.values(field)), None)

    def speaks_of(self, words):
        """One of these words (lower case) is in it."""
        text = self.text.lower()
        return any(word in text for word in words)


def kept(path):
    """The distributions of the family, those that ask for torch or NumPy, and what the family itself asks for."""
    headers = [(name, version, folder, Header(folder)) for name, version, folder in all_infos(path)]
    wanted = set()
    for name, _, _, header in headers:
        if FAMILY.fullmatch(name) or header.speaks_of(USED) and USES.search(header.text):
            wanted.add(name)
            if name in ("torch", "torchvision", "torchaudio"):
                wanted |= {normal(re.split(r"[^\w.-]", need, 1)[0]) for need in header.values(b"Requires-Dist")}
    found = [described(name, version, folder, header) for name, version, folder, header in headers if name in wanted]
    return found + conda()


def described(name, version, folder, header):
    """One distribution by its files."""
    is_egg = folder.endswith(".egg-info")
    said = header.value(b"Version")
    info = {
        "name": normal(header.value(b"Name") or name),
        "version": said if header.exists else None,
        "location": os.path.dirname(folder),
        "has_metadata": header.exists,
        "requires": [urls.clean(need) for need in header.values(b"Requires-Dist")] if header.exists else None,
        "installer": first_line(os.path.join(folder, "INSTALLER")),
        "wheel_tags": tags(os.path.join(folder, "WHEEL")),
        "has_record": None if is_egg else os.path.isfile(os.path.join(folder, "RECORD")),
        "installed_at": modified(os.path.join(folder, "RECORD")) or modified(folder),
        "_folder": folder,
    }
    info.update(origin(os.path.join(folder, "direct_url.json")))
    return info


def first_line(file):
    text = small(file)
    return text.strip().splitlines()[0].strip() if text and text.strip() else None


def small(file):
    """A small text file; None when it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return opened.read(META_LIMIT).decode("utf-8", "replace")
    except OSError:
        return None


def tags(file):
    text = small(file)
    return None if text is None else re.findall(r"^Tag:\s*(\S+)", text, re.M)


def modified(file):
    try:
        return os.stat(file).st_mtime
    except OSError:
        return None


def origin(file):
    """direct_url.json: where it came from, without credentials, and whether it is an editable installation."""
    text = small(file)
    if text is None:
        return {"is_editable": False}
    try:
        told = json.loads(text)
        return {
            "source_url": urls.clean(str(told.get("url"))),
            "is_editable": bool((told.get("dir_info") or {}).get("editable")),
        }
    except (ValueError, AttributeError):
        return {"is_editable": None}


def conda():
    """What conda installed, of the family; its records list thousands of files, so only their beginning is read."""
    folder = os.path.join(sys.prefix, "conda-meta")
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    found = []
    for file in names:
        match = re.match(r"(.+)-([^-]+)-([^-]+)\.json$", file)
        if match and FAMILY.fullmatch(normal(match.group(1).lstrip("_"))):
            found.append(
                {
                    "name": normal(match.group(1).lstrip("_")),
                    "version": match.group(2),
                    "build": match.group(3),
                    "channel": channel(os.path.join(folder, file)),
                    "installer": "conda",
                    "location": folder,
                    "has_record": True,
                    "has_metadata": True,
                    "installed_at": modified(os.path.join(folder, file)),
                }
            )
    return found


def channel(file):
    """``conda-forge`` of a channel's URL or name; a token in the URL is left out."""
    text = small(file) or ""
    match = re.search(r'"channel":\s*"([^"]*)"', text)
    if not match:
        return None
    name = re.sub(r"/t/[^/]+", "", re.sub(r"^\w+://[^/]+", "", match.group(1))).strip("/")
    parts = [part for part in name.split("/") if part]
    if len(parts) > 1 and re.match(r"(?:linux|osx|win|noarch|emscripten)(?:-|$)", parts[-1]):
        parts = parts[:-1]
    return "/".join(parts) or None


def leftovers(path):
    """Names in the folders of packages that pip gave to what it was replacing: they begin with a tilde."""
    return sorted({name for entry in path.libraries() for name in path.names(entry) if name.startswith("~")})


def count(path):
    """Number of installed distributions."""
    return len({(name, os.path.dirname(folder)) for name, _, folder in all_infos(path)})


def pip_version(path):
    """Version of pip in the target; None when it has none."""
    return next((version for name, version, _ in all_infos(path) if name == "pip"), None)


def entry_points(path):
    """Entry points of group torch.backends, which ``import torch`` loads: name -> problem, or "" when its module can be found."""
    import importlib.util

    found = {}
    for _, _, folder in all_infos(path):
        text = small(os.path.join(folder, "entry_points.txt"))
        section = re.search(r"^\[\s*torch\.backends\s*\]\s*\n((?:(?!\[).*\n?)*)", text, re.M) if text else None
        for line in section.group(1).splitlines() if section else ():
            name, mark, value = (part.strip() for part in line.partition("="))
            module = value.partition(":")[0].strip().partition(".")[0]
            if mark and name and module:
                is_there = importlib.util.find_spec(module) is not None
                found[name] = "" if is_there else "no module named %s" % module
    return found
