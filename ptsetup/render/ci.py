"""A doctor's report for machines that read results of checks: GitHub annotations, JUnit XML, SARIF."""

import json
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ptsetup.render.doctor import DEFAULT_THRESHOLD, THRESHOLDS, Report
from ptsetup.render.machine import lines_to_copy
from ptsetup.rules import BY_CODE, Ranked

LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def as_github(told: Report) -> str:
    """Workflow commands, one a finding; the verdict as the last line."""
    lines = []
    for finding in told.findings:
        text = _github_data("\n".join([finding.message, *_fix_lines(finding)]))
        title = _github_property(f"{finding.code} {finding.slug}")
        lines.append(f"::{LEVELS[finding.severity]} title={title}::{text}")
    return "\n".join([*lines, told.headline]) + "\n"


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def _fix_lines(finding: Ranked) -> list[str]:
    return [line for fix in finding.fixes for line in (f"Fix: {fix.text}", *lines_to_copy(fix))]


def as_junit(told: Report, fail_on: str = DEFAULT_THRESHOLD) -> str:
    """One test case a rule that was put: failed (from the severity on that ``--fail-on`` names), skipped (with the reason) or passed."""
    by_code: dict[str, list[Ranked]] = {}
    for finding in told.findings:
        by_code.setdefault(finding.code, []).append(finding)
    codes = [*told.passed, *told.skipped, *by_code]
    failing = () if fail_on == "never" else THRESHOLDS[: THRESHOLDS.index(fail_on) + 1]
    failures = sum(any(f.severity in failing for f in found) for found in by_code.values())
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name="ptsetup" tests="{len(set(codes))}" failures="{failures}" skipped="{len(told.skipped)}">',
    ]
    for code in sorted(set(codes)):
        name = f"{code} {BY_CODE[code].slug}" if code in BY_CODE else code
        lines.append(f'<testcase classname="ptsetup" name={quoteattr(_xml(name))}>')
        if code in by_code:
            lines += [_junit_finding(finding, failing) for finding in by_code[code]]
        elif code in told.skipped:
            lines.append(f"<skipped message={quoteattr(_xml(told.skipped[code]))}/>")
        lines.append("</testcase>")
    return "\n".join([*lines, "</testsuite></testsuites>"]) + "\n"


def _junit_finding(finding: Ranked, failing: Sequence[str]) -> str:
    text = escape(_xml("\n".join([finding.message, *_fix_lines(finding)])))
    if finding.severity in failing:
        return f"<failure type={quoteattr(finding.slug)} message={quoteattr(_xml(finding.message))}>{text}</failure>"
    return f"<system-out>{finding.severity}: {text}</system-out>"


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )


def as_sarif(told: Report) -> str:
    """SARIF 2.1.0 with a rule descriptor for each code that was found."""
    rules = sorted({finding.code for finding in told.findings})
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ptsetup",
                        "version": told.ptsetup_version,
                        "rules": [_sarif_rule(code) for code in rules],
                    }
                },
                "results": [_sarif_result(finding) for finding in told.findings],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sarif_rule(code: str) -> dict[str, object]:
    rule = BY_CODE.get(code)
    return {
        "id": code,
        "name": rule.slug if rule else code,
        "shortDescription": {"text": rule.title if rule else code},
    }


def _sarif_result(finding: Ranked) -> dict[str, object]:
    return {
        "ruleId": finding.code,
        "level": finding.severity,
        "message": {"text": "\n".join([finding.message, *_fix_lines(finding)])},
        "locations": [
            {"logicalLocations": [{"fullyQualifiedName": evidence.path}]} for evidence in finding.evidence[:1]
        ],
    }
