"""PT221 and PT222: the room and the memory that an installation takes."""

import re
import shlex
from collections.abc import Iterator

from ptsetup.facts import Disk
from ptsetup.rules._case import Case
from ptsetup.rules._installers import lacks_torch
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip

GIB = 1024**3

NO_SPACE = (
    r"\[Errno 28\]",
    r"no space left on device",
    r"os error 28\b",
    r"\[WinError 112\]",
    r"not enough space on the disk",
)
NOT_THIS_DISK = r"shm|shared memory|inductor|nccl|DataLoader|torchinductor|triton[\\/.]cache"
"""Words beside which a full disk is another rule's (PT706, PT920, PT954)."""

ROOM = {"target": 6.0, "temp": 2.5, "cache": 3.0, "uv_cache": 3.0}
"""GiB that a CUDA build takes in each place: measured with 2.15.0 on Linux (torch 1.2, NVIDIA's packages 3.0, triton 1.0)."""
ROOM_CPU = 1.0


@rule(
    "PT221",
    "disk-full",
    "error",
    "There is too little room for the installation",
    needs=("host.disks|messages",),
    layer=45,
    hides=("PT208", "PT212"),
    says=NO_SPACE,
)
def disk_full(case: Case) -> Iterator[Finding]:
    """What is wrong
        Downloading and unpacking need room in three places: the cache, the folder for temporary files, and the
        environment. One of them is too small; often it is a /tmp held in memory.

    Why it matters
        The installation ends with "No space left on device" and leaves a half package behind.

    See it yourself
        df -h . /tmp ~
        df -i .

    Fix
        Point TMPDIR to a bigger disk and install without the cache, or free room (pip cache purge).

    Sources
        pypa/pip#7745, #12868, AUTOMATIC1111/stable-diffusion-webui#11056; sizes measured
    """
    hit = case.heard(disk_full)
    if hit and re.search(NOT_THIS_DISK, hit.message.text, re.IGNORECASE):
        hit = None
    disks = case.snapshot.host.disks or () if case.snapshot.host else ()
    short = [disk for disk in disks if _is_short(case, disk)]
    if not hit and not short:
        return
    if not hit and not lacks_torch(case):
        return
    evidence = [hit.evidence] if hit else []
    evidence += [fact(case, "host.disks", _left(disk), f"statvfs of {disk.path}") for disk in short]
    roles = {disk.role for disk in short}
    big = next((d.path for d in disks if d.role == "home" and d not in short), None)
    fixes = [Fix(text="Empty pip's cache.", commands=(pip(case, "cache", "purge"),), kind="print")]
    if not short or roles & {"temp"}:
        place = shlex.quote(f"{big}/pt-unpack") if big else '"$HOME/pt-unpack"'
        elsewhere = Fix(
            text="Use a folder on a bigger disk for temporary files, and no cache.",
            shell=f"mkdir -p {place} && TMPDIR={place} ptsetup install",
            systems=("linux", "macos"),
        )
        on_windows = Fix(text="Let TEMP and TMP name a folder on a bigger disk.", systems=("windows",))
        fixes = [elsewhere, on_windows, *fixes]
    if roles & {"target"}:
        fixes.append(Fix(text="Make the environment on a disk with 6 GiB free, or free room on this one.", kind="none"))
    yield Finding(
        message=f"There is too little room: {_left(short[0])}."
        if short
        else "The disk was full while packages were installed.",
        subject=short[0].path if short else "disk",
        evidence=tuple(evidence),
        fixes=fitting(case, *fixes),
        severity="error" if hit or roles & {"target"} else "warning",
        certainty="certain" if short else "likely",
    )


def _is_short(case: Case, disk: Disk) -> bool:
    """Less room than a build of the wanted kind takes there."""
    needed = ROOM.get(disk.role)
    if needed is None or disk.free_bytes is None:
        return False
    is_big = case.wanted[0] in ("cuda", "rocm", "xpu")
    is_out_of_inodes = disk.role == "target" and disk.free_inodes is not None and 0 < disk.free_inodes < 20_000
    return is_out_of_inodes or disk.free_bytes < (needed if is_big else min(needed, ROOM_CPU)) * GIB


def _left(disk: Disk) -> str:
    names = {"target": "the environment", "temp": "temporary files", "cache": "pip's cache", "uv_cache": "uv's cache"}
    free = f"{(disk.free_bytes or 0) / GIB:.1f} GiB"
    few = f", {disk.free_inodes} more files" if disk.free_inodes is not None and disk.free_inodes < 20_000 else ""
    return f"{free}{few} left for {names.get(disk.role, disk.role)} in {disk.path}"


@rule(
    "PT222",
    "pip-memory-or-cache",
    "warning",
    "Too little memory to install, or a damaged cache",
    needs=("host.memory.available_bytes|host.cgroup|messages",),
    layer=55,
    says=(r"do not match the hashes", r"^\s*MemoryError\b", r"hash mismatch for `?(?:torch|nvidia)"),
)
def memory_or_cache(case: Case) -> Iterator[Finding]:
    """What is wrong
        pip keeps large wheels in memory while it stores them in its cache, and there is little memory here; or an entry
        of the cache is damaged.

    Why it matters
        The installation ends with MemoryError, with "Killed", or with hashes that do not match.

    See it yourself
        free -h
        python -m pip cache info

    Fix
        Empty the cache and install without it.

    Sources
        pytorch/pytorch#25164, vladmandic/sdnext#3797
    """
    hit = case.heard(memory_or_cache)
    if hit and "MemoryError" in hit.match[0] and not case.said(r"\bpip\b|downloading|cachecontrol|\.whl"):
        hit = None
    host = case.snapshot.host
    free = host.memory.available_bytes if host and host.memory else None
    limit = host.cgroup.memory_max_bytes if host and host.cgroup and host.cgroup.is_memory_limited else None
    least = min((value for value in (free, limit) if value is not None), default=None)
    is_tight = least is not None and least < 1.5 * GIB and lacks_torch(case)
    if not hit and not is_tight:
        return
    evidence = [hit.evidence] if hit else []
    if is_tight and least is not None:
        path = "host.memory.available_bytes" if least == free else "host.cgroup.memory_max_bytes"
        evidence.append(fact(case, path, f"{least / GIB:.1f} GiB", "the kernel"))
    yield Finding(
        message="A file from the cache was damaged, or memory ran out while a wheel was stored."
        if hit
        else f"Only {(least or 0) / GIB:.1f} GiB of memory are free: storing a large wheel in pip's cache may end the installation.",
        subject="pip",
        evidence=tuple(evidence),
        fixes=_without_cache(case, is_damaged=hit is not None),
        severity="error" if hit else "warning",
        certainty="likely",
    )


def _without_cache(case: Case, *, is_damaged: bool) -> tuple[Fix, ...]:
    """Empty a damaged cache and install again; where memory is short, do without pip, which keeps whole wheels in it."""
    purge = Fix(text="Empty the cache.", commands=(pip(case, "cache", "purge"),), kind="safe")
    if is_damaged:
        return (purge, another_build("Then install again."))
    return (
        another_build("Install with ptsetup, which takes uv in place of pip."),
        Fix(text="Or end what holds the memory first.", kind="none"),
    )


RULES = (disk_full, memory_or_cache)
