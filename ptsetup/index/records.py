"""The records of wheels_index.json: which wheels exist and what they need."""

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar, cast

from ptsetup.facts._record import Record
from ptsetup.index.rows import Rows

SCHEMA = 1


class Build(Record, frozen=True, kw_only=True, gc=False):
    """One torch build: a release for one backend tag on one platform from one origin."""

    torch: str
    """``2.14.1``."""
    backend: str
    """``cpu``, ``cu126``, ``rocm7.2``, ``xpu``; on macOS ``cpu`` holds MPS."""
    platform: str
    """``linux_x86_64``, ``linux_aarch64``, ``linux_s390x``, ``win_amd64``, ``win_arm64``, ``macos_arm64``, ``macos_x86_64``."""
    origin: Literal["pytorch", "default"]
    """``pytorch``: the PyTorch index, a page per tag; ``default``: what the plain name installs from the default package index."""
    status: Literal["seen", "listed", "announced"]
    """``seen``: exact file names are known; ``listed``: a release matrix names it; ``announced``: planned, not observed."""
    pythons: tuple[str, ...]
    """Python tags, ``cp312``, ``cp314t``."""
    platform_tags: tuple[str, ...] = ()
    cuda: str | None = None
    """Exact CUDA release, ``12.6.3``; ``12.6`` where only the tag tells."""
    cudnn: str | None = None
    sass: tuple[str, ...] = ()
    """Compiled architectures, ``sm_90``."""
    ptx: tuple[str, ...] = ()
    """``compute_90``: what the driver can compile for newer devices."""
    arch_level: str | None = None
    """How the architectures (or gfx targets) are known; None: they are not.

    ``measured`` inside the wheel, ``table`` that a wheel or uv carries, ``user-output`` of get_arch_list(), ``release-script``
    (the build script on that release's own branch), ``build-script`` (read at another commit), ``release-text``, ``inferred``
    (from the neighbouring release).
    """
    gfx: tuple[str, ...] = ()
    """ROCm targets."""
    min_glibc: str | None = None
    min_macos: str | None = None
    min_macos_by_python: dict[str, str] = {}
    """Python tags whose wheels ask for a newer macOS than ``min_macos``."""
    numpy_abi: str | None = None
    """``numpy1-only`` or ``numpy2-capable``."""
    note: str | None = None

    def macos_floor(self, python_tag: str | None) -> str | None:
        """The macOS that the wheel for this Python asks for."""
        return self.min_macos_by_python.get(python_tag or "", self.min_macos)


class Release(Record, frozen=True, kw_only=True):
    """One stable release of torch."""

    version: str
    date: str
    """Day of the first upload, ISO."""
    requires_python: str | None = None
    torchvision: tuple[str, ...] = ()
    """Versions that belong to it, the best first."""
    torchaudio: tuple[str, ...] = ()
    torchtext: tuple[str, ...] = ()
    torchcodec: tuple[str, ...] = ()
    triton: str | None = None
    """The specifier in the Linux metadata."""
    triton_rocm: str | None = None
    """Requirement of the ROCm builds: ``triton-rocm==3.8.0``."""
    triton_xpu: str | None = None
    """Requirement of the xpu builds."""
    requires: dict[str, tuple[str, ...]] = {}
    """Platform -> what the default build of that platform requires; of the markers only those on the Python version are left."""
    notes: tuple[str, ...] = ()


class CompanionBuild(Record, frozen=True, kw_only=True, gc=False):
    """One build of a companion package for one backend tag and platform."""

    project: str
    version: str
    backend: str
    platform: str
    origin: Literal["pytorch", "default"]
    status: Literal["seen", "listed", "announced"]
    pythons: tuple[str, ...] = ()
    """() means: not known."""


