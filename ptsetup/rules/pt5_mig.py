"""PT521 to PT523: a GPU cut into instances (MIG), and compute modes that let few programs in."""

import re
from collections.abc import Iterator

from ptsetup.facts import Gpu, MigDevice
from ptsetup.rules import _nvidia, _words
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact


@rule(
    "PT521",
    "mig-without-instances",
    "error",
    "MIG is on, and no instance was made",
    needs=("nvidia.gpus",),
    hides=("PT513", "PT536", "PT522"),
    layer=27,
)
def no_instances(case: Case) -> Iterator[Finding]:
    """What is wrong
        The GPU is in MIG mode, in which programs get instances of it; but none was made. Or the mode was changed and
        waits for a reset.

    Why it matters
        CUDA sees no device, although nvidia-smi lists the GPU.

    See it yourself
        nvidia-smi -L
        nvidia-smi mig -lgip

    Fix
        Make instances (nvidia-smi mig -lgip lists the profiles of the card), or turn MIG off.

    Sources
        NVIDIA MIG user guide (quoted in pytorch/pytorch#130181); nvml.h
    """
    for gpu in case.gpus:
        waits = gpu.mig_pending is not None and gpu.mig_current is not None and gpu.mig_pending != gpu.mig_current
        if not waits and (gpu.mig_current != 1 or gpu.mig_devices != () or case.is_container):
            continue
        number = str(gpu.index)
        off = Fix(
            text="Turn MIG off.", commands=(("sudo", "nvidia-smi", "-i", number, "-mig", "0"),), systems=("linux",)
        )
        make = Fix(
            text="List the profiles of this card, then make an instance of the one that you want (here: 0, the whole GPU).",
            shell=f"sudo nvidia-smi mig -i {number} -lgip && sudo nvidia-smi mig -i {number} -cgi 0 -C",
            systems=("linux",),
        )
        reset = Fix(text="Reset the GPU.", commands=(("sudo", "nvidia-smi", "-r", "-i", number),), systems=("linux",))
        yield Finding(
            message=f"{_nvidia.name_of(gpu)} waits for a reset to turn MIG {'on' if gpu.mig_pending else 'off'}."
            if waits
            else f"{_nvidia.name_of(gpu)} is in MIG mode and has no instance, so CUDA sees no device on it.",
            subject=_nvidia.name_of(gpu),
            evidence=(
                _nvidia.gpu_fact(case, gpu, "mig_pending", gpu.mig_pending)
                if waits
                else _nvidia.gpu_fact(case, gpu, "mig_devices", "none"),
            ),
            fixes=_nvidia.on_host(case, *((reset,) if waits else (make, off))),
            severity="warning" if waits and gpu.mig_current == 0 else "error",
        )


IN_PROSE = (
    _words.MIG_HERE + "|"
    r"\bmulti[- ]instance[- ]gpus?\b|\b(?:with|in|on|using|enabled?|nvidia) MIG\b|\bMIG[ -](?:gpu |mode|instances?|slices?|devices?"
    r"|enabled|partition)"
)
NONE_SEEN = (
    r"device_count\(\)\W{0,12}(?:is |returns? |gives? |=+ ?)?0\b|\bno (?:gpu |compute |mig )?instances?\b|No CUDA "
    r"GPUs are available"
)
MIG_ASSERT = r"device >= 0 && device < num_gpus"
ONLY_ONE = (
    _words.ONE_INSTANCE + r"|device_count\(\)\D{0,20}\b1\b|only (?:one|1) (?:gpu|device)"
    r"|(?:shows?|sees?|detects?|finds?|uses?|visible)\b.{0,12}\bonly (?:one|1)\b"
    r"|\b(?:only|just) (?:one|1|a single)\b[^.;\n]{0,20}\b(?:visible|used|seen|found|detected|listed|recogni[sz]ed|taken)\b"
    r"|\b(?:see|use|detect|find|show|list|recogni[sz]e)s? (?:(?:only|just) (?:one|1)|a single)\b(?: \w+)?"
    r" ?(?:gpu|device|instance|card|of)\w*"
    r"|\bonly (?:takes?|uses?|sees?|runs? on)\b[^.;\n]{0,12}\b(?:device|gpu|cuda)[ :]?0\b"
    r"|\bonly (?:see|use|detect|find|show|list)s? (?:one|1)\b"
    r"|there are 1 visible CUDA devices"
)
ONE = r"\b(?:sees?|uses?|detects?|finds?|shows?|lists?|gives?) (?:one|1) (?:gpu|device|instance|card)\b"
SEVERAL = r"\b(?:[2-9]|two|three|four|seven|several|multiple) (?:\w+ )?(?:instances?|slices?|migs?)\b"
NAMED = r"\bMIGs?\b(?! ?M\.|[ :=-]{1,3}(?:\d{2}|disabled|off|N/A))"
"""MIG is spoken of; enough beside the complaint that one device only is seen."""


