"""PT402 to PT404: NVIDIA's libraries as packages beside torch."""

import re
from collections.abc import Iterator

from ptsetup.facts import Distribution
from ptsetup.rules import _words
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._requirements import is_satisfied, requirements_of
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, pip, torch_again

SHARED = ("nccl", "cudnn", "cusparselt", "nvshmem")
"""Packages whose builds for two CUDA majors write into one folder (nvidia/nccl/lib ...); the others have folders of their own."""

WHEEL_LIBRARIES = (
    "cudnn|cublas|cublasLt|nccl|cusparse|cusparseLt|nvshmem_host|cufile|nvrtc|cudart|cufft|curand|cusolver|cupti"
    "|nvJitLink|nvToolsExt"
)
NOT_PRELOADED = rf"lib(?P<name>{WHEEL_LIBRARIES})\.so\.\*\[0-9\]\S* not found in the system path"
MISSING_LIBRARY = rf"lib(?P<name>{WHEEL_LIBRARIES})\.so(?:\.(?P<major>\d+))?[\d.]*: cannot open shared object file"


@rule(
    "PT402",
    "nvidia-package-missing",
    "error",
    "A library of NVIDIA that torch needs is not installed",
    needs=("target.distributions|messages",),
    hides=("PT408", "PT409"),
    layer=61,
    says=(MISSING_LIBRARY, NOT_PRELOADED),
    is_starred=True,
)
def nvidia_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        On Linux torch takes CUDA, cuDNN and NCCL from packages of their own (nvidia-...). One of them is not installed,
        or its files are gone: --no-deps, a slimmed image, an interrupted upgrade, or the removal of a package that
        shared the folder.

    Why it matters
        The import ends with "libcudnn.so.9: cannot open shared object file", or the like.

    See it yourself
        python -m pip check
        python -m pip list | grep -E "nvidia|cuda"

    Fix
        Install torch again with what it requires.

    Sources
        pytorch/pytorch#119932; reproduced with each library in turn
    """
    hit = case.heard(nvidia_missing)
    if case.family == "cpu":
        return
    if hit and re.search(r"could not load library", hit.message.text, re.IGNORECASE):
        hit = None  # a library of the system asks for it: PT408
    if hit and _is_of_other_major(case, hit):
        hit = None  # a package that was compiled for it asks for it: PT307
    missing = _missing_packages(case)
    gone = [d for d in _nvidia(case) if any(re.search(r"\.so", path) for path in d.missing_files or ())]
    if not missing and not gone and (hit is None or case.is_import_ok or _is_conda_torch(case)):
        return
    if case.is_import_ok and not gone:
        missing = [need for need in missing if not _is_in_loader_cache(case)]
        if not missing:
            return
    evidence = [hit.evidence] if hit else []
    if missing:
        evidence.append(fact(case, "target.distributions", f"missing: {', '.join(missing)}", "Requires-Dist of torch"))
    evidence += [
        fact(case, "target.distributions", f"{dist.name}: {(dist.missing_files or ('',))[0]} is gone", "RECORD")
        for dist in gone
    ]
    file = re.search(r"lib\w+\.so(?:\.\d+)*", hit.match[0]) if hit else None
    named = missing[0] if missing else gone[0].name if gone else file[0] if file else "a library"
    more = len(missing) + len(gone) - 1
    yield Finding(
        message=f"torch needs {named}"
        + (f" and {more} more packages" if more > 0 else "")
        + (", which is not installed." if missing or not gone else ", whose files are gone."),
        subject=named,
        evidence=tuple(evidence),
        fixes=(
            _bring(case, missing, gone),
            *([another_build("Or install torch anew, with all that it needs.", "torch")] if missing or gone else []),
        ),
        severity="error" if case.is_import_ok is not True else "warning",
        certainty="certain" if missing or gone else "likely",
    )


def _is_of_other_major(case: Case, hit: Hit) -> bool:
    """A library whose name has CUDA's major version, and torch is built with another one."""
    words = hit.match.groupdict()
    own = (case.cuda_build or "").partition(".")[0]
    return bool(
        own
        and words.get("major")
        and words["name"] in ("cudart", "nvrtc", "cublas", "cublasLt")
        and words["major"] != own
    )


def _nvidia(case: Case) -> list[Distribution]:
    """Every installed package of NVIDIA."""
    target = case.snapshot.target
    return [d for d in (target.distributions or ()) if d.name.startswith(("nvidia-", "cuda-"))] if target else []


def _is_conda_torch(case: Case) -> bool:
    """Whether conda brings CUDA by packages of other names."""
    return any(d.installer == "conda" for d in case.dists("torch"))


