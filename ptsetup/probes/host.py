"""Assembles the Host section from the modules beside this one."""

import sys
from collections.abc import Mapping

from ptsetup.facts import Host
from ptsetup.probes._found import Found

SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}


def probe(
    *,
    root: str = "/",
    env: Mapping[str, str] | None = None,
    deadline_scale: float = 1.0,
    is_online: bool = False,
) -> Found:
    """Read the machine below the interpreter. ``root`` stands for / (Linux); ``env`` for the environment. Never raises."""
    return Found(record=Host(system=SYSTEMS.get(sys.platform)))
