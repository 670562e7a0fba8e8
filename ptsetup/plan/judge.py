"""One build against one machine: does it fit, how well, and if not, which fact rules it out."""

import functools
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from ptsetup import compat
from ptsetup.facts import Record
from ptsetup.index import Build, CompanionBuild, DriverBranch, WheelIndex
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.needs import go_together, required_by
from ptsetup.plan.wanted import COMPANIONS, ONE_BUILD, Wanted, version_of

VENDOR_FAMILY = {"nvidia": "cuda", "amd": "rocm", "intel": "xpu", "apple": "cpu"}

UNCONFIRMED_GFX = "build-script"
"""ROCm targets that only a build script names are not relied on: they may not have made it into the wheel."""


class No(Record, frozen=True):
    """Why a build does not work here."""

    kind: str
    reason: str
    driver: str | None = None
    """Where only a newer driver is missing: the oldest that would do."""


class Fit(Record, frozen=True, kw_only=True):
    """A build that works here."""

    build: Build
    services: tuple[tuple[Card, str], ...] = ()
    support: str | None = None
    """``full`` or ``minor-version``; None without CUDA."""
    companions: tuple[tuple[str, str], ...] = ()
    """Companion and its version."""

    @property
    def is_native(self) -> bool:
        """No card needs its kernels compiled at first use."""
        return all(service == "native" for _, service in self.services)


def judge(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]) -> Fit | No:
    """Does this build work on this machine, serve all of ``cards`` and satisfy what was asked for?"""
    no = next(in_the_way(build, machine, wanted, index, cards), None)
    if no is not None:
        return no
    support = _support(build, machine, index, cards)
    services = []
    for card in cards:
        service = serve(build, machine, card, is_driver_full=support == "full", index=index)
        services.append((card, service or "native"))
    found = _companions(build, machine, wanted, index)
    return Fit(
        build=build,
        services=tuple(services),
        support=support,
        companions=() if isinstance(found, No) else found,
    )


def in_the_way(
    build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]
) -> Iterator[No]:
    """Every fact that rules a build out, what was asked for first; none when it works."""
    yield from _some(_nightly(build, wanted))
    yield from _some(_asked(build, wanted))
    yield from _some(_interpreter(build, machine))
    yield from _some(_system(build, machine))
    yield from _some(_unreadable(build, machine, wanted, cards))
    yield from _some(_driver(build, machine, index, cards))
    yield from _some(_unserving(build, machine, wanted, index, cards))
    yield from _some(_numpy(build, wanted))
    yield from _some(_required(build, machine, wanted, index))
    yield from _some(_missing(_companions(build, machine, wanted, index)))


def _some(no: No | None) -> tuple[No, ...]:
    return () if no is None else (no,)


def _nightly(build: Build, wanted: Wanted) -> No | None:
    if wanted.is_pre and (build.torch != wanted.nightly or build.origin != "pytorch"):
        return No("request", f"says nothing about nightlies, which have the backend tags of {wanted.nightly}")
    return None


def _asked(build: Build, wanted: Wanted) -> No | None:
    if not wanted.takes(build.torch):
        return No("request", f"is not what was asked for ({wanted.text})")
    if wanted.backend is not None and build.backend != wanted.backend:
        return No("backend", f"is not the build asked for ({wanted.backend})")
    if not wanted.is_allowed("torch", build.torch):
        return No("constraint", f"is shut out by your pip constraints (torch{wanted.constraints['torch']})")
    if f"{'nightly' if wanted.is_pre else build.torch}+{build.backend}@{build.origin}" in wanted.absent:
        return No("absent", "is not on the index (asked just now)")
    if not wanted.can_be_had("torch", full_version(build.torch, build)):
        return No("absent", "is not among the wheels at hand")
    return None


def full_version(version: str, build: Build) -> str:
    """Version as the wheels of a build carry it: with the backend tag, but not on the default index and not on macOS."""
    return version if build.origin == "default" or build.platform.startswith("macos") else f"{version}+{build.backend}"


