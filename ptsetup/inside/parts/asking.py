"""What an imported torch says of its build, its libraries and each kind of device. Every question is guarded on its own."""

import os
import re
import sys

OF_INTEREST = re.compile(
    r"lib(?:c10|torch|shm|caffe2|cuda|cud|cublas|cusparse|cusolver|cufft|curand|cupti|cufile|nccl|nv|stdc\+\+|gomp|iomp|omp|mkl|amdhip"
    r"|hip|roc|rccl|MIOpen|hsa|amd|ze_|sycl|ur_|numa|numpy|openblas|xpti)"
)

MAPS = "/proc/self/maps"

GLIBCXX = re.compile(rb"GLIBCXX_(\d+\.\d+(?:\.\d+)?)")

SIZE = 256
"""Edge of the matrices of the device test."""

PEER_BYTES = 1 << 20

GPUS_LIMIT = 16


def text_or_none(value):
    return None if value is None else str(value)


def has_cuda(torch):
    """A build for CUDA or ROCm."""
    return bool(torch.version.cuda or getattr(torch.version, "hip", None))


def build(facts, torch):
    """What the build is; no driver is touched."""
    facts("version", lambda: str(torch.__version__))
    facts("file", lambda: torch.__file__)
    facts("cuda_build_version", lambda: text_or_none(torch.version.cuda))
    facts("hip_build_version", lambda: text_or_none(getattr(torch.version, "hip", None)))
    facts("xpu_build_version", lambda: text_or_none(getattr(torch.version, "xpu", None)))
    facts("num_threads", torch.get_num_threads)
    facts("has_cxx11_abi", lambda: bool(torch._C._GLIBCXX_USE_CXX11_ABI))
    facts("arch_list", lambda: architectures(torch))
    if has_cuda(torch) and sys.platform == "linux":
        facts("nccl_version", lambda: nccl(torch))


def architectures(torch):
    """Compiled architectures; torch lists them without a GPU since 1.13 by its flags only."""
    if not has_cuda(torch):
        return []
    flags = torch._C._cuda_getArchFlags()
    return flags.split() if flags else []


def nccl(torch):
    """``2.30.7`` of a tuple or, in old releases, of one number."""
    told = torch.cuda.nccl.version()
    if isinstance(told, int):
        told = (told // 1000, told % 1000 // 100, told % 100)
    return ".".join(str(part) for part in told[:3])


def cuda(facts, torch):
    """Is a CUDA or ROCm device usable; this starts the driver."""
    is_available = facts("is_cuda_available", lambda: bool(torch.cuda.is_available()))
    facts("cuda_device_count", torch.cuda.device_count)
    if has_cuda(torch) and is_available is False:
        try:
            torch.cuda.init()
        except Exception as problem:
            facts.facts["cuda_error"] = str(problem)[:2000]


def devices(facts, torch):
    """Each usable device as torch describes it."""
    found = []
    if torch.cuda.is_available():
        for index in range(min(torch.cuda.device_count(), GPUS_LIMIT)):
            one = facts.take("devices[%d]" % index, described, torch.cuda.get_device_properties, index)
            found.append(one or {"index": index})
    facts.facts["devices"] = found


def described(properties_of, index):
    """One device; fields that its kind lacks stay out."""
    properties = properties_of(index)
    one = {"index": index, "name": getattr(properties, "name", None), "memory_bytes": properties.total_memory}
    if hasattr(properties, "major"):
        one["capability"] = [properties.major, properties.minor]
    gfx = getattr(properties, "gcnArchName", None)
    if gfx and gfx.startswith("gfx"):
        one["gfx"] = gfx.partition(":")[0]
    if hasattr(properties, "uuid"):
        one["uuid"] = str(properties.uuid)
    return one


def cudnn(facts, torch):
    """Version of cuDNN, which a wrong copy on the path makes raise; this starts the driver."""
    try:
        facts.facts["cudnn_version"] = torch.backends.cudnn.version()
    except Exception as problem:
        facts.facts["cudnn_error"] = str(problem)[:2000]


def others(facts, torch):
    """Apple's and Intel's devices."""
    mps = getattr(torch.backends, "mps", None)
    if mps is not None:
        facts("is_mps_built", lambda: bool(mps.is_built()))
        facts("is_mps_available", lambda: bool(mps.is_available()))
    xpu = getattr(torch, "xpu", None)
    if xpu is None:
        facts.facts["is_xpu_built"] = False
        return
    facts("is_xpu_built", lambda: bool(getattr(xpu, "_is_compiled", lambda: getattr(torch.version, "xpu", None))()))
    if facts("is_xpu_available", lambda: bool(xpu.is_available())):
        facts("xpu_device_count", xpu.device_count)


def mapped(facts, torch):
    """Libraries that this process has loaded (Linux), and the newest symbols of its C++ library."""
    if not os.path.exists(MAPS):
        return
    paths = facts("mapped_libraries", mapped_libraries) or []
    cxx = [path for path in paths if os.path.basename(path).startswith("libstdc++.so")]
    if cxx:
        facts("glibcxx_max", newest_glibcxx, cxx[0])


def mapped_libraries():
    with open(MAPS, encoding="utf-8", errors="replace") as maps:
        lines = [line.rstrip("\n").partition("/") for line in maps]
    paths = {"/" + rest for _, mark, rest in lines if mark}
    return sorted(path for path in paths if ".so" in path and OF_INTEREST.match(os.path.basename(path)))


def newest_glibcxx(path):
    """``3.4.30``: the newest version that the file names."""
    with open(path, "rb") as file:
        found = {tuple(int(part) for part in version.split(b".")) for version in GLIBCXX.findall(file.read())}
    return ".".join(str(part) for part in max(found)) if found else None


def device_test(facts, torch):
    """A product of integers on the device, which is exact; ``ok``, or what went wrong."""
    device = usable(torch)
    if device is None:
        return
    try:
        left = (torch.arange(SIZE * SIZE) % 7 - 3).reshape(SIZE, SIZE).float()
        there = left.to(device)
        product = (there @ there.t()).cpu()
        wanted = (left.double() @ left.double().t()).float()
        facts.facts["device_test"] = "ok" if bool((product == wanted).all()) else "wrong result on %s" % device
    except Exception as problem:
        facts.facts["device_test"] = "%s: %s" % (type(problem).__name__, str(problem)[:1000])


def usable(torch):
    """Name of the device that programs would take; None: only the processor."""
    if torch.cuda.is_available():
        return "cuda"
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        return "mps"
    return "xpu" if hasattr(torch, "xpu") and torch.xpu.is_available() else None


def peers(told, torch):
    """Copy between each pair of GPUs and compare: a wrong or endless copy is what makes NCCL hang."""
    count = min(torch.cuda.device_count(), GPUS_LIMIT)
    problems = []
    for source in range(count):
        for sink in range(count):
            if source != sink:
                told.tell("copy from GPU %d to GPU %d" % (source, sink))
                problem = wrong_copy(torch, source, sink)
                if problem:
                    problems.append("GPU %d to GPU %d: %s" % (source, sink, problem))
    told.tell("copied", {"p2p_problems": problems})


def wrong_copy(torch, source, sink):
    """What is wrong with a copy; None when the same bytes came."""
    try:
        sent = torch.arange(PEER_BYTES // 4, dtype=torch.int32)
        came = sent.to("cuda:%d" % source).to("cuda:%d" % sink).cpu()
        return None if bool((came == sent).all()) else "other bytes came than were sent"
    except Exception as problem:
        return "%s: %s" % (type(problem).__name__, str(problem)[:300])
