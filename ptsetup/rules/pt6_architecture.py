"""PT60x: does the installed torch have code for the GPUs. The variables (PT65x) stand in pt6_variables, pt6_vendors and pt6_tuning."""

import re
from collections.abc import Iterator

from ptsetup.facts import Gpu
from ptsetup.rules import _nvidia, _serving, _visible, pt6_kernels, pt6_order, pt6_tuning, pt6_variables, pt6_vendors
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._serving import (
    NO_KERNEL,
    NOT_COMPATIBLE,
    PYTORCH_SAYS,
    SAID_UNSERVED,
    TOO_OLD,
    Answer,
    is_other_vendor,
    named,
    side_by_words,
    text_of,
)
from ptsetup.rules._ways import another_build, fact


def _evidence(case: Case, gpu: Gpu, told: Answer | None, hit: Hit | None) -> tuple[Evidence, ...]:
    capability = text_of(gpu.compute_capability or (0, 0))
    build = f"torch {case.torch_version or ''}".strip()
    return (
        *([hit.evidence] if hit else []),
        _nvidia.gpu_fact(case, gpu, "compute_capability", f"{gpu.name or 'GPU'}: {capability}", "NVML or its name"),
        *(
            [fact(case, "target.wheel.arch_list", f"{build}: {' '.join(told.listed) or told.source}", told.source)]
            if told
            else []
        ),
    )


def _judged(case: Case, side: str) -> Iterator[tuple[Gpu, Answer | None, Hit | None]]:
    """GPUs that are unserved on that side by the facts; else the one that torch's own words, or a failed kernel, condemn."""
    printed = case.said(*PYTORCH_SAYS) or case.said(NO_KERNEL)
    hit = printed or _in_words(case)
    found = _serving.unserved(case)
    for gpu, told in found:
        if told.side == side:
            yield gpu, told, hit
    if found or hit is None or is_other_vendor(case):
        return
    for gpu in _visible.visible(case):
        is_meant = printed is not None or _is_meant(case, gpu, hit.match[0].lower())
        if is_meant and gpu.compute_capability and side_by_words(case, gpu.compute_capability) == side:
            yield gpu, None, hit
            return


def _in_words(case: Case) -> Hit | None:
    """A person says, and does not ask, that torch does not serve the GPU."""
    hit = case.said(*SAID_UNSERVED) if case.snapshot.origin == "report" and case.gpus else None
    return None if hit is None or _is_asked(hit) else hit


def _is_asked(hit: Hit) -> bool:
    """``Is the GTX 1080 not supported any more?``; who asks why says that it is so."""
    text, start, end = hit.message.text, hit.match.start(), hit.match.end()
    opens = re.search(r"(?:^|[.!?;\n])\s*(?:is|are|does|do|will|can|could)\b[^.!?;\n]*$", text[:start], re.IGNORECASE)
    return opens is not None and re.match(r"(?:[^.!?;\n]|\.(?=\d))*\?", text[end:]) is not None


def _is_meant(case: Case, gpu: Gpu, words: str) -> bool:
    """A person's words name that GPU or its generation, or none at all: of two cards one may serve."""
    spans = [span for name, span in _serving.GENERATIONS.items() if re.search(rf"\b{name}\b", words)]
    if spans and gpu.compute_capability:
        return any(first <= gpu.compute_capability <= last for first, last in spans)
    named_there = [
        other for other in case.gpus if _number(other) and re.search(re.escape(_number(other)) + "(?![0-9])", words)
    ]
    return not named_there or gpu in named_there


def _number(gpu: Gpu) -> str:
    """``k80``, ``1080``."""
    return next((word for word in (gpu.name or "").lower().split() if any(map(str.isdigit, word))), "")


def _severity(case: Case, told: Answer | None, hit: Hit | None) -> Severity:
    """An error; where only an inferred list condemns a GPU that works, or another GPU serves, less."""
    if hit is not None:
        return "error"
    works = case.snapshot.torch is not None and case.snapshot.torch.is_cuda_available is True
    if told is not None and not told.is_sure and works and case.snapshot.origin == "report":
        return "note"
    return _nvidia.wanted(case, "warning" if _serving.served(case) else "error")


def _list(told: Answer | None) -> str:
    if told is None:
        return ""
    return f"; it has {' '.join(told.listed)}" if told.listed else f": {told.source} cannot compile for it"


CPU_WAY = another_build("No build of torch serves this GPU any more: use the CPU, or another GPU.", backend="cpu")


