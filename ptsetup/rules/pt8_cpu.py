"""PT860 and PT862 to PT865: the processor."""

import re
from collections.abc import Iterator

from ptsetup.rules import _tongues
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, with_variables

ILLEGAL = (
    r"il+egal (?:hardware )?instruction|SIGILL|trap invalid opcode|0xC000001D|EXCEPTION_ILLEGAL_INSTRUCTION",
    r"exit(?:s|ed)? (?:with )?(?:code|status)[: ]+(?:132|-4)\b",
    _tongues.ILLEGAL,
)

FEATURELESS_VM = r"(?i)qemu|kvm"


@rule(
    "PT860",
    "cpu-lacks-avx2",
    "error",
    "The processor lacks AVX2",
    needs=("host.cpu|messages",),
    hides=("PT991", "PT202"),
    layer=12,
    says=ILLEGAL,
)
def no_avx2(case: Case) -> Iterator[Finding]:
    """What is wrong
        The processor (or the model that a virtual machine shows) has no AVX2, and torch or a package was compiled with
        it.

    Why it matters
        Python dies with "Illegal instruction" at import or at the first operation. AVX-512 is not needed.

    See it yourself
        grep -o -m1 -w avx2 /proc/cpuinfo || echo none
        lscpu | grep -iE "model name|hypervisor"

    Fix
        In a virtual machine show the host's processor (type "host" or x86-64-v3). On such a processor itself: leave the
        package out that needs AVX2, or take an older release or the distribution's build.

    Sources
        pytorch/pytorch#22338, #37577, #68349
    """
    hit = case.heard(no_avx2)
    host, torch = case.snapshot.host, case.snapshot.torch
    cpu = host.cpu if host else None
    flags = cpu.flags if cpu else None
    model = (cpu.model if cpu else None) or ""
    machine = ((host.machine if host else None) or "x86_64").lower()
    has_died = bool(torch and (torch.result.signal == 4 or torch.result.exit_code in (-4, 132, 3221225501)))
    if machine not in ("x86_64", "amd64", "x64") or (flags is not None and "avx2" in flags) or case.system == "macos":
        return
    lacks = flags is not None and len(flags) > 1
    if not (hit or has_died) and not lacks:
        return
    is_virtual = bool((cpu and cpu.is_virtual) or (host and host.is_virtual)) or bool(re.search(FEATURELESS_VM, model))
    works = bool(torch and torch.result.is_ok) and not hit and not has_died
    named = model or "This processor"
    yield Finding(
        message=f"{named} {'shows' if is_virtual else 'has'} no AVX2"
        + (", and a program died of an illegal instruction." if hit or has_died else ".")
        if lacks
        else f"A program died of an illegal instruction{f' on {model}' if model else ''}: the processor lacks AVX2 (or AVX), "
        "which some code was compiled with.",
        subject=model or "processor",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "host.cpu.flags", "no avx2", "/proc/cpuinfo")] if lacks else []),
            *([fact(case, "host.cpu.model", model, "/proc/cpuinfo")] if model and not lacks else []),
            *([fact(case, "torch.result.signal", "SIGILL", "import torch")] if has_died else []),
        ),
        fixes=_without_avx2(case, is_virtual=is_virtual),
        severity="error" if hit or has_died else "note" if works else "warning",
        certainty="certain" if lacks and (hit or has_died or works) else "likely",
    )


def _without_avx2(case: Case, *, is_virtual: bool) -> tuple[Fix, ...]:
    """Show the processor as it is; else leave out what needs AVX2, or go back: no list says which release was the last without."""
    expose = Fix(
        text='Show the virtual machine the host\'s processor: CPU type "host" (Proxmox: qm set ID --cpu host) or x86-64-v3.',
        where="on the host",
    )
    older = f"torch<{case.torch_base}" if case.torch_base and re.fullmatch(r"[\d.]+", case.torch_base) else "torch"
    return (
        *((expose,) if is_virtual else ()),
        Fix(text="Leave the package out that needs AVX2, or build it for this processor.", kind="none"),
        another_build("Or try an older release of torch (which one runs has to be tried).", older, backend="cpu"),
    )


