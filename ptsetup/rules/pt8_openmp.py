"""PT861: two OpenMP libraries in one process."""

import re
from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, Severity, rule
from ptsetup.rules._ways import fact, fresh_environment, pip

RUNTIME = r"(?i)(?:^|[/\\])(?P<kind>libiomp5|libomp|libgomp|vcomp)(?:140)?[\w.-]*\.(?:so[\d.]*|dll|dylib)$"

ERROR_15 = (
    r"OMP: Error #15",
    r"Initializing lib(?:iomp5|omp)\S* ?, but found lib\S+ already initialized",
)


def _kinds(paths: tuple[str, ...]) -> dict[str, list[str]]:
    """OpenMP runtimes among the paths, by their kind."""
    found: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        match = re.search(RUNTIME, path)
        if match:
            found.setdefault(match["kind"].lower(), []).append(path)
    return found


@rule(
    "PT861",
    "duplicate-openmp",
    "error",
    "Two OpenMP libraries are in one process",
    needs=("torch.mapped_libraries|target.openmp_libraries|messages",),
    hides=("PT991", "PT663"),
    layer=68,
    says=ERROR_15,
    import_needed=True,
    is_starred=True,
)
def duplicate(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch brings one OpenMP library, another package (NumPy with MKL, scikit-learn, OpenCV) a second one, and both
        are loaded.

    Why it matters
        "OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized"; or the program is
        slow, hangs or crashes.

    See it yourself
        find "$(python -c 'import sys; print(sys.prefix)')" -name "lib*omp*"

    Fix
        Let one package manager install torch and NumPy. In conda: nomkl, or all from conda-forge. In a pip environment:
        no package of conda. Do not silence the message: results may be wrong.

    Sources
        meta-pytorch/csprng#115, hysts/pytorch_mpiigaze_demo#18, kuaikuaikim/dface#36
    """
    hit = case.heard(duplicate)
    torch, target = case.snapshot.torch, case.snapshot.target
    mapped = _kinds((torch.mapped_libraries if torch else None) or ())
    listed = _kinds((target.openmp_libraries if target else None) or ())
    severity, paths, where = _judge(case, mapped, listed)
    if hit is None and severity is None:
        return
    shown = ", ".join(paths[:2])
    yield Finding(
        message=f"Two OpenMP libraries {'are loaded' if where == 'torch.mapped_libraries' else 'lie in this environment'}: {shown}."
        if paths
        else "Two OpenMP libraries are loaded into one process.",
        subject="OpenMP",
        evidence=(
            *([hit.evidence] if hit else []),
            *(fact(case, where, path, "mapped" if "mapped" in where else "folder") for path in paths[:3]),
        ),
        fixes=_one_manager(case),
        severity="error" if hit else severity,
        certainty="certain" if hit or where == "torch.mapped_libraries" else "likely",
    )


def _judge(
    case: Case, mapped: dict[str, list[str]], listed: dict[str, list[str]]
) -> tuple[Severity | None, list[str], str]:
    """How bad what is loaded, or what lies about, is; the libraries; the fact that tells."""
    intel = [*mapped.get("libiomp5", ()), *mapped.get("libomp", ())]
    every = [path for paths in mapped.values() for path in paths]
    if len(intel) > 1:
        return ("error" if case.system != "linux" else "warning"), intel, "torch.mapped_libraries"
    if len(mapped) > 1 and len(every) > 1:
        return "note" if case.system == "linux" else "warning", every, "torch.mapped_libraries"
    lying = [path for kind in ("libiomp5", "libomp") for path in listed.get(kind, ())]
    names = {path.replace("\\", "/").rpartition("/")[2].lower() for path in lying}
    is_double = len(lying) > 1 and len(names) < len(lying) and case.system in ("windows", "macos")
    target = case.snapshot.target
    if is_double and not mapped:
        return "warning" if target and target.is_conda else "note", lying, "target.openmp_libraries"
    return None, [], ""


def _one_manager(case: Case) -> tuple[Fix, ...]:
    target = case.snapshot.target
    if target and target.is_conda:
        forge = ("conda", "install", "-c", "conda-forge", "--override-channels", "pytorch", "numpy")
        return (
            Fix(text="Take NumPy without MKL.", commands=(("conda", "install", "nomkl", "numpy"),)),
            Fix(text="Or take all of them from conda-forge.", commands=(forge,)),
        )
    # the same versions: what is to change is the maker
    here = [d for name in COMMON for d in case.dists(name) if d.version and d.installer != "conda"][: len(COMMON)]
    again = Fix(
        text="Install NumPy and its like again with pip, at the same versions, so that all come from one maker.",
        commands=(pip(case, "install", "--force-reinstall", "--no-deps", *(f"{d.name}=={d.version}" for d in here)),),
        kind="venv",
    )
    version = ".".join(map(str, case.python[:2])) or "3.13"
    return (
        *((again,) if here else ()),
        *fresh_environment(case, version, "Or let one package manager install everything"),
    )


COMMON = ("numpy", "scipy", "scikit-learn", "opencv-python", "mkl", "intel-openmp")
"""Packages that bring an OpenMP library or load one."""


RULES = (duplicate,)