@rule(
    "PT601",
    "gpu-too-old-for-wheel",
    "error",
    "The GPU is older than all code in this torch",
    needs=("nvidia.gpus|messages",),
    hides=("PT604", "PT605", "PT606", "PT956", "PT308", "PT603"),
    layer=60,
    says=(NO_KERNEL, *PYTORCH_SAYS),
    is_starred=True,
)
def gpu_too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        This build of torch has no code for the GPU, because the GPU is older than the oldest that it was compiled for.
        CUDA 13 builds start at Turing (7.5); CUDA 12.8 builds left out Maxwell and Pascal, later ones Volta; torch 2.15
        has no CUDA 12 build.

    Why it matters
        torch.cuda.is_available() is True, but the first kernel ends with "no kernel image is available for execution on
        the device".

    See it yourself
        python -c "import torch; print(torch.cuda.get_arch_list())"
        nvidia-smi --query-gpu=name,compute_cap --format=csv

    Fix
        Install a build that still has code for the GPU: for 5.0 to 7.4 the cu126 builds up to torch 2.14. Where there
        is none (Kepler), use the CPU build or another GPU. torch's own advice in the message may be outdated (PT605).

    Sources
        pytorch/pytorch#190385, #172352, jhj0517/Whisper-WebUI#653, unslothai/unsloth#5876; torch/cuda/__init__.py
    """
    found = False
    for gpu, told, hit in _judged(case, "old"):
        found = True
        is_hopeless = not _serving.is_served_by_any(case, gpu.compute_capability or (0, 0))
        cure = CPU_WAY if is_hopeless else another_build("Install the newest build that still has code for this GPU.")
        yield Finding(
            message=f"{named(gpu)} is older than all code in torch {case.torch_version or 'as installed'}{_list(told)}.",
            subject=_nvidia.name_of(gpu),
            evidence=_evidence(case, gpu, told, hit),
            fixes=(cure,),
            severity=_severity(case, told, hit),
            certainty="certain" if told and (told.is_sure or hit) else "likely",
        )
    hit = case.said(TOO_OLD)
    if hit and not found and not case.gpus and not is_other_vendor(case):
        yield Finding(
            message="torch says that the GPU is older than all code in this build.",
            subject="GPU",
            evidence=(hit.evidence,),
            fixes=(another_build("Install a build that still has code for this GPU."),),
            certainty="likely",
        )


@rule(
    "PT602",
    "gpu-too-new-for-wheel",
    "error",
    "The GPU is newer than all code in this torch",
    needs=("nvidia.gpus|messages",),
    hides=("PT604", "PT605", "PT606", "PT308", "PT603"),
    layer=60,
    says=(NO_KERNEL, *PYTORCH_SAYS),
    is_starred=True,
)
def gpu_too_new(case: Case) -> Iterator[Finding]:
    """What is wrong
        This build of torch has no code for the GPU, because the GPU is newer than the newest that it was compiled for,
        and it carries no PTX that the driver could compile.

    Why it matters
        torch warns that "sm_120 is not compatible with the current PyTorch installation"; the first kernel ends with
        "no kernel image is available".

    See it yourself
        python -c "import torch; print(torch.__version__, torch.cuda.get_arch_list())"
        nvidia-smi --query-gpu=name,compute_cap --format=csv

    Fix
        Install a build for a newer CUDA (Blackwell: CUDA 12.8 or newer, from torch 2.7 on). For a GPU that no release
        covers yet: a nightly build.

    Sources
        Comfy-Org/ComfyUI#16438, pytorch/pytorch#172352; torch/cuda/__init__.py
    """
    for gpu, told, hit in _judged(case, "new"):
        is_hopeless = not _serving.is_served_by_any(case, gpu.compute_capability or (0, 0))
        text = "No release covers this GPU yet: try a nightly build (https://pytorch.org/get-started/locally/)."
        cure = (
            Fix(text=text, kind="none") if is_hopeless else another_build("Install a build that has code for this GPU.")
        )
        yield Finding(
            message=f"{named(gpu)} is newer than all code in torch {case.torch_version or 'as installed'}{_list(told)}.",
            subject=_nvidia.name_of(gpu),
            evidence=_evidence(case, gpu, told, hit),
            fixes=(cure,),
            severity=_severity(case, told, hit),
            certainty="certain" if told and (told.is_sure or hit) else "likely",
        )
    hit = case.said(NO_KERNEL, NOT_COMPATIBLE)
    if hit and not is_other_vendor(case) and not case.gpus and not case.said(TOO_OLD):
        # too new is the likelier (threads come with each new generation), but nothing here is sure of it
        yield Finding(
            title="A program has no code for the GPU",
            message="torch or a compiled package has no code for this GPU; this text does not show whether the GPU is too new or too old.",
            subject="GPU",
            evidence=(hit.evidence,),
            fixes=(another_build("Install a build that has code for this GPU."),),
            severity="warning",
            certainty="possible",
        )


RULES = tuple(
    sorted(
        (
            gpu_too_old,
            gpu_too_new,
            *pt6_kernels.RULES,
            *pt6_variables.RULES,
            *pt6_order.RULES,
            *pt6_vendors.RULES,
            *pt6_tuning.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT6xx."""
