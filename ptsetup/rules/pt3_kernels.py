"""PT304, PT308 and PT309: packages that pick their compiled part when they are used."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules import _nvidia
from ptsetup.rules._case import Case
from ptsetup.rules._pairs import minor_of
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact, fitting, pip, unset

AO_PAIRS = (
    ((0, 12), ("2.5", "2.6", "2.7")),
    ((0, 13), ("2.8",)),
    ((0, 14), ("2.9",)),
    ((0, 15), ("2.9", "2.10")),
    ((0, 16), ("2.10",)),
)
"""torchao minor -> torch minors for which its kernels were compiled: 0.12 to 0.14 by the table of pytorch/ao#2919, 0.15 by
pytorch/ao#3624 (built against 2.9.1; 2.10 let in), 0.16 by axolotl-ai-cloud/axolotl#3432 (built for 2.10)."""

AO_STABLE = (0, 17)
"""From here on no row is known but the floor: torchao 0.18 asks for torch 2.11 or newer itself (torchao/__init__.py)."""


@rule(
    "PT304",
    "torchao-kernels-skipped",
    "warning",
    "torchao leaves its kernels aside",
    needs=("target.distributions|target.companions|messages",),
    layer=72,
    says=(
        r"skipping import of cpp extensions due to incompatible torch version (?P<torch>\S+)(?: for torchao version (?P<ao>\S+))?",
    ),
)
def torchao(case: Case) -> Iterator[Finding]:
    """What is wrong
        torchao's compiled kernels were built for another release of torch; it notices that and leaves them aside.

    Why it matters
        Quantised models run slowly, or an operator is missing.

    See it yourself
        python -c "import torchao"

    Fix
        Take the torchao that belongs to the installed torch, or a torch for the torchao.

    Sources
        torchao/__init__.py of 0.18.0; pytorch/ao#2919 (table), pytorch/ao#4154
    """
    hit = case.heard(torchao)
    version, base = case.version_of("torchao"), case.torch_base
    if case.env("TORCHAO_FORCE_SKIP_LOADING_SO_FILES") == "1":
        return
    own = compat.version_tuple(version or "")
    pairs = next((torches for minor, torches in AO_PAIRS if own[:2] == minor), None)
    wrong = False
    if base and own >= AO_STABLE:
        wrong = compat.at_least(base, "2.11") is False
    elif base and pairs:
        wrong = minor_of(base) not in pairs
    if not wrong and not hit:
        return
    fits = [(len(torches), minor) for minor, torches in AO_PAIRS if minor_of(base) in torches]
    fitting_ao = ".".join(map(str, min(fits)[1])) if fits else None  # the one that was made for this torch alone
    named = f"torchao {version or (hit.match['ao'] if hit else None) or ''}".strip()
    yield Finding(
        message=f"{named} has no kernels for torch {case.torch_version or (hit.match['torch'] if hit else '')}.",
        subject="torchao",
        evidence=(
            *([hit.evidence] if hit else []),
            *(
                [fact(case, "target.distributions", f"{named}, torch {case.torch_version}", "metadata")]
                if version
                else []
            ),
        ),
        fixes=(
            *(
                [
                    Fix(
                        text=f"Take the torchao that belongs to torch {base}.",
                        commands=(pip(case, "install", f"torchao=={fitting_ao}.*"),),
                        kind="venv",
                    )
                ]
                if fitting_ao
                else []
            ),
            another_build("Or take a newer torch.", "torch>=2.11" if own >= AO_STABLE else "torch"),
        ),
        severity="warning" if hit else "note",
        certainty="certain" if wrong else "likely",
    )


BNB_TEXT = (
    r"no compatible CUDA (?:binary|library) found",
    r"CUDA Setup failed despite GPU being available",
    r"CUDA SETUP: (?:CUDA detection failed|required library version not found)[^\n]*",
    r"libbitsandbytes_(?:cuda|rocm)\w*\.(?:so|dll).{0,60}(?:not found|cannot open|no such file|could not find)",
    r"configured CUDA binary not found at",
    r"bitsandbytes was compiled without GPU support",
    r"libbitsandbytes_cpu\.so: undefined symbol",
    r"has no attribute 'cget_managed_ptr'",
)


@rule(
    "PT308",
    "bitsandbytes-no-binary",
    "error",
    "bitsandbytes has no library for this CUDA",
    needs=("target.companions|messages",),
    layer=72,
    says=BNB_TEXT,
)
def bitsandbytes(case: Case) -> Iterator[Finding]:
    """What is wrong
        bitsandbytes carries one library for each CUDA release that it knows, and picks it by torch's. For this one it
        has none; or BNB_CUDA_VERSION asks for one that is not there; or torch is a CPU build.

    Why it matters
        8-bit and 4-bit layers fail, mostly in the middle of loading a model.

    See it yourself
        python -m bitsandbytes

    Fix
        Upgrade bitsandbytes, take BNB_CUDA_VERSION away, or compile it.

    Sources
        bitsandbytes-foundation/bitsandbytes, docs/source/errors.mdx and cextension.py
    """
    hit = case.heard(bitsandbytes)
    companion = case.companion("bitsandbytes")
    names = " ".join((companion.details or {}).values()) if companion else ""
    carried = set(re.findall(r"cuda(\d{3})", names))
    cuda = compat.version_tuple(case.cuda_build or "")[:2]
    wanted = case.env("BNB_CUDA_VERSION")
    nearby = {c for c in carried if cuda and c.startswith(str(cuda[0]))}
    is_missing = bool(carried and cuda and not nearby) or bool(carried and wanted and wanted not in carried)
    result = case.import_of("bitsandbytes")
    if not (hit or is_missing) or (result is not None and result.is_ok and not hit):
        return
    have = ", ".join(sorted(carried))
    evidence: list[Evidence] = [hit.evidence] if hit else []
    if is_missing:
        evidence.append(fact(case, "target.companions", f"bitsandbytes for CUDA {have}", "names of its libraries"))
    if wanted:
        evidence.append(fact(case, "env.BNB_CUDA_VERSION", wanted, "the environment"))
    on_cpu = case.family == "cpu"
    yield Finding(
        message="bitsandbytes is used with a CPU build of torch."
        if on_cpu
        else f"bitsandbytes has no library for CUDA {wanted or case.cuda_build or 'of this torch'}"
        + (f"; it has {have}." if have else "."),
        subject="bitsandbytes",
        evidence=tuple(evidence),
        fixes=(
            *([another_build("Take a torch for the GPU.", "torch")] if on_cpu else []),
            *(unset(case, "BNB_CUDA_VERSION") if wanted else ()),
            Fix(
                text="Upgrade bitsandbytes.", commands=(pip(case, "install", "--upgrade", "bitsandbytes"),), kind="venv"
            ),
        ),
        certainty="certain" if is_missing else "likely",
    )


