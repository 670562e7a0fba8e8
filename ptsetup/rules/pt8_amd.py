"""PT803 and PT804: code for AMD GPUs, and an integrated one beside the card."""

from collections.abc import Iterator

from ptsetup.facts import AmdGpu
from ptsetup.rules import _vendors, _words
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

INVALID = (
    r"HIP error: invalid device function|hipErrorInvalidDeviceFunction",
    r"hipErrorNoBinaryForGpu|no binary for GPU|hipErrorInvalidKernelFile",
    r"HIP error: (?:the operation cannot be performed|shared object initialization failed|no kernel image)",
    r"HSA_STATUS_ERROR_INVALID_ISA|instruction set architecture is invalid",
    r"cannot (?:read|find|open) \S*TensileLibrary\S*|TensileLibrary\S*gfx\w+\S* .{0,40}(?:no such file|not found)",
    r"(?:hip|rocm|amd|gfx)\S*.{0,60}invalid device function",
)

DIES = (r"segmentation fault|memory access fault by GPU",)
"""How the first kernel may end instead, where the runtime does not notice; it counts only beside a list that lacks the GPU."""


def _override(case: Case) -> str | None:
    """The target that HSA_OVERRIDE_GFX_VERSION makes of every GPU."""
    return target_of(case.env("HSA_OVERRIDE_GFX_VERSION"))


def target_of(override: str | None) -> str | None:
    """``11.0.0`` -> ``gfx1100``; None for what is no such version."""
    parts = (override or "").split(".")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 4 for part in parts):
        return None
    major, minor, step = (int(part) for part in parts)
    return f"gfx{major}{minor:x}{step:x}"


@rule(
    "PT803",
    "amd-gfx-unsupported",
    "error",
    "This torch has no code for the AMD GPU",
    needs=("amd.gpus|messages",),
    hides=("PT804", "PT805", "PT606"),
    layer=60,
    says=INVALID,
    is_starred=True,
)
def unsupported(case: Case) -> Iterator[Finding]:
    """What is wrong
        ROCm builds hold code for a list of targets (gfx1100, gfx942 ...); this GPU's is not among them.

    Why it matters
        The first kernel ends with "HIP error: invalid device function", "hipErrorNoBinaryForGpu" or a crash.

    See it yourself
        rocminfo | grep gfx
        python -c "import torch; print(torch.cuda.get_arch_list())"

    Fix
        Install a build that has the target. As a stop-gap within one generation, unsupported by AMD, a near target can
        be claimed: HSA_OVERRIDE_GFX_VERSION=10.3.0 for RDNA2, 11.0.0 for RDNA3; on some GPUs it hangs.

    Sources
        pytorch/pytorch#164346, ROCm/legacy-rocm-build#2536, #5264, Comfy-Org/ComfyUI#6656
    """
    hit = case.heard(unsupported) or _helped(case)
    dies = case.said(*DIES) if case.snapshot.origin == "report" else None
    if (
        case.family in ("cuda", "xpu")
        or (case.family == "cpu" and not hit)
        or (case.gpus and not _vendors.amd_gpus(case))
    ):
        return
    listed, source = case.architectures or ((), "")
    targets = tuple(name for name in listed if name.startswith("gfx"))
    for gpu in _vendors.amd_gpus(case):
        target = _vendors.gfx(case, gpu)
        claimed = _override(case)
        is_missing = bool(targets and target and (claimed or target) not in targets and not gpu.is_apu)
        if not is_missing and not (hit and target and target not in targets):
            continue
        if case.snapshot.origin == "report" and not (hit or dies) and "wheels_index" in source:
            continue
        yield Finding(
            message=f"{gpu.name or 'The GPU'} is {target}, and this torch has no code for it"
            + (f": it has {' '.join(targets)}." if targets else "."),
            subject=gpu.name or target,
            evidence=(*_facts(case, gpu, target or "", targets, source), *(h.evidence for h in (hit or dies,) if h)),
            fixes=_cures(case, target or ""),
            certainty="certain" if is_missing and not dies else "likely",
        )
        return
    if hit:
        yield from _by_words(case)


