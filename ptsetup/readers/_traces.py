"""Traces of the system in any line of a report: paths, banners, names of images, device files."""

import re
from collections.abc import Callable

from ptsetup.facts import DeviceNode
from ptsetup.readers._draft import HINTED, PRINTED, SAID, Draft
from ptsetup.readers._lines import speaks_of
from ptsetup.readers._system import (
    DISTRIBUTION,
    WSL,
    note_jetpack,
    note_kernel,
    note_machine,
    note_os,
    note_python_details,
    note_wsl,
)

Trace = Callable[[Draft, str, int], None]

_TRIGGER = re.compile(
    r"python|win32|windows|wsl|alpine|musl|glibc|jetson|jetpack|l4t|tegra|orin\b|xavier|ubuntu|debian|fedora"
    r"|centos|macos|mac os|\bmac(?:book|mini)?\b"
    r"|arch linux|opensuse|nixos|rocky|linux|shm|shared memory|/dev/|microsoft|apple|site-packages|[a-z]:\\"
    r"|win_amd64|macosx_|/usr/lib|/lib64"
    r"|intel\(r\)|^/home/|\bapt\b|apt-get|systemd|\barmv[67]l\b|^\s*c[rwx-]{9}",
    re.IGNORECASE,
)

_WORDS = (
    "python", "win32", "windows", "wsl", "alpine", "musl", "glibc", "jetson", "jetpack", "l4t", "tegra", "orin", "xavier", "ubuntu",
    "debian", "fedora", "centos", "mac", "opensuse", "nixos", "rocky", "linux", "shm", "shared memory", "/dev/", "microsoft", "apple",
    "site-packages", ":\\", "win_amd64", "intel(r)", "/usr/lib", "/lib64", "/home/", "apt", "systemd", "armv", "crw", "cr-", "c--",
)  # fmt: skip
"""One of these is in whatever _TRIGGER finds."""

_PY_IN_PATH = re.compile(
    r"(?:[/\\]lib[/\\]python(3\.[0-9]{1,2})[/\\]|\bpython(3)\.?([0-9]{1,2})\.exe|[/\\]python(3)([0-9]{1,2})(?:-32)?[/\\])",
    re.IGNORECASE,
)
_PY_BANNER = re.compile(
    r"(?:\bpython[ :=]{1,3}(?:version[ :=]{1,3})?v?|cpython[ -]|\(python |\b(?:using|with|under|have|running) python(?=3)"
    r"|\buv python (?:pin|install) |\buv venv (?:-p|--python)[ =])(3\.[0-9]{1,2}(?:\.[0-9]{1,2})?)(?![0-9])",
    re.IGNORECASE,
)
_PROGRAM_FOR = re.compile(r"tested with (3\.[0-9]+\.[0-9]+) python, but you have (3\.[0-9]+\.[0-9]+)", re.IGNORECASE)
_NO_TAG = re.compile(r"no wheels with a matching python .{0,30}tag \(e\.g\.,? `cp3([0-9]{1,2})t?`\)", re.IGNORECASE)
_GLIBC = re.compile(r"(?:\bldd \(.{0,40}\) |\bglibc[ :=version-]{1,12})(2\.[0-9]{1,2})\b", re.IGNORECASE)
_STORE = r"C:\Program Files\WindowsApps\python.exe"
"""Stands for the interpreter of Microsoft's store, whose own path a report seldom shows."""


def scan(draft: Draft, text: str, line: int) -> None:
    """Keep what any line says of the system."""
    if not speaks_of(text, _WORDS) or not _TRIGGER.search(text):
        return
    _python(draft, text, line)
    for pattern, trace in _TRACES:
        if pattern.search(text):
            trace(draft, text, line)
    _devices(draft, text.strip(), line)


def _python(draft: Draft, text: str, line: int) -> None:
    asked = _PROGRAM_FOR.search(text)
    banner = _PY_BANNER.search(text)
    path = _PY_IN_PATH.search(text)
    tag = _NO_TAG.search(text)
    if tag:
        draft.note("target.version", f"3.{tag[1]}", line, PRINTED)
    if asked:
        draft.note("target.version", asked[2], line, PRINTED)
    elif banner:
        worth = PRINTED if re.search(r"\[(?:GCC|MSC|Clang)|cpython", text) else SAID
        draft.note("target.version", banner[1], line, worth)
        note_python_details(draft, text, line, worth)
    if path:
        version = path[1] or f"{path[2] or path[4]}.{path[3] or path[5]}"
        draft.note("target.version", version, line, HINTED)


def _kernel(draft: Draft, text: str, line: int) -> None:
    release = re.search(r"linux version (.*)|([0-9]+\.[0-9]+\.[0-9]+\S*microsoft\S*.*)", text, re.IGNORECASE)
    note_kernel(draft, (release[1] or release[2]) if release else text, line, PRINTED)


