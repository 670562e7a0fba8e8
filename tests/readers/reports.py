"""Reports as people paste them, written for these tests from the documented messages, each with the codes that are right for it.

An empty tuple of codes is a healthy machine: nothing of severity error or warning may be said.
"""

# ruff: noqa: E501, ISC004, RUF001, S108 - what programs print stays as they print it, lines, signs and paths

from tests.readers.forms import collect_env, no_gpu, old_collect_env, smi, vllm_collect_env

NO_WHEEL = ("PT101", "PT102")
TWO_TORCHES = ("PT203", "PT205", "PT206", "PT207", "PT213", "PT223")
DRIVER_OLD = ("PT502", "PT603")
GPU_OLD = ("PT601", "PT606", "PT956")
HARDWARE = ("PT514", "PT515", "PT518", "PT532", "PT533")
DROPPED = ("PT507", "PT508", "PT509")
EXTENSION = ("PT304", "PT305", "PT306", "PT307", "PT308")
VC_REDIST = ("PT112", "PT113")
FAMILY = ("PT223", "PT301", "PT302", "PT303", "PT310")
SHADOW = ("PT405", "PT406", "PT407", "PT408", "PT409")
PIP_LIBRARIES = ("PT402", "PT403", "PT404", "PT408")
CONTAINER = ("PT701", "PT702", "PT703")
NOT_LOADED = ("PT501", "PT504", "PT505", "PT506")
TOOLCHAIN = ("PT310", "PT950", "PT951", "PT952", "PT957", "PT959")
PERMISSION = ("PT511", "PT717", "PT802", "PT822")
CPU_BUILD = ("PT215", "PT401")
INTEL_MAC = ("PT107", "PT109")
GFX = ("PT803", "PT804")
FABRIC = ("PT519", "PT520")
SUSPEND = ("PT512", "PT513")

