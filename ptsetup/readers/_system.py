"""What a report says of the operating system, the C library, the interpreter and the processor."""

import re

from ptsetup.facts import DeviceNode, Jetson
from ptsetup.readers._draft import HINTED, MEASURED, PRINTED, SAID, Draft

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
_DISTRIBUTION = re.compile(
    r"(?<![a-z])("
    + "|".join(re.escape(name) for name in sorted(_DISTRIBUTIONS, key=len, reverse=True))
    + r")(?![a-z])[^\d\n(]{0,24}(\d{1,2}(?:\.\d{1,2})*)?",
    re.IGNORECASE,
)
_MACOS = re.compile(r"\b(?:macos|mac os(?: x)?|os x)\b[^\d\n]{0,20}(\d{1,2}(?:\.\d+){0,2})?", re.IGNORECASE)
_WINDOWS = re.compile(r"\bwin(?:dows)?[ -]?(?:(?P<name>7|8(?:\.1)?|10|11|server(?: \d{4})?))?\b", re.IGNORECASE)
_WINDOWS_BUILD = re.compile(r"\b(10\.0\.\d{5}(?:\.\d+)?)\b")
_MACHINE = re.compile(r"\b(x86[_-]64|amd64|aarch64|arm64|ppc64le|s390x|armv7l|i[36]86)\b", re.IGNORECASE)


def note_os(draft: Draft, value: str, line: int, worth: int) -> None:
    """``Ubuntu 22.04.4 LTS (x86_64)``, ``Microsoft Windows 11 Pro``, ``macOS 15.3 (x86_64)``."""
    text = value.strip()
    if re.search(r"\bwsl ?2?\b|subsystem for linux", text, re.IGNORECASE):
        note_wsl(draft, text, line, worth)
    distribution = _DISTRIBUTION.search(text)
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


def note_machine(draft: Draft, value: str, line: int, worth: int) -> None:
    """Processor architecture as the system names it."""
    match = _MACHINE.search(value)
    if match:
        name = match[1].lower().replace("x86-64", "x86_64").replace("amd64", "x86_64")
        draft.note("host.machine", name, line, worth)


_PLATFORM_MAC = re.compile(r"mac(?:OS|osx)-(\d+(?:\.\d+)*)-(x86_64|arm64)", re.IGNORECASE)


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
    glibc = re.search(r"with-(glibc|libc|musl)(\d+\.\d+)?", value)
    if glibc:
        name = "musl" if glibc[1] == "musl" else "glibc"
        draft.note("target.libc", f"{name} {glibc[2] or ''}".strip(), line, worth)
        if name == "musl":
            draft.note("host.libc.name", "musl", line, worth)


def note_kernel(draft: Draft, value: str, line: int, worth: int) -> None:
    """Release of the Linux kernel, which tells WSL and Tegra too."""
    match = re.search(r"\d+\.\d+[\w.+~-]*", value)
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


_WSL = re.compile(r"\bwsl ?-?(?:version:? )?([12])(?![\d.])", re.IGNORECASE)


def note_wsl(draft: Draft, value: str, line: int, worth: int) -> None:
    """``WSL2``, ``WSL Version: 2``."""
    match = _WSL.search(value) or re.match(r"\s*([12])(?![\d])", value)
    if match:
        draft.note("host.wsl", int(match[1]), line, worth)
        draft.note("host.system", "linux", line, worth)


def note_libc(draft: Draft, value: str, line: int, worth: int) -> None:
    """``glibc-2.31``, ``musl 1.2.3``."""
    match = re.search(r"(\d+\.\d+)", value)
    if match and "N/A" not in value:
        draft.note("host.libc.name", "musl" if "musl" in value.lower() else "glibc", line, worth)
        draft.note("host.libc.version", match[1], line, worth)


def note_gcc(draft: Draft, value: str, line: int, worth: int) -> None:
    """Compiler of collect_env; the machine has one when it names a version."""


