"""PT524 and PT525: GPU memory that somebody, or nobody, holds."""

import re
from collections.abc import Iterator

from ptsetup.facts import Gpu, GpuProcess
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact

GIB = 1024**3

OUT_OF_MEMORY = (
    r"CUDA out of memory|CUDA error: out of memory|cudaErrorMemoryAllocation",
    r"OutOfMemoryError: .{0,40}out of memory",
)

TORCH_ACCOUNT = (
    r"(?i)has a total capac(?:i?)ty of (?P<total>[\d.]+) (?P<unit>[GM])iB"
    r".{0,40}?(?P<free>[\d.]+) (?P<free_unit>[GMK])iB is free"
)
OTHER_PROCESS = r"(?i)Process (?P<pid>\d+) has (?P<used>[\d.]+) (?P<unit>[GM])iB memory in use"
UNITS = {"G": GIB, "M": GIB // 1024, "K": GIB // 1024**2}


@rule(
    "PT524",
    "vram-held-by-others",
    "warning",
    "Other programs hold the GPU's memory",
    needs=("nvidia.gpus|messages",),
    layer=29,
    says=OUT_OF_MEMORY,
    is_starred=True,
)
def held(case: Case) -> Iterator[Finding]:
    """What is wrong
        Other processes hold so much of the GPU's memory that little is left: an earlier run that did not end, a
        notebook, another user.

    Why it matters
        "CUDA out of memory" at once, however small the model.

    See it yourself
        nvidia-smi --query-compute-apps=pid,used_memory,name --format=csv

    Fix
        End what is no longer needed, or take another GPU.

    Sources
        nvml.h; messages of libc10_cuda (torch lists the processes itself)
    """
    hit = case.heard(held)
    is_report = case.snapshot.origin == "report"
    for gpu in case.gpus:
        others = [p for p in gpu.processes or () if not p.is_own]
        used = sum(p.memory_bytes or 0 for p in others)
        total, free = gpu.memory_total_bytes, gpu.memory_free_bytes
        if not total or free is None or free >= total / 2 or used < GIB or (is_report and not hit):
            continue
        listed = ", ".join(_process(p) for p in sorted(others, key=lambda p: -(p.memory_bytes or 0))[:3])
        yield Finding(
            message=f"Only {free / GIB:.1f} of {total / GIB:.1f} GiB of {_nvidia.name_of(gpu)} are free; held by {listed}.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                _nvidia.gpu_fact(case, gpu, "memory_free_bytes", f"{free / GIB:.1f} GiB"),
                _nvidia.gpu_fact(case, gpu, "processes", listed),
                *([hit.evidence] if hit else []),
            ),
            fixes=_end(case, others),
        )
        return
    yield from _by_torch(case)


def _by_torch(case: Case) -> Iterator[Finding]:
    """What torch's own message tells: free memory, and who holds the rest."""
    hit = case.heard(held)
    if hit is None:
        return
    account = re.search(TORCH_ACCOUNT, hit.message.text)
    others = list(re.finditer(OTHER_PROCESS, hit.message.text))
    if account is None or not others:
        return
    total = float(account["total"]) * UNITS[account["unit"].upper()]
    used = sum(float(m["used"]) * UNITS[m["unit"].upper()] for m in others)
    if used < total / 2 or "including non-pytorch memory" not in hit.message.text.lower():
        return
    listed = ", ".join(f"process {m['pid']} ({m['used']} {m['unit']}iB)" for m in others[:3])
    yield Finding(
        message=f"Other processes hold more than half of the GPU's memory: {listed}.",
        subject="GPU memory",
        evidence=(hit.evidence,),
        fixes=_end(case, [GpuProcess(pid=int(m["pid"])) for m in others]),
        certainty="likely",
    )


def _process(process: GpuProcess) -> str:
    parts = [process.user, process.name.rpartition("/")[2] if process.name else None]
    memory = f"{process.memory_bytes / GIB:.1f} GiB" if process.memory_bytes else None
    told = ", ".join(part for part in (*parts, memory) if part)
    return f"process {process.pid}" + (f" ({told})" if told else "")


def _end(case: Case, processes: list[GpuProcess]) -> tuple[Fix, ...]:
    pids = [str(p.pid) for p in processes[:5]]
    see = Fix(
        text="See what these programs are.",
        commands=(("ps", "-o", "pid,user,etime,cmd", "-p", ",".join(pids)),),
        systems=("linux",),
    )
    end = Fix(text="End those that are no longer needed.", shell=f"kill {' '.join(pids)}", systems=("linux",))
    other = Fix(text="Or take another GPU with CUDA_VISIBLE_DEVICES.", kind="none")
    windows = Fix(
        text="End those that are no longer needed (Task Manager shows their names).",
        commands=(("taskkill", *(word for pid in pids for word in ("/PID", pid))),),
        systems=("windows",),
    )
    return (*_nvidia.on_host(case, see, end, windows), *((other,) if len(case.gpus) > 1 else ()))


@rule(
    "PT525",
    "vram-held-by-nobody",
    "warning",
    "GPU memory is in use, and no process is to be seen",
    needs=("nvidia.gpus",),
    layer=29,
)
def held_by_nobody(case: Case) -> Iterator[Finding]:
    """What is wrong
        More than a gigabyte of the GPU's memory is in use, and no process shows up: one that runs in a container or for
        another user, one that died without giving it back, or a context that is stuck.

    Why it matters
        There is less memory than the card has, and nothing to end.

    See it yourself
        sudo fuser -v /dev/nvidia*

    Fix
        Find who holds the device files, on the host; if nobody does, reset the GPU.

    Sources
        kouhan.cn/en/article/00015593 (a summary of the well-known question); nvml.h
    """
    if case.system == "windows" or case.snapshot.origin == "report" or (case.snapshot.host and case.snapshot.host.wsl):
        return
    for gpu in case.gpus:
        if gpu.processes is None or gpu.processes or gpu.memory_used_bytes is None:
            continue
        lost = gpu.memory_used_bytes - (gpu.memory_reserved_bytes or 0)
        if lost <= GIB or gpu.mig_current == 1 or gpu.virtualization_mode in (2, 3):
            continue
        yield Finding(
            message=f"{lost / GIB:.1f} GiB of {_nvidia.name_of(gpu)} are in use, and no process is to be seen.",
            subject=_nvidia.name_of(gpu),
            evidence=_held_facts(case, gpu, lost),
            fixes=_nvidia.on_host(
                case,
                Fix(text="See who holds the device files.", shell="sudo fuser -v /dev/nvidia*", systems=("linux",)),
                Fix(
                    text="If nobody does, reset the GPU.",
                    commands=(("sudo", "nvidia-smi", "-r", "-i", str(gpu.index)),),
                    systems=("linux",),
                ),
            ),
            severity="note" if case.is_container else "warning",
        )


def _held_facts(case: Case, gpu: Gpu, lost: int) -> tuple[Evidence, ...]:
    inside = (
        (fact(case, "host.container", case.snapshot.host.container, "cgroup"),)
        if case.is_container and case.snapshot.host
        else ()
    )
    return (
        _nvidia.gpu_fact(case, gpu, "memory_used_bytes", f"{lost / GIB:.1f} GiB"),
        _nvidia.gpu_fact(case, gpu, "processes", "none"),
        *inside,
    )


RULES = (held, held_by_nobody)
