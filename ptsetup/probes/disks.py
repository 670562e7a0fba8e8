"""The file systems below the folders that matter. A network file system may hang: then each folder is asked in a child."""

import os
import re
import sys
from collections.abc import Mapping

from ptsetup import run
from ptsetup.facts import Disk, Unknown, replace
from ptsetup.probes import _text, deadlines, users
from ptsetup.probes._tree import Tree, clean

NETWORK = (
    "nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "glusterfs", "9p", "afs", "autofs", "wekafs", "pvfs2", "panfs",
    "vboxsf", "virtiofs", "drvfs", "fuse",
)  # fmt: skip
"""File systems that a server answers for, which may be gone."""

SCRIPT = r"""
import os, sys
path = sys.argv[1]
while not os.path.lexists(path) and os.path.dirname(path) != path:
    path = os.path.dirname(path)
room, status = os.statvfs(path), os.stat(path)
print(room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize, room.f_favail if room.f_files else -1,
      room.f_flag, status.st_dev, int(os.access(path, os.W_OK | os.X_OK)))
print(os.path.realpath(path))
"""


def is_network(kind: str) -> bool:
    """That file system may hang: a server, or a program of a user (FUSE), answers for it."""
    return kind.startswith(NETWORK) and kind not in ("fusectl", "nfsd")


