"""PT3xx: torchvision and torchaudio. Other extensions stand in pt3_extensions, NumPy and the rest in pt3_numpy."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import pt3_extensions, pt3_kernels, pt3_numpy
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._pairs import expected, has_other_minor, is_released, local_of, local_tag, pinned_torch
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import another_build, fact, pip

FAILURES = r"torchvision|torchaudio|undefined symbol|symbol not found|cannot open shared object"
LACKS = r"[^\n]{0,60}?(?:undefined symbol|symbol not found)"
NO_OPERATORS = (
    r"operator torchvision::\w+ does not exist|(?:could not find the|no such) operator torchvision::\w+",
    r"couldn't load custom C\+\+ ops",
)
"""torchvision's compiled part was not loaded, whatever the reason."""

VISION_TEXT = (
    *NO_OPERATORS,
    r"partially initialized module 'torchvision' has no attribute",
    rf"torchvision[\\/]\w[\w.-]*\.(?:so|pyd|dylib){LACKS}",
    r"failed to load image python extension.{0,200}(?:undefined symbol|symbol not found|WinError 127)",
    r"\[WinError 127\].{0,200}torchvision[\\/]+\w+\.pyd|torchvision[\\/]+\w+\.pyd.{0,100}specified procedure",
    r"torchvision \d\S* (?:requires|has requirement|depends on) torch ?==\S+",
)
AUDIO_TEXT = (
    r"(?:torchaudio|^|they|packages|both) (?:were|was|are) compiled with different CUDA versions",
    r"pytorch has CUDA version \S+ whereas torchaudio has CUDA version",
    rf"(?:libtorchaudio|_torchaudio|_torch_sox|torchaudio[\\/]lib[\\/]\w+)\S*?\.(?:so|pyd|dylib){LACKS}",
    r"could not (?:find module|load)[^\n]{0,200}libtorchaudio",
    r"\[WinError 127\].{0,200}torchaudio[\\/]+\S+\.(?:pyd|dll)",
    r"torchaudio[\\/]_extension\S*[\"',]",
    r"torchaudio \d\S* (?:requires|has requirement|depends on) torch ?==\S+",
)


def _versions(case: Case, name: str) -> tuple[Evidence, ...]:
    """Both versions as evidence, as far as they are known."""
    pairs = ((name, case.version_of(name)), ("torch", case.torch_version))
    return tuple(
        fact(case, "target.wheel.version" if of == "torch" else "target.distributions", f"{of} {version}", "metadata")
        for of, version in pairs
        if version
    )


def _pair_fixes(case: Case, name: str) -> tuple[Fix, ...]:
    """Both from one index; or the companion that belongs to the torch at hand."""
    base = case.torch_base
    fits = expected(case, name)
    fixes = []
    if base and fits and is_released(base):
        text = f"Keep torch {base} and take the {name} that belongs to it, {fits[0]}, from the same index."
        fixes.append(another_build(text, f"torch=={base}", f"{name}=={fits[0]}", backend=case.backend or "auto"))
    fixes.append(another_build(f"Take the newest torch and {name} for this machine, from one index.", "torch", name))
    return tuple(fixes)


