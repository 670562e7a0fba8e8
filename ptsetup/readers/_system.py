"""What a report says of the operating system, the C library, the interpreter and the processor."""

import re

from ptsetup.facts import Jetson
from ptsetup.readers._draft import HINTED, MEASURED, SAID, Draft

_DISTRIBUTIONS = {
    "ubuntu": ("ubuntu", ("debian",)),
    "pop!_os": ("pop", ("ubuntu", "debian")),
    "pop!os": ("pop", ("ubuntu", "debian")),
    "pop os": ("pop", ("ubuntu", "debian")),
    "linux mint": ("linuxmint", ("ubuntu", "debian")),
    "kubuntu": ("ubuntu", ("debian",)),
    "debian": ("debian", ()),
    "fedora": ("fedora", ()),
    "centos": ("centos", ("rhel", "fedora")),
    "red hat": ("rhel", ("fedora",)),
    "rhel": ("rhel", ("fedora",)),
    "rocky": ("rocky", ("rhel", "centos", "fedora")),
    "almalinux": ("almalinux", ("rhel", "centos", "fedora")),
    "amazon linux": ("amzn", ("fedora",)),
    "oracle linux": ("ol", ("fedora",)),
    "scientific linux": ("scientific", ("rhel", "fedora")),
    "arch linux": ("arch", ()),
    "archlinux": ("arch", ()),
    "manjaro": ("manjaro", ("arch",)),
    "cachyos": ("cachyos", ("arch",)),
    "endeavouros": ("endeavouros", ("arch",)),
    "opensuse": ("opensuse", ("suse",)),
    "suse": ("sles", ("suse",)),
    "nixos": ("nixos", ()),
    "gentoo": ("gentoo", ()),
    "alpine": ("alpine", ()),
    "void linux": ("void", ()),
    "kali": ("kali", ("debian",)),
    "tencentos": ("tencentos", ("rhel", "fedora")),
    "euleros": ("euleros", ("rhel", "fedora")),
    "raspbian": ("raspbian", ("debian",)),
    "bazzite": ("bazzite", ("fedora",)),
    "aurora": ("aurora", ("fedora",)),
    "bluefin": ("bluefin", ("fedora",)),
}
DISTRIBUTION = re.compile(
    r"(?<![a-z])("
    + "|".join(re.escape(name) for name in sorted(_DISTRIBUTIONS, key=len, reverse=True))
    + r")(?![a-z])[^0-9\n(]{0,24}([0-9]{1,2}(?:\.[0-9]{1,2})*)?",
    re.IGNORECASE,
)
_MACOS = re.compile(r"\b(?:macos|mac os(?: x)?|os x)\b[^0-9\n]{0,20}([0-9]{1,2}(?:\.[0-9]+){0,2})?", re.IGNORECASE)
_WINDOWS = re.compile(r"\bwin(?:dows)?[ -]?(?:(?P<name>7|8(?:\.1)?|10|11|server(?: [0-9]{4})?))?\b", re.IGNORECASE)
_WINDOWS_BUILD = re.compile(r"\b(10\.0\.[0-9]{5}(?:\.[0-9]+)?)\b")
_MACHINE = re.compile(r"\b(x86[_-]64|amd64|aarch64|arm64|ppc64le|s390x|riscv64|armv[67]l|i[36]86)\b", re.IGNORECASE)


def note_os(draft: Draft, value: str, line: int, worth: int) -> None:
    """``Ubuntu 22.04.4 LTS (x86_64)``, ``Microsoft Windows 11 Pro``, ``macOS 15.3 (x86_64)``."""
    text = value.strip()
    if re.search(r"\bwsl ?2?\b|subsystem for linux", text, re.IGNORECASE):
        note_wsl(draft, text, line, worth)
    distribution = DISTRIBUTION.search(text)
    mac, windows = _MACOS.search(text), _WINDOWS.search(text)
    if distribution and not (mac and mac.start() < distribution.start()):
        name, like = _DISTRIBUTIONS[distribution[1].lower()]
        draft.note("host.system", "linux", line, worth)
        draft.note("host.distribution", name, line, worth)
        draft.note("host.distribution_like", like, line, worth)
        draft.note("host.version", distribution[2], line, worth)
        if name == "alpine":
            draft.note("host.libc.name", "musl", line, worth)
    elif mac:
        _macos(draft, text, mac, line, worth)
    elif windows or re.match(r"(?:microsoft )?windows", text, re.IGNORECASE):
        draft.note("host.system", "windows", line, worth)
        build = _WINDOWS_BUILD.search(text)
        draft.note("host.version", build[1] if build else windows["name"] if windows else None, line, worth)
    elif re.search(r"\blinux\b|\bgnu\b", text, re.IGNORECASE):
        draft.note("host.system", "linux", line, worth)
    if worth <= SAID and draft.get("host.system"):
        draft.note("host.pretty_name", text[:100], line, worth)
    note_machine(draft, text, line, worth)


