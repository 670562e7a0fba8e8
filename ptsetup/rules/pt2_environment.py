"""PT2xx: which torch is imported, and from where. Damage stands in pt2_damage, installers in pt2_managers and pt2_network."""

import re
from collections.abc import Iterator, Sequence

from ptsetup import compat
from ptsetup.facts import Distribution, OtherInterpreter
from ptsetup.rules import pt2_conda, pt2_damage, pt2_managers, pt2_network, pt2_room, pt2_shadows
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._installers import lacks_torch
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip, reinstall, with_variables
from ptsetup.rules.pt2_shadows import BLEND

NO_TORCH = r"no module named ['\"]?torch['\"]?(?![.\w])"

BUILDING = (
    r"getting requirements to build (?:wheel|editable)",
    r"subprocess-exited-with-error",
    r"pip-build-env-",
    r"preparing metadata \(",
    r"build_wheel|build_editable|get_requires_for_build",
    r"Failed to build|failed building wheel",
)
"""Words of pip and uv while they build a package from its source, in an environment of its own (PT413)."""


@rule(
    "PT201",
    "torch-in-another-interpreter",
    "error",
    "torch is installed for another interpreter",
    needs=("target.distributions|messages",),
    hides=("PT202", "PT413"),
    layer=51,
    says=(NO_TORCH,),
    is_starred=True,
)
def other_interpreter(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch is installed, but not for the Python that is run: the pip that was called belongs to another one.

    Why it matters
        "No module named 'torch'", although pip says that it is there.

    See it yourself
        python -m pip --version
        python -c "import sys; print(sys.executable)"

    Fix
        Install with the interpreter that runs the program, as python -m pip; in a notebook with %pip. Or run the program
        with the interpreter that has torch.

    Sources
        nschaetti/EchoTorch#22
    """
    target = case.snapshot.target
    others = [other for other in _others(case) if other.torch_version]
    hit = case.heard(other_interpreter)
    if lacks_torch(case) and others:
        other = others[0]
        yield Finding(
            message=f"This Python has no torch; {other.executable} has torch {other.torch_version}.",
            subject="torch",
            evidence=(
                fact(case, "target.executable", target.executable if target else None, "the interpreter"),
                fact(case, "target.other_interpreters[0]", f"{other.executable}: {other.torch_version}", "its folder"),
            ),
            fixes=(
                another_build("Install torch for this interpreter."),
                Fix(
                    text="Or run the program with the interpreter that has it (here: a first test of it).",
                    commands=((other.executable, "-c", "import torch; print(torch.__version__)"),),
                ),
            ),
        )
        return
    there = case.said(r"requirement already satisfied: torch\b", r"successfully installed .*\btorch-\d")
    if hit is None or there is None or case.said(*BUILDING):
        return
    yield Finding(
        message="pip has torch, but the Python that was run does not: they are two interpreters.",
        subject="torch",
        evidence=(hit.evidence, there.evidence),
        fixes=(another_build("Install torch for the interpreter that runs the program."),),
        certainty="likely",
    )


@rule(
    "PT202",
    "torch-not-installed",
    "error",
    "torch is not installed",
    needs=("target.distributions|messages",),
    layer=52,
    says=(NO_TORCH,),
    hides=("PT3", "PT40", "PT95"),
)
def not_installed(case: Case) -> Iterator[Finding]:
    """What is wrong
        The interpreter has no torch: no distribution of that name, and no folder of it on the import path.

    Why it matters
        import torch ends with "No module named 'torch'".

    See it yourself
        python -m pip show torch

    Fix
        Install the build that fits this machine; ptsetup plan shows which one it is and why.

    Sources
        importlib.metadata over the import path of the interpreter
    """
    hit = case.heard(not_installed)
    if lacks_torch(case):
        if any(other.torch_version for other in _others(case)):
            return
        yield Finding(
            message="torch is not installed for this Python.",
            subject="torch",
            evidence=(
                fact(case, "target.distributions", "no torch among them", "metadata on the import path"),
                *([hit.evidence] if hit else []),
            ),
            fixes=(another_build("Install the build that fits this machine."),),
        )
    elif hit and not case.dists("torch") and not case.is_import_ok and not case.said(*BUILDING):
        yield Finding(
            message="The Python that was run has no torch.",
            subject="torch",
            evidence=(hit.evidence,),
            fixes=(another_build("Install the build that fits this machine."),),
            certainty="likely",
        )


def _others(case: Case) -> tuple[OtherInterpreter, ...]:
    target = case.snapshot.target
    return (target.other_interpreters or ()) if target else ()


@rule(
    "PT205",
    "user-site-shadows-venv",
    "warning",
    "A torch in the user's own folder gets in the way",
    needs=("target.distributions|messages",),
    says=(r"not uninstalling torch at (?P<path>\S+), outside environment",),
    layer=51,
)
def user_site(case: Case) -> Iterator[Finding]:
    r"""What is wrong
        Packages that were installed with --user live in a folder of their own (~/.local, %APPDATA%\Python). This
        environment sees that folder too, and one torch stands before the other.

    Why it matters
        The old version comes back after each upgrade, and pip removes another one than Python imports.

    See it yourself
        python -m site
        python -c "import torch; print(torch.__file__)"

    Fix
        Remove the torch in the user's folder, or shut that folder out with PYTHONNOUSERSITE=1.

    Sources
        cloveranon/Clover-Edition#128
    """
    target = case.snapshot.target
    user = (target.user_site or "").replace("\\", "/").rstrip("/") if target else ""
    found = case.dists("torch")
    mine = [d for d in found if user and (d.location or "").replace("\\", "/").startswith(user)]
    origin = (target.torch_origin or "").replace("\\", "/") if target else ""
    is_first = bool(user and target and target.is_venv and origin.startswith(user + "/"))
    in_home = re.match(USER_FOLDER, origin)
    is_active = in_home and not found and case.snapshot.origin == "report" and case.said(ACTIVE)
    if in_home and ((found and not _is_recorded(case, found)) or is_active):
        user, is_first = in_home[0], True
    hit = case.heard(user_site)
    if target and target.is_user_site_enabled is False:
        return
    if not (len(found) > 1 and mine) and not is_first:
        if hit is None:
            return
        evidence: tuple[Evidence, ...] = (hit.evidence,)
        message = f"pip leaves the torch in {hit.match['path']} alone: it is outside this environment, yet on its path."
    else:
        where = mine[0].location if mine else origin
        versions = ", ".join(d.version or "?" for d in found)
        evidence = (
            fact(case, "target.user_site", user, "site.getusersitepackages"),
            *(
                [fact(case, "target.distributions", f"torch {versions}", "metadata on the import path")]
                if found
                else []
            ),
        )
        message = f"The torch in the user's folder ({where}) is mixed with this environment's."
    yield Finding(
        message=message,
        subject="torch",
        evidence=evidence,
        fixes=_without_user_site(case),
        severity="error" if case.is_import_ok is False else "warning",
        certainty="certain" if mine or is_first else "likely",
    )


ACTIVE = r"^\((?!base\))[\w.-]{1,40}\) (?:PS [A-Z]:\\|[A-Z]:\\|\S{1,60}[@:]\S{0,80} ?[$#%])"
"""A prompt inside an environment, of conda or venv."""

USER_FOLDER = r".*?(?:/\.local/lib/python3\.\d+/site-packages|/Roaming/Python/Python3\d+/site-packages)(?=/torch/)"
"""The user's own folder of packages, in the path from which torch was imported."""


def _is_recorded(case: Case, found: Sequence[Distribution]) -> bool:
    """The torch that was imported is one of those that are recorded."""
    imported = case.snapshot.torch.version if case.snapshot.torch else None
    return imported is None or compat.version_tuple(imported.partition("+")[0]) in {_base(d) for d in found}


def _without_user_site(case: Case) -> tuple[Fix, ...]:
    """Shut the user's folder out, or remove its torch. The pip of a virtual environment removes nothing outside of it."""
    target = case.snapshot.target
    shut = "Shut the user's folder out for programs of this shell (for good: in the shell's profile)."
    out = with_variables(case, shut, PYTHONNOUSERSITE="1")
    remove = Fix(
        text="Or remove torch until none is left, then install it once more.",
        commands=(pip(case, "uninstall", "-y", "torch"),),
    )
    return out if target and target.is_venv else (*out, remove)


def _base(dist: Distribution) -> tuple[int, ...]:
    return compat.version_tuple((dist.version or "").partition("+")[0])


@rule(
    "PT207",
    "duplicate-torch-metadata",
    "warning",
    "Two versions of torch are recorded in one environment",
    needs=("target.distributions|messages",),
    hides=("PT301", "PT302", "PT307"),
    layer=51,
    says=BLEND,
)
def duplicate(case: Case) -> Iterator[Finding]:
    """What is wrong
        The environment's records name another version of torch than the files hold: two dist-info folders, or one that
        an interrupted upgrade or another installer left behind.

    Why it matters
        pip and the import disagree: pip believes that all is well, and companions are chosen for the wrong torch.

    See it yourself
        python -m pip show torch
        python -c "import torch; print(torch.__version__, torch.__file__)"

    Fix
        Install the version that the files hold again, over both; then delete the folder that is left over.

    Sources
        reproduced
    """
    hit = case.heard(duplicate)
    disagreement = _disagreement(case, hit)
    if disagreement is None:
        return
    message, evidence = disagreement
    found, imported = _recorded(case), _imported(case)
    real = compat.version_tuple((imported or "").partition("+")[0])
    whole = Distribution(name="torch", version=imported or (found[0].version if found else None))
    kept = next((d for d in found if _base(d) == real), whole)
    others = [d for d in found if d is not kept] if len({_base(d) for d in found}) > 1 else []
    yield Finding(
        message=message,
        subject="torch",
        evidence=evidence,
        fixes=(
            reinstall(case, kept, text="Install the version that the files hold again, over what is there."),
            *_left_over(case, others),
        ),
        severity="error"
        if _failed(case) or hit or case.said(*SAID_TWICE)
        else "note"
        if _is_other_list(case)
        else "warning",
        certainty="likely" if hit or _changed(case) else "certain",
    )


FROM_TO = r"\b[a-z]+ +\W?torch==\S+[^\n]{1,40}? \W?torch==\d"
"""Somebody tells in a sentence that one torch was put in the place of another."""

SAID_TWICE = (
    (
        r"\b(?:two|both|multiple|several|2|different) (?:different |conflicting )?(?:versions|copies|installations"
        r"|installs) of (?:py)?torch\b|\b(?:two|both|conflicting) (?:py)?torch (?:versions|installations|installs|packages)"
        r"|\btorch versions (?:are |were )?conflict\w*|\btorch\b[^;\n]{0,40}\bwith pip\b[^;\n]{0,20}\b(?:one"
        r"|another)\b[^;\n]{0,12}\bconda\b|\b(?:py)?torch (?:is|was|got) installed twice"
    ),
    r"\bconda\b[^;\n]{0,40}\btorch\b[^;\n]{0,40}\bpip\b[^;\n]{0,40}\b(?:another|other|second|too|as well|also|different)\b",
    (
        r"\btorch\b[^;\n]{0,30}\b(?:import(?:ed|s)?|load(?:ed|s)?|taken|picked up|found|comes?)\b[^;\n]{0,12}"
        r"\bfrom\b[^;\n]{0,80}(?:\.local\b|user[- ]site|dist-packages)[^;\n]{0,60}"
        r"\b(?:although|instead of|not from|rather than|while|but|even though)\b"
    ),
)
"""A person has found both."""


def _recorded(case: Case) -> list[Distribution]:
    """What the environment's records say of torch."""
    return [d for d in case.dists("torch") if d.version]


def _imported(case: Case) -> str | None:
    """The version that the files hold."""
    by_files = case.wheel.version if case.wheel and case.wheel.has_version_file else None
    return by_files or (case.snapshot.torch.version if case.snapshot.torch else None)


def _changed(case: Case) -> Hit | None:
    """Pip's words on the torch that it installed or removed."""
    return case.said(r"successfully (?:un)?installed (?:[^\n]* )?torch-(?P<version>\d+\.\d+\.\d+)")


def _disagreement(case: Case, hit: Hit | None) -> tuple[str, tuple[Evidence, ...]] | None:
    """What of the records and the files contradicts itself, and the facts that show it; None when nothing does."""
    found, imported, changed = _recorded(case), _imported(case), _changed(case)
    bases = {_base(d) for d in found}
    real = compat.version_tuple((imported or "").partition("+")[0])
    places = {d.location for d in found}
    other = compat.version_tuple(changed.match["version"]) if changed else ()
    is_told = case.snapshot.origin == "report" and case.said(FROM_TO) is not None
    if len(found) > 1 and len(bases) > 1 and len(places) == 1 and not (_is_conda_pair(found) or is_told):
        named = "torch " + " and ".join(sorted(d.version or "" for d in found))
        message = f"The environment records {named}."
        return message, (fact(case, "target.distributions", named, "dist-info folders"),)
    if real and bases and real not in bases:
        version = found[0].version
        return f"The records say torch {version}, the files are those of {imported}.", (
            fact(case, "target.distributions", f"torch {version}", "METADATA"),
            fact(case, "target.wheel.version", imported, "torch/version.py"),
        )
    if changed and other and (real or compat.version_tuple(case.torch_base or "")) not in ((), other) and _failed(case):
        message = f"pip worked on torch {changed.match['version']}, but Python imports {case.torch_version}."
        return message, (
            changed.evidence,
            fact(case, "target.wheel.version", case.torch_version, "torch.__version__"),
        )
    twice = case.said(*SAID_TWICE) if case.snapshot.origin == "report" and case.has_complaint else None
    if twice:
        return "By the report two installations of torch are in each other's way.", (twice.evidence,)
    if hit and len(bases) <= 1 and (not case.is_import_ok or case.snapshot.origin == "report"):
        return "torch's Python files and its libraries are of two different releases.", (hit.evidence,)
    return None


def _left_over(case: Case, others: Sequence[Distribution]) -> tuple[Fix, ...]:
    """Delete the record that the reinstallation may have left: pip removes only one of the two."""
    folders = [f"{d.location}/torch-{d.version}.dist-info" for d in others if d.location and d.version]
    if not folders or case.snapshot.origin == "report":
        return ()
    text = "Then delete the record of the other version, if it is still there."
    return fitting(
        case,
        Fix(text=text, commands=(("rm", "-rf", "--", *folders),), systems=("linux", "macos")),
        Fix(
            text=text,
            commands=tuple(("cmd", "/c", "rmdir", "/s", "/q", folder.replace("/", "\\")) for folder in folders),
            systems=("windows",),
        ),
    )


def _is_conda_pair(found: list[Distribution]) -> bool:
    """One of them is conda's and one pip's: PT213 says it better."""
    return len({d.installer == "conda" for d in found}) > 1


def _is_other_list(case: Case) -> bool:
    """A report in which torch works: what conda lists may be another environment than the one that pip lists."""
    return case.snapshot.origin == "report" and case.is_import_ok is True


def _failed(case: Case) -> bool:
    """An import was seen to fail."""
    return case.is_import_ok is False or case.said(r"torchvision::nms", r"undefined symbol", *BLEND) is not None


RULES = tuple(
    sorted(
        (
            other_interpreter,
            not_installed,
            user_site,
            duplicate,
            *pt2_shadows.RULES,
            *pt2_damage.RULES,
            *pt2_conda.RULES,
            *pt2_managers.RULES,
            *pt2_network.RULES,
            *pt2_room.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT2xx."""
