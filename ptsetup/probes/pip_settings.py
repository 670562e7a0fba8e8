"""The user's pip settings with their credentials, for an installation only: they enter no Snapshot and no message."""

from ptsetup.facts import PipConfig, Target
from ptsetup.probes import _ask, deadlines
from ptsetup.probes.target import SCRIPT


def read(python: str, *, deadline_scale: float = 1.0) -> PipConfig | None:
    """What pip is configured to do in that interpreter; None when it does not tell."""
    question = _ask.Question(
        python, SCRIPT, {"cwd": ".", "only_pip": True}, deadline_s=deadlines.TARGET_S * deadline_scale
    )
    asked = question.finish()
    section, _ = _ask.record(Target, dict(asked.facts.get("target") or {}), "target")
    return section.pip
