"""What judging a build gives, and what builds and cards have in common."""

from ptsetup import compat
from ptsetup.facts import Record
from ptsetup.index import Build, WheelIndex
from ptsetup.plan.machine import Card

VENDOR_FAMILY = {"nvidia": "cuda", "amd": "rocm", "intel": "xpu", "apple": "cpu"}


MAKERS = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU", "xpu": "an Intel GPU", "cpu": "the CPU"}


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


def full_version(version: str, build: Build) -> str:
    """Version as the wheels of a build carry it: with the backend tag, but not on the default index and not on macOS."""
    return version if build.origin == "default" or build.platform.startswith("macos") else f"{version}+{build.backend}"


def cuda_of(build: Build) -> tuple[int, int] | None:
    """CUDA release of a build, (12, 6)."""
    numbers = compat.version_tuple(build.cuda or "")
    return (numbers[0], numbers[1]) if len(numbers) >= 2 else compat.cuda_of_tag(build.backend)


class Held:
    """An index as a cache key: by identity, since an index never changes while it is in use."""

    def __init__(self, index: WheelIndex) -> None:
        self.index = index

    def __hash__(self) -> int:
        return id(self.index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and other.index is self.index
