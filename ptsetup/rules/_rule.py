"""What a rule is, and what it yields."""

import re
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ptsetup.facts._record import Record

if TYPE_CHECKING:
    from ptsetup.rules._case import Case

Severity = Literal["note", "warning", "error"]
Certainty = Literal["certain", "likely", "possible"]


class Evidence(Record, frozen=True, kw_only=True):
    """One fact that a finding rests on."""

    path: str
    """Where it stands in the Snapshot: ``nvidia.nvml.driver_version``, ``messages[3]``."""
    value: str
    """As a person would write it."""
    source: str | None = None
    """Where it was read: NVML, ``torch/version.py``, ``report line 12``, ``wheels_index.json``."""


class Fix(Record, frozen=True, kw_only=True):
    """One way out."""

    text: str
    """What it does, in one sentence."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Exact argument vectors, in order; ``{python}`` stands for the target interpreter."""
    shell: str | None = None
    """A line for the shell where an argument vector cannot say it (``export ...``, pipes, ``&&``)."""
    systems: tuple[str, ...] = ()
    """``linux``, ``windows``, ``macos``; () means all."""
    kind: Literal["safe", "venv", "print", "none"] = "print"
    """What ``--fix`` may do with it: catalogue section 0."""
    where: str = "here"
    """``here``, or ``on the host`` when seen from inside a container."""
    needs_plan: tuple[str, ...] | None = None
    """The cure is another build: what to ask the planner for (``("torch",)``); the doctor fills the command in."""
    needs_backend: str | None = None
    """With needs_plan: a backend tag or ``auto``."""


class Finding(Record, frozen=True, kw_only=True):
    """What one rule found."""

    message: str
    """A full sentence with the values seen."""
    subject: str | None = None
    """What it is about: ``GPU 0``, ``torchvision``."""
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    severity: Severity | None = None
    """Where it differs from the rule's own."""
    title: str | None = None
    """In place of the rule's own in the headline, where that would say more than was seen, or less."""
    certainty: Certainty = "certain"
    """``certain``: the facts prove it; ``likely``: an error text fits and no fact speaks against it; ``possible``: a hint."""


class Rule(Record, frozen=True, kw_only=True, dict=True):
    """A rule: a code, and a function from a Case to findings."""

    code: str
    slug: str
    severity: Severity
    title: str
    check: Callable[["Case"], Iterable[Finding]]
    needs: tuple[str, ...] = ()
    """Facts that must be known for the rule to look at all, as paths (``target.wheel``); any alternative with ``|``.
    ``messages`` is known when there is at least one. A rule whose ``says`` was heard looks in any case, so its check
    must not rely on ``needs`` for facts that it could do without."""
    hides: tuple[str, ...] = ()
    """Codes or prefixes that merely follow when this one is found (catalogue section 11)."""
    layer: int = 50
    """Depth of the cause: 10 hardware, 20 kernel and driver, 30 container, 40 environment variables, 50 interpreter and
    environment, 60 torch build, 70 companions, 80 use. Lower is deeper."""
    words: tuple[str, ...] = ()
    """Error texts that point to this rule, as regular expressions (catalogue section 13 and the entry's "Sees")."""
    page: str = ""
    """The explanation page: the docstring of the check."""
    import_needed: bool = False
    """Its facts come from importing torch."""
    is_starred: bool = False

    @cached_property
    def says(self) -> tuple[re.Pattern[str], ...]:
        """``words`` compiled, case ignored: at first use, since start-up time is a feature."""
        return tuple(re.compile(pattern, re.IGNORECASE) for pattern in self.words)


def rule(
    code: str,
    slug: str,
    severity: Severity,
    title: str,
    *,
    needs: tuple[str, ...] = (),
    hides: tuple[str, ...] = (),
    layer: int = 50,
    says: tuple[str, ...] = (),
    import_needed: bool = False,
    is_starred: bool = False,
) -> Callable[[Callable[["Case"], Iterable[Finding]]], Rule]:
    """Turn a check into a Rule. Registers nothing: each family lists its rules in a tuple ``RULES``."""

    def turn(check: Callable[["Case"], Iterable[Finding]]) -> Rule:
        return Rule(
            code=code,
            slug=slug,
            severity=severity,
            title=title,
            check=check,
            needs=needs,
            hides=hides,
            layer=layer,
            words=says,
            page=check.__doc__ or "",
            import_needed=import_needed,
            is_starred=is_starred,
        )

    return turn


class Verdict(Record, frozen=True, kw_only=True):
    """A rule with its outcome on one Snapshot."""

    code: str
    outcome: Literal["passed", "found", "skipped", "crashed"]
    findings: tuple[Finding, ...] = ()
    reason: str | None = None
    """Why it was skipped (``not known: ...`` nobody could look; ``not here: ...`` there is nothing to look at), or what it raised."""


class Ranked(Record, frozen=True, kw_only=True):
    """A finding of a Diagnosis, with what its rule says of it."""

    code: str
    slug: str
    severity: Severity
    title: str
    message: str
    subject: str | None = None
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    certainty: Certainty = "certain"
    consequence_of: str | None = None
    """Code of the deeper cause that this follows from."""


class Diagnosis(Record, frozen=True, kw_only=True):
    """All that the rules say about one Snapshot."""

    verdicts: tuple[Verdict, ...] = ()
    """One for each rule that was put, in the order of the codes' families."""
    findings: tuple[Ranked, ...] = ()
    """Root cause first; what follows from another finding comes last."""
    root: Ranked | None = None
    """The likeliest root cause: the first error or warning that follows from no other."""
    expect: str | None = None
    """What is wanted: as stated, else inferred; None when nothing tells."""
    expect_reason: str | None = None
    as_of: str | None = None
    """The day of judgement, ISO: what was newest then counts as newest."""