def _uname(draft: Draft, text: str, line: int) -> None:
    """``Linux host 5.15.0-91-generic #101-Ubuntu SMP x86_64 GNU/Linux``."""
    draft.note("host.system", "linux", line, PRINTED)
    note_machine(draft, text, line, PRINTED)


def _arm32(draft: Draft, text: str, line: int) -> None:
    draft.note("host.system", "linux", line, SAID)
    note_machine(draft, text, line, SAID)
    draft.note("target.bits", 32, line, SAID)


def _wsl(draft: Draft, text: str, line: int) -> None:
    note_wsl(draft, text, line, SAID)


def _wsl_list(draft: Draft, text: str, line: int) -> None:
    """``wsl -l -v``: the version stands in the last column."""
    draft.note("host.wsl", int(text.strip()[-1]), line, PRINTED)
    draft.note("host.system", "linux", line, PRINTED)


def _wsl_said(draft: Draft, text: str, line: int) -> None:
    version = re.search(r"(?i)\bwsl\b[^.;\n]{0,40}?\bversion:? (?:is )?([12])\b(?!\.)", text)
    if version:
        draft.note("host.wsl", int(version[1]), line, SAID)
        draft.note("host.system", "linux", line, SAID)


def _musl(draft: Draft, text: str, line: int) -> None:
    draft.note("host.libc.name", "musl", line, PRINTED)
    draft.note("host.system", "linux", line, PRINTED)
    if re.search(r"linux-\w+-musl", text, re.IGNORECASE):
        draft.note("target.libc", "musl", line, PRINTED)


def _jetson(draft: Draft, text: str, line: int) -> None:
    known = draft.get("host.jetson", SAID)
    if known is None or (known.jetpack is None and "jetpack" in text.lower()):
        draft.facts.pop("host.jetson", None)
        note_jetpack(draft, text, line, SAID)
    draft.note("host.system", "linux", line, HINTED)


def _glibc(draft: Draft, text: str, line: int) -> None:
    match = _GLIBC.search(text)
    if match and "not found" not in text and "with-glibc" not in text:
        draft.note("host.libc.name", "glibc", line, SAID)
        draft.note("host.libc.version", match[1], line, SAID)


def _windows(draft: Draft, text: str, line: int) -> None:
    draft.note("host.system", "windows", line, HINTED)
    if re.search(r"python[0-9]{2,3}-32\b", text, re.IGNORECASE):
        draft.note("target.bits", 32, line, PRINTED)
    if "windowsapps" in text.lower():
        draft.note("target.executable", _STORE, line, HINTED)


def _bits32(draft: Draft, _text: str, line: int) -> None:
    draft.note("target.bits", 32, line, PRINTED)


def _linux(draft: Draft, _text: str, line: int) -> None:
    draft.note("host.system", "linux", line, HINTED)


def _intel_mac(draft: Draft, _text: str, line: int) -> None:
    draft.note("host.system", "macos", line, SAID)
    draft.note("host.machine", "x86_64", line, SAID)


def _intel_cpu(draft: Draft, text: str, line: int) -> None:
    """The processor's name alone on a line, as sysctl and lscpu give it."""
    draft.note("host.cpu.model", text.strip()[:100], line, PRINTED)
    draft.note("host.machine", "x86_64", line, HINTED)


def _apple_silicon(draft: Draft, _text: str, line: int) -> None:
    draft.note("host.system", "macos", line, SAID)
    draft.note("host.hardware_machine", "arm64", line, SAID)


def _mac(draft: Draft, _text: str, line: int) -> None:
    draft.note("host.system", "macos", line, HINTED)


def _named(draft: Draft, text: str, line: int) -> None:
    note_os(draft, text, line, SAID)


