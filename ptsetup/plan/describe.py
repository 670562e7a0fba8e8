"""A Snapshot of a machine that somebody describes with the options of ``ptsetup plan``, without looking at this one."""

import re

from ptsetup import compat
from ptsetup.errors import RequestError
from ptsetup.facts import (
    Amd,
    AmdGpu,
    Apple,
    Gpu,
    Host,
    Intel,
    IntelGpu,
    Jetson,
    Libc,
    Nvidia,
    Record,
    Snapshot,
    Target,
)
from ptsetup.index import WheelIndex

DEFAULT_LIBC = "glibc-2.39"
"""What a described Linux has unless ``--libc`` says otherwise: that of a current distribution."""

DEFAULT_MACOS = "15.0"

_APPLE = re.compile(r"(?:apple\s*)?(?:silicon|m[1-9]\d?(?:\s*(?:pro|max|ultra))?)", re.IGNORECASE)


_ARM_BOARD = re.compile(r"\bgh200|\bgb(?:10|200|300)\b|dgx spark|jetson|\borin\b|\bthor\b|\bxavier\b", re.IGNORECASE)
"""GPUs that exist on one board with an Arm processor only."""


class Description(Record, frozen=True, kw_only=True):
    """The options that describe a machine; None: not given."""

    system: str | None = None
    os_version: str | None = None
    arch: str | None = None
    libc: str | None = None
    python_version: str | None = None
    driver: str | None = None
    gpus: tuple[str, ...] = ()
    is_wsl: bool = False
    is_jetson: bool = False

    @property
    def is_given(self) -> bool:
        """Something is described, so that nothing of this machine is used."""
        return self != Description()


def describe(description: Description, index: WheelIndex) -> Snapshot:
    """The Snapshot of the described machine. What is not said is taken as an ordinary current machine has it.

    Raises:
        RequestError: a GPU, libc or Python version cannot be understood, or the options contradict each other.
    """
    _no_contradiction(description)
    system = description.system or "linux"
    is_arm = description.is_jetson or any(map(_ARM_BOARD.search, description.gpus))
    machine = _machine(system, description.arch or ("aarch64" if is_arm and system == "linux" else None))
    is_apple = system == "macos" and machine == "arm64"
    apple = tuple(gpu for gpu in description.gpus if is_apple and _APPLE.fullmatch(gpu))
    nvidia, amd, intel = _gpus(tuple(gpu for gpu in description.gpus if gpu not in apple), index)
    driver = _driver_version(description.driver)
    if driver is not None and not nvidia:
        # a driver without a card: some NVIDIA GPU, of which nothing is known
        nvidia.append(Gpu(name="NVIDIA GPU", source="described"))
    return Snapshot(
        origin="described",
        host=_host(description, system, machine),
        nvidia=_nvidia(description, driver, tuple(nvidia)),
        amd=Amd(gpus=tuple(amd)),
        intel=Intel(gpus=tuple(intel)),
        apple=Apple(chip=apple[0] if apple else "Apple silicon", has_metal=True) if is_apple else None,
        target=_target(description.python_version, machine),
        env={},
    )


def _no_contradiction(description: Description) -> None:
    """No plan is made for a machine that cannot be: one of the two words is a slip, and nobody can tell which.

    Raises:
        RequestError: it cannot be.
    """
    system, arch = description.system or "linux", description.arch
    linux_only = {
        "--wsl": description.is_wsl,
        "--jetson": description.is_jetson,
        "--libc": description.libc is not None,
    }
    word = next((name for name, is_given in linux_only.items() if is_given), None)
    if word and system != "linux":
        way_out = f"Leave {word} or --os {system} out."
        raise RequestError(
            f"{word} describes a Linux, and --os {system} another system.",
            hint=f"WSL2 is a Linux that runs inside Windows. {way_out}" if word == "--wsl" else way_out,
        )
    if description.is_jetson and arch not in (None, "aarch64", "arm64"):
        raise RequestError(
            f"--jetson describes a board with an aarch64 processor, and --arch {arch} another one.",
            hint=f"Leave --jetson or --arch {arch} out.",
        )
    if description.is_jetson and description.is_wsl:
        raise RequestError("--jetson and --wsl cannot both be: no Jetson board runs Windows.", hint="Give one of them.")


def _machine(system: str, arch: str | None) -> str:
    if arch is None:
        return "arm64" if system == "macos" else "x86_64"
    # every system has its own word for the 64-bit Arm processor
    if arch in ("aarch64", "arm64"):
        return "aarch64" if system == "linux" else "arm64"
    return arch


def _host(description: Description, system: str, machine: str) -> Host:
    return Host(
        system=system,
        version=description.os_version or (DEFAULT_MACOS if system == "macos" else None),
        machine=machine,
        hardware_machine=machine,
        libc=_libc(description.libc) if system == "linux" else None,
        container="none",
        wsl=2 if description.is_wsl else 0,
        jetson=Jetson(l4t=description.driver) if _is_jetson(description) else None,
        pci=(),
    )


