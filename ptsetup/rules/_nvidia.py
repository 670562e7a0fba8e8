"""What several rules ask about NVIDIA's driver and devices, and the ways to another driver."""

import re
from collections.abc import Mapping

from ptsetup import compat
from ptsetup.facts import DeviceNode, Gpu, PciDevice, replace
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Fix, Severity
from ptsetup.rules._ways import fact, fitting

CHIPS: tuple[tuple[int, int, tuple[int, int]], ...] = (
    (0x0FC0, 0x0FFF, (3, 0)), (0x102D, 0x102D, (3, 7)), (0x1001, 0x103F, (3, 5)), (0x1180, 0x11FF, (3, 0)),
    (0x1280, 0x12BF, (3, 5)), (0x1340, 0x13BF, (5, 0)), (0x13C0, 0x147F, (5, 2)), (0x15F0, 0x15FF, (6, 0)),
    (0x1617, 0x167F, (5, 2)), (0x1725, 0x172F, (6, 0)), (0x174D, 0x179C, (5, 0)), (0x17C2, 0x17FF, (5, 2)),
    (0x1B00, 0x1D7F, (6, 1)), (0x1D80, 0x1DFF, (7, 0)), (0x1E00, 0x1FFF, (7, 5)), (0x2080, 0x20FF, (8, 0)),
    (0x2180, 0x21FF, (7, 5)), (0x2200, 0x227F, (8, 6)), (0x2300, 0x237F, (9, 0)), (0x2400, 0x25FF, (8, 6)),
    (0x2680, 0x28FF, (8, 9)), (0x2900, 0x29FF, (10, 0)), (0x2B80, 0x2C7F, (12, 0)), (0x2D00, 0x2DFF, (12, 0)),
    (0x2F00, 0x2F7F, (12, 0)), (0x3180, 0x327F, (10, 3)),
)  # fmt: skip
"""PCI device ids, with the capability of the chip family. Kepler to Ada: every id of these chips in the PCI id database
(pci.ids of April 2023) stands in its block, and no Fermi does; Blackwell by NVIDIA's gpu-admin-tools (gpu/devid_chips.py)."""

NOT_COMPILED = r"(?<!getting cuda arch: )torch not compiled with CUDA enabled?\b"
"""What ``.cuda()`` says. Inductor of torch 2.7 logs it after words of its own on every CPU build, harmlessly (pytorch/pytorch#151650)."""

NO_DRIVER = r"no NVIDIA drivers? (?:was |were )?(?:found )?on your system"
"""What torch says where the driver's library is not found; programs say it in words of their own."""

UBUNTU_BRANCHES = (470, 535, 550, 570, 580, 590, 595, 610)
"""Driver branches that Ubuntu has packaged (nvidia-driver-N, public logs of apt; packages.ubuntu.com/noble/nvidia-driver-595-open);
an older one is served by the next."""

OPEN_SINCE = (7, 5)
"""Open kernel modules need a GPU System Processor: Turing and later (README of NVIDIA/open-gpu-kernel-modules)."""

OPEN_ONLY_SINCE = (10, 0)
"""Blackwell and later work with the open modules only (same source)."""


def capability_of_device(device: PciDevice) -> tuple[int, int] | None:
    """Capability of a device's chip family by its PCI id; None when the id is not in the table."""
    try:
        number = int(device.device, 16)
    except ValueError:
        return None
    return next((capability for first, last, capability in CHIPS if first <= number <= last), None)


def devices(case: Case) -> tuple[PciDevice, ...]:
    """NVIDIA's display and compute devices on the bus; () when there are none or nobody could look."""
    bus = case.snapshot.host.pci if case.snapshot.host else None
    return tuple(d for d in bus or () if d.vendor == "10de" and d.class_code[:2] in ("", "03", "12"))


def capabilities(case: Case) -> tuple[tuple[int, int], ...]:
    """Capabilities of the NVIDIA devices, by the driver, the names, else the bus."""
    known = [gpu.compute_capability for gpu in case.gpus if gpu.compute_capability]
    known = known or [c for d in devices(case) if (c := capability_of_device(d))]
    return tuple(known) or tuple(
        c for d in devices(case) if d.name and (c := compat.capability_by_name(d.name, case.index))
    )


def is_plain(case: Case) -> bool:
    """Neither a container, nor WSL, nor a Jetson: the driver belongs to this system itself."""
    host = case.snapshot.host
    return not (case.is_container or (host and (host.wsl or host.jetson)))


def nvml_code(case: Case) -> int | None:
    """What starting NVML said; 0 when it worked."""
    nvml = case.snapshot.nvidia.nvml if case.snapshot.nvidia else None
    return nvml.init_rc if nvml else None


def cuda_code(case: Case) -> int | None:
    """What starting CUDA said; 0 when it worked."""
    cuda = case.snapshot.nvidia.cuda if case.snapshot.nvidia else None
    return cuda.init_rc if cuda else None


