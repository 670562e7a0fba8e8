"""What is asked of the planner and what it answers."""

from typing import Literal

from ptsetup.facts import Record

SCHEMA = 1
"""Of the Plan's JSON."""

Outcome = Literal["install", "choose", "refuse"]


class Request(Record, frozen=True, kw_only=True):
    """What is asked for."""

    packages: tuple[str, ...] = ("torch",)
    """Requirements as a person writes them: ``torch>=2.12``, ``torchvision``."""
    backend: str = "auto"
    """A backend tag, or ``auto``."""
    gpus: tuple[int, ...] = ()
    """Serve only the GPUs with these numbers (``machine.numbers``); () means all that are visible."""
    is_pre: bool = False
    """Nightly builds."""
    index_url: str | None = None
    """Where the torch family is to come from, in place of the PyTorch index."""
    mirror: str | None = None
    """Name of a mirror in the index, or the root URL of one."""
    find_links: str | None = None
    """Folder or page of wheels for the torch family."""
    installer: Literal["uv", "pip"] = "uv"
    absent: tuple[str, ...] = ()
    """Builds that the live index turned out not to have: ``2.15.0+cu130@pytorch``, ``nightly+cpu@pytorch``, and companions,
    ``torchvision-0.29.2+cu130@pytorch``."""
    only: tuple[str, ...] = ()
    """``torch==2.13.0+cpu`` and the like: the wheels at hand, where nothing else can be had; () means that everything can."""


class Requirement(Record, frozen=True, kw_only=True):
    """One package of the plan, pinned."""

    name: str
    pin: str
    """``torch==2.14.1+cu126``; without version for nightlies."""
    version: str | None = None
    index_url: str | None = None
    """None: the user's default index."""
    file: str | None = None
    """File name of the wheel for this interpreter, where it is known."""
    url: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


class Rejection(Record, frozen=True, kw_only=True):
    """Builds that one fact ruled out."""

    kind: str
    """``system``, ``python``, ``driver``, ``gpu``, ``libc``, ``macos``, ``request``, ``constraint``, ``backend``, ``companion``, ``numpy``,
    ``requires``, ``idle``, ``vendor``, ``older``, ``rank``, ``absent``."""
    reason: str
    """What the fact is, without the builds: ``needs driver 580 or newer, this machine has 550.54.14``."""
    torch: tuple[str, ...] = ()
    """Versions, the newest first."""
    backends: tuple[str, ...] = ()
    count: int = 0
    """Number of builds."""


class Option(Record, frozen=True, kw_only=True):
    """A way out, or one of several equal choices."""

    text: str
    """A sentence without a full stop: ``driver 580 or newer opens 2.15.0 for CUDA 13.0``."""
    kind: str
    """What changes: ``driver``, ``python``, ``request``, ``backend``, ``gpu``, ``cpu``, ``system``, ``vendor_wheel``."""
    torch: str | None = None
    backend: str | None = None
    command: tuple[str, ...] = ()
    """The ptsetup call that takes it, where one does."""


class Device(Record, frozen=True, kw_only=True):
    """An accelerator and how the chosen build serves it."""

    name: str
    """``NVIDIA GeForce RTX 4090``; with its capability or target where known in ``detail``."""
    vendor: str
    index: int = 0
    detail: str | None = None
    """``8.9``, ``gfx1100``."""
    service: str | None = None
    """``native``, ``ptx``; None: not served."""
    problem: str | None = None
    """Why it cannot be used at all today."""


class Plan(Record, frozen=True, kw_only=True):
    """The build that works here, and why; or why none does, and what would change it."""

    schema: int = SCHEMA
    outcome: Outcome = "refuse"
    headline: str = ""
    """The answer in one sentence."""
    backend: str | None = None
    torch: str | None = None
    """Public version, ``2.14.1``."""
    local: str | None = None
    """With the local part, ``2.14.1+cu126``."""
    platform: str | None = None
    python_tag: str | None = None
    python: str | None = None
    """The target interpreter."""
    origin: str | None = None
    """``pytorch`` or ``default``, the index that the build comes from."""
    status: str | None = None
    """``seen``, ``listed`` or ``announced``."""
    index_url: str | None = None
    requirements: tuple[Requirement, ...] = ()
    """The torch family, exactly pinned."""
    others: tuple[str, ...] = ()
    """Other requirements, which come from the user's default index."""
    commands: tuple[tuple[str, ...], ...] = ()
    """Argument vectors in order."""
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    advice: tuple[Option, ...] = ()
    """The smallest changes that would open something better."""
    options: tuple[Option, ...] = ()
    """Outcome ``choose``: the choices; ``refuse``: the ways out."""
    devices: tuple[Device, ...] = ()
    cuda: str | None = None
    """Exact CUDA release of the build."""
    support: str | None = None
    """How the driver carries that CUDA: ``full`` or ``minor-version``."""
    download_bytes: int | None = None
    installed_bytes: int | None = None
    size_of: str | None = None
    """The release whose size stands in for this one's, where only that one was measured."""
    index_date: str | None = None

    @property
    def name(self) -> str:
        """The build as texts name it: ``2.14.1+cu126``; of nightlies only the tag is known before they are installed."""
        return self.local or f"nightly ({self.backend})"
