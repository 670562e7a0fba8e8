"""Importing torch in the target, in a child under a deadline: how it ended, and what torch says of itself."""

from typing import Any

from ptsetup.facts import ImportResult, Target, Torch, Unknown, replace
from ptsetup.probes import _ask, deadlines
from ptsetup.probes._found import Found
from ptsetup.probes.begin import TORCH_SCRIPT, Question

COMPANIONS = {
    "torchvision": "torchvision",
    "torchaudio": "torchaudio",
    "torchtext": "torchtext",
    "torchcodec": "torchcodec",
    "torchao": "torchao",
    "triton": "triton",
    "numpy": "numpy",
    "xformers": "xformers.ops",
    "flash-attn": "flash_attn",
    "bitsandbytes": "bitsandbytes",
}
"""Distribution -> module that loads its compiled part, imported one by one under ``--deep``."""


def finish(question: Question) -> Found:
    """Wait for it and make the section of what it told."""
    return found(_ask.finish(question))


def found(asked: _ask.Asked) -> Found:
    """The section of what a child told before it ended. ``absent`` only when the import says that there is no torch."""
    facts: dict[str, Any] = {name: value for name, value in asked.facts.items() if name != "result"}
    result, odd = result_of("torch", asked)
    section, more = _ask.record(Torch, {**facts, "result": {"module": "torch"}}, "torch")
    section = Torch(**{**{name: getattr(section, name) for name in facts if hasattr(section, name)}, "result": result})
    return Found(
        record=section,
        status=_status(result, asked),
        detail=_detail(result, asked),
        unknowns=(*asked.unknowns, *odd, *more),
        seconds=asked.completed.seconds,
    )


def result_of(module: str, asked: _ask.Asked) -> tuple[ImportResult, tuple[Unknown, ...]]:
    """How the import ended."""
    told = asked.section("result")
    done = asked.completed
    is_ok = told.get("is_ok")
    if is_ok is None and asked.problem is not None:
        is_ok = False
    ending = {
        "module": module,
        "is_ok": is_ok,
        "signal": done.signal,
        "exit_code": done.exit_code,
        "is_timeout": done.ending == "timeout",
        # after an exception only the libraries are looked at: it was the import that failed
        "stage": "import" if told.get("error_type") else asked.stage,
        "stderr": asked.stderr_tail,
    }
    if is_ok is False and not told.get("error_type"):
        ending["message"] = _sentence(module, asked, is_imported=False)
    result, unknowns = _ask.record(ImportResult, {**told, **ending}, "torch.result")
    return result, unknowns


def deepen(section: Torch, target: Target | None, python: str, *, deadline_scale: float = 1.0) -> Torch:
    """The section with what ``--deep`` adds: companions imported in children of their own, copies between GPUs compared."""
    installed = {dist.name for dist in (target.distributions if target else None) or ()}
    modules = [module for name, module in COMPANIONS.items() if name in installed]
    imports = tuple(
        result_of(
            module, _ask.ask(python, TORCH_SCRIPT, {"module": module}, deadline_s=deadlines.IMPORT_S * deadline_scale)
        )[0]
        for module in modules
    )
    section = replace(section, imports=imports)
    if (section.cuda_device_count or 0) > 1 and section.is_cuda_available:
        section = replace(section, p2p_problems=_peers(python, deadline_scale))
    return section


def _peers(python: str, deadline_scale: float) -> tuple[str, ...] | None:
    """Pairs of GPUs whose copy was wrong or never came; None when nobody could try."""
    options = {"module": "torch", "is_for_peers": True}
    asked = _ask.ask(python, TORCH_SCRIPT, options, deadline_s=deadlines.PEERS_S * deadline_scale)
    if "p2p_problems" in asked.facts:
        return tuple(map(str, asked.facts["p2p_problems"] or ()))
    if asked.stage is not None and asked.stage.startswith("copy"):
        return (f"{asked.stage.removeprefix('copy from ')}: the child {asked.problem}",)
    return None


def _status(result: ImportResult, asked: _ask.Asked) -> str:
    if is_missing(result):
        return "absent"
    if asked.completed.ending == "timeout":
        return "timeout"
    return "found" if result.is_ok and asked.problem is None else "failed"


def is_missing(result: ImportResult) -> bool:
    """The import says that there is no such module (not: one that it needs)."""
    return result.error_type == "ModuleNotFoundError" and f"'{result.module}'" in (result.message or "")


def _sentence(module: str, asked: _ask.Asked, *, is_imported: bool) -> str:
    return (
        f"Asking {module} for its devices {asked.problem}." if is_imported else f"Importing {module} {asked.problem}."
    )


def _detail(result: ImportResult, asked: _ask.Asked) -> str | None:
    if is_missing(result):
        return f"{result.module} is not installed in the target."
    if asked.problem is not None:
        return _sentence(result.module, asked, is_imported=bool(result.is_ok))
    if result.is_ok:
        return None
    return f"Importing {result.module} raised {result.error_type}."
