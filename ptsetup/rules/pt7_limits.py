"""PT706 to PT708: what a container or a batch system grants of shared memory, memory and processors."""

from collections.abc import Iterator

from ptsetup.rules import _containers, _speech
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, with_variables

MIB = 1024**2
GIB = 1024**3

SHM_TEXTS = (
    r"bus error encountered in worker|killed by signal: bus error",
    r"\bbus error\b[^.;\n]{0,80}\b(?:data ?loader|workers?)\b|\b(?:data ?loader|workers?)\b[^.;\n]{0,60}\bbus error\b",
    r"\bbus error\b[^;\n]{0,80}\bnum_workers\b|\bnum_workers\b[^;\n]{0,80}\bbus error\b",
    rf"\b(?:increas|bigger|larger|rais|add|sett|needs?|needed|us|with)\w*\b[^.;\n]{{0,24}}--?shm[-_]size\b[^;\n]{{0,60}}\b(?:{_speech.FIXED}|otherwise)",
    rf"\b{_speech.FIXED} [^.;\n]{{0,40}}(?:--?shm[-_]size|--ipc[= ]host|shared memory)\b",
    r"insufficient shared memory|out of shared memory|raise your shared memory limit",
    r"unable to (?:allocate|mmap|open|write to|resize|map) shared memory",
    r"unable to (?:mmap \d+ bytes from|write to|open|resize) (?:the )?file <?/?torch_\w+",
    r"(?:shm_open|shared memory).{0,80}no space left on device",
    r"error while creating shared memory segment",
    r"no space left on device.{0,60}(?:/dev/shm|/torch_\d)|/dev/shm\S* .{0,40}no space left",
)


