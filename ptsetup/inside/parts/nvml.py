"""What NVML says, through nvidia-ml-py, GPU by GPU: a stage is told before each step that may hang."""

import ctypes
import os
import re
import sys
import time

from ptsetup_inside import gpu as one_gpu

VERSION = re.compile(r"\d+(?:\.\d+)+")

P2P_READ = 0

SAMPLES, SAMPLE_EVERY_S = 3, 1.0


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
    code, count = one_gpu.attempt(nvml, "nvmlDeviceGetCount")
    told.tell("count", {"nvml": {"count_rc": code, "count": count}})
    gpus = [look_at(told, nvml, index) for index in range(min(count or 0, one_gpu.GPUS_LIMIT))]
    several(told, nvml, gpus)
    if options.get("is_deep"):
        sample(told, gpus)
    one_gpu.attempt(nvml, "nvmlShutdown")
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
    code, _ = one_gpu.attempt(nvml, "nvmlInitWithFlags", 0)
    if code != one_gpu.FUNCTION_NOT_FOUND:
        return code
    try:
        return nvml._nvmlGetFunctionPointer("nvmlInit_v2")()
    except (nvml.NVMLError, AttributeError):
        return one_gpu.FUNCTION_NOT_FOUND


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
        code, value = one_gpu.attempt(nvml, call)
        if code == 0 and VERSION.fullmatch(str(value)):
            facts[name] = value
        else:
            detail = "%s says %r." % (call, value) if code == 0 else "%s returned %d." % (call, code)
            unknowns.append({"path": "nvidia.nvml.%s" % name, "reason": "unsupported", "detail": detail})
    code, value = one_gpu.attempt(nvml, "nvmlSystemGetCudaDriverVersion_v2")
    if code == 0 and value and value > 0:
        facts["cuda_driver_version"] = [value // 1000, value % 1000 // 10]
    else:
        detail = "nvmlSystemGetCudaDriverVersion_v2 returned %d." % code
        unknowns.append({"path": "nvidia.nvml.cuda_driver_version", "reason": "unsupported", "detail": detail})
    told.tell("versions", {"nvml": facts}, unknowns)


def look_at(told, nvml, index):
    """Ask one GPU; the handle call is where a lost or forbidden one shows."""
    told.tell("gpu %d" % index, {"gpus": {str(index): {"index": index}}})
    code, handle = one_gpu.attempt(nvml, "nvmlDeviceGetHandleByIndex", index)
    if code != 0:
        told.tell("gpu %d" % index, {"gpus": {str(index): {"index": index, "handle_rc": code, "call_errors": {}}}})
        return None
    gpu = one_gpu.Gpu(nvml, handle, index)
    is_lost = False
    try:
        for step in one_gpu.STEPS:
            step(gpu)
    except one_gpu.Lost:
        is_lost = True
    told.tell("gpu %d" % index, {"gpus": {str(index): gpu.told()}})
    return None if is_lost else gpu


def several(told, nvml, gpus):
    """Whether each GPU may read the memory of each other one."""
    whole = [gpu for gpu in gpus if gpu is not None]
    for gpu in whole if len(whole) > 1 else ():
        status = {}
        for other in whole:
            if other is not gpu:
                code, value = one_gpu.attempt(nvml, "nvmlDeviceGetP2PStatus", gpu.handle, other.handle, P2P_READ)
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
                reasons = one_gpu.event_reasons(gpu) if gpu is not None else None
            except one_gpu.Lost:
                reasons = None
            if reasons is not None:
                taken.setdefault(str(gpu.facts["index"]), []).append(reasons)
    told.tell("samples", {"gpus": {index: {"clocks_event_samples": values} for index, values in taken.items()}})
