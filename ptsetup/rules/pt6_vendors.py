"""PT659 to PT661 and PT669: variables of AMD and Apple, and backends that load themselves."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, pip, unset, with_variables


def _targets(case: Case) -> tuple[str, ...]:
    """Gfx targets of the AMD GPUs here."""
    amd = case.snapshot.amd
    found = [gpu.gfx or compat.gfx_of(gpu.name or "", case.index) for gpu in (amd.gpus if amd else None) or ()]
    return tuple(gfx for gfx in found if gfx)


@rule(
    "PT659",
    "hsa-override",
    "warning",
    "HSA_OVERRIDE_GFX_VERSION is set without need",
    needs=("env",),
    layer=42,
)
def override(case: Case) -> Iterator[Finding]:
    """What is wrong
        HSA_OVERRIDE_GFX_VERSION tells ROCm to treat every AMD GPU as another model. Here the installed torch has code
        for the GPU itself, or there are several different GPUs, and it applies to all of them.

    Why it matters
        Code for another GPU may be slow, wrong or hang.

    See it yourself
        echo $HSA_OVERRIDE_GFX_VERSION
        rocminfo | grep gfx

    Fix
        Take the variable away.

    Sources
        pytorch/pytorch#164346, ROCm/rocALUTION#197
    """
    value = case.env("HSA_OVERRIDE_GFX_VERSION")
    targets = _targets(case)
    listed = case.architectures[0] if case.architectures else ()
    native = [gfx for gfx in targets if gfx in listed]
    is_several = len(set(targets)) > 1
    if not value or not (native or is_several):
        return
    yield Finding(
        message=f"HSA_OVERRIDE_GFX_VERSION={value} applies to all AMD GPUs here: {', '.join(targets)}."
        if is_several
        else f"HSA_OVERRIDE_GFX_VERSION={value} is set, and the installed torch has code for {native[0]} itself.",
        subject="HSA_OVERRIDE_GFX_VERSION",
        evidence=(
            fact(case, "env.HSA_OVERRIDE_GFX_VERSION", value, "the environment"),
            fact(case, "amd.gpus", ", ".join(targets), "KFD topology"),
        ),
        fixes=unset(case, "HSA_OVERRIDE_GFX_VERSION"),
        severity="note" if case.snapshot.origin == "report" else "warning",
    )


@rule(
    "PT660",
    "rocr-hip-conflict",
    "error",
    "HIP_VISIBLE_DEVICES asks for more than ROCR_VISIBLE_DEVICES leaves",
    needs=("env",),
    layer=40,
)
def rocr(case: Case) -> Iterator[Finding]:
    """What is wrong
        ROCR_VISIBLE_DEVICES chooses GPUs first; HIP_VISIBLE_DEVICES (or CUDA_VISIBLE_DEVICES, which HIP reads as well)
        counts inside that choice, and names more than are left.

    Why it matters
        torch raises an error, or a wrong GPU is used.

    See it yourself
        env | grep VISIBLE_DEVICES

    Fix
        Set one of the two only.

    Sources
        torch/cuda/__init__.py; ROCm documentation, GPU isolation
    """
    rocr_value = case.env("ROCR_VISIBLE_DEVICES")
    name = "HIP_VISIBLE_DEVICES" if case.env("HIP_VISIBLE_DEVICES") else "CUDA_VISIBLE_DEVICES"
    hip_value = case.env(name)
    if not rocr_value or not hip_value or case.family == "cuda":
        return
    left, asked = len(rocr_value.split(",")), len(hip_value.split(","))
    numbers = [int(n) for n in hip_value.split(",") if re.fullmatch(r"\s*\d{1,4}\s*", n)]
    if asked <= left and max(numbers, default=0) < left:
        return
    yield Finding(
        message=f"{name}={hip_value} counts inside ROCR_VISIBLE_DEVICES={rocr_value}, which leaves {left} GPU{'s' if left > 1 else ''}.",
        subject=name,
        evidence=(
            fact(case, "env.ROCR_VISIBLE_DEVICES", rocr_value, "the environment"),
            fact(case, f"env.{name}", hip_value, "the environment"),
        ),
        fixes=unset(case, name),
    )


def _ratio(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


@rule(
    "PT661",
    "mps-environment",
    "note",
    "Variables change how MPS works",
    needs=("env",),
    layer=44,
)
def mps(case: Case) -> Iterator[Finding]:
    """What is wrong
        PYTORCH_ENABLE_MPS_FALLBACK=1 lets operators that MPS lacks run on the CPU without a word.
        PYTORCH_MPS_HIGH_WATERMARK_RATIO=0.0 takes the memory limit away. A low ratio above the high one is refused.

    Why it matters
        Programs are slow for no visible reason; or the Mac runs out of memory and freezes.

    See it yourself
        env | grep PYTORCH_

    Fix
        Take away what you do not need.

    Sources
        PyTorch documentation, MPS environment variables
    """
    high_text, low_text = case.env("PYTORCH_MPS_HIGH_WATERMARK_RATIO"), case.env("PYTORCH_MPS_LOW_WATERMARK_RATIO")
    high, low = _ratio(high_text), _ratio(low_text)
    if case.system not in (None, "macos"):
        return
    told: list[tuple[str, str, str, Severity]] = []
    if case.env("PYTORCH_ENABLE_MPS_FALLBACK") == "1":
        text = "PYTORCH_ENABLE_MPS_FALLBACK=1 hides operators that run on the CPU because MPS lacks them"
        told.append(("PYTORCH_ENABLE_MPS_FALLBACK", "1", text, "note"))
    if high == 0 and high_text:
        text = f"PYTORCH_MPS_HIGH_WATERMARK_RATIO={high_text} takes the memory limit away: the Mac may freeze"
        told.append(("PYTORCH_MPS_HIGH_WATERMARK_RATIO", high_text, text, "warning"))
    elif low is not None and low_text and low > (high if high is not None else 1.7):
        text = f"PYTORCH_MPS_LOW_WATERMARK_RATIO={low_text} is above the high one and is refused"
        told.append(("PYTORCH_MPS_LOW_WATERMARK_RATIO", low_text, text, "warning"))
    for name, value, text, severity in told:
        yield Finding(
            message=f"{text}.",
            subject=name,
            evidence=(fact(case, f"env.{name}", value, "the environment"),),
            fixes=unset(case, name),
            severity="note" if case.snapshot.origin == "report" else severity,
        )


BACKEND = r"failed to load the backend extension: ?['\"]?(?P<name>\w[\w.-]*\w)"


@rule(
    "PT669",
    "device-backend-autoload",
    "warning",
    "A backend that loads itself with torch is broken",
    needs=("target.backend_entry_points|messages",),
    layer=65,
    says=(BACKEND,),
    import_needed=True,
)
def autoload(case: Case) -> Iterator[Finding]:
    """What is wrong
        A package has registered itself as a backend of torch (entry point group torch.backends); torch imports it while
        it is imported itself, and that fails.

    Why it matters
        "import torch" ends with "Failed to load the backend extension", although torch is well.

    See it yourself
        TORCH_DEVICE_BACKEND_AUTOLOAD=0 python -c "import torch"

    Fix
        Mend or remove that package; until then switch the loading off.

    Sources
        torch/__init__.py; reproduced
    """
    hit = case.heard(autoload)
    target = case.snapshot.target
    broken = {name: why for name, why in ((target.backend_entry_points if target else None) or {}).items() if why}
    if hit is not None:
        broken.setdefault(hit.match["name"], "it cannot be imported")
    for name, why in broken.items():
        is_heard = hit is not None and hit.match["name"] == name
        yield Finding(
            message=f"The backend {name} loads itself with torch and is broken: {why.rstrip('.')}.",
            subject=name,
            evidence=(
                *([hit.evidence] if is_heard and hit else []),
                *(
                    [fact(case, "target.backend_entry_points", f"{name}: {why}", "entry points")]
                    if not is_heard
                    else []
                ),
            ),
            fixes=_without_backend(case, name),
            severity="error" if case.is_import_ok is False or is_heard else "warning",
            certainty="likely" if is_heard else "certain",
        )


def _without_backend(case: Case, name: str) -> tuple[Fix, ...]:
    """Do not load it; where a package of its name is installed, remove that one (an entry point may be another package's)."""
    off = with_variables(case, "Let torch load no backends by themselves.", TORCH_DEVICE_BACKEND_AUTOLOAD="0")
    owner = next((n for n in (name.replace("_", "-"), f"torch-{name}".replace("_", "-")) if case.dists(n)), None)
    if owner is None:
        return (
            *off,
            Fix(text="Then remove the package that brings it, or install its release for this torch.", kind="none"),
        )
    remove = Fix(
        text=f"Or remove {owner} (or install its release for this torch).",
        commands=(pip(case, "uninstall", "-y", owner),),
        kind="venv",
    )
    return (*off, remove)


RULES = (override, rocr, mps, autoload)
