"""A doctor's report as one block for an issue: the verdict, then the headings that maintainers search for."""

from ptsetup.facts import Snapshot
from ptsetup.render.doctor import Report
from ptsetup.render.machine import label_of, lines_to_copy
from ptsetup.rules import Ranked

NOTHING = "Could not collect"


def as_markdown(told: Report, *, with_notes: bool = False) -> str:
    """Findings with evidence and fixes, then the environment under the labels that torch's collect_env prints."""
    lines = [f"**ptsetup doctor: {told.headline}**", ""]
    for finding in told.findings:
        if finding.severity != "note" or with_notes:
            lines += _finding(finding)
    lines += [
        "<details><summary>Environment</summary>",
        "",
        "```text",
        *environment(told.snapshot),
        "```",
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def _finding(finding: Ranked) -> list[str]:
    follows = f" (follows from {finding.consequence_of})" if finding.consequence_of else ""
    lines = [f"- **{finding.code} {finding.slug}**, {finding.severity}{follows}: {_one_line(finding.message)}"]
    lines += [
        f"  - {label_of(e.path)}: `{_code(e.value)}`{f' ({_one_line(e.source)})' if e.source else ''}"
        for e in finding.evidence
    ]
    for fix in finding.fixes:
        lines.append(f"  - Fix: {_one_line(fix.text)}")
        copies = lines_to_copy(fix)
        if copies:
            lines += ["", "    ```sh", *(f"    {line}" for line in copies), "    ```"]
    return [*lines, ""]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _code(text: str) -> str:
    return _one_line(text).replace("`", "'")


def environment(snapshot: Snapshot) -> list[str]:
    """The lines of collect_env, CPU in one."""
    torch, target, host, nvidia = snapshot.torch, snapshot.target, snapshot.host, snapshot.nvidia
    wheel = target.wheel if target else None
    version = (torch.version if torch else None) or (wheel.version if wheel else None)
    nvcc = next((p.version for p in (host.programs if host else None) or () if p.name == "nvcc" and p.path), None)
    driver = _driver(snapshot)
    lines = [
        f"PyTorch version: {version or 'N/A'}{' (cannot be imported)' if version and not _is_importable(snapshot) else ''}",
        f"Is debug build: {wheel.is_debug if wheel and wheel.is_debug is not None else 'N/A'}",
        f"CUDA used to build PyTorch: {(wheel.cuda if wheel else None) or 'None'}",
        f"ROCM used to build PyTorch: {(wheel.hip if wheel else None) or 'N/A'}",
        "",
        f"OS: {_os(snapshot)}",
        f"Libc version: {f'{host.libc.name}-{host.libc.version}' if host and host.libc else 'N/A'}",
        f"Python version: {(target.version if target else None) or NOTHING}",
        f"Python platform: {_platform(snapshot)}",
        f"Is CUDA available: {torch.is_cuda_available if torch and torch.is_cuda_available is not None else 'N/A'}",
        f"CUDA runtime version: {nvcc or NOTHING}",
        *_gpus(snapshot),
        f"Nvidia driver version: {driver or NOTHING}",
        f"cuDNN version: {(torch.cudnn_version if torch else None) or NOTHING}",
        f"HIP runtime version: {(torch.hip_build_version if torch else None) or 'N/A'}",
        f"Is XPU available: {torch.is_xpu_available if torch and torch.is_xpu_available is not None else 'N/A'}",
        f"CPU: {_cpu(snapshot)}",
        "",
        "Versions of relevant libraries:",
        *_libraries(snapshot),
    ]
    if nvidia and nvidia.kernel_module_version and nvidia.kernel_module_version != driver:
        lines.insert(-2, f"Nvidia kernel module: {nvidia.kernel_module_version}")
    return lines


def _is_importable(snapshot: Snapshot) -> bool:
    """Nobody saw the import fail."""
    return snapshot.torch is None or snapshot.torch.result.is_ok is not False


def _driver(snapshot: Snapshot) -> str | None:
    nvidia = snapshot.nvidia
    if nvidia is None:
        return None
    return (nvidia.nvml.driver_version if nvidia.nvml else None) or (nvidia.smi.driver_version if nvidia.smi else None)


def _os(snapshot: Snapshot) -> str:
    host = snapshot.host
    if host is None:
        return NOTHING
    name = host.pretty_name or " ".join(filter(None, (host.distribution or host.system, host.version)))
    machine = f" ({host.machine})" if host.machine and host.machine not in name else ""
    extras = [host.container if host.container not in (None, "none") else None, f"WSL{host.wsl}" if host.wsl else None]
    return f"{name}{machine}{''.join(f', {extra}' for extra in extras if extra)}"


def _platform(snapshot: Snapshot) -> str:
    host, target = snapshot.host, snapshot.target
    return ", ".join(filter(None, (host.kernel if host else None, target.platform_tag if target else None))) or NOTHING


def _gpus(snapshot: Snapshot) -> list[str]:
    names = [gpu.name or "unknown" for gpu in (snapshot.nvidia.gpus if snapshot.nvidia else None) or ()]
    names += [f"{g.name or 'AMD GPU'} ({g.gfx})" for g in (snapshot.amd.gpus if snapshot.amd else None) or ()]
    names += [g.name or "Intel GPU" for g in (snapshot.intel.gpus if snapshot.intel else None) or ()]
    if not names:
        return [f"GPU models and configuration: {NOTHING}"]
    return ["GPU models and configuration:", *(f"GPU {index}: {name}" for index, name in enumerate(names))]


def _cpu(snapshot: Snapshot) -> str:
    cpu = snapshot.host.cpu if snapshot.host else None
    if cpu is None:
        return NOTHING
    cores = f"{cpu.logical_cores} logical cores" if cpu.logical_cores else None
    widest = next((flag for flag in ("avx512f", "avx2", "avx") if flag in (cpu.flags or ())), None)
    return ", ".join(filter(None, (cpu.model, cores, widest))) or NOTHING


def _libraries(snapshot: Snapshot) -> list[str]:
    distributions = (snapshot.target.distributions if snapshot.target else None) or ()
    return [
        f"[{'conda' if d.installer == 'conda' else 'pip3'}] {d.name}=={d.version}" for d in distributions if d.version
    ] or [f"[pip3] {NOTHING}"]
