"""The tables of all families, row by row: each rule speaks where it should, and keeps quiet at a near miss."""

import pytest

from ptsetup.rules import RULES
from tests import builders
from tests.rules import test_pt1, test_pt2, test_pt3, test_pt4, test_pt5, test_pt6, test_pt7, test_pt8, test_pt9
from tests.rules.harms import amd, host, xpu
from tests.rules.judging import check, findings, loud, mac, windows

FAMILIES = (test_pt1, test_pt2, test_pt3, test_pt4, test_pt5, test_pt6, test_pt7, test_pt8, test_pt9)
FIRES = tuple(row for family in FAMILIES for row in family.FIRES)
SILENT = tuple(row for family in FAMILIES for row in family.SILENT)

HEALTHY = {
    "linux": builders.machine(),
    "cpu": builders.cpu_machine(),
    "windows": windows(),
    "mac": mac(),
    "amd": amd(),
    "intel": xpu(),
    "wsl": host(wsl=2, kernel="6.6.87.2-microsoft-standard-WSL2"),
}


def named(row) -> str:
    return f"{row.code} {row.why}"


@pytest.mark.parametrize("row", FIRES, ids=named)
def test_speaks(row):
    check(RULES, row)


@pytest.mark.parametrize("row", SILENT, ids=named)
def test_keeps_quiet(row):
    assert not findings(RULES, row.code, row.snapshot, row.expect)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition("_")[2])
def test_every_rule_has_both_sides(family):
    """And a row stands in the file of its family."""
    codes = {rule.code for rule in family.RULES}
    assert codes == {row.code for row in family.FIRES} == {row.code for row in family.SILENT}


def test_the_families_are_all_the_rules():
    assert tuple(rule for family in FAMILIES for rule in family.RULES) == RULES


@pytest.mark.parametrize("snapshot", HEALTHY.values(), ids=HEALTHY.keys())
def test_healthy_machines_are_left_alone(snapshot):
    """By every rule, whatever its family."""
    assert not loud(RULES, snapshot)
