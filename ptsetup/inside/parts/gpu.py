"""One GPU by NVML: what is asked of it, call by call; return codes are facts, and an error never ends the asking.

Codes 3 (not supported) and 13 (the driver is older than the call) mean unknown, never 0; 27 (not ready) is asked again once.
"""

import ctypes
import os
import sys
import time

NOT_SUPPORTED, FUNCTION_NOT_FOUND, GPU_IS_LOST, MISMATCH, NOT_READY = 3, 13, 15, 25, 27

UNKNOWN_ARCHITECTURE = 0xFFFFFFFF

RECOVERY_ACTION = 230
"""NVML_FI_DEV_GET_GPU_RECOVERY_ACTION."""

GPU_CORE = 0

THRESHOLD_SLOWDOWN = 1

UNCORRECTED, VOLATILE, AGGREGATE = 1, 0, 1

VGPU_GUEST = 2

UNLICENSED, LICENSED = 4, 5

GPUS_LIMIT = 64

SIMPLE = (
    ("name", "nvmlDeviceGetName", ()),
    ("uuid", "nvmlDeviceGetUUID", ()),
    ("minor", "nvmlDeviceGetMinorNumber", ()),
    ("compute_mode", "nvmlDeviceGetComputeMode", ()),
    ("virtualization_mode", "nvmlDeviceGetVirtualizationMode", ()),
    ("ecc_uncorrected_volatile", "nvmlDeviceGetTotalEccErrors", (UNCORRECTED, VOLATILE)),
    ("ecc_uncorrected_aggregate", "nvmlDeviceGetTotalEccErrors", (UNCORRECTED, AGGREGATE)),
    ("temperature_c", "nvmlDeviceGetTemperature", (GPU_CORE,)),
    ("temperature_slowdown_c", "nvmlDeviceGetTemperatureThreshold", (THRESHOLD_SLOWDOWN,)),
    ("power_limit_mw", "nvmlDeviceGetEnforcedPowerLimit", ()),
    ("power_default_limit_mw", "nvmlDeviceGetPowerManagementDefaultLimit", ()),
    ("performance_state", "nvmlDeviceGetPerformanceState", ()),
    ("pcie_generation", "nvmlDeviceGetCurrPcieLinkGeneration", ()),
    ("pcie_generation_max", "nvmlDeviceGetGpuMaxPcieLinkGeneration", ()),
    ("pcie_width", "nvmlDeviceGetCurrPcieLinkWidth", ()),
    ("pcie_width_max", "nvmlDeviceGetMaxPcieLinkWidth", ()),
)
"""Fact, call, further arguments: calls whose value is the fact."""


class Lost(Exception):
    """The GPU has gone: further calls would only wait."""


class Gpu:
    """One GPU: the facts so far, and the codes of the calls that failed."""

    def __init__(self, nvml, handle, index):
        self.nvml, self.handle = nvml, handle
        self.facts = {"index": index, "handle_rc": 0}
        self.errors = {}

    def ask(self, call, *arguments):
        """The value of a call; None where it failed (its code is kept unless it means unknown)."""
        code, value = attempt(self.nvml, call, self.handle, *arguments)
        if code not in (0, NOT_SUPPORTED, FUNCTION_NOT_FOUND):
            self.errors.setdefault(call, code)
        if code == GPU_IS_LOST:
            raise Lost
        return value

    def keep(self, name, value):
        """Keep a fact that is known."""
        if value is not None:
            self.facts[name] = value

    def told(self):
        return dict(self.facts, call_errors=self.errors)


def attempt(nvml, call, *arguments):
    """(code, value) of one call; 13 where the binding or the library lacks it, -1 where its answer cannot be read."""
    function = getattr(nvml, call, None)
    if function is None:
        return FUNCTION_NOT_FOUND, None
    for last in (False, True):
        try:
            return 0, function(*arguments)
        except nvml.NVMLError as problem:
            if problem.value != NOT_READY or last:
                return problem.value, None
            time.sleep(0.5)
        except (ValueError, TypeError, AttributeError):
            # a name that is no UTF-8, or a binding that knows the call by another shape
            return -1, None
    return -1, None


