"""Does the installed torch have code for a GPU: by its own list, by the index's row, by its tag, by what its CUDA knows."""

import re
from typing import Literal, NamedTuple

from ptsetup import compat
from ptsetup.facts import Gpu
from ptsetup.rules import _speech, _tongues, _visible
from ptsetup.rules._case import Case

CEILING = (
    ((12, 9), (12, 1)), ((12, 8), (12, 0)), ((11, 8), (9, 0)), ((11, 1), (8, 6)), ((11, 0), (8, 0)), ((10, 0), (7, 5)),
    ((9, 0), (7, 2)), ((8, 0), (6, 2)),
)  # fmt: skip
"""Newest architecture that nvcc of a CUDA release (and of those after it) can compile for (CUDA release notes)."""

FLOOR = (((13, 0), (7, 5)), ((12, 0), (5, 0)), ((11, 0), (3, 5)), ((9, 0), (3, 0)))
"""Oldest one."""

NO_KERNEL = (
    r"no kernel image is available|cuda error:? no kernel image\b|no kernel image\W*$"
    r"|cudaErrorNoKernelImageForDevice|CUDA_ERROR_NO_BINARY_FOR_GPU|CUDA error: invalid device function"
    r"|cuda runtime error \((?:8|48|98|209)\) ?: (?:invalid device function|no kernel image)|cudaErrorInvalidDeviceFunction"
)
NOT_COMPATIBLE = (
    r"is not compatible with the current PyTorch installation|install PyTorch with a following CUDA\s+configuration|not compatible "
    r"with .{0,30}this version of PyTorch"
    r"|\bsm_\d{2,3}\b.{0,4} (?:errors?\b|(?:is |are )?(?:not (?:supported|compatible)|unsupported|incompatible))"
)
TOO_OLD = r"no longer supports this GPU because it is too old|minimum cuda capability (?:supported by this library|that we support)"
RANGE = r"cuda capability supported by this version of PyTorch is\s*\((?P<min>\d+\.\d)\) ?- ?\((?P<max>\d+\.\d)\)"
LISTED = r"current PyTorch install supports CUDA capabilities (?P<listed>(?:sm_\d+[a-z]?[, ]*)+)"
"""Half of torch's warning of a GPU that none of these serves; it is printed for no other reason (torch/cuda/__init__.py)."""
BUILT_FOR = r"which is of compute capability|list shows the CCs this version of PyTorch was built for"
TOOLS_TOO_OLD = (
    r"nvrtc: error: invalid value for --gpu-architecture|ptxas fatal\s*: Value 'sm_\d+a?' is not defined"
    r"|\bunsupported gpu architecture 'compute_(?:8[69]|9\d|1\d\d)"
)
"""NVIDIA's compilers that come with torch do not know the GPU yet."""

PYTORCH_SAYS = (NOT_COMPATIBLE, TOO_OLD, BUILT_FOR, RANGE, LISTED, TOOLS_TOO_OLD)
"""What torch itself says of a GPU that it has no code for."""

KIND = (
    r"(?:sm_?\d{2,3}|blackwell|hopper|ada|ampere|turing|volta|pascal|maxwell|kepler|fermi|(?:rtx |gtx )?[1-5]0[ -]?(?:xx|series)"
    r"|(?:rtx|gtx|gt|tesla|quadro) ?\w{2,5}(?: ti| super)?|[1-5]0[5-9]0(?: ?ti)?|gpu(?: architecture)?|(?:graphics )?card)"
)
UNSUPPORTED = (
    rf"(?:{_speech.NOT} {_speech.ADVERB}(?:be )?(?:officially |yet )?(?:support\w*|compatible)|unsupported|incompatible|too (?:old|new)"
    rf"|newer than|older than)"
)
_BUILD = r"(?:\b(?:py)?torch\b(?!vision|audio)|\bcu1[0-3]\d\b)"
SAID_UNSERVED = (
    rf"(?:py)?torch[^.;\n]{{0,40}}{_tongues.UNSUPPORTED}[^.;\n]{{0,30}}{KIND}|{KIND}[^.;\n]{{0,40}}{_tongues.UNSUPPORTED}[^.;\n]{{0,50}}torch",
    rf"\b{KIND}\b{_speech.CLAUSE}\b{UNSUPPORTED}\b{_speech.CLAUSE}{_BUILD}",
    rf"\b{KIND}\b{_speech.CLAUSE}\b(?:{_speech.NOT}|fails? to) work\w* (?:with|on|under) \W?\b(?:the )?cu1[0-3]\d\b",
    rf"{_BUILD}{_speech.CLAUSE}\b{UNSUPPORTED}\b{_speech.CLAUSE}\b{KIND}\b",
    (
        rf"{_BUILD}{_speech.CLAUSE}\b(?:drop(?:s|ped)|removed|no longer (?:has|supports?|includes?|ships?|contains?)|lacks|has no "
        rf"(?:code|kernels?))\b"
        rf"{_speech.CLAUSE}\b{KIND}\b"
    ),
)
"""What people say of a GPU that is named and a torch that has no code for it."""