@rule(
    "PT522",
    "mig-visible-devices",
    "warning",
    "A process uses one MIG instance only",
    needs=("nvidia.gpus|messages",),
    hides=("PT650", "PT651", "PT921"),
    layer=41,
    says=(MIG_ASSERT, r"\bMIG \d+[cg]\.\d+gb\b"),
)
def mig_choice(case: Case) -> Iterator[Finding]:
    """What is wrong
        The GPU is cut into MIG instances. One process can use one instance; CUDA_VISIBLE_DEVICES must name it, and it
        names none, several, or one that is not there.

    Why it matters
        Only the first instance is seen; asking for the second ends with "device < num_gpus INTERNAL ASSERT FAILED".
        NCCL does not work between instances.

    See it yourself
        nvidia-smi -L
        echo $CUDA_VISIBLE_DEVICES

    Fix
        Start one process for each instance, each with the UUID of its own in CUDA_VISIBLE_DEVICES.

    Sources
        pytorch/pytorch#130181, #102715, #95784, #131650
    """
    asserted = _asserted(case)
    split = [gpu for gpu in case.gpus if gpu.mig_current == 1 and (gpu.mig_devices or asserted)]
    named = case.said(r"\bMIG \d+[cg]\.\d+gb\b", IN_PROSE, NAMED) if asserted else None
    if not split and not (asserted and named):
        return
    value = case.env("CUDA_VISIBLE_DEVICES")
    instances = [device for gpu in split for device in gpu.mig_devices or ()]
    wrong = _is_wrong(value, instances)
    looks = case.snapshot.env is not None and case.snapshot.origin != "report"
    asserted = asserted or (case.said(ONLY_ONE) if len(instances) > 1 else None)
    torch = case.snapshot.torch
    is_blind = bool(torch and torch.is_cuda_available is False and case.snapshot.origin == "report")
    if not asserted and not (wrong and (looks or is_blind or value is not None)):
        return
    uuid = next((device.uuid for device in instances if device.uuid), None)
    choose = Fix(
        text="Give each process the UUID of one instance." + ("" if uuid else " nvidia-smi -L shows them."),
        shell=f"export CUDA_VISIBLE_DEVICES={uuid}" if uuid else "nvidia-smi -L",
        systems=("linux",),
    )
    evidence: tuple[Evidence, ...] = tuple(
        _nvidia.gpu_fact(case, gpu, "mig_devices", f"{len(gpu.mig_devices or ())} instances") for gpu in split[:1]
    )
    yield Finding(
        message=(
            f"{_nvidia.name_of(split[0])} is cut into {len(instances) or 'several'} MIG instances, and one process can use one of them only"
            if split
            else "The GPU is cut into MIG instances, and one process can use one of them only"
        )
        + (f"; CUDA_VISIBLE_DEVICES={value}." if value else "."),
        subject="MIG",
        evidence=(
            *evidence,
            *([fact(case, "env.CUDA_VISIBLE_DEVICES", value or '""', "the environment")] if value is not None else []),
            *([asserted.evidence] if asserted else []),
        ),
        fixes=(choose,),
        severity="error" if asserted else "warning" if len(instances) > 1 or value or is_blind else "note",
        certainty="certain" if split and (asserted or wrong) else "likely",
    )


def _asserted(case: Case) -> Hit | None:
    """What torch, or a person, says of a process that asked for more than one instance, or for none."""
    hit = case.said(MIG_ASSERT, r"invalid device ordinal")
    if hit or case.snapshot.origin != "report":
        return hit
    several = sum(gpu.mig_current == 1 for gpu in case.gpus) > 1
    one = case.said(ONLY_ONE) if several or case.said(NAMED) else None
    one = one or (case.said(ONE) if several or (case.said(NAMED) and case.said(SEVERAL)) else None)
    spoken = None if one else case.said(IN_PROSE)
    if one:
        return one
    return (case.said(NONE_SEEN) or (spoken if case.is_blind else None)) if spoken else None


def _is_wrong(value: str | None, instances: list[MigDevice]) -> bool:
    """The variable does not name one existing instance."""
    if value is None:
        return True
    uuids = {device.uuid for device in instances if device.uuid}
    if re.fullmatch(r"\d+", value.strip()):
        return False
    first = value.split(",")[0].strip()
    return "," in value or (first.startswith("MIG-") and bool(uuids) and not any(u.startswith(first) for u in uuids))


BUSY = (
    r"CUDA-capable devices?(?:\(s\))? (?:is/are|are|is) busy\b",
    r"cudaErrorDevicesUnavailable|CUDA_ERROR_DEVICE_UNAVAILABLE",
)
EXCLUSIVE = r"\bexclusive mode\b|nvidia-smi\b.{0,30}(?:-c|--compute-mode)[ =]?(?:3|EXCLUSIVE_PROCESS)\b|exclusive[ _-]process|E\. ?Process"
MODES = {2: "prohibited", 3: "exclusive process"}


