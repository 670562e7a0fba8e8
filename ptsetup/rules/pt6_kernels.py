"""PT603 to PT606: PTX, several generations of GPUs, torch's own advice, and packages with kernels of their own."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Gpu
from ptsetup.rules import _nvidia, _serving, _visible
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._serving import NO_KERNEL, is_other_vendor, named, side_by_words, text_of
from ptsetup.rules._ways import another_build, fact, with_variables

OLD_FOR_PACKAGES = (7, 0)
"""Below this capability many compiled packages (vLLM, Triton, flash-attn) carry nothing, whatever torch carries."""

NOT_SUPPORTED = r"CUDA error: operation not supported|cudaErrorNotSupported|CUDA_ERROR_NOT_SUPPORTED"
"""What newer kernels say on a driver of the same major that is older; of other causes too, so it counts only there."""

UNSUPPORTED_PTX = (
    r"PTX was comp\w{2,6} with an unsupported toolchain",
    r"cudaErrorUnsupportedPtxVersion|CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
)


@rule(
    "PT603",
    "ptx-jit-too-new-for-driver",
    "error",
    "PTX from a newer CUDA than the driver knows",
    needs=("nvidia|messages",),
    layer=61,
    says=UNSUPPORTED_PTX,
    import_needed=True,
)
def ptx(case: Case) -> Iterator[Finding]:
    """What is wrong
        An older driver of the same CUDA major runs finished kernels of a newer minor release, but cannot compile its
        PTX. Triton kernels and some packages bring PTX.

    Why it matters
        torch itself works; such a kernel ends with "the provided PTX was compiled with an unsupported toolchain" (222).

    See it yourself
        nvidia-smi | head -4
        python -c "import torch; print(torch.version.cuda)"

    Fix
        Install a newer driver, or a build (of torch, or of the package that fails) for the driver's own CUDA release.

    Sources
        yerfor/GeneFacePlusPlus#192, MadryLab/trak#68, pytorch/pytorch#146056; NVIDIA, CUDA compatibility; of Triton's
        kernels triton-lang/triton#3001, pytorch/pytorch#119054
    """
    yield from _refused_cubin(case)
    hit = case.heard(ptx) or case.said(NOT_SUPPORTED)
    need = compat.version_tuple(case.cuda_build or "")[:2]
    speaks = case.cuda_driver_version
    is_behind = speaks is not None and len(need) == 2 and speaks[0][0] == need[0] and speaks[0] < need
    if hit and not is_behind and case.heard(ptx) is None:
        hit = None  # of other causes than the driver
    if hit is None and not (is_behind and case.family == "cuda" and need[0] >= 11):
        return
    full, _ = (
        compat.minimum_driver((need[0], need[1]), case.index, is_windows=compat.counts_as_windows(case.snapshot))
        if len(need) == 2
        else (None, None)
    )
    upto = f"The driver speaks CUDA {text_of(speaks[0])}" if speaks else "The driver is older than the CUDA of a kernel"
    rest = f", torch is built with {case.cuda_build}" if is_behind else ""
    yield Finding(
        message=f"{upto}{rest}: "
        + ("PTX from the newer release cannot be compiled." if hit else "fine for torch's own kernels, not for PTX."),
        subject="NVIDIA driver",
        evidence=(
            *([hit.evidence] if hit else []),
            *_nvidia.driver_fact(case),
            *([fact(case, "target.wheel.cuda", case.cuda_build, "torch/version.py")] if is_behind else []),
        ),
        fixes=(
            *_nvidia.newer_driver(
                case, full if is_behind else None, text=None if is_behind else "Install a newer NVIDIA driver"
            ),
            another_build("Or install a build for the driver's own CUDA release."),
        )
        if hit
        else (),
        severity="error" if hit else "note",
        certainty="certain" if hit and is_behind else "likely" if hit else "certain",
    )


TRITON_REFUSED = r"Triton Error \[CUDA\]: device kernel image is invalid"


def _refused_cubin(case: Case) -> Iterator[Finding]:
    """Triton's own ptxas is of CUDA 12 also beside a torch for CUDA 11; a driver for CUDA 11 refuses what it makes."""
    hit, speaks = case.said(TRITON_REFUSED), case.cuda_driver_version
    if hit is None or speaks is None or speaks[0] >= (12, 0):
        return
    built = ".".join((case.cuda_build or "").split(".")[:2])
    path = f"/usr/local/cuda-{built}/bin/ptxas"
    text = f"Or, where the toolkit of CUDA {built} is installed, let Triton use its ptxas."
    yield Finding(
        message=f"The driver speaks CUDA {text_of(speaks[0])}, and Triton makes its kernels for CUDA 12: the driver refuses them.",
        subject="NVIDIA driver",
        evidence=(hit.evidence, *_nvidia.driver_fact(case)),
        fixes=(
            *_nvidia.newer_driver(case, compat.minimum_driver((12, 0), case.index, is_windows=False)[1]),
            *(
                with_variables(case, text, TRITON_PTXAS_PATH=path)
                if built.startswith("11.") and case.system != "windows"
                else ()
            ),
        ),
        certainty="likely",
    )


