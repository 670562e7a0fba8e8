"""PT410 to PT413: what compiling an extension against torch needs."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Program
from ptsetup.rules import _nvidia, _words
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip

DETECTED = r"the detected CUDA version \((?P<found>[\d.]+)\) mismatches the version that was used to compile"
COMPILED_WITH = r"PyTorch \((?P<built>[\d.]+)\)|binaries were compiled with Cuda (?P<apex>[\d.]+\d)"
DEEPSPEED = (
    r"installed CUDA version (?P<found>[\d.]+\d) does not match the version torch was compiled with (?P<built>[\d.]+\d)"
)
APEX = r"compiled with a version of Cuda that does not match the version used to compile Pytorch"
_NUMBERS = r"(?P<found>\d{1,2}\.\d)\b.{0,60}\b(?P<built>\d{1,2}\.\d)\b"
SAID_OTHER = (
    (
        rf"\bnvcc\b[^;\n]{{0,60}}?{_NUMBERS}[^;\n]{{0,80}}?\b(?:mismatch\w*|(?:do(?:es)? ?n[o']?t|not) match|different|differ\w*"
        rf"|incompatib\w+)"
    ),
    rf"\b(?:mismatch|(?:do(?:es)? ?n[o']?t|not) match)\b[^;\n]{{0,40}}\b(?:nvcc|toolkit)\b[^;\n]{{0,40}}?{_NUMBERS}",
)
"""A person has compared the two."""

OLD_NVCC = r"nvcc fatal\s*: unsupported gpu architecture '(?P<arch>\w+)'"


def _program(case: Case, name: str) -> Program | None:
    """A program that was looked for."""
    programs = case.snapshot.host.programs if case.snapshot.host else None
    return next((p for p in programs or () if p.name == name), None)


@rule(
    "PT410",
    "cuda-home-mismatch",
    "warning",
    "The CUDA toolkit is of another major than torch's CUDA",
    needs=("host.programs|messages",),
    layer=80,
    hides=("PT411",),
    says=(DETECTED, DEEPSPEED, APEX, OLD_NVCC, *SAID_OTHER),
)
def cuda_home(case: Case) -> Iterator[Finding]:
    """What is wrong
        Extensions are compiled with the toolkit that CUDA_HOME, CUDA_PATH, nvcc on PATH or /usr/local/cuda names (in this
        order), and its major version differs from the CUDA that torch was built with.

    Why it matters
        The build stops: "The detected CUDA version mismatches the version that was used to compile PyTorch". Running
        torch needs no toolkit at all.

    See it yourself
        nvcc --version
        python -c "import torch; print(torch.version.cuda)"

    Fix
        Install the matching toolkit and let CUDA_HOME name it; or take the torch that was built for the toolkit at hand.

    Sources
        torch/utils/cpp_extension.py of 2.15.0
    """
    hit = case.heard(cuda_home)
    nvcc = _program(case, "nvcc")
    words = hit.match.groupdict() if hit else {}
    found = words.get("found") or (nvcc.version if nvcc else None)
    told = case.said(COMPILED_WITH) if hit else None
    built = words.get("built") or (told.match["built"] or told.match["apex"] if told else None) or case.cuda_build
    have, want = compat.version_tuple(found or "")[:2], compat.version_tuple(built or "")[:2]
    if not hit and (not have or not want or have[0] == want[0]):
        return
    if not hit and case.snapshot.origin == "report":
        hit = case.said(*_words.BUILD_FAILS)
    evidence: list[Evidence] = [hit.evidence] if hit else []
    if told and hit and told.message is not hit.message:
        evidence.append(told.evidence)
    if nvcc and nvcc.version:
        evidence.append(fact(case, "host.programs", f"nvcc {nvcc.version} ({nvcc.path})", nvcc.source))
    if case.cuda_build:
        evidence.append(fact(case, "target.wheel.cuda", case.cuda_build, "torch/version.py"))
    what = f"The CUDA toolkit is {found}, torch was built with CUDA {built}"
    if words.get("arch"):
        what = f"The CUDA toolkit{f' {found}' if found else ''} does not know the GPU's architecture {words['arch']}: it is too old"
    elif not found or not built:
        what = "The CUDA toolkit is of another version than the CUDA that torch was built with"
    yield Finding(
        message=what
        + (
            ": extensions cannot be compiled."
            if hit
            else ": compiling extensions would stop (running torch is not affected)."
        ),
        subject="CUDA toolkit",
        evidence=tuple(evidence),
        fixes=_toolkits(case, built, found),
        severity="error" if hit else "note",
    )


def _toolkits(case: Case, built: str | None, found: str | None) -> tuple[Fix, ...]:
    """The toolkit for this torch; or the torch for this toolkit."""
    version = ".".join((built or "").split(".")[:2])
    fixes = []
    if version:
        fixes.append(
            Fix(
                text=f"Install the toolkit of CUDA {version} into the environment (conda), and let CUDA_HOME name it.",
                commands=(("conda", "install", "-c", "nvidia", f"cuda-toolkit={version}"),),
            )
        )
        fixes += fitting(
            case,
            Fix(
                text=f"Or, where the toolkit of CUDA {version} is installed already, let CUDA_HOME name it.",
                shell=f"export CUDA_HOME=/usr/local/cuda-{version} PATH=/usr/local/cuda-{version}/bin:$PATH",
                systems=("linux",),
            ),
        )
    tag = compat.tag_of_cuda(found) if found else None
    if tag and any(build.backend == tag for build in case.index.builds):
        fixes.append(another_build(f"Or take a torch that was built with CUDA {found}.", "torch", backend=tag))
    else:
        fixes.append(another_build("Or take a torch whose CUDA has the toolkit's major version.", "torch"))
    return tuple(fixes)


NVCC_TEXT = (
    r"CUDA was not found on the system, please set the CUDA_HOME",
    r"CUDA_HOME environment variable is not set",
    r"nvcc(?:\.exe)?(?: not found|: (?:command )?not found| was not found| is not recognized)|nvcc not found at",
    r"No such file or directory: '?\S*/bin/nvcc",
)


@rule(
    "PT411",
    "nvcc-missing",
    "note",
    "The CUDA compiler is not installed",
    needs=("host.programs|messages",),
    layer=81,
    says=NVCC_TEXT,
)
def nvcc_missing(case: Case) -> Iterator[Finding]:
    """What is wrong
        Wheels bring the libraries of CUDA, not its compiler nvcc, and no toolkit was found.

    Why it matters
        Packages that are compiled at installation (flash-attn, apex, deepspeed's operators) cannot be built. Running
        torch needs no toolkit.

    See it yourself
        nvcc --version
        echo $CUDA_HOME

    Fix
        Install the toolkit of torch's CUDA release, or take a ready wheel of the package.

    Sources
        torch/utils/cpp_extension.py; reproduced
    """
    hit = case.heard(nvcc_missing)
    nvcc = _program(case, "nvcc")
    is_absent = nvcc is not None and nvcc.path is None and case.snapshot.origin == "probe"
    if not hit and not (is_absent and case.family == "cuda"):
        return
    version = ".".join((case.cuda_build or "13.0").split(".")[:2])
    evidence = [hit.evidence] if hit else []
    if is_absent:
        evidence.append(fact(case, "host.programs", "nvcc: not found", "CUDA_HOME, PATH, /usr/local/cuda"))
    package = (f"cuda-toolkit-{version.replace('.', '-')}",)
    install = _nvidia.install(case, {"apt": package, "dnf": package}) or (("sudo", "apt", "install", *package),)
    yield Finding(
        message="A package is to be compiled, and the CUDA compiler nvcc was not found."
        if hit
        else "No CUDA toolkit (nvcc) is here: torch runs without one; compiling extensions needs it.",
        subject="nvcc",
        evidence=tuple(evidence),
        fixes=(
            *fitting(
                case,
                Fix(
                    text="Install the toolkit without a driver (NVIDIA's repository).",
                    commands=install,
                    systems=("linux",),
                ),
                Fix(
                    text="Install the toolkit.",
                    commands=(("winget", "install", "--id", "Nvidia.CUDA", "-e"),),
                    systems=("windows",),
                ),
            ),
            Fix(
                text="Or, without administrator rights, into a conda environment.",
                commands=(("conda", "install", "-c", "nvidia", f"cuda-toolkit={version}"),),
            ),
        ),
        severity="error" if hit else "note",
        certainty="likely" if hit else "certain",
    )


# Exclusive upper bounds, torch/utils/cpp_extension.py (2.13 and 2.15.0). The table there ends at 13.0; for later releases
# torch only logs that it knows no bounds, so nothing is said here either.
GCC_BELOW = {
    "11.0": 10, "11.1": 11, "11.2": 11, "11.3": 11, "11.4": 12, "11.5": 12, "11.6": 12, "11.7": 12, "12.0": 13,
    "12.1": 13, "12.2": 13, "12.3": 14, "12.4": 14, "12.5": 14, "12.6": 14, "12.7": 14, "12.8": 15, "12.9": 15, "13.0": 16,
}  # fmt: skip
CLANG_BELOW = {
    "11.1": 11, "11.2": 12, "11.3": 12, "11.4": 13, "11.5": 13, "11.6": 14, "11.7": 14, "12.0": 15, "12.1": 15,
    "12.2": 16, "12.3": 16, "12.4": 17, "12.5": 18, "12.6": 18, "12.7": 19, "12.8": 19, "12.9": 19, "13.0": 21,
}  # fmt: skip

OUT_OF_RANGE = (
    r"the current installed version of (?P<name>\S+) \((?P<version>[^)]+)\) is (?P<how>greater|less) than .{0,40}"
    r"by CUDA (?P<cuda>\d+(?:\.\d+)*)"
)
COMPILER_TEXT = (
    OUT_OF_RANGE,
    r"unsupported GNU version! gcc versions later than (?P<limit>\d+) are not supported",
    r"host_config\.h.{0,40}unsupported (?:GNU|clang|Microsoft Visual Studio) version",
)


@rule(
    "PT412",
    "host-compiler-out-of-range",
    "error",
    "The C++ compiler is outside the range that this CUDA takes",
    needs=("host.programs|messages",),
    layer=80,
    says=COMPILER_TEXT,
)
def host_compiler(case: Case) -> Iterator[Finding]:
    """What is wrong
        Each CUDA release compiles with C++ compilers up to a certain version only, and the one found is newer (or much
        older).

    Why it matters
        Building an extension stops at the first file.

    See it yourself
        g++ --version
        nvcc --version

    Fix
        Install a g++ that this CUDA takes and name it with CC and CXX.

    Sources
        torch/utils/cpp_extension.py (table up to CUDA 13.0)
    """
    hit = case.heard(host_compiler)
    nvcc = _program(case, "nvcc")
    compiler = next((p for p in (_program(case, n) for n in ("g++", "c++", "clang++")) if p and p.version), None)
    told = hit.match.groupdict() if hit else {}
    cuda = told.get("cuda") or ".".join(map(str, compat.version_tuple((nvcc.version if nvcc else None) or "")[:2]))
    is_clang = "clang" in (told.get("name") or (compiler.name if compiler else ""))
    limit = (CLANG_BELOW if is_clang else GCC_BELOW).get(cuda)
    have = compat.version_tuple(told.get("version") or (compiler.version if compiler else "") or "")
    is_beyond = bool(limit and have and have[0] >= limit)
    if not hit and not is_beyond:
        return
    best = (limit - 1) if limit else int(told["limit"]) if told.get("limit") else None
    name = "clang" if is_clang else "gcc"
    evidence: list[Evidence] = [hit.evidence] if hit else []
    if compiler and compiler.version and nvcc and nvcc.version:
        evidence.append(fact(case, "host.programs", f"{compiler.name} {compiler.version}, nvcc {nvcc.version}", "PATH"))
    version = told.get("version") or (compiler.version if compiler else None) or "here"
    fixes = [
        Fix(
            text=f"Compile with {name} {best}.",
            shell=f"export CC={name}-{best} CXX={'clang++' if is_clang else 'g++'}-{best}",
            systems=("linux",),
        ),
        Fix(
            text=f"Where it is missing: install {name} {best}.",
            commands=(("sudo", "apt", "install", f"clang-{best}" if is_clang else f"g++-{best}"),),
            systems=("linux",),
        ),
    ]
    yield Finding(
        message=f"{name} {version} is newer than CUDA {cuda or 'at hand'} takes"
        + (f" (up to {best})." if best else ".")
        if told.get("how") != "less"
        else f"{name} {version} is older than CUDA {cuda} takes.",
        subject=name,
        evidence=tuple(evidence),
        fixes=fitting(case, *fixes)
        if best
        else (Fix(text="Use a compiler version that this CUDA takes.", kind="none"),),
        severity="error" if hit else "note",
        certainty="certain",
    )


NO_TORCH_WHILE_BUILDING = r"no module named ['\"]?torch['\"]?(?![.\w])"
BUILD_WORDS = (
    r"getting requirements to build (?:wheel|editable)",
    r"subprocess-exited-with-error|build-env-|build_meta|get_requires_for_build",
    r"preparing metadata \(|failed building wheel|failed to build",
)


@rule(
    "PT413",
    "build-isolation-or-ninja",
    "error",
    "A package is built without sight of torch, or without ninja",
    needs=("messages",),
    hides=("PT202", "PT201"),
    layer=50,
    says=(
        NO_TORCH_WHILE_BUILDING,
        r"ninja is required to load c\+\+ extensions",
        r"we could not find ninja",
        r"\[Errno 2\] No such file or directory: 'ninja'",
    ),
)
def build_isolation(case: Case) -> Iterator[Finding]:
    """What is wrong
        pip builds packages in an empty environment of their own. A package whose setup.py imports torch (flash-attn,
        xformers from source, apex, deepspeed, mmcv ...) does not find it there. Or ninja, which runs the compilers, is
        not installed.

    Why it matters
        "No module named 'torch'" although it is installed; or a build on one core that takes hours.

    See it yourself
        python -c "import torch"
        ninja --version

    Fix
        Install ninja and build without isolation, with few jobs at once if memory is short.

    Sources
        torch/utils/cpp_extension.py; README of Dao-AILab/flash-attention
    """
    hit = case.heard(build_isolation)
    if hit is None:
        return
    is_torch = bool(re.search(NO_TORCH_WHILE_BUILDING, hit.match[0], re.IGNORECASE))
    building = case.said(*BUILD_WORDS) if is_torch else None
    if is_torch and building is None:
        return
    wanted = case.said(
        r"failed (?:building wheel for|to build(?: installable wheels for| wheel for)?:?) (?P<name>[A-Za-z][\w.-]+)",
        r"install (?:-\S+ )*(?P<name>flash[-_]attn|xformers|apex|deepspeed|mmcv\S*|torch[-_]\w+|detectron2|bitsandbytes|natten)\b",
    )
    name = wanted.match["name"] if wanted else None
    tools = pip(case, "install", "ninja", "packaging", "setuptools", "wheel")
    build = pip(case, "install", "--no-build-isolation", name) if name else None
    yield Finding(
        message=f"{name or 'A package'} is built in an environment of its own, in which torch is not installed."
        if is_torch
        else "ninja, which compiles extensions in parallel, is not installed.",
        subject=name or "build",
        evidence=(hit.evidence, *([building.evidence] if building else [])),
        fixes=(
            Fix(
                text="Install the tools of building, then build in this environment (set MAX_JOBS=4 if memory is short)."
                if is_torch
                else "Install ninja.",
                commands=(tools, *([build] if build and is_torch else []))
                if is_torch
                else (pip(case, "install", "ninja"),),
                kind="venv",
            ),
            *(
                []
                if name or not is_torch
                else [Fix(text="Then repeat the installation with --no-build-isolation.", kind="none")]
            ),
        ),
        severity="error" if is_torch or "required" in hit.match[0].lower() else "warning",
        certainty="certain" if building or not is_torch else "likely",
    )


RULES = (cuda_home, nvcc_missing, host_compiler, build_isolation)