@rule(
    "PT523",
    "compute-mode-exclusive",
    "error",
    "The GPU lets one program in only, or none",
    needs=("nvidia.cuda.init_rc|nvidia.gpus|messages",),
    hides=("PT513", "PT524"),
    layer=28,
    says=(*BUSY, EXCLUSIVE),
)
def exclusive(case: Case) -> Iterator[Finding]:
    """What is wrong
        The compute mode of the GPU lets only one process use it (exclusive process), and one does; or it lets none
        (prohibited).

    Why it matters
        CUDA ends with "all CUDA-capable devices are busy or unavailable" (46).

    See it yourself
        nvidia-smi --query-gpu=index,compute_mode --format=csv

    Fix
        Set the mode back to default, or start no more programs than there are GPUs. If the mode is default and 46
        comes all the same, the GPU hangs: reset it.

    Sources
        pytorch/pytorch#3871, huggingface/pytorch-image-models#1033, iffiX/machin#25
    """
    busy = case.said(*BUSY)
    told = case.said(EXCLUSIVE)
    code = _nvidia.cuda_code(case)
    strict = [gpu for gpu in case.gpus if gpu.compute_mode == 2 or (gpu.compute_mode == 3 and (gpu.processes or busy))]
    if not strict and not (busy or code == 46):
        return
    has_default = bool(case.gpus) and all(gpu.compute_mode == 0 for gpu in case.gpus) and told is None
    if busy and not (strict or told or has_default or code == 46):
        yield _not_told(case, busy)
        return
    gpu = strict[0] if strict else None
    number = str(gpu.index) if gpu else "0"
    default = Fix(
        text="Let several programs in.", commands=(("sudo", "nvidia-smi", "-i", number, "-c", "0"),), systems=("linux",)
    )
    fewer = Fix(text="Or start no more programs than there are GPUs.", kind="none")
    reset = Fix(
        text="End what holds the GPU, then reset it.",
        commands=(("sudo", "nvidia-smi", "-r", "-i", number),),
        systems=("linux",),
    )
    yield Finding(
        title="A GPU in default mode is busy or unavailable" if has_default and not gpu else None,
        message=_sentence(gpu, has_default=has_default, is_told=told is not None),
        subject=_nvidia.name_of(gpu) if gpu else "GPU",
        evidence=(
            *(_nvidia.gpu_fact(case, g, "compute_mode", MODES[g.compute_mode or 3]) for g in strict[:2]),
            *([fact(case, "nvidia.cuda.init_rc", 46, "cuInit")] if code == 46 else []),
            *([busy.evidence] if busy else []),
            *([told.evidence] if told else []),
        ),
        fixes=(*_nvidia.on_host(case, *((reset,) if has_default else (default,))), fewer),
        severity="error" if code == 46 or (busy and (strict or told)) or (gpu and gpu.compute_mode == 2) else "warning",
        certainty="certain" if strict else "likely",
    )


def _not_told(case: Case, busy: Hit) -> Finding:
    """The message of CUDA alone.

    A warning, since it names an effect and no cause: CUDA says the same of a GPU in exclusive mode that another program
    holds, and of one that hangs; threads end with either, and with a restart that helped.
    """
    look = Fix(
        text="See in which compute mode the GPUs are, and which programs hold them.",
        commands=(("nvidia-smi", "--query-gpu=index,compute_mode", "--format=csv"), ("nvidia-smi",)),
    )
    default = Fix(
        text="If a mode is not Default: let several programs in.",
        commands=(("sudo", "nvidia-smi", "-c", "0"),),
        systems=("linux",),
    )
    reset = Fix(text="If it is: end what holds the GPU and reset it, or restart the machine.", kind="none")
    return Finding(
        title="CUDA finds all GPUs busy or unavailable",
        message="CUDA finds all GPUs busy or unavailable; this text does not show whether a compute mode or a hanging GPU is to blame.",
        subject="GPU",
        evidence=(busy.evidence,),
        fixes=_nvidia.on_host(case, look, default, reset),
        severity="warning",
        certainty="possible",
    )


def _sentence(gpu: Gpu | None, *, has_default: bool, is_told: bool) -> str:
    if gpu and gpu.compute_mode == 2:
        return f"{_nvidia.name_of(gpu)} is in compute mode prohibited: no program may use it."
    if gpu:
        holders = f" and process {gpu.processes[0].pid} holds it" if gpu.processes else ""
        return f"{_nvidia.name_of(gpu)} is in compute mode exclusive process{holders}."
    if has_default:
        return "The GPU is busy or unavailable, although its compute mode is default: a program or the driver hangs."
    return "The GPU is busy: its compute mode lets one process in only" + ("." if is_told else ", or it hangs.")


RULES = (no_instances, mig_choice, exclusive)
