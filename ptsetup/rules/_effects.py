"""What the user notices (torch cannot be imported, sees no GPU, computes wrongly), and the finding where no rule knows why."""

from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix
from ptsetup.rules._ways import fact


def effects(case: Case) -> Iterator[tuple[str, Evidence]]:
    """Each effect as a sentence's beginning, and the fact that shows it."""
    torch = case.snapshot.torch
    if torch is None:
        return
    if torch.result.is_ok is False and not torch.result.is_timeout:
        said = torch.result.message or torch.result.error_type or "failed"
        yield "PyTorch cannot be imported", fact(case, "torch.result.message", said[:300], "import torch")
        return
    wanted = case.wanted[0]
    answers = {
        "cuda": ("torch.is_cuda_available", torch.is_cuda_available),
        "rocm": ("torch.is_cuda_available", torch.is_cuda_available),
        "xpu": ("torch.is_xpu_available", torch.is_xpu_available),
        "mps": ("torch.is_mps_available", torch.is_mps_available),
    }
    path, answer = answers.get(wanted or "", ("", None))
    if answer is False:
        yield "PyTorch cannot use the GPU", fact(case, path, False, "import torch")
    elif torch.cuda_error and wanted in ("cuda", "rocm"):
        yield "PyTorch cannot use the GPU", fact(case, "torch.cuda_error", torch.cuda_error[:300], "torch.cuda.init()")
    elif torch.device_test and torch.device_test != "ok":
        what = "computes wrongly" if torch.device_test.startswith("wrong") else "cannot compute"
        yield f"PyTorch {what} on the GPU", fact(case, "torch.device_test", torch.device_test[:300], "a product on it")


def unexplained(case: Case, *, has_warnings: bool = False) -> Finding | None:
    """Where no rule found an error: silence of the rules must not read as health."""
    told = next(effects(case), None)
    if told is None or case.snapshot.origin == "report":
        return None
    effect, evidence = told
    if evidence.path.endswith("_available") and not (case.expect or _is_certainly_there(case)):
        return None
    send = Fix(
        text="Look once more with --deep. If that shows no cause either, please send the report to ptsetup's maintainers.",
        commands=(("ptsetup", "doctor", "--deep", "--share", "--format", "markdown"),),
        kind="none",
    )
    return Finding(
        message=f"{effect}, and no rule of ptsetup "
        + ("is sure why; the warnings may show it." if has_warnings else "knows why."),
        subject="torch",
        evidence=(evidence,),
        fixes=(send,),
        severity="error",
    )


def _is_certainly_there(case: Case) -> bool:
    """The wanted GPU is in this machine and nobody hid it: torch should see it."""
    hidden = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR")
    if any(case.env(name) is not None for name in hidden):
        return False
    amd, intel = case.snapshot.amd, case.snapshot.intel
    there = {
        "cuda": bool(case.has_nvidia_device and case.gpus),
        "rocm": bool(amd and amd.gpus),
        "xpu": bool(intel and intel.gpus),
    }
    return there.get(case.wanted[0] or "", False)
