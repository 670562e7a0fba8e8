"""PT4xx: the build itself. Its packages stand in pt4_packages, the loader in pt4_loader, compiling in pt4_building."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import (
    _default_build,
    _speech,
    _tongues,
    _words,
    pt4_building,
    pt4_driver,
    pt4_loader,
    pt4_packages,
    pt4_versions,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._nvidia import NOT_COMPILED
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

CPU_VERSION = r"\(you have (?P<have>\d\S*\+cpu)\)"
CPU_TORCH = r"\btorch(?:\.__version__)?[\s:='\"(v]{1,8}(?P<have>\d+\.\d+\.\d+\+cpu)\b"
FELL_BACK = r"FP16 is not supported on CPU; using FP32"
"""What Whisper says where it was not offered a GPU, or was told to do without."""

CHOSEN = r"--device[ =]+cpu|device ?= ?['\"]cpu"
NOT_BUILT = (
    r"(?<!getting cuda arch: )(?<!install )(?<!installing )(?<!build )(?<!building )\b(?:py)?torch(?: v?\d[\w.+]*\w)?"
    r"(?: (?:is|was|has|had|gets?|got|gave|being|been|came|comes|build|binary|wheel|version|package|here|itself|installed)){0,4}"
    r" (?:not (?:been )?(?:compiled|built)|(?:built |compiled |installed )?without|lacks|has no) (?:with |for )?(?:any )?"
    r"(?:cuda|gpu)\b|(?:py)?torch is not linked with support for cuda"
)
"""What programs and people say of a torch that has no code for CUDA."""

TELLING = f"{NOT_COMPILED}|{CPU_VERSION}|{NOT_BUILT}"
"""Words that tell of a CPU build by themselves."""

_CPU = r"cpu(?:[- ]only)? (?:versions?|builds?|variants?|wheels?|only|flavou?rs?|editions?|packages?|(?:py)?torch)"
SAID_CPU = (
    rf"\b(?:py)?torch\b[^.;\n]{{0,24}}{_tongues.NO_CUDA}",
    *_words.WITHOUT_CUDA,
    rf"(?:torch|安装|装|インストール|установ\w+|instal\w+)\S{{0,12}}[^.;\n]{{0,24}}{_tongues.CPU_BUILD}|{_tongues.CPU_BUILD}[^.,;\n]{{0,12}}(?:py)?torch",
    (
        rf"\b(?:install(?:s|ed|ing)|got|gets?|gave|gives?|have|has|had|is|was|it'?s|using|uses|used|pull(?:s|ed)|download(?:s|ed|ing)"
        rf"|replac\w+|bring(?:s)?|results? in|resulted in|resulting in|defaults? to"
        rf"|brought|ships?|chose|chooses|took|takes|fetch\w*|ends? up|with|as|to) (?:\w+ ){{0,6}}?{_CPU}\b{_speech.CLAUSE}"
    ),
    rf"\b{_CPU} of (?:py)?torch\b{_speech.CLAUSE}\b(?:install(?:s|ed)|there|present|in use|used)",
)
"""A person found out that the build is one for the CPU; it counts beside a GPU that should be used."""

_MEANT = (
    rf"\b(?:want|wish|should i|how (?:do|can|to)|prefer|only need|deliberate|on purpose|intend|instead of|rather than|not|or) (?:\w+ "
    rf"){{0,5}}?{_CPU}"
    r"|\bon (?:a|the) (?:cpu|machine without)\b"
)

CPU_TEXT = (
    NOT_COMPILED,
    CPU_VERSION,
    NOT_BUILT,
    r"torch was not compiled with CUDA|PyTorch (?:was|is) (?:not|built without) .{0,20}CUDA",
    r"AssertionError: .{0,40}not linked with (?:support for )?cuda|cuda devices?.{0,40}not linked",
    r"Could not run '\S+' with arguments from the 'CUDA' backend",
)


NO_GPU_BUILD = Fix(text="Stay with the CPU build, or use another GPU: no build of torch serves this one.", kind="none")


@rule(
    "PT401",
    "cpu-wheel-on-gpu-machine",
    "error",
    "A CPU build of torch on a machine with a GPU",
    needs=("target.wheel|torch|messages",),
    hides=("PT50", "PT51", "PT52", "PT536", "PT60", "PT65", "PT305", "PT302", "PT308"),
    layer=60,
    says=(*CPU_TEXT, FELL_BACK),
    is_starred=True,
)
def cpu_wheel(case: Case) -> Iterator[Finding]:
    """What is wrong
        The installed torch was built without CUDA, and an NVIDIA GPU is in this machine. The plain name gives a CPU
        build on Windows; a +cpu index, a mirror, a lock file or another package can bring one too.

    Why it matters
        torch.cuda.is_available() is False without a word, and .cuda() says "Torch not compiled with CUDA enabled".

    See it yourself
        python -c "import torch; print(torch.__version__, torch.version.cuda)"

    Fix
        Install a CUDA build over it; which one, the driver and the GPU decide (ptsetup plan).

    Sources
        xxyzz/WordDumb#91, ScrollPrize/villa#1584, JBjoernskov/Twin4Build#189
    """
    hit = case.said(*CPU_TEXT)
    if case.expect == "cpu" or (case.env("UV_TORCH_BACKEND") or "").startswith("cpu") or case.system == "macos":
        return
    told = case.said(CPU_VERSION) or (case.said(CPU_TORCH) if _is_prose(case) else None)
    by_default = _default_build.gives_cpu(case) if case.is_blind or case.said(*_words.ONLY_CPU) else None
    told_cpu = _said_cpu(case) or by_default
    hit = hit or told_cpu
    is_cpu = case.family == "cpu" or told is not None
    version = told.match["have"] if told else case.torch_version or ""
    fell_back = case.said(FELL_BACK)
    if fell_back and case.gpus and case.family is None and not (hit or told or case.said(CHOSEN)):
        yield _fell_back(case, fell_back)
        return
    if (
        not is_cpu
        and told_cpu is None
        and (hit is None or not re.search(TELLING, hit.match[0], re.IGNORECASE) or _is_measured(case))
    ):
        return
    if not hit and case.has_nvidia_device is not True and not (told and _is_prose(case)):
        return
    if case.has_nvidia_device is not True and (case.has_nvidia_device is False or _has_other_gpu(case)):
        return
    capabilities = [gpu.compute_capability for gpu in case.gpus if gpu.compute_capability]
    is_hopeless = bool(capabilities) and not any(_is_served_ever(case, c) for c in capabilities)
    named = case.gpus[0].name if case.gpus and case.gpus[0].name else "an NVIDIA GPU"
    yield Finding(
        message=(
            f"On this platform the plain name torch installs a build for the CPU{_beside(case, named, hit)}"
            if by_default is not None and hit is by_default
            else f"torch {version} is a build for the CPU{_beside(case, named, hit)}".replace("  ", " ")
        )
        + (": but no build of torch serves this GPU any more." if is_hopeless else "."),
        subject="torch",
        evidence=_facts(case, hit or told, version, named),
        fixes=(NO_GPU_BUILD,)
        if is_hopeless
        else (another_build("Install the CUDA build that fits this driver and GPU.", *_family_here(case)),),
        severity="note" if is_hopeless and not hit else "error",
        certainty="certain" if is_cpu and case.has_nvidia_device else "likely",
    )


def _facts(case: Case, hit: Hit | None, version: str, named: str) -> tuple[Evidence, ...]:
    """What was said, the build, and the GPU or its driver."""
    evidence = [hit.evidence] if hit else []
    if case.family == "cpu":
        evidence.append(fact(case, "target.wheel.version", f"torch {version} without CUDA", "torch/version.py"))
    if case.has_nvidia_device:
        evidence.append(fact(case, "nvidia.gpus" if case.gpus else "host.pci", named, "NVML or the bus"))
    elif case.driver_version:
        evidence.append(fact(case, "nvidia.smi.driver_version", *case.driver_version))
    return tuple(evidence)


def _said_cpu(case: Case) -> Hit | None:
    """Of a report with an NVIDIA GPU and no word of another build: a person says that torch is one for the CPU."""
    is_told = case.family is None or case.is_in_words("target.wheel.version", "target.wheel.cuda")
    if case.snapshot.origin != "report" or not (case.gpus and is_told) or case.said(_MEANT, CHOSEN):
        return None
    return case.stated(*SAID_CPU)


def _beside(case: Case, named: str, hit: Hit | None) -> str:
    if case.has_nvidia_device:
        return f", and {named} is here"
    return ", and the program asks for CUDA" if hit else ", and an NVIDIA driver is here"


def _is_prose(case: Case) -> bool:
    """Somebody tells of an NVIDIA driver that answers, and of nothing that the reader could take for a version of torch."""
    return case.snapshot.origin == "report" and case.family is None and case.driver_version is not None


def _fell_back(case: Case, hit: Hit) -> Finding:
    """A program that takes the GPU where torch offers it took the processor.

    A warning: it shows that torch offers no GPU, and that the build is one for the CPU is the likeliest reason only.
    """
    named = case.gpus[0].name or "an NVIDIA GPU"
    return Finding(
        title="A program computes on the processor, although a GPU is here",
        message=f"The program computes on the processor, although {named} is here: mostly torch is a build for the CPU then.",
        subject="torch",
        evidence=(hit.evidence, fact(case, "nvidia.gpus", named, "the report")),
        fixes=(
            Fix(
                text="See what torch was built for.",
                commands=(("{python}", "-c", "import torch; print(torch.__version__, torch.version.cuda)"),),
            ),
            another_build("If it has no CUDA: install the build that fits this driver and GPU.", *_family_here(case)),
        ),
        severity="warning",
        certainty="possible",
    )


def _is_measured(case: Case) -> bool:
    """The build is known and is not one for the CPU. In a report it may be what was asked for, which the error text outdoes."""
    if case.family is None:
        return False
    return case.snapshot.origin == "probe" or bool(case.snapshot.torch and case.snapshot.torch.is_cuda_available)


def _has_other_gpu(case: Case) -> bool:
    """An AMD or Intel GPU that torch could use: PT806 and PT820 speak of those."""
    amd, intel = case.snapshot.amd, case.snapshot.intel
    return bool((amd and amd.gpus) or (intel and any(compat.xpu_support(gpu.name) for gpu in intel.gpus or ())))


def _is_served_ever(case: Case, capability: tuple[int, int]) -> bool:
    """Some build of the index has code for that GPU."""
    return any(
        compat.serves(capability, (*build.sass, *build.ptx), is_ptx_allowed=True)
        for build in case.index.builds
        if build.sass
    )


def _family_here(case: Case) -> tuple[str, ...]:
    """The name torch and those companions that are installed: all from one index."""
    return ("torch", *(name for name in ("torchvision", "torchaudio") if case.dists(name)))


RULES = tuple(
    sorted(
        (
            cpu_wheel,
            *pt4_packages.RULES,
            *pt4_loader.RULES,
            *pt4_versions.RULES,
            *pt4_driver.RULES,
            *pt4_building.RULES,
        ),
        key=lambda member: member.code,
    )
)
"""The family PT4xx."""
