"""Device nodes: are they there, whose are they, and may this process open them (asked in a child)."""

import os
import re
import sys
from collections.abc import Callable, Sequence

from ptsetup import run
from ptsetup.facts import DeviceNode, replace
from ptsetup.probes import _text, deadlines, users
from ptsetup.probes._tree import Tree

ALWAYS = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/kfd", "/dev/dxg")
"""Looked for on every machine: their absence is a fact."""

PATTERNS = (
    ("/dev", r"nvidia\d+|nvidia-(?:modeset|uvm-tools)|nvhost-gpu|nvmap"),
    ("/dev/dri", r"renderD\d+"),
)
"""Listed where they are found."""

OPENED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/kfd", "/dev/dxg")
"""Opening these starts no GPU. The nodes of single GPUs are asked with access(2), which looks at the same permissions
(mode, device control group, SELinux) without reaching the driver: opening them would wake a sleeping card."""

SCRIPT = r"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for word in sys.argv[1:]:
    how, path = word[:1], word[1:]
    number = 0
    if how == "o":
        try:
            os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except OSError as problem:
            number = problem.errno or -1
    elif libc.faccessat(-100, os.fsencode(path), os.R_OK | os.W_OK, 0x200):
        number = ctypes.get_errno() or -1
    sys.stdout.write("%d\n" % number)
    sys.stdout.flush()
"""
"""Prints one errno a line, in the order of its arguments. -100 is AT_FDCWD, 0x200 AT_EACCESS."""


def start(tree: Tree, *, deadline_scale: float = 1.0) -> Callable[[], tuple[DeviceNode, ...]]:
    """Look for the nodes and start the child that asks whether they open; the result is what waits for it."""
    nodes = [_stat(tree, path) for path in (*ALWAYS, *_found(tree))]
    present = [node.path for node in nodes if node.exists]
    if not present:
        return lambda: tuple(nodes)
    words = [("o" if path in OPENED else "a") + tree.at(path) for path in present]
    child = run.Child([sys.executable, "-I", "-S", "-c", SCRIPT, *words], deadline_s=deadlines.NODES_S * deadline_scale)

    def finish() -> tuple[DeviceNode, ...]:
        done = child.finish()
        numbers = dict(zip(present, map(_text.whole, done.stdout.splitlines()), strict=False))
        unanswered = [path for path in present if numbers.get(path) is None]
        if unanswered:
            reason = "timeout" if done.ending == "timeout" else "failed"
            tree.note("host.device_nodes", reason, f"Opening {unanswered[0]} gave no answer.")
        return tuple(replace(node, open_errno=numbers.get(node.path)) for node in nodes)

    return finish


def _found(tree: Tree) -> Sequence[str]:
    found = []
    for folder, pattern in PATTERNS:
        for name in tree.names(folder) or ():
            path = f"{folder}/{name}"
            if re.fullmatch(pattern, name) and path not in ALWAYS:
                found.append(path)
    return sorted(found, key=lambda path: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", path)])


def _stat(tree: Tree, path: str) -> DeviceNode:
    try:
        status = os.stat(tree.at(path))  # noqa: PTH116 - a text
    except (OSError, ValueError):
        return DeviceNode(path=path, exists=tree.exists(path))
    return DeviceNode(
        path=path,
        exists=True,
        mode=f"{status.st_mode & 0o7777:o}",
        uid=status.st_uid,
        gid=status.st_gid,
        group=users.group_name(tree, status.st_gid),
    )