class WheelFile(Record, frozen=True, kw_only=True, array_like=True, gc=False):
    """One file that was seen, with its hash where known."""

    project: str
    version: str
    """With the local part: ``2.14.1+cu126``."""
    python_tag: str
    abi: str
    platform: str
    origin: Literal["pytorch", "default"]
    file: str
    """File name, percent-decoded."""
    folder: str | None = None
    """Folder on the PyTorch index's host, ``whl/cu126``; None for the default index, or where only the name is known."""
    sha256: str | None = None
    size_bytes: int | None = None

    @property
    def build_number(self) -> int:
        """Of a rebuild (``torch-2.10.0-3-cp312-…``); installers take the highest. 0 without one."""
        parts = self.file.split("-")
        return int(re.match(r"\d*", parts[2])[0] or 0) if len(parts) == 6 else 0  # type: ignore[index]


class CudaRelease(Record, frozen=True, kw_only=True):
    """A CUDA release and the driver that supports it in full."""

    cuda: str
    """``13.2``, for each of its updates."""
    toolkit: str | None = None
    """``13.2 Update 2``."""
    linux: str | None = None
    windows: str | None = None
    note: str | None = None
    source: str | None = None


class CudaMajor(Record, frozen=True, kw_only=True):
    """The oldest driver that runs any release of a CUDA major (minor-version compatibility)."""

    major: int
    linux: str | None = None
    windows: str | None = None
    source: str | None = None


class GpuName(Record, frozen=True, kw_only=True, gc=False):
    """An NVIDIA product name with its compute capability."""

    name: str
    capability: tuple[int, int]
    architecture: str | None = None
    source: str | None = None


class GfxTarget(Record, frozen=True, kw_only=True):
    """An AMD target with its products."""

    gfx: str
    products: tuple[str, ...] = ()
    override: str | None = None
    """Value of HSA_OVERRIDE_GFX_VERSION in common practice (unsupported)."""
    note: str | None = None


class DriverBranch(Record, frozen=True, kw_only=True):
    """First and last driver branch of an NVIDIA architecture."""

    architecture: str
    capabilities: tuple[str, ...]
    first: str | None = None
    last: str | None = None
    note: str | None = None
    source: str | None = None


class Mirror(Record, frozen=True, kw_only=True):
    """A mirror of the PyTorch index."""

    name: str
    base: str
    """Root URL."""
    per_tag: str
    """URL of one tag's page, with ``{tag}``."""
    is_pep503: bool
    """An index page tree (``--index-url``); else a flat page (``--find-links``)."""
    notes: tuple[str, ...] = ()


class Peak(Record, frozen=True, kw_only=True, gc=False):
    """Datasheet figures of a GPU: TFLOP/s without sparsity, GB/s."""

    name: str
    fp32_tflops: float | None = None
    tf32_tflops: float | None = None
    bf16_tflops: float | None = None
    fp16_tflops: float | None = None
    bandwidth_gbs: float | None = None
    fp16_nontensor_tflops: float | None = None
    """Half precision outside tensor cores, where a source gives both."""
    sources: tuple[str, ...] = ()
    confidence: str | None = None


class XpuSupport(Record, frozen=True, kw_only=True):
    """Which Intel GPUs the xpu build serves."""

    supported: tuple[str, ...] = ()
    not_supported: tuple[str, ...] = ()
    windows: str | None = None
    """The oldest Windows that PyTorch's page names for them, ``11``."""
    ubuntu: str | None = None
    """The oldest Ubuntu that it names, ``24.04``; of other distributions it is silent."""
    source: str | None = None


class MpsFloor(Record, frozen=True, kw_only=True):
    """The macOS that MPS needs, from one torch release on."""

    torch: str
    macos: str
    note: str | None = None


class Footprint(Record, frozen=True, kw_only=True):
    """Room that a build and what it requires take."""

    family: str
    """``cpu``, ``cuda``, ``rocm``, ``xpu``."""
    platform: str | None = None
    download_bytes: int | None = None
    installed_bytes: int | None = None
    torch: str | None = None
    """The release that was measured; others take about as much."""
    source: str | None = None


