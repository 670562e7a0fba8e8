"""PT310 to PT313: Triton, NumPy and pynvml beside torch."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Distribution
from ptsetup.rules import _speech
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._requirements import is_satisfied, parsed, requirements_of
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, pip

TRITONS = (
    "triton",
    "pytorch-triton",
    "pytorch-triton-rocm",
    "pytorch-triton-xpu",
    "triton-rocm",
    "triton-xpu",
    "triton-windows",
)
"""Distributions that all own the folder triton."""

TRITON_TEXT = (
    r"cannot import name '\w+' from 'triton[\w.]*'",
    r"module 'triton[\w.]*' has no attribute",
    r"no module named 'triton\.\w+",
    r"'?(?:CompiledKernel|KernelMetadata|JITFunction)'? object has no attribute",
)


@rule(
    "PT310",
    "triton-version",
    "error",
    "Triton is not the one that torch asks for",
    needs=("target.distributions|messages",),
    layer=74,
    says=TRITON_TEXT,
)
def triton(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch names the Triton that it works with, and another one is installed; or two packages own the folder triton.

    Why it matters
        torch.compile and other users of Triton fail inside torch._inductor with missing attributes.

    See it yourself
        python -m pip list | grep -i triton

    Fix
        Install the Triton that torch asks for, and one package only.

    Sources
        metadata of the torch wheels; woct0rdho/triton-windows#4
    """
    hit = case.heard(triton)
    found = [d for name in TRITONS for d in case.dists(name) if d.version]
    if len({d.name for d in found}) > 1 and case.snapshot.origin == "probe":
        yield _two_tritons(case, found)
        return
    needed = _wanted_triton(case)
    mine = next((d for d in found if d.name == "triton"), None)
    wanted = parsed(needed) if needed else None
    is_other = bool(wanted and mine and mine.version and not is_satisfied(wanted, mine.version))
    if not is_other and hit is None:
        return
    if is_other and not hit and case.snapshot.origin == "report":
        return
    version = f"triton {mine.version}" if mine else "triton"
    yield Finding(
        message=f"torch {case.torch_version} asks for {needed}, and {version} is installed."
        if is_other
        else f"{version} lacks what its caller asks for: one of the two is too new or too old.",
        subject="triton",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "target.distributions", version, "metadata")] if mine else []),
        ),
        fixes=(
            Fix(
                text="Install the Triton that torch asks for.",
                commands=(pip(case, "install", "--force-reinstall", "--no-deps", needed),),
                kind="venv",
            )
            if needed
            else another_build("Take a torch with its own Triton.", "torch"),
        ),
        severity="error" if hit else "warning",
        certainty="certain" if is_other else "likely",
    )


def _two_tritons(case: Case, found: list[Distribution]) -> Finding:
    """Several packages that own the folder triton."""
    named = " and ".join(f"{d.name} {d.version}" for d in found)
    return Finding(
        message=f"{named} both own the folder triton.",
        subject="triton",
        severity="warning",
        evidence=(fact(case, "target.distributions", named, "metadata"),),
        fixes=(
            Fix(
                text="Remove all of them, then install torch's own again.",
                commands=(pip(case, "uninstall", "-y", *dict.fromkeys(d.name for d in found)),),
            ),
            another_build(
                "Then let torch bring its Triton.", f"torch=={case.torch_base}" if case.torch_base else "torch"
            ),
        ),
    )


def _wanted_triton(case: Case) -> str | None:
    """``triton~=3.9.0``: by torch's own metadata, else by the index."""
    for dist in case.dists("torch"):
        for need in requirements_of(case, dist, ("triton",)):
            return f"triton{need.specifier}"
    if case.system not in (None, "linux") or case.family not in (None, "cuda"):
        return None
    release = case.index.release(case.torch_base or "")
    return f"triton{release.triton}" if release and release.triton else None


NUMPY_TEXT = (
    r"a module that was compiled using NumPy 1\.x cannot be run in",
    r"_ARRAY_API not found",
    r"numpy\.core\.multiarray failed to import",
    r"numpy\.dtype size changed, may indicate binary incompatibility",
)
UNAVAILABLE = r"numpy is not available"
DOWNGRADED = (
    rf"\b(?:downgrad\w+ (?:of |to )?|(?:pin|install)\w* )numpy ?(?:to |=+ ?|<=? ?|version )*(?:1\.\d|<? ?2\b){_speech.CLAUSE}"
    rf"\b{_speech.FIXED}"
    rf"|\b{_speech.FIXED} {_speech.CLAUSE}(?:downgrad\w+|pin\w*|install\w*) (?:of |to )?numpy ?(?:to |=+ ?|<=? ?|version )*(?:1\.\d"
    rf"|<? ?2\b)"
)
"""What has helped tells what it was."""


