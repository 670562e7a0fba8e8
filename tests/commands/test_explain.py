"""``ptsetup explain`` on the error lines that people paste most: the page that is meant comes first."""

import re

import pytest

from ptsetup.commands import _messages
from ptsetup.commands.explain import LIMIT, guess
from ptsetup.rules import BY_CODE

LINES = (
    ("Torch not compiled with CUDA enabled", "PT401"),
    (
        "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver",
        "PT501",
    ),
    ("RuntimeError: No CUDA GPUs are available", "PT650"),
    ("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver", "PT502"),
    ("The NVIDIA driver on your system is too old", "PT502"),
    ("driver too old", "PT502"),
    ("CUDA driver version is insufficient for CUDA runtime version", "PT502"),
    (
        "CUDA unknown error - this may be due to an incorrectly set up environment",
        "PT513",
    ),
    ("CUDA initialization: CUDA unknown error", "PT513"),
    ("Error 999: unknown error", "PT512"),
    ("Error 802: system not yet initialized", "PT519"),
    ("Error 803: system has unsupported display driver / cuda driver combination", "PT503"),
    ("Error 804: forward compatibility was attempted on non supported HW", "PT415"),
    ("Error 34: CUDA driver is a stub library", "PT414"),
    ("CUDA error: all CUDA-capable devices are busy or unavailable", "PT523"),
    ("Error 46: busy or unavailable", "PT523"),
    ("Error 304: OS call failed or operation not supported on this OS", "PT511"),
    ("Error 102: not licensed", "PT714"),
    ("UserWarning: Can't initialize NVML", "PT503"),
    ("Failed to initialize NVML: Driver/library version mismatch", "PT503"),
    ("CUDA error: no kernel image is available for execution on the device", "PT602"),
    (
        "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.",
        "PT602",
    ),
    ("the provided PTX was compiled with an unsupported toolchain", "PT603"),
    ("ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory", "PT402"),
    ("ImportError: libcupti.so.12: cannot open shared object file", "PT402"),
    ("libtorch_cuda.so: undefined symbol: ncclCommResume", "PT403"),
    ("undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12", "PT405"),
    ("undefined symbol: _ZN3c104cuda9SetDeviceEi", "PT307"),
    (
        "flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationE",
        "PT306",
    ),
    ("version `GLIBC_2.28' not found", "PT105"),
    ("version `GLIBCXX_3.4.29' not found", "PT407"),
    (
        'OSError: [WinError 126] Error loading "C:\\Python\\torch\\lib\\fbgemm.dll" or one of its dependencies.',
        "PT112",
    ),
    (
        "OSError: [WinError 1114] A dynamic link library (DLL) initialization routine failed. Error loading c10.dll",
        "PT112",
    ),
    ("OSError: [WinError 1455] The paging file is too small for this operation to complete", "PT114"),
    ("[WinError 206] The filename or extension is too long", "PT111"),
    ("AttributeError: module 'torch' has no attribute 'tensor'", "PT203"),
    ("AttributeError: module 'torch' has no attribute '__version__'", "PT203"),
    ("RuntimeError: operator torchvision::nms does not exist", "PT301"),
    ("PyTorch and torchvision were compiled with different CUDA versions", "PT302"),
    (
        "Detected that PyTorch and torchvision were compiled with different CUDA major versions.",
        "PT302",
    ),
    ("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.1 as it may crash", "PT311"),
    ("RuntimeError: Numpy is not available", "PT312"),
    (
        "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against (9, 1, 0) but found runtime version (8, 9, 7)",
        "PT408",
    ),
    ("RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED", "PT408"),
    (
        "RuntimeError: DataLoader worker (pid 123) is killed by signal: Bus error.",
        "PT706",
    ),
    ("RuntimeError: unable to allocate shared memory(shm) for file </torch_123>: No space left on device", "PT706"),
    ("DataLoader worker (pid 4242) is killed by signal: Killed.", "PT707"),
    ("OSError: [Errno 24] Too many open files", "PT901"),
    (
        "RuntimeError: Cannot re-initialize CUDA in forked subprocess.",
        "PT903",
    ),
    ("ncclSystemError: System call (e.g. socket, malloc) or external library call failed", "PT920"),
    ("ncclInvalidUsage: This usually reflects invalid usage of NCCL library", "PT921"),
    (
        "Watchdog caught collective operation timeout: WorkNCCL(SeqNum=1, OpType=ALLREDUCE) ran for 1800000 milliseconds before timing out",
        "PT530",
    ),
    (
        "The server socket has failed to listen on any local network address. EADDRINUSE: address already in use (errno: 98)",
        "PT925",
    ),
    (
        "The client socket cannot be initialized to connect to [::1]:29500 (errno: 97 - Address family not supported by protocol).",
        "PT924",
    ),
    ("errno: 113 - No route to host", "PT928"),
    ("[Errno -2] gai error: Name or service not known", "PT924"),
    ("torch._inductor.exc.TritonMissing: Cannot find a working triton installation.", "PT950"),
    ("InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx", "PT951"),
    ("fatal error: Python.h: No such file or directory", "PT952"),
    ("ImportError: /tmp/torchinductor/x.so: failed to map segment from shared object (noexec)", "PT955"),
    ("OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized.", "PT861"),
    ("Illegal instruction (core dumped)", "PT860"),
    ("RuntimeError: HIP error: invalid device function", "PT803"),
    ("Unable to open /dev/kfd read-write: Permission denied", "PT802"),
    ("Failed to initialize XPU devices", "PT821"),
    (
        "RuntimeError: The MPS backend is supported on MacOS 14.0+.Current OS version can be queried using `sw_vers`",
        "PT840",
    ),
    ("_pickle.UnpicklingError: Weights only load failed.", "PT970"),
    ("ERROR: Could not find a version that satisfies the requirement torch==2.3 (from versions: none)", "PT101"),
    (
        "Could not find a version that satisfies the requirement torch (from versions: none)\nNo matching distribution found for torch",
        "PT101",
    ),
    ("error: externally-managed-environment", "PT216"),
    ("ERROR: Cannot uninstall torch 2.15.0, RECORD file not found", "PT209"),
    ("WARNING: Ignoring invalid distribution -orch", "PT208"),
    ("ModuleNotFoundError: No module named 'torch'", "PT202"),
    ("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "PT503"),
)


@pytest.mark.parametrize(("text", "code"), LINES, ids=[f"{code} {text[:40]}" for text, code in LINES])
def test_the_page_that_is_meant_comes_first(text, code):
    found = [entry.code for entry in guess(text)]
    assert found[0] == code
    assert len(found) == len(set(found)) <= LIMIT


def test_the_table_names_rules_that_exist_and_patterns_that_can_be_read():
    assert {code for _, codes in _messages.TABLE for code in codes.split()} <= BY_CODE.keys()
    assert all(re.compile(pattern) for pattern, _ in _messages.TABLE)


def test_every_line_of_the_table_is_tried_here():
    text = "\n".join(line for line, _ in LINES)
    assert [pattern for pattern, _ in _messages.TABLE if not re.search(pattern, text, re.IGNORECASE)] == []


def test_what_the_facts_prove_comes_before_what_a_line_may_mean():
    entries = guess("Weights only load failed.\nModuleNotFoundError: No module named 'torch'")
    assert [entry.is_found for entry in entries] == sorted((entry.is_found for entry in entries), reverse=True)
    assert entries[0].code == "PT202"


def test_a_text_that_speaks_of_nothing_known_points_nowhere():
    assert guess("the driver of the bus was 80 years old") == []