def usual(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Role -> folder of those that do not depend on the target: home, temp, cache (pip's), uv_cache, inductor_cache."""
    env = os.environ if env is None else env
    home = env.get("HOME") or env.get("USERPROFILE") or os.path.expanduser("~")  # noqa: PTH111 - a text
    if os.name == "nt":
        local = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")  # noqa: PTH118 - texts
        caches = os.path.join(local, "pip", "Cache"), os.path.join(local, "uv", "cache")  # noqa: PTH118 - texts
    else:
        is_mac = sys.platform == "darwin"
        base = env.get("XDG_CACHE_HOME") or f"{home}/.cache"
        caches = f"{home}/Library/Caches/pip" if is_mac else f"{base}/pip", f"{base}/uv"
    return {
        "home": home,
        "temp": run.temporary_folder(),
        "cache": env.get("PIP_CACHE_DIR") or caches[0],
        "uv_cache": env.get("UV_CACHE_DIR") or caches[1],
        "inductor_cache": inductor_cache(env),
    }


def inductor_cache(env: Mapping[str, str]) -> str:
    """Where torch.compile keeps what it compiled (torch/_inductor/runtime/cache_dir_utils.py of 2.15.0)."""
    if env.get("TORCHINDUCTOR_CACHE_DIR"):
        return env["TORCHINDUCTOR_CACHE_DIR"]
    names = (env.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME"))
    name = next((n for n in names if n), None) or users.user_name(Tree()) or _no_name()
    return os.path.join(run.temporary_folder(), "torchinductor_" + re.sub(r'[\\/:*?"<>|]', "_", name))  # noqa: PTH118


def _no_name() -> str:
    return f"uid_{os.getuid()}" if hasattr(os, "getuid") else "unknown_user"


def probe(
    paths: Mapping[str, str],
    *,
    root: str = "/",
    deadline_scale: float = 1.0,
    unknowns: list[Unknown] | None = None,
) -> tuple[Disk, ...]:
    """Role -> folder; one Disk each, in that order. Never raises; what hung is added to ``unknowns``."""
    if sys.platform == "win32":
        return tuple(_windows(role, path) for role, path in paths.items())
    tree = Tree(root)
    mounts = parse_mountinfo(tree.text("/proc/self/mountinfo") or "")
    far = {role for role, path in paths.items() if tree.is_real and leads_to_network(absolute(path), mounts)}
    asked = iter(_in_children({role: path for role, path in paths.items() if role in far}, mounts, deadline_scale))
    found = []
    for number, (role, path) in enumerate(paths.items()):
        disk, reason = next(asked) if role in far else (_direct(tree, role, path, mounts), None)
        found.append(disk)
        if reason and unknowns is not None:
            unknowns.append(Unknown(path=f"host.disks[{number}]", reason=reason[0], detail=reason[1]))
    return tuple(found)


def leads_to_network(path: str, mounts: "tuple[Mount, ...]") -> bool:
    """The way along a path, through its links, enters a network file system; it is walked without entering one."""
    waiting, here, links = _parts(path), "", 0
    while waiting and links < LINKS_LIMIT:
        part = waiting.pop()
        here = here.rpartition("/")[0] if part == ".." else f"{here}/{part}"
        mount = mount_of(here or "/", mounts)
        if mount is not None and is_network(mount[1]):
            return True
        try:
            target = os.readlink(here or "/")  # noqa: PTH115 - a text
        except OSError:
            continue
        links += 1
        here = "" if target.startswith("/") else here.rpartition("/")[0]
        waiting += _parts(target)
    return False


LINKS_LIMIT = 40
"""The kernel follows no more."""


def _parts(path: str) -> list[str]:
    """Segments of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


Mount = tuple[str, str, frozenset[str]]
"""(mount point, type of the file system, options)."""


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """The mounts in the order of the file: of several on one point the last is what one sees."""
    found = []
    for line in text.splitlines():
        front, mark, back = line.partition(" - ")
        words, kind = front.split(), back.split()
        if mark and len(words) >= 6 and len(kind) >= 1:
            options = frozenset((*words[5].split(","), *(kind[2].split(",") if len(kind) > 2 else ())))
            found.append((_unescaped(words[4]), kind[0], options))
    return tuple(found)


def _unescaped(text: str) -> str:
    r"""Spaces and the like stand as ``\040``."""
    return re.sub(r"\\([0-3][0-7]{2})", lambda match: chr(int(match[1], 8)), text)


def mount_of(path: str, mounts: tuple[Mount, ...]) -> Mount | None:
    """The mount that a path lies on: the longest mount point above it, the last of equals."""
    best: Mount | None = None
    for mount in mounts:
        point = mount[0].rstrip("/")
        if (path == point or path.startswith(point + "/")) and (best is None or len(point) >= len(best[0].rstrip("/"))):
            best = mount
    return best


def absolute(path: str) -> str:
    """The path from the root, with no link followed: following may reach a network file system that hangs."""
    return os.path.abspath(path)  # noqa: PTH100 - resolve() follows links


def _existing(path: str) -> str:
    """The path, or the nearest folder above it that exists."""
    while not os.path.lexists(path) and os.path.dirname(path) != path:  # noqa: PTH120 - texts
        path = os.path.dirname(path)  # noqa: PTH120 - texts
    return path


def _direct(tree: Tree, role: str, path: str, mounts: tuple[Mount, ...]) -> Disk:
    bare = Disk(role=role, path=clean(path))
    if sys.platform == "win32":
        return bare
    try:
        there = _existing(tree.at(absolute(path)))
        room, status = os.statvfs(there), os.stat(there)  # noqa: PTH116 - a text
    except (OSError, ValueError):
        return bare
    filled = replace(
        bare,
        free_bytes=room.f_bavail * room.f_frsize,
        total_bytes=room.f_blocks * room.f_frsize,
        # btrfs and the like count no inodes
        free_inodes=room.f_favail if room.f_files else None,
        device=status.st_dev,
    )
    seen = os.path.realpath(there).removeprefix(tree.root) or "/"
    return _with_options(filled, room.f_flag, os.access(there, os.W_OK | os.X_OK), mount_of(seen, mounts))


def _with_options(disk: Disk, flag: int, can_write: bool, mount: Mount | None) -> Disk:
    options = mount[2] if mount else frozenset()
    is_read_only = bool(flag & getattr(os, "ST_RDONLY", 1))
    # the flag of statvfs is what the kernel says of this mount; the option stands for systems that leave it out
    is_noexec = bool(flag & getattr(os, "ST_NOEXEC", 8)) or "noexec" in options
    return replace(
        disk,
        is_read_only=is_read_only,
        is_noexec=is_noexec,
        is_writable=can_write and not is_read_only,
        filesystem=mount[1] if mount else None,
    )


def _in_children(
    paths: Mapping[str, str], mounts: tuple[Mount, ...], scale: float
) -> list[tuple[Disk, tuple[str, str] | None]]:
    """Ask for each folder in a child of its own, side by side: (disk, why it is not known)."""
    children = {
        path: run.Child([sys.executable, "-I", "-S", "-c", SCRIPT, absolute(path)], deadline_s=deadlines.DISK_S * scale)
        for path in dict.fromkeys(paths.values())
    }
    answers = {path: child.finish() for path, child in children.items()}
    found: list[tuple[Disk, tuple[str, str] | None]] = []
    for role, path in paths.items():
        done, bare = answers[path], Disk(role=role, path=clean(path))
        if done.is_ok:
            found.append((parse_answer(role, path, done.stdout, mounts), None))
        elif done.ending == "timeout":
            detail = f"{clean(path)} gave no answer within {deadlines.DISK_S * scale:g} s (a network file system?)."
            found.append((bare, ("timeout", detail)))
        else:
            found.append((bare, ("failed", f"{clean(path)}: {done.stderr.strip().rpartition(chr(10))[2][:200]}")))
    return found


def parse_answer(role: str, path: str, text: str, mounts: tuple[Mount, ...]) -> Disk:
    """What the child printed: six numbers, and the real path on a line of its own."""
    lines = text.split("\n", 1)
    numbers = [_text.whole(word) for word in lines[0].split()]
    bare = Disk(role=role, path=clean(path))
    if len(numbers) != 6 or len(lines) < 2 or any(number is None for number in numbers):
        return bare
    free, total, inodes, flag, device, can_write = (number or 0 for number in numbers)
    filled = replace(
        bare,
        free_bytes=free,
        total_bytes=total,
        free_inodes=inodes if inodes >= 0 else None,
        device=device,
    )
    return _with_options(filled, flag, bool(can_write), mount_of(lines[1].rstrip("\n"), mounts))


def _windows(role: str, path: str) -> Disk:
    import shutil

    there = _existing(absolute(path))
    try:
        room, device = shutil.disk_usage(there), os.stat(there).st_dev  # noqa: PTH116 - a text
    except OSError:
        return Disk(role=role, path=path)
    can_write = os.access(there, os.W_OK)
    return Disk(
        role=role, path=path, free_bytes=room.free, total_bytes=room.total, is_writable=can_write, device=device
    )


def inductor_problem(env: Mapping[str, str], *, root: str = "/", deadline_scale: float = 1.0) -> str | None:
    """Why torch.compile's caches (its own, and TRITON_CACHE_DIR) cannot be used; None when they can. Nothing is written."""
    paths = {"torch.compile's cache": inductor_cache(env)}
    if env.get("TRITON_CACHE_DIR"):
        paths["Triton's cache"] = env["TRITON_CACHE_DIR"]
    for disk in probe(paths, root=root, deadline_scale=deadline_scale):
        problem = "lies on a read-only file system" if disk.is_read_only else None
        if problem is None and disk.is_writable is False:
            problem = f"may not be written to by this user{_owner(disk, Tree(root))}"
        if problem:
            return f"{disk.role} ({disk.path}) {problem}"
    return None


def _owner(disk: Disk, tree: Tree) -> str:
    if disk.filesystem and is_network(disk.filesystem):
        return ""
    try:
        owner = os.stat(tree.at(disk.path)).st_uid  # noqa: PTH116 - a text
    except (OSError, ValueError):
        return ""
    return "" if owner == users.user_id(tree) else f"; it belongs to user id {owner}"