def _is_jetson(description: Description) -> bool:
    return description.is_jetson or any("jetson" in gpu.lower() for gpu in description.gpus)


def _libc(text: str | None) -> Libc:
    match = re.fullmatch(r"(glibc|musl)[-_ ]?(\d+(?:\.\d+)*)?", (text or DEFAULT_LIBC).lower())
    if match is None:
        raise RequestError(f"--libc {text!r} is not understood.", hint="Write it as glibc-2.35 or musl-1.2.")
    return Libc(name=match[1], version=match[2])


def _target(python_version: str | None, machine: str) -> Target:
    text = python_version or "3.12"
    match = re.fullmatch(r"(\d+)\.(\d+)(?:\.(\d+))?(t?)", text)
    if match is None:
        raise RequestError(
            f"--python-version {text!r} is not understood.",
            hint="Write it as 3.12, or 3.14t for the free-threaded build.",
        )
    return Target(
        chosen_by="--python-version",
        version=f"{match[1]}.{match[2]}" + (f".{match[3]}" if match[3] else ""),
        implementation="cpython",
        bits=64,
        machine=machine,
        python_tag=f"cp{match[1]}{match[2]}{match[4]}",
        is_gil_disabled=bool(match[4]),
    )


def _driver_version(text: str | None) -> str | None:
    """No ``--driver``, or a word that tools print where there is none, means that none is installed."""
    if text is None or text.strip().strip("[]").lower() in ("", "n/a", "none", "not supported", "unknown"):
        return None
    in_windows = re.fullmatch(r"\d+\.\d+\.\d*(\d)\.(\d{2})(\d{2})", text.strip())
    if in_windows:
        # the Device Manager's form: 32.0.15.7216 is 572.16
        return f"{in_windows[1]}{in_windows[2]}.{in_windows[3]}"
    if not compat.version_tuple(text):
        raise RequestError(
            f"--driver {text!r} is no driver version.", hint="Write it as nvidia-smi prints it: 580.95.05."
        )
    return text


def _nvidia(description: Description, driver: str | None, gpus: tuple[Gpu, ...]) -> Nvidia:
    return Nvidia(
        kernel_module_version=None if description.is_wsl else driver,
        user_library_version=driver,
        libraries=(),
        gpus=gpus,
    )


def _gpus(names: tuple[str, ...], index: WheelIndex) -> tuple[list[Gpu], list[AmdGpu], list[IntelGpu]]:
    nvidia: list[Gpu] = []
    amd: list[AmdGpu] = []
    intel: list[IntelGpu] = []
    for name in names:
        capability = _capability(name, index)
        gfx = None if capability else _gfx(name, index)
        if capability is not None:
            shown = "NVIDIA GPU" if re.fullmatch(r"sm_\d+a?|\d{1,2}\.\d", name, re.IGNORECASE) else name
            nvidia.append(Gpu(index=len(nvidia), name=shown, compute_capability=capability, source="described"))
        elif gfx is not None:
            amd.append(AmdGpu(node=len(amd) + 1, name=name, gfx=gfx, is_apu=_is_apu(gfx)))
        elif compat.xpu_support(name) is not None or re.search(
            r"intel|\barc\b|iris|uhd|hd graphics|data center gpu|core ultra|\bmax \d", name, re.IGNORECASE
        ):
            intel.append(IntelGpu(name=name))
        elif re.search(r"\b(amd|radeon|instinct|rx \d)", name, re.IGNORECASE):
            amd.append(AmdGpu(node=len(amd) + 1, name=name))
        elif re.search(r"nvidia|geforce|\b[rg]tx\b|quadro|tesla|titan|jetson", name, re.IGNORECASE):
            nvidia.append(Gpu(index=len(nvidia), name=name, source="described"))
        else:
            raise RequestError(
                f"--gpu {name!r} is not known.",
                hint="Give its compute capability (8.6), its gfx target (gfx1100), or a full product name (GeForce RTX 3090).",
            )
    return nvidia, amd, intel


def _capability(name: str, index: WheelIndex) -> tuple[int, int] | None:
    match = re.fullmatch(r"(\d{1,2})\.(\d)", name)
    if match:
        return int(match[1]), int(match[2])
    return compat.capability_of(name.lower()) or compat.capability_by_name(name, index)


def _gfx(name: str, index: WheelIndex) -> str | None:
    """By its target, its product's name, or what a person calls a Radeon card for short: ``9070``, ``7900 XT``."""
    is_short = re.fullmatch(r"\d{3,4} ?(?:xtx?|gre|m|s)?", name, re.IGNORECASE)
    return compat.gfx_of(f"RX {name}" if is_short else name, index)


_APUS = frozenset(("gfx90c", "gfx1033", "gfx1035", "gfx1036", "gfx1103", "gfx1150", "gfx1151", "gfx1152", "gfx1153"))


def _is_apu(gfx: str) -> bool:
    """Targets that exist only inside processors (products of the index's table)."""
    return gfx in _APUS
