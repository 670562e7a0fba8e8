"""What the CUDA driver library itself says: loading it, its version, cuInit, the number of devices."""

import ctypes
import sys

from ptsetup_inside import nvml


def look(told, options):
    """Tell a stage before each call that may hang."""
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    told.tell("loading")
    try:
        library = (ctypes.WinDLL if sys.platform == "win32" else ctypes.CDLL)(name)
    except OSError as problem:
        told.tell("not loaded", {"cuda": {"load_error": str(problem)}})
        return
    told.tell("loaded", {"cuda": {"library_path": nvml.mapped("libcuda.so"), "version": version(library)}})
    code = library.cuInit(0)
    told.tell("started", {"cuda": {"init_rc": code}})
    if code == 0:
        told.tell("count", {"cuda": {"count": count(library)}})


def version(library):
    """The newest CUDA that the driver speaks; this needs no cuInit."""
    number = ctypes.c_int(0)
    try:
        code = library.cuDriverGetVersion(ctypes.byref(number))
    except AttributeError:
        return None
    return [number.value // 1000, number.value % 1000 // 10] if code == 0 and number.value > 0 else None


def count(library):
    """Devices that this process may use (CUDA_VISIBLE_DEVICES counts)."""
    number = ctypes.c_int(0)
    try:
        return number.value if library.cuDeviceGetCount(ctypes.byref(number)) == 0 else None
    except AttributeError:
        return None
