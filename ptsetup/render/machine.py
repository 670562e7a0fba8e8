"""A Snapshot in a few lines for people: the headline, the machine, names of facts."""

from ptsetup.facts import Gpu, Host, Snapshot
from ptsetup.render.shell import quoted
from ptsetup.rules import Diagnosis, Fix

GIB = 1024**3

LABELS = {
    "target.wheel.version": "torch",
    "target.wheel.cuda": "built for CUDA",
    "target.wheel.hip": "built for ROCm",
    "target.wheel.arch_list": "kernels",
    "target.version": "Python",
    "target.torch_origin": "import finds",
    "target.cut_off_installs": "left behind",
    "torch.version": "torch",
    "torch.is_cuda_available": "CUDA available",
    "torch.arch_list": "kernels",
    "torch.cuda_error": "CUDA said",
    "nvidia.nvml.driver_version": "driver",
    "nvidia.smi.driver_version": "driver",
    "nvidia.kernel_module_version": "kernel module",
    "nvidia.user_library_version": "libraries",
    "nvidia.nvml.init_rc": "NVML start",
    "nvidia.nvml.cuda_driver_version": "driver's CUDA",
    "nvidia.smi.cuda_version": "driver's CUDA",
    "nvidia.cuda.version": "driver's CUDA",
    "nvidia.cuda.init_rc": "cuInit",
    "host.pci": "PCI bus",
    "host.libc": "C library",
    "host.libc.version": "C library",
    "host.shm.total_bytes": "/dev/shm",  # noqa: S108 - a label
}


def label_of(path: str) -> str:
    """A fact's name for people: by the table, else the last part of its path; an error text was ``said``."""
    bare = path.split("[", maxsplit=1)[0]
    if bare in LABELS:
        return LABELS[bare]
    if bare == "messages":
        return "said"
    if bare.startswith("env."):
        return bare[4:]
    last = path.rpartition(".")[2].split("[")[0]
    if "distributions" in bare:
        return "package"
    return last.replace("_bytes", "").replace("_", " ")


def lines_to_copy(fix: Fix) -> tuple[str, ...]:
    """What to type for a fix: its line for the shell, else its argument vectors, quoted."""
    if fix.shell:
        return tuple(fix.shell.splitlines())
    return tuple(quoted(command) for command in fix.commands)


def headline(diagnosis: Diagnosis, snapshot: Snapshot, outcome: str) -> str:
    """The answer in one sentence."""
    if diagnosis.root is not None:
        title = diagnosis.root.title.rstrip(".")
        effect = _effect(snapshot, diagnosis.expect) if diagnosis.root.severity == "error" else None
        return f"{effect}: {title[:1].lower() + title[1:] if _is_plain(title) else title}." if effect else f"{title}."
    if outcome == "well":
        return f"All well: torch {_torch_version(snapshot)} runs on {_device(snapshot)}."
    if snapshot.origin == "report":
        effect = _effect(snapshot, diagnosis.expect) if _gpus(snapshot) or not _is_imported(snapshot) else None
        if effect:
            return f"{effect}, and this report does not show why."
        # an error that any healthy machine can raise (no memory left) is no fault of a set-up, and no clean bill either
        more = (
            " ptsetup explain says what its error text means."
            if any("Error" in m.text for m in snapshot.messages)
            else ""
        )
        return f"No fault of the set-up found in this report.{more}"
    version = _torch_version(snapshot)
    if version:
        return f"No fault found: torch {version} is installed, but it was not imported."
    return "No fault found." if snapshot.target else "No fault found, but nothing is known of the Python and its torch."


def _is_plain(title: str) -> bool:
    """The first word may start with a small letter (``The driver``, not ``NVML`` or ``CUDA``)."""
    first = title.split(" ", 1)[0]
    is_name = first in ("Python", "Windows", "Triton", "Jetson", "Intel")
    return first == "A" or (first[:1].isupper() and first[1:].islower() and not is_name)


def _effect(snapshot: Snapshot, expect: str | None) -> str | None:
    """What the user notices."""
    torch = snapshot.torch
    if torch is None:
        return None
    if torch.result.is_ok is False:
        return "PyTorch cannot be imported"
    if torch.is_cuda_available is False and expect in ("cuda", "rocm"):
        return "PyTorch cannot use the GPU"
    if torch.is_xpu_available is False and expect == "xpu":
        return "PyTorch cannot use the GPU"
    return None


def _is_imported(snapshot: Snapshot) -> bool:
    return snapshot.torch is None or snapshot.torch.result.is_ok is not False


