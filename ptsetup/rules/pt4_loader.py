"""PT405, PT406 and PT409: which CUDA libraries the dynamic loader really takes."""

import re
from collections.abc import Iterator

from ptsetup.facts import Library
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, torch_again, unset

CUDA_LIBRARY = (
    r"lib(?:cudnn\w*|cublas\w*|cusparse\w*|cusolver\w*|cufft\w*|curand|cudart|nvJitLink|nvrtc\w*|cupti|nccl|nvToolsExt"
    r"|nvshmem\w*)"
)
OWN_FOLDER = r"(?:site|dist)-packages|[\\/]torch[\\/]lib|[\\/]nvidia[\\/]\w+[\\/]lib|^\.\.\."
SYSTEM_FOLDER = r"(?<![\w./-])/(?:usr/local|usr/lib|usr/lib64|lib|lib64|opt|public|apps?|cm|software|share)\b[\w./+-]*"

SHADOW_TEXT = (
    rf"(?P<where>{SYSTEM_FOLDER}/{CUDA_LIBRARY}\.so[\w.]*): undefined symbol",
    rf"undefined symbol: \w+, version (?P<where>{CUDA_LIBRARY}\.so[\w.]*)",
    r"undefined symbol: (?:__)?nvJitLink\w*",
    rf"{CUDA_LIBRARY}\.so[\w.]*: undefined symbol",
    rf"symbol \w+,? version \S+ not defined in file (?P<where>{CUDA_LIBRARY}\.so[\w.]*)",
    r"could not load library lib(?:cudnn|cublas)\w*\.so[\w.]*\. error: (?P<where>/\S+)",
    r"undefined symbol: (?:cublas|cudnn|cusparse|cusolver|cufft|curand)\w+",
    r"your LD_LIBRARY_PATH contains incompatible version of cudnn",
)
"""A library of NVIDIA that was loaded is not the one that its caller was built for."""


def _ld_path(case: Case) -> list[str]:
    """Folders of LD_LIBRARY_PATH that hold libraries of CUDA, by their names."""
    value = case.env("LD_LIBRARY_PATH") or ""
    return [
        p
        for p in value.split(":")
        if re.search(r"cuda|cudnn|nccl|nvidia(?!/lib)|hpc_sdk", p, re.IGNORECASE) and "stubs" not in p
    ]


def _shadows(case: Case) -> list[tuple[Library, Library]]:
    """Libraries on a path of the environment that bear the name of one of the wheel's, with another version."""
    target = case.snapshot.target
    if target is None:
        return []
    own = {library.soname: library for library in target.wheel_libraries or ()}
    return [
        (library, own[library.soname])
        for library in target.shadow_libraries or ()
        if library.soname in own
        and library.via in ("LD_LIBRARY_PATH", "PATH", "LD_PRELOAD", None)
        and "/stubs" not in library.path
        and (library.version is None or library.version != own[library.soname].version)
    ]


@rule(
    "PT405",
    "ld-library-path-shadow",
    "warning",
    "LD_LIBRARY_PATH puts another CUDA before torch's own",
    needs=("target.shadow_libraries|nvidia.libraries|env.LD_LIBRARY_PATH|messages",),
    hides=("PT402", "PT404", "PT408", "PT409"),
    layer=58,
    says=SHADOW_TEXT,
    is_starred=True,
)
def ld_library_path(case: Case) -> Iterator[Finding]:
    """What is wrong
        A folder on LD_LIBRARY_PATH holds libraries of the same names as those that torch brings, in other versions.
        The loader looks there first, unless torch's libraries name their own folder with DT_RPATH (newer wheels do).

    Why it matters
        "undefined symbol: __nvJitLinkComplete_12_4", cuDNN incompatibilities, or a wrong cuBLAS without any message.

    See it yourself
        echo $LD_LIBRARY_PATH
        LD_DEBUG=libs python -c "import torch" 2>&1 | grep -E "calling init.*(cudnn|cublas|nvJit)"

    Fix
        Run without the variable, and take the line out of the shell profile (on a cluster: module unload cuda). torch
        needs no toolkit of the system.

    Sources
        pytorch/pytorch#111469, #131312, #134929, infiniflow/ragflow#4466
    """
    hit = case.heard(ld_library_path)
    shadows = [pair for pair in _shadows(case) if pair[0].via != "LD_PRELOAD"]
    folders = _ld_path(case)
    yield from _no_libraries(case)
    if hit and (case.is_import_ok is True and case.snapshot.origin == "probe"):
        hit = None
    if not shadows and not hit:
        return
    rpath = case.wheel.rpath_kind if case.wheel else None
    severity: Severity = "error" if hit or case.is_import_ok is False else "note" if rpath == "RPATH" else "warning"
    where = shadows[0][0].path if shadows else (hit.match.groupdict().get("where") if hit else None)
    yield Finding(
        message=(
            f"{where} stands before torch's own {shadows[0][0].soname}."
            if shadows
            else f"A library of CUDA other than torch's own was loaded{f' ({where})' if where else ''}."
        )
        + (" This build finds its own all the same." if severity == "note" else ""),
        subject=shadows[0][0].soname if shadows else "CUDA libraries",
        evidence=_shadow_facts(case, hit, shadows, folders),
        fixes=_own_libraries(case, shadows),
        severity=severity,
        certainty="certain" if shadows and not hit else "likely",
    )