def _macos(draft: Draft, text: str, match: "re.Match[str]", line: int, worth: int) -> None:
    draft.note("host.system", "macos", line, worth)
    draft.note("host.version", match[1], line, worth)
    if re.search(r"\bx86(?!_?64)|\bintel\b", text, re.IGNORECASE):
        draft.note("host.machine", "x86_64", line, worth)
    if re.search(r"\bM[1-5](?: pro| max| ultra)?\b|apple silicon", text):
        draft.note("host.hardware_machine", "arm64", line, worth)


def note_product(draft: Draft, value: str, line: int, worth: int) -> None:
    """The version that ``sw_vers`` prints below the name of the system."""
    if draft.get("host.system") == "macos" and re.match(r"[0-9]{2}(?:\.[0-9]+){0,2}\s*$", value):
        draft.facts.pop("host.version", None)
        draft.note("host.version", value.strip(), line, worth)


def note_machine(draft: Draft, value: str, line: int, worth: int) -> None:
    """Processor architecture as the system names it."""
    match = _MACHINE.search(value)
    if match:
        name = match[1].lower().replace("x86-64", "x86_64").replace("amd64", "x86_64")
        draft.note("host.machine", name, line, worth)


_PLATFORM_MAC = re.compile(r"mac(?:OS|osx)-([0-9]+(?:\.[0-9]+)*)-(x86_64|arm64)", re.IGNORECASE)


def note_platform(draft: Draft, value: str, line: int, worth: int) -> None:
    """``platform.platform()``: ``Linux-5.15.0-x86_64-with-glibc2.35``, ``macOS-10.16-x86_64-i386-64bit``, ``Windows-10-...``."""
    mac = _PLATFORM_MAC.search(value)
    if mac:
        draft.note("host.system", "macos", line, worth)
        draft.note("target.machine", mac[2], line, worth)
        draft.note("target.platform_tag", f"macosx-{mac[1]}-{mac[2]}", line, worth)
        if not mac[1].startswith("10.16"):
            draft.note("host.version", mac[1], line, worth)
        return
    if value.lower().startswith("windows"):
        draft.note("host.system", "windows", line, worth)
        build = _WINDOWS_BUILD.search(value)
        draft.note("host.version", build[1] if build else None, line, worth)
        return
    linux = re.match(r"Linux-(.+?)-(x86_64|aarch64|ppc64le|s390x|armv7l|i[36]86)", value)
    if linux:
        draft.note("host.system", "linux", line, worth)
        note_kernel(draft, linux[1], line, worth)
        draft.note("target.machine", linux[2], line, worth)
        draft.note("host.machine", linux[2], line, worth)
    glibc = re.search(r"with-(glibc|libc|musl)([0-9]+\.[0-9]+)?", value)
    if glibc:
        name = "musl" if glibc[1] == "musl" else "glibc"
        draft.note("target.libc", f"{name} {glibc[2] or ''}".strip(), line, worth)
        if name == "musl":
            draft.note("host.libc.name", "musl", line, worth)


def note_kernel(draft: Draft, value: str, line: int, worth: int) -> None:
    """Release of the Linux kernel, which tells WSL and Tegra too."""
    match = re.search(r"[0-9]+\.[0-9]+[\w.+~-]*", value)
    if match is None:
        return
    release = match[0]
    draft.note("host.kernel", release, line, worth)
    lower = value.lower()
    if "microsoft" in lower:
        is_two = "wsl2" in lower or int(release.split(".")[0]) >= 5
        draft.note("host.wsl", 2 if is_two else 1, line, worth)
        draft.note("host.system", "linux", line, worth)
    elif "tegra" in lower:
        draft.note("host.jetson", Jetson(), line, HINTED)


WSL = re.compile(r"\bwsl ?-?(?:version:? )?([12])(?![0-9.])", re.IGNORECASE)


def note_wsl(draft: Draft, value: str, line: int, worth: int) -> None:
    """``WSL2``, ``WSL Version: 2``."""
    match = WSL.search(value) or re.match(r"\s*([12])(?![0-9])", value)
    if match:
        draft.note("host.wsl", int(match[1]), line, worth)
        draft.note("host.system", "linux", line, worth)


_FIRST_WSL2 = 18362
"""Build of Windows 10 (1903), the oldest for which there is a WSL 2 (Microsoft, comparing WSL versions)."""


