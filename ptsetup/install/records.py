"""What an installation reports."""

from ptsetup.facts import Record
from ptsetup.plan import Plan


class Step(Record, frozen=True, kw_only=True):
    """One thing that was done."""

    name: str
    """``resolved``, ``installed``, ``proved``, ``rolled back`` ..."""
    detail: str = ""
    seconds: float = 0.0


class Outcome(Record, frozen=True, kw_only=True):
    """How an installation ended."""

    is_done: bool
    """The planned torch is there and proved (or was there already)."""
    is_changed: bool
    """Something was installed."""
    headline: str
    plan: Plan
    steps: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()
    """What did not prove right."""
    is_proved: bool = False
    is_rolled_back: bool = False
