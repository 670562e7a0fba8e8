"""PT305 to PT307: compiled packages that fit one build of torch."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._pairs import expected, is_released, last_with, minor_of
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, pip

MANGLED = r"_?_Z(?:T[IVS])?NK?(?:\d+torch|\d+c10|2at|5torch|3c10|St)\w*"
"""Names of C++ symbols in torch's namespaces."""


BUILT_FOR = r"PyTorch (?P<torch>\d\S*) with (?:CUDA|HIP|ROCM) ?(?P<cuda>\S+) \(you have (?P<have>[^)]+)\)"


@rule(
    "PT305",
    "xformers-mismatch",
    "warning",
    "xformers was built for another torch",
    needs=("target.companions|messages",),
    hides=("PT307", "PT224"),
    layer=72,
    says=(
        BUILT_FOR,
        r"xformers (?:can't|can ?not) load c\+\+/cuda extensions",
        r"xformers\S*\.(?:so|pyd)\S*:? undefined symbol",
        r"xformers \d\S* (?:requires|has requirement|depends on) torch ?==\S+",
    ),
)
def xformers(case: Case) -> Iterator[Finding]:
    """What is wrong
        The kernels of xformers are tied to one build of torch: release and CUDA. The wheel's metadata ask for a lower
        bound only, so pip lets any newer torch stand beside it.

    Why it matters
        xformers cannot load its extensions, and attention is slow or fails.

    See it yourself
        python -m xformers.info

    Fix
        Take the torch that xformers was built for, or its release for this torch. torch's own
        scaled_dot_product_attention does the same work without it.

    Sources
        facebookresearch/xformers, _cpp_lib.py; reproduced
    """
    hit = case.said(BUILT_FOR) or case.heard(xformers)
    companion = case.companion("xformers")
    result = case.import_of("xformers")
    told = hit.match.groupdict() if hit else {}
    built = (companion.built_for_torch if companion else None) or told.get("torch")
    have = told.get("have") or case.torch_version
    is_other = bool(built and have and built != have and built.partition("+")[0] != have)
    if not hit and not (companion and companion.built_for_torch and is_other):
        return
    if result is not None and result.is_ok and not hit:
        return
    yield Finding(
        message=f"xformers was built for torch {built}, and torch {have} is installed."
        if built and have
        else "xformers cannot load its compiled part: it was built for another torch.",
        subject="xformers",
        evidence=(
            *([hit.evidence] if hit else []),
            *(
                [fact(case, "target.companions", f"xformers for torch {built}", "xformers/cpp_lib.json")]
                if companion
                else []
            ),
        ),
        fixes=_xformers_fixes(case, built),
        severity="error" if hit else "warning",
        certainty="certain" if built else "likely",
    )


def _xformers_fixes(case: Case, built: str | None) -> tuple[Fix, ...]:
    """The torch for this xformers, the xformers for this torch, or neither."""
    base, _, local = (built or "").partition("+")
    own = another_build(f"Take the torch that it was built for, {built}.", f"torch=={base}", backend=local or "auto")
    return (
        *([own] if built else []),
        Fix(
            text="Or take the xformers of the installed torch.",
            commands=(pip(case, "install", "--upgrade", "--no-deps", "xformers"),),
            kind="venv",
        ),
        Fix(
            text="Or remove it: torch's scaled_dot_product_attention does the same.",
            commands=(pip(case, "uninstall", "-y", "xformers"),),
        ),
    )


