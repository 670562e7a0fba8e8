"""Proves an installation: a new Snapshot of the target, and the quick benchmark."""

from collections.abc import Callable

from ptsetup import bench, compat, probes
from ptsetup.facts import Snapshot
from ptsetup.plan import Plan

Log = Callable[[str], None]


def prover(python: str, log: Log | None = None) -> Callable[[Plan], tuple[str, ...]]:
    """A function that proves a Plan in that interpreter and returns what is wrong."""

    def prove(plan: Plan) -> tuple[str, ...]:
        snapshot = probes.take(python, progress=log)
        problems = wrong_with(plan, snapshot)
        if problems:
            return problems
        report = bench.prove(python, profile="quick", skip=("speed",), progress=log)
        return tuple(
            f"{check.title}: {check.verdict}, {check.reveals}" for check in report.checks if check.verdict in FAILED
        )

    return prove


FAILED = frozenset(("wrong", "crashed", "timeout"))
"""Verdicts of a check that fail a proof (slow and noisy do not)."""


def wrong_with(plan: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """What the new Snapshot shows that is not as planned; () when all is right."""
    torch = snapshot.torch
    if torch is None or not torch.result.is_ok:
        result = torch.result if torch else None
        return (f"torch cannot be imported: {_ending(result)}",)
    problems = [
        *_wrong_version(plan, torch.version or ""),
        *_wrong_build(plan, snapshot),
        *_unseen_devices(plan, snapshot),
    ]
    return tuple(problems)


def _ending(result: object) -> str:
    signal, message = getattr(result, "signal", None), getattr(result, "message", None)
    if signal:
        return f"it ended with signal {signal}"
    if getattr(result, "is_timeout", False):
        return "it did not end in time"
    return str(message or "nothing was said")


def _wrong_version(plan: Plan, version: str) -> list[str]:
    if plan.torch is None or version.partition("+")[0] == plan.torch:
        return []
    return [f"torch {version} answers, {plan.torch} was planned: another torch stands before it on the import path"]


def _wrong_build(plan: Plan, snapshot: Snapshot) -> list[str]:
    torch = snapshot.torch
    family = compat.family(plan.backend or "cpu")
    if torch is None:
        return []
    have = {"cuda": torch.cuda_build_version, "rocm": torch.hip_build_version, "xpu": torch.xpu_build_version}
    if family == "cpu":
        extra = [name for name, version in have.items() if version]
        return [f"the build is for {extra[0]}, a CPU build was planned"] if extra else []
    if not have[family]:
        return [f"the build has no {family}, {plan.backend} was planned"]
    if family == "cuda" and compat.tag_of_cuda(have["cuda"] or "") != plan.backend:
        return [f"the build is for CUDA {have['cuda']}, {plan.backend} was planned"]
    return []


def _unseen_devices(plan: Plan, snapshot: Snapshot) -> list[str]:
    torch = snapshot.torch
    planned = [device for device in plan.devices if device.problem is None]
    if torch is None or not planned:
        return []
    vendor = planned[0].vendor
    if vendor in ("nvidia", "amd"):
        count = torch.cuda_device_count if torch.is_cuda_available else 0
    elif vendor == "intel":
        count = torch.xpu_device_count if torch.is_xpu_available else 0
    else:
        count = 1 if torch.is_mps_available else 0
    if not count:
        why = f": {torch.cuda_error}" if torch.cuda_error else ""
        return [f"torch does not see {planned[0].name}{why}"]
    return []
