"""What programs say, read as a report and judged by all rules: the cause of families PT1xx to PT4xx comes first.

The lines are messages of pip, uv, conda, the loaders, torch and its companions over the years; machines and paths are made up.
"""

import pytest

from ptsetup import readers, rules
from tests.rules.judging import wheel_index

COLLECT_ENV = """Collecting environment information...
PyTorch version: {torch}
Is debug build: False
CUDA used to build PyTorch: {cuda}
ROCM used to build PyTorch: N/A

OS: {system}
Libc version: {libc}

Python version: {python} (main, {date}, 10:00:00) [GCC 11.4.0] (64-bit runtime)
Python platform: {platform}
Is CUDA available: {available}
GPU models and configuration: {gpu}
Nvidia driver version: {driver}

Versions of relevant libraries:
{libraries}
"""


def environment(*libraries: str, **facts: str) -> str:
    """A report of torch's collect_env, of a healthy machine of January 2025."""
    healthy = {
        "torch": "2.5.1+cu124",
        "cuda": "12.4",
        "system": "Ubuntu 22.04.4 LTS (x86_64)",
        "libc": "glibc-2.35",
        "python": "3.10.12",
        "date": "Jan 10 2025",
        "platform": "Linux-5.15.0-100-generic-x86_64-with-glibc2.35",
        "available": "True",
        "gpu": "GPU 0: NVIDIA A100-SXM4-80GB",
        "driver": "550.54.15",
    }
    return COLLECT_ENV.format(**{**healthy, **facts}, libraries="\n".join(libraries) or "[pip3] torch==2.5.1")


def absent(**facts: str) -> str:
    """The same where torch could not be imported."""
    unknown = {
        "torch": "N/A",
        "cuda": "N/A",
        "available": "N/A",
        "gpu": "Could not collect",
        "driver": "Could not collect",
    }
    return environment("[pip3] Could not collect", **{**unknown, **facts})


CPU = {"cuda": "None", "available": "False"}
NO_GPU = {**CPU, "gpu": "No CUDA", "driver": "No CUDA"}
MAC = {"system": "macOS 15.1.1 (arm64)", "libc": "N/A", "platform": "macOS-15.1.1-arm64-arm-64bit"}

TWO = {"PT203", "PT205", "PT206", "PT207", "PT213", "PT223"}
FAMILY = {"PT301", "PT302", "PT303", "PT310", "PT223"}
EXTENSION = {"PT304", "PT305", "PT306", "PT307", "PT308"}
SHADOW = {"PT405", "PT406", "PT407", "PT408", "PT409"}
NVIDIA = {"PT402", "PT403", "PT404", "PT408"}
PYTHON = {"PT101", "PT102"}

