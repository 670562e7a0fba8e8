"""The Host section: the module of the system that this is does the work."""

import os
import sys
import time
from collections.abc import Mapping

from ptsetup.facts import Host, Unknown
from ptsetup.probes._found import Found

SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows", "cygwin": "windows"}


def probe(
    *,
    root: str = "/",
    env: Mapping[str, str] | None = None,
    deadline_scale: float = 1.0,
    is_online: bool = False,
    libc: str | None = None,
) -> Found:
    """Read the machine below the interpreter. Never raises; what could not be read is in ``unknowns`` with its reason.

    ``root`` stands for / (Linux), ``env`` for the environment, ``libc`` for what confstr says (``glibc 2.36``): a folder of
    files can stand for a machine. Disks are left to ``disks.probe``, since the target decides which matter.
    """
    started = time.monotonic()
    env = os.environ if env is None else env
    name = SYSTEMS.get(sys.platform) if root == "/" else "linux"
    if name == "linux":
        from ptsetup.probes import linux

        host, unknowns = linux.host(env, root=root, deadline_scale=deadline_scale, is_online=is_online, libc=libc)
    elif name == "macos":
        from ptsetup.probes import macos

        host, unknowns = macos.host(env, deadline_scale=deadline_scale, is_online=is_online)
    elif name == "windows":
        from ptsetup.probes import windows

        host, unknowns = windows.host(env, deadline_scale=deadline_scale, is_online=is_online)
    else:
        reason = Unknown(path="host", reason="unsupported", detail=f"{sys.platform} is not known here.")
        machine = os.uname().machine if hasattr(os, "uname") else None
        host, unknowns = Host(system=sys.platform, machine=machine), (reason,)
    return Found(record=host, unknowns=unknowns, seconds=time.monotonic() - started)