def _interpreter(build: Build, machine: Machine) -> No | None:
    if machine.python_tag is None or machine.python_tag in build.pythons or not build.pythons:
        return None
    return No("python", f"has no wheel for Python {machine.python}")


def _system(build: Build, machine: Machine) -> No | None:
    if machine.libc == "glibc" and compat.at_least(machine.libc_version, build.min_glibc) is False:
        return No("libc", f"needs glibc {build.min_glibc} or newer, this system has {machine.libc_version}")
    floor = build.macos_floor(machine.python_tag)
    if compat.at_least(machine.macos, floor) is False:
        return No("macos", f"needs macOS {floor} or newer, this Mac has {machine.macos}")
    return None


def _unreadable(build: Build, machine: Machine, wanted: Wanted, cards: tuple[Card, ...]) -> No | None:
    """A driver that is there and tells nothing: which CUDA it carries is anybody's guess, unless a person names the tag."""
    if machine.driver is not None or machine.driver_problem is None or wanted.backend is not None:
        return None
    if compat.family(build.backend) != "cuda" or not any(card.vendor == "nvidia" for card in cards):
        return None
    return No("driver", f"cannot be judged: {machine.driver_problem}, and no driver version is known")


def _driver(build: Build, machine: Machine, index: WheelIndex, cards: tuple[Card, ...]) -> No | None:
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


def cuda_of(build: Build) -> tuple[int, int] | None:
    """CUDA release of a build, (12, 6)."""
    numbers = compat.version_tuple(build.cuda or "")
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else compat.cuda_of_tag(build.backend)


def carries(cuda: tuple[int, int], machine: Machine, index: WheelIndex) -> str | None:
    """``full``, ``minor-version`` or None: how the driver carries programs of a CUDA release."""
    return _carries(cuda, machine.driver, machine.driver_cuda, machine.is_windows_driver, Held(index))