@rule(
    "PT301",
    "torchvision-mismatch",
    "error",
    "torchvision was built for another torch",
    needs=("target.distributions|target.companions|messages",),
    hides=("PT302", "PT223", "PT224", "PT307"),
    layer=70,
    says=VISION_TEXT,
    is_starred=True,
)
def torchvision(case: Case) -> Iterator[Finding]:
    """What is wrong
        The compiled part of torchvision was built for another release of torch than the one installed.

    Why it matters
        import torchvision ends with "operator torchvision::nms does not exist", and with it everything that imports
        torchvision (transformers, timm, diffusers ...).

    See it yourself
        python -m pip list | grep -E "^torch"
        python -c "import torchvision"

    Fix
        Install torch and torchvision together from one index, or the torchvision that belongs to the torch at hand.

    Sources
        pytorch/pytorch#122494, #157648, pytorch/vision#8985; reproduced
    """
    hit = case.heard(torchvision)
    failed = case.import_of("torchvision")
    if failed is not None and failed.is_ok:
        return
    mine, pin = case.version_of("torchvision"), pinned_torch(case, "torchvision")
    mismatch = has_other_minor(case, "torchvision")
    if mismatch is None and not hit:
        return
    if mismatch is False and not _is_conflict(hit):
        return
    severity: Severity = "note" if not hit and (mismatch == "patch" or _is_unproven(case)) else "error"
    yield Finding(
        message=f"torchvision {mine} belongs to torch {pin}, and torch {case.torch_version} is installed."
        if mismatch and mine and pin
        else "The compiled part of torchvision does not fit the installed torch.",
        subject="torchvision",
        evidence=(*([hit.evidence] if hit else []), *_versions(case, "torchvision")),
        fixes=_pair_fixes(case, "torchvision"),
        severity=severity,
        certainty="certain" if mismatch else "likely",
    )


def _is_unproven(case: Case) -> bool:
    """A nightly torch with older companions in a report that shows no failure of theirs: they may never have been imported."""
    return case.snapshot.origin == "report" and ".dev" in (case.torch_version or "") and not case.said(FAILURES)


def _is_conflict(hit: Hit | None) -> bool:
    """Whether pip itself named the two versions that do not go together."""
    return bool(hit and re.search(r"requires|has requirement|depends on", hit.match[0]))


