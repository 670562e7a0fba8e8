"""PT213 to PT215: conda, beside pip or alone."""

from collections.abc import Iterator
from itertools import combinations

from ptsetup import compat
from ptsetup.facts import Distribution
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact, fresh_conda, python_to_take

CONDA_FROZEN_AT = (2, 5, 1)
"""The last release in conda's channel pytorch (announced with 2.6)."""


def _conda(case: Case, *names: str) -> list[Distribution]:
    """What conda itself installed, of those names."""
    return [d for name in names for d in case.dists(name) if d.installer == "conda"]


def _one_manager(case: Case, word: str = "") -> tuple[Fix, ...]:
    """Conda for Python alone, the wheels for the rest; in the Python at hand if the newest torch has a wheel for it."""
    python = ".".join(map(str, case.python[:2]))
    newest = case.newest_torch_then
    tags = {tag for build in case.index.builds if build.torch == newest for tag in build.pythons}
    version = python if f"cp{python.replace('.', '')}" in tags else python_to_take(tags)
    make = f"{word} make" if word else "Make"
    text = f"{make} a new environment in which conda brings Python {version} only, and install torch into it."
    return fresh_conda(case, version, text)


@rule(
    "PT213",
    "conda-pip-mix",
    "warning",
    "conda and pip both installed torch's family here",
    needs=("target.distributions|messages",),
    hides=("PT207", "PT861", "PT301", "PT302"),
    layer=51,
    says=(r"libtorch_cuda_cu\.so: cannot open shared object file",),
)
def conda_pip_mix(case: Case) -> Iterator[Finding]:
    """What is wrong
        In this conda environment conda installed one torch (or torchvision) and pip another.

    Why it matters
        Each overwrites files of the other: crashes with two OpenMP libraries, a wrong MKL, missing libraries, or a CPU
        build after an upgrade.

    See it yourself
        conda list | grep -E "torch|mkl|numpy"

    Fix
        Make a new environment and let one manager install all of it.

    Sources
        conda-forge/pytorch-cpu-feedstock#147, #218
    """
    mine = _conda(case, "torch", "pytorch")
    others = [d for d in case.dists("torch") if d.installer != "conda"]
    pairs = [(a, b) for a in mine for b in others if a.version != b.version or b.installer in ("pip", "uv")]
    if not pairs:
        channels = {d.name: d for d in (*mine, *_conda(case, "torchvision", "torchaudio")) if d.channel}
        pairs = [
            (a, b) for a, b in combinations(channels.values(), 2) if _maker(a.channel or "") != _maker(b.channel or "")
        ]
    if not pairs:
        return
    first, second = pairs[0]
    one, two = _named(first), _named(second)
    hit = case.heard(conda_pip_mix)
    yield Finding(
        message=f"{one} and {two} are in one environment.",
        subject=first.name,
        evidence=(
            fact(case, "target.distributions", one, "conda-meta"),
            fact(case, "target.distributions", two, "metadata"),
            *([hit.evidence] if hit else []),
        ),
        fixes=_one_manager(case),
        severity="error" if case.is_import_ok is False or hit else "note" if case.is_import_ok else "warning",
    )


def _maker(channel: str) -> str:
    """The channels of conda's own makers count as one."""
    return "defaults" if channel in ("main", "anaconda", "defaults", "pkgs/main") else channel


def _named(dist: Distribution) -> str:
    by = f"conda ({dist.channel})" if dist.installer == "conda" and dist.channel else dist.installer or "pip"
    return f"{dist.name} {dist.version} by {by}"


