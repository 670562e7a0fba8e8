"""How the code that was compiled into a build serves a card."""

from ptsetup import compat
from ptsetup.index import Build, WheelIndex
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.verdict import No, cuda_of
from ptsetup.plan.wanted import version_of

UNCONFIRMED_GFX = "build-script"
"""ROCm targets that only a build script names are not relied on: they may not have made it into the wheel."""


CONFIRMED_BY_OTHERS = frozenset(
    (
        "gfx908",
        "gfx90a",
        "gfx942",
        "gfx950",
        "gfx1030",
        "gfx1100",
        "gfx1101",
        "gfx1102",
        "gfx1200",
        "gfx1201",
        "gfx1150",
        "gfx1151",
    )
)
"""Targets that users printed from the neighbouring ROCm 7.2 builds (``torch.cuda.get_arch_list()``, uv's pull request 18730): a build
script that names these as well is believed."""


def serve(build: Build, machine: Machine, card: Card, *, is_driver_full: bool, index: WheelIndex) -> str | None:
    """``native``, ``ptx`` or None: how the code of a build serves a card."""
    if card.vendor == "nvidia":
        if card.capability is None:
            # of an unknown GPU nothing is known against a build, but that of a Jetson board is no server's
            is_for_it = not machine.is_jetson or (cuda_of(build) or (0, 0)) >= compat.JETSON_UNIFIED_CUDA
            return "native" if is_for_it else None
        architectures = (*build.sass, *build.ptx)
        return compat.serves(
            card.capability,
            architectures,
            is_ptx_allowed=is_driver_full,
            is_jetson=machine.is_jetson,
            cuda=cuda_of(build),
        )
    if card.vendor == "amd":
        is_confirmed = build.arch_level != UNCONFIRMED_GFX or card.gfx in CONFIRMED_BY_OTHERS
        return "native" if card.gfx in build.gfx and is_confirmed else None
    if card.vendor == "intel":
        return "native" if compat.xpu_support(card.name) else None
    floor = mps_floor(build.torch, index)
    return "native" if floor is not None and compat.at_least(machine.macos, floor) is not False else None


def unserved(build: Build, machine: Machine, card: Card, index: WheelIndex) -> No:
    """Why ``serve`` finds no code for a card in a build of its family."""
    if card.vendor == "apple":
        floor = mps_floor(build.torch, index)
        if floor is None:
            return No("gpu", f"has no MPS, which began with {index.mps[0].torch if index.mps else 'a later release'}")
        return No("gpu", f"needs macOS {floor} or newer for the GPU, this Mac has {machine.macos}")
    has_ptx = card.capability is not None and compat.serves(
        card.capability, (*build.sass, *build.ptx), is_ptx_allowed=True
    )
    if has_ptx:
        return No("gpu", f"holds only PTX for {card.label}, which driver {machine.driver} is too old to compile")
    if card.vendor == "nvidia" and not (build.sass or build.ptx):
        return No("gpu", "is not known to hold code for any GPU: its architectures were never listed")
    if card.gfx and card.gfx in build.gfx:
        return No("gpu", f"names {card.gfx} in its build script only: not confirmed to be in the wheel")
    return No("gpu", f"holds no code for {card.label}")


def mps_floor(torch: str, index: WheelIndex) -> str | None:
    """The macOS that MPS needs with that torch."""
    have = version_of(torch)
    floors = [floor for floor in index.mps if version_of(floor.torch) <= have]
    return max(floors, key=lambda floor: version_of(floor.torch)).macos if floors else None