def _is_in_loader_cache(case: Case) -> bool:
    """A CUDA of the system answers in its place: PT409 says so."""
    cache = case.snapshot.host.loader_cache if case.snapshot.host else None
    return any(library.soname.startswith(("libcudart", "libcublas")) for library in cache or ())


def _needed(case: Case) -> list[tuple[str, str]]:
    """Packages of NVIDIA that torch's own metadata require, with their specifiers; extras of cuda-toolkit expanded."""
    needed = []
    for dist in case.dists("torch")[:1]:
        for need in requirements_of(case, dist, ("nvidia-", "cuda-toolkit", "cuda-bindings")):
            needed.append((need.name, str(need.specifier)))
            if need.name == "cuda-toolkit" and need.extras:
                for toolkit in case.dists("cuda-toolkit")[:1]:
                    inner = requirements_of(case, toolkit, ("nvidia-",), extras=tuple(need.extras))
                    needed += [(i.name, str(i.specifier)) for i in inner]
    return needed


def _missing_packages(case: Case) -> list[str]:
    """Required packages that are not installed; () unless the list of installed ones is known to be whole."""
    if case.snapshot.origin != "probe" or not case.knows_dists() or _is_conda_torch(case):
        return []
    return [name for name, _ in _needed(case) if not case.dists(name)]


def _bring(case: Case, missing: list[str], gone: list[Distribution]) -> Fix:
    """The missing packages at the versions that torch pins, or the damaged ones again."""
    pins = dict(_needed(case))
    named = [f"{name}{pins.get(name, '')}" for name in missing] + [f"{d.name}=={d.version}" for d in gone]
    if not named:
        return torch_again(case, "Install the same torch again, with what it requires.")
    return Fix(
        text="Install what is missing, at the versions that torch asks for.",
        commands=(pip(case, "install", "--force-reinstall", "--no-deps", *named),),
        kind="venv",
    )


@rule(
    "PT403",
    "nvidia-packages-mixed-majors",
    "error",
    "Packages for two CUDA majors wrote into one folder",
    needs=("target.distributions|messages",),
    hides=("PT402", "PT404", "PT405", "PT408", "PT212"),
    layer=60,
    says=(r"undefined symbol: (?P<symbol>nccl\w+|cudnn\w+|nvshmem\w+|cusparseLt\w+)",),
    is_starred=True,
)
def mixed_majors(case: Case) -> Iterator[Finding]:
    """What is wrong
        nvidia-nccl-cu12 and nvidia-nccl-cu13 (cuDNN, cuSPARSELt and NVSHMEM too) put their files into the same folder;
        the one that was installed last has won. Removing either deletes files of the other.

    Why it matters
        torch finds a library of another version: "undefined symbol: ncclCommResume" at the import. pip check says nothing.

    See it yourself
        python -m pip list | grep -E "nvidia-(nccl|cudnn|cusparselt|nvshmem)"

    Fix
        Remove the packages of the major that torch does not use, then install those that it does again.

    Sources
        pytorch/pytorch#186591, #119072; reproduced
    """
    hit = _told_mixed(case) or case.heard(mixed_majors)
    pairs = _pairs(case)
    damaged = [d for pair in pairs for d in pair if d.resized_files or d.missing_files]
    if not pairs and hit is None:
        return
    if hit and case.is_import_ok:
        hit = None
    if not pairs and (hit is None or _is_anothers(case, hit)):
        return
    evidence = [hit.evidence] if hit else []
    for pair in pairs:
        named = " and ".join(f"{d.name} {d.version}" for d in pair)
        evidence.append(fact(case, "target.distributions", named, "metadata"))
    for dist in damaged[:2]:
        changed = (*(dist.resized_files or ()), *(dist.missing_files or ()))[0]
        evidence.append(fact(case, "target.distributions", f"{dist.name}: {changed}", "RECORD against the disk"))
    message = (
        f"{pairs[0][0].name} and {pairs[0][1].name} write into one folder, and the last one installed has won."
        if pairs
        else "Packages of NVIDIA for two CUDA majors are in this environment, and a library does not load."
        if hit and not _symbol(hit)
        else f"The library that torch loaded lacks {_symbol(hit)}: it is of another version than the one torch asks for."
    )
    yield Finding(
        title=None if pairs else "A library of NVIDIA is of another version than torch needs",
        message=message,
        subject=pairs[0][0].name if pairs else "NVIDIA's packages",
        evidence=tuple(evidence),
        fixes=_one_major(case, pairs),
        severity="error" if hit or damaged else "note",
        certainty="certain" if damaged else "likely",
    )


