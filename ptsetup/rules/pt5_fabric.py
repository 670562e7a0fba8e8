"""PT519 and PT520: the NVSwitch fabric of large machines."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Gpu, Service
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

FABRIC_TEXTS = (
    r"\bcu(?:da)?[A-Z]\w+(?:\(\w*\))?[^.;\n]{0,24}\b802\b",
    r"error[ =]802\b|\[802\]|\b802 system error|code=802\b|system not yet initialized|cudaErrorSystemNotReady|CUDA_ERROR_SYSTEM_NOT_READY",
    (
        r"fabric[ -]?manager.{0,80}(?:(?:do(?:es)? ?n[o']?t|did ?n[o']?t|not) match|mismatch|differs? from|different (?:version|from)"
        r"|incompatib)"
    ),
    r"\bfabric\b.{0,20}\bstate\W{1,4}(?:in progress|not started)\b",
    r"fabric[ -]?manager\S*.{0,60}(?:not running|dead|failed|inactive|never reported|not (?:been )?(?:started|initiali[sz]ed|installed))",
)
FABRIC_VERSIONS = r"interface version (?P<fm>\d{3}\.[\d.]*\d) .{0,40}driver version (?P<driver>\d{3}\.[\d.]*\d)"

FABRIC_STATES = {1: "not started", 2: "in progress"}


@rule(
    "PT519",
    "fabric-manager-not-running",
    "error",
    "The NVSwitch fabric is not ready",
    needs=("nvidia.cuda.init_rc|nvidia.gpus|messages",),
    hides=("PT513", "PT520", "PT536", "PT650", "PT651"),
    layer=23,
    says=FABRIC_TEXTS,
    is_starred=True,
)
def fabric(case: Case) -> Iterator[Finding]:
    """What is wrong
        On machines with NVSwitch (HGX and DGX with A100, H100, H200, B200) CUDA starts only after the fabric manager has
        set the switches up. It does not run, is of another version than the driver, or has not finished. Even one such
        GPU handed to a virtual machine needs it.

    Why it matters
        nvidia-smi is fine, but every CUDA program ends with "Error 802: system not yet initialized".

    See it yourself
        systemctl status nvidia-fabricmanager
        nvidia-smi -q | grep -A3 -i fabric

    Fix
        Install the fabric manager of exactly the driver's version and start it. Within a minute after start-up: wait. In
        a rented container only the provider can act. On GB200 the fabric lives in the switch trays: look at
        nvidia-imex.

    Sources
        pytorch/pytorch#35710, gpustack/gpustack#4154, huggingface/huggingface_hub#4134, nanoporetech/dorado#1214
    """
    hit = case.heard(fabric)
    code = _nvidia.cuda_code(case)
    waiting = [gpu for gpu in case.gpus if _is_waiting(gpu)]
    service = next((s for s in (_services(case)) if s.name.startswith("nvidia-fabricmanager")), None)
    has_fabric = any(gpu.fabric_state for gpu in case.gpus)
    is_down = service is not None and service.is_active is False and has_fabric and not _nvidia.works(case)
    driver = case.driver_version[0] if case.driver_version else None
    differs = bool(service and service.version and driver and has_fabric and _base(service.version) != _base(driver))
    if code == 0 or not (code == 802 or waiting or is_down or hit or (differs and not _nvidia.works(case))):
        return
    told = case.said(FABRIC_VERSIONS)
    fm = told.match["fm"] if told else service.version if service and differs else None
    driver = (told.match["driver"] if told else None) or driver
    yield Finding(
        message=f"The fabric manager is of version {fm}, the driver of {driver}: CUDA cannot start on this NVSwitch machine."
        if fm and driver
        else "The NVSwitch fabric of this machine is not ready, so CUDA cannot start (code 802).",
        subject="nvidia-fabricmanager",
        evidence=(
            *([fact(case, "nvidia.cuda.init_rc", 802, "cuInit")] if code == 802 else []),
            *(_nvidia.gpu_fact(case, gpu, "fabric_state", _state(gpu)) for gpu in waiting[:1]),
            *([fact(case, "host.services", f"{service.name}: inactive", "systemctl")] if is_down and service else []),
            *([fact(case, "host.services", f"fabric manager {fm}, driver {driver}", "packages")] if differs else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_start_fabric(case, driver),
        certainty="certain" if waiting or is_down or (code == 802 and case.snapshot.origin != "report") else "likely",
    )


def _is_waiting(gpu: Gpu) -> bool:
    return gpu.fabric_state in FABRIC_STATES or (gpu.fabric_state == 3 and bool(gpu.fabric_status))


def _state(gpu: Gpu) -> str:
    return FABRIC_STATES.get(gpu.fabric_state or 0, f"completed with status {gpu.fabric_status}")


def _services(case: Case) -> tuple[Service, ...]:
    host = case.snapshot.host
    return (host.services or ()) if host else ()


def _base(version: str) -> tuple[int, ...]:
    return compat.version_tuple(version)[:3]


def _start_fabric(case: Case, driver: str | None) -> tuple[Fix, ...]:
    branch = (driver or "").partition(".")[0]
    install = Fix(
        text="Install the fabric manager of exactly the driver's version and start it.",
        shell=f"sudo apt install 'nvidia-fabricmanager-{branch}={driver}*' && sudo systemctl enable --now nvidia-fabricmanager",
        systems=("linux",),
    )
    start = Fix(
        text="Start the fabric manager (of exactly the driver's version), then look at its log if it fails.",
        commands=(
            ("sudo", "systemctl", "enable", "--now", "nvidia-fabricmanager"),
            ("journalctl", "-u", "nvidia-fabricmanager"),
        ),
        systems=("linux",),
    )
    provider = Fix(
        text="On a rented machine or in a container only the provider can act: ask for it, or take another host.",
        kind="none",
    )
    use_apt = branch and _nvidia.distribution(case) in ("apt", None) and not case.is_container
    return (*_nvidia.on_host(case, install if use_apt else start), provider)


HEALTH = ((0, 0x3, 1, "bandwidth is degraded"), (2, 0x3, 1, "a route is recovering"), (4, 0x3, 1, "a route is unhealthy"),
          (6, 0x3, 1, "it recovers from an access timeout"))  # fmt: skip
"""Shift, width and the value that means trouble, of the fields in the fabric's health mask (nvml.h)."""


