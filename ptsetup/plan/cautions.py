"""What a person has to know about a build although it is the one to take: announced only, made for NumPy 1, not confirmed here."""

import re

from ptsetup import compat
from ptsetup.plan.context import Context
from ptsetup.plan.verdict import MAKERS, Fit
from ptsetup.plan.wanted import version_of


def of(context: Context, best: Fit) -> tuple[str, ...]:
    """What a person has to know about the build that is taken, each a sentence without a full stop."""
    build = best.build
    lines = []
    if build.status == "announced" and not context.wanted.is_pre:
        lines.append(
            f"{build.torch}+{build.backend} is announced for the PyTorch index but was not seen there on {context.index.date}; "
            "install asks the index first"
        )
    if build.numpy_abi == "numpy1-only":
        lines.append(f"torch {build.torch} was built for NumPy 1: numpy<2 goes with it")
    lines += _older_audio(context, best)
    if any(card.capability == (7, 5) for card, _ in best.services) and version_of(build.torch) >= version_of("2.7"):
        lines.append(
            "torch.compile is doubtful on a Turing GPU: by one source Triton left it out from 3.3 on; all else runs"
        )
    if not best.services and compat.family(build.backend) != "cpu":
        lines.append(
            f"nothing here can use a build for {MAKERS[compat.family(build.backend)]}: it was asked for and runs on the CPU until "
            "that changes"
        )
    # of Thor, a capability of its own, builds with code for it have been run
    if any(card.capability in compat.JETSON_CAPABILITIES for card, _ in best.services):
        lines.append("not yet confirmed in practice on a Jetson board; NVIDIA's JetPack wheels are the tried way")
    if any(card.vendor == "intel" for card, _ in best.services):
        lines += _unnamed_system(context)
    driver_problem = context.machine.driver_problem if context.machine.driver is None else None
    if driver_problem and compat.family(build.backend) == "cuda" and best.services:
        lines.append(f"the driver could not be asked ({driver_problem}): whether it carries this CUDA is not known")
    if any(card.capability is None and card.vendor == "nvidia" for card, _ in best.services):
        lines.append("the compute capability of the GPU is not known, so its kernels could not be checked")
    return tuple(lines)


def _unnamed_system(context: Context) -> list[str]:
    """An Intel GPU on a system older than those that PyTorch's page names: it may run, and nobody says so."""
    host, xpu = context.snapshot.host, context.index.xpu
    if host is None or host.version is None or host.wsl:
        return []
    here, oldest = None, None
    if host.system == "windows":
        here, oldest = windows_release(host.version), xpu.windows
    elif host.distribution == "ubuntu" or (context.snapshot.origin == "described" and UBUNTU.fullmatch(host.version)):
        here, oldest = host.version, xpu.ubuntu
    if here is None or compat.at_least(here, oldest) is not False:
        return []
    name = "Windows" if host.system == "windows" else "Ubuntu"
    return [f"PyTorch names {name} {oldest} or newer for Intel GPUs, this machine has {here}: not confirmed to work"]


UBUNTU = re.compile(r"\d\d\.(?:04|10)")
"""A release of Ubuntu, by the form of its number."""


def windows_release(version: str) -> str:
    """``11`` of ``11`` and of ``10.0.22631``, ``10`` of ``10.0.19045``: Windows 11 counts on as 10.0, from build 22000."""
    numbers = compat.version_tuple(version)
    return "11" if numbers[:2] == (10, 0) and numbers[2:3] >= (22000,) else str((*numbers, 0)[0])


def _older_audio(context: Context, best: Fit) -> list[str]:
    """The last torchaudio: it goes beside newer torches without having been compiled for them."""
    audio = dict(best.companions).get("torchaudio")
    first = next((r.version for r in context.index.releases if audio in r.torchaudio), None)
    if (
        first is None
        or context.wanted.is_pre
        or version_of(first).release[:2] >= version_of(best.build.torch).release[:2]
    ):
        return []
    return [f"torchaudio ended with {audio}: it was compiled beside torch {first} and asks for no certain one"]