def _helped(case: Case) -> Hit | None:
    """Of a report with an AMD GPU: to claim another target has helped."""
    is_told = case.snapshot.origin == "report" and _vendors.amd_gpus(case)
    return case.said(_words.OVERRIDE_HELPS) if is_told else None


def _by_words(case: Case) -> Iterator[Finding]:
    """The error alone; with a GPU that the build does serve, the package that failed has no code for it."""
    hit = case.heard(unsupported) or _helped(case)
    if hit is not None:
        yield Finding(
            message="Some code for the AMD GPU is missing: torch, or a compiled package, was not built for its gfx target.",
            subject="AMD GPU",
            evidence=(hit.evidence,),
            fixes=_cures(case, ""),
            certainty="likely",
        )


def _facts(case: Case, gpu: AmdGpu, target: str, targets: tuple[str, ...], source: str) -> tuple[Evidence, ...]:
    named = f"{gpu.name}: {target}" if gpu.name and gpu.name != target else target
    return (
        fact(case, "amd.gpus", named, "KFD topology or the product's name"),
        *([fact(case, "target.wheel.arch_list", " ".join(targets), source)] if targets else []),
    )


def _cures(case: Case, target: str) -> tuple[Fix, ...]:
    row = next((row for row in case.index.gfx_targets if row.gfx == target), None)
    is_hopeless = bool(target) and target not in _vendors.served_targets(case)
    build = another_build("Install a build that has code for this GPU.")
    none = Fix(text="No published build has code for this target; AMD's own wheels (TheRock) may have it.", kind="none")
    first = none if is_hopeless else build
    claimed = target_of(row.override) if row and row.override else None
    if row is None or claimed not in _vendors.served_targets(case) or case.env("HSA_OVERRIDE_GFX_VERSION"):
        return (first,)  # to claim a target that no build has would help nobody
    warning = f" {row.note}" if row.note else ""
    gap = Fix(
        text=f"As a stop-gap, unsupported by AMD, claim a near target.{warning}",
        shell=f"export HSA_OVERRIDE_GFX_VERSION={row.override}",
        systems=("linux",),
    )
    return (first, gap)


@rule(
    "PT804",
    "amd-igpu-confusion",
    "warning",
    "An integrated AMD GPU stands beside the card",
    needs=("amd.gpus",),
    layer=61,
)
def integrated(case: Case) -> Iterator[Finding]:
    """What is wrong
        The processor has a GPU of its own that this torch does not serve, and ROCm lists it beside the card.

    Why it matters
        Programs crash, or take the wrong one as device 0.

    See it yourself
        rocminfo | grep -E "Marketing Name|gfx"

    Fix
        Show ROCm the card only, or switch the integrated GPU off in the firmware.

    Sources
        ROCm installation on Linux, prerequisites; ggml-org/llama.cpp#4762
    """
    gpus = _vendors.amd_gpus(case)
    if (
        len(gpus) < 2
        or case.family not in ("rocm", None)
        or case.env("HIP_VISIBLE_DEVICES")
        or case.env("ROCR_VISIBLE_DEVICES")
    ):
        return
    listed = case.architectures[0] if case.architectures else tuple(_vendors.served_targets(case))
    inner = [gpu for gpu in gpus if gpu.is_apu and _vendors.gfx(case, gpu) not in listed]
    card = next((i for i, gpu in enumerate(gpus) if not gpu.is_apu), None)
    if not inner or card is None:
        return
    target = _vendors.gfx(case, inner[0]) or "an integrated GPU"
    names = [_vendors.gfx(case, gpu) or gpu.name or "unknown" for gpu in gpus]
    yield Finding(
        message=f"Beside the card there is an integrated GPU ({inner[0].name or target}) that this torch does not serve.",
        subject=inner[0].name or target,
        evidence=tuple(fact(case, f"amd.gpus[{i}]", text, "KFD topology") for i, text in enumerate(names[:4])),
        fixes=(
            Fix(text="Show ROCm the card only.", shell=f"export HIP_VISIBLE_DEVICES={card}", systems=("linux",)),
            Fix(text="Or switch the integrated GPU off in the firmware.", kind="none"),
        ),
    )


RULES = (unsupported, integrated)
