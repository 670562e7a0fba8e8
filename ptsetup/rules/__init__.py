"""All rules, and how they are put to a Snapshot."""

from collections.abc import Iterable

from ptsetup.facts import Snapshot
from ptsetup.index import WheelIndex
from ptsetup.rules import (
    _engine,
    pt1_python,
    pt2_environment,
    pt3_companions,
    pt4_cuda,
    pt5_driver,
    pt6_architecture,
    pt7_containers,
    pt8_vendors,
    pt9_data,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Diagnosis, Evidence, Finding, Fix, Ranked, Rule, Verdict

RULES: tuple[Rule, ...] = (
    *pt1_python.RULES,
    *pt2_environment.RULES,
    *pt3_companions.RULES,
    *pt4_cuda.RULES,
    *pt5_driver.RULES,
    *pt6_architecture.RULES,
    *pt7_containers.RULES,
    *pt8_vendors.RULES,
    *pt9_data.RULES,
)
"""Every rule, in the order of the codes: the families' tuples, joined by hand."""

BY_CODE: dict[str, Rule] = {rule.code: rule for rule in RULES}


def diagnose(
    snapshot: Snapshot,
    index: WheelIndex,
    *,
    expect: str | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Diagnosis:
    """Put all rules to a Snapshot: pure, the same input gives the same output; a rule that raises stops nothing.

    ``expect`` is what the user wants (``cuda``, ``rocm``, ``xpu``, ``mps``, ``cpu``; None: inferred). ``select`` and
    ``ignore`` take codes, prefixes of codes and slugs.
    """
    return _engine.put(RULES, snapshot, index, expect=expect, select=select, ignore=ignore)


__all__ = [
    "BY_CODE",
    "RULES",
    "Case",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Fix",
    "Hit",
    "Ranked",
    "Rule",
    "Verdict",
    "diagnose",
]
