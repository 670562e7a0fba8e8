"""Everything that a plan is made from."""

from ptsetup.facts import Record, Snapshot
from ptsetup.index import WheelIndex
from ptsetup.plan.machine import Machine
from ptsetup.plan.records import Request
from ptsetup.plan.wanted import Wanted


class Context(Record, frozen=True, kw_only=True):
    """Everything that a plan is made from."""

    snapshot: Snapshot
    request: Request
    index: WheelIndex
    machine: Machine
    wanted: Wanted

    @property
    def python(self) -> str:
        """The target interpreter as commands name it."""
        target = self.snapshot.target
        return (target.executable if target else None) or "python"
