"""The calls of Windows, each thin and guarded: registry, memory, machine, processor features, versions of files.

They cannot run elsewhere; what they return is interpreted by the pure functions of ``windows``.
"""

import sys


def registry(path: str, name: str) -> object:
    """A value below HKEY_LOCAL_MACHINE, in the 64-bit view; None when it is not there."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path, 0, winreg.KEY_READ | winreg.KEY_WOW64_64KEY) as key:
            return winreg.QueryValueEx(key, name)[0]
    except OSError:
        return None


def memory_status() -> tuple[int, ...] | None:
    """Numbers of GlobalMemoryStatusEx, in the order of MEMORYSTATUSEX from ullTotalPhys on."""
    if sys.platform != "win32":
        return None
    import ctypes

    class MemoryStatus(ctypes.Structure):
        _fields_ = [
            ("dwLength", ctypes.c_ulong),
            ("dwMemoryLoad", ctypes.c_ulong),
            *(
                (name, ctypes.c_ulonglong)
                for name in ("total", "free", "commit", "commit_free", "virtual", "virtual_free", "ext")
            ),
        ]

    status = MemoryStatus()
    status.dwLength = ctypes.sizeof(status)
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return None
    return (status.total, status.free, status.commit, status.commit_free)


def native_machine() -> int | None:
    """IMAGE_FILE_MACHINE of the processor behind any emulation (IsWow64Process2); None before Windows 10 1511."""
    if sys.platform != "win32":
        return None
    import ctypes

    kernel32 = ctypes.WinDLL("kernel32")
    if not hasattr(kernel32, "IsWow64Process2"):
        return None
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    kernel32.IsWow64Process2.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    process, native = ctypes.c_ushort(), ctypes.c_ushort()
    done = kernel32.IsWow64Process2(kernel32.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native))
    return native.value if done else None


def has_feature(number: int) -> bool | None:
    """IsProcessorFeaturePresent."""
    if sys.platform != "win32":
        return None
    import ctypes

    return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(number))


def version_block(path: str) -> bytes | None:
    """The root block (VS_FIXEDFILEINFO) of a file's version resource; None when the file or its resource is missing."""
    if sys.platform != "win32":
        return None
    import ctypes

    api = ctypes.WinDLL("version")
    size = api.GetFileVersionInfoSizeW(path, None)
    if not size:
        return None
    data = ctypes.create_string_buffer(size)
    if not api.GetFileVersionInfoW(path, 0, size, data):
        return None
    place, length = ctypes.c_void_p(), ctypes.c_uint()
    if not api.VerQueryValueW(data, "\\", ctypes.byref(place), ctypes.byref(length)) or not place.value:
        return None
    return ctypes.string_at(place.value, length.value)