REPORTS = (
    # --- drivers that are too old
    (
        "driver older than the build, by collect_env",
        DRIVER_OLD,
        collect_env(torch="2.3.1+cu121", cuda="12.1", available="False", gpu="GPU 0: Tesla V100-SXM2-32GB", driver="470.182.03", nvcc="11.4.152", is_new=False),
    ),
    (
        "driver older than CUDA 13",
        DRIVER_OLD,
        collect_env(torch="2.9.1+cu130", cuda="13.0", available="False", driver="570.86.15", nvcc="Could not collect"),
    ),
    (
        "the assertion of old releases",
        DRIVER_OLD,
        "AssertionError: \nThe NVIDIA driver on your system is too old (found version 9000).\nPlease update your GPU driver by downloading and installing a new\nversion from the URL: http://www.nvidia.com/Download/index.aspx\n\nPyTorch 1.3.1 with CUDA 10.1",
    ),
    (
        "the warning of torch 2.x and nvidia-smi",
        DRIVER_OLD,
        "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11070). Please update your GPU driver\nFalse\n\n"
        + smi(driver="515.105.01", cuda="11.7", gpus=(("NVIDIA A40", 0, 46068),)),
    ),
    (
        "PTX of a newer toolkit",
        DRIVER_OLD,
        "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.\n"
        + collect_env(torch="2.6.0+cu124", cuda="12.4", driver="535.54.03", nvcc="12.2.91", is_new=False),
    ),
    (
        "runtime call refused by an old driver",
        DRIVER_OLD,
        "RuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version\ntorch 2.1.0+cu118\nNvidia driver version: 418.87.00\nGPU 0: Tesla T4",
    ),
    ("old form of collect_env, old driver", DRIVER_OLD, old_collect_env(torch="1.6.0", available="No", driver="418.67", nvcc="10.1.243")),
    # --- GPUs newer than the build
    (
        "Blackwell with CUDA 12.4",
        ("PT602",),
        "UserWarning: \nNVIDIA GeForce RTX 5080 with CUDA capability sm_120 is not compatible with the current PyTorch installation.\n"
        "The current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90.\n\n"
        + collect_env(gpu="GPU 0: NVIDIA GeForce RTX 5080", driver="572.16", is_new=False),
    ),
    (
        "no kernel image, facts by hand",
        ("PT602",),
        "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device\n- GPU: RTX 5070 Ti\n- torch 2.6.0+cu124\n- Windows 11, Python 3.11.9",
    ),
    (
        "Ada with an old build",
        ("PT602",),
        "NVIDIA GeForce RTX 4090 with CUDA capability sm_89 is not compatible with the current PyTorch installation.\n"
        "The current PyTorch install supports CUDA capabilities sm_37 sm_50 sm_60 sm_70.\ntorch.__version__ 1.10.0+cu102",
    ),
    (
        "H100 with CUDA 11.3",
        ("PT602",),
        collect_env(torch="1.12.1+cu113", cuda="11.3", gpu="GPU 0: NVIDIA H100 PCIe", driver="525.85.12", nvcc="Could not collect", is_new=False)
        + "\nNVIDIA H100 PCIe with CUDA capability sm_90 is not compatible with the current PyTorch installation.",
    ),
    (
        "Ampere and CUDA 10.2, no list of architectures",
        ("PT602",),
        "RuntimeError: CUDA error: no kernel image is available for execution on the device\nGPU: NVIDIA GeForce RTX 3080\npip list:\ntorch            1.8.1+cu102\ntorchvision      0.9.1+cu102",
    ),
    # --- GPUs older than the build
    (
        "Pascal and CUDA 12.8",
        GPU_OLD,
        "Found GPU0 NVIDIA GeForce GTX 1070 which is of cuda capability 6.1.\nMinimum and Maximum cuda capability supported by this version of PyTorch is\n(7.0) - (12.0)\n"
        "torch 2.8.0+cu128",
    ),
    (
        "Maxwell, cu128",
        GPU_OLD,
        "CUDA error: no kernel image is available for execution on the device\n" + collect_env(torch="2.8.0+cu128", cuda="12.8", gpu="GPU 0: NVIDIA GeForce GTX 970", driver="570.133.07"),
    ),
    (
        "Kepler and torch 1.7",
        GPU_OLD,
        "/opt/conda/lib/python3.8/site-packages/torch/cuda/__init__.py:81: UserWarning:\n    Found GPU0 Tesla K40c which is of cuda capability 3.5.\n    PyTorch no longer supports this GPU because it is too old.\n    The minimum cuda capability supported by this library is 3.7.",
    ),
    (
        "vLLM on Pascal",
        GPU_OLD,
        vllm_collect_env(torch="2.5.1+cu124", gpu="GPU 0: Tesla P40", driver="550.54.15")
        + "\nRuntimeError: CUDA error: no kernel image is available for execution on the device\nvllm 0.6.4",
    ),
    (
        "Triton on Pascal",
        GPU_OLD,
        "torch._inductor.exc.GPUTooOldForTriton: Found NVIDIA GeForce GTX 1060 6GB which is too old to be supported by the triton GPU compiler, which is used as the backend. Triton only supports devices of CUDA Capability >= 7.0, but your device is of CUDA capability 6.1",
    ),
    (
        "Volta and CUDA 13",
        GPU_OLD,
        "Found GPU0 Tesla V100-SXM2-16GB which is of compute capability (CC) 7.0.\nThe following list shows the CCs this version of PyTorch was built for and the hardware CCs it supports:\n- 7.5 which supports hardware CC >=7.5,<8.0\nPyTorch 2.9.0+cu130",
    ),
    # --- builds without CUDA
    (
        "Windows default wheel",
        CPU_BUILD,
        collect_env(torch="2.4.1+cpu", cuda="None", os="Microsoft Windows 11 Pro", libc="N/A", platform="Windows-10-10.0.22631-SP0", python="3.11.9 (tags/v3.11.9:de54cf5, Apr  2 2024, 10:12:12) [MSC v.1938 64 bit (AMD64)] (64-bit runtime)", available="False", gpu="GPU 0: NVIDIA GeForce RTX 3050", driver="551.86", nvcc="Could not collect", is_new=False),
    ),
    ("the assertion and a GPU", CPU_BUILD, "AssertionError: Torch not compiled with CUDA enabled\nGPU: RTX 3060 12GB\nWindows 10, pip install torch torchvision"),
    (
        "conda's CPU build",
        CPU_BUILD,
        collect_env(torch="2.3.1", cuda="Could not collect", available="False", gpu="GPU 0: Tesla T4", driver="535.183.01", libraries=("[conda] pytorch                   2.3.1               py3.11_cpu_0    pytorch", "[conda] pytorch-mutex             1.0                         cpu    pytorch"), is_new=False),
    ),
    (
        "pip show and nvidia-smi",
        CPU_BUILD,
        ">>> torch.cuda.is_available()\nFalse\n>>> torch.version.cuda\n>>> torch.__version__\n'2.7.1+cpu'\n" + smi(),
    ),
    # --- builds for somebody else's GPU
    (
        "CUDA build, AMD card",
        ("PT806", "PT820"),
        no_gpu(torch="2.5.1+cu124", cuda="12.4") + "\nGPU: AMD Radeon RX 7900 XTX\nRuntimeError: Found no NVIDIA driver on your system.",
    ),
    ("CUDA build, Arc card", ("PT806", "PT820"), "torch 2.8.0+cu128\ntorch.xpu.is_available() -> False\nGPU: Intel Arc A770 16GB\nOS: Ubuntu 24.04"),
    # --- no GPU at all
    ("no NVIDIA GPU", ("PT536",), "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU\nlaptop, GPU: Intel UHD Graphics 620"),
    (
        "lspci shows only Intel",
        ("PT536",),
        "$ lspci | grep -i vga\n00:02.0 VGA compatible controller: Intel Corporation Iris Plus Graphics G7 (rev 07)\n\nAssertionError: Found no NVIDIA driver on your system.",
    ),
    # --- the family
    (
        "nms and the lists",
        FAMILY,
        "RuntimeError: operator torchvision::nms does not exist\n\ntorch                    2.6.0\ntorchvision              0.20.1\n",
    ),
    (
        "pip's resolver complains",
        FAMILY,
        "ERROR: pip's dependency resolver does not currently take into account all the packages that are installed.\ntorchaudio 2.3.0+cu121 requires torch==2.3.0, but you have torch 2.4.0 which is incompatible.",
    ),
    (
        "torchvision for another CUDA",
        FAMILY,
        "RuntimeError: Detected that PyTorch and torchvision were compiled with different CUDA major versions. PyTorch has CUDA Version=11.8 and torchvision has CUDA Version=12.1. Please reinstall the torchvision that matches your PyTorch install.",
    ),
    (
        "torchaudio's symbols",
        FAMILY,
        "OSError: /usr/local/lib/python3.10/dist-packages/torchaudio/lib/libtorchaudio.so: undefined symbol: _ZN2at4_ops9fft_irfft4callERKNS_6TensorE\ntorch==2.2.2\ntorchaudio==2.1.0",
    ),
    (
        "nightly beside a release",
        FAMILY,
        "ImportError: cannot import name 'something' from 'torch'\n[pip3] torch==2.6.0.dev20241112+cu124\n[pip3] torchvision==0.20.1\nRuntimeError: operator torchvision::nms does not exist",
    ),
    (
        "collect_env shows a pair that does not fit",
        FAMILY,
        collect_env(torch="2.1.2+cu121", cuda="12.1", driver="535.129.03", is_new=False, libraries=("[pip3] numpy==1.26.4", "[pip3] torch==2.1.2", "[pip3] torchvision==0.15.2"))
        + "\nRuntimeError: Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions are incompatible",
    ),
    # --- extensions
    (
        "flash attention",
        EXTENSION,
        "ImportError: /venv/lib/python3.10/site-packages/flash_attn_2_cuda.cpython-310-x86_64-linux-gnu.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs\ntorch 2.4.0",
    ),
    (
        "xformers",
        EXTENSION,
        "xFormers can't load C++/CUDA extensions. xFormers was built for:\n    PyTorch 2.3.0+cu121 with CUDA 1201 (you have 2.4.1+cu124)\n    Python  3.10.14 (you have 3.10.12)",
    ),
    (
        "bitsandbytes",
        EXTENSION,
        "CUDA SETUP: Required library version not found: libbitsandbytes_cuda124.so. Maybe you need to compile it from source?\nRuntimeError: No compatible CUDA binary found",
    ),
    ("a package's own extension", EXTENSION, "ImportError: /env/lib/python3.9/site-packages/mmcv/_ext.cpython-39-x86_64-linux-gnu.so: undefined symbol: _ZNK2at6Tensor8data_ptrIlEEPT_v"),
    ("vLLM's extension", EXTENSION, "ImportError: /opt/venv/lib/python3.12/site-packages/vllm/_C.abi3.so: undefined symbol: _ZN3c104cuda9SetDeviceEi\ntorch 2.8.0+cu128"),
    ("a library of another torch", EXTENSION, "ImportError: libc10_cuda.so: cannot open shared object file: No such file or directory\nfrom detectron2 import _C"),
    # --- two torches
    (
        "user site beside the environment",
        TWO_TORCHES,
        "(myenv) $ pip list | grep torch\ntorch 2.5.1\n(myenv) $ python -c 'import torch; print(torch.__version__, torch.__file__)'\n1.13.1 /home/me/.local/lib/python3.10/site-packages/torch/__init__.py",
    ),
    (
        "conda and pip",
        TWO_TORCHES,
        collect_env(torch="N/A", cuda="N/A", rocm="N/A", is_new=False, driver="535.154.05", available="N/A", libraries=("[pip3] torch==2.4.0", "[conda] pytorch                   2.2.1           py3.10_cuda12.1_cudnn8.9.2_0    pytorch", "[conda] torch                     2.4.0                    pypi_0    pypi"))
        + "\nImportError: libtorch_cuda.so: undefined symbol: ncclCommSplit" ,
    ),
    ("a file of that name", TWO_TORCHES, "AttributeError: module 'torch' has no attribute 'tensor'\n$ ls\nmain.py  torch.py"),
    ("libraries of an older build", TWO_TORCHES, "    from torch._C import *\nImportError: /usr/local/lib/python3.8/dist-packages/torch/lib/libtorch_python.so: undefined symbol: _ZTIN3c1014WarningHandlerE"),
    ("another libtorch on the library path", TWO_TORCHES, "export LD_LIBRARY_PATH=$HOME/libtorch/lib:$LD_LIBRARY_PATH\nImportError: /env/lib/python3.11/site-packages/torch/lib/libtorch_python.so: undefined symbol: _ZN5torch3jit6tracer8getValueERKN2at6TensorE"),
    # --- NVIDIA's packages
    (
        "two majors of NCCL",
        PIP_LIBRARIES,
        "ImportError: .../torch/lib/libtorch_cuda.so: undefined symbol: ncclCommWindowRegister\n[pip3] nvidia-nccl-cu12==2.21.5\n[pip3] nvidia-nccl-cu13==2.28.3\n[pip3] torch==2.10.0",
    ),
    ("a library is missing", PIP_LIBRARIES, "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory\ntorch 2.5.1 from pip"),
    ("cusparseLt is missing", PIP_LIBRARIES, "ImportError: libcusparseLt.so.0: cannot open shared object file: No such file or directory\n  from torch._C import *"),
    # --- the system's libraries
    (
        "nvJitLink",
        SHADOW,
        "ImportError: /env/lib/python3.11/site-packages/torch/lib/../../nvidia/cusparse/lib/libcusparse.so.12: undefined symbol: __nvJitLinkAddData_12_1, version libnvJitLink.so.12\nLD_LIBRARY_PATH=/usr/local/cuda-12.0/lib64",
    ),
    (
        "cuDNN of the system",
        SHADOW,
        "RuntimeError: cuDNN version incompatibility: PyTorch was compiled  against (9, 1, 0) but found runtime version (8, 9, 7). PyTorch already comes bundled with cuDNN.",
    ),
    ("libstdc++ of conda", SHADOW, "ImportError: /home/u/anaconda3/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /env/lib/python3.10/site-packages/torch/lib/libtorch_python.so)"),
    ("cuDNN parts of two places", SHADOW, "Could not load library libcudnn_cnn_infer.so.8. Error: /usr/local/cuda/lib64/libcudnn_cnn_infer.so.8: undefined symbol: _Z20traceback_iretf_implPKcRKN5cudnn16InternalStatus_tEb, version libcudnn_ops_infer.so.8"),
    # --- compat library
    ("803 in a container", ("PT415",), "docker run --gpus all nvcr.io/nvidia/pytorch:25.01-py3\nRuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver combination\nls /usr/local/cuda/compat\nlibcuda.so.1"),
    ("804 on a GeForce", ("PT415",), "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility was attempted on non supported HW\nGPU: GeForce RTX 3090\nimage: nvcr.io/nvidia/pytorch:22.05-py3"),
    # --- building
    ("nvcc of another major", ("PT410",), "RuntimeError: \nThe detected CUDA version (11.5) mismatches the version that was used to compile\nPyTorch (12.4). Please make sure to use the same CUDA versions."),
    (
        "no compiler",
        TOOLCHAIN,
        "torch._dynamo.exc.BackendCompilerFailed: backend='inductor' raised:\nRuntimeError: Failed to find C compiler. Please specify via CC environment variable.",
    ),
    ("no headers", TOOLCHAIN, "/tmp/tmpx/main.c:4:10: fatal error: Python.h: No such file or directory\nsubprocess.CalledProcessError: Command '['/usr/bin/gcc', ...] returned non-zero exit status 1.\ntriton 3.1.0"),
    ("no Triton on Windows", TOOLCHAIN, "torch._inductor.exc.TritonMissing: Cannot find a working triton installation. Either the package is not installed or it is too old.\nOS: Windows 11"),
    ("no cl", TOOLCHAIN, "RuntimeError: Compiler: cl is not found.\ntorch.compile on Windows 11"),
    ("no g++", TOOLCHAIN, "torch._inductor.exc.InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')"),
    ("the linker finds no libcuda", TOOLCHAIN, "/usr/bin/ld: cannot find -lcuda: No such file or directory\ncollect2: error: ld returned 1 exit status\ntriton/backends/nvidia/driver.py"),
    (
        "gcc fails for Triton's launcher",
        TOOLCHAIN,
        '  File "/opt/conda/lib/python3.10/site-packages/triton/runtime/build.py", line 48, in _build\n'
        "subprocess.CalledProcessError: Command '['/usr/bin/gcc', '/tmp/tmpab/main.c', '-O3', '-shared', '-fPIC', '-lcuda', '-o', '/tmp/tmpab/cuda_utils.so']' returned non-zero exit status 1.",
    ),
    ("Triton finds no libcuda.so", TOOLCHAIN, "AssertionError: libcuda.so cannot found!\nPossible files are located at ['/usr/lib64-nvidia/libcuda.so.1']. Please create a symlink of libcuda.so to any of the file."),
    ("the headers of another Python", TOOLCHAIN, "C:/Users/x/AppData/Local/Temp/t/cuda_utils.c:14: error: include file 'Python.h' not found\nFailed to compile. triton-windows 3.3.0"),
    # --- NumPy, MKL
    (
        "NumPy 2",
        ("PT311",),
        "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.1 as it may crash.\nFailed to initialize NumPy: _ARRAY_API not found\ntorch 2.2.1",
    ),
    ("NumPy 2, lists only", ("PT311",), "RuntimeError: Numpy is not available\n\nnumpy 2.1.3\ntorch 2.1.2+cu118"),
    ("MKL", ("PT417",), "ImportError: /opt/miniconda3/envs/x/lib/python3.9/site-packages/torch/lib/libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent\n[conda] mkl 2024.2.2 h66d3029_15 conda-forge"),
    # --- Windows
    ("fbgemm", VC_REDIST, 'OSError: [WinError 126] The specified module could not be found. Error loading "C:\\\\env\\\\Lib\\\\site-packages\\\\torch\\\\lib\\\\fbgemm.dll" or one of its dependencies.'),
    ("1114", VC_REDIST, 'OSError: [WinError 1114] A dynamic link library (DLL) initialization routine failed. Error loading "D:\\\\venv\\\\Lib\\\\site-packages\\\\torch\\\\lib\\\\c10.dll" or one of its dependencies.'),
    ("1114 in another language", VC_REDIST, 'OSError: [WinError 1114] 动态链接库(DLL)初始化例程失败。 Error loading "D:\\\\venv\\\\lib\\\\site-packages\\\\torch\\\\lib\\\\c10.dll" or one of its dependencies.'),
    ("torch's own note", VC_REDIST, "Microsoft Visual C++ Redistributable is not installed, this may lead to the DLL load failure.\nIt can be downloaded at https://aka.ms/vs/16/release/vc_redist.x64.exe\nOSError: [WinError 126]"),
    ("the import of _C", VC_REDIST, "ImportError: DLL load failed while importing _C: The specified module could not be found.\nWindows 10, Python 3.9.7, torch 1.10.0"),
    # --- Pythons
    ("a Python without wheels", NO_WHEEL, "Python 3.13.0\n$ pip install torch==2.2.0\nERROR: Could not find a version that satisfies the requirement torch==2.2.0 (from versions: 2.5.0, 2.5.1)\nERROR: No matching distribution found for torch==2.2.0"),
    ("uv's hint", NO_WHEEL, "error: Distribution `torch==2.3.1 @ registry+https://download.pytorch.org/whl/cu121` can't be installed because it doesn't have a source distribution or wheel for the current platform\nhint: You're using CPython 3.13 (`cp313`), but `torch` (v2.3.1) only has wheels with the following Python ABI tags: `cp38`, `cp39`, `cp310`, `cp311`, `cp312`"),
    ("none at all, new Python", NO_WHEEL, "python 3.12.0\npip install torch\nERROR: Could not find a version that satisfies the requirement torch (from versions: none)\nERROR: No matching distribution found for torch\n2023-10-03 09:12:44"),
    ("uv has no wheels with a tag", NO_WHEEL, "  × No solution found when resolving dependencies:\n  ╰─▶ Because torch==2.4.0 has no wheels with a matching Python ABI tag (e.g., `cp313`) and you require torch==2.4.0, we can conclude that your requirements are unsatisfiable."),
    ("32-bit", ("PT103",), "Python 3.8.5 (tags/v3.8.5:580fbb0, Jul 20 2020, 15:43:08) [MSC v.1926 32 bit (Intel)] on win32\n>>> quit()\nC:\\>pip install torch\nERROR: Could not find a version that satisfies the requirement torch (from versions: none)"),
    # --- macOS
    ("Intel Mac", INTEL_MAC, "macOS 13.6, Intel MacBook Pro\nERROR: Could not find a version that satisfies the requirement torch>=2.4 (from versions: 1.13.0, 1.13.1, 2.0.0, 2.0.1, 2.1.0, 2.1.1, 2.1.2, 2.2.0, 2.2.1, 2.2.2)"),
    (
        "Rosetta",
        INTEL_MAC,
        no_gpu(torch="2.2.2", cuda="None", os="macOS 14.5 (x86_64)", libc="N/A", python="3.11.5 (main, Sep 11 2023, 08:19:27) [Clang 14.0.6 ] (64-bit runtime)", platform="macOS-10.16-x86_64-i386-64bit", cpu=("Apple M1 Max",), is_new=False),
    ),
    ("MPS and an old macOS", ("PT840", "PT108"), "RuntimeError: The MPS backend is supported on MacOS 12.3+.Current OS version can be queried using `sw_vers`\nmacOS 12.0.1, M1"),
    (
        "MPS not available",
        ("PT840", "PT108"),
        "torch.backends.mps.is_built() True\ntorch.backends.mps.is_available() False\n"
        + no_gpu(torch="2.6.0", cuda="None", os="macOS 12.7.6 (arm64)", libc="N/A", platform="macOS-12.7.6-arm64-arm-64bit", is_new=False),
    ),
    # --- systems
    ("Alpine", ("PT104",), "FROM python:3.11-alpine\nRUN pip install torch\nERROR: Could not find a version that satisfies the requirement torch (from versions: none)"),
    ("musl by the loader", ("PT104",), "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by /usr/lib/python3.10/site-packages/torch/lib/libtorch.so)\n/etc/alpine-release 3.18"),
    ("old glibc", ("PT105",), "ImportError: /lib64/libc.so.6: version `GLIBC_2.28' not found (required by /root/venv/lib/python3.9/site-packages/torch/lib/libtorch_cpu.so)\nCentOS Linux release 7.9.2009 (Core)"),
    ("glibc of Ubuntu 18", ("PT105",), "OSError: /lib/x86_64-linux-gnu/libm.so.6: version `GLIBC_2.29' not found (required by torch_scatter/_version_cuda.so)\nUbuntu 18.04"),
    ("no AVX", ("PT860",), "$ python -c 'import torch'\nIllegal instruction (core dumped)\nModel name:            Intel(R) Core(TM)2 Quad CPU    Q9550  @ 2.83GHz\nFlags:                 fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush dts acpi mmx fxsr sse sse2 ss ht tm pbe syscall nx lm constant_tsc arch_perfmon pebs bts rep_good nopl pni dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cx16 xtpr pdcm sse4_1 xsave lahf_lm"),
    ("Jetson", ("PT713",), "NVIDIA Jetson AGX Orin, JetPack 5.1.2, L4T R35.4.1\npip3 install torch\n>>> torch.__version__\n'2.1.0'\n>>> torch.cuda.is_available()\nFalse"),
    (
        "Jetson by collect_env",
        ("PT713",),
        collect_env(torch="2.3.0+cpu", cuda="None", os="Ubuntu 20.04.6 LTS (aarch64)", platform="Linux-5.10.120-tegra-aarch64-with-glibc2.31", available="False", gpu="Could not collect", driver="Could not collect", nvcc="11.4.315", is_new=False),
    ),
    # --- AMD
    ("gfx not in the build", GFX, "RuntimeError: HIP error: invalid device function\ntorch 2.3.0+rocm6.0\nGPU: AMD Radeon RX 6600 (gfx1032)"),
    ("rocBLAS knows no library", GFX, "rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file or directory for GPU arch : gfx1103\ntorch 2.1.0+rocm5.6"),
    ("hipErrorNoBinaryForGpu", GFX, '"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!"\nAborted (core dumped)\ntorch==2.0.1+rocm5.4.2\nRadeon RX 5700 XT'),
    ("render group", PERMISSION, 'torch.cuda.is_available() False\n$ rocminfo\nROCk module is loaded\nUnable to open /dev/kfd read-write: Permission denied\nme is not member of "render" group, the default DRM access group.'),
    ("NVML lacks permission", PERMISSION, "Failed to initialize NVML: Insufficient Permissions\nls -l /dev/nvidia0\ncrw-rw---- 1 root vglusers 195, 0 Mar  3 10:11 /dev/nvidia0"),
    # --- the kernel's side
    ("module and library differ", ("PT503",), "$ nvidia-smi\nFailed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.183"),
    ("API mismatch", ("PT503",), "NVRM: API mismatch: the client has the version 545.29.06, but\nNVRM: this kernel module has the version 535.154.05.  Please\nNVRM: make sure that this kernel module and all NVIDIA driver\nNVRM: components have the same version."),
    ("not loaded", NOT_LOADED, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n\nmodprobe: FATAL: Module nvidia not found in directory /lib/modules/6.5.0-41-generic"),
    ("Secure Boot", NOT_LOADED, "modprobe: ERROR: could not insert 'nvidia': Key was rejected by service\nUbuntu 24.04, RTX 4070"),
    ("nouveau", NOT_LOADED, "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA104 [GeForce RTX 3070] [10de:2484] (rev a1)\n\tKernel driver in use: nouveau\n\tKernel modules: nvidiafb, nouveau\ntorch.cuda.is_available() False"),
    ("open modules, Pascal", DROPPED, "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1b80)\nNVRM: installed in this system is not supported by open\nNVRM: nvidia.ko because it does not include the required GPU\nNVRM: System Processor (GSP)."),
    ("legacy branch", DROPPED, "NVRM: The NVIDIA GeForce GTX 970 GPU installed in this system is\nNVRM:  supported through the NVIDIA 580.xx Legacy drivers."),
    ("Blackwell needs the open modules", DROPPED, "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2b85)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.\n$ nvidia-smi\nNo devices were found"),
    ("after suspend", SUSPEND, "UserWarning: CUDA initialization: CUDA unknown error - this may be due to an incorrectly set up environment\nIt worked until I suspended the laptop.\nUbuntu 22.04, RTX 3070 Laptop GPU"),
    ("uvm is missing", SUSPEND, "CUDA unknown error - this may be due to an incorrectly set up environment\n$ ls /dev/nvidia*\n/dev/nvidia0  /dev/nvidiactl  /dev/nvidia-modeset\nmodprobe nvidia_uvm helps"),
    # --- containers
    ("no GPUs asked for", CONTAINER, 'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].'),
    ("started without --gpus", CONTAINER, "$ docker run -it pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime bash\nroot@5b:/workspace# python -c 'import torch; torch.zeros(1).cuda()'\nRuntimeError: Found no NVIDIA driver on your system.\nhost: nvidia-smi works, RTX 3090"),
    ("the image's own words", CONTAINER, "WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available.\n   Use the NVIDIA Container Toolkit to start this container with GPU support"),
    ("runtime is missing", CONTAINER, "docker: Error response from daemon: unknown or invalid runtime name: nvidia.\nSee 'docker run --help'."),
    ("libnvidia-ml in a container", CONTAINER, "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory: unknown"),
    ("lost its GPU", ("PT704",), "the container ran for two days, then:\nroot@c1:/# nvidia-smi\nFailed to initialize NVML: Unknown Error\non the host nvidia-smi is fine; systemctl daemon-reload"),
    ("shared memory", ("PT706",), "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).\nKubernetes pod"),
    ("shared memory, df", ("PT706",), "RuntimeError: unable to write to file </torch_1234_567890_1>: No space left on device (28)\n$ df -h /dev/shm\nshm              64M   64M     0 100% /dev/shm"),
    # --- variables, modes, states
    ("hidden by the variable", ("PT650", "PT651"), "$ echo $CUDA_VISIBLE_DEVICES\n-1\n>>> torch.cuda.is_available()\nFalse\n" + smi()),
    ("an index that is not there", ("PT650", "PT651"), "os.environ['CUDA_VISIBLE_DEVICES'] = '3'\nRuntimeError: No CUDA GPUs are available\n" + smi()),
    ("set in the script", ("PT650", "PT651"), 'import os\nos.environ["CUDA_VISIBLE_DEVICES"] = "2"\nimport torch\nRuntimeError: No CUDA GPUs are available\nI have one RTX 3080'),
    ("error 38 with one GPU", ("PT650", "PT651"), "$ CUDA_VISIBLE_DEVICES=2 python main.py\nTHCudaCheck FAIL file=torch/csrc/cuda/Module.cpp line=109 error=38 : no CUDA-capable device is detected\n| NVIDIA-SMI 375.39                 Driver Version: 375.39                    |\n|   0  TITAN X (Pascal)    Off  | 0000:01:00.0      On |                  N/A |"),
    ("MIG without an instance chosen", ("PT521", "PT522"), "torch.cuda.is_available() False\n" + smi(gpus=(("NVIDIA A100-SXM4-40GB", 0, 40960),), mig="Enabled") + "\n|  No MIG devices found                                                                   |"),
    ("fabric manager", FABRIC, "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized\nGPU: 8x NVIDIA H100 80GB HBM3"),
    ("fabric manager's version", FABRIC, "systemctl status nvidia-fabricmanager\nnv-fabricmanager[911]: fabric manager NVIDIA GPU driver interface version 550.90.07 don't match with driver version 550.127.05. Please update with matching NVIDIA driver package."),
    ("vGPU", ("PT714",), "==============NVSMI LOG==============\nDriver Version                            : 535.129.03\n    Product Name                          : GRID A100D-20C\n    vGPU Software Licensed Product\n        Product Name                      : NVIDIA Virtual Compute Server\n        License Status                    : Unlicensed (Unrestricted)"),
    ("WSL1", ("PT719",), "Linux DESKTOP 4.4.0-19041-Microsoft #1237-Microsoft SMP x86_64\nRuntimeError: Found no NVIDIA driver on your system.\nGPU: RTX 3060"),
    ("WSL with many GPUs", ("PT718",), "WSL2, kernel 5.15.153.1-microsoft-standard-WSL2\nGPU: 10x RTX 4090\nRuntimeError: Unexpected error from cudaGetDeviceCount(). Error 2: out of memory"),
    ("exclusive mode", ("PT523",), "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable\n" + smi(mode="E. Process")),
    ("ECC", ("PT516", "PT517"), "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered\nGPU 3: NVIDIA A100-SXM4-80GB"),
    ("row remapping", ("PT516", "PT517"), "==============NVSMI LOG==============\nGPU 00000000:3B:00.0\n    Product Name                          : NVIDIA A100-PCIE-40GB\n    Remapped Rows\n        Correctable Error                 : 0\n        Uncorrectable Error               : 2\n        Pending                           : Yes\n        Remapping Failure Occurred        : No\n"),
    ("fallen off the bus", HARDWARE, "[ 8123.123456] NVRM: Xid (PCI:0000:41:00): 79, pid=1234, GPU has fallen off the bus."),
    ("no handle", HARDWARE, "Unable to determine the device handle for GPU0000:81:00.0: Unknown Error\nnvidia-smi worked this morning"),
    ("GPU requires reset", HARDWARE, "Unable to determine the device handle for GPU 0000:1B:00.0: GPU requires reset"),
    # --- said by people in other words
    ("old torch, NumPy not available", ("PT311",), ">>> torch.__version__\n'2.1.2+cpu'\n>>> torch.ones(2).numpy()\nRuntimeError: Numpy is not available"),
    ("a library that could not be loaded, typed by hand", VC_REDIST, "Windows: Eror loading \u201cD:\\\\app\\\\Lib\\\\site-packages\\\\torch\\\\lib\\\\fbgemm.dll\u201d or one of its dependencies.".replace("\\\\", "\\")),
    ("the list begins after what was asked for", NO_WHEEL, "Python 3.11 on Linux\nERROR: Could not find a version that satisfies the requirement torch==1.12.1 (from versions: 1.13.0, 1.13.1, 2.0.0, 2.0.1)"),
    ("the list begins after it, and Windows is not told", NO_WHEEL, "I use python 3.11.\nERROR: Could not find a version that satisfies the requirement torch==1.13.0 (from versions: 2.0.0, 2.0.1, 2.1.0)"),
    ("a page that does not exist", ("PT218",), "$ pip install torch==2.9.0 --index-url https://download.pytorch.org/whl/cu125\nLooking in indexes: https://download.pytorch.org/whl/cu125\nERROR: Could not find a version that satisfies the requirement torch==2.9.0 (from versions: none)"),
    ("a page that lacks the release", ("PT218",), "Looking in indexes: https://download.pytorch.org/whl/cu118\nERROR: Could not find a version that satisfies the requirement torch==2.9.0 (from versions: 2.6.0+cu118, 2.7.0+cu118, 2.7.1+cu118)"),
    ("a Jetson board that says CUDA is available", ("PT713",), "Jetson Orin NX, conda-forge's pytorch\n>>> torch.cuda.is_available()\nTrue\n>>> torch.ones(1).cuda()\nRuntimeError: CUDA error: no kernel image is available for execution on the device"),
    ("a title that came through an address", (*PIP_LIBRARIES, *SHADOW), "libtorch_cuda.so:%20undefined%20symbol:%20ncclCommSplit"),
    ("Microsoft's compiler fails for Triton", TOOLCHAIN, "torch._inductor.exc.InductorError: CalledProcessError: Command '['C:\\\\Program Files\\\\Microsoft Visual Studio\\\\2022\\\\Community\\\\VC\\\\Tools\\\\MSVC\\\\14.43.34808\\\\bin\\\\Hostx64\\\\x64\\\\cl.EXE', 'C:\\\\tmp\\\\cuda_utils.c', '/nologo', '/O2', '/LD']' returned non-zero exit status 2."),
    ("a card that the driver never knew", DROPPED, "[   12.1] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1180)\n          NVRM: installed in this system is not supported by the 495.44\n          NVRM: NVIDIA Linux driver release.  Please see 'Appendix"),
    ("marks that an editor made", NOT_LOADED, "NVIDIA-SMI has failed because it couldn\u2019t communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running."),
    ("a number on a machine with one GPU", ("PT650", "PT651"), "The start script has `export CUDA_VISIBLE_DEVICES=1`. My machine has a single GPU, and this returns False:\n`torch.cuda.is_available()`"),
    ("a number beyond those that are left", ("PT650", "PT651"), "os.environ['CUDA_VISIBLE_DEVICES'] = '2'\nmodel.to('cuda:2')\nRuntimeError: CUDA error: invalid device ordinal"),
    ("CUDA on a Mac", ("PT536",), "I tried this on my Mac laptop.\nAssertionError: Torch not compiled with CUDA enabled"),
    ("an Intel Python on Apple silicon", INTEL_MAC, "MacBook Pro, M2 Max, macOS 13.4\n>>> platform.machine()\n'x86_64'\n>>> torch.backends.mps.is_available()\nFalse"),
    ("an AMD card by its number", ("PT806", "PT820", "PT536"), "I have a RX6700XT and no NVIDIA card.\nRuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver"),
    ("an AMD card and an old NVIDIA library", ("PT806", "PT820", "PT536"), "my amd gpu is an rx580\nUserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040).\nFalse"),
    ("MIG with one instance, nothing chosen", ("PT521", "PT522"), "torch.cuda.is_available() False\n| NVIDIA-SMI 535.54.03              Driver Version: 535.54.03    CUDA Version: 12.2     |\n|   0  NVIDIA A100-SXM4-40GB           Off| 00000000:40:00.0 Off |                   On |\n| N/A   27C    P0               31W / 400W|      0MiB / 40960MiB |     N/A      Default |\n|                                         |                      |              Enabled |\n| MIG devices:                                                                          |\n|  0    1   0   0  |     37MiB / 20096MiB | 42      0 |  3   0    2    0    0 |"),
    ("a folder torch in the current one", TWO_TORCHES, 'Traceback (most recent call last):\n  File "run.py", line 1, in <module>\n    import torch\n  File "torch/__init__.py", line 45, in <module>\n    from torch._C import *\nModuleNotFoundError: No module named \'torch._C\''),
    ("a symbol of torch in C", EXTENSION, "torch 2.8.0\nImportError: Symbol not found: _aoti_torch_create_tensor_from_blob_v2"),
    # --- healthy
    ("plain, working", (), collect_env()),
    ("Jetson with NVIDIA's build", (), collect_env(torch="2.1.0a0+41361538.nv23.6", cuda="11.4", os="Ubuntu 20.04.6 LTS (aarch64)", platform="Linux-5.10.104-tegra-aarch64-with-glibc2.31", gpu="Could not collect", driver="Could not collect", nvcc="11.4.315", is_new=False)),
    ("CPU machine, CPU build", (), no_gpu(torch="2.7.0+cpu", cuda="None")),
    ("CPU machine, default build", (), no_gpu(torch="2.6.0+cu124", cuda="12.4", libraries=("[pip3] numpy==2.2.3", "[pip3] torch==2.6.0", "[pip3] triton==3.2.0"))),
    ("Apple silicon", (), no_gpu(torch="2.7.1", cuda="None", os="macOS 15.5 (arm64)", libc="N/A", python="3.12.4 (main, Jun  6 2024, 18:26:44) [Clang 15.0.0] (64-bit runtime)", platform="macOS-15.5-arm64-arm-64bit", cpu=("Apple M3 Pro",))),
    ("ROCm, working", (), collect_env(torch="2.7.1+rocm6.3", cuda="N/A", rocm="6.3.42131-fa1d09cbd", gpu="AMD Radeon RX 7900 XTX (gfx1100)", driver="Could not collect", nvcc="Could not collect", hip="6.3.42131")),
    ("minor-version compatibility", (), collect_env(torch="2.5.1+cu124", cuda="12.4", driver="525.147.05", is_new=False)),
    ("a nightly", (), collect_env(torch="2.9.0.dev20250801+cu129", cuda="12.9", driver="575.57.08", libraries=("[pip3] torch==2.9.0.dev20250801+cu129", "[pip3] torchvision==0.24.0.dev20250801+cu129", "[pip3] pytorch-triton==3.4.0+gitf7888497"))),
    ("several GPUs, a bug elsewhere", (), "torch._dynamo.exc.Unsupported: call_function BuiltinVariable(zip)\n" + collect_env(gpu="GPU 0: NVIDIA A100-SXM4-80GB\nGPU 1: NVIDIA A100-SXM4-80GB", driver="535.161.08")),
    ("a wrong result of an operator", (), "torch.nn.functional.grid_sample gives a different gradient on CUDA than on the CPU\nExpected: tensor([1.]) Got: tensor([0.])\n" + collect_env()),
    ("own out of memory", (), "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1.20 GiB is free. Including non-PyTorch memory, this process has 22.42 GiB memory in use.\n" + collect_env()),
    ("a feature request", (), "### The feature, motivation and pitch\nIt would be nice to have torch.linalg.expm for sparse tensors on CUDA.\n" + collect_env(torch="2.8.0+cu128", cuda="12.8", driver="570.124.06")),
    ("old form, working", (), old_collect_env(libraries=("[pip3] numpy==1.18.1", "[pip3] torch==1.5.0", "[pip3] torchvision==0.6.0"))),
    ("the pynvml warning", (), "FutureWarning: The pynvml package is deprecated. Please install nvidia-ml-py instead.\n  import pynvml  # type: ignore[import]\n" + collect_env()),
    ("vLLM, working", (), vllm_collect_env(torch="2.7.0+cu126", cuda="12.6", driver="560.35.05", gpu="GPU 0: NVIDIA L40S")),
    ("nvidia-smi alone", (), smi()),
    ("a list of packages alone", (), "Package                  Version\n------------------------ ----------\nfilelock                 3.16.1\nnumpy                    2.1.3\ntorch                    2.5.1\ntorchaudio               2.5.1\ntorchvision              0.20.1\ntriton                   3.1.0\n"),
    ("XPU, working", (), no_gpu(torch="2.8.0+xpu", cuda="None") .replace("Is XPU available: False", "Is XPU available: True\nXPU used to build PyTorch: 20250101\nIntel GPU models detected:\n* [0] _XpuDeviceProperties(name='Intel(R) Arc(TM) B580 Graphics', type='gpu')")),
    ("a Ryzen with graphics beside an NVIDIA card", (), "CPU: AMD Ryzen 7 5700G with Radeon Graphics\nNVIDIA GPU (Index 0): NVIDIA GeForce RTX 3060\n    Driver version: 571.96\nPyTorch Info: torch==2.6.0+cu126\ntorchvision==0.21.0+cu126"),
    ("an operator that MPS lacks", (), "GPU vendor: Apple Silicon (MPS)\nNotImplementedError: The operator 'aten::_standard_gamma' is not currently implemented for the MPS device. As a temporary fix, you can set the environment variable `PYTORCH_ENABLE_MPS_FALLBACK=1`"),
    ("an image of NVIDIA's with an older driver", (), "NVIDIA Release 23.04 (build 58180998)\nPyTorch Version 2.1.0a0+fe05266\n" + collect_env(torch="2.1.0a0+fe05266", cuda="12.1", driver="515.86.01", gpu="GPU 0: NVIDIA A100-SXM4-80GB", is_new=False, libraries=("[pip3] torch==2.1.0a0+fe05266",))),
    ("a Windows machine, working", (), collect_env(torch="2.6.0+cu126", cuda="12.6", os="Microsoft Windows 11 Home (10.0.26100 64-bit)", libc="N/A", platform="Windows-11-10.0.26100-SP0", python="3.12.8 (tags/v3.12.8:2dc476b, Dec  3 2024, 19:30:04) [MSC v.1942 64 bit (AMD64)] (64-bit runtime)", driver="566.36")),
)  # fmt: skip
