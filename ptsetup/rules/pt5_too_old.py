"""PT502: the driver is too old for the CUDA of the build."""

from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia, _speech, _tongues
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

OLD_MINIMUM = {(9, 0): "384.81", (9, 1): "390.46", (9, 2): "396.26", (10, 0): "410.48", (10, 1): "418.39"}
"""Linux drivers of CUDA releases that the index leaves out (CUDA release notes, table of drivers)."""

OLD_DEFAULT = {"1.0": "9.0", "1.1": "9.0", "1.2": "10.0", "1.3": "10.1", "1.4": "10.1", "1.5": "10.2", "1.6": "10.2"}
"""CUDA of the wheels that the plain name gave before the index's first release (release notes)."""

DRIVER = r"(?:nvidia |gpu |graphics |cuda |display |video |installed )*drivers?"
IN_WORDS = (
    rf"{_tongues.DRIVERS}(?:[^.;\n]|\.(?=\d)){{0,20}}{_tongues.OLD}",
    (
        rf"\b(?:my |the |your |our |this )?{DRIVER}(?: versions?)?(?: (?:is |was |\()?v?\d{{3}}[\d.]*\)?)?,? (?:which |that "
        rf")?{_speech.BE} {_speech.ADVERB}{_speech.OLD}"
    ),
    rf"\bnvidia version {_speech.BE} {_speech.ADVERB}{_speech.OLD}",
    rf"\b(?:too )?(?:old|outdated) (?:version of (?:the )?)?{DRIVER}\b(?! (?:support|compat))",
    (
        rf"\b{DRIVER}\b(?: version)?(?: \(?v?\d{{3}}[\d.]*\)?)? {_speech.NOT} {_speech.ADVERB}(?:support\w*|enough|compatible)"
        rf"\b{_speech.CLAUSE}\b(?:cuda|(?:py)?torch)"
    ),
    rf"\b(?:updat|upgrad)\w+ (?:of )?(?:my |the |our |to a newer )?{DRIVER}{_speech.ASSENT}\b{_speech.FIXED}\b",
    (
        rf"\b{_speech.FIXED} (?:it |this |the \w+ )?(?:by|after|with|once) {_speech.CLAUSE}\b(?:updat|upgrad)\w+ (?:of )?(?:my |the |our "
        rf")?{DRIVER}"
    ),
)
"""A person has found out that it is the driver; it counts where torch finds no CUDA, or fails."""

TOO_OLD = r"(?:NVIDIA )?driver on your system is too old(?: \(found version (?P<found>\d{4,5})\))?"
INSUFFICIENT = r"CUDA driver version is insufficient\b|cudaErrorInsufficientDriver"
ENDED = (
    r"\bcuda runtime error \(35\)|^\W{0,4}(?:\w+\.)*\w*Error\b: (?:CUDA error: )?CUDA driver version is insufficient"
    r"|^\W{0,4}(?:CUDA error|error 35)\W{0,3}CUDA driver version is insufficient|: cudaErrorInsufficientDriver\b"
)
"""The error with which a program ended: an environment that was looked at before, elsewhere or as another user, refutes it not."""

REQUIRES = r"\bcuda [\d.]+ (?:requires|needs) (?:an? )?(?:nvidia )?driver (?:version )?(?:>=? ?)?(?P<needs>\d{3}[\d.]*)"
UNSATISFIED = r"unsatisfied condition: (?:cuda|driver) ?>= ?(?P<needs>[\d.]+)"