def works(case: Case) -> bool:
    """CUDA was seen to work: by torch, or by the driver library itself."""
    torch, nvidia = case.snapshot.torch, case.snapshot.nvidia
    if torch and torch.is_cuda_available is not None and case.family in ("cuda", None):
        return torch.is_cuda_available
    return bool(nvidia and nvidia.cuda and nvidia.cuda.init_rc == 0 and nvidia.cuda.count)


ANSWERS = frozenset({35, 46, 102, 802, 803, 804, 805, 807})
"""What cuInit says only after it has spoken with the kernel module."""


def has_answered(case: Case) -> bool:
    """The kernel module was spoken with, whatever it said: by NVML (0 fine, 18 another version) or by CUDA."""
    return case.snapshot.origin != "report" and (nvml_code(case) in (0, 18) or cuda_code(case) in ANSWERS)


def has_module(case: Case, name: str = "nvidia") -> bool | None:
    """That kernel module is loaded; None when nobody could look."""
    nvidia, host = case.snapshot.nvidia, case.snapshot.host
    if name == "nvidia" and ((nvidia and nvidia.kernel_module_version) or has_answered(case)):
        return True
    return name in host.kernel_modules if host and host.kernel_modules is not None else None


def has_library(case: Case) -> bool | None:
    """Some driver library (libcuda, libnvidia-ml) is installed; None when nobody could look."""
    nvidia = case.snapshot.nvidia
    if nvidia is None:
        return None
    if nvidia.user_library_version or (nvidia.libraries and any(not lib.is_text for lib in nvidia.libraries)):
        return True
    if (
        nvidia.nvml
        and nvidia.nvml.init_rc is not None
        and nvidia.nvml.init_rc != 12
        and case.snapshot.origin != "report"
    ):
        return True
    return False if nvidia.libraries is not None else None


def node(case: Case, path: str) -> DeviceNode | None:
    """A device node that was looked for; None when nobody looked."""
    nodes = case.snapshot.host.device_nodes if case.snapshot.host else None
    return next((n for n in nodes or () if n.path == path), None)


def gpu_nodes(case: Case) -> tuple[DeviceNode, ...]:
    """The nodes /dev/nvidia0 ... and /dev/nvidiactl that exist."""
    nodes = case.snapshot.host.device_nodes if case.snapshot.host else None
    return tuple(n for n in nodes or () if n.exists and re.fullmatch(r"/dev/nvidia(?:\d+|ctl)", n.path))


def name_of(gpu: Gpu) -> str:
    """``GPU 1 (Tesla V100)``."""
    return f"GPU {gpu.index} ({gpu.name})" if gpu.name else f"GPU {gpu.index}"


def gpu_fact(case: Case, gpu: Gpu, field: str, value: object, source: str = "NVML") -> Evidence:
    """A field of one GPU as evidence."""
    nvidia = case.snapshot.nvidia
    listed = nvidia.gpus or () if nvidia else ()
    position = next((i for i, known in enumerate(listed) if known.index == gpu.index and known.uuid == gpu.uuid), 0)
    return fact(case, f"nvidia.gpus[{position}].{field}", value, source)


def bus_fact(case: Case, device: PciDevice) -> Evidence:
    """A device on the bus as evidence."""
    bus = case.snapshot.host.pci or () if case.snapshot.host else ()
    name = device.name or f"{device.vendor}:{device.device}".rstrip(":")
    where = f" at {device.bdf}" if device.bdf else ""
    return fact(case, f"host.pci[{bus.index(device)}]", f"{name}{where}", "PCI bus")


def driver_fact(case: Case) -> tuple[Evidence, ...]:
    """The driver's version as evidence, where it is known."""
    known = case.driver_version
    path = {"NVML": "nvidia.nvml.driver_version", "nvidia-smi": "nvidia.smi.driver_version"}
    if known is None:
        return ()
    return (fact(case, path.get(known[1], "nvidia.kernel_module_version"), known[0], known[1]),)


def wanted(case: Case, severity: Severity, family: str = "cuda") -> Severity:
    """The severity, or a note when the user said that another device is wanted."""
    return severity if case.expect in (None, family) else "note"


def on_host(case: Case, *fixes: Fix) -> tuple[Fix, ...]:
    """The fixes for this system; from inside a container they are for the host."""
    if not case.is_container:
        return fitting(case, *fixes)
    return tuple(replace(fix, where="on the host") for fix in fixes if not fix.systems or "linux" in fix.systems)


def distribution(case: Case) -> str | None:
    """Family of the Linux distribution by its package tool: ``apt``, ``dnf``, ``pacman``, ``zypper``; None when unknown."""
    host = case.snapshot.host
    names = {host.distribution, *host.distribution_like} if host else set()
    tools = (
        ("apt", {"ubuntu", "debian"}),
        ("dnf", {"fedora", "rhel", "centos"}),
        ("pacman", {"arch"}),
        ("zypper", {"suse", "opensuse", "sles"}),
    )
    return next((tool for tool, members in tools if names & members), None)


