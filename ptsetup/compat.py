"""What needs what: drivers and CUDA, compiled architectures and GPUs, systems and wheels. Logic only; tables are in the index."""

import functools
import re
from collections.abc import Sequence
from typing import Literal

from ptsetup.facts import Gpu, Host, Nvidia, Snapshot, replace
from ptsetup.index import WheelIndex

Service = Literal["native", "ptx"]

JETSON_CAPABILITIES = frozenset({(5, 3), (6, 2), (7, 2), (8, 7)})
"""Integrated GPUs of Tegra boards: server builds carry no code for them before CUDA 13.2 (torch/cuda/__init__.py of 2.15.0)."""

JETSON_UNIFIED_CUDA = (13, 2)

PLATFORMS = {
    ("linux", "x86_64"): "linux_x86_64",
    ("linux", "amd64"): "linux_x86_64",
    ("linux", "aarch64"): "linux_aarch64",
    ("linux", "arm64"): "linux_aarch64",
    ("linux", "s390x"): "linux_s390x",
    ("windows", "x86_64"): "win_amd64",
    ("windows", "amd64"): "win_amd64",
    ("windows", "arm64"): "win_arm64",
    ("windows", "aarch64"): "win_arm64",
    ("macos", "arm64"): "macos_arm64",
    ("macos", "aarch64"): "macos_arm64",
    ("macos", "x86_64"): "macos_x86_64",
}

BRANCH_CUDA = ((610, (13, 3)), (595, (13, 2)), (590, (13, 1)), (580, (13, 0)))
"""Windows: NVIDIA lists no driver per CUDA 13 release there, so the driver branch is used (the branches are common to both systems)."""


