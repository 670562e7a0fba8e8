"""The smoke benchmark: runs the checks in the target interpreter, judges them, compares and keeps results."""

from ptsetup.bench.catalogue import ENTRIES, Entry, select
from ptsetup.bench.records import FAILED, SCHEMA, Check, Report
from ptsetup.bench.runner import prove

__all__ = ["ENTRIES", "FAILED", "SCHEMA", "Check", "Entry", "Report", "prove", "select"]
