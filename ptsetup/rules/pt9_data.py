"""PT9xx: use. Here: data loading and processes; the rest of the family stands in pt9_*."""

import re
from collections.abc import Iterator

from ptsetup.rules import (
    pt9_cache,
    pt9_compile,
    pt9_distributed,
    pt9_limits,
    pt9_network,
    pt9_rdma,
    pt9_toolchain,
    pt9_weights,
)
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, with_variables

GIB = 1024**3


@rule(
    "PT901",
    "nofile-low",
    "warning",
    "Few files may be open at once",
    needs=("host.limits|messages",),
    layer=82,
    says=(r"too many open files(?:\. Communication with the workers)?", r"\[Errno 24\]"),
)
def nofile(case: Case) -> Iterator[Finding]:
    """What is wrong
        The limit of open files is low. On Linux each tensor that a worker hands over takes one file.

    Why it matters
        "Too many open files. Communication with the workers is no longer possible", mostly after a while.

    See it yourself
        ulimit -n

    Fix
        Raise the limit, for good in limits.conf or by LimitNOFILE of the service; or let torch hand over tensors by
        name: torch.multiprocessing.set_sharing_strategy("file_system").

    Sources
        reproduced; PyTorch documentation, multiprocessing
    """
    hit = case.heard(nofile)
    host = case.snapshot.host
    soft = host.limits.nofile_soft if host and host.limits else None
    cores = (host.cpu.usable_cores if host and host.cpu else None) or 1
    is_low = soft is not None and 0 <= soft < 1024 + 64 * cores
    if not (hit or is_low) or case.system == "windows":
        return
    severity: Severity = (
        "error"
        if hit
        else "warning"
        if soft is not None and soft < 1024 and soft >= 0 and case.system == "linux"
        else "note"
    )
    yield Finding(
        message=f"Only {soft} files may be open at once"
        + (", and they did not suffice." if hit else ": few for many workers.")
        if is_low
        else "The limit of open files was reached.",
        subject="ulimit -n",
        evidence=(
            *([fact(case, "host.limits.nofile_soft", soft, "ulimit -n")] if is_low else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="Raise the limit in this shell.", shell="ulimit -n 65536", systems=("linux", "macos")),
            Fix(text='Or call torch.multiprocessing.set_sharing_strategy("file_system") at the start.', kind="none"),
        ),
        severity=severity,
        certainty="certain" if is_low else "likely",
    )


SHM_MANAGER = r"torch_shm_manager.{0,120}(?:permission denied|execl failed|no such file)"