@functools.lru_cache(maxsize=4096)
def version_tuple(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, ``580.95.05`` -> (580, 95, 5); () when it starts with none. Never compare versions as text."""
    match = re.match(r"\s*v?(\d+(?:\.\d+)*)", text or "")
    return tuple(int(part) for part in match[1].split(".")) if match else ()


@functools.lru_cache(maxsize=4096)
def at_least(version: str | None, minimum: str | None) -> bool | None:
    """``version`` is ``minimum`` or newer, compared number by number; None when either is not known."""
    have, want = version_tuple(version or ""), version_tuple(minimum or "")
    if not have or not want:
        return None
    width = max(len(have), len(want))
    return have + (0,) * (width - len(have)) >= want + (0,) * (width - len(want))


@functools.lru_cache(maxsize=256)
def family(backend: str) -> str:
    """``cuda``, ``rocm``, ``xpu`` or ``cpu`` for a backend tag (``cu126``, ``rocm6.4``); MPS counts as ``cpu``, whose wheels hold it."""
    for name in ("rocm", "xpu", "cu"):
        if backend.startswith(name) and not (name == "cu" and not backend[2:3].isdigit()):
            return "cuda" if name == "cu" else name
    return "cpu"


@functools.lru_cache(maxsize=256)
def cuda_of_tag(backend: str) -> tuple[int, int] | None:
    """CUDA release of a backend tag, ``cu126`` -> (12, 6), ``cu92`` -> (9, 2); None for other tags."""
    match = re.fullmatch(r"cu(\d+)(\d)", backend)
    return (int(match[1]), int(match[2])) if match else None


def tag_order(backend: str) -> tuple[str, tuple[int, ...]]:
    """Sort key of backend tags: by family, then by number."""
    return family(backend), cuda_of_tag(backend) or version_tuple(backend.removeprefix("rocm"))


def tag_of_cuda(version: str) -> str:
    """Backend tag of a CUDA release, ``12.6.3`` -> ``cu126``."""
    major, minor = (*version_tuple(version), 0, 0)[:2]
    return f"cu{major}{minor}"


def platform_of(snapshot: Snapshot) -> str | None:
    """The index's name for system and machine of the *target interpreter*; None when unknown or when no wheel exists for it."""
    host, target = snapshot.host, snapshot.target
    if host is None or host.system is None:
        return None
    machine = (target.machine if target else None) or host.machine
    return PLATFORMS.get((host.system, (machine or "").lower()))


def has_vendor(snapshot: Snapshot, vendor: str) -> bool | None:
    """A display or compute device of that PCI vendor is in the machine, by any source; None when nobody could look."""
    listed = {
        "10de": snapshot.nvidia.gpus if snapshot.nvidia else None,
        "1002": snapshot.amd.gpus if snapshot.amd else None,
        "8086": snapshot.intel.gpus if snapshot.intel else None,
    }.get(vendor)
    if listed:
        return True
    nvml = snapshot.nvidia.nvml if snapshot.nvidia else None
    if vendor == "10de" and nvml is not None and nvml.count:
        return True
    bus = snapshot.host.pci if snapshot.host else None
    if bus is not None:
        if any(device.vendor == vendor for device in bus):
            return True
        # A virtual bus (WSL, some containers) shows nothing although a GPU is there.
        return None if _is_bus_blind(snapshot.host) else False
    return False if listed == () else None


def _is_bus_blind(host: Host | None) -> bool:
    return bool(host and host.wsl)


def driver_version(snapshot: Snapshot) -> tuple[str, str] | None:
    """The NVIDIA driver version that decides, and its source: kernel module, else NVML, else the library's name, else nvidia-smi."""
    nvidia = snapshot.nvidia
    if nvidia is None:
        return None
    nvml, smi = nvidia.nvml, nvidia.smi
    is_wsl = bool(snapshot.host and snapshot.host.wsl)
    # Under WSL the Windows driver decides, and only NVML tells its version.
    candidates = (
        (None if is_wsl else nvidia.kernel_module_version, "/proc/driver/nvidia/version"),
        (nvml.driver_version if nvml else None, "NVML"),
        (None if _is_refused(nvidia) else nvidia.user_library_version, "library name"),
        (smi.driver_version if smi else None, "nvidia-smi"),
    )
    return next(((version, source) for version, source in candidates if version and version_tuple(version)), None)


def cuda_driver_version(snapshot: Snapshot, index: WheelIndex) -> tuple[tuple[int, int], str] | None:
    """Newest CUDA that the driver speaks, and its source: NVML, libcuda, nvidia-smi, else NVIDIA's table by driver version."""
    nvidia = snapshot.nvidia
    if nvidia is None:
        return None
    # all three read it out of the libcuda that the loader finds
    if not _is_refused(nvidia):
        if nvidia.nvml and nvidia.nvml.cuda_driver_version:
            return nvidia.nvml.cuda_driver_version, "NVML"
        if nvidia.cuda and nvidia.cuda.version:
            return nvidia.cuda.version, "cuDriverGetVersion"
        if nvidia.smi and nvidia.smi.cuda_version and len(version_tuple(nvidia.smi.cuda_version)) >= 2:
            major, minor = version_tuple(nvidia.smi.cuda_version)[:2]
            return (major, minor), "nvidia-smi"
    driver = driver_version(snapshot)
    if driver is None:
        return None
    newest = cuda_of_driver(driver[0], index, is_windows=counts_as_windows(snapshot))
    return (newest, f"driver {driver[0]} in NVIDIA's table") if newest else None


def _is_refused(nvidia: Nvidia) -> bool:
    """The kernel module refuses libcuda (803, 804), mostly a compat library of a newer CUDA, which speaks of itself only."""
    return bool(nvidia.cuda and nvidia.cuda.init_rc in (803, 804))


def counts_as_windows(snapshot: Snapshot) -> bool:
    """Driver versions of this machine are those of the Windows driver (Windows, WSL)."""
    host = snapshot.host
    return bool(host and (host.system == "windows" or host.wsl))


def cuda_of_driver(driver: str, index: WheelIndex, *, is_windows: bool) -> tuple[int, int] | None:
    """The newest CUDA release that a driver supports in full, by NVIDIA's table; None when it is older than the table."""
    best: tuple[int, int] | None = None
    for release in index.cuda_releases:
        if at_least(driver, release.windows if is_windows else release.linux):
            major, minor = (*version_tuple(release.cuda), 0)[:2]
            best = max(best or (0, 0), (major, minor))
    if is_windows:
        branch = version_tuple(driver)[:1]
        best = next((cuda for first, cuda in BRANCH_CUDA if branch >= (first,)), best)
    return best


def driver_branch(driver: str, index: WheelIndex, *, is_windows: bool) -> int:
    """The branch that a driver belongs to, 580 for 580.95.05; 0 when the text has no number.

    On Windows the first number moves on within a branch: 472.50 and 474.11 are of branch 470, 581.15 is of 580. So there it is the
    newest branch of the index (those that a CUDA release came with, those that an architecture began or ended with) that is not
    newer than the number.
    """
    number = (*version_tuple(driver), 0)[0]
    if not is_windows:
        return number
    texts = (*(row.linux for row in index.cuda_releases), *(row.first or row.last for row in index.driver_branches))
    known = {version_tuple(text)[0] for text in texts if text and version_tuple(text)}
    return max((branch for branch in known if branch <= number), default=number)


def minimum_driver(cuda: tuple[int, int], index: WheelIndex, *, is_windows: bool) -> tuple[str | None, str | None]:
    """Oldest driver that runs programs of a CUDA release: (with full support, by minor-version compatibility)."""
    rows = [r for r in index.cuda_releases if (*version_tuple(r.cuda), 0)[:2] == cuda]
    full = [v for v in ((r.windows if is_windows else r.linux) for r in rows) if v]
    oldest = min(full, key=version_tuple) if full else None
    if oldest is None and is_windows:
        oldest = next((str(branch) for branch, speaks in reversed(BRANCH_CUDA) if speaks >= cuda), None)
    major = next((m for m in index.cuda_majors if m.major == cuda[0]), None)
    loose = (major.windows if is_windows else major.linux) if major else None
    return oldest, loose or oldest


def with_capabilities(gpus: Sequence[Gpu], index: WheelIndex) -> tuple[Gpu, ...]:
    """The GPUs with their compute capability filled in from the name table where the driver did not say."""
    return tuple(
        replace(gpu, compute_capability=capability_by_name(gpu.name, index))
        if gpu.compute_capability is None and gpu.name
        else gpu
        for gpu in gpus
    )


@functools.lru_cache(maxsize=1024)
def capability_of(architecture: str) -> tuple[int, int] | None:
    """Compute capability of ``sm_90``, ``sm_90a``, ``compute_120``; None for other names."""
    match = re.fullmatch(r"(?:sm|compute)_(\d+)(\d)[a-z]?", architecture)
    return (int(match[1]), int(match[2])) if match else None


def serves(
    capability: tuple[int, int],
    architectures: Sequence[str],
    *,
    is_ptx_allowed: bool = False,
    is_jetson: bool = False,
    cuda: tuple[int, int] | None = None,
) -> Service | None:
    """How compiled architectures serve a GPU: ``native``, ``ptx`` (the driver compiles at first use), None: not at all.

    A binary for X.Y runs on X.Z with Z >= Y. PTX for X.Y can be compiled for anything from X.Y on, by a driver as new as
    the toolkit (``is_ptx_allowed``). 10.1 was renamed 11.0 with CUDA 13. Integrated Jetson GPUs are served only by code of
    their own before CUDA 13.2. The rules are those of torch/cuda/__init__.py of 2.15.0 and of NVIDIA's compatibility guide.
    """
    compiled = [(name.startswith("compute"), cap) for name in architectures if (cap := capability_of(name))]
    names = (
        {capability, (11, 0)}
        if capability == (10, 1)
        else {capability, (10, 1)}
        if capability == (11, 0)
        else {capability}
    )
    if (
        (is_jetson or capability in JETSON_CAPABILITIES)
        and capability in JETSON_CAPABILITIES
        and (cuda or (0, 0)) < JETSON_UNIFIED_CUDA
    ):
        return "native" if (False, capability) in compiled else None
    for wanted in names:
        for is_ptx, cap in compiled:
            if (
                not is_ptx
                and cap[0] == wanted[0]
                and cap[1] <= wanted[1]
                and not (cap == (10, 0) and wanted == (10, 1))
            ):
                return "native"
    if is_ptx_allowed and any(is_ptx and cap <= wanted for wanted in names for is_ptx, cap in compiled):
        return "ptx"
    return None


def capability_by_name(name: str, index: WheelIndex) -> tuple[int, int] | None:
    """Compute capability of an NVIDIA product by its name, as drivers and shops write it (``Tesla V100-SXM2-16GB``).

    The table's product whose words all occur in the name, and of several the one with the most words; None when there is none.
    """
    exact = index.gpu_capability(name)
    if exact is not None:
        return exact
    have = set(_nvidia_words(_board(name)))
    best: tuple[int, tuple[int, int]] | None = None
    wider: set[tuple[int, int]] = set()
    for gpu in index.nvidia_gpus:
        words = _nvidia_words(gpu.name.partition("(")[0])
        if words and have.issuperset(words) and (best is None or len(words) > best[0]):
            best = (len(words), gpu.capability)
        if have and have.issubset(_nvidia_words(gpu.name)):
            wider.add(gpu.capability)
    if best is not None:
        return best[1]
    # a short form (Orin, RTX PRO 6000 Blackwell) tells enough when all products that it may mean agree
    return wider.pop() if len(wider) == 1 else _capability_by_series(name)


def _board(name: str) -> str:
    """The board behind a virtual GPU, whose profile and variant NVIDIA appends: ``GRID V100D-16Q`` -> ``GRID V100``."""
    return re.sub(r"(?i)([a-z]\d+)[a-z]{0,2}-\d{1,3}[abcq]$", r"\1", name.strip())


_SERIES = (
    (r"\bgt 7[0-3]\d\b|\bk(?:20|40)[a-z]*\b|\bk40\b", (3, 5)),
    (r"\bk10\b|\bk520\b|\bgtx? 6\d\dm?\b|\bgtx? 7[4-8][05]m\b|\bgt 7[45]0\b|\bgtx 8[78]0m\b", (3, 0)),
    (r"\bgtx? [45]\d\dm?\b|\bquadro 600\b", (2, 1)),
    (r"\b9[1-4]0mx?\b|\bgtx (?:750|8[56]0m)\b|\b8[34]0m\b|\bmx ?1[1-3]0\b", (5, 0)),
    (r"\bgtx 9[5-8]0m?\b|\bm(?:40|60)\b", (5, 2)),
    (r"\bgtx? 10\d\d\b|\bmx ?[1-3][1-5]0\b", (6, 1)),
    (r"\bgtx 16\d\d\b|\brtx 20\d\d\b|\bquadro rtx \d{4}\b|\bmx ?4\d0\b", (7, 5)),
    (r"\brtx 30\d\d\b|\brtx a\d{3,4}\b", (8, 6)),
    (r"\brtx 40\d\d\b|\brtx \d{4} ada\b", (8, 9)),
    (r"\brtx 50\d\d\b", (12, 0)),
    (r"\bxavier\b", (7, 2)),
    (r"\borin\b", (8, 7)),
    (r"\bthor\b", (11, 0)),
)
"""Series of products that have one capability throughout: for boards that the table does not list one by one."""


def _capability_by_series(name: str) -> tuple[int, int] | None:
    spaced = re.sub(r"\b(rtx|gtx|gt|mx)(?=\d)", r"\1 ", re.sub(r"[^a-z0-9]+", " ", name.lower()))
    return next((capability for pattern, capability in _SERIES if re.search(pattern, spaced)), None)


@functools.lru_cache(maxsize=1024)
def _nvidia_words(name: str) -> tuple[str, ...]:
    drop = {
        "nvidia",
        "geforce",
        "tesla",
        "graphics",
        "gpu",
        "with",
        "design",
        "corporation",
        "laptop",
        "edition",
        "generation",
    }
    spaced = re.sub(r"\b(rtx|gtx|gt|mx)(\d)", r"\1 \2", re.sub(r"[^a-z0-9]+", " ", name.lower()))
    spaced = re.sub(r"(\d)(ti|super)\b", r"\1 \2", spaced)
    return tuple(word for word in spaced.split() if word not in drop)


_GFX = r"gfx[0-9a-f]{3,4}"


def gfx_of(text: str, index: WheelIndex) -> str | None:
    """Gfx target of an AMD product name or of the target's own name (``gfx90a:sramecc+:xnack-``); None when not in the table."""
    match = re.search(_GFX, text.lower())
    if match:
        return match[0]
    wanted = _words(text)
    alias = next((gfx for words, gfx in _AMD_ALIASES if set(words) <= set(wanted)), None)
    if alias:
        return alias
    return _gfx_by_product(set(wanted), index) or _gfx_by_product({*wanted, "pro"}, index)


def _gfx_by_product(wanted: set[str], index: WheelIndex) -> str | None:
    best: tuple[int, str] | None = None
    for target in index.gfx_targets:
        for product in target.products:
            words = _words(product)
            if words and set(words) <= wanted and (best is None or len(words) > best[0]):
                best = (len(words), target.gfx)
    return best[1] if best else None


_AMD_ALIASES = (
    (("vega", "56"), "gfx900"),
    (("vega", "64"), "gfx900"),
    (("rx", "470"), "gfx803"),
    (("rx", "480"), "gfx803"),
    (("rx", "570"), "gfx803"),
    (("rx", "580"), "gfx803"),
    (("rx", "590"), "gfx803"),
    (("680m",), "gfx1035"),
    (("780m",), "gfx1103"),
    (("880m",), "gfx1150"),
    (("890m",), "gfx1150"),
    (("8050s",), "gfx1151"),
    (("8060s",), "gfx1151"),
    (("ryzen", "ai", "max"), "gfx1151"),
    (("mi", "50"), "gfx906"),
    (("mi", "60"), "gfx906"),
    (("mi", "300"), "gfx942"),
    (("mi", "325"), "gfx942"),
    (("mi", "350"), "gfx950"),
    (("mi", "355"), "gfx950"),
    (("steam", "deck"), "gfx1033"),
)
"""Names that the table gives by family only (Vega 10, Polaris, Strix Point, Strix Halo), as shops and drivers write them."""


def _words(name: str) -> list[str]:
    drop = {"amd", "radeon", "instinct", "graphics", "integrated", "gpu", "ati", "advanced", "micro", "devices"}
    spaced = re.sub(r"([a-z])(\d)", r"\1 \2", re.sub(r"[^a-z0-9]+", " ", name.lower()))
    spaced = re.sub(r"(\d)(xtx|xt|gre)\b", r"\1 \2", spaced)
    return [word for word in spaced.split() if word not in drop]


_XPU_YES = (
    r"(?i)\barc\b|\bmax (?:1100|1350|1450|1550)\b|data center gpu max|ponte vecchio|\bpvc\b|battlemage|alchemist|\bbmg\b"
    r"|meteor lake|arrow lake|lunar lake|panther lake|\b(?:130|140)[vt]\b|\b[ab](?:3[0-9]0|5[0-9]0|7[0-9]0)m?\b|core ultra"
)
_XPU_NO = r"(?i)\buhd\b|iris|\bhd graphics\b|arctic sound"
_XPU_INTEGRATED = r"(?i)\b(?:130|140)[vt]\b|lake|core ultra|arc(?:\(tm\))? graphics$"


def xpu_support(name: str | None) -> bool | None:
    """PyTorch's xpu build supports this Intel GPU (by its name); None when the name tells nothing. Source: ``index.xpu``."""
    if not name:
        return None
    if re.search(_XPU_NO, name):
        return False
    return True if re.search(_XPU_YES, name) else None


def is_integrated_intel(name: str | None) -> bool:
    """An Intel GPU inside a processor, by its name."""
    return bool(name and (re.search(_XPU_INTEGRATED, name.strip()) or re.search(_XPU_NO, name)))
