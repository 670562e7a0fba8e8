"""Facts that a probe left unknown without a word: what their silence means, so that no fact is None without its reason."""

from typing import Any

from ptsetup.facts import Snapshot, Unknown, replace

NOT_ASKED = {
    "host.network.is_master_port_free": "It is tried for rank 0 of a distributed run only.",
    "host.network.master_reachable": "--online asks the network.",
    "host.network.clock_offset_s": "--online asks the network.",
    "torch.imports": "--deep imports the companions.",
    "torch.device_test": "--deep computes on each device.",
    "torch.p2p_problems": "--deep copies between GPUs.",
    "target.wheel.arch_list": "The wheel's files do not tell; importing it does: torch.arch_list.",
    "target.wheel.cxx11_abi": "The wheel's files do not tell; importing it does: torch.has_cxx11_abi.",
    "intel.level_zero_count": "Level Zero itself is not asked; torch is: torch.xpu_device_count.",
}
"""Only an option, or another source, would tell."""

ABSENT = {
    "nvidia.cdi_driver_version": "No CDI specification names a driver.",
    "nvidia.user_library_version": "No library of the driver bears a version in its name.",
    "nvidia.mps_daemon_runs": "CUDA's multi-process service has no pipe folder.",
    "target.macos_deployment_target": "Only interpreters for macOS have one.",
    "target.numpy_core_ok": "NumPy is not installed.",
    "target.pip.index_url": "It is not configured.",
    "target.pip.proxy": "It is not configured.",
    "target.pip.cert": "It is not configured.",
    "target.pip.cache_dir": "It is not configured.",
    "target.pip.pip_version": "pip is not installed.",
}
"""Looked, and it is not there."""

FOLLOWS = {
    "host.kernel_modules_unsigned": "host.kernel_modules_available",
    "nvidia.kernel_module_flavor": "nvidia.kernel_module_version",
    "nvidia.module_is_for_running_kernel": "host.kernel_modules_available",
}
"""Unknown for the reason for which another fact is."""

OF_A_BUILD = {
    "torch.cudnn_version": "cuda_build_version",
    "torch.nccl_version": "cuda_build_version",
    "torch.xpu_device_count": "xpu_build_version",
}
"""Facts that only some builds have."""

OF_AN_INSTALLED_TORCH = ("target.torch_origin", "target.torch_is_namespace", "target.wheel")

OF_AN_IMPORT = (
    *OF_A_BUILD, "torch.version", "torch.file", "torch.has_cxx11_abi", "torch.arch_list", "torch.is_cuda_available",
    "torch.cuda_device_count", "torch.is_mps_built", "torch.is_mps_available", "torch.is_xpu_built", "torch.is_xpu_available",
    "torch.num_threads", "torch.glibcxx_max", "torch.mapped_libraries",
)  # fmt: skip


def explained(snapshot: Snapshot) -> Snapshot:
    """The Snapshot with a reason for each of these that is None and has none yet."""
    reasons = {**_always(snapshot), **_of_torch(snapshot)}
    found = tuple(
        Unknown(path=path, reason=reason, detail=detail)
        for path, (reason, detail) in reasons.items()
        if _is_open(snapshot, path)
    )
    return replace(snapshot, unknowns=(*snapshot.unknowns, *found)) if found else snapshot


def _is_open(snapshot: Snapshot, path: str) -> bool:
    """The fact is None, what holds it is there, and nothing says why."""
    holder: Any = snapshot
    *way, name = path.split(".")
    for part in way:
        holder = getattr(holder, part)
        if holder is None:
            return False
    return getattr(holder, name) is None and snapshot.why_unknown(path) is None


Reasons = dict[str, tuple[str, str | None]]


def _always(snapshot: Snapshot) -> Reasons:
    reasons: Reasons = {path: ("not_asked", detail) for path, detail in NOT_ASKED.items()}
    reasons |= {path: ("absent", detail) for path, detail in ABSENT.items()}
    for path, leader in FOLLOWS.items():
        told = snapshot.why_unknown(leader)
        reasons[path] = (told.reason, told.detail) if told else ("absent", None)
    nvml = snapshot.nvidia.nvml if snapshot.nvidia else None
    answered = nvml is not None and nvml.init_rc == 0
    reasons["nvidia.smi"] = (
        ("not_asked", "NVML answered.") if answered else ("absent", "There is no nvidia-smi on PATH.")
    )
    return reasons


def _of_torch(snapshot: Snapshot) -> Reasons:
    reasons: Reasons = {}
    if snapshot.target is not None and snapshot.target.torch_folders == ():
        reasons |= dict.fromkeys(OF_AN_INSTALLED_TORCH, ("absent", "No torch is on the import path."))
    torch = snapshot.torch
    if torch is None:
        return reasons
    if not torch.result.is_ok:
        # a hang or a crash after the import: what was told before it stays
        failed = ("timeout" if torch.result.is_timeout else "failed", "torch.result tells how its import ended.")
        return reasons | dict.fromkeys(OF_AN_IMPORT, failed)
    lacking = ("unsupported", "This build of torch has none.")
    return reasons | {path: lacking for path, build in OF_A_BUILD.items() if getattr(torch, build) is None}