@rule(
    "PT902",
    "shm-manager-not-executable",
    "error",
    "torch's helper for shared memory cannot be started",
    needs=("target.wheel|messages",),
    layer=66,
    says=(SHM_MANAGER,),
)
def shm_manager(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch/bin/torch_shm_manager is not executable (copied without its rights, or on a file system mounted noexec).

    Why it matters
        With the sharing strategy file_system workers fail: "execl failed: Permission denied".

    See it yourself
        ls -l "$(python -c 'import torch; print(torch.__path__[0])')/bin/torch_shm_manager"

    Fix
        Make it executable; or install torch anew on a file system that allows programs.

    Sources
        reproduced
    """
    hit = case.heard(shm_manager)
    wheel = case.wheel
    is_bad = bool(wheel and wheel.is_shm_manager_executable is False)
    if not is_bad and not hit:
        return
    path = f"{wheel.path}/bin/torch_shm_manager" if wheel and wheel.path else None
    make = (
        Fix(text="Make it executable.", commands=(("chmod", "+x", path),), systems=("linux", "macos"), kind="venv")
        if path
        else None
    )
    again = Fix(text="Install torch anew, on a file system that is not mounted noexec.", kind="none")
    yield Finding(
        message=f"{path or 'torch_shm_manager'} is not executable.",
        subject="torch_shm_manager",
        evidence=(
            *([fact(case, "target.wheel.is_shm_manager_executable", "no", "file mode")] if is_bad else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(make, again) if make else (again,),
        severity="error" if hit else "warning",
        certainty="certain" if is_bad else "likely",
    )


FORKED = r"cannot re-initialize CUDA in forked subprocess"


@rule(
    "PT903",
    "cuda-in-forked-child",
    "error",
    "CUDA was started before a process was forked",
    needs=("messages",),
    hides=("PT513", "PT904"),
    layer=80,
    says=(FORKED, r"CUDA.{0,60}with multiprocessing, you must use the 'spawn' start method", r"poison_?fork"),
)
def forked(case: Case) -> Iterator[Finding]:
    """What is wrong
        The parent had used CUDA (even torch.cuda.is_available() starts it) before it forked; a forked child cannot.

    Why it matters
        "Cannot re-initialize CUDA in forked subprocess", or code 3.

    See it yourself
        python -c "import multiprocessing; print(multiprocessing.get_start_method())"

    Fix
        Start children with "spawn"; or keep CUDA out of the parent, and set PYTORCH_NVML_BASED_CUDA_CHECK=1 if it only
        asks whether there is a GPU.

    Sources
        torch/cuda/__init__.py; message of libc10_cuda
    """
    hit = case.heard(forked)
    if hit is None:
        return
    target = case.snapshot.target
    method = target.start_method if target else None
    vllm = bool(case.dists("vllm") or case.said(r"\bvllm\b"))
    spawn = Fix(
        text="Let vLLM spawn its workers.", shell="export VLLM_WORKER_MULTIPROCESSING_METHOD=spawn", systems=("linux",)
    )
    yield Finding(
        message="A child process was forked from one that had started CUDA already.",
        subject="multiprocessing",
        evidence=(hit.evidence, *([fact(case, "target.start_method", method, "multiprocessing")] if method else [])),
        fixes=(
            *((spawn,) if vllm else ()),
            Fix(text='Call torch.multiprocessing.set_start_method("spawn") at the start of the program.', kind="none"),
            *with_variables(
                case,
                "If the parent only asks whether there is a GPU, let NVML answer.",
                PYTORCH_NVML_BASED_CUDA_CHECK="1",
            ),
        ),
        certainty="likely",
    )


NOT_MAIN = r"attempt has been made to start a new process before the current process has finished its bootstrapping"


@rule(
    "PT904",
    "dataloader-worker-died",
    "note",
    "A worker of the data loader died",
    needs=("messages",),
    layer=83,
    says=(
        r"DataLoader worker \(pid\(?s?\)? ?[\d, ]+\) (?:is killed by signal: (?P<signal>[\w ]+)|exited unexpectedly)",
        NOT_MAIN,
    ),
)
def worker_died(case: Case) -> Iterator[Finding]:
    """What is wrong
        A worker process of the data loader ended. The signal tells why: "Bus error": shared memory (PT706); "Killed":
        memory (PT707, PT905); "Segmentation fault": two OpenMP libraries (PT861) or a broken extension (PT307);
        "exited unexpectedly" on Windows and macOS: the main program has no guard.

    Why it matters
        Training stops; the message alone names no cause.

    See it yourself
        Run with num_workers=0: the real error shows up.

    Fix
        By the signal. Put the start of the program under: if __name__ == "__main__".

    Sources
        pytorch/pytorch#5040
    """
    hit = case.heard(worker_died)
    if hit is None:
        return
    signal = (hit.match.groupdict().get("signal") or "").strip().lower()
    is_unguarded = re.search(NOT_MAIN, hit.match[0], re.IGNORECASE) is not None
    ways = {
        "bus error": "Shared memory is too small: see PT706.",
        "killed": "Memory ran out: see PT707 and PT905.",
        "segmentation fault": "Two OpenMP libraries, or a broken extension: see PT861 and PT307.",
    }
    text = next((way for word, way in ways.items() if signal.startswith(word)), None)
    guard = 'Put the start of the program under: if __name__ == "__main__".'
    yield Finding(
        message="Workers are started while the main module is still being read: it has no guard."
        if is_unguarded
        else f"A worker of the data loader died{f' ({signal})' if signal else ''}.",
        subject="DataLoader",
        evidence=(hit.evidence,),
        fixes=(
            Fix(
                text=guard if is_unguarded else text or f"Run with num_workers=0 to see the real error. {guard}",
                kind="none",
            ),
        ),
        severity="warning" if is_unguarded else "note",
        certainty="likely",
    )


SYSTEM_OOM = r"(?<!cgroup )out of memory: killed process (?P<pid>\d+)(?: \((?P<name>[^)]+)\))?"


@rule(
    "PT905",
    "system-memory-low",
    "warning",
    "The machine is short of memory",
    needs=("host.memory|host.kernel_log|messages",),
    layer=30,
    says=(SYSTEM_OOM, r"DefaultCPUAllocator: (?:not enough memory|can't allocate memory)"),
)
def memory_low(case: Case) -> Iterator[Finding]:
    """What is wrong
        Little main memory is free and swap is used up; or the kernel has ended processes because memory ran out.

    Why it matters
        Programs are killed without a word, or all becomes slow.

    See it yourself
        free -h
        sudo dmesg | grep -i "out of memory"

    Fix
        End what is not needed; use fewer workers and smaller batches; add swap or memory.

    Sources
        pytorch/pytorch#25164
    """
    hit = case.heard(memory_low)
    host = case.snapshot.host
    memory = host.memory if host else None
    available = memory.available_bytes if memory else None
    total_swap, free_swap = (memory.swap_total_bytes, memory.swap_free_bytes) if memory else (None, None)
    has_no_swap = total_swap == 0 or (total_swap is not None and free_swap is not None and free_swap < total_swap / 10)
    is_low = available is not None and available < 2 * GIB and has_no_swap
    if not (is_low or hit):
        return
    name = hit.match.groupdict().get("name") if hit else None
    free = f"{(available or 0) / GIB:.1f} GiB"
    yield Finding(
        message=f"{free} of memory are available, and there is no swap left."
        if is_low
        else f"The kernel ended {name or 'a process'} because memory ran out."
        if hit and "killed" in hit.match[0].lower()
        else "The program asked for more memory than there is.",
        subject="memory",
        evidence=(
            *([fact(case, "host.memory.available_bytes", free, "/proc/meminfo")] if is_low else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="End what is not needed; use fewer workers and smaller batches; add swap or memory.", kind="none"),
        ),
        certainty="certain" if is_low or case.snapshot.origin != "report" else "likely",
    )


RULES = tuple(
    sorted(
        (
            nofile,
            shm_manager,
            forked,
            worker_died,
            memory_low,
            *pt9_distributed.RULES,
            *pt9_network.RULES,
            *pt9_rdma.RULES,
            *pt9_compile.RULES,
            *pt9_cache.RULES,
            *pt9_toolchain.RULES,
            *pt9_weights.RULES,
            *pt9_limits.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT9xx."""
