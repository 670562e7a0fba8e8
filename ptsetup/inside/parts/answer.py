"""How a script answers: one JSON object per stage, each on a line of its own between two random marks."""

import json
import os
import sys


class Answer:
    """The way back to ptsetup. Whatever else prints to stdout from now on (torch, a driver) lands on stderr."""

    def __init__(self, begin, end):
        self.begin, self.end = begin, end
        sys.stdout.flush()
        self.descriptor = os.dup(1)
        os.dup2(2, 1)

    def tell(self, stage, facts=None, unknowns=()):
        """Write what a stage found at once, so that a later crash or hang cannot take it back."""
        told = {"stage": stage, "facts": facts or {}, "unknowns": list(unknowns)}
        line = "\n%s%s%s\n" % (self.begin, json.dumps(told, ensure_ascii=False, default=str), self.end)
        try:
            data = line.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            data = line.encode("utf-8", "replace")
        while data:
            data = data[os.write(self.descriptor, data) :]


def leave():
    """End the process at once: a driver or an extension may hang in its exit handlers, and everything has been told."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass
    os._exit(0)


class Guarded:
    """Collects facts, each guarded on its own: one that cannot be had leaves a reason and costs no other."""

    def __init__(self, section):
        self.section = section
        self.facts = {}
        self.unknowns = []

    def __call__(self, name, function, *arguments):
        """Keep what the function returns as the fact ``name``; return it too (None where it failed)."""
        try:
            value = function(*arguments)
        except Exception as problem:
            self.note(name, reason_of(problem), "%s: %s" % (type(problem).__name__, problem))
            return None
        self.facts[name] = value
        return value

    def take(self, name, function, *arguments):
        """Return what the function returns, and keep only the reason where it fails."""
        value = self(name, function, *arguments)
        self.facts.pop(name, None)
        return value

    def note(self, name, reason, detail=None):
        self.unknowns.append({"path": "%s.%s" % (self.section, name), "reason": reason, "detail": detail})


def reason_of(problem):
    """The word of the Snapshot for an exception: ``denied``, ``absent`` or ``failed``."""
    if isinstance(problem, PermissionError):
        return "denied"
    if isinstance(problem, FileNotFoundError):
        return "absent"
    return "failed"