_PYTHON = re.compile(r"(?<![\d.])([23]\.\d{1,2}(?:\.\d{1,2})?)(?![\d])")


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
    if "free-threading" in lower or "free threading" in lower or re.search(r"\b3\.1\dt\b", lower):
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


def note_cpu_flags(draft: Draft, value: str, line: int, worth: int) -> None:
    """Feature flags of lscpu."""
    flags = tuple(value.lower().split())
    if len(flags) > 8 and "fpu" in flags:
        draft.note("host.cpu.flags", flags, line, MEASURED)


def note_jetpack(draft: Draft, value: str, line: int, worth: int) -> None:
    """``JetPack 5.1.1``, ``L4T 32.4.3``."""
    jetpack = re.search(r"(?:jetpack|^)[ :=-]*v?(\d\.\d(?:\.\d)?)", value, re.IGNORECASE)
    l4t = re.search(r"\b(?:l4t|r)[ :=-]*(3\d\.\d+(?:\.\d+)?)", value, re.IGNORECASE)
    model = re.search(r"jetson[ -](?:agx |nano|orin|xavier|tx\d|thor|)[\w ]{0,20}", value, re.IGNORECASE)
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


_PY_IN_PATH = re.compile(
    r"(?:[/\\]lib[/\\]python(3\.\d{1,2})[/\\]|\bpython(3)\.?(\d{1,2})\.exe|[/\\]python(3)(\d{1,2})(?:-32)?[/\\])",
    re.IGNORECASE,
)
_PY_BANNER = re.compile(
    r"(?:\bpython[ :=]{1,3}(?:version[ :=]{1,3})?v?|cpython[ -]|\(python )(3\.\d{1,2}(?:\.\d{1,2})?)(?![\d])",
    re.IGNORECASE,
)
_TRIGGER = re.compile(
    r"python|win32|windows|wsl|alpine|musl|glibc|jetson|jetpack|l4t|tegra|ubuntu|debian|fedora|centos|macos|mac os|\bmac\b|arch linux|opensuse|nixos|rocky|lscpu|linux version|shm|/dev/|microsoft|apple|site-packages|x86_64-linux|[a-z]:\\|win-amd64|win_amd64|macosx_",
    re.IGNORECASE,
)
_PROGRAM_FOR = re.compile(r"tested with (3\.\d+\.\d+) python, but you have (3\.\d+\.\d+)", re.IGNORECASE)
_SHM = re.compile(r"^(?:shm|tmpfs|none)\s+(\d+(?:\.\d+)?)([KMGT]?)\s.*\s/dev/shm$")
_SHM_SIZE = re.compile(r"/dev/shm\b[^\n]{0,40}?\b(\d+(?:\.\d+)?) ?([KMG])i?B?\b", re.IGNORECASE)
_NODE = re.compile(
    r"^c([rwx-]{3})([rwx-]{3})([rwx-]{3})[.+]?\s+\d+\s+(\S+)\s+(\S+)\s+\d+,\s*\d+\s.*?(/dev/\S+|nvidia\S*|kfd|renderD\d+|card\d+)$"
)
_UNITS = {"": 1024, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def scan(draft: Draft, text: str, line: int) -> None:
    """Facts of the system in any line."""
    if not _TRIGGER.search(text):
        return
    asked = _PROGRAM_FOR.search(text)
    if asked:
        draft.note("target.version", asked[2], line, PRINTED)
    banner = _PY_BANNER.search(text)
    if banner and not asked:
        worth = PRINTED if re.search(r"\[(?:GCC|MSC|Clang)|cpython", text) else SAID
        draft.note("target.version", banner[1], line, worth)
        note_python_details(draft, text, line, worth)
    path = _PY_IN_PATH.search(text)
    if path:
        version = path[1] or f"{path[2] or path[4]}.{path[3] or path[5]}"
        draft.note("target.version", version, line, HINTED)
    _scan_system(draft, text, line)
    _scan_devices(draft, text, line)


def _scan_system(draft: Draft, text: str, line: int) -> None:
    lower = text.lower()
    if "linux version" in lower or "microsoft-standard" in lower:
        note_kernel(draft, re.sub(r".*?linux version ", "", text, flags=re.IGNORECASE), line, PRINTED)
    if "wsl" in lower:
        note_wsl(draft, text if _WSL.search(text) else "", line, SAID)
    if re.search(r"linux[-_]\w+[-_]musl|musllinux|ld-musl|\bmusl\b", lower) or re.search(
        r"[:/-]\S*alpine\b|\balpine linux\b|alpine:", lower
    ):
        draft.note("host.libc.name", "musl", line, PRINTED)
        draft.note("host.system", "linux", line, PRINTED)
        if re.search(r"linux-\w+-musl", lower):
            draft.note("target.libc", "musl", line, PRINTED)
    if re.search(r"\bjetson\b|\bjetpack\b|\bl4t[ -]\d|-tegra\b", lower):
        known = draft.get("host.jetson", SAID)
        if known is None or (known.jetpack is None and "jetpack" in lower):
            draft.facts.pop("host.jetson", None)
            note_jetpack(draft, text, line, SAID)
        draft.note("host.system", "linux", line, HINTED)
    glibc = re.search(r"(?:\bldd \(.{0,40}\) |\bglibc[ :=version-]{1,12})(2\.\d{1,2})\b", lower)
    if glibc and "not found" not in lower and "with-glibc" not in lower:
        draft.note("host.libc.name", "glibc", line, SAID)
        draft.note("host.libc.version", glibc[1], line, SAID)
    if re.search(r"^[^\n]{0,3}[a-z]:\\|[\"' (][a-z]:\\|\\site-packages\\|win[-_]amd64|\bon win32\b|\[winerror", lower):
        draft.note("host.system", "windows", line, HINTED)
        if re.search(r"python\d{2,3}-32\b", lower):
            draft.note("target.bits", 32, line, PRINTED)
        if "windowsapps" in lower:
            draft.note("target.executable", r"C:\Program Files\WindowsApps\python.exe", line, HINTED)
    elif re.search(r"/usr/lib/|x86_64-linux-gnu|/lib64/|^/home/|/dev/nvidia|\bapt(?:-get)? install|\bsystemd\b", lower):
        draft.note("host.system", "linux", line, HINTED)
    if re.search(
        r"\bmac with (?:an )?(?:x86|intel)|\bintel(?:-based)? mac|\bmac(?:book)?\b.{0,30}\b(?:x86_64|intel)\b|macosx?[_-]\d+[_.]\d+[_-]x86_64",
        lower,
    ):
        draft.note("host.system", "macos", line, SAID)
        draft.note("host.machine", "x86_64", line, SAID)
    elif re.search(
        r"\bapple (?:silicon|m[1-5])\b|\bmac(?:book)?\b.{0,30}\bm[1-5]\b|\bm[1-5] (?:mac|pro mac|max mac)", lower
    ):
        draft.note("host.system", "macos", line, SAID)
        draft.note("host.hardware_machine", "arm64", line, SAID)
    if (
        re.match(r"\s*(?:microsoft )?windows (?:7|8|10|11|server|version)\b", lower)
        or _DISTRIBUTION.match(lower.lstrip(" -*•"))
        or re.match(r"\W{0,4}mac ?os\b", lower)
    ):
        note_os(draft, text, line, SAID)


def _scan_devices(draft: Draft, text: str, line: int) -> None:
    shm = _SHM.match(text.strip()) or (_SHM_SIZE.search(text) if "/dev/shm" in text else None)  # noqa: S108 - a name in a text
    if shm:
        draft.note("host.shm.total_bytes", int(float(shm[1]) * _UNITS[shm[2].upper()]), line, PRINTED)
    node = _NODE.match(text.strip())
    if node:
        mode = "".join(
            str(sum(bit for bit, char in zip((4, 2, 1), part, strict=True) if char != "-"))
            for part in node.group(1, 2, 3)
        )
        path = node[6] if node[6].startswith("/dev/") else f"/dev/{node[6]}"
        draft.nodes[path] = (line, DeviceNode(path=path, exists=True, mode=mode, group=node[5]))