_TRACES: tuple[tuple[re.Pattern[str], Trace], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), trace)
    for pattern, trace in (
        (r"linux version [0-9]|microsoft-standard|[0-9]-microsoft\b", _kernel),
        (
            r"\blinux \S{1,60} [0-9]+\.[0-9]+\.[0-9]+\S* .{0,120}?\b(?:x86_64|aarch64|armv[67]l|i[36]86|ppc64le|riscv64)\b",
            _uname,
        ),
        (r"(?<![\w.-])armv[67]l\b", _arm32),
        (WSL.pattern, _wsl),
        (r"\bwsl\b[^.;\n]{0,40}?\bversion:? (?:is )?[12]\b(?!\.)", _wsl_said),
        (
            r"^\W{0,4}(?:ubuntu|debian|kali|opensuse|fedora|arch|alma|oracle|docker-desktop)\S* +(?:running|stopped) +[12] *$",
            _wsl_list,
        ),
        (
            (
                r"linux[-_]\w+[-_]musl|musllinux|ld-musl|\bmusl\b|(?<![\w.])(?<!instead of )(?<!than )(?<!not "
                r")alpine(?![\w.]*\w*/)|[:/-]\S*alpine\b"
            ),
            _musl,
        ),
        (
            (
                r"\bjetson[a-z]*\b|\bjetpack\b|\bl4t[ :-]*r?[0-9]|-tegra\b|@tegra-ubuntu\b|tegra_release"
                r"|\b(?:on|my|the|an?|agx|this) (?:orin|xavier)\b|\b(?:orin|xavier) (?:nx|nano|agx)\b|\btegra board"
            ),
            _jetson,
        ),
        (r"glibc|\bldd \(", _glibc),
        (r"^[^\n]{0,3}[a-z]:\\|[\"' (][a-z]:\\|\\site-packages\\|win[-_]amd64|\bon win32\b|\[winerror", _windows),
        (
            (
                r"32 ?位\S{0,4}python|python\S{0,12}32 ?位|32[- ]?(?:битн\w+|bits)\S{0,4} ?python|python\S{0,6} 32[- ]?(?:бит|bits)\b"
                r"|(?<!not )(?<!no )(?<!non )\b32[- ]?bit (?:version of |build of |installation of )?python\b"
                r"|\bpython\b[^.;\n]{0,30}\b(?<!not )(?:a |the )?32[- ]?bit\b(?! (?:float|int|precision|color))|\('32bit', 'w|"
                r"\bcp3[0-9]{1,2}-\w+-win32\b"
                r"|calcsize\([\"']P[\"']\) ?\* ?8\)?\W{1,12}32\b"
            ),
            _bits32,
        ),
        (r"/usr/lib/|x86_64-linux-gnu|/lib64/|^/home/|/dev/nvidia|\bapt(?:-get)? install|\bsystemd\b", _linux),
        (
            r"\bmac with (?:an )?(?:x86|intel)|\bintel(?:-based)? mac|\bmac(?:book)?\b.{0,30}\b(?:x86_64|intel)\b|macosx?\S{2,9}x86",
            _intel_mac,
        ),
        (
            r"\bapple (?:silicon|m[1-5])\b|\bmac(?:book)?\b.{0,30}\bm[1-5]\b|\bm[1-5] (?:mac|pro mac|max mac)",
            _apple_silicon,
        ),
        (r"^\W{0,4}(?:[0-9]+th gen )?intel\(r\) (?:core|xeon|pentium|celeron|atom)\(", _intel_cpu),
        (r"\b(?:my|a|this|on|in) mac(?:book|mini)?\b|\bmac laptop\b", _mac),
        (r"^[#*\s-]{0,8}(?:microsoft )?windows (?:(?:7|8|10|11|server|version)\b|\[version)|^\W{0,4}mac ?os\b", _named),
        (r"^[ *\u2022-]*" + DISTRIBUTION.pattern, _named),
    )
)
"""What to look for in a line, and who keeps the fact."""

_SHM = re.compile(r"^(?:shm|tmpfs|none)\s+([0-9]+(?:\.[0-9]+)?)([KMGT]?)\s.*\s/dev/shm$")
_SHM_SIZE = re.compile(
    r"(?:/dev/shm|\bshared memory|\bshm(?:[ _-]size)?)\b[^\n]{0,40}?\b([0-9]+(?:\.[0-9]+)?) ?([KMG])i?B?\b",
    re.IGNORECASE,
)
_NODE = re.compile(
    r"^c([rwx-]{3})([rwx-]{3})([rwx-]{3})[.+]?\s+[0-9]+\s+(\S+)\s+(\S+)\s+[0-9]+,\s*[0-9]+\s.*?(/dev/\S+|nvidia\S*|kfd|renderD[0-9]+"
    r"|card[0-9]+)$"
)
_UNITS = {"": 1024, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def _devices(draft: Draft, text: str, line: int) -> None:
    """Lines of ``df /dev/shm`` and ``ls -l /dev``."""
    shm = _SHM.match(text) or _SHM_SIZE.search(text)
    if shm:
        draft.note("host.shm.total_bytes", int(float(shm[1]) * _UNITS[shm[2].upper()]), line, PRINTED)
    node = _NODE.match(text)
    if node:
        path = node[6] if node[6].startswith("/dev/") else f"/dev/{node[6]}"
        mode = "".join(_octal(node[part]) for part in (1, 2, 3))
        draft.nodes[path] = (line, DeviceNode(path=path, exists=True, mode=mode, group=node[5]))


def _octal(part: str) -> str:
    """``rw-`` -> ``6``."""
    return str(sum(bit for bit, char in zip((4, 2, 1), part, strict=True) if char != "-"))