GENERATIONS = {
    "kepler": ((3, 0), (3, 9)), "maxwell": ((5, 0), (5, 9)), "pascal": ((6, 0), (6, 9)), "volta": ((7, 0), (7, 4)),
    "turing": ((7, 5), (7, 9)), "ampere": ((8, 0), (8, 8)), "ada": ((8, 9), (8, 9)), "hopper": ((9, 0), (9, 9)),
    "blackwell": ((10, 0), (12, 9)),
}  # fmt: skip
"""First and last compute capability."""

Side = Literal["old", "new"]


class Answer(NamedTuple):
    """Whether, and why not, a GPU is served."""

    is_served: bool
    side: Side | None
    """The GPU is too ``old`` or too ``new`` for the build."""
    listed: tuple[str, ...]
    """The architectures by which that is known; () when only the CUDA release tells."""
    source: str
    is_sure: bool
    """The list is that of this very build, measured or printed; else it is inferred."""


def answer(case: Case, capability: tuple[int, int]) -> Answer | None:
    """Whether the installed torch serves a GPU; None when too little is known."""
    known = _architectures(case)
    if known is None:
        return _by_toolkit(case, capability)
    listed, source, is_sure = known
    cuda, speaks = compat.version_tuple(case.cuda_build or "")[:2], case.cuda_driver_version
    is_ptx_allowed = speaks is None or len(cuda) < 2 or speaks[0] >= cuda
    host = case.snapshot.host
    service = compat.serves(
        capability,
        listed,
        is_ptx_allowed=is_ptx_allowed,
        is_jetson=bool(host and host.jetson),
        cuda=(cuda[0], cuda[1]) if len(cuda) == 2 else None,
    )
    return Answer(service is not None, None if service else side(capability, listed), listed, source, is_sure)


def side(capability: tuple[int, int], listed: tuple[str, ...]) -> Side:
    """Too old or too new for that list."""
    compiled = [c for name in listed if (c := compat.capability_of(name))]
    if not compiled or capability < min(compiled):
        return "old"
    return "new" if capability > max(compiled) or capability >= (9, 0) else "old"


def _architectures(case: Case) -> tuple[tuple[str, ...], str, bool] | None:
    """Architectures of the build, their source, and whether they are this build's own."""
    torch = case.snapshot.torch
    if case.architectures:
        listed, source = case.architectures
        named = tuple(name for name in listed if compat.capability_of(name))
        own = bool(torch and torch.arch_list) or bool(case.wheel and case.wheel.arch_list)
        level = case.build.arch_level if case.build else None
        return (named, source, own or level in ("measured", "table", "user-output", "build-script")) if named else None
    is_foreign = case.wheel is not None and case.wheel.build_kind in ("conda", "source", "vendor")
    if is_foreign or re.search(r"\da0|\+git", case.torch_version or ""):
        return None
    tag = case.backend if case.family == "cuda" else None
    if case.family not in ("cuda", None) or not (tag or case.torch_base):
        return None
    platform = compat.platform_of(case.snapshot) or "linux_x86_64"
    rows = [b for b in case.index.builds if b.sass and b.platform == platform]
    rows = [b for b in rows if (b.backend == tag if tag else b.torch == case.torch_base)]
    names = tuple(sorted({name for row in rows for name in (*row.sass, *row.ptx)}))
    what = f"all builds for {tag}" if tag else f"all builds of torch {case.torch_base}"
    return (names, f"wheels_index.json ({what})", False) if names else None


