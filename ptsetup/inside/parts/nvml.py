"""What NVML says, through nvidia-ml-py: return codes are facts, asked per GPU and per call, and an error never ends the asking.

Codes 3 (not supported) and 13 (the driver is older than the call) mean unknown, never 0; 27 (not ready) is asked again once.
"""

import ctypes
import os
import re
import sys
import time

VERSION = re.compile(r"\d+(?:\.\d+)+")

NOT_SUPPORTED, FUNCTION_NOT_FOUND, GPU_IS_LOST, MISMATCH, NOT_READY = 3, 13, 15, 25, 27

UNKNOWN_ARCHITECTURE = 0xFFFFFFFF

RECOVERY_ACTION = 230
"""NVML_FI_DEV_GET_GPU_RECOVERY_ACTION."""

GPU_CORE = 0
THRESHOLD_SLOWDOWN = 1
UNCORRECTED, VOLATILE, AGGREGATE = 1, 0, 1
P2P_READ = 0
VGPU_GUEST = 2

UNLICENSED, LICENSED = 4, 5

GPUS_LIMIT = 64

SAMPLES, SAMPLE_EVERY_S = 3, 1.0

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


def look(told, nvml, options):
    """Tell the stages: load, init, versions, count, one per GPU, then what concerns several."""
    facts = {}
    told.tell("loading", {"nvml": facts})
    problem = loaded(nvml)
    if problem:
        told.tell("not loaded", {"nvml": {"load_error": problem, "init_rc": 12}})
        return
    facts["library_path"] = mapped("libnvidia-ml.so" if sys.platform != "win32" else "nvml.dll")
    told.tell("starting", {"nvml": facts})
    code = started(nvml)
    facts["init_rc"] = code
    told.tell("started", {"nvml": facts})
    if code != 0:
        return
    versions(told, nvml)
    code, count = attempt(nvml, "nvmlDeviceGetCount")
    told.tell("count", {"nvml": {"count_rc": code, "count": count}})
    gpus = [look_at(told, nvml, index) for index in range(min(count or 0, GPUS_LIMIT))]
    several(told, nvml, gpus)
    if options.get("is_deep"):
        sample(told, gpus)
    attempt(nvml, "nvmlShutdown")
    told.tell("done")


def loaded(nvml):
    """Load the library as the binding will; returns why it cannot be, which the binding does not tell."""
    if sys.platform == "win32":
        return None
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError as problem:
        return str(problem)
    return None


def started(nvml):
    """Code of nvmlInitWithFlags(0), or of nvmlInit_v2 where the driver is older than that."""
    code, _ = attempt(nvml, "nvmlInitWithFlags", 0)
    if code != FUNCTION_NOT_FOUND:
        return code
    try:
        return nvml._nvmlGetFunctionPointer("nvmlInit_v2")()
    except (nvml.NVMLError, AttributeError):
        return FUNCTION_NOT_FOUND


def mapped(name):
    """Path of the mapped library whose name begins so (Linux)."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                if os.path.basename(path).startswith(name):
                    return "/" + path
    except OSError:
        pass
    return None


def versions(told, nvml):
    """Versions of driver and library; ``N/A`` and the like are never stored as versions."""
    facts, unknowns = {}, []
    for name, call in (("driver_version", "nvmlSystemGetDriverVersion"), ("nvml_version", "nvmlSystemGetNVMLVersion")):
        code, value = attempt(nvml, call)
        if code == 0 and VERSION.fullmatch(str(value)):
            facts[name] = value
        else:
            detail = "%s says %r." % (call, value) if code == 0 else "%s returned %d." % (call, code)
            unknowns.append({"path": "nvidia.nvml.%s" % name, "reason": "unsupported", "detail": detail})
    code, value = attempt(nvml, "nvmlSystemGetCudaDriverVersion_v2")
    if code == 0 and value and value > 0:
        facts["cuda_driver_version"] = [value // 1000, value % 1000 // 10]
    else:
        detail = "nvmlSystemGetCudaDriverVersion_v2 returned %d." % code
        unknowns.append({"path": "nvidia.nvml.cuda_driver_version", "reason": "unsupported", "detail": detail})
    told.tell("versions", {"nvml": facts}, unknowns)


def look_at(told, nvml, index):
    """Ask one GPU; the handle call is where a lost or forbidden one shows."""
    told.tell("gpu %d" % index, {"gpus": {str(index): {"index": index}}})
    code, handle = attempt(nvml, "nvmlDeviceGetHandleByIndex", index)
    if code != 0:
        told.tell("gpu %d" % index, {"gpus": {str(index): {"index": index, "handle_rc": code, "call_errors": {}}}})
        return None
    gpu = Gpu(nvml, handle, index)
    is_lost = False
    try:
        for step in STEPS:
            step(gpu)
    except Lost:
        is_lost = True
    told.tell("gpu %d" % index, {"gpus": {str(index): gpu.told()}})
    return None if is_lost else gpu


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


def several(told, nvml, gpus):
    """Whether each GPU may read the memory of each other one."""
    whole = [gpu for gpu in gpus if gpu is not None]
    for gpu in whole if len(whole) > 1 else ():
        status = {}
        for other in whole:
            if other is not gpu:
                code, value = attempt(nvml, "nvmlDeviceGetP2PStatus", gpu.handle, other.handle, P2P_READ)
                if code == 0:
                    status[str(other.facts["index"])] = value
        told.tell("peers", {"gpus": {str(gpu.facts["index"]): {"p2p": status}}})


def sample(told, gpus):
    """The clocks' reasons three times over 2 s: a single look may hit a moment."""
    taken = {}
    for number in range(SAMPLES):
        if number:
            time.sleep(SAMPLE_EVERY_S)
        for gpu in gpus:
            try:
                reasons = event_reasons(gpu) if gpu is not None else None
            except Lost:
                reasons = None
            if reasons is not None:
                taken.setdefault(str(gpu.facts["index"]), []).append(reasons)
    told.tell("samples", {"gpus": {index: {"clocks_event_samples": values} for index, values in taken.items()}})