def simple(gpu):
    for name, call, arguments in SIMPLE:
        gpu.keep(name, gpu.ask(call, *arguments))


def identity(gpu):
    pci = gpu.ask("nvmlDeviceGetPciInfo_v3")
    if pci is not None:
        gpu.keep("bdf", bdf(pci.busId))
    capability = gpu.ask("nvmlDeviceGetCudaComputeCapability")
    if capability is not None:
        gpu.keep("compute_capability", list(capability))
    architecture = gpu.ask("nvmlDeviceGetArchitecture")
    gpu.keep("architecture", architecture if architecture != UNKNOWN_ARCHITECTURE else None)


def bdf(text):
    """``0000:01:00.0`` of NVML's ``00000000:01:00.0``."""
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    domain, mark, rest = text.strip().lower().partition(":")
    if not mark or not rest:
        return None
    return "%s:%s" % (domain[-4:].rjust(4, "0") if not domain[:-4].strip("0") else domain, rest)


def memory(gpu):
    """Bytes by the call that every driver has; what the driver keeps for itself only by the newer one."""
    info = gpu.ask("nvmlDeviceGetMemoryInfo")
    if info is not None:
        gpu.facts.update(memory_total_bytes=info.total, memory_used_bytes=info.used, memory_free_bytes=info.free)
    code, newer = attempt(
        gpu.nvml, "nvmlDeviceGetMemoryInfo", gpu.handle, getattr(gpu.nvml, "nvmlMemory_v2", 0x02000028)
    )
    if code == 0:
        gpu.keep("memory_reserved_bytes", newer.reserved)
    bar1 = gpu.ask("nvmlDeviceGetBAR1MemoryInfo")
    if bar1 is not None:
        gpu.keep("bar1_total_bytes", bar1.bar1Total)


def processes(gpu):
    running = gpu.ask("nvmlDeviceGetComputeRunningProcesses_v3")
    if running is None and "nvmlDeviceGetComputeRunningProcesses_v3" not in gpu.errors:
        running = gpu.ask("nvmlDeviceGetComputeRunningProcesses_v2")
    if running is not None:
        gpu.facts["processes"] = [process(one.pid, one.usedGpuMemory) for one in running]


def process(pid, used):
    """A process by NVML and /proc."""
    found = {"pid": pid, "memory_bytes": used}
    try:
        owner = os.stat("/proc/%d" % pid).st_uid
        found["is_own"] = owner == os.getuid()
        found["user"] = user(owner)
        with open("/proc/%d/comm" % pid, encoding="utf-8", errors="replace") as comm:
            found["name"] = comm.read(64).strip()
    except (OSError, AttributeError):
        pass
    return found


def user(number):
    """Name of a user in /etc/passwd; a name service might hang."""
    try:
        with open("/etc/passwd", encoding="utf-8", errors="replace") as passwd:
            for line in passwd:
                parts = line.split(":")
                if len(parts) > 2 and parts[2] == str(number):
                    return parts[0]
    except OSError:
        pass
    return None


def modes(gpu):
    persistence = gpu.ask("nvmlDeviceGetPersistenceMode")
    gpu.keep("is_persistent", None if persistence is None else bool(persistence))
    ecc = gpu.ask("nvmlDeviceGetEccMode")
    gpu.keep("ecc_mode", None if ecc is None else ecc[0])
    if sys.platform == "win32":
        model = gpu.ask("nvmlDeviceGetDriverModel")
        gpu.keep("driver_model", None if model is None else model[0])
    if gpu.facts.get("virtualization_mode") == VGPU_GUEST:
        gpu.keep("license_state", license_state(gpu.ask("nvmlDeviceGetGridLicensableFeatures_v4")))


