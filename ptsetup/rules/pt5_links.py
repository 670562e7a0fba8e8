"""PT528 to PT530: how GPUs are connected: PCI Express, their window in the address space, and each other."""

from collections.abc import Iterator

from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

MIB = 1024**2
GIB = 1024**3


@rule(
    "PT528",
    "pcie-link-downgraded",
    "note",
    "The GPU's PCI Express link is narrower or slower than the card allows",
    needs=("nvidia.gpus",),
    layer=15,
)
def link(case: Case) -> Iterator[Finding]:
    """What is wrong
        The link runs with fewer lanes than the card and the slot allow; or, under load, at a lower generation. (Idle
        links drop to generation 1: that is no fault and is not reported.)

    Why it matters
        Copies between host and GPU are slow; a bad contact may get worse.

    See it yourself
        nvidia-smi --query-gpu=pcie.link.width.current,pcie.link.width.max,pcie.link.gen.current --format=csv

    Fix
        Seat the card anew, try another slot, leave risers out, look into the firmware's settings. Many second slots have
        four or eight lanes only.

    Sources
        nvml.h; rwth-i6/returnn#1486 (link errors before a loss)
    """
    for gpu in case.gpus:
        width, most = gpu.pcie_width, gpu.pcie_width_max
        is_narrow = bool(width and most and width < most)
        slow = gpu.pcie_generation, gpu.pcie_generation_max
        is_slow = bool(gpu.performance_state == 0 and slow[0] and slow[1] and slow[0] < slow[1])
        if not is_narrow and not is_slow:
            continue
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} is linked with {width} lanes of {most}."
            if is_narrow
            else f"{_nvidia.name_of(gpu)} is linked at PCIe generation {slow[0]} of {slow[1]} under load.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                _nvidia.gpu_fact(case, gpu, "pcie_width", f"{width} of {most}")
                if is_narrow
                else _nvidia.gpu_fact(case, gpu, "pcie_generation", f"{slow[0]} of {slow[1]}"),
            ),
            fixes=(
                Fix(text="Seat the card anew or try another slot; some slots have fewer lanes by design.", kind="none"),
            ),
            severity="warning" if is_narrow and width and most and width * 8 <= most else "note",
        )


NO_WINDOW = (
    r"NVRM:.{0,60}BAR\d is 0M",
    r"PCI I/O region assigned to your NVIDIA device is invalid",
    r"BAR ?\d(?: \[mem [^\]]*\])?: (?:no space for|failed to assign|can't assign)",
)


@rule(
    "PT529",
    "bar1-too-small",
    "warning",
    "The GPU's window in the address space is small",
    needs=("nvidia.gpus|host.pci|messages",),
    hides=("PT514", "PT536"),
    layer=15,
    says=NO_WINDOW,
)
def window(case: Case) -> Iterator[Finding]:
    """What is wrong
        The firmware gave the card no window (BAR1) in the address space, or one of 256 MiB, where the card has gigabytes.

    Why it matters
        Without a window a large card does not start ("RmInitAdapter failed", "No devices were found"). With a small one
        it works, but copies straight between GPUs are slow.

    See it yourself
        nvidia-smi -q -d MEMORY | grep -A3 BAR1
        sudo dmesg | grep -iE "nvrm|BAR"

    Fix
        In the firmware: Above 4G Decoding on, Resizable BAR on, compatibility module (CSM) off.

    Sources
        NVIDIA/open-gpu-kernel-modules#862
    """
    hit = case.heard(window)
    bios = Fix(text="In the firmware (BIOS): Above 4G Decoding on, Resizable BAR on, CSM off.", kind="print")
    listed = {gpu.bdf for gpu in case.gpus}
    nvml = case.snapshot.nvidia.nvml if case.snapshot.nvidia else None
    for device in _nvidia.devices(case):
        is_hidden = (
            nvml is not None and nvml.count is not None and device.bdf not in listed and device.driver != "vfio-pci"
        )
        if device.bar1_bytes is not None and device.bar1_bytes < 64 * MIB and is_hidden and not _nvidia.works(case):
            yield Finding(
                message=f"The card at {device.bdf} has a window of {device.bar1_bytes // MIB} MiB and the driver does not list it.",
                subject=device.bdf,
                evidence=(
                    _nvidia.bus_fact(case, device),
                    fact(case, "nvidia.nvml.count", nvml.count if nvml else 0, "NVML"),
                ),
                fixes=(bios,),
                severity="error",
                certainty="likely",
            )
    for gpu in case.gpus:
        bar, total = gpu.bar1_total_bytes, gpu.memory_total_bytes or 0
        if bar is not None and bar <= 256 * MIB and total >= 8 * GIB:
            yield Finding(
                message=f"{_nvidia.name_of(gpu)} has {total / GIB:.0f} GiB and a window of {bar // MIB} MiB.",
                subject=_nvidia.name_of(gpu),
                evidence=(_nvidia.gpu_fact(case, gpu, "bar1_total_bytes", f"{bar // MIB} MiB"),),
                fixes=(bios,),
                severity="warning" if len(case.gpus) > 1 and any(gpu.p2p or {}) else "note",
            )
    if hit and not _nvidia.works(case):
        message = "The firmware gave a card no window in the address space, so the driver cannot start it."
        yield Finding(
            message=message,
            subject="BAR1",
            evidence=(hit.evidence,),
            fixes=(bios,),
            severity="error",
            certainty="likely",
        )


