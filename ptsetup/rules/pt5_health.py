"""PT514, PT515, PT532 and PT533: a GPU that is lost, broken, or waits for a reset."""

from collections.abc import Iterator

from ptsetup.facts import Gpu
from ptsetup.rules import _nvidia, _words
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules.pt5_xids import reset, restart, xid_facts, xids

LOST = (
    r"GPU is lost\b|\b(?:gpu|device) (?:was |has been |got |went )?lost\b(?! (?:in|some|perf|its|the|track|mem|speed|focus))",
    (
        r"\b(?:fall(?:s|en|ing)?|fell|drop(?:s|ped|ping)?|disappear\w*|vanish\w*|gone|lost) (?:\w+ )?(?:off(?: of)?|from) (?:the"
        r"|its) (?:pci(?:e|[ -]?express)? )?bus\b"
    ),
    _words.OFF_THE_BUS,
    r"unable to determine the device handle for (?:the )?GPU",
    r"NVML_?ERROR_?GPU_?IS_?LOST|NVMLError_GpuIsLost",
    r"CUDA_ERROR_DEVICE_UNAVAILABLE.{0,40}lost|device (?:has been )?lost",
)


@rule(
    "PT514",
    "gpu-lost",
    "error",
    "A GPU has dropped off the bus",
    needs=("nvidia.gpus|host.kernel_log|messages",),
    hides=("PT518", "PT513", "PT535", "PT536", "PT650", "PT651", "PT523"),
    layer=10,
    says=LOST,
)
def lost(case: Case) -> Iterator[Finding]:
    """What is wrong
        A GPU no longer answers on the bus: "GPU is lost", "fallen off the bus" (Xid 79). Mostly power, heat, the seat of
        the card, a riser, or the card itself.

    Why it matters
        Programs on that GPU die, and often the driver stops for all GPUs until a restart.

    See it yourself
        nvidia-smi
        sudo dmesg | grep -iE "xid|fallen off"

    Fix
        Restart to get it back. If it returns: power cables and supply, seat of the card, cooling, firmware of the
        board. As a test for power, lock the clock low.

    Sources
        NVIDIA/open-gpu-kernel-modules#507, #387, NVIDIA/NVSentinel#155; nvml.h; NVIDIA's Xid catalogue
    """
    hit = case.heard(lost)
    gone = [gpu for gpu in case.gpus if gpu.handle_rc == 15 or 15 in (gpu.call_errors or {}).values()]
    broken = [gpu for gpu in case.gpus if gpu.handle_rc == 999]
    fallen = xids(case, 79)
    if not (hit or gone or fallen or broken):
        return
    first = next(iter((*gone, *broken)), None)
    named = _nvidia.name_of(first) if first else fallen[0].bdf if fallen and fallen[0].bdf else "A GPU"
    test = Fix(
        text="As a test for the power supply, lock the clock low and try again.",
        commands=(("sudo", "nvidia-smi", "-lgc", "300,1500"),),
        systems=("linux",),
    )
    parts = Fix(
        text="If it returns: check power cables, seat of the card, cooling and the board's firmware.", kind="none"
    )
    yield Finding(
        message=f"{named} is lost: it no longer answers on the bus."
        if gone or hit or fallen
        else f"{named} cannot be opened: unknown error.",
        subject=named,
        evidence=(
            *(
                _nvidia.gpu_fact(case, gpu, "handle_rc", gpu.handle_rc)
                for gpu in (*gone, *broken)[:2]
                if gpu.handle_rc is not None
            ),
            *(_nvidia.gpu_fact(case, gpu, "call_errors", "15 (lost)") for gpu in gone[:1] if gpu.handle_rc != 15),
            *xid_facts(case, fallen),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*restart(case), parts, *_nvidia.on_host(case, test)),
        certainty="certain" if gone or fallen else "likely",
    )


ACTIONS = {
    1: "a reset",
    2: "a restart",
    3: "to be drained of peer traffic",
    4: "to be drained and reset",
    5: "its IMEX domain recovered",
}


@rule(
    "PT515",
    "gpu-reset-required",
    "error",
    "A GPU has to be reset",
    needs=("nvidia.gpus|messages",),
    hides=("PT513", "PT518", "PT523"),
    layer=11,
    says=(
        r"NVML_?ERROR_?RESET_?REQUIRED|GPU requires reset",
        r"reset (?:is )?required before the GPU can be used",
        r"recovery action\s*: ?(?:reset|reboot|drain)",
    ),
)
def needs_reset(case: Case) -> Iterator[Finding]:
    """What is wrong
        The driver says that a GPU needs a reset (or a restart of the machine) before it can be used again.

    Why it matters
        New programs on that GPU fail.

    See it yourself
        nvidia-smi -q | grep -i "recovery action"

    Fix
        Do what the driver asks for: reset, restart, or drain the GPU first.

    Sources
        nvml.h, return code 16 and field 230; NVIDIA, GPU memory error management
    """
    hit = case.heard(needs_reset)
    asked = [
        g
        for g in case.gpus
        if g.recovery_action in ACTIONS or g.handle_rc == 16 or 16 in (g.call_errors or {}).values()
    ]
    for gpu in asked:
        action = gpu.recovery_action or 1
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} needs {ACTIONS.get(action, 'a reset')} before it can be used again.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                _nvidia.gpu_fact(case, gpu, "recovery_action", ACTIONS[action])
                if gpu.recovery_action in ACTIONS
                else _nvidia.gpu_fact(case, gpu, "handle_rc", "16 (reset required)"),
            ),
            fixes=_as_asked(case, gpu, action),
        )
    if hit and not asked:
        message = "The driver says that a GPU needs a reset before it can be used again."
        yield Finding(
            message=message, subject="GPU", evidence=(hit.evidence,), fixes=reset(case, None), certainty="likely"
        )