def _shadow_facts(
    case: Case, hit: Hit | None, shadows: list[tuple[Library, Library]], folders: list[str]
) -> tuple[Evidence, ...]:
    """Both libraries, the variable, and how libtorch names its own folder."""
    evidence = [hit.evidence] if hit else []
    if shadows:
        theirs, own = shadows[0]
        seen = f"{theirs.path} {theirs.version or ''}".strip()
        evidence.append(fact(case, "target.shadow_libraries", seen, theirs.via))
        evidence.append(fact(case, "target.wheel_libraries", f"{own.path} {own.version or ''}".strip(), "wheel"))
    if folders:
        evidence.append(fact(case, "env.LD_LIBRARY_PATH", ":".join(folders), "the environment"))
    rpath = case.wheel.rpath_kind if case.wheel else None
    if rpath:
        evidence.append(fact(case, "target.wheel.rpath_kind", rpath, "ELF of libtorch"))
    return tuple(evidence)


def _own_libraries(case: Case, shadows: list[tuple[Library, Library]]) -> tuple[Fix, ...]:
    """Take the other libraries out of the way; install torch's own anew."""
    anew = torch_again(case, "If that changes nothing: install torch again, with the libraries that it requires.")
    if shadows and shadows[0][0].via == "PATH":
        folder = re.split(r"[\\/](?=[^\\/]*$)", shadows[0][0].path)[0]
        return (Fix(text=f"Take {folder} out of PATH for programs that use torch.", kind="none"), anew)
    variable = unset(
        case,
        "LD_LIBRARY_PATH",
        text="Run without LD_LIBRARY_PATH; then take its line out of the shell profile (on a cluster: module unload cuda).",
    )
    # on this machine it is known whether the variable is set
    is_unset = case.snapshot.origin == "probe" and case.snapshot.env is not None and not case.env("LD_LIBRARY_PATH")
    return (anew,) if is_unset and not shadows else (*variable, anew)


def _no_libraries(case: Case) -> Iterator[Finding]:
    """Files there that bear the name of a driver library and are no library: the loader stumbles over them."""
    nvidia = case.snapshot.nvidia
    value = case.env("LD_LIBRARY_PATH") or ""
    for library in (nvidia.libraries or ()) if nvidia else ():
        folder = library.path.rpartition("/")[0].rstrip("/")
        if library.is_text and folder in {entry.rstrip("/") for entry in value.split(":")}:
            yield Finding(
                title="A file that is no library bears the name of one of the driver's",
                message=f"{library.path} bears the name of a driver library, stands on LD_LIBRARY_PATH, and is no library at all.",
                subject=library.soname,
                evidence=(
                    fact(case, "nvidia.libraries", f"{library.path}: text", "the file's first bytes"),
                    fact(case, "env.LD_LIBRARY_PATH", value, "the environment"),
                ),
                fixes=unset(case, "LD_LIBRARY_PATH", text=f"Run without LD_LIBRARY_PATH, or take {folder} out of it."),
                severity="error" if case.family == "cuda" or case.has_nvidia_device else "warning",
            )
            return


ALLOCATORS = r"tcmalloc|jemalloc|mimalloc"