@rule(
    "PT706",
    "shm-64mb",
    "warning",
    "Shared memory is too small",
    needs=("host.shm|messages",),
    hides=("PT904", "PT991"),
    layer=31,
    says=SHM_TEXTS,
    is_starred=True,
)
def shm(case: Case) -> Iterator[Finding]:
    """What is wrong
        /dev/shm is small or full. Docker gives a container 64 MiB of it. Workers of the data loader, and NCCL, hand data
        over through it.

    Why it matters
        Workers die with "Bus error", or "No space left on device (28)"; NCCL cannot create its segment.

    See it yourself
        df -h /dev/shm
        ls /dev/shm

    Fix
        Start the container with --shm-size=8g or --ipc=host; in Kubernetes mount an emptyDir of medium Memory at
        /dev/shm. Delete leftovers (nccl-*, torch_*) of programs that died. Or use num_workers=0.

    Sources
        pytorch/pytorch#5040, #108861, NVIDIA/nccl#1518, llm-d/llm-d#352; reproduced
    """
    hit = case.heard(shm)
    memory = case.snapshot.host.shm if case.snapshot.host else None
    total, free = (memory.total_bytes, memory.free_bytes) if memory else (None, None)
    is_tiny = total is not None and total <= 64 * MIB
    is_small = total is not None and total < GIB and len(case.gpus) > 1 and case.is_container
    is_full = bool(total and free is not None and free < total / 10)
    if not (hit or is_tiny or is_small or is_full):
        return
    if hit and total and free is not None and total > 8 * GIB and free > total / 2:
        return
    leftovers = (memory.leftovers if memory else None) or ()
    size = f"{total // MIB} MiB" if total is not None and total < GIB else f"{(total or 0) / GIB:.0f} GiB"
    yield Finding(
        message=f"/dev/shm is full: {(free or 0) // MIB} MiB of {size} are free."
        if is_full and not (is_tiny or is_small)
        else f"/dev/shm has {size}: too little for workers of the data loader and for NCCL."
        if total is not None
        else "Shared memory (/dev/shm) is too small for the workers of the data loader.",
        subject="/dev/shm",
        evidence=(
            *([fact(case, "host.shm.total_bytes", size, "df /dev/shm")] if total is not None else []),
            *([fact(case, "host.shm.free_bytes", f"{(free or 0) // MIB} MiB", "df /dev/shm")] if is_full else []),
            *([fact(case, "host.shm.leftovers", ", ".join(leftovers[:3]), "ls /dev/shm")] if leftovers else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*more_shm(case, leftovers), WITHOUT_WORKERS),
        severity="error" if hit else "warning",
        certainty="certain" if total is not None else "likely",
    )


def more_shm(case: Case, leftovers: tuple[str, ...]) -> tuple[Fix, ...]:
    """Delete leftovers; make it bigger, where it is set: in the container's start, the pod, or on this machine."""
    host = case.snapshot.host
    kind = host.container if host else None
    clean = Fix(
        text="Delete what programs that died have left (first end those that still run).",
        shell="rm -f /dev/shm/nccl-* /dev/shm/torch_*",
        systems=("linux",),
    )
    total = (host.shm.total_bytes if host and host.shm else None) or 0
    size = max(8, 2 * -(-total // GIB))  # never smaller than it is
    bigger = Fix(
        text="Make it bigger until the next start.",
        commands=(("sudo", "mount", "-o", f"remount,size={size}G", "/dev/shm"),),
        systems=("linux",),
    )
    tool = kind if kind in ("docker", "podman") else "docker"
    container = Fix(
        text='Start the container with "--shm-size=8g" (or "--ipc=host"); this shows the size.',
        commands=((tool, "run", "--rm", "--shm-size=8g", "ubuntu", "df", "-h", "/dev/shm"),),
        where=_containers.HOST,
    )
    pod = Fix(
        text="Mount memory at /dev/shm in the pod's specification.",
        shell="volumes: [{name: shm, emptyDir: {medium: Memory}}]; volumeMounts: [{name: shm, mountPath: /dev/shm}]",
        where=_containers.HOST,
    )
    way = pod if kind == "kubernetes" else bigger if kind == "none" else container
    return (clean, way) if leftovers else (way,)


WITHOUT_WORKERS = Fix(text="Or let the data loader work without workers: num_workers=0.", kind="none")


KILLED = (
    r"killed by signal: killed",
    r"OOMKilled|exit(?:ed)?(?: with)? (?:code|status)[: ]{1,2}137\b|\(exit code 137\)",
    r"memory cgroup out of memory",
)


@rule(
    "PT707",
    "cgroup-memory-limit",
    "warning",
    "The memory limit of the container or job is reached",
    needs=("host.cgroup|messages",),
    hides=("PT904", "PT991"),
    layer=31,
    says=KILLED,
    is_starred=True,
)
def memory_limit(case: Case) -> Iterator[Finding]:
    """What is wrong
        The control group (container, batch job) may use less memory than the machine has, and it has reached, or nearly
        reached, that limit.

    Why it matters
        The kernel kills a process without a word: "killed by signal: Killed", exit code 137, a notebook that restarts.

    See it yourself
        cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory.current
        grep oom_kill /sys/fs/cgroup/memory.events

    Fix
        Raise the limit (docker --memory, the pod's limits, the job's --mem); or use fewer workers, smaller batches and
        prefetch_factor=2.

    Sources
        pytorch/pytorch#5040, fastai/docker-containers#21
    """
    hit = case.heard(memory_limit)
    host = case.snapshot.host
    group, total = (host.cgroup, host.memory.total_bytes if host.memory else None) if host else (None, None)
    limit = group.memory_max_bytes if group and group.is_memory_limited is not False else None
    is_limited = limit is not None and (total is None or limit < total)
    used = group.memory_current_bytes if group else None
    is_near = bool(is_limited and limit and used and used > 0.9 * limit)
    kills = (group.oom_kills or 0) if group and is_limited else 0
    if not (kills or is_near or hit) or (hit and not kills and group is not None and group.is_memory_limited is False):
        return
    gib = f"{(limit or 0) / GIB:.1f} GiB"
    yield Finding(
        message=f"The kernel has ended {kills} process{'es' if kills > 1 else ''} of this group at its limit of {gib}."
        if kills
        else f"This group uses {(used or 0) / GIB:.1f} GiB of the {gib} that it may use."
        if is_near
        else "A process was killed from outside: mostly because memory ran out.",
        subject="memory",
        evidence=(
            *([fact(case, "host.cgroup.memory_max_bytes", gib, "memory.max")] if is_limited else []),
            *([fact(case, "host.cgroup.oom_kills", kills, "memory.events")] if kills else []),
            *(
                [fact(case, "host.cgroup.memory_current_bytes", f"{(used or 0) / GIB:.1f} GiB", "memory.current")]
                if is_near
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Raise the limit: docker run --memory, the pod's limits, or --mem of the batch job.",
                kind="none",
                where=_containers.HOST if case.is_container else "here",
            ),
            Fix(text="Or use less: fewer workers, smaller batches, prefetch_factor=2.", kind="none"),
        ),
        severity="error" if hit and kills else "warning",
        certainty="certain" if kills or is_near else "likely",
    )


@rule(
    "PT708",
    "cgroup-cpu-limit",
    "warning",
    "Fewer processors are granted than torch counts",
    needs=("host.cgroup", "host.cpu"),
    layer=31,
)
def cpu_limit(case: Case) -> Iterator[Finding]:
    """What is wrong
        The control group grants the time of fewer processors than are in sight. torch starts as many threads as it sees.

    Why it matters
        The threads use up the time that is granted and are then stopped: work on the CPU is slow and jerky.

    See it yourself
        cat /sys/fs/cgroup/cpu.max; nproc
        grep nr_throttled /sys/fs/cgroup/cpu.stat

    Fix
        Start as many threads as processors are granted.

    Sources
        Linux kernel documentation, cgroup v2; torch/distributed/run.py
    """
    host = case.snapshot.host
    quota = host.cgroup.cpu_quota_cores if host and host.cgroup else None
    cores = host.cpu.affinity_cores or host.cpu.logical_cores if host and host.cpu else None
    if host is None or host.cgroup is None or not quota or not cores or quota >= cores:
        return
    threads = case.env("OMP_NUM_THREADS")
    if threads and threads.isdecimal() and int(threads[:6]) <= max(quota, 1):
        return
    throttled = host.cgroup.throttled_periods or 0
    number = max(1, round(quota))
    yield Finding(
        message=f"{quota:g} processors are granted, torch sees {cores} and starts as many threads"
        + (f"; it was stopped {throttled} times." if throttled else "."),
        subject="processors",
        evidence=(
            fact(case, "host.cgroup.cpu_quota_cores", f"{quota:g}", "cpu.max"),
            fact(case, "host.cpu.affinity_cores", cores, "nproc"),
            *([fact(case, "host.cgroup.throttled_periods", throttled, "cpu.stat")] if throttled else []),
        ),
        fixes=with_variables(case, "Start that many threads.", OMP_NUM_THREADS=str(number)),
        severity="warning" if quota * 2 <= cores or throttled else "note",
    )


RULES = (shm, memory_limit, cpu_limit)