@rule(
    "PT302",
    "torchvision-variant-mix",
    "warning",
    "torchvision is built for another device or CUDA than torch",
    needs=("target.companions|target.distributions|messages",),
    layer=71,
    says=(
        r"compiled with different CUDA major versions|torchvision were compiled with different CUDA versions",
        r"could not run 'torchvision::\w+' with arguments from the 'CUDA' backend",
        *NO_OPERATORS,
    ),
)
def torchvision_variant(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch and torchvision come from different pages of the index: one is a CPU build and the other not, or they were
        built with different CUDA releases.

    Why it matters
        torchvision refuses to be imported, or its operators (nms, roi_align) do not run on the GPU.

    See it yourself
        python -c "import torch, torchvision; print(torch.__version__, torchvision.__version__)"

    Fix
        Take both from the same page.

    Sources
        torchvision/extension.py of 0.29.2 (compares CUDA majors); pytorch/vision#8985, pytorch/pytorch#122494
    """
    failed = case.import_of("torchvision")
    hit = case.heard(torchvision_variant)
    mine, own = local_of(case, "torchvision"), case.backend
    is_open = bool(hit and re.search("|".join(NO_OPERATORS), hit.match[0], re.IGNORECASE))
    is_named = bool(hit and (not is_open or has_other_minor(case, "torchvision") is False))
    tags = {own, *(local_tag(d.version) for d in case.dists("torch"))} if case.snapshot.origin == "report" else {own}
    differs = bool(mine and own) and all(_differ(mine or "", tag) for tag in tags if tag)
    if not differs and not is_named:
        return
    if failed is not None and failed.is_ok and not is_named and mine and own and _same_major(mine, own):
        return
    yield Finding(
        message=f"torchvision is a build for {mine}, torch one for {own}."
        if differs
        else "torch and torchvision are builds for different devices or CUDA releases.",
        subject="torchvision",
        evidence=(*([hit.evidence] if hit else []), *_versions(case, "torchvision")),
        fixes=_pair_fixes(case, "torchvision"),
        severity="error" if hit else "warning",
        certainty="certain" if differs else "likely",
    )


def _differ(one: str, other: str) -> bool:
    """Two backend tags are not of one page; of ROCm the first two numbers count."""
    if compat.family(one) == compat.family(other) == "rocm":
        return compat.version_tuple(one[4:])[:2] != compat.version_tuple(other[4:])[:2]
    return one != other


def _same_major(one: str, other: str) -> bool:
    """Both are CUDA builds of one major version."""
    first, second = compat.cuda_of_tag(one), compat.cuda_of_tag(other)
    return bool(first and second and first[0] == second[0])


@rule(
    "PT303",
    "torchaudio-cuda-mismatch",
    "error",
    "torchaudio was built for another CUDA or another torch",
    needs=("target.companions|target.distributions|messages",),
    hides=("PT223", "PT224", "PT307"),
    layer=70,
    says=AUDIO_TEXT,
    is_starred=True,
)
def torchaudio(case: Case) -> Iterator[Finding]:
    """What is wrong
        torchaudio compares the CUDA release that it was built with to torch's, and refuses to be imported when they
        differ, even in the minor number. Today's defaults do: torchaudio 2.11.0 for CUDA 13.0 beside torch 2.15.0 for
        13.2. Older ones also fit one release of torch only.

    Why it matters
        import torchaudio ends with "compiled with different CUDA versions" or with an undefined symbol.

    See it yourself
        python -c "import torch, torchaudio; print(torch.version.cuda, torchaudio.__version__)"

    Fix
        Take torch and torchaudio from the same page of the index; or do without torchaudio (torchcodec and soundfile
        read and write files).

    Sources
        torchaudio/_extension/utils.py of 2.11.0; reproduced
    """
    hit = case.heard(torchaudio)
    result = case.import_of("torchaudio")
    if result is not None and result.is_ok:
        return
    mine, own = local_of(case, "torchaudio"), case.backend
    one, other = compat.cuda_of_tag(mine or ""), compat.cuda_of_tag(own or "")
    is_other_cuda = bool(one and other and one != other)
    mismatch = has_other_minor(case, "torchaudio")
    is_named = bool(hit and re.search("different CUDA|whereas", hit.match[0]))
    if not (is_other_cuda or mismatch or is_named or hit):
        return
    yield Finding(
        message=_audio_message(case, mine if is_other_cuda else None, mismatch, is_named=is_named),
        subject="torchaudio",
        evidence=(*([hit.evidence] if hit else []), *_versions(case, "torchaudio")),
        fixes=(
            *_pair_fixes(case, "torchaudio"),
            Fix(
                text="Or do without it: torchcodec and soundfile read and write audio files.",
                commands=(pip(case, "uninstall", "-y", "torchaudio"),),
                kind="print",
            ),
        ),
        severity="note" if not hit and not is_other_cuda and (mismatch == "patch" or _is_unproven(case)) else "error",
        certainty="certain" if is_other_cuda or mismatch else "likely",
    )


def _audio_message(case: Case, other_cuda: str | None, mismatch: str | bool | None, *, is_named: bool) -> str:
    """In what the two do not fit."""
    version = case.version_of("torchaudio")
    if other_cuda:
        build = f"torchaudio {version} is built for {other_cuda}, torch {case.torch_base} for {case.backend}"
        return f"{build}: it refuses to be imported."
    if mismatch:
        return f"torchaudio {version} belongs to torch {pinned_torch(case, 'torchaudio')}, not to {case.torch_version}."
    if mismatch is False and not is_named:
        return f"torchaudio {version} belongs to torch {case.torch_base}, but was built by other makers or for another CUDA."
    if version and _is_vendor_build(case):
        return (
            f"torchaudio {version} is built for the published torch, and torch {case.torch_version} is another maker's."
        )
    return "torchaudio does not fit the installed torch."


def _is_vendor_build(case: Case) -> bool:
    """Whether torch was built by somebody else than its makers: NVIDIA's containers and Jetson wheels, or from source."""
    return bool(re.search(r"\+(?:\w*nv|git|[0-9a-f]{7})|\.nv\d|a0", case.torch_version or ""))


RULES = tuple(
    sorted(
        (torchvision, torchvision_variant, torchaudio, *pt3_extensions.RULES, *pt3_kernels.RULES, *pt3_numpy.RULES),
        key=lambda member: member.code,
    )
)
"""The family PT3xx."""