@rule(
    "PT862",
    "threads-oversubscribed",
    "warning",
    "torch starts more threads than there are cores for it",
    needs=("torch.num_threads", "host.cpu"),
    layer=80,
    import_needed=True,
)
def threads(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch's threads, times the processes on this machine, are more than the cores that may be used (affinity and
        quota together).

    Why it matters
        Threads wait for each other; work on the CPU and loading of data become slow.

    See it yourself
        python -c "import torch; print(torch.get_num_threads())"; nproc

    Fix
        Set OMP_NUM_THREADS to the cores divided by the processes. torchrun sets 1.

    Sources
        torch/distributed/run.py
    """
    torch, host = case.snapshot.torch, case.snapshot.host
    cores = host.cpu.usable_cores if host and host.cpu else None
    number = torch.num_threads if torch else None
    local = case.env("LOCAL_WORLD_SIZE")
    processes = int(local) if local and local.isdecimal() and len(local) < 5 else 1
    if not number or not cores or number * processes <= cores * 1.01 + 0.5:
        return
    if processes == 1 and number <= 2:
        return
    each = max(1, int(cores // max(processes, 1)))
    times = f" in each of {processes} processes" if processes > 1 else ""
    yield Finding(
        message=f"torch uses {number} threads{times}, and {cores:g} cores may be used.",
        subject="threads",
        evidence=(
            fact(case, "torch.num_threads", number, "torch.get_num_threads()"),
            fact(case, "host.cpu.usable_cores", f"{cores:g}", "affinity and quota"),
            *([fact(case, "env.LOCAL_WORLD_SIZE", processes, "the environment")] if processes > 1 else []),
        ),
        fixes=with_variables(case, "Set the number of threads.", OMP_NUM_THREADS=str(each)),
        severity="warning" if number * processes >= 2 * cores else "note",
    )


@rule(
    "PT863",
    "numa-unbound",
    "note",
    "Several memory nodes, and the process is bound to none",
    needs=("host.cpu",),
    layer=81,
)
def numa(case: Case) -> Iterator[Finding]:
    """What is wrong
        The machine has several NUMA nodes (sockets), and this process may run on all of them.

    Why it matters
        Memory of the other node is slower; feeding a GPU from the wrong one too.

    See it yourself
        numactl --hardware
        nvidia-smi topo -m

    Fix
        Bind each process to the node of its GPU, or to one node for work on the CPU.

    Sources
        PyTorch tutorials, performance tuning guide; pytorch/tutorials#1512
    """
    host = case.snapshot.host
    cpu = host.cpu if host else None
    if host is None or cpu is None or not cpu.numa_nodes or cpu.numa_nodes < 2 or case.snapshot.origin == "report":
        return
    if cpu.affinity_cores and cpu.logical_cores and cpu.affinity_cores * 2 <= cpu.logical_cores:
        return
    device = next(
        (d for d in host.pci or () if d.vendor in ("10de", "1002") and d.numa_node is not None and d.numa_node >= 0),
        None,
    )
    node = device.numa_node if device else 0
    evidence: list[Evidence] = [fact(case, "host.cpu.numa_nodes", cpu.numa_nodes, "/sys/devices/system/node")]
    if device:
        evidence.append(
            fact(case, f"host.pci[{(host.pci or ()).index(device)}].numa_node", f"{device.bdf}: node {node}", "sysfs")
        )
    yield Finding(
        message=f"The machine has {cpu.numa_nodes} memory nodes, and this process is bound to none of them.",
        subject="NUMA",
        evidence=tuple(evidence),
        fixes=(
            Fix(
                text="Start the program on one node" + (" (that of the GPU)." if device else "."),
                shell=f"numactl --cpunodebind={node} --membind={node} {{python}} train.py",
                systems=("linux",),
            ),
        ),
    )


@rule(
    "PT864",
    "hybrid-cores",
    "note",
    "The processor has fast and slow cores",
    needs=("host.cpu.performance_cores",),
    layer=81,
)
def hybrid(case: Case) -> Iterator[Finding]:
    """What is wrong
        The processor has performance and efficiency cores, and torch's threads use both.

    Why it matters
        The fast threads wait for the slow ones at each step.

    See it yourself
        cat /sys/devices/cpu_core/cpus /sys/devices/cpu_atom/cpus

    Fix
        Bind programs that compute on the CPU to the performance cores, and measure.

    Sources
        Intel's tuning guide for PyTorch
    """
    cpu = case.snapshot.host.cpu if case.snapshot.host else None
    if cpu is None or not cpu.performance_cores or not cpu.efficiency_cores:
        return
    yield Finding(
        message=f"Cores {cpu.performance_cores} are fast, {cpu.efficiency_cores} are slow; torch's threads use both.",
        subject="processor",
        evidence=(fact(case, "host.cpu.performance_cores", cpu.performance_cores, "/sys/devices/cpu_core"),),
        fixes=(
            Fix(
                text="Use the fast cores only, and measure whether it helps.",
                shell=f"taskset -c {cpu.performance_cores} {{python}} train.py",
                systems=("linux",),
            ),
        ),
    )


@rule(
    "PT865",
    "denormals-slow",
    "note",
    "Very small numbers make the CPU slow",
    needs=("messages",),
    layer=82,
    says=(r"\bdenormals?\b|\bsubnormals?\b|set_flush_denormal",),
    import_needed=True,
)
def denormals(case: Case) -> Iterator[Finding]:
    """What is wrong
        Numbers near zero (denormals) are computed many times slower by the processor. From outside this cannot be seen.

    Why it matters
        Steps on the CPU become slower and slower while values shrink.

    See it yourself
        python -c "import torch; print(torch.set_flush_denormal(True))"

    Fix
        Call torch.set_flush_denormal(True) at the start of the program, where rounding them to zero does no harm.

    Sources
        Intel's tuning guide for PyTorch
    """
    hit = case.heard(denormals)
    if hit is None or not re.search(r"slow|perf|speed|time", case.text, re.IGNORECASE):
        return
    yield Finding(
        message="The text speaks of denormal numbers, which make the CPU slow.",
        subject="denormals",
        evidence=(hit.evidence,),
        fixes=(Fix(text="Call torch.set_flush_denormal(True) at the start of the program.", kind="none"),),
        certainty="possible",
    )


RULES = (no_avx2, threads, numa, hybrid, denormals)
