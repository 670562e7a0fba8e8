"""Kernel modules (loaded, available, unsigned) and what the kernel log says since boot (Linux)."""

import os
import re
import time
from collections.abc import Callable, Iterable

from ptsetup import run
from ptsetup.facts import KernelLog, Xid
from ptsetup.probes import deadlines
from ptsetup.probes._tree import Tree, detail_of, reason_of

OF_INTEREST = frozenset(
    (
        "nvidia",
        "nouveau",
        "nova_core",
        "nova_drm",
        "amdgpu",
        "radeon",
        "amdkfd",
        "xe",
        "i915",
        "vfio_pci",
        "nvgpu",
        "gdrdrv",
    )
)

AVAILABLE = ("nvidia", "nvidia-uvm", "nouveau", "amdgpu")
"""Modules whose file for the running kernel is looked for."""

BASES = ("/lib/modules", "/usr/lib/modules", "/run/booted-system/kernel-modules/lib/modules")
"""Folders of modules; the last is that of NixOS."""

FOLDERS = (
    "updates/dkms",
    "updates",
    "extra",
    "extra/nvidia",
    "weak-updates/nvidia",
    "weak-updates",
    "kernel/drivers/video",
    "kernel/drivers/video/nvidia",
    "kernel/nvidia-*",
    "extramodules",
    "misc",
)
"""Where packages of drivers put their modules, in the order of depmod."""

ENDINGS = (".ko", ".ko.xz", ".ko.zst", ".ko.gz")

SIGNATURE_MARK = b"~Module signature appended~\n"

LOG_LIMIT = 4 * 1024 * 1024
LOG_SECONDS = 0.3
KEPT = 50
"""Lines that are kept of each kind, the last ones."""

JOURNALS = ("/run/log/journal", "/var/log/journal")

_NVRM = "NVRM:"

_XID = r"NVRM: Xid \(PCI:([0-9a-fA-F:.]+)\): (\d{1,5})\s*,?\s*(.*)"

_OOM = ("Out of memory: Killed process", "Memory cgroup out of memory: Killed process")

_NVRM_FAILED = (
    r"NVRM:.*(?:fail|error|mismatch|not supported|unsupported|requires use|fallen off|unable|cannot|can't|invalid|ignore the"
    r"|no NVIDIA|is not responding|timeout|lost|RmInit)"
)

_REJECTED = (
    "Loading of unsigned module is rejected",
    "Loading of module with unavailable key is rejected",
    "Required key not available",
    "unsigned module loading is restricted",
    "nvidia: disagrees about version",
    "nvidia: version magic",
    "nvidia: Unknown symbol",
)

_RESUME = ("PM: suspend exit", "PM: hibernation: hibernation exit", "PM: Finishing wakeup", "ACPI: PM: Waking up")


def loaded(tree: Tree) -> tuple[str, ...] | None:
    """Loaded modules of interest by /proc/modules; () on a kernel that has none or no modules at all."""
    text = tree.text("/proc/modules")
    if text is None:
        if not tree.exists("/proc/modules") and tree.is_dir("/proc/self") and tree.is_dir("/sys/module"):
            # a kernel built without loadable modules
            return tuple(sorted(name for name in tree.names("/sys/module") or () if _is_of_interest(name)))
        tree.text("/proc/modules", "host.kernel_modules")
        return None
    names = (line.split(" ", 1)[0] for line in text.splitlines())
    return tuple(sorted({name for name in names if _is_of_interest(name)}))


def _is_of_interest(name: str) -> bool:
    return name in OF_INTEREST or name.startswith("nvidia_")


def files(tree: Tree, release: str | None) -> dict[str, str] | None:
    """Of ``AVAILABLE``: name -> file for the running kernel; None (with the reason) when its folder is not there."""
    folder = next((f for base in BASES if release and tree.is_dir(f := f"{base}/{release}")), None)
    if folder is None:
        tree.names(f"{BASES[0]}/{release}", "host.kernel_modules_available")
        return None
    listed = _listed(tree, folder)
    return {name: file for name in AVAILABLE if (file := listed.get(name.replace("-", "_"))) is not None}


def unsigned(tree: Tree, found: dict[str, str]) -> tuple[str, ...]:
    """Names of the files that bear no signature; compressed ones cannot be told and are left out."""
    return tuple(name for name, file in found.items() if file.endswith(".ko") and _is_unsigned(tree, file))


def _listed(tree: Tree, folder: str) -> dict[str, str]:
    """Module name (with ``_``) -> file, by depmod's list and by a look into the folders of driver packages."""
    found: dict[str, str] = {}
    wanted = {name.replace("-", "_") for name in AVAILABLE}
    dep = tree.data(f"{folder}/modules.dep", limit=8 * 1024 * 1024) or b""
    for match in re.finditer(rb"^([^\s:]*/)?(nvidia(?:[-_]uvm)?|nouveau|amdgpu)\.ko(\.\w+)?:", dep, re.MULTILINE):
        name = match[2].decode().replace("-", "_")
        file = f"{folder}/{match[0][:-1].decode('utf-8', 'replace')}"
        if name in wanted and tree.exists(file):
            found.setdefault(name, file)
    for place in _folders(tree, folder):
        for file_name in tree.names(place) or ():
            stem = next((file_name[: -len(e)] for e in ENDINGS if file_name.endswith(e)), None)
            if stem is not None and stem.replace("-", "_") in wanted:
                found.setdefault(stem.replace("-", "_"), f"{place}/{file_name}")
    return found