@rule(
    "PT306",
    "flash-attn-abi",
    "error",
    "flash-attn was compiled for another torch",
    needs=("target.companions|messages",),
    hides=("PT307",),
    layer=71,
    says=(
        r"flash_attn\S{0,200}?\.(?:so|pyd)[\w.]{0,40}:? ?undefined symbol",
        r"flash_attn_(?:2_|3_)?cuda\S*.{0,40}(?:undefined symbol|DLL load failed|cannot open shared object)",
        r"DLL load failed while importing flash_attn_(?:2_|3_)?cuda",
    ),
    is_starred=True,
)
def flash_attn(case: Case) -> Iterator[Finding]:
    """What is wrong
        flash-attn was compiled against another release of torch, or with the other C++ ABI (torch changed it with 2.7,
        and in the CUDA 12.6 build of 2.6).

    Why it matters
        Its import ends with "undefined symbol: _ZN3c10...", and with it that of every model that uses it.

    See it yourself
        python -c "import flash_attn"

    Fix
        Build it anew against the installed torch (needs nvcc), or take the release wheel whose name has this torch,
        CUDA major, ABI and Python.

    Sources
        Dao-AILab/flash-attention#1644, #853, #1717, #1832
    """
    hit = case.heard(flash_attn)
    companion, base = case.companion("flash-attn"), case.torch_base
    result = case.import_of("flash_attn")
    if result is not None and result.is_ok:
        return
    built = companion.built_for_torch if companion else None
    is_other = bool(built and base and minor_of(built) != minor_of(base))
    abi = str((companion.details or {}).get("cxx11abi", "")).upper() if companion else ""
    is_old_abi = abi == "FALSE" and compat.at_least(base, "2.7") is True
    if not (hit or is_other or is_old_abi) or _is_newer_than_torch(case, "flash-attn"):
        return
    why = (
        f"it was built for torch {built}, and {case.torch_version} is installed"
        if is_other
        else "it was built with the old C++ ABI, which torch 2.7 and later do not use"
        if is_old_abi
        else "it asks the installed torch for symbols that it lacks"
    )
    evidence = [hit.evidence] if hit else []
    if companion and (is_other or is_old_abi):
        evidence.append(
            fact(
                case,
                "target.companions",
                f"flash-attn for torch {built or '?'}, cxx11abi {abi or '?'}",
                "its wheel's name",
            )
        )
    yield Finding(
        message=f"flash-attn cannot be used: {why}.",
        subject="flash-attn",
        evidence=tuple(evidence),
        fixes=_build_anew(case, "flash-attn"),
        certainty="certain" if is_other or is_old_abi else "likely",
    )


def _is_newer_than_torch(case: Case, name: str) -> bool:
    """Installed after the last change of torch, from source."""
    mine, own = (next((d for d in case.dists(n)), None) for n in (name, "torch"))
    if mine is None or own is None or mine.installed_at is None or own.installed_at is None:
        return False
    is_wheel = bool(re.search(r"torch\d|\.whl", mine.source_url or ""))
    return not is_wheel and mine.installed_at > own.installed_at + 60 and not case.messages


def _build_anew(case: Case, name: str) -> tuple[Fix, ...]:
    return (
        Fix(
            text=f"Compile {name} against the installed torch (needs the CUDA toolkit, PT411).",
            commands=(
                pip(case, "uninstall", "-y", name),
                pip(case, "install", "--no-build-isolation", "--no-cache-dir", name),
            ),
        ),
        Fix(
            text=f"Or take a released wheel of {name} whose name has this torch, CUDA, ABI and Python; or go without it.",
            commands=(pip(case, "uninstall", "-y", name),),
        ),
    )


OTHER_CUDA = (
    r"(?P<file>lib(?:cudart|cublas|cublasLt|nvrtc|cupti)\.so\.(?P<cuda>\d+))\S*: cannot open shared object file"
)
"""A package asks for the CUDA of another major than torch's."""

OTHER_CUDAS = r"detected that PyTorch and (?P<file>(?!torchvision|torchaudio)[a-z][\w.-]*) were compiled with different CUDA versions"
"""What the packages of PyTorch Geometric and others say, which compare the CUDA releases themselves."""

_PROCEDURE = (
    r"(?:the specified procedure|die angegebene prozedur|la proc[ée]dure sp[ée]cifi[ée]e|no se (?:encontr[óo]|puede encontrar) el "
    r"procedimiento"
    r"|impossibile trovare la procedura|не найдена указанная процедура|找不到指定的(?:程序|程式|过程)|指定されたプロシージャ)"
)
"""The text of Windows' error 127: a function is missing in a library, so the library is of another version."""

_COMPILED = r"_C|_ext|\w*(?:_C|_ext|cuda|attn|kernels?|ops|sm\d{2,3}|qattn)\w*"
"""Names of modules that are compiled against torch."""

NOT_COMPILED = (
    r"no module named ['\"]?(?P<file>(?!torch\b|torchvision|torchaudio)[a-z]\w+)\.(?:_(?:moe_)?C|_ext)\b"
    r"|cannot import name '_C' from '(?P<package>(?!torch\b|torchvision|torchaudio)[a-z]\w+)'"
)
"""The package is there without its compiled part: it was not built here, or for another Python or torch."""

