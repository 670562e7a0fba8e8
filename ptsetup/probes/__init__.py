"""Takes a Snapshot: every probe beside the others, each under a deadline, and a Reading of each whatever happens."""

import os
import time
from typing import Any

from ptsetup import __version__
from ptsetup.facts import Reading, Snapshot, Target, Unknown, replace
from ptsetup.probes import _ask, choose, deadlines
from ptsetup.probes._crew import Crew, Progress
from ptsetup.probes._found import Found

ORDER = ("host", "disks", "nvidia", "amd", "intel", "apple", "target", "around", "torch", "env")
"""The order of the readings, whatever the order in which they arrive. ``around`` is what stands around the target."""

SECTIONS = ("host", "nvidia", "amd", "intel", "apple", "target", "torch", "env")


def take(
    python: str | None = None,
    *,
    deadline_scale: float = 1.0,
    with_torch: bool = True,
    is_deep: bool = False,
    is_online: bool = False,
    progress: Progress | None = None,
) -> Snapshot:
    """Look at this machine and at one interpreter in it.

    Args:
        python: path or name of the target (``3.12``); None: the active environment, else ./.venv, else our own interpreter.
        deadline_scale: multiplies every deadline (see ``deadlines``).
        with_torch: import torch in the target.
        is_deep: also sample clocks, hash files, test devices and import what is built on torch.
        is_online: the network may be asked.
        progress: told one line per probe that has ended.

    Raises:
        TargetError: the target does not exist or does not answer.
    """
    choice = choose.choose(python)
    from ptsetup.probes import target, torch

    # the slow children first
    importing = torch.start(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep) if with_torch else None
    reading = target.start(choice.executable, deadline_scale=deadline_scale, is_deep=is_deep)
    work = _Work(choice, importing, deadline_scale, is_deep=is_deep, is_online=is_online)
    try:
        return _gather(Crew(progress), work, reading)
    except BaseException:
        # Ctrl-C, or no target: nothing that we started stays behind
        for question in (importing, reading):
            if question is not None:
                question.stop()
        raise


class _Work:
    """What the probes of one Snapshot have in common."""

    def __init__(
        self,
        choice: choose.Choice,
        importing: _ask.Question | None,
        scale: float,
        *,
        is_deep: bool,
        is_online: bool,
    ) -> None:
        self.choice, self.importing, self.scale = choice, importing, scale
        self.is_deep, self.is_online = is_deep, is_online

    def nvidia(self) -> Found:
        """The NVIDIA section; where its driver hangs, torch (which asks the same driver) need not be waited for as long."""
        from ptsetup.probes import nvidia

        found = nvidia.probe(deadline_scale=self.scale, is_deep=self.is_deep)
        if self.importing is not None and found.status == "timeout":
            self.importing.hurry("mapped", deadlines.HURRY_S * self.scale)
        return found

    def disks(self, target: Target | None) -> Found:
        """The file systems that matter: the target's, and those that do not depend on it."""
        from ptsetup.probes import disks

        unknowns: list[Unknown] = []
        paths = {"target": target.purelib} if target and target.purelib else {}
        record = disks.probe({**paths, **disks.usual()}, deadline_scale=self.scale, unknowns=unknowns)
        return Found(record=record, unknowns=tuple(unknowns))

    def torch(self) -> Found:
        """What importing torch said."""
        from ptsetup.probes import torch

        if self.importing is None:
            return Found(status="skipped", detail="Importing torch was not asked for.")
        return torch.finish(self.importing)

    def deepened(self, found: Found, target: Target | None) -> Found:
        """The same with its companions and copies between GPUs (``--deep``)."""
        from ptsetup.probes import torch

        deeper = torch.deepen(found.record, target, self.choice.executable, deadline_scale=self.scale)
        return replace(found, record=deeper)


def _gather(crew: Crew, work: _Work, reading: _ask.Question) -> Snapshot:
    from ptsetup.probes import amd, apple, environ, host, intel, target

    deadline_s = deadlines.THREAD_S * work.scale
    # its child has a deadline of its own
    crew.start("torch", work.torch, deadline_s=deadlines.TORCH_DEEP_S * work.scale + deadline_s)
    crew.start("host", lambda: host.probe(deadline_scale=work.scale, is_online=work.is_online), deadline_s=deadline_s)
    crew.start("nvidia", work.nvidia, deadline_s=deadline_s)
    crew.start("amd", lambda: amd.probe(deadline_scale=work.scale), deadline_s=deadline_s)
    crew.start("intel", lambda: intel.probe(deadline_scale=work.scale), deadline_s=deadline_s)
    crew.start("apple", lambda: apple.probe(deadline_scale=work.scale), deadline_s=deadline_s)
    crew.do("env", lambda: Found(record=environ.take()))
    looked: Target | None = crew.do("target", lambda: target.finish(reading, work.choice)).record
    crew.start("disks", lambda: work.disks(looked), deadline_s=deadline_s)
    if looked is not None:
        crew.start("around", lambda: target.around(looked, os.environ), deadline_s=deadline_s)
    found = {"torch": crew.result("torch")}
    if _is_imported(found["torch"]) and work.is_deep:
        deeper = crew.do("deeper", lambda: work.deepened(found["torch"], looked))
        found["torch"] = deeper if deeper.record is not None else found["torch"]
    return _assembled({**crew.wait(), **found})


def _is_imported(found: Found) -> bool:
    """The import of torch succeeded."""
    return found.record is not None and bool(found.record.result.is_ok)


def _assembled(found: dict[str, Found]) -> Snapshot:
    """All that was found as a Snapshot, always in the same order."""
    from ptsetup.probes import target

    found = {name: found[name] for name in ORDER if name in found}
    sections: dict[str, Any] = {name: found[name].record for name in SECTIONS}
    disks, around = found["disks"].record, found.get("around")
    if sections["host"] is not None and disks is not None:
        sections["host"] = replace(sections["host"], disks=disks)
    if sections["target"] is not None and around is not None and around.record is not None:
        sections["target"] = target.with_surroundings(sections["target"], around.record)
    return Snapshot(
        taken_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        ptsetup_version=__version__,
        messages=tuple(message for one in found.values() for message in one.messages),
        unknowns=tuple(reason for name, one in found.items() for reason in _reasons(name, one)),
        readings=tuple(
            Reading(probe=name, status=one.status, seconds=round(one.seconds, 3), detail=one.detail)
            for name, one in found.items()
        ),
        **sections,
    )


MISSING = {"disks": ("host.disks",), "around": ("target.other_interpreters", "target.running_installs")}
"""Probes that fill facts of another section."""


def _reasons(name: str, found: Found) -> tuple[Unknown, ...]:
    """Why facts are not known; a probe that brought nothing at all leaves the reason for all of its section."""
    if found.record is not None:
        return found.unknowns
    reason = {"timeout": "timeout", "absent": "absent", "skipped": "not_asked"}.get(found.status, "failed")
    known = {unknown.path for unknown in found.unknowns}
    lost = (path for path in MISSING.get(name, (name,)) if path not in known)
    return (*found.unknowns, *(Unknown(path=path, reason=reason, detail=found.detail) for path in lost))
