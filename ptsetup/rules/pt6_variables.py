"""PT650, PT651 and PT654: variables that hide GPUs."""

from collections.abc import Iterator

from ptsetup.rules import _containers, _contrast, _counts, _nvidia, _visible
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, unset, with_variables

NAME = "CUDA_VISIBLE_DEVICES"
NO_GPUS = r"no CUDA GPUs are available|no CUDA-capable device is detected|cudaErrorNoDevice"


BAD_ORDINAL = r"invalid device (?:ordinal|id)\b"


def _is_wanted(case: Case) -> bool:
    return case.expect in (None, "cuda")


def _value_fact(case: Case, value: str) -> Evidence:
    return fact(case, f"env.{NAME}", value or '"" (empty)', "the environment")


def _hiding(case: Case) -> Severity:
    """An error where there is a GPU to hide or CUDA is wanted; where neither is, nothing is lost."""
    if case.expect not in (None, "cuda"):
        return "note"
    if case.has_nvidia_device or case.gpus or case.expect == "cuda":
        return "error"
    if case.has_nvidia_device is None and case.family in ("cuda", None) and case.said(NO_GPUS, *_contrast.NO_GPU_SEEN):
        return "error"
    if case.has_nvidia_device is None and case.family == "cuda":
        return "warning"
    return "note"


