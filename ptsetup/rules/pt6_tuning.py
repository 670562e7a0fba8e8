"""PT655 to PT657 and PT662 to PT668: variables that make programs slow, or change what they do, and were forgotten."""

import math
import re
from collections.abc import Iterator

from ptsetup.rules import pt6_allocator
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, unset, without_variables


def _set(case: Case, name: str) -> Evidence:
    return fact(case, f"env.{name}", case.env(name), "the environment")


def _is_on(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y")


def _leftover(case: Case, severity: Severity = "warning") -> Severity:
    """In a report such a variable was mostly set to find a fault: that is no fault."""
    return "note" if case.snapshot.origin == "report" else severity


def _simple(case: Case, name: str, message: str, severity: Severity = "warning") -> Finding:
    return Finding(
        message=message,
        subject=name,
        evidence=(_set(case, name),),
        fixes=unset(case, name),
        severity=_leftover(case, severity),
    )


def _unset_all(case: Case, names: list[str]) -> tuple[Fix, ...]:
    """Take several variables away for this shell."""
    text = "Take them away (and look for them in the shell profile or the job script that set them)."
    return without_variables(case, text, *names) if names else ()


@rule("PT655", "cuda-launch-blocking", "warning", "CUDA waits after every kernel", needs=("env",), layer=44)
def blocking(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA_LAUNCH_BLOCKING=1 makes the program wait after each kernel. It is meant for finding faults.

    Why it matters
        Everything on the GPU is much slower.

    See it yourself
        echo $CUDA_LAUNCH_BLOCKING

    Fix
        Take it away when the fault is found.

    Sources
        PyTorch documentation, CUDA semantics
    """
    if case.env("CUDA_LAUNCH_BLOCKING") == "1":
        yield _simple(case, "CUDA_LAUNCH_BLOCKING", "CUDA_LAUNCH_BLOCKING=1 makes every kernel wait: slow by design.")


@rule("PT657", "no-memory-caching", "warning", "torch's cache of GPU memory is off", needs=("env",), layer=44)
def no_caching(case: Case) -> Iterator[Finding]:
    """What is wrong
        PYTORCH_NO_CUDA_MEMORY_CACHING is set: torch asks the driver for each piece of memory anew.

    Why it matters
        Programs are many times slower. It is meant for finding faults with compute-sanitizer.

    See it yourself
        echo $PYTORCH_NO_CUDA_MEMORY_CACHING

    Fix
        Take it away.

    Sources
        strings of libc10_cuda
    """
    if case.env("PYTORCH_NO_CUDA_MEMORY_CACHING"):
        message = "PYTORCH_NO_CUDA_MEMORY_CACHING is set: each allocation goes to the driver, which is very slow."
        yield _simple(case, "PYTORCH_NO_CUDA_MEMORY_CACHING", message)


@rule("PT662", "omp-threads-bad", "warning", "OMP_NUM_THREADS does not fit this machine", needs=("env",), layer=44)
def omp_threads(case: Case) -> Iterator[Finding]:
    """What is wrong
        OMP_NUM_THREADS is no positive number, or larger than the cores that this process may use, or 1 on a machine that
        computes on the CPU alone. (torchrun itself sets 1 for each of its processes.)

    Why it matters
        Too many threads hinder each other; one thread leaves the other cores idle.

    See it yourself
        echo $OMP_NUM_THREADS; nproc

    Fix
        Take it away, or set it to the number of cores for each process.

    Sources
        torch/distributed/run.py
    """
    value = case.env("OMP_NUM_THREADS")
    cpu = case.snapshot.host.cpu if case.snapshot.host else None
    cores = cpu.usable_cores if cpu else None
    if not value:
        return
    first = value.split(",")[0].strip()
    number = int(first) if re.fullmatch(r"\d{1,9}", first) else None
    is_batch = bool(case.env("TORCHELASTIC_RUN_ID") or case.env("LOCAL_RANK"))
    if not number:
        message = f'OMP_NUM_THREADS="{value}" is no positive number.'
    elif cores is not None and number > max(1, math.ceil(cores)):
        message = f"OMP_NUM_THREADS={value} is more than the {cores:g} cores that this process may use."
    elif number == 1 and not is_batch and case.family == "cpu" and (cores or 0) > 1:
        message = f"OMP_NUM_THREADS=1 leaves {(cores or 2) - 1:g} of {cores:g} cores idle."
    else:
        return
    yield _simple(case, "OMP_NUM_THREADS", message, "note" if number == 1 else "warning")


@rule("PT663", "kmp-duplicate-ok", "warning", "A clash of OpenMP libraries is hidden", needs=("env",), layer=44)
def duplicate_ok(case: Case) -> Iterator[Finding]:
    """What is wrong
        KMP_DUPLICATE_LIB_OK=TRUE silences the message that two OpenMP libraries are in one process (PT861).

    Why it matters
        The clash is still there: wrong results, dead threads or crashes may follow. Intel calls the variable unsafe.

    See it yourself
        echo $KMP_DUPLICATE_LIB_OK

    Fix
        Take it away and mend the cause: PT861.

    Sources
        meta-pytorch/csprng#115
    """
    if _is_on(case.env("KMP_DUPLICATE_LIB_OK")):
        message = "KMP_DUPLICATE_LIB_OK hides that two OpenMP libraries are in one process; results may be wrong."
        yield _simple(case, "KMP_DUPLICATE_LIB_OK", message)


NCCL_SWITCHES = (
    "NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE", "NCCL_ALGO", "NCCL_PROTO", "NCCL_NET", "NCCL_P2P_LEVEL",
    "NCCL_NET_GDR_LEVEL", "NCCL_NET_DISABLE_INTRA", "NCCL_CUMEM_ENABLE", "NCCL_NVLS_ENABLE", "NCCL_LAUNCH_MODE",
    "NCCL_MAX_NCHANNELS", "NCCL_MIN_NCHANNELS", "NCCL_BUFFSIZE", "NCCL_NTHREADS",
)  # fmt: skip
"""Variables that NVIDIA's guide keeps for debugging (NCCL user guide, environment)."""


OUT_OF_FILE = Fix(text="Take the lines out of /etc/nccl.conf (or the file that NCCL_CONF_FILE names).", kind="none")


@rule(
    "PT664",
    "nccl-debug-leftovers",
    "warning",
    "Settings of NCCL are left over from debugging",
    needs=("env",),
    layer=44,
)
def nccl_leftovers(case: Case) -> Iterator[Finding]:
    """What is wrong
        Variables (or lines in /etc/nccl.conf) change how NCCL works, such as NCCL_P2P_DISABLE=1. NVIDIA means them for
        finding faults only.

    Why it matters
        Work on several GPUs is slower than it could be; on another machine it may fail.

    See it yourself
        env | grep NCCL_; cat /etc/nccl.conf

    Fix
        Take them away and see whether they are still needed. NCCL_DEBUG alone costs little.

    Sources
        NCCL user guide, environment variables
    """
    host = case.snapshot.host
    config = (host.nccl_config if host else None) or {}
    found = [(name, case.env(name) or "", f"env.{name}") for name in NCCL_SWITCHES if case.env(name)]
    found += [(name, value, "host.nccl_config") for name, value in config.items() if name in NCCL_SWITCHES]
    if found:
        listed = ", ".join(f"{name}={value}" for name, value, _ in found[:4])
        names = [name for name, _, path in found if path.startswith("env.")]
        yield Finding(
            message=f"NCCL is changed by {listed}: meant for finding faults.",
            subject=found[0][0],
            evidence=tuple(fact(case, path, f"{name}={value}") for name, value, path in found[:4]),
            fixes=(*_unset_all(case, names), *((OUT_OF_FILE,) if len(names) < len(found) else ())),
            severity=_leftover(case),
        )
    elif case.env("NCCL_DEBUG"):
        message = f"NCCL_DEBUG={case.env('NCCL_DEBUG')} makes NCCL talk; it changes nothing else."
        yield _simple(case, "NCCL_DEBUG", message, "note")


OVERRIDES = {
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "matrix products in float32 use TF32 (10 bits of mantissa) on Ampere and later",
    "NVIDIA_TF32_OVERRIDE": "TF32 is forced on (1) or off (0) in all of NVIDIA's libraries",
    "CUBLAS_WORKSPACE_CONFIG": "cuBLAS is limited in its workspace, as deterministic runs need it",
    "TORCH_CUDNN_V8_API_DISABLED": "cuDNN is used through its old interface",
}


@rule(
    "PT665",
    "cudnn-or-tf32-overrides",
    "note",
    "Variables change precision or the way to cuDNN",
    needs=("env",),
    layer=44,
)
def overrides(case: Case) -> Iterator[Finding]:
    """What is wrong
        A variable changes the precision of matrix products or how cuDNN and cuBLAS are used.

    Why it matters
        Numbers or speed differ from other machines, though nothing in the program says so.

    See it yourself
        env | grep -E "TF32|CUBLAS|CUDNN"

    Fix
        Keep it if it is meant.

    Sources
        strings of torch's libraries
    """
    for name, effect in OVERRIDES.items():
        if case.env(name):
            yield _simple(case, name, f"{name}={case.env(name)}: {effect}.", "note")


COMPILE_SWITCHES = {
    "TORCH_COMPILE_DISABLE": "torch.compile does nothing",
    "TORCHDYNAMO_DISABLE": "torch.compile does nothing",
    "TORCHDYNAMO_SUPPRESS_ERRORS": "torch.compile falls back in silence where it fails",
    "TRITON_INTERPRET": "Triton kernels are interpreted on the CPU, which is very slow",
}


@rule(
    "PT666", "compile-disabled-by-env", "note", "torch.compile is switched off by a variable", needs=("env",), layer=44
)
def no_compile(case: Case) -> Iterator[Finding]:
    """What is wrong
        A variable switches torch.compile off, hides its failures, or lets Triton interpret its kernels.

    Why it matters
        Programs run without the speed that they were compiled for, and nothing says so.

    See it yourself
        env | grep -E "TORCH_COMPILE|TORCHDYNAMO|TRITON_INTERPRET"

    Fix
        Take it away.

    Sources
        torch 2.15.0 sources
    """
    for name, effect in COMPILE_SWITCHES.items():
        if _is_on(case.env(name)):
            yield _simple(case, name, f"{name}={case.env(name)}: {effect}.", "note")


@rule(
    "PT667",
    "stale-rank-variables",
    "warning",
    "Variables of a distributed run are left in this shell",
    needs=("env",),
    layer=44,
)
def stale_rank(case: Case) -> Iterator[Finding]:
    """What is wrong
        RANK and WORLD_SIZE (and their like) are set, though no launcher started this process.

    Why it matters
        init_process_group then waits for other processes that never come.

    See it yourself
        env | grep -E "^(RANK|WORLD_SIZE|LOCAL_RANK|MASTER_)"

    Fix
        Take them away; start distributed programs with torchrun.

    Sources
        torch/distributed/rendezvous.py
    """
    names = [name for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT") if case.env(name)]
    launchers = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "KUBERNETES_SERVICE_HOST")
    if case.snapshot.origin == "report" or any(case.env(name) for name in launchers):
        return
    if not ("RANK" in names and "WORLD_SIZE" in names) or case.env("WORLD_SIZE") == "1":
        return
    yield Finding(
        message=f"{', '.join(f'{name}={case.env(name)}' for name in names)} are set, and no launcher started this process.",
        subject="RANK",
        evidence=tuple(_set(case, name) for name in names),
        fixes=_unset_all(case, names),
    )


@rule("PT668", "aten-cpu-capability", "note", "Slower CPU kernels are forced by a variable", needs=("env",), layer=44)
def aten(case: Case) -> Iterator[Finding]:
    """What is wrong
        ATEN_CPU_CAPABILITY chooses which set of CPU kernels torch uses, here not the best of this processor.

    Why it matters
        Work on the CPU is slower.

    See it yourself
        python -c "import torch; print(torch.backends.cpu.get_cpu_capability())"

    Fix
        Take it away.

    Sources
        reproduced ("default" is honoured)
    """
    value = case.env("ATEN_CPU_CAPABILITY")
    if value and value.lower() != "avx512":
        yield _simple(
            case, "ATEN_CPU_CAPABILITY", f"ATEN_CPU_CAPABILITY={value} forces that set of CPU kernels.", "note"
        )


RULES = (
    blocking, pt6_allocator.alloc_conf, no_caching, omp_threads, duplicate_ok, nccl_leftovers, overrides, no_compile, stale_rank, aten,
)  # fmt: skip
