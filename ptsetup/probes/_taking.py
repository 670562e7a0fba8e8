"""Puts a Snapshot together: which probe runs where, and in which order their findings stand."""

import os
import time
from collections.abc import Callable
from typing import Any

from ptsetup import __version__
from ptsetup.facts import Reading, Snapshot, Target, Unknown, replace
from ptsetup.probes import _silent, amd, apple, choose, deadlines, disks, environ, host, intel, nvidia, target, torch
from ptsetup.probes._crew import HEAD_START_S, Crew, Progress
from ptsetup.probes._found import Found
from ptsetup.probes.begin import Question

ORDER = ("host", "disks", "nvidia", "amd", "intel", "apple", "target", "around", "torch", "env")
"""The order of the readings, whatever the order in which they arrive. ``around`` is what stands around the target."""

SECTIONS = ("host", "nvidia", "amd", "intel", "apple", "target", "torch", "env")


class Work:
    """The taking of one Snapshot."""

    def __init__(
        self,
        choice: choose.Choice,
        reading: Question,
        importing: Question | None,
        scale: float,
        *,
        is_deep: bool,
        is_online: bool,
    ) -> None:
        """``reading`` and ``importing`` are the two children that are running already."""
        self._choice, self._reading, self._importing, self._scale = choice, reading, importing, scale
        self._is_deep, self._is_online = is_deep, is_online

    def snapshot(self, progress: Progress | None = None, meanwhile: Callable[[], None] | None = None) -> Snapshot:
        """Run all probes and wait for them; ``meanwhile`` is called when all that needs nothing of the target has been started.

        Raises:
            TargetError: the target gave no answer.
        """
        crew = Crew(progress)
        self._start(crew)
        crew.do("env", lambda: Found(record=environ.take()))
        if meanwhile is not None:
            meanwhile()
        looked: Target | None = crew.do("target", lambda: target.finish(self._reading, self._choice)).record
        deadline_s = deadlines.THREAD_S * self._scale
        crew.start("disks", lambda: self._disks(looked), deadline_s=deadline_s, head_start_s=HEAD_START_S)
        if looked is not None:
            crew.start("around", lambda: target.around(looked, os.environ), deadline_s=deadline_s)
        found = {"torch": crew.result("torch")}
        if self._is_deep and _is_imported(found["torch"]):
            deeper = crew.do("deeper", lambda: self._deepened(found["torch"], looked))
            found["torch"] = deeper if deeper.record is not None else found["torch"]
        return assembled({**crew.wait(), **found})

    def _start(self, crew: Crew) -> None:
        """The probes that need nothing of the target."""
        scale, deadline_s = self._scale, deadlines.THREAD_S * self._scale
        importing = self._importing
        if importing is None:
            crew.do("torch", lambda: Found(status="skipped", detail="Importing torch was not asked for."))
        else:
            # its child has a deadline of its own
            crew.start("torch", lambda: torch.finish(importing), deadline_s=deadlines.TORCH_DEEP_S * scale + deadline_s)
        # its children take a while
        crew.start("nvidia", self._nvidia, deadline_s=deadline_s)
        quick: dict[str, Callable[[], Found]] = {
            "host": lambda: host.probe(deadline_scale=scale, is_online=self._is_online),
            "amd": lambda: amd.probe(deadline_scale=scale),
            "intel": lambda: intel.probe(deadline_scale=scale),
            "apple": lambda: apple.probe(deadline_scale=scale),
        }
        for name, probe in quick.items():
            crew.start(name, probe, deadline_s=deadline_s, head_start_s=HEAD_START_S)

    def _nvidia(self) -> Found:
        """The NVIDIA section; where its driver hangs, torch (which asks the same driver) need not be waited for as long."""
        found = nvidia.probe(deadline_scale=self._scale, is_deep=self._is_deep)
        if self._importing is not None and found.status == "timeout":
            self._importing.hurry("mapped", deadlines.HURRY_S * self._scale)
        return found

    def _disks(self, looked: Target | None) -> Found:
        """The file systems that matter: the target's, and those that do not depend on it."""
        unknowns: list[Unknown] = []
        paths = {"target": looked.purelib} if looked and looked.purelib else {}
        record = disks.probe({**paths, **disks.usual()}, deadline_scale=self._scale, unknowns=unknowns)
        return Found(record=record, unknowns=tuple(unknowns))

    def _deepened(self, found: Found, looked: Target | None) -> Found:
        """The same with its companions and copies between GPUs (``--deep``)."""
        deeper = torch.deepen(found.record, looked, self._choice.executable, deadline_scale=self._scale)
        return replace(found, record=deeper)


def _is_imported(found: Found) -> bool:
    """The import of torch succeeded."""
    return found.record is not None and bool(found.record.result.is_ok)


def assembled(found: dict[str, Found]) -> Snapshot:
    """All that was found as a Snapshot, always in the same order."""
    found = {name: found[name] for name in ORDER if name in found}
    sections: dict[str, Any] = {name: found[name].record for name in SECTIONS}
    room, around = found["disks"].record, found.get("around")
    if sections["host"] is not None and room is not None:
        sections["host"] = replace(sections["host"], disks=room)
    if sections["target"] is not None and around is not None and around.record is not None:
        sections["target"] = target.with_surroundings(sections["target"], around.record)
    snapshot = Snapshot(
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
    return _silent.explained(snapshot)


MISSING = {
    "disks": ("host.disks",),
    "around": ("target.other_interpreters", "target.running_installs", "target.cut_off_installs"),
}
"""Probes that fill facts of another section."""


def _reasons(name: str, found: Found) -> tuple[Unknown, ...]:
    """Why facts are not known; a probe that brought nothing at all leaves the reason for all of its section."""
    if found.record is not None:
        return found.unknowns
    reason = {"timeout": "timeout", "absent": "absent", "skipped": "not_asked"}.get(found.status, "failed")
    known = {unknown.path for unknown in found.unknowns}
    lost = (path for path in MISSING.get(name, (name,)) if path not in known)
    return (*found.unknowns, *(Unknown(path=path, reason=reason, detail=found.detail) for path in lost))