NAMELESS = r"^(?P<file>)(?!.*\.(?:so|pyd|dylib)\b).*undefined symbol:? (?P<symbol>_ZNK?(?:2at|3c10|5torch)\w+)"
"""A line that leaves out which file asks for the symbol of torch."""

FOREIGN = (
    rf"(?<!\S)(?P<file>\S{{1,400}}\.(?:so|pyd)[\w.]{{0,40}}): undefined symbol: (?P<symbol>{MANGLED}|\w{{0,80}}(?:at|c10|torch)\w*)",
    rf"dlopen\((?P<file>\S+\.(?:so|dylib))[^\n]{{0,60}}symbol not found[^\n]{{0,10}} ['(]?_?(?P<symbol>{MANGLED})",
    r"(?P<file>)symbol not found:? ['(]?_?(?P<symbol>(?:aoti_)?torch_\w+)",
    r"(?P<file>libtorch_cuda_(?:cu|cpp)\.so|libcaffe2\w*\.so)\S*: cannot open shared object file",
    r"(?P<file>lib(?:c10|torch)\w*\.(?:so|dylib))\S*: cannot open shared object file",
    OTHER_CUDA,
    rf"DLL load failed while importing (?P<file>{_COMPILED}): {_PROCEDURE}",
    rf"DLL load failed(?P<file>): {_PROCEDURE}",
    OTHER_CUDAS,
    NOT_COMPILED,
    r"\[WinError 127\].*error loading \W?(?P<file>\S+\.(?:pyd|dll))",
    r"\[WinError 127\][^\n]{0,60}procedure could not be found:? \W?(?P<file>\S+\.pyd)",
    r"(?:site|dist)-packages[\\/](?P<file>(?!torch[\\/]|torchvision|torchaudio)\w+)[\\/][^\n]{1,400}\[WinError 127\]",
    r"File \"[^\"]{0,200}\b(?P<file>torch_\w+)[\\/]__init__\.py\"[^\n]{1,400}\[WinError 127\]",
    r"\[WinError 127\][^\n]{1,300}\b(?P<file>torch_\w+)[\\/]__init__\.py",
    NAMELESS,
)
OWN_FILES = (
    r"(?:^|/)(?:torch/|functorch/)|torchvision|torchaudio|flash_attn|xformers|lib(?:torch(?!text)|c10)\w*\.so|torch/lib|nvidia/"
    r"|/lib(?:cu|nv|nccl|mkl|stdc)\w*"
)
"""Files of torch, of packages with rules of their own, and of NVIDIA's libraries (PT40x)."""


@rule(
    "PT307",
    "extension-built-for-other-torch",
    "error",
    "A compiled package was built for another torch",
    needs=("target.broken_extensions|messages",),
    hides=("PT224",),
    layer=73,
    says=FOREIGN,
)
def extension(case: Case) -> Iterator[Finding]:
    """What is wrong
        A package with compiled code asks torch's libraries for symbols or files that the installed release does not
        have: it was compiled for another one.

    Why it matters
        Its import ends with "undefined symbol: _ZN2at..." or "libc10.so: cannot open shared object file".

    See it yourself
        python -c "import torch; print(torch.__version__)"
        python -m pip check

    Fix
        Take the package's release for this torch, or compile it anew without build isolation; or take the torch that it
        was built for.

    Sources
        turboderp-org/exllamav2#530, Dao-AILab/flash-attention#919
    """
    target = case.snapshot.target
    for broken in (target.broken_extensions or ()) if target else ():
        name = broken.distribution or broken.path.rpartition("/")[2]
        yield Finding(
            title=f"{name} was built for another torch",
            message=f"{name} asks torch for {broken.symbols[0] if broken.symbols else 'symbols'}, which "
            f"{case.torch_version or 'the installed torch'} does not have.",
            subject=name,
            evidence=(
                fact(
                    case, "target.broken_extensions", f"{broken.path}: {', '.join(broken.symbols[:3])}", "ELF symbols"
                ),
            ),
            fixes=_rebuild(case, broken.distribution, is_installed=broken.distribution is not None),
        )
    hit = _foreign_hit(case)
    if hit is not None and not (target and target.broken_extensions):
        yield _by_words(case, hit)