@rule(
    "PT214",
    "conda-pytorch-channel-frozen",
    "warning",
    "conda's channel pytorch ends at 2.5.1",
    needs=("target.distributions|messages",),
    layer=56,
    says=(r"PackagesNotFoundError[^\n]*pytorch", r"^\s*-\s+pytorch(?:==?|>=)2\.(?:[6-9]|1\d)"),
)
def conda_frozen(case: Case) -> Iterator[Finding]:
    """What is wrong
        torch comes from conda's channel pytorch, which gets no releases after 2.5.1.

    Why it matters
        conda says that all is up to date, while newer GPUs and packages need a newer torch.

    See it yourself
        conda list pytorch

    Fix
        Take the wheels (pip or uv) in a new environment, or conda-forge's pytorch-gpu.

    Sources
        saturncloud/images#472
    """
    found = [
        d
        for d in _conda(case, "torch", "pytorch", "pytorch-cuda")
        if d.channel == "pytorch" or d.name == "pytorch-cuda"
    ]
    newest = compat.version_tuple(case.newest_torch_then or "")
    if not found or newest <= CONDA_FROZEN_AT:
        return
    hit = case.heard(conda_frozen)
    yield Finding(
        message=f"{found[0].name} {found[0].version} comes from conda's channel pytorch, which stops at 2.5.1; "
        f"the newest torch is {case.newest_torch_then}.",
        subject="torch",
        evidence=(
            fact(case, "target.distributions", _named(found[0]), "conda-meta"),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            *_one_manager(case),
            Fix(
                text="Or stay with conda and take conda-forge's build.",
                commands=(("conda", "install", "-c", "conda-forge", "pytorch-gpu"),),
            ),
        ),
        severity="warning" if hit else "note",
    )


ASKED_FOR_CUDA = r"\bconda install\b.{0,120}\b(?:cudatoolkit|pytorch-cuda)\b"


@rule(
    "PT215",
    "conda-cpu-build",
    "error",
    "conda chose a CPU build on a machine with a GPU",
    needs=("target.distributions",),
    hides=("PT401", "PT60", "PT65"),
    layer=59,
)
def conda_cpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        The torch that conda installed is a CPU build (its build string says cpu, or the package cpuonly is there), and
        the machine has an NVIDIA GPU.

    Why it matters
        torch.cuda.is_available() is False, and nothing says why.

    See it yourself
        conda list | grep -E "pytorch|cpuonly|mutex"

    Fix
        Remove cpuonly and install pytorch-gpu from conda-forge; or take a wheel.

    Sources
        pytorch/pytorch#32369, #101801, meta-pytorch/data#315
    """
    marks = [d for d in _conda(case, "torch", "pytorch", "pytorch-mutex", "libtorch") if "cpu" in (d.build or "")]
    marks += case.dists("cpuonly")
    torch = case.snapshot.torch
    told = case.said(ASKED_FOR_CUDA) if torch and torch.is_cuda_available is False else None
    is_wanted = case.has_nvidia_device is True or (told is not None and case.has_nvidia_device is None)
    if not marks or not is_wanted or case.wanted[0] not in ("cuda", None) or (torch and torch.is_cuda_available):
        return
    mark = marks[0]
    yield Finding(
        message=f"conda's {mark.name} {mark.version} {mark.build or ''} is a build for the CPU, and ".replace("  ", " ")
        + ("one for CUDA was asked for." if told and case.has_nvidia_device is None else "an NVIDIA GPU is here."),
        subject="torch",
        evidence=(
            fact(case, "target.distributions", f"{mark.name} {mark.version} {mark.build or ''}".strip(), "conda-meta"),
            *([fact(case, "host.pci", "an NVIDIA GPU", "PCI bus or driver")] if case.has_nvidia_device else []),
            *([told.evidence] if told else []),
        ),
        fixes=(
            Fix(
                text="Take conda-forge's build for the GPU.",
                commands=(
                    *([("conda", "remove", "cpuonly")] if case.dists("cpuonly") else []),
                    ("conda", "install", "-c", "conda-forge", "pytorch-gpu"),
                ),
            ),
            *_one_manager(case, "Or"),
        ),
    )


RULES = (conda_pip_mix, conda_frozen, conda_cpu)