CODEC_FLOOR = ((0, 12), "2.11")
"""From torchcodec 0.12 on torch 2.11 or newer will do (README of meta-pytorch/torchcodec)."""


@rule(
    "PT309",
    "torchcodec-ffmpeg",
    "error",
    "torchcodec finds no FFmpeg, or not its torch",
    needs=("target.distributions|messages",),
    layer=72,
    says=(r"could not load libtorchcodec", r"libavutil\.so\.\d+: cannot open shared object file"),
    import_needed=True,
)
def torchcodec(case: Case) -> Iterator[Finding]:
    """What is wrong
        torchcodec loads the shared libraries of FFmpeg (4 to 9) from the system and finds none; or it was built for
        another torch.

    Why it matters
        "Could not load libtorchcodec" as soon as a decoder is used; since 0.17 the bare import still works.

    See it yourself
        ffmpeg -version
        python -c "from torchcodec.decoders import VideoDecoder"

    Fix
        Install FFmpeg with its shared libraries (on Windows a "shared" build on PATH), or the torchcodec that belongs
        to this torch.

    Sources
        README of meta-pytorch/torchcodec; reproduced
    """
    hit = case.heard(torchcodec)
    version, base = case.version_of("torchcodec"), case.torch_base
    if version is None and hit is None:
        return
    belongs = next(
        (r.version for r in case.index.releases if version and version.partition("+")[0] in r.torchcodec), None
    )
    is_free = compat.version_tuple(version or "")[:2] >= CODEC_FLOOR[0]
    is_other = bool(version and base and belongs and not is_free and minor_of(belongs) != minor_of(base))
    is_other = is_other or bool(base and is_free and compat.at_least(base, CODEC_FLOOR[1]) is False)
    cache = case.snapshot.host.loader_cache if case.snapshot.host else None
    target = case.snapshot.target
    has_ffmpeg = any(library.soname.startswith("libavutil") for library in cache or ())
    is_without = (
        cache is not None
        and not has_ffmpeg
        and case.system == "linux"
        and version is not None
        and not (target and target.is_conda)
    )
    if not (hit or is_other or is_without):
        return
    evidence = [hit.evidence] if hit else []
    if is_other:
        evidence.append(
            fact(case, "target.distributions", f"torchcodec {version}, torch {case.torch_version}", "metadata")
        )
    if is_without:
        evidence.append(fact(case, "host.loader_cache", "no libavutil", "ldconfig -p"))
    yield Finding(
        message=f"torchcodec {version} belongs to another torch than {case.torch_version}."
        if is_other
        else "torchcodec finds no shared libraries of FFmpeg."
        if is_without
        else "torchcodec could not be loaded: FFmpeg's shared libraries are missing, or it is built for another torch.",
        subject="torchcodec",
        evidence=tuple(evidence),
        fixes=_codec_fixes(case, is_other),
        severity="error" if hit else "warning" if is_other else "note",
        certainty="certain" if is_other or (hit and is_without) else "likely",
    )


def _codec_fixes(case: Case, is_other: bool) -> tuple[Fix, ...]:
    conda = Fix(text="Install FFmpeg with conda.", commands=(("conda", "install", "-c", "conda-forge", "ffmpeg"),))
    pair = another_build("Take the torchcodec that belongs to this torch.", f"torch=={case.torch_base}", "torchcodec")
    packages = {"apt": ("ffmpeg",), "dnf": ("ffmpeg-free",), "pacman": ("ffmpeg",), "zypper": ("ffmpeg",)}
    linux = _nvidia.install(case, packages) or (("sudo", "apt", "install", "ffmpeg"),)
    ways = fitting(
        case,
        Fix(text="Install FFmpeg.", commands=linux, systems=("linux",)),
        Fix(text="Install FFmpeg.", commands=(("brew", "install", "ffmpeg"),), systems=("macos",)),
        Fix(
            text="Put a shared build of FFmpeg on PATH.",
            commands=(("winget", "install", "Gyan.FFmpeg.Shared"),),
            systems=("windows",),
        ),
    )
    if is_other and case.torch_base:
        return (pair, *ways)
    target = case.snapshot.target
    return (conda, *ways) if target and target.is_conda else ways


RULES = (torchao, bitsandbytes, torchcodec)