@rule(
    "PT502",
    "driver-too-old-for-wheel",
    "error",
    "The driver is older than the wheel's CUDA needs",
    needs=("target.wheel|torch.cuda_build_version|messages",),
    hides=("PT603", "PT604", "PT513", "PT536", "PT307", "PT930", "PT408"),
    layer=25,
    says=(TOO_OLD, INSUFFICIENT, UNSATISFIED),
    is_starred=True,
)
def too_old(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch was built with a CUDA whose major release is newer than the driver speaks. CUDA 13 needs driver 580 or
        newer, 12 needs 525, 11 needs 450; before CUDA 11 each release needs its own driver. Within one major an older
        driver will do.

    Why it matters
        CUDA does not start: "The NVIDIA driver on your system is too old (found version 12040)". The GPU stays idle.

    See it yourself
        nvidia-smi --query-gpu=driver_version --format=csv,noheader
        python -c "import torch; print(torch.version.cuda)"

    Fix
        Either install a newer driver and restart, or install a build of torch for a CUDA that this driver speaks.
        Where you may not change the driver, or none is made for the GPU any more, take the second way.

    Sources
        NVIDIA, CUDA compatibility; pytorch/pytorch#190385, #162531, sgl-project/sglang#11395, Nerogar/OneTrainer#1572
    """
    hit = case.heard(too_old) or _in_words(case)
    if _is_elsewhere(case):
        return
    gap = _gap(case)
    if gap is None and _is_said(case):
        gap, hit = True, case.said(REQUIRES)
    if gap is None and (hit is None or _is_refuted(case, hit)):
        return
    cuda = _cuda(case)
    build = f"CUDA {cuda}" if cuda else "a newer CUDA"
    minimum = _minimum(case)
    speaks = case.cuda_driver_version
    driver = case.driver_version
    seen = f"driver {driver[0]}" if driver else "the driver"
    upto = f" speaks CUDA {'.'.join(map(str, speaks[0]))} at most" if speaks else " is older"
    needs = f", which needs driver {minimum} or newer" if minimum else ""
    yield Finding(
        message=f"torch {case.torch_version or ''} is built with {build}{needs}; {seen}{upto}.".replace("  ", " "),
        subject="NVIDIA driver",
        evidence=(
            *([hit.evidence] if hit else []),
            *_nvidia.driver_fact(case),
            *_speaks_fact(case),
            *(
                [fact(case, "target.wheel.cuda", build, "torch/version.py" if case.cuda_build else "its release")]
                if cuda
                else []
            ),
        ),
        fixes=_two_ways(case, minimum),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if case.cuda_build and (gap or hit) else "likely",
    )


def _speaks_fact(case: Case) -> tuple[Evidence, ...]:
    speaks = case.cuda_driver_version
    if speaks is None:
        return ()
    path = {"NVML": "nvidia.nvml.cuda_driver_version", "cuDriverGetVersion": "nvidia.cuda.version"}
    value = f"CUDA {'.'.join(map(str, speaks[0]))}"
    return (fact(case, path.get(speaks[1], "nvidia.smi.cuda_version"), value, speaks[1]),)


def _is_elsewhere(case: Case) -> bool:
    """CUDA works, no NVIDIA GPU is meant, or the driver comes with the board."""
    host, amd = case.snapshot.host, case.snapshot.amd
    has_other = bool(amd and amd.gpus) and not case.gpus
    is_absent = case.has_nvidia_device is False and not _nvidia.has_answered(case)
    works = _nvidia.works(case) and not case.said(ENDED)
    return works or is_absent or has_other or bool(host and host.jetson)


def _cuda(case: Case) -> str | None:
    """The CUDA of the build; of a report that names only a release, and in which torch finds no CUDA, that of the plain name."""
    torch = case.snapshot.torch
    is_blind = case.snapshot.origin == "report" and bool(torch and torch.is_cuda_available is False)
    if case.cuda_build or case.backend or not is_blind or case.system in ("windows", "macos"):
        return case.cuda_build
    for build in case.index.builds:
        if (build.torch, build.origin, build.platform) == (case.torch_base, "default", "linux_x86_64"):
            return build.cuda
    return OLD_DEFAULT.get(".".join((case.torch_base or "").split(".")[:2]))


TELLING = ("target.wheel.version", "target.wheel.cuda", "nvidia.smi.driver_version", "nvidia.smi.cuda_version")


def _in_words(case: Case) -> Hit | None:
    """What a person says of the driver, in a report of something that does not work."""
    intel = case.snapshot.intel
    is_meant = bool(case.gpus) or not (intel and intel.gpus)
    return case.stated(*IN_WORDS) if is_meant and case.snapshot.origin == "report" and case.has_complaint else None


def _gap(case: Case) -> bool | None:
    """The driver is too old for the build by the facts; None when they do not show it."""
    need = compat.version_tuple(_cuda(case) or "")[:2]
    if len(need) < 2 or case.family not in ("cuda", None) or _nvidia.cuda_code(case) == 0:
        return None
    speaks, driver = case.cuda_driver_version, case.driver_version
    if case.is_in_words(*TELLING) and not case.has_complaint:
        return None
    if speaks:
        # before CUDA 11 there is no minor-version compatibility
        return True if speaks[0][0] < need[0] or (need[0] < 11 and speaks[0] < need) else None
    return True if driver and compat.at_least(driver[0], _minimum(case)) is False else None


def _is_said(case: Case) -> bool:
    """Somebody found which driver a CUDA release needs, and the one that is named is older."""
    told = case.said(REQUIRES) if case.snapshot.origin == "report" else None
    return bool(told and case.driver_version and compat.at_least(case.driver_version[0], told.match["needs"]) is False)


def _minimum(case: Case) -> str | None:
    """The oldest driver with which the installed build starts."""
    need = compat.version_tuple(_cuda(case) or "")[:2]
    if len(need) < 2:
        hit = case.said(UNSATISFIED, REQUIRES)
        return hit.match["needs"] if hit and "driver" in hit.match[0].lower() else None
    full, loose = compat.minimum_driver(
        (need[0], need[1]), case.index, is_windows=compat.counts_as_windows(case.snapshot)
    )
    return (loose if need[0] >= 11 else full or OLD_MINIMUM.get((need[0], need[1]))) or full


def _is_refuted(case: Case, hit: Hit) -> bool:
    """The text cannot be true of what is known: the driver speaks the build's CUDA."""
    if case.is_in_words(*TELLING):
        return False  # what a program printed is surer than what a person tells beside it
    need = compat.version_tuple(case.cuda_build or "")[:2]
    found = hit.match.groupdict().get("found")
    speaks = (int(found) // 1000, int(found) % 1000 // 10) if found else None
    if found is None and case.cuda_driver_version and case.family == "cuda":
        speaks = case.cuda_driver_version[0]
    return bool(speaks and len(need) == 2 and need[0] >= 11 and speaks[0] >= need[0] and not found)


def _two_ways(case: Case, minimum: str | None) -> tuple[Fix, ...]:
    driver = _nvidia.newer_driver(case, minimum)
    speaks = case.cuda_driver_version
    most = f"{speaks[0][0]}.x" if speaks and speaks[0][0] >= 11 else ".".join(map(str, speaks[0])) if speaks else ""
    upto = f" (CUDA {most} or older)" if most else ""
    build = another_build(f"{'Or install' if driver else 'Install'} a build of torch that this driver carries{upto}.")
    return (*driver, build)


RULES = (too_old,)
