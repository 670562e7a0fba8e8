# ruff: noqa: E501 - wide characters count twice

"""What people drop in passing: processor, system, and that there is no GPU of NVIDIA's; it counts where nothing better tells the fact."""

import re

from ptsetup.facts import Program
from ptsetup.readers._draft import HINTED, PRINTED, Draft

_ARM = re.compile(
    r"(?<![\w/.'\"-])aarch64(?![\w/.'\"-])|\barm64[ -](?:machine|linux|server|box|host|cpu|node|instance|ubuntu|vm)"
    r"|\b(?:gh200|gb200|gb300|gb10|dgx spark|grace[- ](?:hopper|blackwell)|graviton ?[234]?|ampere altra|jetson)(?![a-z])",
    re.IGNORECASE,
)
"""Processors that are ARM's; the boards of NVIDIA's that have one are among them."""

_NOT_MINE = re.compile(
    r"\b(?:no|not|un|for|wheels?|builds?|unlike|also|support\w*|macos|mac|apple|darwin)\b[^.;\n]{0,24}$", re.IGNORECASE
)
_INTEL = re.compile(
    r"\bintel\b[ ()-]*(?:chips?|cpus?|core|processors?|based|i[3579]\b|mac|xeon|x86)|英特尔|\bi[3579][- ]\d{4,5}|intel ?(?:芯片|处理器|プロセッサ|チップ|칩)|процессор\w* intel|puce intel|(?:procesador|chip) intel",
    re.IGNORECASE,
)
_INTEL_MAC = re.compile(r"\bx86(?:[_-]64)?\b|\b(?:core )?i[3579]\b", re.IGNORECASE)
_X86 = re.compile(r"\bx86(?:[_-]64)?\b", re.IGNORECASE)
_MAC = re.compile(
    r"\bmac ?os\b|\bos x\b|\bosx\b|\b(?:mac|macbook|imac|macmini)(?: ?(?:book|mini|pro|air))?\b|苹果(?:电脑|笔记本)|マックブック|맥북|макбук",
    re.IGNORECASE,
)
_SILICON = re.compile(r"\bm[1-5]\b(?! ?\.2)|apple (?:silicon|chip)|\barm64\b|\baarch64\b|\brosetta\b", re.IGNORECASE)
_WINDOWS = re.compile(
    r"(?:(?<![\w/])(?:on|under|using|in|with|my|for me on) (?:my )?(?:microsoft )?|^\W{0,4}(?:os|system|platform)?\W{0,4})windows\b(?! subsystem| host)(?:[ -]?(?:10|11))?"
    r"|\bwin(?:dows)? ?1[01]\b|windows ?(?:环境|系统|下|上|で|環境)|(?:unter|sous|en|no|на) windows\b",
    re.IGNORECASE,
)
_NO_ROSETTA = re.compile(
    r"without|\?|\blets\b|\ballows\b|\brosetta (?:is|was) (?:not|n't|unn)|\bno rosetta|not (?:\w+ )?(?:use|using|under|in|with) rosetta",
    re.IGNORECASE,
)
_OR_MAC = re.compile(r"\b(?:or|and) mac|mac\w* (?:or|and)\b|ssh", re.IGNORECASE)
_LINUX = re.compile(
    r"(?<![\w/:.-])(?:ubuntu|debian|fedora|arch(?: ?linux)|manjaro|centos|rhel|linux mint|pop!?_os|opensuse|rocky linux|linux)(?![\w/:-])",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"\b(?:works?|worked|fine|ok|runs?|unlike|but not|whereas|tested|true)\b", re.IGNORECASE)

_NVCC = re.compile(
    r"\bnvcc\b(?:[ :=]+(?:-v|--version|version|is|says|reports|shows|gives|release|at|of))*[ :=]+v?(?P<version>1[0-3]\.[0-9]|9\.[0-2])(?![0-9])",
    re.IGNORECASE,
)
_BITS = re.compile(
    r"(?<!not )(?<!no )(?<!not a )\b32[- ]?bits?\b[^.;\n]{0,20}\b(?:python|os|system|windows|linux|raspbian|raspberry|debian|interpreter|anaconda|miniconda)\b"
    r"|\b(?:python|os|system|windows|raspbian|raspberry pi os|debian|ubuntu|interpreter|anaconda|miniconda)\b[^.;\n]{0,12}[ (]32[- ]?bits?\b|32位 ?(?:的)?(?:python|系统)|python\S{0,6}32 ?(?:位|ビット)",
    re.IGNORECASE,
)

_CPU_TORCH = re.compile(
    r"\b(?:py)?torch[ =:v]{1,3}(?P<version>[12]\.[0-9]{1,2}\.[0-9])(?![.+\w])[ ,]{0,2}[(\[]?cpu(?:[- ](?:only|build|version))?(?:[)\],.;]|$| on\b| build| version)",
    re.IGNORECASE,
)

