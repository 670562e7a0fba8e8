"""The Intel section."""

from ptsetup.facts import Intel
from ptsetup.probes._found import Found


def probe(*, root: str = "/", deadline_scale: float = 1.0) -> Found:
    """Read the Intel section. Never raises."""
    return Found(record=Intel(), status="skipped")
