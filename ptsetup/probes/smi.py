"""nvidia-smi: a last source for the driver's version, where NVML gave none. Its text is parsed by pure functions."""

import os
import re
from collections.abc import Mapping

from ptsetup import run
from ptsetup.facts import Smi
from ptsetup.probes import deadlines

HEADER = r"\b(?:Driver|KMD) Version:\s*(\S+)(?:.*?\bCUDA (?:UMD )?Version:\s*(\S+))?"
"""``| NVIDIA-SMI 580.95.05   Driver Version: 580.95.05   CUDA Version: 13.0 |``"""

VERSION = r"\d+(?:\.\d+)+"

FAILURES = (
    r"(?mi)^.*(?:NVIDIA-SMI has failed|Failed to (?:initialize|properly shut down) NVML|No devices were found|Unable to determine"
    r"|couldn't find libnvidia-ml|couldn't communicate|Insufficient Permissions|GPU is lost).*$"
)

ELSEWHERE = ("/usr/lib/wsl/lib/nvidia-smi", "/usr/bin/nvidia-smi", "/run/current-system/sw/bin/nvidia-smi")


def find(env: Mapping[str, str]) -> str | None:
    """The program on PATH or where Windows, WSL and NixOS keep it."""
    found = run.which("nvidia-smi", env.get("PATH", ""))
    if found:
        return found
    windows = os.path.join(env.get("SYSTEMROOT", r"C:\Windows"), "System32", "nvidia-smi.exe")  # noqa: PTH118 - a text
    places = (windows,) if os.name == "nt" else ELSEWHERE
    return next((path for path in places if os.access(path, os.X_OK)), None)


def ask(env: Mapping[str, str], *, deadline_scale: float = 1.0) -> Smi | None:
    """Run it; None when there is no such program."""
    path = find(env)
    if path is None:
        return None
    done = run.run([path], deadline_s=deadlines.SMI_S * deadline_scale)
    return parse(path, done)


def parse(path: str, done: run.Completed) -> Smi:
    """What it printed, as far as it is plausible; ``N/A`` is no version."""
    text = f"{done.stdout[:65536]}\n{done.stderr[:65536]}"
    header = re.search(HEADER, text)
    driver, cuda = (header[1], header[2]) if header else (None, None)
    failure = re.search(FAILURES, text)
    return Smi(
        path=path,
        exit_code=done.exit_code,
        driver_version=driver if driver and re.fullmatch(VERSION, driver) else None,
        cuda_version=cuda if cuda and re.fullmatch(VERSION, cuda) else None,
        message=failure[0].strip()[:500] if failure else None,
        is_hung=done.ending == "timeout",
    )
