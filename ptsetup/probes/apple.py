"""Apple: the chip and Metal, by sysctl and system_profiler (macOS); what they print is parsed by pure functions."""

import re
import sys
import time
from collections.abc import Mapping

from ptsetup import run
from ptsetup.facts import Apple, Unknown
from ptsetup.probes import deadlines
from ptsetup.probes._found import Found

SYSCTL = ("machdep.cpu.brand_string", "hw.optional.arm64", "kern.hv_vmm_present")


def probe(*, root: str = "/", deadline_scale: float = 1.0) -> Found:  # noqa: ARG001 - all probes are called alike
    """Read the Apple section; ``absent`` on any other system. Never raises."""
    if sys.platform != "darwin":
        return Found(status="absent", detail="This is no Mac.")
    started = time.monotonic()
    profiler = run.Child(
        ["/usr/sbin/system_profiler", "SPDisplaysDataType"], deadline_s=deadlines.PROFILER_S * deadline_scale
    )
    values = sysctl(SYSCTL, deadline_scale)
    shown = profiler.finish()
    unknowns: tuple[Unknown, ...] = ()
    if not shown.is_ok:
        reason = "timeout" if shown.ending == "timeout" else "failed"
        unknowns = (Unknown(path="apple.has_metal", reason=reason, detail=f"system_profiler: {shown.ending}."),)
    apple = section(values, shown.stdout if shown.is_ok else None)
    return Found(record=apple, unknowns=unknowns, seconds=time.monotonic() - started)


def sysctl(names: tuple[str, ...], deadline_scale: float = 1.0) -> dict[str, str]:
    """Values of kernel variables; those that this Mac does not have are missing."""
    done = run.run(["/usr/sbin/sysctl", *names], deadline_s=deadlines.SYSCTL_S * deadline_scale)
    return parse_sysctl(done.stdout)


def parse_sysctl(text: str) -> dict[str, str]:
    """Lines of ``name: value``; complaints about unknown names go to stderr and are not here."""
    rows = (line.partition(": ") for line in text.splitlines())
    return {name.strip(): value.strip() for name, mark, value in rows if mark and re.fullmatch(r"[\w.]+", name.strip())}


def section(values: Mapping[str, str], displays: str | None) -> Apple:
    """The section of sysctl's values and the text of ``system_profiler SPDisplaysDataType`` (None: it did not answer)."""
    present = values.get("kern.hv_vmm_present")
    return Apple(
        chip=values.get("machdep.cpu.brand_string") or chipset(displays or ""),
        has_metal=None if displays is None else has_metal(displays),
        is_virtual=None if present is None else present == "1",
        gpu_cores=gpu_cores(displays or ""),
    )


def has_metal(text: str) -> bool:
    """A display device supports Metal: ``Metal Support: Metal 3``, older ``Metal: Supported, feature set ...``."""
    lines = re.findall(r"^\s*Metal(?: Support| Family)?:\s*(.+)$", text, re.MULTILINE)
    return any(re.match(r"Metal \d|Supported", line.strip()) for line in lines)


def chipset(text: str) -> str | None:
    """The first ``Chipset Model``."""
    match = re.search(r"^\s*Chipset Model:\s*(\S.*?)\s*$", text, re.MULTILINE)
    return match[1] if match else None


def gpu_cores(text: str) -> int | None:
    """``Total Number of Cores`` of the first display device that tells it."""
    match = re.search(r"^\s*Total Number of Cores:\s*(\d{1,4})\b", text, re.MULTILINE)
    return int(match[1]) if match else None