@rule(
    "PT604",
    "mixed-gpus",
    "warning",
    "Only some of the GPUs are served by this torch",
    needs=("nvidia.gpus",),
    layer=62,
)
def mixed(case: Case) -> Iterator[Finding]:
    """What is wrong
        GPUs of different generations are in this machine, and the installed torch has code for some of them only.

    Why it matters
        What works on cuda:0 fails on cuda:1, or the other way round.

    See it yourself
        nvidia-smi --query-gpu=index,name,compute_cap,uuid --format=csv

    Fix
        Let torch see only the GPUs that it serves; or install a build that serves all of them (for Volta together with
        Blackwell the last was cu128 of torch 2.10).

    Sources
        unslothai/unsloth#5876
    """
    known = [(gpu, _serving.answer(case, gpu.compute_capability)) for gpu in case.gpus if gpu.compute_capability]
    good = [gpu for gpu, told in known if told and told.is_served]
    bad = [gpu for gpu, told in known if told and not told.is_served]
    if not good or not bad:
        return
    hidden = [gpu for gpu in bad if gpu not in _visible.visible(case)]
    ids = ",".join(gpu.uuid or str(gpu.index) for gpu in good)
    yield Finding(
        message=f"torch {case.torch_version} serves {good[0].name}, but not {bad[0].name}"
        + ("; CUDA_VISIBLE_DEVICES hides that one." if len(hidden) == len(bad) else "."),
        subject=_nvidia.name_of(bad[0]),
        evidence=tuple(
            _nvidia.gpu_fact(
                case, gpu, "compute_capability", f"{gpu.name}: {text_of(gpu.compute_capability or (0, 0))}"
            )
            for gpu in (good[0], bad[0])
        ),
        fixes=(
            *with_variables(
                case,
                "Let torch see only the GPUs that it serves.",
                CUDA_DEVICE_ORDER="PCI_BUS_ID",
                CUDA_VISIBLE_DEVICES=ids,
            ),
            another_build("Or install a build that serves all of them, if there is one."),
        ),
        severity="note" if len(hidden) == len(bad) else "warning",
    )


@rule(
    "PT605",
    "torch-own-advice-outdated",
    "note",
    "torch advises a build that does not exist",
    needs=("messages",),
    layer=63,
    says=(r"install PyTorch with a following CUDA\s+configurations?: ?(?P<list>[\d. ]+)",),
)
def advice(case: Case) -> Iterator[Finding]:
    """What is wrong
        For an old GPU torch 2.15 prints a list of CUDA configurations to install; some of them (12.6) have no build of
        that release.

    Why it matters
        Following it literally leads to "no matching distribution".

    See it yourself
        python -m pip index versions torch --index-url https://download.pytorch.org/whl/cu126

    Fix
        Take the build that ptsetup plans: the last release with code for the GPU.

    Sources
        torch/cuda/__init__.py of 2.15.0; pytorch/pytorch#190385
    """
    hit = case.heard(advice)
    base = case.torch_base or case.newest_torch_then
    if hit is None or not base:
        return
    tags = {b.backend for b in case.index.builds if b.torch == base}
    listed = [word for word in hit.match["list"].split() if re.fullmatch(r"\d+\.\d+", word)]
    absent = [word for word in listed if compat.tag_of_cuda(word) not in tags]
    if not tags or not absent:
        return
    yield Finding(
        message=f"torch advises CUDA {', '.join(absent)}, and there is no such build of torch {base}.",
        subject="torch",
        evidence=(
            hit.evidence,
            Evidence(path="index.builds", value=" ".join(sorted(tags)), source="wheels_index.json"),
        ),
        fixes=(another_build("Take the last release with code for this GPU."),),
    )


BELOW = (
    r"GPUs? with (?:cuda )?compute capability (?:below|less than|lower than|under) (?P<floor>\d+\.\d) (?:is|are) not supported",
    r"only supports? (?P<kind>ampere|turing|hopper|volta|ada|blackwell) (?:GPUs?|architectures?|cards?) (?:or|and) (?:newer|later|above)",
)
"""What vLLM, FlashAttention and the like say of a GPU for which they were not compiled."""


