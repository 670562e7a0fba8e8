"""PT8xx: AMD, Intel, Apple and the processor. Here: builds for another vendor, and what AMD's driver grants."""

from collections.abc import Iterator

from ptsetup.facts import DeviceNode
from ptsetup.rules import (
    _containers,
    _default_build,
    _nvidia,
    _speech,
    _vendors,
    pt8_amd,
    pt8_apple,
    pt8_cpu,
    pt8_intel,
    pt8_openmp,
    pt8_rocm,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

DENIED = (13, 1)


def wants_rocm(case: Case) -> bool:
    """ROCm is what this set-up is for: by the build or by what the user says."""
    return case.expect == "rocm" or (case.expect is None and case.family == "rocm")


NO_KFD = (
    r"ROCk module is NOT loaded",
    r"unable to open /dev/kfd.{0,30}no such file",
)
NO_DEVICE = r"no ROCm-capable device is detected|hipErrorNoDevice|No HIP GPUs are available"


@rule(
    "PT801",
    "amdgpu-or-kfd-missing",
    "error",
    "The kernel driver of the AMD GPU is not ready for computing",
    needs=("host.device_nodes|messages",),
    hides=("PT803", "PT805", "PT809"),
    layer=20,
    says=(*NO_KFD, NO_DEVICE),
)
def no_kfd(case: Case) -> Iterator[Finding]:
    """What is wrong
        ROCm reaches the GPU through /dev/kfd, and it is not there: the module amdgpu is not loaded, or it was loaded
        without its part for computing.

    Why it matters
        torch.cuda.is_available() is False with a ROCm build; rocminfo says that the ROCk module is not loaded.

    See it yourself
        ls -l /dev/kfd
        lsmod | grep amdgpu

    Fix
        Load amdgpu; take a distribution's kernel that has it, or install AMD's driver (amdgpu-install --usecase=rocm).

    Sources
        ROCm installation on Linux, prerequisites
    """
    hit = case.said(*NO_KFD)
    host = case.snapshot.host
    kfd = _nvidia.node(case, "/dev/kfd")
    if case.is_container or (host and (host.wsl or host.system not in (None, "linux"))) or _works(case):
        return
    is_here = bool(_vendors.amd_gpus(case)) or bool(_vendors.on_bus(case, "1002"))
    is_missing = kfd is not None and not kfd.exists and is_here
    if not (is_missing and (wants_rocm(case) or (case.family is None and not _vendors.has_nvidia(case)))) and not hit:
        if case.said(NO_DEVICE) and kfd is None and not _vendors.has_nvidia(case):
            yield _not_told(case)
        return
    if hit and ((kfd is not None and kfd.exists) or _vendors.has_nvidia(case)):
        return
    is_loaded = "amdgpu" in host.kernel_modules if host and host.kernel_modules is not None else None
    load = Fix(text="Load the module.", commands=(("sudo", "modprobe", "amdgpu"),), systems=("linux",))
    driver = Fix(
        text="Install AMD's driver with its part for computing, then restart.",
        commands=(("sudo", "amdgpu-install", "--usecase=rocm"), ("sudo", "reboot")),
        systems=("linux",),
    )
    yield Finding(
        message="/dev/kfd is not there"
        + (", although amdgpu is loaded" if is_loaded else ": amdgpu is not loaded" if is_loaded is False else "")
        + "; ROCm cannot reach the GPU.",
        subject="/dev/kfd",
        evidence=(
            *([fact(case, "host.device_nodes", "/dev/kfd absent", "ls /dev")] if is_missing else []),
            *([fact(case, "host.kernel_modules", "no amdgpu", "/proc/modules")] if is_loaded is False else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(driver,) if is_loaded else (load, driver),
        severity="error" if wants_rocm(case) or hit else "note",
        certainty="certain" if is_missing else "likely",
    )


def _not_told(case: Case) -> Finding:
    """The message of ROCm or torch alone.

    A warning, since it names an effect and no cause: it says the same without the kernel's part, without the right to
    open it, and on a GPU that this ROCm does not know.
    """
    hit = case.said(NO_DEVICE)
    look = Fix(
        text="See whether the kernel driver is there, and who may open its files.",
        commands=(("ls", "-l", "/dev/kfd", "/dev/dri"), ("rocminfo",)),
        systems=("linux",),
    )
    join = Fix(
        text="If the files are there: join the group that they belong to, then log in again.",
        shell="sudo usermod -aG render,video $USER",
        systems=("linux",),
    )
    driver = Fix(
        text="If they are not: install AMD's driver with its part for computing, then restart.",
        commands=(("sudo", "amdgpu-install", "--usecase=rocm"), ("sudo", "reboot")),
        systems=("linux",),
    )
    return Finding(
        title="ROCm finds no GPU",
        message="ROCm finds no GPU; this text does not show whether its kernel driver is missing, or this user may not open it.",
        subject="ROCm",
        evidence=(hit.evidence,) if hit else (),
        fixes=(look, join, driver),
        severity="warning",
        certainty="possible",
    )


def _works(case: Case) -> bool:
    return bool(case.snapshot.torch and case.snapshot.torch.is_cuda_available)


KFD_DENIED = (
    r"/dev/kfd.{0,60}permission denied|permission denied.{0,60}/dev/kfd",
    r"unable to open /dev/kfd read-write(?!: (?:no such|invalid|cannot|out of|input))",
    r"\b(?:is|are|am|was) not (?:in|an? member of|member of|part of) (?:the )?['\"]?(?:render|video)['\"]? group",
)


@rule(
    "PT802",
    "amd-render-group",
    "error",
    "This user may not open the AMD GPU",
    needs=("host.device_nodes|messages",),
    hides=("PT803", "PT801", "PT809"),
    layer=24,
    says=KFD_DENIED,
    is_starred=True,
)
def render_group(case: Case) -> Iterator[Finding]:
    """What is wrong
        /dev/kfd or /dev/dri/renderD* belong to a group (render, sometimes video) of which this user is no member.

    Why it matters
        ROCm finds no GPU, while it works with sudo or for another user.

    See it yourself
        ls -l /dev/kfd /dev/dri/renderD*
        id

    Fix
        Join the group and log in again. In a container the group must be handed over by its number.

    Sources
        ROCm installation on Linux, prerequisites; ROCm/legacy-rocm-build#2838, #3072, ROCm/vllm#893
    """
    hit = case.heard(render_group) or _in_words(case)
    nodes = (case.snapshot.host.device_nodes if case.snapshot.host else None) or ()
    denied = [
        n for n in nodes if n.exists and n.open_errno in DENIED and n.path.startswith(("/dev/kfd", "/dev/dri/render"))
    ]
    closed = _closed(case)
    denied = denied or closed
    kfd = _nvidia.node(case, "/dev/kfd")
    is_ours = wants_rocm(case) or (
        kfd is not None and kfd.exists and case.family in (None, "cpu") and not _vendors.has_nvidia(case)
    )
    if _works(case) or not ((denied and (is_ours or closed)) or hit):
        return
    if hit and kfd is not None and kfd.open_errno == 0 and not denied:
        return
    node = denied[0] if denied else kfd
    group = (node.group if node else None) or "render"
    is_waiting = _just_joined(case, node, group)
    yield Finding(
        message=f"This user may not open {node.path if node else '/dev/kfd'}: it belongs to the group {group}"
        + (", joined after this login." if is_waiting else "."),
        subject=node.path if node else "/dev/kfd",
        evidence=(
            *(
                fact(
                    case,
                    "host.device_nodes",
                    f"{n.path}: mode {n.mode}, group {n.group}{'' if closed else ', permission denied'}",
                    "ls -l",
                )
                for n in denied[:2]
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=_join(case, group, is_waiting=is_waiting),
        severity="error" if is_ours or hit or closed else "note",
        certainty="certain" if denied and not closed else "likely",
    )


def _in_words(case: Case) -> Hit | None:
    """Of a report with an AMD GPU, or of ROCm: it works for root alone, or joining a group has helped."""
    is_amd = bool(_vendors.amd_gpus(case)) or wants_rocm(case) or case.said(r"\brocm\b|\bhip\b|/dev/kfd") is not None
    if case.snapshot.origin != "report" or not is_amd or case.gpus:
        return None
    return case.said(*_speech.JOINED, *_speech.ROOT_ONLY) if case.has_complaint else None


def _closed(case: Case) -> list[DeviceNode]:
    """Of a report in which torch finds no GPU: the AMD device files that only a group may open."""
    torch = case.snapshot.torch
    is_blind = (torch and torch.is_cuda_available is False) or case.said(
        r"No (?:CUDA|HIP) GPUs are available", r"\bonly (?:runs?|works?) (?:for|as|with) (?:root|sudo)\b"
    )
    if case.snapshot.origin != "report" or not is_blind:
        return []
    nodes = (case.snapshot.host.device_nodes if case.snapshot.host else None) or ()
    return [
        n
        for n in nodes
        if n.path.startswith(("/dev/kfd", "/dev/dri/render"))
        and n.open_errno is None
        and (n.mode or "7")[-1:] in ("0", "1", "4", "5")
    ]


def _just_joined(case: Case, node: DeviceNode | None, group: str) -> bool:
    """The database lists the group for this user, and this process does not have it yet."""
    host = case.snapshot.host
    listed = group in (host.user_groups or ()) if host else False
    has_it = node is not None and node.gid is not None and node.gid in ((host.group_ids if host else None) or ())
    return listed and not has_it


def _join(case: Case, group: str, *, is_waiting: bool) -> tuple[Fix, ...]:
    if case.is_container:
        return _containers.with_amd(case)
    if is_waiting:
        return (
            Fix(
                text="Log out and in again, so that the new group counts.", shell=f"newgrp {group}", systems=("linux",)
            ),
        )
    groups = f"{group},video" if group == "render" else group
    return (
        Fix(
            text=f"Join the group {group} and log in again.",
            shell=f"sudo usermod -aG {groups} $USER",
            systems=("linux",),
        ),
    )


ASKS_CUDA_OF_OTHERS = (
    r"CUDA driver version is insufficient for CUDA runtime version|cuda runtime error \(35\)",
    _nvidia.NO_DRIVER,
    r"the NVIDIA driver on your system is too old",
    r"torch\.xpu\.is_available\(\)\W+False|XPU (?:device )?(?:is )?not (?:supported|available)",
)


NOT_ABLE = r"torch (?:is )?not able to (?:use|access) (?:the )?(?:GPU|CUDA)"
"""What programs say that asked torch.cuda.is_available()."""


@rule(
    "PT806",
    "wrong-vendor-wheel",
    "error",
    "torch is a build for another maker's GPU",
    needs=("target.wheel|torch|messages",),
    hides=("PT501", "PT502", "PT504", "PT536", "PT701", "PT803", "PT820", "PT801", "PT802", "PT930"),
    layer=58,
    says=ASKS_CUDA_OF_OTHERS,
)
def wrong_vendor(case: Case) -> Iterator[Finding]:
    """What is wrong
        The installed torch is built for CUDA, and the machine has only an AMD or Intel GPU; or the other way round. The
        plain name "torch" gives a CUDA build on Linux.

    Why it matters
        The GPU stays idle; messages speak of an NVIDIA driver that is not meant to be there.

    See it yourself
        python -c "import torch; print(torch.version.cuda, torch.version.hip, torch.version.xpu)"
        lspci -nn | grep -iE "vga|3d|display"

    Fix
        Install the build for this GPU: ROCm for AMD, xpu for Intel, CUDA for NVIDIA.

    Sources
        PyTorch's release matrix; ROCm/legacy-rocm-build#2354
    """
    # on Windows the wheels of the plain name never were for AMD's GPUs
    hit = case.heard(wrong_vendor) or (case.said(NOT_ABLE) if case.system == "windows" else None)
    is_blind = case.snapshot.origin == "report" and case.is_blind
    bare = case.said(_nvidia.NOT_COMPILED) if hit is None and _is_amd_alone(case) else None
    hit = hit or bare
    by_default = _default_build.gives_cuda(case) if is_blind else None
    is_of_cuda = hit is not None and "xpu" not in hit.match[0].lower()
    found = _mismatch(case, has_text=is_of_cuda or (is_blind and case.family is not None) or by_default is not None)
    if found is None or (case.expect not in (None, "rocm", "xpu", "cuda")):
        return
    vendor, device, backend, is_served = found
    cure = another_build(f"Install the build for {vendor}.", backend=backend)
    none = Fix(text="No build of torch serves this GPU: use the CPU (the CPU build is smaller).", kind="none")
    system = case.system
    is_possible = is_served and not (vendor == "AMD" and system == "windows")
    yield Finding(
        message=f"{_build(case, is_bare=bare is not None)}, and this machine has an {vendor} GPU ({device}).",
        subject="torch",
        evidence=(
            fact(
                case,
                "target.wheel",
                f"torch {case.torch_version or ('for the CPU' if bare else 'for CUDA')}",
                "torch/version.py",
            ),
            fact(case, {"AMD": "amd.gpus", "Intel": "intel.gpus"}.get(vendor, "nvidia.gpus"), device, "bus or driver"),
            *([hit.evidence] if hit else []),
        ),
        fixes=(cure,) if is_possible else (none,),
        severity="error"
        if hit or is_blind or case.expect or (is_served and case.family != "cpu")
        else "warning"
        if is_served
        else "note",
        certainty="certain" if case.family and is_served else "likely",
    )


def _build(case: Case, *, is_bare: bool) -> str:
    """What torch is, as the beginning of a sentence."""
    if case.torch_version:
        return f"torch {case.torch_version} is a build for {_called(case)}"
    return "torch is built for the CPU alone" if is_bare else "torch is built for CUDA"


def _is_amd_alone(case: Case) -> bool:
    """Of a report: the GPU that is spoken of is one of AMD's, and no build for it is."""
    is_open = case.snapshot.origin == "report" and case.family in (None, "cpu") and not _vendors.has_nvidia(case)
    return is_open and bool(_vendors.amd_gpus(case))


def _called(case: Case) -> str:
    return {"cuda": "NVIDIA's CUDA", "rocm": "AMD's ROCm", "xpu": "Intel's XPU", "cpu": "the CPU"}.get(
        case.family or "", "CUDA"
    )


def _mismatch(case: Case, *, has_text: bool) -> tuple[str, str, str, bool] | None:
    """(maker of the GPU, its name, backend to ask for, a build serves it) where the build is for another maker; else None."""
    amd, intel = _vendors.amd_gpus(case), _vendors.usable_intel(case)
    family = case.family or ("cuda" if has_text else None)
    if family in ("rocm", "xpu") and case.gpus and not amd and not _vendors.intel_names(case):
        return "NVIDIA", case.gpus[0].name or "NVIDIA GPU", "auto", True
    is_other = family == "cuda" or (family == "cpu" and case.system == "linux")
    if _vendors.has_nvidia(case) or not is_other or (family == "cpu" and not _is_alone(case)):
        return None
    usable = _vendors.usable_amd(case)
    if usable and not (case.snapshot.host and case.snapshot.host.wsl):
        return "AMD", usable[0].name or usable[0].gfx or "AMD GPU", "auto", True
    if intel and family == "cuda":
        return "Intel", intel[0], "xpu", True
    named = next((gpu.name or gpu.gfx for gpu in amd if gpu.name or gpu.gfx), None)
    return ("AMD", named, "auto", False) if named and family == "cuda" and has_text else None


def _is_alone(case: Case) -> bool:
    """A CPU build beside an AMD card: only a card of its own, seen by the kernel driver, counts as wanted."""
    return case.snapshot.origin != "report" and any(gpu.is_apu is False for gpu in _vendors.usable_amd(case))


RULES = tuple(
    sorted(
        (
            no_kfd,
            render_group,
            wrong_vendor,
            *pt8_amd.RULES,
            *pt8_rocm.RULES,
            *pt8_intel.RULES,
            *pt8_apple.RULES,
            *pt8_cpu.RULES,
            *pt8_openmp.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT8xx."""