def _by_words(case: Case, hit: Hit) -> Finding:
    """What the loader said of a package, or of a library that a package asks for."""
    words = hit.match.groupdict()
    file = words["file"] or words.get("package") or ""
    owner = _package_of(file) if file and not re.match(r"lib(?:torch|c10|caffe2)(?!text)", file) else None
    than = f"was compiled for another torch than {case.torch_version or 'the one installed'}"
    asks = f"asks for {file}, which torch {case.torch_version or 'here'} does not have"
    return Finding(
        title=f"{owner} was built for another torch" if owner else None,
        message=f"{owner or 'A compiled package'} {than if owner or not file else asks}.",
        subject=owner or "A compiled package",
        evidence=(hit.evidence,),
        fixes=_rebuild(case, owner),
        certainty="likely",
    )


def _foreign_hit(case: Case) -> Hit | None:
    """An error of a package that is neither torch's nor one of those with rules of their own."""
    for pattern in FOREIGN:
        hit = case.said(pattern)
        if hit is None:
            continue
        if pattern == NAMELESS and case.said(r"\.(?:so|pyd|dylib)\S*:? ?(?:undefined symbol|symbol not found)"):
            continue
        file = (hit.match["file"] or "").replace("\\", "/")
        if pattern == OTHER_CUDA:
            major = (case.cuda_build or "").partition(".")[0]
            if hit.match["cuda"] != major and (
                case.is_import_ok or (major and not case.said(r"torch[\\/]__init__\.py"))
            ):
                return hit
            continue
        if file.startswith(("libtorch", "libc10", "libcaffe2")):
            if (
                file.startswith(("libtorch_cuda_c", "libcaffe2"))
                or case.is_import_ok
                or not case.said(r"torch[\\/]__init__\.py")
            ):
                return hit
            continue
        if not re.search(OWN_FILES, file):
            return hit
    return None


def _package_of(file: str) -> str:
    """``.../site-packages/vllm/_C.abi3.so`` -> ``vllm``."""
    match = re.search(r"(?:site|dist)-packages[\\/]([\w.-]+?)(?:[\\/]|\.cpython|\.abi3|\.so|\.pyd)", file)
    if match:
        return match[1]
    parts = [part for part in re.split(r"[\\/]", file) if part]
    return parts[-2] if len(parts) > 1 else parts[-1].split(".")[0]


def _rebuild(case: Case, name: str | None, *, is_installed: bool = False) -> tuple[Fix, ...]:
    """Compile it anew; the torch that it was made for can be told of those that the index knows only."""
    if name and last_with(case, name):
        return _pair_of(case, name)
    listed = (name or "").lower().replace("_", "-")
    words = ("--force-reinstall", "--no-deps", "--no-build-isolation", "--no-cache-dir")
    if is_installed or case.dists(listed):
        anew = Fix(
            text=f"Compile {name} anew against the installed torch, or take its release for it.",
            commands=(pip(case, "install", *words, listed),),
        )
    else:
        text = f"Install {name or 'the package'} anew for this torch, with {' '.join(words)}."
        anew = Fix(text=text, kind="none")
    return (anew, Fix(text="Or take the torch that the package asks for in its documentation.", kind="none"))


def _pair_of(case: Case, name: str) -> tuple[Fix, ...]:
    """The companion that belongs to the installed torch; where its makers have stopped, the last torch that has one, or none."""
    own, last = expected(case, name), last_with(case, name)
    ways = []
    if own and case.torch_base and is_released(case.torch_base):
        pins = (f"torch=={case.torch_base}", f"{name}=={own[0]}")
        ways.append(
            another_build(f"Take the {name} that belongs to this torch.", *pins, backend=case.backend or "auto")
        )
    elif last:
        text = f"The last pair that is known: {name} {last[1]} and torch {last[0]}."
        ways.append(another_build(text, f"torch=={last[0]}", f"{name}=={last[1]}"))
    without = Fix(text=f"Or go without {name}.", commands=(pip(case, "uninstall", "-y", name),))
    return (*ways, without)


RULES = (xformers, flash_attn, extension)