@rule(
    "PT650",
    "cuda-visible-devices-empty",
    "error",
    "CUDA_VISIBLE_DEVICES hides every GPU",
    needs=("env|messages",),
    hides=("PT536", "PT513", "PT701", "PT715", "PT930", "PT510"),
    layer=40,
    says=(NO_GPUS,),
    is_starred=True,
)
def empty(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA_VISIBLE_DEVICES is set, and its first entry is empty, negative, or neither a number nor the id of a GPU: it
        hides all of them.

    Why it matters
        torch.cuda.is_available() is False without a word; asked for a GPU, torch says "No CUDA GPUs are available".

    See it yourself
        echo "[$CUDA_VISIBLE_DEVICES]"

    Fix
        Take the variable away, or name the GPUs that you want. If it is meant (a program for the CPU), leave it.

    Sources
        torch/cuda/__init__.py, the parser of that variable
    """
    value = case.env(NAME)
    hit = case.heard(empty)
    if value is None:
        yield from _perhaps_hidden(case)
        return
    choice = _visible.read(value)
    if choice.taken or choice.is_repeated or case.family == "rocm" or (_nvidia.works(case) and not hit):
        return
    shown = f'"{value}"' if not value.strip() else value
    yield Finding(
        message=f"CUDA_VISIBLE_DEVICES={shown} hides every GPU"
        + (f", among them {case.gpus[0].name}." if case.gpus and case.gpus[0].name else "."),
        subject=NAME,
        evidence=(_value_fact(case, value), *([hit.evidence] if hit else [])),
        fixes=_show(case),
        severity=_hiding(case),
    )


def _show(case: Case) -> tuple[Fix, ...]:
    uuid = next((gpu.uuid for gpu in case.gpus if gpu.uuid), None)
    return (*unset(case, NAME), *with_variables(case, "Or name the GPU that you want.", **{NAME: uuid or "0"}))


def _perhaps_hidden(case: Case) -> Iterator[Finding]:
    """CUDA offers no device, and nobody could look at the variable."""
    hit = case.said(NO_GPUS)
    is_blind = hit is not None and case.snapshot.origin == "report" and case.has_nvidia_device is not False
    amd = case.snapshot.amd
    if (
        not is_blind
        or hit is None
        or _nvidia.works(case)
        or case.family in ("rocm", "cpu", "xpu")
        or (amd and amd.gpus)
    ):
        return
    yield Finding(
        message="The driver answers, but offers no GPU: CUDA_VISIBLE_DEVICES, the batch system or the container may hide it.",
        subject=NAME,
        evidence=(hit.evidence,),
        fixes=(
            Fix(text="See what hides it.", shell=f'echo "[${NAME}]"; nvidia-smi -L', systems=("linux",)),
            *_show(case),
        ),
        severity="error" if case.gpus else "warning",
        certainty="possible",
    )


@rule(
    "PT651",
    "cuda-visible-devices-invalid",
    "error",
    "CUDA_VISIBLE_DEVICES names a GPU that is not there",
    needs=("env",),
    hides=("PT536", "PT513", "PT701", "PT930", "PT650"),
    layer=40,
)
def invalid(case: Case) -> Iterator[Finding]:
    """What is wrong
        CUDA_VISIBLE_DEVICES names a GPU that this machine lacks, names one twice, or mixes numbers and ids. The list
        ends at the first wrong entry; a repeated entry empties it; "1gpu2" counts as 1.

    Why it matters
        The program sees fewer GPUs than it was given, or none: "No CUDA GPUs are available", "invalid device ordinal".

    See it yourself
        echo $CUDA_VISIBLE_DEVICES
        nvidia-smi -L

    Fix
        Name GPUs that exist: numbers count from 0; ids stand in nvidia-smi -L and may be shortened as long as they are
        unambiguous.

    Sources
        torch/cuda/__init__.py; pytorch/pytorch#92315
    """
    value = case.env(NAME)
    if value is None or case.family == "rocm":
        return
    choice = _visible.read(value)
    problem = _problem(case, value)
    if problem is None or not (choice.taken or choice.is_repeated):
        return
    hit = case.said(NO_GPUS, BAD_ORDINAL, r"no (?:CUDA )?GPUs? (?:was |were )?(?:found|available|detected)")
    torch = case.snapshot.torch
    is_report = case.snapshot.origin == "report"
    is_blind = bool(torch and torch.is_cuda_available is False)
    if is_report and not (hit or is_blind):
        return
    if is_report and (case.said(r"out of memory") or case.family == "cpu"):
        return
    is_lost = choice.is_repeated or not _visible.chosen(choice, case.gpus)
    yield Finding(
        message=f"CUDA_VISIBLE_DEVICES={value}: {problem}.",
        subject=NAME,
        evidence=(
            _value_fact(case, value),
            *([_nvidia.gpu_fact(case, case.gpus[-1], "index", f"GPUs: {len(case.gpus)}")] if case.gpus else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_show(case),
        severity="error" if _is_wanted(case) and (is_lost or hit) else "warning" if _is_wanted(case) else "note",
        certainty="likely" if is_report else "certain",
    )


def _problem(case: Case, value: str) -> str | None:
    """What is wrong with the list, against the GPUs that are known; None when nothing is."""
    choice = _visible.read(value)
    told, _ = _counts.owned(case) if case.snapshot.origin == "report" else (0, None)
    count = max(len(case.gpus), told)
    if choice.is_repeated:
        return f"{choice.stop} stands there twice, which empties the list"
    numbers = [int(entry) for entry in choice.taken if entry.isdigit() and len(entry) < 6]
    nvidia = case.snapshot.nvidia
    has_count = count > 0 and (case.snapshot.origin != "report" or nvidia is not None or told > 0)
    if numbers and has_count and max(numbers) >= count and not any(gpu.mig_devices for gpu in case.gpus):
        which = next(number for number in numbers if number >= count)
        return f"there is no GPU {which}, only {'0' if count == 1 else f'0 to {count - 1}'}"
    if numbers and not count and min(numbers) > 0:
        return f"with one GPU there is no number {min(numbers)}, numbers count from 0"
    if not numbers and has_count and value.startswith("GPU-"):
        return _unknown_id(case, choice.taken)
    if choice.stop is not None and choice.taken:
        return f'"{choice.stop}" is no GPU, so the list ends before it'
    return _asked_beyond(case, len(numbers))


def _asked_beyond(case: Case, count: int) -> str | None:
    """The program asks for ``cuda:1`` where the list leaves one GPU, which is ``cuda:0`` whatever its number was."""
    asked = (
        case.said(r"\bcuda:(?P<number>\d{1,2})\b|device_ids ?= ?\[(?:\d+, ?)*(?P<last>\d{1,2})\]")
        if count and case.said(BAD_ORDINAL)
        else None
    )
    number = (asked.match["number"] or asked.match["last"]) if asked else None
    if number is None or int(number) < count:
        return None
    return f"it leaves {count} of the GPUs, counted from 0, and the program asks for number {number}"


def _unknown_id(case: Case, ids: tuple[str, ...]) -> str | None:
    known = [gpu.uuid for gpu in case.gpus if gpu.uuid]
    for entry in ids if len(known) == len(case.gpus) else ():
        fits = [uuid for uuid in known if uuid.startswith(entry)]
        if not fits:
            return f"no GPU here has the id {entry}"
        if len(fits) > 1:
            return f"{entry} fits {len(fits)} GPUs"
    return None


@rule(
    "PT654",
    "nvidia-visible-devices-void",
    "error",
    "NVIDIA_VISIBLE_DEVICES asks for no GPU in this container",
    needs=("env",),
    hides=("PT501", "PT536", "PT701", "PT716"),
    layer=30,
)
def void(case: Case) -> Iterator[Finding]:
    """What is wrong
        NVIDIA_VISIBLE_DEVICES tells the container toolkit which GPUs to bring in; here it says none.

    Why it matters
        No device file and no driver library comes into the container, so torch finds no GPU.

    See it yourself
        echo "[$NVIDIA_VISIBLE_DEVICES]"

    Fix
        Start the container with its GPUs.

    Sources
        NVIDIA container toolkit, docker-specialized
    """
    value = case.env("NVIDIA_VISIBLE_DEVICES")
    if value is None or value.strip().lower() not in ("void", "none", ""):
        return
    has_nodes = (
        bool(_nvidia.gpu_nodes(case)) or _nvidia.works(case) or bool(case.gpus and case.snapshot.origin != "report")
    )
    if has_nodes:
        return
    is_inside = case.is_container
    yield Finding(
        message=f"NVIDIA_VISIBLE_DEVICES={value or 'empty'} keeps every GPU out of this container."
        if is_inside
        else f"NVIDIA_VISIBLE_DEVICES={value or 'empty'} is set; outside a container it has no effect.",
        subject="NVIDIA_VISIBLE_DEVICES",
        evidence=(fact(case, "env.NVIDIA_VISIBLE_DEVICES", value or '""', "the environment"),),
        fixes=_containers.with_gpus(case) if is_inside else (),
        severity=_nvidia.wanted(case, "error") if is_inside and case.family in ("cuda", None) else "note",
    )


RULES = (empty, invalid, void)