@rule(
    "PT406",
    "ld-preload-shadow",
    "error",
    "LD_PRELOAD forces a library upon torch",
    needs=("env.LD_PRELOAD|messages",),
    hides=("PT403", "PT405", "PT408"),
    layer=57,
    says=(r"object '\S+' from LD_PRELOAD cannot be preloaded",),
    import_needed=True,
)
def ld_preload(case: Case) -> Iterator[Finding]:
    """What is wrong
        LD_PRELOAD (or /etc/ld.so.preload) loads a library before all others, and it bears the name of one that torch
        brings.

    Why it matters
        It wins whatever torch does: "undefined symbol: ncclRecv" and the like.

    See it yourself
        echo $LD_PRELOAD

    Fix
        Run without the variable. An allocator (tcmalloc, jemalloc) there is meant, and does no harm.

    Sources
        NVIDIA-AI-IOT/jetbot#507; reproduced
    """
    value = case.env("LD_PRELOAD")
    hit = case.heard(ld_preload)
    if not value:
        if hit:
            yield Finding(
                message="A library named in LD_PRELOAD could not be loaded.",
                subject="LD_PRELOAD",
                evidence=(hit.evidence,),
                fixes=unset(case, "LD_PRELOAD"),
                severity="warning",
            )
        return
    own = {lib.soname for lib in (case.snapshot.target.wheel_libraries or ())} if case.snapshot.target else set()
    forced = [p for p in re.split(r"[:\s]+", value) if p]
    ours = [p for p in forced if p.rpartition("/")[2] in own or re.search(rf"{CUDA_LIBRARY}\.so", p)]
    if not ours and all(re.search(ALLOCATORS, p) for p in forced) and not hit:
        severity: Severity = "note"
    elif ours:
        severity = "error" if case.is_import_ok is False or case.said(r"undefined symbol") else "warning"
    else:
        severity = "warning" if case.is_import_ok is False or hit else "note"
    yield Finding(
        message=f"LD_PRELOAD loads {', '.join(ours or forced)} before everything else"
        + (", a library that torch brings itself." if ours else "."),
        subject="LD_PRELOAD",
        evidence=(fact(case, "env.LD_PRELOAD", value, "the environment"), *([hit.evidence] if hit else [])),
        fixes=unset(case, "LD_PRELOAD"),
        severity=severity,
    )


@rule(
    "PT409",
    "system-cuda-fallback",
    "warning",
    "torch uses CUDA libraries of the system",
    needs=("torch.mapped_libraries",),
    layer=64,
    import_needed=True,
)
def system_cuda(case: Case) -> Iterator[Finding]:
    """What is wrong
        A library that torch's own packages should bring was loaded from the system's toolkit instead.

    Why it matters
        It works until the toolkit is upgraded or removed, and it is not the version that torch was tested with.

    See it yourself
        python -c "import torch; print({l.split()[-1] for l in open('/proc/self/maps') if 'libcud' in l})"

    Fix
        Install torch again with what it requires.

    Sources
        reproduced (with the wheel's libcudart removed, the system's answered)
    """
    torch, target = case.snapshot.torch, case.snapshot.target
    if torch is None or target is None or case.family != "cuda":
        return
    if any(d.installer == "conda" for d in case.dists("torch")) or (
        case.wheel and case.wheel.build_kind not in ("pip", None)
    ):
        return
    if not any(re.match(r"nvidia-|cuda-toolkit", need) for d in case.dists("torch") for need in d.requires or ()):
        return
    homes = [p for p in (target.prefix, target.purelib, target.platlib, target.user_site) if p]
    foreign = [
        path
        for path in torch.mapped_libraries or ()
        if re.search(rf"/{CUDA_LIBRARY}\.so", path)
        and not path.startswith(tuple(homes))
        and not re.search(OWN_FOLDER, path)
    ]
    if not foreign:
        return
    yield Finding(
        message=f"torch runs with {foreign[0]}, a library of the system, in place of its own.",
        subject=foreign[0].rpartition("/")[2],
        evidence=(fact(case, "torch.mapped_libraries", ", ".join(foreign[:4]), "/proc/self/maps of a child"),),
        fixes=(torch_again(case, "Install the same torch again, with what it requires."),),
    )


RULES = (ld_library_path, ld_preload, system_cuda)
