"""Importing torch (or another module) and asking what it sees."""

import importlib
import time
import traceback
import warnings

from ptsetup_inside import answer, asking

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
        if name == "torch":
            step_by_step(told, [("mapped", asking.mapped)], None)
        return
    result = {"is_ok": True, "seconds": time.time() - started, "warnings": heard}
    result["version"] = text_or_none(getattr(module, "__version__", None))
    told.tell("imported", {"result": result})
    if options.get("is_for_peers"):
        asking.peers(told, module)
    elif name == "torch":
        look_at_torch(told, module, options)
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


def look_at_torch(told, torch, options):
    """Tell what torch says of itself, first what touches no driver, then each kind of device."""
    steps = [("build", asking.build), ("mapped", asking.mapped), ("cuda", asking.cuda), ("devices", asking.devices)]
    # what has been loaded is looked at twice: a driver that hangs must not cost it, and asking loads more
    steps += [("cudnn", asking.cudnn), ("others", asking.others), ("loaded", asking.mapped)]
    if options.get("is_deep"):
        steps.append(("device_test", asking.device_test))
    step_by_step(told, steps, torch)


def step_by_step(told, steps, torch):
    """Tell a stage before each step, which may hang or crash, and again with what it found."""
    for stage, step in steps:
        facts = answer.Guarded("torch")
        told.tell(stage)
        try:
            step(facts, torch)
        except Exception as problem:
            # something that calls itself torch and has not even the names that are asked
            facts.note(stage, "failed", "%s: %s" % (type(problem).__name__, problem))
        told.tell(stage, facts.facts, facts.unknowns)
