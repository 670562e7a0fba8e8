"""PT407, PT408, PT416 and PT417: libraries of a wrong version, or loaded too late."""

import re
import shlex
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import FRESH_CONDA, another_build, fact, torch_again, unset

STDCXX = (
    r"version [`'\"]?(?P<version>(?:GLIBCXX|CXXABI)_[\d.]+)\W? not found",
    r"undefined symbol: \w*__cxxabiv1\w*",
    r"undefined symbol: _ZNSt\w+, version (?P<version>GLIBCXX_[\d.]+)",
)


@rule(
    "PT407",
    "libstdcxx-too-old",
    "error",
    "The C++ library is older than torch or a package needs",
    needs=("torch.mapped_libraries|messages",),
    hides=("PT307", "PT212"),
    layer=56,
    says=STDCXX,
    import_needed=True,
)
def libstdcxx(case: Case) -> Iterator[Finding]:
    """What is wrong
        An older libstdc++.so.6 is found first: that of an old system, of conda, or of a toolchain on LD_LIBRARY_PATH.

    Why it matters
        "version GLIBCXX_3.4.xx not found" when torch or a package beside it is imported.

    See it yourself
        strings /usr/lib/x86_64-linux-gnu/libstdc++.so.6 | grep GLIBCXX | tail -1
        python -c "import torch, os; print([l.split()[-1] for l in open('/proc/self/maps') if 'libstdc++' in l][:1])"

    Fix
        Run without LD_LIBRARY_PATH; or give the conda environment a newer library.

    Sources
        reproduced; pytorch/pytorch#150724 (the same with libm)
    """
    hit = case.heard(libstdcxx)
    if hit is None or (case.is_import_ok is True and case.snapshot.origin == "probe"):
        return
    mapped = (case.snapshot.torch.mapped_libraries or ()) if case.snapshot.torch else ()
    loaded = next((path for path in mapped if "libstdc++" in path), None)
    version = hit.match.groupdict().get("version")
    path = re.search(r"(/\S*libstdc\+\+\.so\S*)", hit.message.text)
    loaded = loaded or (path[1].rstrip(":") if path else None)
    value = case.env("LD_LIBRARY_PATH")
    evidence = [hit.evidence]
    if loaded:
        evidence.append(Evidence(path="torch.mapped_libraries", value=loaded, source="the process or the message"))
    if value:
        evidence.append(fact(case, "env.LD_LIBRARY_PATH", value, "the environment"))
    yield Finding(
        message=f"{loaded or 'The libstdc++ that was loaded'} lacks {version or 'a symbol of newer C++'}: it is too old.",
        subject="libstdc++",
        evidence=tuple(evidence),
        fixes=(*(unset(case, "LD_LIBRARY_PATH") if value else ()), *_newer_library(case, loaded)),
        certainty="certain" if version else "likely",
    )


def _newer_library(case: Case, loaded: str | None) -> tuple[Fix, ...]:
    """A newer libstdc++: in conda's environment, else in one that conda makes (wheels need no other thing of it)."""
    target = case.snapshot.target
    newer = Fix(
        text="Give the conda environment a newer C++ library.",
        commands=(("conda", "install", "-c", "conda-forge", "libstdcxx-ng"),),
        systems=("linux",),
    )
    if (target and target.is_conda) or re.search(r"conda|mamba|miniforge", loaded or ""):
        return (newer,)
    python = ".".join(map(str, case.python[:2])) or "3.13"
    text = (
        "Make an environment whose C++ library is newer than the system's (conda-forge's), and install torch into it."
    )
    make = ("conda", "create", "-y", "-p", f"./{FRESH_CONDA}", "-c", "conda-forge", f"python={python}", "libstdcxx-ng")
    fresh = Fix(
        text=text,
        commands=(make, ("ptsetup", "install", "--python", f"{FRESH_CONDA}/bin/python")),
        systems=("linux",),
    )
    return (fresh, Fix(text="Or use a newer release of the operating system, or a container with one.", kind="none"))