@rule(
    "PT311",
    "numpy2-abi",
    "error",
    "NumPy 2 beside a torch that was built for NumPy 1",
    needs=("target.distributions|messages",),
    hides=("PT312",),
    layer=66,
    says=(*NUMPY_TEXT, UNAVAILABLE),
    is_starred=True,
)
def numpy2(case: Case) -> Iterator[Finding]:
    """What is wrong
        The installed torch was compiled with the headers of NumPy 1, and NumPy 2 is installed. (torch can use NumPy 2
        since 2.3 on Linux and macOS, since 2.4.1 on Windows.)

    Why it matters
        Tensors cannot be exchanged with NumPy: "Numpy is not available", and a page of warnings at the import.

    See it yourself
        python -c "import numpy, torch; print(numpy.__version__, torch.__version__); torch.zeros(1).numpy()"

    Fix
        Take NumPy below 2, or a newer torch.

    Sources
        pytorch/pytorch#135013, nagadomi/nunif#135; the wheels themselves
    """
    hit = case.heard(numpy2)
    is_only_unavailable = bool(hit and re.search(UNAVAILABLE, hit.match[0], re.IGNORECASE))
    version, is_two = _numpy_here(case)
    is_old = _is_numpy1_only(case)
    if hit and is_only_unavailable and is_two is None and is_old and _is_of_numpy2_days(case):
        yield _guess(case, hit)
        return
    if is_old is False and not (hit and not is_only_unavailable):
        return
    if is_two is False or (is_two is None and (hit is None or is_only_unavailable)) or (is_old is None and not hit):
        return
    if is_old is False:
        numpy = fact(case, "target.distributions", f"numpy {version}")
        yield _other_module(case, hit.evidence if hit else numpy, version)
        return
    named = f"torch {case.torch_version}" if case.torch_version else "torch"
    yield Finding(
        message=f"{named} was built for NumPy 1, and NumPy {version or 2} is installed.",
        subject="numpy",
        evidence=_numpy_facts(case, hit, version, is_old=bool(is_old)),
        fixes=_numpy_fixes(case),
        certainty="certain" if is_old and is_two else "likely",
    )


def _numpy_here(case: Case) -> tuple[str | None, bool | None]:
    """NumPy's version, by the metadata, else by the message; and whether it is 2 or newer (None: not known)."""
    version = case.version_of("numpy")
    is_two = compat.at_least(version, "2") if version else None
    if is_two is not None:
        return version, is_two
    by_cure = case.said(DOWNGRADED) if case.snapshot.origin == "report" else None
    if by_cure:
        return None, True
    told = case.said(r"cannot be run in\s+NumPy (?P<v>2\S*)", r"^\s*NumPy (?P<v>2\.\d+(?:\.\d+)?) as it may crash")
    return (told.match["v"], True) if told else (None, None)


def _is_of_numpy2_days(case: Case) -> bool:
    """Releases before 2.0 are older than NumPy 2 by years; from there on it is the frequent reason, unless there is no NumPy."""
    is_new = compat.at_least(case.torch_base or "", "2.0") is True
    return is_new and case.said(r"no module named '?numpy") is None


def _guess(case: Case, hit: Hit) -> Finding:
    """NumPy cannot be used, and its version is not known."""
    return Finding(
        message=f"torch {case.torch_version} was built for NumPy 1, and cannot use the NumPy here: most likely it is 2 or newer.",
        subject="numpy",
        evidence=(hit.evidence,),
        fixes=_numpy_fixes(case),
        certainty="possible",
    )


def _numpy_facts(case: Case, hit: Hit | None, version: str | None, *, is_old: bool) -> tuple[Evidence, ...]:
    numpy = fact(case, "target.distributions", f"numpy {version}", "metadata")
    built = Evidence(path="index.builds", value=f"{case.torch_base}: numpy1-only", source="wheels_index.json")
    return (
        *([hit.evidence] if hit else []),
        *([numpy] if version and case.dists("numpy") else []),
        *([built] if is_old else []),
    )


def _numpy_fixes(case: Case) -> tuple[Fix, ...]:
    return (
        Fix(text="Take NumPy 1.", commands=(pip(case, "install", "numpy<2"),), kind="venv"),
        another_build("Or take a torch that was built for NumPy 2.", "torch>=2.4.1"),
    )


