"""What holds for every rule: all codes are there, explained, crash on nothing, and say the same to the same machine."""

import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptsetup import index as wheel_index
from ptsetup import replay
from ptsetup.facts import Message, Snapshot, replace
from ptsetup.render import explain
from ptsetup.rules import BY_CODE, RULES, diagnose
from tests import builders, strategies

INDEX = wheel_index.load()

CODES = """
PT101 PT102 PT103 PT104 PT105 PT106 PT107 PT108 PT109 PT110 PT111 PT112 PT113 PT114 PT115
PT201 PT202 PT203 PT204 PT205 PT206 PT207 PT208 PT209 PT210 PT211 PT212 PT213 PT214 PT215 PT216 PT217 PT218 PT219 PT220 PT221
PT222 PT223 PT224
PT301 PT302 PT303 PT304 PT305 PT306 PT307 PT308 PT309 PT310 PT311 PT312 PT313
PT401 PT402 PT403 PT404 PT405 PT406 PT407 PT408 PT409 PT410 PT411 PT412 PT413 PT414 PT415 PT416 PT417
PT501 PT502 PT503 PT504 PT505 PT506 PT507 PT508 PT509 PT510 PT511 PT512 PT513 PT514 PT515 PT516 PT517 PT518 PT519 PT520 PT521
PT522 PT523 PT524 PT525 PT526 PT527 PT528 PT529 PT530 PT531 PT532 PT533 PT534 PT535 PT536
PT601 PT602 PT603 PT604 PT605 PT606
PT650 PT651 PT652 PT653 PT654 PT655 PT656 PT657 PT658 PT659 PT660 PT661 PT662 PT663 PT664 PT665 PT666 PT667 PT668 PT669
PT701 PT702 PT703 PT704 PT705 PT706 PT707 PT708 PT710 PT711 PT712 PT713 PT714 PT715 PT716 PT717 PT718 PT719
PT801 PT802 PT803 PT804 PT805 PT806 PT807 PT808 PT809 PT820 PT821 PT822 PT823 PT824 PT840 PT841 PT842
PT860 PT861 PT862 PT863 PT864 PT865
PT901 PT902 PT903 PT904 PT905 PT920 PT921 PT922 PT923 PT924 PT925 PT926 PT927 PT928 PT929 PT930 PT931
PT950 PT951 PT952 PT953 PT954 PT955 PT956 PT957 PT958 PT959 PT970 PT971 PT972 PT973 PT974
PT990 PT991 PT992
""".split()  # noqa: SIM905 - a table, as the catalogue has it
"""The catalogue of failures: 207 codes."""


def test_the_catalogue_is_whole():
    assert len(CODES) == len(set(CODES)) == 207
    assert set(CODES) <= set(BY_CODE)


def test_codes_beyond_the_catalogue_are_those_of_the_bench_and_of_our_own_installation():
    assert all(re.fullmatch(r"PT98\d|PT225", code) for code in set(BY_CODE) - set(CODES))


def test_codes_and_slugs_are_unique():
    assert len({rule.code for rule in RULES}) == len({rule.slug for rule in RULES}) == len(RULES)
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", rule.slug) for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_is_explained(rule):
    page = explain.page(rule)
    assert tuple(page.sections) == explain.HEADINGS
    assert all(page.sections.values())
    assert rule.title
    assert not rule.title.endswith(".")
    assert explain.as_text(page, lambda text, **_: text)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_no_page_gives_forbidden_advice(rule):
    """Catalogue section 11: never a switched-off check, a forced system install, rights for everybody, a DLL from anywhere."""
    fixes = explain.page(rule).sections.get("Fix", "")
    assert not re.search(
        r"--break-system-packages|--trusted-host|verify=False|chmod 777|KMP_DUPLICATE_LIB_OK=TRUE", fixes
    )


def test_hides_name_rules_that_exist():
    wrong = [
        (rule.code, hidden) for rule in RULES for hidden in rule.hides if not any(c.startswith(hidden) for c in BY_CODE)
    ]
    assert not wrong


@pytest.mark.parametrize(
    "machine", [builders.machine(), builders.cpu_machine(), Snapshot()], ids=["GPU", "CPU", "empty"]
)
def test_a_healthy_machine_is_quiet(machine):
    found = diagnose(machine, INDEX)
    assert [(f.code, f.message) for f in found.findings if f.severity != "note"] == []


def test_an_empty_snapshot_passes_nothing_that_needs_facts():
    """What could not be looked at never counts as passed."""
    found = diagnose(Snapshot(), INDEX)
    by_code = {rule.code: rule for rule in RULES}
    assert all(not by_code[verdict.code].needs for verdict in found.verdicts if verdict.outcome == "passed")


def _check(snapshot):
    found = diagnose(snapshot, INDEX)
    crashed = [(v.code, v.reason) for v in found.verdicts if v.outcome == "crashed"]
    assert not crashed
    assert all(finding.evidence and finding.message for finding in found.findings)
    return found


@given(strategies.snapshots())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_rule_crashes_on_any_snapshot(snapshot):
    """And every finding has evidence, and the second time all is the same."""
    assert _check(snapshot) == _check(snapshot)


@given(strategies.snapshots(), st.sampled_from(("host", "nvidia", "amd", "intel", "apple", "target", "torch", "env")))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_rule_crashes_when_one_section_is_strange(snapshot, section):
    """A section of any contents beside healthy ones: rules get further than on a Snapshot that is strange throughout."""
    _check(replace(builders.machine(), **{section: getattr(snapshot, section)}))


@given(st.lists(st.sampled_from([p for rule in RULES for p in rule.words] or [""]), max_size=3), strategies.snapshots())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_rule_crashes_on_error_texts(patterns, snapshot):
    """Texts made of the rules' own words, on a machine of which nothing else is known and on a strange one."""
    said = tuple(
        Message(text=re.sub(r"\\[a-zA-Z]\+?|[\\^$()?*|]|\[[^]]*\]|\{[^}]*\}", "1", pattern)) for pattern in patterns
    )
    _check(Snapshot(messages=said))
    _check(replace(snapshot, messages=said))


@given(strategies.snapshots())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_a_snapshot_survives_json_and_is_judged_the_same(snapshot):
    again = replay.load(replay.dump(snapshot))
    assert again == snapshot
    assert diagnose(again, INDEX) == diagnose(snapshot, INDEX)


def test_a_diagnosis_survives_json():
    found = diagnose(builders.machine(host=builders.host(is_virtual=True)), INDEX)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
