"""Importing torch (or another module) and asking what it sees."""

import importlib
import os
import sys
import time
import traceback
import warnings

from ptsetup_inside import answer

LINES = 12
"""Lines of a traceback that are kept: the last ones."""

WARNINGS = 20


def look(told, options):
    """Import the module; tell a stage before each step that may hang or crash."""
    name = options.get("module", "torch")
    heard = listen()
    told.tell("import", {"result": {"module": name}})
    started = time.time()
    try:
        module = importlib.import_module(name)
    except BaseException as problem:
        result = failure(problem)
        result.update(seconds=time.time() - started, warnings=heard, is_ok=False)
        told.tell("raised", {"result": result})
        return
    result = {"is_ok": True, "seconds": time.time() - started, "warnings": heard}
    result["version"] = text_or_none(getattr(module, "__version__", None))
    told.tell("imported", {"result": result})
    if name == "torch":
        look_at_torch(told, module, heard)
        told.tell("done", {"result": {"warnings": heard}})


def listen():
    """A list to which every warning from now on is added; filters stay as they are."""
    heard = []

    def show(message, category, *_):
        if len(heard) < WARNINGS:
            heard.append("%s: %s" % (category.__name__, str(message)[:1000]))

    def show_full(message, category, filename, lineno, file=None, line=None):
        show(message, category)

    warnings.showwarning = show_full
    return heard


def failure(problem):
    """What an exception says."""
    lines = traceback.format_exception(type(problem), problem, problem.__traceback__)
    return {
        "error_type": type(problem).__name__,
        "message": str(problem)[:4000],
        "traceback": "\n".join("".join(lines).rstrip().splitlines()[-LINES:]),
    }


def text_or_none(value):
    return None if value is None else str(value)


def look_at_torch(told, torch, heard):
    """Tell what torch says of itself, then of each kind of device."""
    facts = answer.Guarded("torch")
    build(facts, torch)
    told.tell("build", facts.facts, facts.unknowns)
    for stage, step in (("libraries", libraries), ("cuda", cuda), ("devices", devices), ("others", others)):
        facts = answer.Guarded("torch")
        told.tell(stage)
        step(facts, torch)
        told.tell(stage, facts.facts, facts.unknowns)


def build(facts, torch):
    """What the build is; no driver is touched."""
    facts("version", lambda: str(torch.__version__))
    facts("file", lambda: torch.__file__)
    facts("cuda_build_version", lambda: text_or_none(torch.version.cuda))
    facts("hip_build_version", lambda: text_or_none(getattr(torch.version, "hip", None)))
    facts("xpu_build_version", lambda: text_or_none(getattr(torch.version, "xpu", None)))
    facts("num_threads", torch.get_num_threads)


def libraries(facts, torch):
    """cuDNN and NCCL, which a wrong copy on the path makes raise."""
    try:
        facts.facts["cudnn_version"] = torch.backends.cudnn.version()
    except Exception as problem:
        facts.facts["cudnn_error"] = str(problem)[:2000]


def has_cuda(torch):
    return bool(torch.version.cuda or getattr(torch.version, "hip", None))


def cuda(facts, torch):
    """Is a CUDA or ROCm device usable; this starts the driver."""
    facts("is_cuda_available", torch.cuda.is_available)
    facts("cuda_device_count", torch.cuda.device_count)
    facts("arch_list", lambda: list(torch.cuda.get_arch_list()))


def devices(facts, torch):
    facts.facts["devices"] = []


def others(facts, torch):
    """Apple's and Intel's devices."""
    mps = getattr(torch.backends, "mps", None)
    if mps is not None:
        facts("is_mps_built", mps.is_built)
        facts("is_mps_available", mps.is_available)
    xpu = getattr(torch, "xpu", None)
    if xpu is not None:
        facts("is_xpu_available", xpu.is_available)