class WheelIndex(Record, frozen=True, kw_only=True):
    """What exists and what it needs."""

    schema: int
    date: str
    """Day on which the facts were checked, ISO."""
    sources: dict[str, str]
    """Id -> where it was read."""
    releases: tuple[Release, ...]
    """Oldest first."""
    builds: tuple[Build, ...]
    companions: Sequence[CompanionBuild]
    files: Sequence[WheelFile]
    cuda_releases: tuple[CudaRelease, ...]
    cuda_majors: tuple[CudaMajor, ...]
    nvidia_gpus: Sequence[GpuName]
    gfx_targets: tuple[GfxTarget, ...]
    driver_branches: tuple[DriverBranch, ...]
    xpu: XpuSupport
    mps: tuple[MpsFloor, ...]
    mirrors: tuple[Mirror, ...]
    peaks: Sequence[Peak]
    origin_url: str
    """Root of the PyTorch index; the page of a tag is ``origin_url/TAG``."""
    footprints: tuple[Footprint, ...] = ()
    doubts: tuple[str, ...] = ()
    """What the sources disagree on."""
    updated_from: str | None = None
    """Where a cached copy was last read from."""

    def build(self, torch: str, backend: str, platform: str, origin: str | None = None) -> Build | None:
        """The build of that release, tag and platform (from ``origin``; else the PyTorch index first); None: not known."""
        found = _by_key(self).get((torch, backend, platform), ())
        return next((b for b in found if origin in (None, b.origin)), None)

    def release(self, version: str) -> Release | None:
        """The record of one release; None when it is not known."""
        return _releases(self).get(version)

    def files_of(self, project: str, version: str) -> tuple[WheelFile, ...]:
        """Files of one project and version (with its local part), in the order of the table."""
        if isinstance(self.files, Rows):
            return self.files.beginning_with(project, version)
        return _files(self).get((project, version), ())

    def gpu_capability(self, name: str) -> tuple[int, int] | None:
        """Compute capability of a product by its name (``NVIDIA GeForce GTX 1080 Ti``); None when it is not in the table."""
        return _gpu_names(self).get(gpu_key(name))


def gpu_key(name: str) -> str:
    """A product name reduced to what tells products apart: case, maker and punctuation go."""
    words = name.lower().replace("-", " ").replace("(", " ").replace(")", " ").split()
    drop = {"nvidia", "geforce", "tesla", "quadro", "graphics", "gpu", "with", "design"}
    return "".join(w for w in words if w not in drop)


_CACHES: dict[tuple[str, int], tuple[object, object]] = {}
"""Keyed by identity: an index never changes while it is in use, and the tuple keeps it alive."""

_KEPT = 12
"""So many tables at most: a process that reads many indexes (tests) does not grow."""

Table = TypeVar("Table")


def cached(what: str, index: WheelIndex, make: Callable[[WheelIndex], Table]) -> Table:
    """A table made from an index once."""
    key = (what, id(index))
    held = _CACHES.get(key)
    if held is None or held[0] is not index:
        if len(_CACHES) >= _KEPT:
            _CACHES.clear()
        held = _CACHES[key] = (index, make(index))
    return cast("Table", held[1])


def _by_key(index: WheelIndex) -> dict[tuple[str, str, str], tuple[Build, ...]]:
    return cached("builds", index, _group_builds)


def _group_builds(index: WheelIndex) -> dict[tuple[str, str, str], tuple[Build, ...]]:
    table: dict[tuple[str, str, str], tuple[Build, ...]] = {}
    for build in sorted(index.builds, key=lambda b: b.origin != "pytorch"):
        key = (build.torch, build.backend, build.platform)
        table[key] = (*table.get(key, ()), build)
    return table


def _releases(index: WheelIndex) -> dict[str, Release]:
    return cached("releases", index, lambda i: {r.version: r for r in i.releases})


def _files(index: WheelIndex) -> dict[tuple[str, str], tuple[WheelFile, ...]]:
    return cached("files", index, _group_files)


def _group_files(index: WheelIndex) -> dict[tuple[str, str], tuple[WheelFile, ...]]:
    table: dict[tuple[str, str], list[WheelFile]] = {}
    for row in index.files:
        table.setdefault((row.project, row.version), []).append(row)
    return {key: tuple(rows) for key, rows in table.items()}


def _gpu_names(index: WheelIndex) -> dict[str, tuple[int, int]]:
    return cached("gpus", index, lambda i: {gpu_key(g.name): g.capability for g in reversed(i.nvidia_gpus)})
