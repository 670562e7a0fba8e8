"""PT526, PT527 and PT531: a GPU that is slower than it could be."""

from collections.abc import Iterator

from ptsetup.facts import Gpu
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact

SOFT_THERMAL, HARD_THERMAL = 0x20, 0x40
POWER_CAP, HARD_SLOWDOWN, POWER_BRAKE = 0x4, 0x8, 0x80
"""Bits of the clocks-event reasons (nvml.h)."""


def _lasting(gpu: Gpu) -> int:
    """Reasons that held in every sample; where there are none, those of the one look."""
    if not gpu.clocks_event_samples:
        return gpu.clocks_event_reasons or 0
    reasons = gpu.clocks_event_samples[0]
    for sample in gpu.clocks_event_samples[1:]:
        reasons &= sample
    return reasons


@rule(
    "PT526",
    "thermal-slowdown",
    "warning",
    "The GPU slows down because it is hot",
    needs=("nvidia.gpus",),
    layer=15,
)
def heat(case: Case) -> Iterator[Finding]:
    """What is wrong
        The GPU lowers its clocks because of its temperature, or stands within 3 degrees of doing so.

    Why it matters
        It computes more slowly than it could, and unevenly.

    See it yourself
        nvidia-smi -q -d PERFORMANCE,TEMPERATURE

    Fix
        Clean the cooler and the fans, give the case air, keep the card away from hot neighbours.

    Sources
        nvml.h, clocks-event reasons
    """
    for gpu in case.gpus:
        hot, limit = gpu.temperature_c, gpu.temperature_slowdown_c
        is_near = hot is not None and bool(limit) and limit is not None and hot >= limit - 3
        reasons = _lasting(gpu) & (SOFT_THERMAL | HARD_THERMAL)
        if not reasons and not is_near:
            continue
        degrees = f" at {hot} °C" if hot is not None else ""
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} lowers its clocks because of heat{degrees}."
            if reasons
            else f"{_nvidia.name_of(gpu)} is at {hot} °C; at {limit} °C it lowers its clocks.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                *([_nvidia.gpu_fact(case, gpu, "clocks_event_reasons", hex(_lasting(gpu)))] if reasons else []),
                *([_nvidia.gpu_fact(case, gpu, "temperature_c", f"{hot} °C")] if hot is not None else []),
            ),
            fixes=(Fix(text="Clean cooler and fans, and give the card air.", kind="none"),),
        )


@rule(
    "PT527",
    "power-brake-or-cap",
    "warning",
    "The GPU slows down because of its power supply",
    needs=("nvidia.gpus",),
    layer=15,
)
def brake(case: Case) -> Iterator[Finding]:
    """What is wrong
        The hardware lowers the clocks because the power supply asks for it (power brake) or protects itself; or the
        power limit is set far below the card's default.

    Why it matters
        The GPU computes more slowly, or under load it may be lost.

    See it yourself
        nvidia-smi -q -d PERFORMANCE,POWER

    Fix
        Check supply and cables. Where nobody wants the low limit, set the default one. Laptops on battery and
        data centres lower it on purpose.

    Sources
        nvml.h, clocks-event reasons; github.com/leptonai/gpud
    """
    for gpu in case.gpus:
        reasons = _lasting(gpu)
        limit, default = gpu.power_limit_mw, gpu.power_default_limit_mw
        is_capped = bool(limit and default and limit < default * 0.8)
        is_braked = bool(reasons & (POWER_BRAKE | HARD_SLOWDOWN))
        if not (is_capped or is_braked or reasons & POWER_CAP):
            continue
        watts = f"{(default or 0) // 1000}"
        raise_limit = Fix(
            text=f"Set the limit back to {watts} W.",
            commands=(("sudo", "nvidia-smi", "-i", str(gpu.index), "-pl", watts),),
            systems=("linux",),
        )
        evidence = [_nvidia.gpu_fact(case, gpu, "clocks_event_reasons", hex(reasons))] if reasons else []
        if is_capped:
            evidence.append(_nvidia.gpu_fact(case, gpu, "power_limit_mw", f"{(limit or 0) // 1000} of {watts} W"))
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} is slowed down by its hardware: power supply or protection."
            if is_braked
            else f"{_nvidia.name_of(gpu)} is limited to {(limit or 0) // 1000} W; its default is {watts} W."
            if is_capped
            else f"{_nvidia.name_of(gpu)} runs at its power limit, as cards do under full load.",
            subject=_nvidia.name_of(gpu),
            evidence=tuple(evidence),
            fixes=(
                *(_nvidia.on_host(case, raise_limit) if is_capped else ()),
                *([Fix(text="Check the power supply and its cables.", kind="none")] if is_braked else []),
            ),
            severity="warning" if is_braked else "note",
        )


@rule(
    "PT531",
    "persistence-off",
    "note",
    "The driver is unloaded between programs",
    needs=("nvidia.gpus", "nvidia.cuda.seconds"),
    layer=27,
)
def persistence(case: Case) -> Iterator[Finding]:
    """What is wrong
        Persistence mode is off: without a screen the driver lets go of the GPU when the last program ends.

    Why it matters
        Each first CUDA call starts the GPU anew and takes seconds.

    See it yourself
        nvidia-smi --query-gpu=persistence_mode --format=csv

    Fix
        Enable nvidia-persistenced.

    Sources
        nvml.h; github.com/leptonai/gpud
    """
    cuda = case.snapshot.nvidia.cuda if case.snapshot.nvidia else None
    if cuda is None or cuda.seconds is None or cuda.seconds <= 2 or case.system != "linux":
        return
    off = [gpu for gpu in case.gpus if gpu.is_persistent is False]
    if not off or (case.snapshot.host and case.snapshot.host.wsl):
        return
    keep = Fix(
        text="Keep the driver loaded.",
        commands=(("sudo", "systemctl", "enable", "--now", "nvidia-persistenced"),),
        systems=("linux",),
    )
    yield Finding(
        message=f"Starting CUDA took {cuda.seconds:.1f} s, and persistence mode is off.",
        subject=_nvidia.name_of(off[0]),
        evidence=(
            fact(case, "nvidia.cuda.seconds", f"{cuda.seconds:.1f} s", "cuInit"),
            _nvidia.gpu_fact(case, off[0], "is_persistent", "off"),
        ),
        fixes=_nvidia.on_host(case, keep),
    )


RULES = (heat, brake, persistence)
