"""PT953 to PT955: the folder in which torch.compile keeps what it has compiled."""

from collections.abc import Iterator

from ptsetup.facts import Disk
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

GIB = 1024**3
COMPILING = r"inductor|triton|torch\.compile|_dynamo"


def _disk(case: Case) -> tuple[int, Disk] | None:
    """The file system of the cache, with its place in the list."""
    disks = case.snapshot.host.disks if case.snapshot.host else None
    return next(((i, d) for i, d in enumerate(disks or ()) if d.role == "inductor_cache"), None)


MOVE = Fix(
    text="Put the cache where this user may write and run programs.",
    shell="export TORCHINDUCTOR_CACHE_DIR=$HOME/.cache/torchinductor TRITON_CACHE_DIR=$HOME/.cache/triton",
    systems=("linux", "macos"),
)

MOVE_ON_WINDOWS = Fix(
    text="Put the cache where this user may write (PowerShell).",
    shell=r'$env:TORCHINDUCTOR_CACHE_DIR = "$env:LOCALAPPDATA\torchinductor"',
    systems=("windows",),
)

UNWRITABLE = (
    r"permission denied: ['\"]?\S*(?:torchinductor|\.triton|triton)\S*",
    r"read-only file system: ['\"]?\S*(?:torchinductor|triton)\S*",
    r"getpwuid\(\): uid not found",
)


@rule(
    "PT953",
    "inductor-cache-unwritable",
    "error",
    "torch.compile cannot write its cache",
    needs=("host.disks|host.inductor_cache_problem|messages",),
    layer=75,
    says=UNWRITABLE,
)
def unwritable(case: Case) -> Iterator[Finding]:
    """What is wrong
        The cache of torch.compile (TORCHINDUCTOR_CACHE_DIR, else torchinductor_USER in the folder for temporary files) or
        of Triton cannot be written: it belongs to another user, the file system is read-only, or this user id has no
        name.

    Why it matters
        The first compiled call fails: "Permission denied: /tmp/torchinductor_...".

    See it yourself
        ls -ld /tmp/torchinductor_* ~/.triton

    Fix
        Put the cache into a folder of your own.

    Sources
        reproduced; torch/_inductor/runtime/cache_dir_utils.py
    """
    hit = case.heard(unwritable)
    host = case.snapshot.host
    problem = host.inductor_cache_problem if host else None
    if not problem and not hit:
        return
    if problem and not hit and ("noexec" in problem or "no space" in problem.lower() or "free" in problem):
        return
    yield Finding(
        message=f"torch.compile cannot use its cache: {problem.rstrip('.')}."
        if problem
        else "torch.compile cannot write its cache.",
        subject="TORCHINDUCTOR_CACHE_DIR",
        evidence=(
            *([fact(case, "host.inductor_cache_problem", problem, "write test")] if problem else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(MOVE, MOVE_ON_WINDOWS),
        severity="error" if hit else "warning",
        certainty="certain" if problem else "likely",
    )


@rule(
    "PT954",
    "inductor-cache-full",
    "error",
    "The disk of torch.compile's cache is full",
    needs=("host.disks|messages",),
    layer=75,
    says=(r"(?:inductor|triton).{0,300}no space left on device|no space left on device.{0,200}(?:inductor|triton)",),
)
def full(case: Case) -> Iterator[Finding]:
    """What is wrong
        Less than a gigabyte is free where torch.compile keeps its cache.

    Why it matters
        Compiling fails with "[Errno 28] No space left on device".

    See it yourself
        df -h ${TORCHINDUCTOR_CACHE_DIR:-/tmp}

    Fix
        Make room, delete the old cache, or put it on another disk.

    Sources
        reproduced
    """
    hit = case.heard(full)
    found = _disk(case)
    free = found[1].free_bytes if found else None
    is_full = free is not None and free < GIB
    if not is_full and not hit:
        return
    path = found[1].path if found else None
    mib = f"{(free or 0) // 1024**2} MiB"
    yield Finding(
        message=f"Only {mib} are free for torch.compile's cache in {path}."
        if is_full
        else "The disk of torch.compile's cache is full.",
        subject=path or "TORCHINDUCTOR_CACHE_DIR",
        evidence=(
            *([fact(case, f"host.disks[{found[0]}].free_bytes", mib, "statvfs")] if is_full and found else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(MOVE, MOVE_ON_WINDOWS),
        severity="error" if hit else "warning",
        certainty="certain" if is_full else "likely",
    )


@rule(
    "PT955",
    "inductor-cache-noexec",
    "error",
    "Programs may not run where torch.compile keeps its cache",
    needs=("host.disks|messages",),
    layer=75,
    says=(r"failed to map segment from shared object",),
)
def noexec(case: Case) -> Iterator[Finding]:
    """What is wrong
        The file system of the cache is mounted noexec (a tmpfs of Docker, a hardened /tmp). What torch.compile has
        compiled cannot be loaded from there.

    Why it matters
        "failed to map segment from shared object".

    See it yourself
        findmnt -T ${TORCHINDUCTOR_CACHE_DIR:-/tmp} -o TARGET,OPTIONS

    Fix
        Put the cache elsewhere.

    Sources
        reproduced; torch's own hint
    """
    hit = case.heard(noexec)
    found = _disk(case)
    is_noexec = bool(found and found[1].is_noexec)
    if not is_noexec and (hit is None or case.said(COMPILING) is None):
        return
    path = found[1].path if found else None
    yield Finding(
        message=f"{path} is mounted noexec, and torch.compile keeps its cache there."
        if is_noexec
        else "torch.compile's cache lies on a file system that is mounted noexec.",
        subject=path or "TORCHINDUCTOR_CACHE_DIR",
        evidence=(
            *(
                [fact(case, f"host.disks[{found[0]}].is_noexec", "noexec", "/proc/self/mountinfo")]
                if is_noexec and found
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(MOVE,),
        severity="error" if hit else "warning",
        certainty="certain" if is_noexec else "likely",
    )


RULES = (unwritable, full, noexec)
