"""The user's pip settings with their credentials, for an installation only: they enter no Snapshot and no message."""

from ptsetup.facts import PipConfig, Target
from ptsetup.probes import _ask, deadlines
from ptsetup.probes.begin import TARGET_SCRIPT


def read(python: str, *, deadline_scale: float = 1.0) -> PipConfig | None:
    """What pip is configured to do in that interpreter; None when it does not tell."""
    asked = _ask.ask(
        python, TARGET_SCRIPT, {"cwd": ".", "only_pip": True}, deadline_s=deadlines.TARGET_S * deadline_scale
    )
    section, _ = _ask.record(Target, asked.section("target"), "target")
    return section.pip
