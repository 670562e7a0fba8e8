"""What RECORD lists against what is on the disk."""

import csv
import os
import re

BINARY = re.compile(r"\.(?:so|pyd|dll|dylib|exe)(?:\.[\d.]+)?$|\.so\.\d")

CHECKED = re.compile(r"torch|torchvision|torchaudio|numpy|triton|nvidia-.*|pytorch-triton.*")

CORE_STARTS = (b"torch/bin/", b"torch/lib/", b"torch/_C") + tuple(
    b"torch/%s.py," % name for name in (b"__init__", b"version", b"torch_version", b"_utils")
)

CORE = re.compile(r"torch/(?:(?:__init__|version|torch_version|_utils)\.py$|bin/|lib/|_C[^/]*$)")
"""Of torch's 14,000 files, those without which no import succeeds."""

TOLD = 100
"""Files of one kind that are told."""


def check(info, is_deep):
    """Missing and resized files of a distribution (compiled ones and torch's core; all of them under ``--deep``)."""
    if not CHECKED.fullmatch(info["name"]) or not info.get("has_record"):
        return
    missing, resized = [], []
    for path, _, size in rows(info, is_deep):
        try:
            found = os.stat(os.path.join(info["location"], path)).st_size
        except OSError:
            missing.append(path)
            continue
        if size and int(size) != found:
            resized.append("%s (%s, %d)" % (path, size, found))
    info["missing_files"], info["resized_files"] = missing[:TOLD], resized[:TOLD]


def rows(info, is_deep):
    """(path, hash, size) of the files that count; pip's own additions (bytecode, scripts) have neither hash nor size."""
    with open(os.path.join(info["_folder"], "RECORD"), "rb") as file:
        data = file.read()
    lines = core_lines(data) if info["name"] == "torch" and not is_deep else data.splitlines()
    listed = csv.reader(line.decode("utf-8", "replace") for line in lines)
    for row in listed:
        if len(row) == 3 and not row[0].endswith(".pyc") and is_wanted(info["name"], row[0], is_deep):
            yield row


def is_wanted(name, path, is_deep):
    return is_deep or BINARY.search(path) is not None or name == "torch" and CORE.match(path) is not None


def core_lines(data):
    """Lines of torch's RECORD on its core; going through its 14,000 lines one by one takes as long as all the rest of this script."""
    found, data = [], b"\n" + data
    for start in CORE_STARTS:
        mark = b"\n" + start
        place = data.find(mark)
        while place >= 0:
            end = data.find(b"\n", place + 1)
            found.append((place, data[place + 1 : end if end >= 0 else None].rstrip(b"\r")))
            place = data.find(mark, place + 1)
    return [line for _, line in sorted(found)]


def altered(info):
    """Files whose content is not what RECORD says (sha256)."""
    found = []
    for path, said, _ in rows(info, True):
        algorithm, mark, wanted = said.partition("=")
        if not mark or algorithm not in ("sha256", "sha384", "sha512"):
            continue
        try:
            have = digest(os.path.join(info["location"], path), algorithm)
        except OSError:
            continue
        if have != wanted:
            found.append(path)
    return found[:TOLD]


def digest(file, algorithm):
    """The hash of a file as RECORD writes it."""
    import base64
    import hashlib

    made = hashlib.new(algorithm)
    with open(file, "rb") as opened:
        for piece in iter(lambda: opened.read(1 << 20), b""):
            made.update(piece)
    return base64.urlsafe_b64encode(made.digest()).rstrip(b"=").decode("ascii")