_WORDS = (
    "torch",
    "nvcc", "32", "rosetta", "ubuntu", "debian", "fedora", "linux", "manjaro", "centos", "rhel", "pop", "suse",
    "aarch64", "arm64", "gh200", "gb200", "gb300", "gb10", "dgx", "grace", "graviton", "altra", "jetson", "intel", "英特尔", "mac",
    "os x", "osx", "苹果", "マック", "맥북", "макбук", "windows", "win10", "win11", "win 1", "i3", "i5", "i7", "i9",
)  # fmt: skip


def scan(draft: Draft, text: str, line: int) -> None:
    """Keep what one line of running text says of processor and system."""
    lower = text.lower()
    if len(text) > 400 or not any(word in lower for word in _WORDS):
        return
    _programs(draft, text, line)
    _mac(draft, text, line)
    _system(draft, text, line)


def _programs(draft: Draft, text: str, line: int) -> None:
    """The toolkit, the interpreter's bits, and a torch for the processor."""
    nvcc, bits, cpu = _NVCC.search(text), _BITS.search(text), _CPU_TORCH.search(text)
    if nvcc:
        program = Program(name="nvcc", version=nvcc["version"], path="nvcc", source="report")
        draft.programs.setdefault("nvcc", (line, program))
    if bits and "64" not in text:
        draft.note("target.bits", 32, line, HINTED)
    if cpu and "install torch" not in text.lower():
        draft.note("target.wheel.version", f"{cpu['version']}+cpu", line, PRINTED)


def _mac(draft: Draft, text: str, line: int) -> None:
    """A Mac, and whose processor it has."""
    lower, mac = text.lower(), _MAC.search(text)
    if _INTEL.search(text) or (mac and _INTEL_MAC.search(text)):
        draft.intel_cpu = draft.intel_cpu or line
    if "rosetta" in lower and _X86.search(text) and not _NO_ROSETTA.search(text):
        draft.note("host.system", "macos", line, HINTED)
        draft.note("host.hardware_machine", "arm64", line, HINTED)
        draft.note("target.machine", "x86_64", line, HINTED)
    if mac and _SILICON.search(text):
        draft.note("host.hardware_machine", "arm64", line, HINTED)
    if mac and not (_OR_MAC.search(text) or _ELSEWHERE.search(text)):
        draft.note("host.system", "macos", line, HINTED)


def _system(draft: Draft, text: str, line: int) -> None:
    """Linux, Windows, and processors of ARM's."""
    if _MAC.search(text):
        return
    arm = _ARM.search(text)
    if arm and not _NOT_MINE.search(text[: arm.start()]):
        draft.note("host.machine", "aarch64", line, HINTED)
        draft.note("host.system", "linux", line, HINTED)
    linux = _LINUX.search(text)
    if linux and not _ELSEWHERE.search(text[max(linux.start() - 24, 0) : linux.start()]):
        draft.note("host.system", "linux", line, HINTED)
    windows = None if linux else _WINDOWS.search(text)
    if windows and not _ELSEWHERE.search(text[max(windows.start() - 24, 0) : windows.end() + 12]):
        draft.note("host.system", "windows", line, HINTED)


_GLIBC = {
    ("centos", "6"): "2.12", ("centos", "7"): "2.17", ("centos", "8"): "2.28", ("rhel", "6"): "2.12", ("rhel", "7"): "2.17",
    ("rhel", "8"): "2.28", ("rocky", "8"): "2.28", ("almalinux", "8"): "2.28", ("amzn", "2"): "2.26", ("debian", "8"): "2.19",
    ("debian", "9"): "2.24", ("debian", "10"): "2.28", ("ubuntu", "14.04"): "2.19", ("ubuntu", "16.04"): "2.23",
    ("ubuntu", "18.04"): "2.27", ("ubuntu", "20.04"): "2.31",
}  # fmt: skip
"""C libraries of older releases (their packages)."""


def _infer_glibc(draft: Draft) -> None:
    """A release has one C library for its life; in a container it may be another's."""
    name, version = draft.get("host.distribution"), str(draft.get("host.version") or "")
    known = _GLIBC.get((name, version)) or _GLIBC.get((name, version.partition(".")[0]))
    if known and draft.get("host.libc.version") is None and draft.get("host.container") is None:
        draft.note("host.libc.version", known, draft.facts["host.version"].line, HINTED)
        draft.note("host.libc.name", "glibc", draft.facts["host.version"].line, HINTED)


def finish(draft: Draft) -> None:
    """A Mac with an Intel processor, wherever the two are told; the C library by the release of the system."""
    _infer_glibc(draft)
    is_mac = draft.get("host.system") == "macos"
    if is_mac and draft.intel_cpu and not (draft.get("host.hardware_machine") or draft.get("host.machine")):
        draft.note("host.machine", "x86_64", draft.intel_cpu, HINTED)
        draft.in_words.add("host.machine")
