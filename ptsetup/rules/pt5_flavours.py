"""PT507 to PT509: a kernel module of NVIDIA's driver that does not drive this GPU."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import PciDevice
from ptsetup.rules import _branches, _nvidia
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact

ARCHITECTURES = {5: "Maxwell", 6: "Pascal", 7: "Volta", 10: "Blackwell", 12: "Blackwell"}


def _capability(case: Case, device: PciDevice) -> tuple[int, int] | None:
    return _nvidia.capability_of_device(device) or (
        compat.capability_by_name(device.name, case.index) if device.name else None
    )


def _named(case: Case, device: PciDevice | None) -> str:
    """The card by its name, else by family and id."""
    if device is None:
        return next((gpu.name for gpu in case.gpus if gpu.name), None) or "The GPU"
    capability = _capability(case, device)
    family = ARCHITECTURES.get(capability[0] if capability else 0, "NVIDIA")
    return device.name or f"{family} GPU {device.vendor}:{device.device}"


def _unlisted(case: Case) -> tuple[PciDevice, ...]:
    """Devices on the bus that the running driver does not list; () when NVML cannot be asked."""
    nvidia = case.snapshot.nvidia
    nvml = nvidia.nvml if nvidia else None
    if nvml is None or nvml.count is None or nvidia is None:
        return ()
    listed = {gpu.bdf for gpu in nvidia.gpus or ()}
    missing = [d for d in _nvidia.devices(case) if d.bdf not in listed and d.driver != "vfio-pci"]
    return tuple(missing) if nvml.count < len(_nvidia.devices(case)) else ()


def _oldest(case: Case) -> tuple[int, int] | None:
    return min(_nvidia.capabilities(case), default=None)


def _dropped(
    case: Case,
    device: PciDevice | None,
    message: str,
    evidence: tuple[Evidence, ...],
    hit: Hit | None,
    fixes: tuple[Fix, ...],
) -> Finding:
    """A finding about a GPU that the loaded driver does not drive."""
    return Finding(
        message=message,
        subject=_named(case, device),
        evidence=(*([_nvidia.bus_fact(case, device)] if device else []), *evidence, *([hit.evidence] if hit else [])),
        fixes=fixes,
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if device is not None else "likely",
    )


HIDES = ("PT501", "PT504", "PT510", "PT512", "PT513", "PT514", "PT529", "PT536", "PT701")


@rule(
    "PT507",
    "open-kernel-module-required",
    "error",
    "This GPU needs the open kernel modules",
    needs=("nvidia.kernel_module_flavor|messages",),
    hides=HIDES,
    layer=17,
    says=(
        r"requires use of the NVIDIA open kernel modules",
        r"installed in this system requires.{0,20}open kernel modules?",
        r"only supported (?:by|with) the open(?:-source)? kernel modules?",
    ),
)
def needs_open(case: Case) -> Iterator[Finding]:
    """What is wrong
        Blackwell and later GPUs work with the open flavour of NVIDIA's kernel modules only; the proprietary flavour is
        loaded.

    Why it matters
        nvidia-smi says "No devices were found", and the kernel log says that the GPU requires the open modules.

    See it yourself
        cat /proc/driver/nvidia/version
        sudo dmesg | grep -i nvrm

    Fix
        Install the driver's -open package and restart.

    Sources
        Start9Labs/start-technologies#3465, oddmario/NVIDIA-Ubuntu-Driver-Guide#10, getsolus/packages#5575
    """
    hit = case.heard(needs_open)
    nvidia = case.snapshot.nvidia
    flavour = nvidia.kernel_module_flavor if nvidia else None
    device = next((d for d in _unlisted(case) if (_capability(case, d) or (0, 0)) >= _nvidia.OPEN_ONLY_SINCE), None)
    if _nvidia.works(case) and device is None:
        return
    if not (device and flavour == "proprietary") and (hit is None or flavour == "open"):
        return
    seen = (fact(case, "nvidia.kernel_module_flavor", flavour, "/proc/driver/nvidia/version"),) if flavour else ()
    loaded = case.driver_version[0] if case.driver_version else "570"
    minimum = loaded if compat.at_least(loaded, "570") else "570"
    driver = _nvidia.newer_driver(case, minimum, text="Install the driver's open flavour (570 or newer)")
    message = (
        f"{_named(case, device)} works only with NVIDIA's open kernel modules, and the proprietary ones are loaded."
    )
    yield _dropped(case, device, message, seen, hit, driver)


@rule(
    "PT508",
    "open-module-lacks-gpu",
    "error",
    "The open kernel modules do not drive this GPU",
    needs=("nvidia.kernel_module_flavor|messages",),
    hides=HIDES,
    layer=17,
    says=(
        r"does not include the required GPU(?: System Processor)?",
        r"not supported by (?:the )?open (?:nvidia\.ko|kernel modules?)",
        r"NVRM:.{0,80}not supported by open",
    ),
)
def lacks_gsp(case: Case) -> Iterator[Finding]:
    """What is wrong
        The open flavour of NVIDIA's kernel modules is loaded. It drives GPUs from Turing on, because older ones lack the
        GPU System Processor; this one is older.

    Why it matters
        The module finds no device: nvidia-smi and torch see no GPU.

    See it yourself
        cat /proc/driver/nvidia/version
        sudo dmesg | grep -i nvrm

    Fix
        Install the proprietary flavour of branch 580, the last one for these cards; then hold it there.

    Sources
        negativo17/nvidia-driver#158; README of NVIDIA/open-gpu-kernel-modules
    """
    hit = case.heard(lacks_gsp)
    nvidia = case.snapshot.nvidia
    flavour = nvidia.kernel_module_flavor if nvidia else None
    device = next((d for d in _unlisted(case) if _is_old(_capability(case, d))), None)
    is_old_alone = (
        flavour == "open" and not _nvidia.works(case) and _is_old(_oldest(case)) and _nvidia.nvml_code(case) != 0
    )
    if not (device and flavour == "open") and not is_old_alone and (hit is None or _nvidia.works(case)):
        return
    if hit is not None and device is None and not is_old_alone and _oldest(case) and not _is_old(_oldest(case)):
        return
    seen = (fact(case, "nvidia.kernel_module_flavor", flavour, "/proc/driver/nvidia/version"),) if flavour else ()
    message = f"{_named(case, device)} is older than Turing, and the open kernel modules do not drive it."
    driver = _nvidia.newer_driver(case, None, text="Install the proprietary flavour of the driver")
    yield _dropped(case, device, message, seen, hit, driver)


def _is_old(capability: tuple[int, int] | None) -> bool:
    return capability is not None and capability < _nvidia.OPEN_SINCE


LEGACY = r"supported through the NVIDIA (?P<branch>\d{3})\.xx legacy drivers"
UNLISTED = (
    r"(?:NVRM:\s*installed in this system|NVRM:.{0,80}\bGPU\b.{0,60}) is not supported by (?:the )?(?:NVIDIA "
    r")?(?P<driver>\d{3}\.[\d.]*\d)"
)
IGNORED = r"The (?P<driver>\d{3}\.[\d.]+\d) NVIDIA driver will ignore"


@rule(
    "PT509",
    "driver-branch-dropped-gpu",
    "error",
    "This driver branch no longer supports the GPU",
    needs=("nvidia.nvml|nvidia.kernel_module_version|nvidia.smi|messages",),
    hides=HIDES,
    layer=16,
    says=(LEGACY, r"NVRM:\s*(?:supported through|this GPU).{0,80}legacy", IGNORED, UNLISTED),
)
def dropped(case: Case) -> Iterator[Finding]:
    """What is wrong
        The installed driver branch has dropped this GPU's generation: 580 was the last one for Maxwell, Pascal and
        Volta, 470 for Kepler.

    Why it matters
        The driver ignores the card: nvidia-smi says "No devices were found".

    See it yourself
        sudo dmesg | grep -i nvrm
        nvidia-smi --query-gpu=driver_version --format=csv,noheader

    Fix
        Install the last branch for this card and hold it there. For torch, take a build that still has code for the
        card (PT601).

    Sources
        NVIDIA's release notes; void-linux/void-packages#56685
    """
    hit = case.heard(dropped)
    version = case.driver_version
    is_windows = compat.counts_as_windows(case.snapshot)
    branch = compat.driver_branch(version[0], case.index, is_windows=is_windows) if version else None
    limit = _nvidia.last_branch(case)
    device = next((d for d in _unlisted(case) if _last_of(case, _capability(case, d)) not in (None, 0)), None)
    last = _last_of(case, _capability(case, device)) if device else limit
    is_seen = bool(branch and last and branch > last and (device or _nvidia.nvml_code(case) not in (0, None)))
    # nvidia-smi lists only what its driver supports
    is_listed = any(gpu.source == "nvidia-smi" for gpu in case.gpus)
    is_report = case.snapshot.origin == "report" and not is_listed
    is_told = is_report and bool(branch and limit and branch > limit) and (case.has_complaint or not case.messages)
    words = _branches.last_told(case) if is_report and not (is_seen or is_told or hit) else None
    words = words or (_by_name(case, limit) if is_report and not (is_seen or is_told or hit) else None)
    if words:
        last, number, hit = words
        version = version or (str(number), "the report")
    if not (is_seen or is_told or hit) or (_nvidia.works(case) and device is None):
        return
    told = hit.match.groupdict() if hit and not words else {}
    last = int(told["branch"]) if told.get("branch") else last
    have = told.get("driver") or (version[0] if version else None)
    named = _named(case, device)
    driver = f"Driver {have}" if have else "The installed driver branch"
    message = f"{driver} no longer supports {'the GPU' if named == 'The GPU' else named}" + (
        f"; {last} was the last branch that did." if last else "."
    )
    fixes = _nvidia.newer_driver(case, str(last) if last else None, text=f"Install driver branch {last or 580}")
    seen = _nvidia.driver_fact(case) or _card_fact(case)
    yield _dropped(case, device if is_seen else None, message, seen, hit, fixes)


def _by_name(case: Case, limit: int | None) -> tuple[int, int, Hit] | None:
    """Of a card whose name tells its generation: it is said to be supported no more, by a branch newer than its last."""
    hit = case.said(*_branches.NOT_ANY_MORE)
    have = _branches.installed(case)
    limit = limit or _last_by_generation(case)
    return (limit, have, hit) if hit and limit and have > limit else None


def _last_by_generation(case: Case) -> int | None:
    """The last branch of a generation that a person names: Kepler, Maxwell, Pascal, Volta."""
    for row in case.index.driver_branches:
        if row.last and case.said(rf"\b{row.architecture}\b"):
            return int(row.last)
    return None


def _card_fact(case: Case) -> tuple[Evidence, ...]:
    """The first GPU by its name."""
    gpu = next((gpu for gpu in case.gpus if gpu.name), None)
    return (_nvidia.gpu_fact(case, gpu, "name", gpu.name, "its name"),) if gpu else ()


def _last_of(case: Case, capability: tuple[int, int] | None) -> int | None:
    text = ".".join(map(str, capability)) if capability else ""
    return next((int(row.last) for row in case.index.driver_branches if text in row.capabilities and row.last), None)


RULES = (needs_open, lacks_gsp, dropped)
