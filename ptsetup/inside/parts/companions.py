"""Packages that are compiled against torch: what their own files say of the torch they were built for."""

import json
import os
import re

from ptsetup_inside import dists, wheel

VERSIONED = ("torchvision", "torchaudio", "torchtext", "torchcodec", "torchao")

LOCAL = r"\+([\w.]+)"

FLASH = r"(?i)flash[_-]attn\S*?\+(cu\d+)?torch(\d+\.\d+)(?:cxx11abi(TRUE|FALSE))?"

CUDA_TAG = r"cu(\d+)(\d)$"


def look(infos, path):
    """One dictionary per companion that is installed."""
    found, seen = [], set()
    for info in infos:
        name = info["name"]
        if name in seen or info.get("installer") == "conda":
            continue
        if name in VERSIONED or name in SPECIAL or name.startswith("flash-attn"):
            seen.add(name)
            found.append(described(name, info, path))
    return found


def described(name, info, path):
    """A companion by its version file, its metadata, or a record of its own."""
    special = SPECIAL.get("flash-attn" if name.startswith("flash-attn") else name, versioned)
    one = {"name": name, "version": info.get("version")}
    folder = os.path.join(info["location"], name.replace("-", "_"))
    one.update(special(one, folder, info))
    match = re.match(CUDA_TAG, one.get("local") or "")
    if match and not one.get("cuda"):
        one["cuda"] = "%s.%s" % match.groups()
    return one


def versioned(one, folder, info):
    """torchvision/version.py and its like."""
    said = wheel.version_file(os.path.join(folder, "version.py"))
    version = said.get("__version__") or one["version"]
    match = re.search(LOCAL, version or "")
    return {"version": version, "local": match.group(1) if match else None, "cuda": said.get("cuda")}


def xformers(one, folder, info):
    """The record of its build."""
    text = dists.small(os.path.join(folder, "cpp_lib.json"))
    if text is None:
        return versioned(one, folder, info)
    try:
        built = json.loads(text).get("version") or {}
    except (ValueError, AttributeError):
        return versioned(one, folder, info)
    cuda = built.get("cuda")
    return {
        "built_for_torch": built.get("torch"),
        "local": (re.search(LOCAL, str(built.get("torch"))) or [None, None])[1],
        "cuda": "%d.%d" % (cuda // 100, cuda % 100) if isinstance(cuda, int) else None,
        "details": {str(key): str(value) for key, value in built.items() if value is not None},
    }


def flash_attention(one, folder, info):
    """The name of its wheel says what it was built for: ``flash_attn-2.7.4+cu12torch2.6cxx11abiFALSE-cp311-...whl``."""
    for text in (info.get("source_url") or "", "flash_attn-%s" % (one["version"] or "")):
        match = re.search(FLASH, text)
        if match:
            details = {"cxx11abi": match.group(3).upper()} if match.group(3) else {}
            return {"local": match.group(1), "built_for_torch": match.group(2), "details": details}
    return {}


def bitsandbytes(one, folder, info):
    """The names of its libraries, one per CUDA release."""
    names = [name for name in wheel.listed(folder) or () if name.startswith("libbitsandbytes")]
    return {"details": {"libraries": " ".join(names)}}


SPECIAL = {"xformers": xformers, "flash-attn": flash_attention, "bitsandbytes": bitsandbytes}