def _folders(tree: Tree, folder: str) -> list[str]:
    places = []
    for place in FOLDERS:
        parent, _, last = place.rpartition("/")
        if last.endswith("*"):
            names = tree.names(f"{folder}/{parent}") or ()
            places += [f"{folder}/{parent}/{name}" for name in names if name.startswith(last[:-1])]
        else:
            places.append(f"{folder}/{place}")
    return places


def _is_unsigned(tree: Tree, file: str) -> bool:
    try:
        with open(tree.at(file), "rb") as module:  # noqa: PTH123 - a text
            module.seek(0, os.SEEK_END)
            module.seek(max(0, module.tell() - len(SIGNATURE_MARK)))
            return module.read() != SIGNATURE_MARK
    except OSError:
        return False


def start_log(tree: Tree, *, has_journal_use: bool, deadline_scale: float = 1.0) -> Callable[[], KernelLog]:
    """Read /dev/kmsg; where it is denied or absent, and the machine has an NVIDIA GPU, ask the journal in a child."""
    text = _read_kmsg(tree)
    if text is not None:
        log = parse_log(text)
        return lambda: log
    reason = next((u for u in tree.unknowns if u.path == "host.kernel_log"), None)
    has_journal = any(tree.is_dir(folder) for folder in JOURNALS)
    if not (has_journal_use and has_journal and tree.is_real):
        return lambda: KernelLog(is_readable=False)
    child = run.Child(
        ["journalctl", "--dmesg", "--boot", "--quiet", "--no-pager", "--output=cat", "--lines=20000"],
        deadline_s=deadlines.JOURNAL_S * deadline_scale,
    )

    def finish() -> KernelLog:
        done = child.finish()
        if not done.is_ok or not done.stdout.strip():
            return KernelLog(is_readable=False)
        if reason is not None:
            tree.unknowns.remove(reason)
        return parse_log(done.stdout)

    return finish


def _read_kmsg(tree: Tree) -> str | None:
    try:
        descriptor = os.open(tree.at("/dev/kmsg"), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as problem:
        tree.note("host.kernel_log", reason_of(problem), detail_of(problem, "/dev/kmsg"))
        return None
    parts, size, end = [], 0, time.monotonic() + LOG_SECONDS
    try:
        while size < LOG_LIMIT and time.monotonic() < end:
            try:
                # one record a read; a smaller buffer is refused
                part = os.read(descriptor, 16384)
            except BlockingIOError:
                break
            except BrokenPipeError:
                # the ring was overwritten while we read: the next read goes on after the gap
                continue
            if not part:
                break
            parts.append(part)
            size += len(part)
    except OSError as problem:
        if not parts:
            tree.note("host.kernel_log", reason_of(problem), detail_of(problem, "/dev/kmsg"))
            return None
    finally:
        os.close(descriptor)
    return b"".join(parts).decode("utf-8", "replace").replace("\0", "")


def parse_log(text: str) -> KernelLog:
    """The lines that matter, of /dev/kmsg's records (``6,12,345,-;text``) or of plain lines."""
    # of a healthy machine's thousands of lines none is wanted
    speaks = any(word in text for word in (_NVRM, *_OOM, *_REJECTED))
    lines = [_message(line) for line in text.splitlines() if not line.startswith(" ")] if speaks else []
    driver = [line for line in lines if _NVRM in line]
    matches = [(line, re.search(_XID, line)) for line in driver]
    xids = [Xid(code=int(m[2]), bdf=bdf_of(m[1]), text=m[3].strip()[:300] or None) for _, m in matches if m]
    failed = [line for line, m in matches if not m and re.search(_NVRM_FAILED, line, re.IGNORECASE)]
    return KernelLog(
        is_readable=True,
        xids=tuple(xids[-KEPT:]),
        oom_kills=_last(line for line in lines if any(word in line for word in _OOM)),
        nvrm_errors=_last(failed),
        rejected_modules=_last(line for line in lines if any(word in line for word in _REJECTED)),
        has_resume=any(word in text for word in _RESUME),
    )


def _message(line: str) -> str:
    """The text of a record without its numbers."""
    head, mark, rest = line.partition(";")
    return (rest if mark and head[:1].isdigit() and head.count(",") >= 3 else line).strip()


def _last(lines: Iterable[str]) -> tuple[str, ...]:
    """The last of the lines, each text once."""
    found = dict.fromkeys(line[:300] for line in reversed(list(lines)))
    return tuple(reversed(list(found)[:KEPT]))


def bdf_of(text: str) -> str:
    """``0000:01:00.0`` of the driver's ``0000:01:00`` or NVML's ``00000000:01:00.0``, lower case as sysfs has it."""
    match = re.fullmatch(r"(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.([0-7]))?", text.lower())
    if not match:
        return text.lower()
    return f"{int(match[1] or '0', 16):04x}:{match[2]}:{match[3]}.{match[4] or 0}"