TWO_CUDNN = (
    r"cudnn version (?:incompatibility|mismatch).{0,80}compiled\s+against \(?(?P<built>\d[\d, ]*)"
    r".{0,60}?(?:found runtime version|link(?:ed)? against) \(?(?P<found>\d[\d, ]*)"
)
CUDNN_TEXT = (
    TWO_CUDNN,
    r"cudnn version (?:incompatib|mismatch|conflict)\w*",
    r"CUDNN_STATUS_(?:NOT_INITIALIZED|VERSION_MISMATCH|SUBLIBRARY_\w+|INTERNAL_ERROR|EXECUTION_FAILED)",
    r"could not load library libcudnn\w*|unable to load (?:any of \{)?libcudnn|cannot load symbol cudnn\w*",
    r"libcudnn\w*\.so[\w.]*: (?:undefined symbol|cannot open)",
)


@rule(
    "PT408",
    "cudnn-incompatible",
    "error",
    "cuDNN is another version than torch was built with",
    needs=("torch.cudnn_error|torch.mapped_libraries|messages",),
    layer=62,
    says=CUDNN_TEXT,
    import_needed=True,
)
def cudnn(case: Case) -> Iterator[Finding]:
    """What is wrong
        The cuDNN that was loaded is not the one that torch brings: a copy of the system or of a toolkit was found first,
        a package was upgraded by hand, or parts of two versions are mixed.

    Why it matters
        "cuDNN version incompatibility", CUDNN_STATUS_NOT_INITIALIZED, or a crash in the first convolution.

    See it yourself
        python -c "import torch; print(torch.backends.cudnn.version())"

    Fix
        Run without LD_LIBRARY_PATH, remove copies of cuDNN that were put into CUDA's folders by hand, and install the
        version that torch pins.

    Sources
        bmaltais/kohya_ss#1096, pytorch/pytorch#80637, facebookresearch/audiocraft#186
    """
    hit = case.heard(cudnn)
    mapped = (case.snapshot.torch.mapped_libraries or ()) if case.snapshot.torch else ()
    folders = sorted({path.rpartition("/")[0] for path in mapped if "libcudnn" in path})
    if not hit and len(folders) < 2:
        return
    if case.family == "cpu":
        return
    told = hit.match.groupdict() if hit else {}
    is_named = bool(told.get("built"))
    is_memory = bool(hit and re.search("NOT_INITIALIZED|INTERNAL_ERROR|EXECUTION", hit.match[0])) and len(folders) < 2
    versions = [_dotted(told.get(key) or "") for key in ("built", "found")]
    evidence = [hit.evidence] if hit else []
    if len(folders) > 1:
        evidence.append(fact(case, "torch.mapped_libraries", " and ".join(folders), "the process"))
    if case.env("LD_LIBRARY_PATH"):
        evidence.append(fact(case, "env.LD_LIBRARY_PATH", case.env("LD_LIBRARY_PATH"), "the environment"))
    yield Finding(
        message=f"torch was built with cuDNN {versions[0]}, and {versions[1]} was loaded."
        if is_named
        else f"Parts of cuDNN come from {len(folders)} folders: {', '.join(folders)}."
        if len(folders) > 1
        else "cuDNN could not be used: another version than torch's was loaded, or the GPU's memory is full.",
        subject="cuDNN",
        evidence=tuple(evidence),
        fixes=_own_cudnn(case),
        severity="warning" if is_memory else "error",
        certainty="certain" if is_named or len(folders) > 1 else "possible" if is_memory else "likely",
    )


def _own_cudnn(case: Case) -> tuple[Fix, ...]:
    """Nothing of others on the way to torch's cuDNN, and torch's own whole."""
    again = torch_again(case, "Or install torch again, with the cuDNN that it pins.")
    if case.system == "windows":
        by_hand = Fix(
            text="Remove the cudnn*.dll that were put by hand into CUDA's bin folder (or take that folder out of PATH).",
            systems=("windows",),
        )
        return (by_hand, again)
    is_unset = case.snapshot.origin == "probe" and case.snapshot.env is not None and not case.env("LD_LIBRARY_PATH")
    own = unset(case, "LD_LIBRARY_PATH", text="Run without LD_LIBRARY_PATH, so that torch's own cuDNN is found.")
    return (again,) if is_unset else (*own, again)


