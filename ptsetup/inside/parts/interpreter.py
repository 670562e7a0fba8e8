"""The interpreter itself: version, build, prefixes, kind of environment."""

import os
import site
import sys
import sysconfig

from ptsetup_inside.paths import scheme_path

LEVELS = {"alpha": "a", "beta": "b", "candidate": "rc"}

WINDOWS = {"win-amd64": "x86_64", "win-arm64": "arm64", "win32": "x86", "win-arm32": "arm"}

NARROW = {"x86_64": "i686", "aarch64": "armv8l"}
"""What a 32-bit interpreter is built for where the kernel is a 64-bit one."""


def look(facts):
    """Add the facts of the interpreter."""
    facts("version", version)
    facts("implementation", lambda: sys.implementation.name)
    facts("bits", bits)
    facts("platform_tag", sysconfig.get_platform)
    facts("machine", machine)
    facts("is_gil_disabled", is_gil_disabled)
    facts("python_tag", python_tag)
    facts("executable", lambda: sys.executable)
    facts("prefix", lambda: sys.prefix)
    facts("base_prefix", base_prefix)
    facts("purelib", lambda: scheme_path("purelib"))
    facts("platlib", lambda: scheme_path("platlib"))
    facts("user_site", site.getusersitepackages)
    facts("is_user_site_enabled", lambda: site.ENABLE_USER_SITE is True)
    facts("is_venv", is_venv)
    facts("is_conda", lambda: os.path.isdir(os.path.join(sys.prefix, "conda-meta")))
    facts("is_externally_managed", is_externally_managed)
    facts("is_writable", lambda: is_writable(scheme_path("purelib")))
    facts("include_dir", lambda: scheme_path("include"))
    facts("has_python_h", lambda: os.path.isfile(os.path.join(scheme_path("include"), "Python.h")))
    facts("start_method", start_method)
    facts("longest_site_path", lambda: len(scheme_path("purelib")))
    facts("libc", libc)
    if sys.platform == "darwin":
        facts("macos_deployment_target", lambda: sysconfig.get_config_var("MACOSX_DEPLOYMENT_TARGET"))


def version():
    """``3.12.3``, ``3.15.0b1``."""
    info = sys.version_info
    suffix = "" if info.releaselevel == "final" else "%s%d" % (LEVELS.get(info.releaselevel, "a"), info.serial)
    return "%d.%d.%d%s" % (info[0], info[1], info[2], suffix)


def bits():
    return 64 if sys.maxsize > 2**32 else 32


def machine():
    """``x86_64``, ``aarch64``, ``arm64``: what the interpreter was built for."""
    platform = sysconfig.get_platform()
    if platform in WINDOWS:
        return WINDOWS[platform]
    name = platform.rpartition("-")[2]
    if name in ("universal2", "universal", "intel", "fat64"):
        name = os.uname().machine
    return NARROW.get(name, name) if bits() == 32 else name


def is_gil_disabled():
    """A free-threaded build (PEP 703); its wheels have the letter t in their ABI tag."""
    if hasattr(sys, "abiflags"):
        return "t" in sys.abiflags
    return "free-threading" in sys.version


def python_tag():
    """``cp312``, ``cp314t``, ``pp310``."""
    short = {"cpython": "cp", "pypy": "pp"}.get(sys.implementation.name, sys.implementation.name)
    return "%s%d%d%s" % (short, sys.version_info[0], sys.version_info[1], "t" if is_gil_disabled() else "")


def base_prefix():
    return getattr(sys, "real_prefix", None) or sys.base_prefix


def is_venv():
    return sys.prefix != base_prefix()


def is_externally_managed():
    """The system marks its Python as its own (PEP 668); environments made from it are not."""
    return not is_venv() and os.path.isfile(os.path.join(scheme_path("stdlib"), "EXTERNALLY-MANAGED"))


def is_writable(path):
    """This user may write to a folder, or, where it does not exist, to the nearest one above it that does."""
    while not os.path.exists(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return os.access(path, os.W_OK | os.X_OK)


def start_method():
    """Default of multiprocessing by its own rule (multiprocessing/context.py); importing it costs more than all of this."""
    if sys.platform in ("win32", "darwin"):
        return "fork" if sys.platform == "darwin" and sys.version_info < (3, 8) else "spawn"
    return "forkserver" if sys.version_info >= (3, 14) else "fork"


def libc():
    """``glibc 2.36`` or ``musl``; None on other systems than Linux."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        told = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        told = None
    if told:
        return told.strip()
    return (
        "musl"
        if "musl" in (sysconfig.get_config_var("SOABI") or "")
        or os.path.isdir("/lib")
        and any(name.startswith("ld-musl-") for name in os.listdir("/lib"))
        else None
    )