def _other_module(case: Case, evidence: Evidence, version: str | None) -> Finding:
    """Where torch can use NumPy 2, the message is about another compiled package."""
    culprit = case.said(r"(?:site|dist)-packages[\\/](?P<name>(?!torch[\\/]|numpy[\\/])[A-Za-z]\w+)[\\/]")
    name = culprit.match["name"] if culprit else "another compiled package"
    return Finding(
        message=f"torch {case.torch_version} can use NumPy 2; {name} cannot, and NumPy {version or 2} is installed.",
        subject=name,
        evidence=(evidence, *([culprit.evidence] if culprit else [])),
        fixes=(
            Fix(text=f"Upgrade {name}.", commands=(pip(case, "install", "--upgrade", name),), kind="venv")
            if culprit
            else Fix(text="Upgrade the package that the traceback names.", kind="none"),
            Fix(text="Or take NumPy 1.", commands=(pip(case, "install", "numpy<2"),), kind="venv"),
        ),
        severity="warning",
        certainty="likely",
    )


def _is_numpy1_only(case: Case) -> bool | None:
    """The installed torch was built with the headers of NumPy 1; None when unknown."""
    base = case.torch_base
    if not base:
        return None
    platform = compat.platform_of(case.snapshot)
    rows = [b.numpy_abi for b in case.index.builds if b.torch == base and (platform is None or b.platform == platform)]
    known = {abi for abi in rows if abi}
    if len(known) == 1:
        return known == {"numpy1-only"}
    if known:
        return None
    floor = "2.4.1" if case.system == "windows" else "2.3"
    newer = compat.at_least(base, floor)
    return None if newer is None else not newer


@rule(
    "PT312",
    "numpy-missing",
    "note",
    "NumPy is not installed",
    needs=("target.distributions|messages",),
    layer=76,
    says=(r"failed to initialize numpy: no module named '?numpy", UNAVAILABLE),
)
def numpy_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        NumPy is not installed. torch does not require it, so no installer brings it.

    Why it matters
        A warning at the import, and tensor.numpy() or torch.from_numpy() end with "Numpy is not available".

    See it yourself
        python -c "import numpy"

    Fix
        Install NumPy, if the program uses it.

    Sources
        reproduced
    """
    hit = case.heard(numpy_missing)
    is_known = case.knows_dists() and case.snapshot.origin == "probe"
    is_absent = is_known and not case.dists("numpy")
    if case.dists("numpy") or not (is_absent or hit) or not (case.torch_version or hit):
        return
    if (
        hit
        and re.search(UNAVAILABLE, hit.match[0], re.IGNORECASE)
        and not is_absent
        and not case.said(r"no module named '?numpy")
    ):
        return
    failed = case.said(UNAVAILABLE)
    yield Finding(
        message="NumPy is not installed, and torch does without it until a program asks for it.",
        subject="numpy",
        evidence=(hit.evidence if hit else fact(case, "target.distributions", "no numpy among them", "metadata"),),
        fixes=(Fix(text="Install NumPy.", commands=(pip(case, "install", "numpy"),), kind="venv"),),
        severity="error"
        if failed
        else "warning"
        if hit and case.snapshot.origin == "report" and not case.is_import_ok
        else "note",
    )


@rule(
    "PT313",
    "pynvml-deprecated",
    "note",
    "The package pynvml is out of date",
    needs=("target.distributions|messages",),
    layer=78,
    says=(r"the pynvml package is deprecated",),
)
def pynvml(case: Case) -> Iterator[Finding]:
    """What is wrong
        The distribution pynvml brings an old module of that name; torch imports whatever bears it. nvidia-ml-py is the
        one that NVIDIA keeps up.

    Why it matters
        A FutureWarning at every import of torch, and old bindings.

    See it yourself
        python -m pip list | grep -i -E "pynvml|nvidia-ml-py"

    Fix
        Remove pynvml and install nvidia-ml-py anew (both own pynvml.py).

    Sources
        sgl-project/sglang#11395; torch/cuda/__init__.py
    """
    hit = case.heard(pynvml)
    found: tuple[Distribution, ...] = case.dists("pynvml")
    if not (hit or found):
        return
    yield Finding(
        message="The package pynvml is installed; nvidia-ml-py has taken its place.",
        subject="pynvml",
        evidence=(
            fact(case, "target.distributions", f"pynvml {found[0].version}", "metadata") if found else hit.evidence,  # type: ignore[union-attr]
        ),
        fixes=(
            Fix(
                text="Remove it, and install its successor anew: both own pynvml.py.",
                commands=(
                    pip(case, "uninstall", "-y", "pynvml"),
                    pip(case, "install", "--force-reinstall", "nvidia-ml-py"),
                ),
                kind="venv",
            ),
        ),
    )


RULES = (triton, numpy2, numpy_missing, pynvml)
