"""Which CUDA an NVIDIA driver carries, and which cards its branch has the code for."""

import functools

from ptsetup import compat
from ptsetup.index import Build, DriverBranch, WheelIndex
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.verdict import Held, No, cuda_of
from ptsetup.plan.wanted import Wanted


def unreadable(build: Build, machine: Machine, wanted: Wanted, cards: tuple[Card, ...]) -> No | None:
    """A driver that is there and tells nothing: which CUDA it carries is anybody's guess, unless a person names the tag."""
    if machine.driver is not None or machine.driver_problem is None or wanted.backend is not None:
        return None
    if compat.family(build.backend) != "cuda" or not any(card.vendor == "nvidia" for card in cards):
        return None
    return No("driver", f"cannot be judged: {machine.driver_problem}, and no driver version is known")


def unfit(build: Build, machine: Machine, index: WheelIndex, cards: tuple[Card, ...]) -> No | None:
    """A driver that does not carry the build's CUDA, or of a branch without the code for a card; None for builds without CUDA."""
    if compat.family(build.backend) != "cuda" or not any(card.vendor == "nvidia" for card in cards):
        return None
    if machine.driver is None:
        return None
    cuda = cuda_of(build)
    is_carried = cuda is None or carries(cuda, machine, index) is not None
    for card in cards:
        problem = branch_problem(card, machine, index)
        row = branch_row(card, index)
        # a CUDA release may ask for more than the card does
        if problem and (is_carried or (row and row.last)):
            return No("driver", problem, row.first if row else None)
    if is_carried or cuda is None:
        return None
    _, loose = compat.minimum_driver(cuda, index, is_windows=machine.is_windows_driver)
    firsts = [row.first for card in cards if (row := branch_row(card, index)) and row.first]
    least = max((one for one in (loose, *firsts) if one), key=compat.version_tuple, default=None)
    if least is None:
        return No("driver", f"is for CUDA {cuda[0]}.{cuda[1]}, and which drivers carry that is not known")
    return No("driver", f"needs driver {least} or newer, this machine has {machine.driver_text}", least)


def carries(cuda: tuple[int, int], machine: Machine, index: WheelIndex) -> str | None:
    """``full``, ``minor-version`` or None: how the driver carries programs of a CUDA release."""
    return _carries(cuda, machine.driver, machine.driver_cuda, machine.is_windows_driver, Held(index))


@functools.lru_cache(maxsize=256)
def _carries(
    cuda: tuple[int, int], driver: str | None, speaks: tuple[int, int] | None, is_windows: bool, held: Held
) -> str | None:
    full, loose = compat.minimum_driver(cuda, held.index, is_windows=is_windows)
    if compat.at_least(driver, full) or (speaks is not None and speaks >= cuda):
        return "full"
    return "minor-version" if compat.at_least(driver, loose) else None


def support_of(build: Build, machine: Machine, index: WheelIndex, cards: tuple[Card, ...]) -> str | None:
    """How the driver carries a build's CUDA, as ``carries``; None where no card is to be served or the build is none for CUDA."""
    cuda = cuda_of(build)
    return carries(cuda, machine, index) if cards and cuda and compat.family(build.backend) == "cuda" else None


def branch_problem(card: Card, machine: Machine, index: WheelIndex) -> str | None:
    """The driver is of a branch that has not yet, or no longer, the code for this card."""
    if card.vendor != "nvidia" or card.capability is None or machine.driver is None:
        return None
    branch = compat.driver_branch(machine.driver, index, is_windows=machine.is_windows_driver)
    row = branch_row(card, index)
    if row is None:
        return None
    if row.last and branch > compat.version_tuple(row.last)[0]:
        return f"needs driver {row.last}, the last branch for {card.label}; this machine has {machine.driver_text}"
    if row.first and branch < compat.version_tuple(row.first)[0]:
        return f"needs driver {row.first} or newer for {card.label}, this machine has {machine.driver_text}"
    return None


def branch_row(card: Card, index: WheelIndex) -> DriverBranch | None:
    """First and last driver branch of a card's architecture; None when nothing is known."""
    if card.capability is None:
        return None
    return next((row for row in index.driver_branches if covers(row.capabilities, card.capability)), None)


def covers(capabilities: tuple[str, ...], capability: tuple[int, int]) -> bool:
    """``5.x`` covers (5, 2), ``8.6`` covers (8, 6)."""
    major, minor = capability
    return any(text in (f"{major}.{minor}", f"{major}.x") for text in capabilities)