def _by_toolkit(case: Case, capability: tuple[int, int]) -> Answer | None:
    """By what the build's CUDA can compile for at all."""
    cuda = compat.version_tuple(case.cuda_build or "")[:2]
    if len(cuda) < 2 or case.family != "cuda":
        return None
    source = f"CUDA {case.cuda_build}"
    newest = next((top for since, top in CEILING if cuda >= since), None)
    oldest = next((bottom for since, bottom in FLOOR if cuda >= since), None)
    if newest and capability[0] > newest[0]:
        return Answer(is_served=False, side="new", listed=(), source=source, is_sure=False)
    if oldest and capability < oldest:
        return Answer(is_served=False, side="old", listed=(), source=source, is_sure=False)
    return None


def unserved(case: Case) -> tuple[tuple[Gpu, Answer], ...]:
    """GPUs in sight that the installed torch has no code for."""
    if case.is_in_words("target.wheel.version", "target.wheel.cuda") and not case.has_complaint:
        return ()
    found = [(gpu, answer(case, gpu.compute_capability)) for gpu in _visible.visible(case) if gpu.compute_capability]
    return tuple((gpu, told) for gpu, told in found if told is not None and not told.is_served)


def served(case: Case) -> tuple[Gpu, ...]:
    """GPUs in sight that it has code for."""
    found = [(gpu, answer(case, gpu.compute_capability)) for gpu in _visible.visible(case) if gpu.compute_capability]
    return tuple(gpu for gpu, told in found if told is not None and told.is_served)


def is_served_by_any(case: Case, capability: tuple[int, int]) -> bool:
    """Some build in the index has code for it."""
    return any(compat.serves(capability, (*b.sass, *b.ptx)) for b in case.index.builds if b.sass)


def text_of(capability: tuple[int, int]) -> str:
    """``8.9``."""
    return f"{capability[0]}.{capability[1]}"


def named(gpu: Gpu) -> str:
    """``Tesla K80 (compute capability 3.7)``."""
    return f"{gpu.name or f'GPU {gpu.index}'} (compute capability {text_of(gpu.compute_capability or (0, 0))})"


def is_other_vendor(case: Case) -> bool:
    """The GPU or the build is AMD's: such words then mean another thing."""
    amd = case.snapshot.amd
    return case.family == "rocm" or bool(amd and amd.gpus and not case.gpus)


def side_by_words(case: Case, capability: tuple[int, int]) -> str | None:
    """Where the build is not known: what the message says, else where a GPU of that capability mostly stands."""
    if case.said(TOO_OLD):
        return "old"
    if case.said(TOOLS_TOO_OLD):
        return "new" if capability >= (7, 0) else None
    span = case.said(RANGE) or (None if case.said(NOT_COMPATIBLE, BUILT_FOR) else case.said(LISTED))
    if span:
        return _beyond(span.match.groupdict(), capability)
    if case.said(NOT_COMPATIBLE, BUILT_FOR) or (case.snapshot.origin == "report" and case.said(*SAID_UNSERVED)):
        return "old" if capability < (7, 5) else "new"
    if served(case):
        return None
    return "old" if capability < (5, 0) else "new" if capability >= (10, 0) else None


def _beyond(words: "dict[str, str]", capability: tuple[int, int]) -> str | None:
    """On which side of a range, or list, a GPU is; None within: torch warns of a newer minor too, which its kernels serve."""
    if "min" in words:
        ends = [compat.version_tuple(words[name]) for name in ("min", "max")]
    else:
        names = re.findall(r"sm_\d+", words["listed"].lower())
        ends = sorted(found for name in names if (found := compat.capability_of(name)))
    return "old" if capability < ends[0] else "new" if capability[0] > ends[-1][0] else None