WORKS_WITHOUT = (
    r"(?:works?|runs|solved|fixed|resolved|helps?|ok)\b.{0,60}NCCL_P2P_DISABLE ?= ?1",
    r"(?:setting|set|with|export(?:ing)?) NCCL_P2P_DISABLE ?= ?1.{0,60}(?:works?|solve[sd]?|fix(?:e[sd])?|helps?|resolve[sd]?)",
)


@rule(
    "PT530",
    "p2p-blocked-or-hanging",
    "warning",
    "Copies between GPUs are redirected, wrong or never come",
    needs=("nvidia.gpus|torch.p2p_problems|messages",),
    layer=27,
    says=WORKS_WITHOUT,
    is_starred=True,
)
def peers(case: Case) -> Iterator[Finding]:
    """What is wrong
        The driver offers direct copies between GPUs (P2P), but the IOMMU or the bridges (ACS) redirect them through the
        processor; or the board does not carry them.

    Why it matters
        Programs on several GPUs hang at the first all-reduce, or compute with wrong data.

    See it yourself
        nvidia-smi topo -p2p r
        cat /proc/cmdline; ls /sys/class/iommu

    Fix
        In the firmware: ACS and IOMMU (VT-d, AMD-Vi) off; or start the kernel with iommu=pt. As a test, and where
        neither is possible: NCCL_P2P_DISABLE=1. In a virtual machine ACS is needed: leave it on.

    Sources
        NVIDIA/nccl#631, #257, #2079, #667; NCCL user guide, troubleshooting
    """
    torch, host = case.snapshot.torch, case.snapshot.host
    wrong = torch.p2p_problems if torch else None
    hit = case.heard(peers)
    pair = next(((g, o) for g in case.gpus for o, status in (g.p2p or {}).items() if status == 0), None)
    has_nvlink = any(gpu.nvlinks_active for gpu in case.gpus)
    line = host.kernel_command_line if host else None
    is_translated = bool(
        host and host.iommu_groups and line is not None and "iommu=pt" not in line and "iommu=off" not in line
    )
    is_risky = (
        pair is not None and not has_nvlink and is_translated and wrong is None and not (host and host.is_virtual)
    )
    if not wrong and not is_risky and not hit:
        return
    translated = (
        fact(case, "host.kernel_command_line", "no iommu=pt", "/proc/cmdline"),
        fact(case, "host.iommu_groups", host.iommu_groups if host else None, "/sys/class/iommu"),
    )
    is_off = case.env("NCCL_P2P_DISABLE") == "1"
    yield Finding(
        message=f"Copies between GPUs went wrong: {wrong[0]}."
        if wrong
        else "Copies straight between the GPUs hang or fail here: it works with NCCL_P2P_DISABLE=1."
        if hit
        else f"{len(case.gpus)} GPUs offer direct copies, and the IOMMU redirects them: programs on several GPUs may hang.",
        subject="P2P",
        evidence=(
            *(fact(case, "torch.p2p_problems", text, "copy and compare") for text in (wrong or ())[:3]),
            *(translated if is_risky else ()),
            *(
                [_nvidia.gpu_fact(case, pair[0], "p2p", f"OK with GPU {pair[1]}")]
                if pair and (wrong or is_risky)
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=_straight(case),
        severity="error" if wrong else "note" if is_off and not hit else "warning",
        certainty="certain" if wrong else "likely" if hit else "possible",
    )


def _straight(case: Case) -> tuple[Fix, ...]:
    """Let copies between GPUs go straight; as a test, without them."""
    firmware = Fix(text="Or turn ACS and the IOMMU off in the firmware (not in a virtual machine).", kind="none")
    test = Fix(text="As a test: without direct copies.", shell="export NCCL_P2P_DISABLE=1", systems=("linux",))
    return (*_nvidia.on_host(case, _nvidia.pass_through(case), firmware), test)


RULES = (link, window, peers)