def state(snapshot: Snapshot) -> str:
    """``well`` when torch was seen to work, else ``quiet``: no fault was found, and not everything was seen."""
    torch = snapshot.torch
    return "well" if torch is not None and torch.result.is_ok and snapshot.origin == "probe" else "quiet"


def _torch_version(snapshot: Snapshot) -> str:
    torch, target = snapshot.torch, snapshot.target
    wheel = target.wheel if target else None
    distributions = (target.distributions if target else None) or ()
    installed = next((d.version for d in distributions if d.name == "torch" and d.version), "")
    return (torch.version if torch else None) or (wheel.version if wheel else None) or installed


def _device(snapshot: Snapshot) -> str:
    torch = snapshot.torch
    if torch and torch.is_cuda_available:
        names = [d.name for d in torch.devices if d.name] or [g.name for g in _gpus(snapshot) if g.name]
        count = torch.cuda_device_count or len(names) or 1
        return f"{'GPU 0' if count == 1 else f'{count} GPUs'}{f' ({names[0]})' if names else ''}"
    if torch and torch.is_mps_available:
        chip = snapshot.apple.chip if snapshot.apple else None
        return f"the GPU of this Mac{f' ({chip})' if chip else ''}"
    if torch and torch.is_xpu_available:
        return "the Intel GPU"
    return "the CPU"


def _gpus(snapshot: Snapshot) -> tuple[Gpu, ...]:
    return (snapshot.nvidia.gpus if snapshot.nvidia else None) or ()


def summary(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Rows of (label, value): the machine, its Python, torch, its GPUs."""
    rows = []
    if snapshot.host:
        rows.append(("Machine", _machine(snapshot.host)))
    target = snapshot.target
    if target and (target.version or target.executable):
        kind = "virtual environment" if target.is_venv else "conda environment" if target.is_conda else None
        prefix = target.prefix or target.executable
        rows.append(("Python", ", ".join(filter(None, (target.version, " ".join(filter(None, (kind, prefix))))))))
    version = _torch_version(snapshot)
    if version:
        wheel = target.wheel if target else None
        cuda = f", CUDA {wheel.cuda}" if wheel and wheel.cuda else ""
        rows.append(("torch", f"{version}{cuda}"))
    rows += _devices(snapshot)
    return [(label, value) for label, value in rows if value]


def _devices(snapshot: Snapshot) -> list[tuple[str, str]]:
    rows = [(f"GPU {gpu.index}", _gpu(gpu)) for gpu in _gpus(snapshot)[:8]]
    amd = (snapshot.amd.gpus if snapshot.amd else None) or ()
    rows += [(f"GPU {gpu.node}", " ".join(filter(None, (gpu.name or "AMD GPU", gpu.gfx)))) for gpu in amd]
    rows += [("GPU", gpu.name or "Intel GPU") for gpu in (snapshot.intel.gpus if snapshot.intel else None) or ()]
    driver = snapshot.nvidia.nvml.driver_version if snapshot.nvidia and snapshot.nvidia.nvml else None
    driver = driver or (snapshot.nvidia.smi.driver_version if snapshot.nvidia and snapshot.nvidia.smi else None)
    if driver:
        rows.append(("Driver", f"NVIDIA {driver}"))
    return rows


def _machine(host: Host) -> str:
    name = host.pretty_name or " ".join(filter(None, (host.distribution or host.system, host.version)))
    container = host.container if host.container not in (None, "none") else None
    where = f"{name or 'unknown system'}{f' in a {container} container' if container else ''}{' under WSL' if host.wsl else ''}"
    cores = host.cpu.logical_cores if host.cpu else None
    usable = host.cpu.usable_cores if host.cpu else None
    granted = f" ({usable:g} granted)" if usable and cores and usable < cores else ""
    memory = host.memory.total_bytes if host.memory else None
    limit = host.cgroup.memory_max_bytes if host.cgroup else None
    parts = [
        where,
        host.machine if host.machine and host.machine not in where else None,
        f"{cores} CPUs{granted}" if cores else None,
        f"{memory / GIB:.0f} GB{f' ({limit / GIB:.0f} granted)' if limit and memory and limit < memory else ''}"
        if memory
        else None,
    ]
    return ", ".join(filter(None, parts))


def _gpu(gpu: Gpu) -> str:
    capability = f"{gpu.compute_capability[0]}.{gpu.compute_capability[1]}" if gpu.compute_capability else None
    memory = None
    if gpu.memory_total_bytes:
        total = f"{gpu.memory_total_bytes / GIB:.1f} GB"
        memory = f"{gpu.memory_free_bytes / GIB:.1f} of {total} free" if gpu.memory_free_bytes is not None else total
    return ", ".join(filter(None, (gpu.name or "NVIDIA GPU", capability, memory)))
