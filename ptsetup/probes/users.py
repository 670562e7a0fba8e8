"""Groups of this process and of its user, by /etc/passwd and /etc/group alone: a name service may hang for minutes."""

import os
import sys

from ptsetup.probes import _text
from ptsetup.probes._tree import Tree


def group_ids(tree: Tree) -> tuple[int, ...] | None:
    """Groups that this process has now."""
    if tree.is_real and sys.platform != "win32":
        return tuple(sorted({*os.getgroups(), os.getegid()}))
    rows = _text.pairs(tree.text("/proc/self/status", "host.group_ids", limit=16384))
    numbers = (_text.whole(word) for word in (*rows.get("Groups", "").split(), *rows.get("Gid", "").split()[1:2]))
    return tuple(sorted({number for number in numbers if number is not None})) if rows else None


def user_id(tree: Tree) -> int | None:
    """Effective user id."""
    if tree.is_real and sys.platform != "win32":
        return os.geteuid()
    rows = _text.pairs(tree.text("/proc/self/status", limit=16384))
    return _text.whole((rows.get("Uid", "").split() or [""])[min(1, len(rows.get("Uid", "").split()) - 1)])


def user_name(tree: Tree) -> str | None:
    """Name of this user in /etc/passwd; None when it has none there."""
    number = user_id(tree)
    for line in (tree.text("/etc/passwd") or "").splitlines():
        parts = line.split(":")
        if len(parts) > 2 and number is not None and _text.whole(parts[2]) == number:
            return parts[0] or None
    return None


def group_name(tree: Tree, gid: int) -> str | None:
    """Name of a group; None when /etc/group has none for it (usual in containers)."""
    return next((name for name, number, _ in _groups(tree) if number == gid), None)


def user_groups(tree: Tree) -> tuple[str, ...] | None:
    """Groups that /etc/group lists for this user: one that the process lacks means that a new login is due."""
    if tree.text("/etc/group", "host.user_groups") is None:
        return None
    name = user_name(tree)
    if name is None:
        tree.note("host.user_groups", "absent", "This user has no name in /etc/passwd.")
        return None
    return tuple(group for group, _, members in _groups(tree) if name in members)


def _groups(tree: Tree) -> list[tuple[str, int | None, list[str]]]:
    rows = [line.split(":") for line in (tree.text("/etc/group") or "").splitlines()]
    return [(row[0], _text.whole(row[2]), row[3].split(",")) for row in rows if len(row) == 4]
