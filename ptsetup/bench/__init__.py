"""The smoke benchmark: runs the checks in the target interpreter, judges them, compares and keeps results."""

from ptsetup.bench.catalogue import ENTRIES as CHECKS
from ptsetup.bench.catalogue import Entry, select
from ptsetup.bench.fastness import ENTRIES as SPEED_CHECKS
from ptsetup.bench.records import FAILED, SCHEMA, Check, Report
from ptsetup.bench.runner import prove

ENTRIES = (*CHECKS, *SPEED_CHECKS)
"""All checks, as ``--list`` shows them."""

__all__ = ["ENTRIES", "FAILED", "SCHEMA", "Check", "Entry", "Report", "prove", "select"]
