"""PT950, PT956 and PT958: what torch.compile needs: Triton, a GPU new enough for it, a Python that it knows."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia, _visible
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fresh_environment, pip, with_variables

VARIANTS = (
    "triton",
    "pytorch-triton",
    "pytorch-triton-rocm",
    "pytorch-triton-xpu",
    "triton-windows",
    "triton-rocm",
    "triton-xpu",
)

NO_TRITON = (
    r"cannot find a working triton installation|TritonMissing",
    r"No module named ['\"]?triton['\"]?(?![\w.])",
    r"Windows (?:is )?not yet supported for torch\.compile",
    r"(?:a matching )?triton is not available(?!.{0,60}xformers)|Triton not (?:installed|found)|triton is not installed",
)


def _specifier(case: Case) -> str | None:
    """The Triton that belongs to the installed torch, as its metadata say (``==3.8.0``)."""
    release = case.index.release(case.torch_base or "")
    match = re.search(r"(?:==|~=)\s?(\d+\.\d+\.\d+)", release.triton or "") if release else None
    return match[1] if match else None


@rule(
    "PT950",
    "triton-missing",
    "error",
    "Triton is not installed",
    needs=("target.distributions|messages",),
    hides=("PT310",),
    layer=74,
    says=NO_TRITON,
    is_starred=True,
)
def no_triton(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch.compile makes its GPU kernels with Triton, and it is not installed. For Windows there is no official wheel
        of it.

    Why it matters
        "Cannot find a working triton installation" as soon as a compiled model runs; without torch.compile nothing is
        lost.

    See it yourself
        python -m pip show triton

    Fix
        Linux: install the Triton that belongs to this torch. Windows: triton-windows (by third parties) of the same
        minor release, or WSL.

    Sources
        torch/_inductor/exc.py; pytorch/pytorch#136361, #137689, #122094
    """
    hit = case.heard(no_triton)
    has_any = any(case.dists(name) for name in VARIANTS)
    is_gpu_build = case.family in ("cuda", "rocm", "xpu")
    is_report = case.snapshot.origin == "report"
    is_absent = case.knows_dists() and bool(case.dists("torch")) and not has_any and is_gpu_build
    is_absent = is_absent and (not is_report or case.heard(no_triton) is not None)  # a report lists few packages
    is_old = compat.at_least(case.torch_base, "2.0") is False
    if is_old or (has_any and not (hit and case.snapshot.origin == "report")) or not (is_absent or hit):
        return
    if case.system == "macos" and not hit:
        return
    yield Finding(
        message="Triton is not installed, and torch.compile needs it on a GPU."
        if not hit or is_absent
        else "Triton is missing or does not work here.",
        subject="triton",
        evidence=(
            *([fact(case, "target.distributions", "no triton", "metadata")] if is_absent else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=_install(case),
        severity="error"
        if hit and not _is_mere_warning(case)
        else "note"
        if is_report or case.system == "windows"
        else "warning",
        certainty="certain" if is_absent and not is_report else "likely",
    )


def _is_mere_warning(case: Case) -> bool:
    """Some packages (xFormers, diffusers) mention a missing Triton in passing."""
    return case.said(r"triton is not available, some optimizations will not be enabled") is not None


def _install(case: Case) -> tuple[Fix, ...]:
    version = _specifier(case)
    minor = int(version.split(".")[1]) if version else None
    linux = f"triton=={version}" if version else "triton"
    windows = f"triton-windows<3.{minor + 1}" if minor is not None else "triton-windows"
    ways = (
        Fix(
            text="Install the Triton that belongs to this torch.",
            commands=(pip(case, "install", linux),),
            systems=("linux",),
            kind="venv",
        ),
        Fix(
            text="Install triton-windows (made by third parties), of the same minor release.",
            commands=(pip(case, "install", windows),),
            systems=("windows",),
            kind="venv",
        ),
    )
    return tuple(fix for fix in ways if case.system is None or case.system in fix.systems)


TOO_OLD_FOR_TRITON = (
    r"Triton only supports (?:devices (?:of|with) )?CUDA Capability ?>= ?7\.0",
    r"too old to be supported by the triton GPU compiler",
)


@rule(
    "PT956",
    "gpu-too-old-for-triton",
    "error",
    "The GPU is too old for Triton",
    needs=("nvidia.gpus|messages",),
    layer=73,
    says=TOO_OLD_FOR_TRITON,
)
def old_gpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        Triton makes code for GPUs of capability 7.0 (Volta) and later; this one is older.

    Why it matters
        torch.compile, vLLM and other programs that use Triton fail on it; torch itself may work.

    See it yourself
        nvidia-smi --query-gpu=name,compute_cap --format=csv

    Fix
        Run without torch.compile on this GPU (TORCH_COMPILE_DISABLE=1), or take another one.

    Sources
        torch/_inductor/exc.py
    """
    hit = case.heard(old_gpu)
    old = [gpu for gpu in _visible.visible(case) if gpu.compute_capability and gpu.compute_capability < (7, 0)]
    if not (old or hit) or (not hit and case.family != "cuda"):
        return
    gpu = old[0] if old else None
    has_compile = compat.at_least(case.torch_base, "2.0") is not False
    if not hit and not has_compile:
        return
    capability = ".".join(map(str, gpu.compute_capability or ())) if gpu else ""
    yield Finding(
        message=f"{_nvidia.name_of(gpu)} has capability {capability}, and Triton needs 7.0."
        if gpu
        else "The GPU is older than Triton supports (7.0).",
        subject=_nvidia.name_of(gpu) if gpu else "GPU",
        evidence=(
            *([_nvidia.gpu_fact(case, gpu, "compute_capability", capability)] if gpu else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*with_variables(case, "Run without torch.compile on this GPU.", TORCH_COMPILE_DISABLE="1"),),
        severity="error" if hit else "note",
        certainty="certain" if gpu else "likely",
    )


DYNAMO_FLOOR = (((3, 11), "2.1"), ((3, 12), "2.4"), ((3, 13), "2.6"), ((3, 14), "2.10"))
"""Python -> the first torch whose torch.compile knows it: pytorch/pytorch#104918 (after 2.0), #120233 (2.4), release notes of
2.6, #169875 (2.10)."""

NOT_ON_PYTHON = (
    r"(?:dynamo|torch\.compile)(?:\(\))? is not (?:yet )?supported on Python ?(?P<python>3\.\d+)"
    r"|Python (?P<newer>3\.\d+)\+? not yet supported for torch\.compile"
)


@rule(
    "PT958",
    "compile-on-unsupported-python",
    "error",
    "torch.compile does not know this Python",
    needs=("target.version|messages",),
    layer=73,
    says=(NOT_ON_PYTHON,),
)
def python(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch.compile works on Python's byte code, and must know each release of Python. This one is newer than the
        installed torch knows, or a free-threaded one before 3.13.3.

    Why it matters
        "Dynamo is not supported on Python 3.x"; without torch.compile nothing is lost.

    See it yourself
        python -c "import sys, torch; print(sys.version, torch.__version__)"

    Fix
        Take a newer torch, or an environment with an older Python.

    Sources
        torch/__init__.py; release notes of 2.6; pytorch/pytorch#104918, #120233, #169875
    """
    hit = case.heard(python)
    base, version = case.torch_base, case.python
    floor = next((torch for minor, torch in DYNAMO_FLOOR if version[:2] == minor), None)
    is_new = version[:2] >= (3, 16) or (floor is not None and compat.at_least(base, floor) is False)
    target = case.snapshot.target
    is_free = bool(target and target.is_gil_disabled) and (0,) < version < (3, 13, 3)
    has_compile = compat.at_least(base, "2.0") is True
    if not hit and not (has_compile and (is_new or is_free)):
        return
    shown = ".".join(map(str, version)) or (hit.match["python"] or hit.match["newer"] if hit else "")
    newer = [another_build("Take a newer torch.", f"torch>={floor}")] if floor and is_new else []
    yield Finding(
        message=f"torch.compile of torch {base or 'as installed'} does not know {'free-threaded ' if is_free else ''}Python {shown}.",
        subject=f"Python {shown}",
        evidence=(
            *([fact(case, "target.version", shown, "the interpreter")] if version else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(*newer, *_known_python(case, is_free=is_free)),
        severity="error" if hit else "note",
        certainty="certain" if version and (is_new or is_free) else "likely",
    )


def _known_python(case: Case, *, is_free: bool) -> tuple[Fix, ...]:
    """The ordinary build of the same Python, or an older one."""
    if is_free:
        minor = ".".join(map(str, case.python[:2]))
        return fresh_environment(case, minor, "Or take the ordinary build of this Python", request=f"{minor}+gil")
    return fresh_environment(case, "3.12", "Or take an older Python")


RULES = (no_triton, old_gpu, python)
