"""Main memory, control group, process limits and shared memory (Linux)."""

import os
import sys

from ptsetup.facts import Cgroup, Limits, Memory, SharedMemory
from ptsetup.probes import _text
from ptsetup.probes._tree import Tree, clean, detail_of, reason_of

CGROUPS = "/sys/fs/cgroup"

UNLIMITED = 2**60
"""Version 1 writes "no limit" as the largest number that its counter holds."""

SHM = "/dev/shm"  # noqa: S108 - looked at, not used

LEFTOVERS = ("nccl-", "torch_")

LEFTOVERS_LIMIT = 100


def memory(tree: Tree) -> Memory | None:
    """Main memory by /proc/meminfo."""
    text = tree.text("/proc/meminfo", "host.memory")
    return None if text is None else parse_meminfo(text)


def parse_meminfo(text: str) -> Memory:
    """The lines of /proc/meminfo, in bytes."""
    rows = _text.pairs(text)
    return Memory(
        total_bytes=_text.kibibytes(rows.get("MemTotal")),
        available_bytes=_text.kibibytes(rows.get("MemAvailable") or rows.get("MemFree")),
        swap_total_bytes=_text.kibibytes(rows.get("SwapTotal")),
        swap_free_bytes=_text.kibibytes(rows.get("SwapFree")),
        commit_limit_bytes=_text.kibibytes(rows.get("CommitLimit")),
        commit_used_bytes=_text.kibibytes(rows.get("Committed_AS")),
    )


def cgroup(tree: Tree) -> Cgroup | None:
    """What the control group of this process grants: the tightest of it and the groups above it."""
    own = groups_of(tree.text("/proc/self/cgroup", "host.cgroup") or "")
    if tree.exists(f"{CGROUPS}/cgroup.controllers"):
        return _version2(tree, _levels(tree, CGROUPS, own.get("", "/")))
    v1 = {
        name: _levels(tree, f"{CGROUPS}/{folder}", own.get(name, "/"))
        for name, folders in (("memory", ("memory",)), ("cpu", ("cpu", "cpu,cpuacct", "cpuacct,cpu")))
        if (folder := next((f for f in folders if tree.is_dir(f"{CGROUPS}/{f}")), None))
    }
    if v1:
        return _version1(tree, v1.get("memory", ()), v1.get("cpu", ()))
    tree.note("host.cgroup", "absent", f"{CGROUPS} shows no control groups.")
    return None


def groups_of(text: str) -> dict[str, str]:
    """Controller -> path in /proc/self/cgroup; version 2 has the controller ``""``."""
    found = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                found[controller] = parts[2]
    return found


def _levels(tree: Tree, mount: str, path: str) -> tuple[str, ...]:
    """Folders from the own group up to the mount; inside a namespace the path may not be there, then the mount itself."""
    parts = [part for part in path.split("/") if part and part != ".."]
    levels = ["/".join([mount, *parts[:count]]) for count in range(len(parts), -1, -1)]
    return tuple(level for level in levels if tree.is_dir(level)) or (mount,)


def _version2(tree: Tree, levels: tuple[str, ...]) -> Cgroup:
    limits = [tree.line(f"{level}/memory.max") for level in levels]
    numbers = [number for text in limits if (number := _text.whole(text)) is not None]
    quotas = [quota for level in levels if (quota := quota_of(tree.line(f"{level}/cpu.max"))) is not None]
    events = _text.pairs(tree.text(f"{levels[0]}/memory.events"), " ")
    stat = _text.pairs(tree.text(f"{levels[0]}/cpu.stat"), " ")
    return Cgroup(
        version=2,
        memory_max_bytes=min(numbers, default=None),
        is_memory_limited=bool(numbers),
        memory_current_bytes=_text.whole(tree.line(f"{levels[0]}/memory.current")),
        oom_kills=_text.whole(events.get("oom_kill")),
        cpu_quota_cores=min(quotas, default=None),
        throttled_periods=_text.whole(stat.get("nr_throttled")),
    )


def _version1(tree: Tree, memory_levels: tuple[str, ...], cpu_levels: tuple[str, ...]) -> Cgroup:
    limits = [_text.whole(tree.line(f"{level}/memory.limit_in_bytes")) for level in memory_levels]
    known = [limit for limit in limits if limit is not None]
    numbers = [limit for limit in known if limit < UNLIMITED]
    quotas = []
    for level in cpu_levels:
        quota, period = (tree.line(f"{level}/cpu.cfs_{name}_us") for name in ("quota", "period"))
        cores = quota_of(f"{quota} {period}")
        quotas += [cores] if cores is not None else []
    own_memory, own_cpu = memory_levels[0] if memory_levels else "", cpu_levels[0] if cpu_levels else ""
    control = _text.pairs(tree.text(f"{own_memory}/memory.oom_control") if own_memory else "", " ")
    stat = _text.pairs(tree.text(f"{own_cpu}/cpu.stat") if own_cpu else "", " ")
    return Cgroup(
        version=1,
        memory_max_bytes=min(numbers, default=None),
        is_memory_limited=bool(numbers) if known else None,
        memory_current_bytes=_text.whole(tree.line(f"{own_memory}/memory.usage_in_bytes")) if own_memory else None,
        oom_kills=_text.whole(control.get("oom_kill")),
        cpu_quota_cores=min(quotas, default=None),
        throttled_periods=_text.whole(stat.get("nr_throttled")),
    )


def quota_of(text: str | None) -> float | None:
    """Cores that ``quota period`` grants; None for ``max`` and -1."""
    words = (text or "").split()
    quota, period = (_text.whole(words[0]), _text.whole(words[1])) if len(words) == 2 else (None, None)
    return quota / period if quota is not None and period and quota > 0 and period > 0 else None


def limits(tree: Tree) -> Limits | None:
    """Limits of this process by /proc/self/limits."""
    text = tree.text("/proc/self/limits", "host.limits")
    return None if text is None else parse_limits(text)


def parse_limits(text: str) -> Limits:
    """The table of /proc/self/limits; unlimited is -1."""
    rows = {}
    for line in text.splitlines():
        name, columns = line[:26].strip(), line[26:].split()
        if len(columns) > 1:
            rows[name] = (_limit(columns[0]), _limit(columns[1]))
    none = (None, None)
    return Limits(
        nofile_soft=rows.get("Max open files", none)[0],
        nofile_hard=rows.get("Max open files", none)[1],
        memlock_soft_bytes=rows.get("Max locked memory", none)[0],
        nproc_soft=rows.get("Max processes", none)[0],
    )


def _limit(text: str) -> int | None:
    return -1 if text == "unlimited" else _text.whole(text)


def shared_memory(tree: Tree) -> SharedMemory | None:
    """/dev/shm: size, free space, mode, and what crashed programs left there."""  # noqa: S108 - a docstring
    if sys.platform == "win32":
        return None
    try:
        room, status = os.statvfs(tree.at(SHM)), os.stat(tree.at(SHM))  # noqa: PTH116 - a text
    except OSError as problem:
        tree.note("host.shm", reason_of(problem), detail_of(problem, SHM))
        return None
    names = tree.names(SHM, "host.shm.leftovers")
    left = None if names is None else tuple(clean(n) for n in names if n.startswith(LEFTOVERS))[:LEFTOVERS_LIMIT]
    return SharedMemory(
        total_bytes=room.f_blocks * room.f_frsize,
        free_bytes=room.f_bavail * room.f_frsize,
        mode=f"{status.st_mode & 0o7777:o}",
        leftovers=left,
    )