def is_ubuntu(case: Case) -> bool:
    """Ubuntu or made of it: it has packages for each driver branch."""
    host = case.snapshot.host
    return bool(host and "ubuntu" in (host.distribution, *host.distribution_like))


DEBIAN_NEWEST = 550
"""Branch of the newest package of Debian's own: nvidia-graphics-drivers 550.163.01 in 13 and after it (its list of sources)."""


def is_debian(case: Case) -> bool:
    """Debian or made of it, but not of Ubuntu."""
    return distribution(case) == "apt" and not is_ubuntu(case)


def install(case: Case, packages: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The command that installs the packages with this distribution's tool; () when it is not known."""
    tool = distribution(case)
    names = packages.get(tool or "")
    if not tool or not names:
        return ()
    return (("sudo", "pacman", "-S", *names),) if tool == "pacman" else (("sudo", tool, "install", *names),)


def last_branch(case: Case) -> int | None:
    """The last driver branch that supports every NVIDIA GPU here; None when nothing is known to limit it."""
    texts = {".".join(map(str, capability)) for capability in capabilities(case)}
    rows = (row for row in case.index.driver_branches if row.last and texts & set(row.capabilities))
    return min((int(row.last) for row in rows if row.last), default=None)


def newer_driver(case: Case, minimum: str | None, *, text: str | None = None) -> tuple[Fix, ...]:
    """Install a driver of at least that version: for this system, with a branch that still supports the GPUs; () if there is none."""
    wanted_branch = (compat.version_tuple(minimum or "") or (0,))[0]
    limit = last_branch(case)
    if limit is not None and wanted_branch > limit:
        return ()
    said = text or (f"Install an NVIDIA driver {minimum} or newer" if minimum else "Install the NVIDIA driver")
    if limit is not None and str(limit) not in said:
        said += f" (branch {limit} is the last one for this GPU)"
    host = case.snapshot.host
    if compat.counts_as_windows(case.snapshot):
        inside = " in Windows; nothing is installed inside WSL" if host and host.wsl else ""
        return (
            Fix(
                text=f"{said}{inside} (NVIDIA app, or https://www.nvidia.com/Download/index.aspx), then restart.",
                systems=("windows", "linux") if host and host.wsl else ("windows",),
                where="in Windows" if host and host.wsl else "here",
            ),
        )
    if case.system is None and not case.is_container:
        windows = "on Windows with the NVIDIA app or from https://www.nvidia.com/Download/index.aspx"
        return (Fix(text=f"{said} (on Linux by the distribution's package, {windows}), then restart."),)
    commands = _driver_commands(case, wanted_branch, limit)
    if wanted_branch > DEBIAN_NEWEST and is_debian(case):
        said += " (Debian's own is older; NVIDIA's packages: https://developer.nvidia.com/cuda-downloads)"
    return on_host(case, Fix(text=f"{said}, then restart.", commands=commands, systems=("linux",)))


def _driver_commands(case: Case, minimum: int, limit: int | None) -> tuple[tuple[str, ...], ...]:
    reboot = ("sudo", "reboot")
    is_old = any(capability < OPEN_SINCE for capability in capabilities(case))
    if is_ubuntu(case):
        if not minimum and limit is None:
            return (("sudo", "ubuntu-drivers", "install"), reboot)
        branch = next(
            (b for b in UBUNTU_BRANCHES if b >= max(minimum, 535 if limit is None else 0)), UBUNTU_BRANCHES[-1]
        )
        if limit is not None:
            branch = min(max(branch, limit), limit)
        flavour = "" if is_old or branch < 570 else "-open"
        return (("sudo", "apt", "update"), ("sudo", "apt", "install", f"nvidia-driver-{branch}{flavour}"), reboot)
    if limit is not None or (minimum > DEBIAN_NEWEST and is_debian(case)):
        return ()
    found = install(
        case,
        {
            "apt": ("nvidia-driver",),
            "dnf": ("akmod-nvidia",) if case.snapshot.host and case.snapshot.host.distribution == "fedora" else ("nvidia-open",),
            "pacman": ("nvidia-open",),
        },
    )  # fmt: skip
    return (*found, reboot) if found else ()


def pass_through(case: Case) -> Fix:
    """Start the kernel with ``iommu=pt``, by the tool that this distribution has for its command line."""
    text = "Start the kernel with iommu=pt, then restart."
    if distribution(case) == "dnf":
        line = "sudo grubby --update-kernel=ALL --args=iommu=pt && sudo reboot"
        return Fix(text=text, shell=line, systems=("linux",))
    named = text if distribution(case) == "apt" else f"{text} (Debian and Ubuntu; others: in the loader's settings)"
    edit = """sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&iommu=pt /' /etc/default/grub"""
    return Fix(text=named, shell=f"{edit} && sudo update-grub && sudo reboot", systems=("linux",))