@rule(
    "PT606",
    "extension-arch-list",
    "error",
    "A compiled package has no code for the GPU",
    needs=("nvidia.gpus|messages",),
    layer=71,
    says=(NO_KERNEL, *BELOW),
)
def extension(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch itself has code for the GPU, but a compiled package (or TORCH_CUDA_ARCH_LIST, with which packages are
        built) has not.

    Why it matters
        torch works, and one package ends with "no kernel image is available". vLLM, Triton and flash-attention leave
        out GPUs older than 7.0 or 8.0.

    See it yourself
        echo $TORCH_CUDA_ARCH_LIST
        cuobjdump --list-elf path/to/the/extension.so

    Fix
        Build the package anew for the GPU's own capability; or take a GPU, or a package, that fits.

    Sources
        HPMLL/DTC-SpMM_ASPLOS24#2, dhernandez0/sgm#35
    """
    below = case.said(*BELOW)
    hit = case.said(NO_KERNEL)
    if is_other_vendor(case) or (hit and _serving.unserved(case)):
        return
    if below and not _is_new_enough(case, below):
        yield _left_out(case, below)
        return
    value = case.env("TORCH_CUDA_ARCH_LIST")
    gpus = [gpu for gpu in _visible.visible(case) if gpu.compute_capability]
    left_out = next((gpu for gpu in gpus if value and not _covers(value, gpu.compute_capability or (0, 0))), None)
    if left_out is None and (hit is None or not gpus or side_by_words(case, gpus[0].compute_capability or (0, 0))):
        return
    gpu = left_out or gpus[0]
    capability = text_of(gpu.compute_capability or (0, 0))
    yield Finding(
        message=f"TORCH_CUDA_ARCH_LIST={value} leaves out {named(gpu)}."
        if left_out
        else f"torch has code for {named(gpu)}, so a compiled package is the one that has none."
        if _serving.served(case)
        else f"Some compiled code, of torch or of a package, leaves out {named(gpu)}.",
        subject="TORCH_CUDA_ARCH_LIST" if left_out else "extension",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "env.TORCH_CUDA_ARCH_LIST", value, "the environment")] if left_out else []),
            _nvidia.gpu_fact(case, gpu, "compute_capability", f"{gpu.name or 'GPU'}: {capability}", "NVML or its name"),
        ),
        fixes=_build_for(case, gpu, has_failed=hit is not None),
        severity="error" if hit else "warning",
        certainty="likely" if not left_out else "certain",
    )


def _is_new_enough(case: Case, hit: Hit) -> bool:
    """Each GPU that is known is one of those that the package asks for: then its requirements are told, no failure."""
    words = hit.match.groupdict()
    floor = (
        compat.version_tuple(words["floor"]) if words.get("floor") else _serving.GENERATIONS[words["kind"].lower()][0]
    )
    known = [gpu.compute_capability for gpu in case.gpus if gpu.compute_capability]
    return bool(known) and all(capability >= floor for capability in known)


def _left_out(case: Case, hit: Hit) -> Finding:
    """A package says itself for which GPUs it was made."""
    words = hit.match.groupdict()
    which = f"compute capability {words['floor']}" if words.get("floor") else f"the generation {words['kind'].title()}"
    none = Fix(
        text="Use a newer GPU; or an older release of the package, or its other ways (another attention backend).",
        kind="none",
    )
    gpu = next((gpu for gpu in case.gpus if gpu.compute_capability), None)
    return Finding(
        message=f"A compiled package needs {which} or newer"
        + (f", and {named(gpu)} is here." if gpu else ", and this GPU is older."),
        subject="extension",
        evidence=(hit.evidence,),
        fixes=(none,),
        certainty="likely",
    )


def _build_for(case: Case, gpu: Gpu, *, has_failed: bool) -> tuple[Fix, ...]:
    """Build the package anew for that GPU."""
    capability = gpu.compute_capability or (9, 0)
    text = f"Set the GPU's own capability ({text_of(capability)}), then build the package anew."
    none = Fix(
        text="Many packages carry nothing for GPUs below 7.0: another GPU, or an older release of the package.",
        kind="none",
    )
    is_old = capability < OLD_FOR_PACKAGES
    rebuild = with_variables(case, text, TORCH_CUDA_ARCH_LIST=text_of(capability))
    return (*rebuild, *((none,) if is_old and has_failed else ()))


def _covers(value: str, capability: tuple[int, int]) -> bool:
    """A list like ``8.0;8.6+PTX`` or ``Ampere`` has code for the capability."""
    names: list[str] = []
    for word in re.split(r"[;, ]+", value.strip()):
        match = re.fullmatch(r"(\d+)\.(\d)[af]?(\+PTX)?", word)
        if match is None:
            return True  # a family name, or ``All``: not judged
        names.append(f"sm_{match[1]}{match[2]}")
        if match[3]:
            names.append(f"compute_{match[1]}{match[2]}")
    return not names or compat.serves(capability, names, is_ptx_allowed=True) is not None


RULES = (ptx, mixed, advice, extension)