def _pairs(case: Case) -> list[tuple[Distribution, Distribution]]:
    """Packages of one library for two CUDA majors, the older major first."""
    by_base: dict[str, list[Distribution]] = {}
    for dist in _nvidia(case):
        match = re.fullmatch(r"nvidia-(\w+)-cu(\d+)", dist.name)
        if match and match[1] in SHARED:
            by_base.setdefault(match[1], []).append(dist)
    found = []
    for dists in by_base.values():
        ordered = sorted({d.name: d for d in dists}.values(), key=lambda d: d.name)
        if len(ordered) > 1:
            found.append((ordered[0], ordered[-1]))
    return found


def _told_mixed(case: Case) -> Hit | None:
    """A person saw packages of two CUDA majors, and a library does not load."""
    is_told = case.snapshot.origin == "report" and case.said(r"nvidia|cudnn|cublas|nccl|cu1\d")
    return case.said(*_words.MIXED) if is_told and case.said(*_words.LOADING_FAILS) else None


def _is_anothers(case: Case, hit: Hit) -> bool:
    """With one major installed: a variable brings the library in (PT405, PT406), it was replaced (PT212), or is cuDNN's (PT408)."""
    is_preloaded = bool(case.env("LD_PRELOAD")) or bool(case.snapshot.target and case.snapshot.target.shadow_libraries)
    is_replaced = any(dist.resized_files or dist.altered_files for dist in _nvidia(case))
    return is_preloaded or is_replaced or _symbol(hit).startswith("cudnn")


def _symbol(hit: Hit | None) -> str:
    """The symbol that the loader misses; an empty text where the packages themselves are spoken of."""
    return (hit.match.groupdict().get("symbol") if hit else None) or ""


def _one_major(case: Case, pairs: list[tuple[Distribution, Distribution]]) -> tuple[Fix, ...]:
    """Remove the wrong major, then put the right one's files back."""
    needed = dict(_needed(case))
    major = (case.cuda_build or "").partition(".")[0]
    wrong, right = [], []
    for old, new in pairs:
        keep_old = old.name in needed or (old.name.endswith(f"-cu{major}") and new.name not in needed)
        keep, drop = (old, new) if keep_old else (new, old)
        wrong.append(drop.name)
        right.append(f"{keep.name}{needed.get(keep.name) or f'=={keep.version}'}")
    anew = another_build("Or make a new environment for torch alone; ptsetup then chooses all of it.", "torch")
    if not pairs:
        return (torch_again(case, "Install the same torch again, with the libraries that it requires."), anew)
    return (
        Fix(
            text="Remove the packages of the other major, then install torch's own again: the removal deletes shared files.",
            commands=(
                pip(case, "uninstall", "-y", *wrong),
                pip(case, "install", "--force-reinstall", "--no-deps", *right),
            ),
            kind="venv",
        ),
        anew,
    )


@rule(
    "PT404",
    "nvidia-package-version-drift",
    "warning",
    "A library of NVIDIA is not the version that torch pins",
    needs=("target.distributions",),
    layer=63,
)
def version_drift(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch's metadata pin the versions of cuDNN, NCCL and the others; another version is installed.

    Why it matters
        Errors of cuDNN or NCCL that nobody else sees, after an upgrade by hand.

    See it yourself
        python -m pip check

    Fix
        Install the pinned versions.

    Sources
        metadata of the torch wheels; reproduced
    """
    if case.snapshot.origin != "probe" or _is_conda_torch(case):
        return
    drifted = []
    for dist in case.dists("torch")[:1]:
        for need in requirements_of(case, dist, ("nvidia-", "cuda-toolkit", "cuda-bindings")):
            installed = next((d.version for d in case.dists(need.name) if d.version), None)
            if installed and not is_satisfied(need, installed):
                drifted.append((need.name, str(need.specifier), installed))
    if not drifted:
        return
    name, specifier, installed = drifted[0]
    more = f" ({len(drifted) - 1} more differ)" if len(drifted) > 1 else ""
    yield Finding(
        message=f"torch pins {name}{specifier}, and {installed} is installed{more}.",
        subject=name,
        evidence=tuple(
            Evidence(path="target.distributions", value=f"{n} {i}, wanted {s}", source="metadata")
            for n, s, i in drifted
        ),
        fixes=(
            Fix(
                text="Install the pinned versions.",
                commands=(pip(case, "install", "--force-reinstall", "--no-deps", *(f"{n}{s}" for n, s, _ in drifted)),),
                kind="venv",
            ),
        ),
    )


RULES = (nvidia_missing, mixed_majors, version_drift)
