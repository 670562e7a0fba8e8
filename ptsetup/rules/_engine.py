"""Puts rules to a Snapshot and ranks what they find: the likeliest root cause first, what follows from it under it."""

from collections.abc import Iterable, Iterator, Sequence

from ptsetup.facts import Snapshot, replace
from ptsetup.index import WheelIndex
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Diagnosis, Evidence, Finding, Fix, Ranked, Rule, Verdict
from ptsetup.rules._ways import fact

SEVERITIES = ("error", "warning", "note")
CERTAINTIES = ("certain", "likely", "possible")
NOT_CHECKED = "PT992"


def put(
    rules: Sequence[Rule],
    snapshot: Snapshot,
    index: WheelIndex,
    *,
    expect: str | None = None,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> Diagnosis:
    """Put ``rules`` to a Snapshot. Never raises for what a rule does: one that raises is a verdict of its own."""
    case = Case(snapshot, index, expect)
    select, ignore = tuple(select), tuple(ignore)
    chosen = [rule for rule in rules if is_chosen(rule, select, ignore)]
    verdicts = _heard_of(case, chosen, tuple(_judge(rule, case) for rule in chosen))
    ranked = rank({rule.code: rule for rule in chosen}, verdicts)
    if not select and all(finding.severity != "error" for finding in ranked):
        codes = {rule.code for rule in chosen}  # comparing the rules themselves took longer than all of their checks
        left_out = [rule for rule in rules if rule.code not in codes]
        ranked = (*_unexplained(case, left_out, has_warnings=any(f.severity == "warning" for f in ranked)), *ranked)
    findings = tuple(
        replace(finding, evidence=tuple(_located(evidence, snapshot) for evidence in finding.evidence))
        for finding in ranked
    )
    return Diagnosis(
        verdicts=verdicts,
        findings=findings,
        expect=case.wanted[0],
        expect_reason=case.wanted[1],
        as_of=case.as_of,
        root=next((f for f in findings if f.severity != "note" and f.consequence_of is None), None),
    )


def _heard_of(case: Case, chosen: Sequence[Rule], verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Of a report that shows no error by itself: what its writer says the cause was, as the verdict of the rule for it."""
    severity = {rule.code: rule.severity for rule in chosen}
    if case.snapshot.origin != "report" or any(
        (finding.severity or severity[verdict.code]) == "error" for verdict in verdicts for finding in verdict.findings
    ):
        return verdicts
    from ptsetup.rules import _told

    by_code = {rule.code: rule for rule in chosen}
    heard = _told.told(case, by_code) or _told.of_few_words(case, by_code)
    if heard is None:
        return verdicts
    code, finding = heard
    return tuple(Verdict(code=code, outcome="found", findings=(finding,)) if v.code == code else v for v in verdicts)


def _unexplained(case: Case, left_out: Iterable[Rule], *, has_warnings: bool) -> Iterator[Ranked]:
    """The finding that torch does not work and no rule, of those left out neither, knows why."""
    finding = _no_cause(case, has_warnings=has_warnings)
    if finding is None:
        return
    for rule in left_out:
        if rule.code == NOT_CHECKED or any(
            (f.severity or rule.severity) != "note" for f in _judge(rule, case).findings
        ):
            return
    yield Ranked(
        code=NOT_CHECKED,
        slug="not-checked",
        severity="error",
        title="The cause was not found",
        message=finding.message,
        subject=finding.subject,
        evidence=finding.evidence,
        fixes=finding.fixes,
        certainty="certain",
    )


def _effects(case: Case) -> Iterator[tuple[str, Evidence]]:
    """What the user notices (torch cannot be imported, sees no GPU, computes wrongly): how a sentence begins, and the fact behind it."""
    torch = case.snapshot.torch
    if torch is None:
        return
    if torch.result.is_ok is False and not torch.result.is_timeout:
        said = torch.result.message or torch.result.error_type or "failed"
        yield "PyTorch cannot be imported", fact(case, "torch.result.message", said[:300], "import torch")
        return
    wanted = case.wanted[0]
    answers = {
        "cuda": ("torch.is_cuda_available", torch.is_cuda_available),
        "rocm": ("torch.is_cuda_available", torch.is_cuda_available),
        "xpu": ("torch.is_xpu_available", torch.is_xpu_available),
        "mps": ("torch.is_mps_available", torch.is_mps_available),
    }
    path, answer = answers.get(wanted or "", ("", None))
    if answer is False:
        yield "PyTorch cannot use the GPU", fact(case, path, False, "import torch")
    elif torch.cuda_error and wanted in ("cuda", "rocm"):
        yield "PyTorch cannot use the GPU", fact(case, "torch.cuda_error", torch.cuda_error[:300], "torch.cuda.init()")
    elif torch.device_test and torch.device_test != "ok":
        what = "computes wrongly" if torch.device_test.startswith("wrong") else "cannot compute"
        yield f"PyTorch {what} on the GPU", fact(case, "torch.device_test", torch.device_test[:300], "a product on it")


def _no_cause(case: Case, *, has_warnings: bool = False) -> Finding | None:
    """Where no rule found an error: silence of the rules must not read as health."""
    told = next(_effects(case), None)
    if told is None or case.snapshot.origin == "report":
        return None
    effect, evidence = told
    if evidence.path.endswith("_available") and not (case.expect or _is_certainly_there(case)):
        return None
    send = Fix(
        text="Look once more with --deep. If that shows no cause either, please send the report to ptsetup's maintainers.",
        commands=(("ptsetup", "doctor", "--deep", "--share", "--format", "markdown"),),
        kind="none",
    )
    return Finding(
        message=f"{effect}, and no rule of ptsetup "
        + ("is sure why; the warnings may show it." if has_warnings else "knows why."),
        subject="torch",
        evidence=(evidence,),
        fixes=(send,),
        severity="error",
    )


def _is_certainly_there(case: Case) -> bool:
    """The wanted GPU is in this machine and nobody hid it: torch should see it."""
    hidden = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ONEAPI_DEVICE_SELECTOR")
    if any(case.env(name) is not None for name in hidden):
        return False
    amd, intel = case.snapshot.amd, case.snapshot.intel
    there = {
        "cuda": bool(case.has_nvidia_device and case.gpus),
        "rocm": bool(amd and amd.gpus),
        "xpu": bool(intel and intel.gpus),
    }
    return there.get(case.wanted[0] or "", False)


def _located(evidence: Evidence, snapshot: Snapshot) -> Evidence:
    """Of a report: the line where the fact, or the section that it belongs to, stands."""
    path = evidence.path if snapshot.sources else ""
    while path and not (evidence.source or "").startswith("report line"):
        if path in snapshot.sources:
            return replace(evidence, source=snapshot.sources[path])
        path = path.rpartition(".")[0]
    return evidence


def is_chosen(rule: Rule, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """``--select`` and ``--ignore`` take codes (``PT502``), prefixes of codes (``PT5``) and slugs."""
    return (not select or _fits(rule, select)) and not _fits(rule, ignore)


def _fits(rule: Rule, names: Sequence[str]) -> bool:
    return any(rule.code.startswith(name.upper()) or rule.slug == name.lower() for name in names)


def _judge(rule: Rule, case: Case) -> Verdict:
    """Put one rule to the Case."""
    missing = [need for need in rule.needs if not any(case.knows(path) for path in need.split("|"))]
    if missing and not (rule.words and case.heard(rule)):
        return Verdict(code=rule.code, outcome="skipped", reason=_why(missing, case.snapshot))
    try:
        findings = tuple(rule.check(case))
        bare = next((f for f in findings if not f.evidence), None)
    except Exception as bug:  # noqa: BLE001 - a rule that raises must not silence the others
        return Verdict(code=rule.code, outcome="crashed", reason=f"it raised {type(bug).__name__}: {bug}"[:300])
    if bare is not None:
        return Verdict(code=rule.code, outcome="crashed", reason=f"it named no evidence: {bare.message}"[:300])
    return Verdict(code=rule.code, outcome="found" if findings else "passed", findings=findings)


def _why(missing: Sequence[str], snapshot: Snapshot) -> str:
    """Why a rule was skipped: what it looks at is not in this machine (``not here``), or nobody could look (``not known``)."""
    parts, reasons = [], set()
    for need in missing:
        unknown = next(filter(None, (snapshot.why_unknown(path) for path in need.split("|"))), None)
        detail = f" ({unknown.reason}{': ' + unknown.detail.rstrip('.') if unknown.detail else ''})" if unknown else ""
        reasons.add(unknown.reason if unknown else None)
        parts.append(need.replace("|", " or ") + detail)
    return f"{'not here' if reasons == {'absent'} else 'not known'}: {', '.join(parts)}"


def rank(rules: dict[str, Rule], verdicts: Iterable[Verdict]) -> tuple[Ranked, ...]:
    """All findings, the likeliest root cause first; what a deeper cause explains comes last, marked with its code."""
    found = [
        _ranked(rules[verdict.code], finding)
        for verdict in verdicts
        if verdict.outcome == "found"
        for finding in verdict.findings
    ]
    found += [_crash(verdict) for verdict in verdicts if verdict.outcome == "crashed"]
    order = sorted(range(len(found)), key=lambda i: (_weight(found[i], rules), i))
    explained: dict[int, int] = {}
    for cause in order:
        for other in order:
            # what is explained explains in turn, but never what it follows from
            is_open = other not in explained and other != _first(cause, explained)
            if is_open and _explains(found[cause], rules, found[other]):
                explained[other] = cause
    causes = [found[i] for i in order if i not in explained]
    followers = [replace(found[i], consequence_of=found[_first(i, explained)].code) for i in order if i in explained]
    return (*causes, *followers)


def _first(number: int, explained: dict[int, int]) -> int:
    """Follow a chain of explanations to its start; there are no circles in it."""
    while number in explained:
        number = explained[number]
    return number


def _explains(cause: Ranked, rules: dict[str, Rule], other: Ranked) -> bool:
    """The cause's rule hides the other's code, and the cause is neither a mere note, nor milder, nor a guess against a fact."""
    rule = rules.get(cause.code)
    if rule is None or cause.code == other.code or not other.code.startswith(rule.hides or ("-",)):
        return False
    is_guess = cause.certainty == "possible" and other.certainty != "possible"
    return cause.severity != "note" and not is_guess and _severity(cause) <= _severity(other)


def _severity(finding: Ranked) -> int:
    return SEVERITIES.index(finding.severity)


def _weight(finding: Ranked, rules: dict[str, Rule]) -> tuple[int, int, int, bool, str]:
    """Sort key: severity, certainty, depth of the layer, whether it is a frequent one, code."""
    rule = rules.get(finding.code)
    layer, is_starred = (rule.layer, rule.is_starred) if rule else (90, False)
    return (_severity(finding), CERTAINTIES.index(finding.certainty), layer, not is_starred, finding.code)


def _ranked(rule: Rule, finding: Finding) -> Ranked:
    return Ranked(
        code=rule.code,
        slug=rule.slug,
        severity=finding.severity or rule.severity,
        title=finding.title or rule.title,
        message=finding.message,
        subject=finding.subject,
        evidence=finding.evidence,
        fixes=finding.fixes,
        certainty=finding.certainty,
    )


def _crash(verdict: Verdict) -> Ranked:
    """A rule that broke is a finding too: what it would have said is not known."""
    return Ranked(
        code=NOT_CHECKED,
        slug="not-checked",
        severity="warning",
        title="A rule could not be put to this machine",
        message=f"{verdict.code} could not be checked: {verdict.reason}. This is a bug of ptsetup.",
        subject=verdict.code,
        evidence=(Evidence(path=f"rules.{verdict.code}", value=verdict.reason or "", source="ptsetup"),),
        certainty="certain",
    )
