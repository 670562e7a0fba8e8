"""Folders of real files that stand for a machine's / ; nothing of the operating system is patched."""

import contextlib
import os
import pathlib

from ptsetup.probes._tree import Tree

OUTPUTS = pathlib.Path(__file__).parents[1] / "outputs" / "host"

NOBODY = 65534


def output(name):
    """Text of a file in tests/outputs/host."""
    return (OUTPUTS / name).read_text(encoding="utf-8")


def plant(root, files):
    """Write files (name -> text, bytes, or a Link) below a folder; a name that ends with / makes a folder."""
    for name, content in files.items():
        path = pathlib.Path(f"{root}{name}")
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
    return str(root)


def tree(root, files):
    """The Tree over such a folder."""
    return Tree(plant(root, files))


class Link:
    """A symbolic link to be planted."""

    def __init__(self, target):
        self.target = target


def reasons(tree):
    """Fact -> reason of what a Tree could not read."""
    return {unknown.path: unknown.reason for unknown in tree.unknowns}


@contextlib.contextmanager
def without_rights():
    """For root: act as nobody, so that permissions count; the folders above a test's own are opened for him first."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def open_way(path):
    """Let anybody pass the folders that pytest made above ``path`` (they are 0700)."""
    for folder in (path, *path.parents):
        if folder.stat().st_uid == os.geteuid() and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