@rule(
    "PT520",
    "fabric-degraded",
    "warning",
    "The NVLink fabric is degraded",
    needs=("nvidia.gpus",),
    layer=15,
)
def degraded(case: Case) -> Iterator[Finding]:
    """What is wrong
        The driver reports trouble in the NVLink fabric of a GPU, or a link is inactive that other GPUs here have.

    Why it matters
        Work over several GPUs is slow or fails.

    See it yourself
        nvidia-smi nvlink --status
        nvidia-smi -q | grep -A8 -i fabric

    Fix
        Look at the fabric manager's log and at the kernel log for Xid 74; reset the GPU or restart; then the vendor.

    Sources
        nvml.h, fabric health mask; github.com/leptonai/gpud
    """
    most = max((gpu.nvlinks_active or 0 for gpu in case.gpus), default=0)
    for gpu in case.gpus:
        mask = gpu.fabric_health_mask or 0
        wrong = [text for shift, width, bad, text in HEALTH if mask >> shift & width == bad]
        if mask >> 8 & 0xF > 1:
            wrong.append("its configuration is incorrect")
        is_short = gpu.nvlinks_inactive and gpu.nvlinks_active is not None and gpu.nvlinks_active < most
        if is_short:
            wrong.append(f"{gpu.nvlinks_active} of {most} NVLinks are active")
        if wrong:
            field, value = ("nvlinks_active", gpu.nvlinks_active) if is_short else ("fabric_health_mask", hex(mask))
            yield Finding(
                message=f"The NVLink fabric of {_nvidia.name_of(gpu)} is not well: {'; '.join(wrong)}.",
                subject=_nvidia.name_of(gpu),
                evidence=(_nvidia.gpu_fact(case, gpu, field, value),),
                fixes=_nvidia.on_host(
                    case,
                    Fix(
                        text="See the state of the links and of the fabric manager, then reset the GPU or restart.",
                        commands=(("nvidia-smi", "nvlink", "--status"), ("journalctl", "-u", "nvidia-fabricmanager")),
                        systems=("linux",),
                    ),
                ),
            )


RULES = (fabric, degraded)