def _dotted(version: str) -> str:
    """``8, 7, 0`` and, in old messages, ``7102``."""
    numbers = re.findall(r"\d+", version)
    if len(numbers) == 1 and len(numbers[0]) == 4:
        number = int(numbers[0])
        return f"{number // 1000}.{number // 100 % 10}.{number % 100}"
    return ".".join(numbers)


@rule(
    "PT416",
    "static-tls-block",
    "error",
    "No room is left for a library's static thread storage",
    needs=("messages",),
    layer=65,
    says=(r"(?<!\S)(?P<file>\S{1,400}): cannot allocate memory in static TLS block",),
    import_needed=True,
)
def static_tls(case: Case) -> Iterator[Finding]:
    """What is wrong
        Libraries that were opened earlier have used up the room that the loader keeps for static thread-local storage.
        Mostly on ARM, with libgomp.

    Why it matters
        The import fails, or works, depending on the order of imports.

    See it yourself
        python -c "import torch, cv2, sklearn"

    Fix
        Import torch (or the module that fails) first; or load that library before all others with LD_PRELOAD.

    Sources
        pytorch/pytorch#2575, lightgbm-org/LightGBM#6509, NVIDIA/DALI#5519
    """
    hit = case.heard(static_tls)
    if hit is None:
        return
    path = hit.match["file"].rstrip(":")
    is_whole = path.startswith("/")
    yield Finding(
        message=f"{path.rpartition('/')[2]} found no room for its static thread storage: it was loaded too late.",
        subject=path.rpartition("/")[2],
        evidence=(hit.evidence,),
        fixes=(
            Fix(text="Put the import that fails above all others in the program.", kind="none"),
            *(
                [
                    Fix(
                        text="Or load the library first.",
                        shell=f"export LD_PRELOAD={shlex.quote(path)}",
                        systems=("linux",),
                    )
                ]
                if is_whole
                else []
            ),
        ),
    )


@rule(
    "PT417",
    "mkl-newer-than-torch",
    "error",
    "conda's MKL is newer than torch was linked for",
    needs=("target.distributions|messages",),
    hides=("PT213", "PT307"),
    layer=55,
    says=(r"undefined symbol: iJIT_\w+", r"\biJIT_NotifyEvent\b"),
    import_needed=True,
)
def mkl(case: Case) -> Iterator[Finding]:
    """What is wrong
        conda's mkl 2024.1 and later no longer export the iJIT_ functions, for which an older conda build of torch asks.

    Why it matters
        The import ends with "libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent".

    See it yourself
        conda list mkl

    Fix
        Take MKL below 2024.1, or a newer torch.

    Sources
        pytorch/pytorch#123097
    """
    hit = case.heard(mkl)
    found = next((d for d in case.dists("mkl") if d.version), None)
    is_new = found is not None and compat.at_least(found.version, "2024.1") is True
    is_conda = any(d.installer == "conda" for d in case.dists("torch"))
    is_old = compat.at_least(case.torch_base, "2.4") is False
    by_facts = is_new and is_conda and is_old and case.is_import_ok is not True
    if not hit and not by_facts:
        return
    yield Finding(
        message=f"mkl {found.version if found else '2024.1 or later'} lacks functions that this build of torch asks for.",
        subject="mkl",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "target.distributions", f"mkl {found.version}", "conda-meta")] if found else []),
        ),
        fixes=(
            Fix(text="Take an older MKL.", commands=(("conda", "install", "mkl<2024.1"),)),
            another_build("Or take a newer torch.", "torch>=2.4"),
        ),
        certainty="certain" if hit else "likely",
    )


RULES = (libstdcxx, cudnn, static_tls, mkl)
