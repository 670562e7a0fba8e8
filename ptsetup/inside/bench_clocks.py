"""What holds the clocks of an NVIDIA GPU back, as its driver's library tells it; for the speed part, in the child that computes.

Standard library only; syntax of Python 3.6. Bits: nvmlClocksEventReasons of NVIDIA's NVML reference.
"""

import ctypes

REASONS = (
    (0x4, "its power limit"),
    (0x8, "a hardware slowdown"),
    (0x20, "heat (by the driver)"),
    (0x40, "heat (by the hardware)"),
    (0x80, "the power brake"),
)
"""Idle, chosen clocks, boosting together and the display's clock are no complaint."""

UUID_BYTES = 96


def _handle(library, uuid):
    """The GPU with that UUID; without a UUID the only one; None else."""
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
        return None
    found = []
    for number in range(count.value):
        handle, text = ctypes.c_void_p(), ctypes.create_string_buffer(UUID_BYTES)
        if library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
            continue
        if uuid is None:
            found.append(handle)
        elif not library.nvmlDeviceGetUUID(handle, text, UUID_BYTES) and text.value.decode() in (uuid, "GPU-" + uuid):
            return handle
    return found[0] if len(found) == 1 else None


def held_back(uuid=None):
    """Words for what lowers the clocks right now; None where nobody tells. Load the GPU first: an idle one is held back by nothing."""
    try:
        library = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    reasons = ctypes.c_ulonglong()
    try:
        if library.nvmlInit_v2():
            return None
        handle = _handle(library, uuid)
        if handle is None or library.nvmlDeviceGetCurrentClocksThrottleReasons(handle, ctypes.byref(reasons)):
            return None
    except AttributeError:
        return None
    return [words for bit, words in REASONS if reasons.value & bit]