def license_state(features):
    """State of a vGPU guest's licence. nvml.h: featureState is non-zero when the feature is licensed."""
    if features is None or not features.isGridLicenseSupported:
        return None
    count = min(features.licensableFeaturesCount, len(features.gridLicensableFeatures))
    states = [
        features.gridLicensableFeatures[i].featureState
        for i in range(count)
        if features.gridLicensableFeatures[i].featureEnabled
    ]
    if not states:
        return UNLICENSED if count else None
    state = max(states)
    return {0: UNLICENSED, 1: LICENSED}.get(state, state)


def mig(gpu):
    mode = gpu.ask("nvmlDeviceGetMigMode")
    if mode is None:
        return
    gpu.facts["mig_current"], gpu.facts["mig_pending"] = mode
    if mode[0] != 1:
        return
    found = []
    for index in range(min(gpu.ask("nvmlDeviceGetMaxMigDeviceCount") or 0, GPUS_LIMIT)):
        code, handle = attempt(gpu.nvml, "nvmlDeviceGetMigDeviceHandleByIndex", gpu.handle, index)
        if code == 0:
            memory = attempt(gpu.nvml, "nvmlDeviceGetMemoryInfo", handle)[1]
            found.append(
                {
                    "uuid": attempt(gpu.nvml, "nvmlDeviceGetUUID", handle)[1],
                    "name": attempt(gpu.nvml, "nvmlDeviceGetName", handle)[1],
                    "memory_total_bytes": memory.total if memory is not None else None,
                }
            )
    gpu.facts["mig_devices"] = found


def health(gpu):
    rows = gpu.ask("nvmlDeviceGetRemappedRows")
    if rows is not None:
        gpu.facts["remapped_pending"], gpu.facts["remapped_failed"] = bool(rows[2]), bool(rows[3])
    pending = gpu.ask("nvmlDeviceGetRetiredPagesPendingStatus")
    gpu.keep("retired_pages_pending", None if pending is None else bool(pending))
    values = gpu.ask("nvmlDeviceGetFieldValues", [RECOVERY_ACTION])
    if values is not None and values[0].nvmlReturn == 0:
        gpu.keep("recovery_action", int(values[0].value.uiVal))


def clocks(gpu):
    gpu.keep("clocks_event_reasons", event_reasons(gpu))


def event_reasons(gpu):
    """Why the clocks are lower than they could be, by the newer or the older name of the call."""
    reasons = gpu.ask("nvmlDeviceGetCurrentClocksEventReasons")
    return gpu.ask("nvmlDeviceGetCurrentClocksThrottleReasons") if reasons is None else reasons


def fabric(gpu):
    """State of the NVSwitch fabric: the newest structure that the driver knows."""
    nvml = gpu.nvml
    for kind, call in (
        ("c_nvmlGpuFabricInfo_v3_t", "nvmlDeviceGetGpuFabricInfoV"),
        ("c_nvmlGpuFabricInfo_v2_t", "nvmlDeviceGetGpuFabricInfoV"),
        ("c_nvmlGpuFabricInfo_t", "nvmlDeviceGetGpuFabricInfo"),
    ):
        if not hasattr(nvml, kind):
            continue
        info = getattr(nvml, kind)()
        code, _ = attempt(nvml, call, gpu.handle, ctypes.byref(info))
        if code == 0:
            gpu.facts["fabric_state"], gpu.facts["fabric_status"] = int(info.state), int(info.status)
            gpu.keep("fabric_health_mask", getattr(info, "healthMask", None))
            return
        if code not in (MISMATCH, FUNCTION_NOT_FOUND, -1):
            if code != NOT_SUPPORTED:
                gpu.errors[call] = code
            return


def links(gpu):
    """NVLink: links that are up and links that are down."""
    up = down = 0
    for link in range(getattr(gpu.nvml, "NVML_NVLINK_MAX_LINKS", 18)):
        code, is_active = attempt(gpu.nvml, "nvmlDeviceGetNvLinkState", gpu.handle, link)
        if code != 0:
            break
        up, down = up + bool(is_active), down + (not is_active)
    if up or down:
        gpu.facts["nvlinks_active"], gpu.facts["nvlinks_inactive"] = up, down

STEPS = (identity, simple, memory, processes, modes, mig, health, clocks, fabric, links)