SICK = (
    (
        TWO,
        "AttributeError: module 'torch._C' has no attribute 'BFloat16StorageBase'\n"
        + environment(torch="1.3.1", **NO_GPU),
    ),
    (
        TWO,
        "torch                 1.5.1+cu101\nAttributeError: module 'torch._C' has no attribute 'ComplexDoubleStorageBase'",
    ),
    (
        TWO,
        "ImportError: /e/lib/python3.7/site-packages/torch/lib/libtorch.so.1: undefined symbol: _ZTIN2at10TensorImplE",
    ),
    (
        TWO,
        (
            "[conda] pytorch                   1.12.1          py3.9_cuda11.3_cudnn8.3.2_0    pytorch\n"
            "[conda] torch                     2.1.0                    pypi_0    pypi\n"
            "ImportError: /e/lib/python3.9/site-packages/torch/lib/libtorch_python.so: undefined symbol: _ZN5torch8autograd"
        ),
    ),
    (
        TWO,
        (
            "OSError: /e/site-packages/torch_scatter/_version_cuda.so: undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKSs\n"
            "export LD_LIBRARY_PATH=/home/me/libtorch/lib:$LD_LIBRARY_PATH"
        ),
    ),
    (
        FAMILY,
        (
            "pytorch=1.8.0, torchaudio=0.8.0\n"
            "OSError: /e/site-packages/torchaudio/_torchaudio.so: undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKSs"
        ),
    ),
    (
        FAMILY,
        (
            "OSError: dlopen(/e/lib/python3.9/site-packages/torchaudio/lib/libtorchaudio.so, 0x0006): Symbol not found: "
            "__ZN2at14RecordFunctionC1ENS_11RecordScopeEb"
        ),
    ),
    (
        FAMILY,
        "torch       2.14.0+cu130\ntorchvision 0.28.0+cu129\nRuntimeError: operator torchvision::nms does not exist",
    ),
    (
        FAMILY,
        (
            "ImportError: libcudart.so.9.0: cannot open shared object file: No such file or directory\n"
            "Package           Version\n----------------- ----------\ntorch             1.10.0.dev20210618+cpu\n"
            "torchvision       0.3.0"
        ),
    ),
    (
        FAMILY,
        environment("[pip3] torch==2.5.1", "[pip3] torchvision==0.19.0")
        + "AttributeError: partially initialized module 'torchvision' has no attribute 'extension'",
    ),
    (
        FAMILY,
        "ImportError: cannot import name 'AttrsDescriptor' from 'triton.backends.compiler'\ntorch==2.5.1\ntriton==3.3.0",
    ),
    (
        PYTHON,
        "ERROR: Could not find a version that satisfies the requirement torch==1.12.0 (from versions: 1.13.0, 2.0.0, 2.3.1)",
    ),
    (
        PYTHON,
        (
            "ERROR: Could not find a version that satisfies the requirement torch==1.10.1+cu111 (from versions: 1.11.0, "
            "1.11.0+cu113, 1.13.1)\nPython 3.10.6"
        ),
    ),
    (
        PYTHON,
        "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\n"
        + absent(python="3.13.0", date="Oct  7 2024", **MAC),
    ),
    (
        PYTHON,
        (
            "Looking in indexes: https://download.pytorch.org/whl/cu117\n"
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)\npython 3.12.0\nWindows 11"
        ),
    ),
    (
        PYTHON,
        "  - pytorch -> python[version='>=3.10,<3.11.0a0|>=3.8,<3.9.0a0|>=3.9,<3.10.0a0|>=3.7,<3.8.0a0']\nYour python: python=3.11",
    ),
    (PYTHON, "Unable to find installation candidates for torch (2.0.1)\nPython 3.12.1"),
    (
        {"PT107", "PT109"},
        "ERROR: Could not find a version that satisfies the requirement torch==2.6.0 (from versions: 2.0.0, 2.2.2)",
    ),
    (
        {"PT107", "PT109"},
        "Because torch==2.5.1 has no wheels with a matching platform tag (e.g., `macosx_14_0_x86_64`) and you",
    ),
    (
        {"PT105"},
        (
            "hint: You're on Linux (`manylinux_2_17_x86_64`), but `torch` (v2.7.0) only has wheels for the following platforms: "
            "`manylinux_2_28_aarch64`, `manylinux_2_28_x86_64`"
        ),
    ),
    (
        {"PT105"},
        "ERROR: Could not find a version that satisfies the requirement torch==2.7.1 (from versions: 2.0.0, 2.5.1, 2.6.0)",
    ),
    (
        {"PT105"},
        "ImportError: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.32' not found (required by /e/triton/_C/libtriton.so)",
    ),
    ({"PT104"}, "FROM python:3.11-alpine\nERROR: No matching distribution found for torch"),
    (
        {"PT103"},
        (
            "Python 3.8.5 (tags/v3.8.5:580fbb0, Jul 20 2020, 15:43:08) [MSC v.1926 32 bit (Intel)] on win32\n"
            "ERROR: Could not find a version that satisfies the requirement torch==1.6.0 (from versions: 0.1.2, 0.1.2.post1)"
        ),
    ),
    (
        {"PT112", "PT113"},
        'OSError: [WinError 126] Das angegebene Modul wurde nicht gefunden. Error loading "D:\\e\\torch\\lib\\shm.dll" or one',
    ),
    (
        {"PT112", "PT113"},
        'Windows fatal exception: access violation\n  File "D:\\e\\torch\\__init__.py", line 261 in _load_dll_libraries',
    ),
    ({"PT112", "PT113"}, "ImportError: DLL load failed while importing _C: The specified module could not be found."),
    (
        EXTENSION,
        "'2.5.1+cu124'\nOSError: /e/site-packages/torch_scatter/_version_cuda.so: undefined symbol: _ZN3c1017RegisterOperatorsD1Ev",
    ),
    (
        EXTENSION,
        "ImportError: /e/site-packages/flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so: undefined symbol: _ZN2at4_ops5zeros4call",
    ),
    (
        EXTENSION,
        environment()
        + "ImportError: libcudart.so.11.0: cannot open shared object file: No such file or directory\nfrom mmcv.ops import x",
    ),
    (
        EXTENSION,
        "ImportError: /e/detectron2/_C.cpython-38-x86_64-linux-gnu.so: undefined symbol: _ZNK2at6Tensor5zero_Ev",
    ),
    (
        SHADOW,
        "ImportError: /e/torch/lib/libtorch_cpu.so: undefined symbol: cuptiActivityEnableDriverApi, version libcupti.so.12",
    ),
    (
        SHADOW | NVIDIA,
        "OSError: /e/nvidia/cublas/lib/libcublas.so.11: undefined symbol: cublasLtGetStatusString, version libcublasLt.so.11",
    ),
    (
        SHADOW,
        "Could not load library libcudnn_cnn_infer.so.8. Error: libnvrtc.so: cannot open shared object file: No such file",
    ),
    (
        SHADOW,
        "Unable to load any of {libcudnn_engines_precompiled.so.9.1.0}\nInvalid handle. Cannot load symbol cudnnCreateTensorDescriptor",
    ),
    (
        SHADOW,
        "ImportError: /usr/lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /e/x.so)",
    ),
    (NVIDIA, "torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister\n" + absent()),
    (NVIDIA, "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory\n" + absent()),
    (NVIDIA, "ValueError: libcublas.so.*[0-9] not found in the system path"),
    (
        {"PT410"},
        "Installed CUDA version 11.8 does not match the version torch was compiled with 12.1, unable to compile",
    ),
    (
        {"PT410"},
        (
            "RuntimeError: Cuda extensions are being compiled with a version of Cuda that does not match the version used to compile "
            "Pytorch binaries.  Pytorch binaries were compiled with Cuda 10.2."
        ),
    ),
    ({"PT410"}, "nvcc fatal   : Unsupported gpu architecture 'compute_89'"),
    (
        {"PT415"},
        "docker run --gpus all image\nError 804: forward compatibility was attempted on non supported HW\nGPU: RTX 3090",
    ),
    ({"PT417"}, "ImportError: /e/torch/lib/libtorch_cpu.so: undefined symbol: iJIT_IsProfilingActive"),
    (
        {"PT311"},
        "UserWarning: Failed to initialize NumPy: _ARRAY_API not found\n"
        + environment("[pip3] numpy==2.0.1", "[pip3] torch==2.2.2", torch="2.2.2+cu121", cuda="12.1"),
    ),
    ({"PT311"}, "RuntimeError: Numpy is not available\ntorch 2.1.2\nnumpy 2.0.0"),
    (
        {"PT401", "PT215"},
        environment(
            "[conda] pytorch                   2.5.1              py3.12_cpu_0    pytorch", torch="2.5.1", **CPU
        ),
    ),
    (
        {"PT401"},
        (
            "pip3 install torch --index-url https://download.pytorch.org/whl/cu121\n"
            "AssertionError: Torch not compiled with CUDA enabled\nGPU: RTX 3060\nWindows 11"
        ),
    ),
)