class Held:
    """An index as a cache key: by identity, since an index never changes while it is in use."""

    def __init__(self, index: WheelIndex) -> None:
        self.index = index

    def __hash__(self) -> int:
        return id(self.index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.index is self.index


@functools.lru_cache(maxsize=256)
def _carries(
    cuda: tuple[int, int], driver: str | None, speaks: tuple[int, int] | None, is_windows: bool, held: Held
) -> str | None:
    full, loose = compat.minimum_driver(cuda, held.index, is_windows=is_windows)
    if compat.at_least(driver, full) or (speaks is not None and speaks >= cuda):
        return "full"
    return "minor-version" if compat.at_least(driver, loose) else None


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


def _unserving(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex, cards: tuple[Card, ...]) -> No | None:
    """A card that the build is not for, or holds no code for."""
    family = compat.family(build.backend)
    support = _support(build, machine, index, cards)
    for card in cards:
        if VENDOR_FAMILY[card.vendor] != family:
            return _other_family(build, cards)
        if serve(build, machine, card, is_driver_full=support == "full", index=index) is None:
            return _unserved(build, machine, card, index)
    if not cards and family != "cpu" and wanted.backend is None:
        return No("vendor", "is for a GPU, and this machine has none that it could use")
    return None


def _numpy(build: Build, wanted: Wanted) -> No | None:
    if build.numpy_abi == "numpy1-only" and not wanted.takes_numpy_1:
        return No("numpy", f"was built for NumPy 1, and numpy{wanted.numpy} is asked for")
    return None


def _required(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex) -> No | None:
    """What it requires beside itself does not go together with what else was asked for, or with the user's constraints."""
    if not wanted.limits and not wanted.constraints:
        return None
    for name, spec in required_by(build, machine.python, index):
        asked = wanted.limits.get(name, SpecifierSet()) & wanted.constraints.get(name, SpecifierSet())
        if str(asked) and not go_together(spec, asked):
            return No("requires", f"goes with {name}{spec}, not with {name}{asked}")
    return None


def _missing(found: tuple[tuple[str, str], ...] | No) -> No | None:
    return found if isinstance(found, No) else None


MAKERS = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU", "xpu": "an Intel GPU", "cpu": "the CPU"}


def _support(build: Build, machine: Machine, index: WheelIndex, cards: tuple[Card, ...]) -> str | None:
    cuda = cuda_of(build)
    return carries(cuda, machine, index) if cards and cuda and compat.family(build.backend) == "cuda" else None


def _other_family(build: Build, cards: tuple[Card, ...]) -> No:
    if compat.family(build.backend) == "cpu":
        return No("idle", f"would leave the {'GPUs' if len(cards) > 1 else 'GPU'} idle")
    return No("vendor", "is for another maker's GPU")


def _unserved(build: Build, machine: Machine, card: Card, index: WheelIndex) -> No:
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


def mps_floor(torch: str, index: WheelIndex) -> str | None:
    """The macOS that MPS needs with that torch."""
    have = version_of(torch)
    floors = [floor for floor in index.mps if version_of(floor.torch) <= have]
    return max(floors, key=lambda floor: version_of(floor.torch)).macos if floors else None


def _companions(build: Build, machine: Machine, wanted: Wanted, index: WheelIndex) -> tuple[tuple[str, str], ...] | No:
    found = []
    release = index.release(build.torch)
    for name in wanted.companions:
        paired: tuple[str, ...] = getattr(release, name, ()) or () if release and name in COMPANIONS else ()
        fitting = [
            v
            for v in paired
            if wanted.specifiers[name].contains(version_of(v), prereleases=True) and wanted.is_allowed(name, v)
        ]
        if not fitting:
            asked = f"{name}{wanted.specifiers[name]}"
            have = f" (it goes with {name} {paired[0]})" if paired else ""
            return No("companion", f"has no {asked} that belongs to it{have}")
        at_hand = [
            v
            for v in fitting
            if _can_be_had(name, v, build, wanted) and f"{name}-{v}+{build.backend}@{build.origin}" not in wanted.absent
        ]
        there = next((v for v in at_hand if wanted.only or _has_companion(name, v, build, machine, index)), None)
        if there is None:
            return No("companion", _without(name, fitting, at_hand, build, machine, wanted, index))
        found.append((name, there))
    return tuple(found)


def _without(
    name: str, fitting: list[str], at_hand: list[str], build: Build, machine: Machine, wanted: Wanted, index: WheelIndex
) -> str:
    """Why none of a companion's fitting versions can be had."""
    if not at_hand:
        return f"has no {name} {'among the wheels at hand' if wanted.only else 'on the index (asked just now)'}"
    table = _companion_rows(Held(index))
    rows = [row for v in fitting for row in table.get((name, v, build.backend, build.platform), ())]
    has_one = any(row.origin == build.origin for row in rows)
    return f"has no {name} for {f'Python {machine.python}' if has_one else 'the same backend tag'}"


def _can_be_had(name: str, version: str, build: Build, wanted: Wanted) -> bool:
    """Some file name of that companion is among the wheels at hand, where there is such a list."""
    names = {full_version(version, build)}
    if name in ONE_BUILD:
        names |= {version, f"{version}+cpu"}
    elif build.platform == "linux_aarch64":
        names.add(version)
    return any(wanted.can_be_had(name, one) for one in names)


def _has_companion(name: str, version: str, build: Build, machine: Machine, index: WheelIndex) -> bool:
    rows = _companion_rows(Held(index)).get((name, version, build.backend, build.platform), ())
    return any(
        row.origin == build.origin and (not row.pythons or "py3" in row.pythons or machine.python_tag in row.pythons)
        for row in rows
    )


@functools.lru_cache(maxsize=4)
def _companion_rows(held: Held) -> dict[tuple[str, str, str, str], tuple[CompanionBuild, ...]]:
    table: dict[tuple[str, str, str, str], tuple[CompanionBuild, ...]] = {}
    for row in held.index.companions:
        key = (row.project, row.version, row.backend, row.platform)
        table[key] = (*table.get(key, ()), row)
    return table