def _as_asked(case: Case, gpu: Gpu, action: int) -> tuple[Fix, ...]:
    """What the driver asks for: a restart; a reset, with the work on the GPU, or on its peers, ended before."""
    if action == 2:
        return restart(case)
    first = {
        3: "End the work that copies between this GPU and others; the driver then recovers it.",
        4: "Let no new work onto this GPU, and wait for what runs there.",
        5: "Look at the IMEX service (systemctl status nvidia-imex) on all nodes of the domain.",
    }
    before = (Fix(text=first[action], kind="none"),) if action in first else ()
    return before if action == 3 else (*before, *reset(case, gpu))


@rule(
    "PT532",
    "gpu-power-cable-or-irq",
    "error",
    "A GPU lacks its power cable or its interrupt",
    needs=("nvidia.gpus|messages",),
    hides=("PT513", "PT514", "PT536"),
    layer=10,
    says=(
        r"external power cables? (?:is|are) not (?:properly )?attached",
        r"NVML_?ERROR_?INSUFFICIENT_?POWER|NVML_?ERROR_?IRQ_?ISSUE",
        r"GPU does not have the necessary power cables connected",
    ),
)
def power(case: Case) -> Iterator[Finding]:
    """What is wrong
        The driver finds the GPU without external power (return code 8), or its interrupt does not arrive (11).

    Why it matters
        The GPU cannot be used at all.

    See it yourself
        nvidia-smi
        sudo dmesg | grep -i nvrm

    Fix
        Connect all power plugs of the card. For interrupts: update the board's firmware; as a test start the kernel
        with pci=nomsi.

    Sources
        nvml.h, return codes 8 and 11
    """
    hit = case.heard(power)
    for gpu in (g for g in case.gpus if g.handle_rc in (8, 11)):
        text = "has no external power: a cable is missing" if gpu.handle_rc == 8 else "gets no interrupts"
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} {text}.",
            subject=_nvidia.name_of(gpu),
            evidence=(_nvidia.gpu_fact(case, gpu, "handle_rc", gpu.handle_rc),),
            fixes=(Fix(text="Connect all power plugs of the card; update the board's firmware.", kind="none"),),
        )
    if hit and not any(g.handle_rc in (8, 11) for g in case.gpus):
        cure = Fix(text="Connect all power plugs of the card; update the board's firmware.", kind="none")
        message = "The driver says that a GPU lacks external power or its interrupt."
        yield Finding(message=message, subject="GPU", evidence=(hit.evidence,), fixes=(cure,), certainty="likely")


@rule(
    "PT533",
    "inforom-corrupt",
    "warning",
    "The GPU's own data store is corrupt",
    needs=("nvidia.gpus|messages",),
    layer=12,
    says=(r"infoROM is corrupted", r"NVML_?ERROR_?CORRUPTED_?INFOROM"),
)
def inforom(case: Case) -> Iterator[Finding]:
    """What is wrong
        The small store on the card that holds its own data (infoROM) is corrupt (return code 14).

    Why it matters
        Settings and counters are lost; ECC and its history cannot be trusted.

    See it yourself
        nvidia-smi

    Fix
        Nothing that you can do: turn to the vendor.

    Sources
        nvml.h, return code 14
    """
    hit = case.heard(inforom)
    bad = [g for g in case.gpus if g.handle_rc == 14 or 14 in (g.call_errors or {}).values()]
    cure = Fix(text="Turn to the vendor of the card.", kind="none")
    for gpu in bad:
        evidence = _nvidia.gpu_fact(case, gpu, "call_errors", "14 (corrupted infoROM)")
        message = f"The infoROM of {_nvidia.name_of(gpu)} is corrupt."
        yield Finding(message=message, subject=_nvidia.name_of(gpu), evidence=(evidence,), fixes=(cure,))
    if hit and not bad:
        message = "The infoROM of a GPU is corrupt."
        yield Finding(message=message, subject="GPU", evidence=(hit.evidence,), fixes=(cure,), certainty="likely")


RULES = (lost, needs_reset, power, inforom)