WELL = (
    environment(
        "[pip3] nvidia-nccl-cu13==2.29.7",
        "[pip3] torch==2.13.0+cu130",
        "[conda] nvidia-nccl-cu12          2.21.5                   pypi_0    pypi",
        "[conda] torch                     2.5.1                    pypi_0    pypi",
        "[conda] torchvision               0.20.1                   pypi_0    pypi",
        torch="2.13.0+cu130",
        cuda="13.0",
        date="Jul 10 2026",
        driver="580.65.06",
    ),
    environment(
        "[pip3] torch==1.12.0+cu113",
        "[pip3] torchvision==0.13.0+cu113",
        "[conda] cudatoolkit               11.3.1               h2bc3f7f_2",
        "[conda] pytorch                   1.12.0          py3.8_cuda11.3_cudnn8.3.2_0    pytorch",
        "[conda] torch                     1.12.0+cu113             pypi_0    pypi",
        torch="1.12.0+cu113",
        cuda="11.3",
        date="Jul  1 2022",
    ),
    environment(
        "[pip3] torch==2.4.0a0+f70bd71a48.nv24.6",
        "[pip3] torchvision==0.19.0a0",
        torch="2.4.0a0+f70bd71a48.nv24.06",
        cuda="12.5",
    ),
    environment(
        "[pip3] torch==2.3.0.dev20240314+cu121",
        "[pip3] torchaudio==2.2.0.dev20240306+cu121",
        torch="2.3.0.dev20240314+cu121",
        cuda="12.1",
    ),
    environment(
        "[pip3] numpy==1.24.3",
        "[pip3] torch==2.0.1",
        torch="2.0.1",
        date="Jun  1 2023",
        **NO_GPU,
        system="macOS 13.4.1 (x86_64)",
        libc="N/A",
        platform="macOS-10.16-x86_64-i386-64bit",
    )
    + "CPU:\nIntel(R) Core(TM) i7-9750H CPU @ 2.60GHz",
    environment(torch="2.5.1+cpu", **NO_GPU),
)


def loud(text: str) -> list[str]:
    """Codes of errors and warnings in their order."""
    diagnosis = rules.diagnose(readers.read(text), wheel_index())
    return [finding.code for finding in diagnosis.findings if finding.severity != "note"]


@pytest.mark.parametrize(("accepted", "text"), SICK, ids=[text.splitlines()[0][:60] for _, text in SICK])
def test_the_cause_comes_first(accepted, text):
    codes = loud(text)
    assert codes, "nothing was found"
    assert codes[0] in accepted


@pytest.mark.parametrize("text", WELL, ids=range(len(WELL)))
def test_a_healthy_report_is_left_alone(text):
    assert not loud(text)


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: Found no NVIDIA driver on your system.",
        "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable",
        "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "RuntimeError: No HIP GPUs are available",
    ],
)
def test_an_effect_without_a_cause_is_told_as_an_effect(text):
    """Each of these has several causes: the headline repeats what the text shows, and is sure of none of them."""
    (found,) = rules.diagnose(readers.read(text), wheel_index()).findings
    (owner,) = (rule for rule in rules.RULES if rule.code == found.code)
    assert found.title != owner.title
    assert (found.severity, found.certainty) == ("warning", "possible")
    assert "does not show" in found.message