def infer_wsl(draft: Draft, text: str) -> None:
    """A report that speaks of WSL on a Windows that has no second version of it: it is the first."""
    build = re.match(r"10\.0\.([0-9]{5})", str(draft.get("host.version") or ""))
    if build and int(build[1]) < _FIRST_WSL2 and re.search(r"\bWSL\b|subsystem for linux", text):
        draft.note("host.wsl", 1, draft.facts["host.version"].line, HINTED)


def note_libc(draft: Draft, value: str, line: int, worth: int) -> None:
    """``glibc-2.31``, ``musl 1.2.3``."""
    match = re.search(r"([0-9]+\.[0-9]+)", value)
    if match and "N/A" not in value:
        draft.note("host.libc.name", "musl" if "musl" in value.lower() else "glibc", line, worth)
        draft.note("host.libc.version", match[1], line, worth)


_PYTHON = re.compile(r"(?<![0-9.])([23]\.[0-9]{1,2}(?:\.[0-9]{1,2})?)(?![0-9])")


def note_python(draft: Draft, value: str, line: int, worth: int) -> None:
    """``3.10.12 (main, ...) [GCC 11.4.0] (64-bit runtime)``."""
    match = _PYTHON.search(value)
    if match is None:
        return
    draft.note("target.version", match[1], line, worth)
    note_python_details(draft, value, line, worth)


def note_python_details(draft: Draft, value: str, line: int, worth: int) -> None:
    """What the banner of an interpreter tells beside its version."""
    lower = value.lower()
    if "32 bit" in lower or "32-bit" in lower:
        draft.note("target.bits", 32, line, worth)
    elif "64 bit" in lower or "64-bit" in lower:
        draft.note("target.bits", 64, line, worth)
    if "conda" in lower:
        draft.note("target.is_conda", True, line, worth)
    if "[msc v" in lower or "on win32" in lower:
        draft.note("host.system", "windows", line, worth)
        if "(amd64)" in lower:
            draft.note("host.machine", "x86_64", line, worth)
            draft.note("target.machine", "x86_64", line, worth)
    if "microsoft store" in lower or "windowsapps" in lower:
        draft.note("target.executable", r"C:\Program Files\WindowsApps\python.exe", line, HINTED)
    if "free-threading" in lower or "free threading" in lower or re.search(r"\b3\.1[0-9]t\b", lower):
        draft.note("target.is_gil_disabled", True, line, worth)
    if "pypy" in lower:
        draft.note("target.implementation", "pypy", line, worth)


def note_cpu(draft: Draft, value: str, line: int, worth: int) -> None:
    """The processor's name; Apple's own chips tell what the silicon is."""
    if not re.search(
        r"intel|amd|ryzen|xeon|epyc|celeron|pentium|core|athlon|opteron|apple|\bm[1-5]\b|arm|neoverse|i[3579]-|power|phenom|atom|fx-",
        value,
        re.IGNORECASE,
    ):
        return
    draft.note("host.cpu.model", value.strip()[:100], line, worth)
    if re.search(r"\bapple\b|^\s*m[1-5](?: pro| max| ultra)?\s*$", value, re.IGNORECASE):
        draft.note("host.hardware_machine", "arm64", line, worth)
        draft.note("host.system", "macos", line, worth)
        draft.note("apple.chip", value.strip()[:60], line, worth)


def note_cpu_flags(draft: Draft, value: str, line: int, _worth: int) -> None:
    """Feature flags of lscpu."""
    flags = tuple(value.lower().split())
    if len(flags) > 8 and "fpu" in flags:
        draft.note("host.cpu.flags", flags, line, MEASURED)


def note_jetpack(draft: Draft, value: str, line: int, worth: int) -> None:
    """``JetPack 5.1.1``, ``L4T 32.4.3``."""
    jetpack = re.search(r"(?:jetpack|^)[ :=-]*v?([0-9]\.[0-9](?:\.[0-9])?)", value, re.IGNORECASE)
    l4t = re.search(r"\b(?:l4t|r)[ :=-]*(3[0-9]\.[0-9]+(?:\.[0-9]+)?)", value, re.IGNORECASE)
    model = re.search(r"jetson[ -](?:agx |nano|orin|xavier|tx[0-9]|thor|)[\w ]{0,20}", value, re.IGNORECASE)
    draft.note(
        "host.jetson",
        Jetson(
            jetpack=jetpack[1] if jetpack else None,
            l4t=l4t[1] if l4t else None,
            model=model[0].strip() if model else None,
        ),
        line,
        worth,
    )
