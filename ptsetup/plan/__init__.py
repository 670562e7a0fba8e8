"""The planner: (Snapshot, Request, WheelIndex) -> Plan. A pure function, with what it takes and gives."""

from ptsetup.plan.choose import plan
from ptsetup.plan.records import SCHEMA, Device, Option, Plan, Rejection, Request, Requirement
from ptsetup.plan.wanted import COMPANIONS, ONE_BUILD, is_family

__all__ = [
    "COMPANIONS",
    "ONE_BUILD",
    "SCHEMA",
    "Device",
    "Option",
    "Plan",
    "Rejection",
    "Request",
    "Requirement",
    "is_family",
    "plan",
]
