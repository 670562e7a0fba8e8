"""Reports whose last error decides, and what an installer or a container refuses; written for these tests.

As in ``terse``: none of the codes means that nothing may be said, a code after a minus sign that it must not be the first.
"""

# ruff: noqa: E501 - what programs print stays as they print it

_A100 = "|   {0}  NVIDIA A100-SXM4-40GB          On   | 00000000:0{0}:00.0 Off |                   On |\n| N/A   31C    P0    48W / 400W |     25MiB / 40536MiB |     N/A      Default |\n|                               |                      |              Enabled |\n"
_TWO_A100 = _A100.format(0) + _A100.format(1)
_UV = "error: Distribution `torch=={0} @ registry+https://mirror.example/simple` can't be installed because it doesn't have a source distribution or wheel for the current platform"
_NEW = ("PT602",)
_NONE = ("PT101", "PT102")
_FAMILY = ("PT301", "PT303")
_OUT = ("PT701", "PT702", "PT703")
_MIG = ("PT521", "PT522")

ENDINGS: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {
    "a GPU that torch refuses": (
        (_NEW, "`NVIDIA RTX PRO 6000 Blackwell Workstation Edition with CUDA capability sm_120 is not compatible with the current PyTorch installation.`\n`The current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90.`\n[OK] torch 2.6.0+cu124\n[OK] nvidia-smi\n`CUDA_VISIBLE_DEVICES=1`"),
        (_NEW, "NVIDIA RTX PRO 5000 Blackwell Generation Laptop GPU with CUDA capability sm_120 is not compatible with the current PyTorch installation.\nexport CUDA_VISIBLE_DEVICES=2"),
        (_NEW, "GPU: RTX 5080\nThe current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90."),
        (_NEW, "RTX 5070 Ti laptop\nThe current PyTorch install supports CUDA capabilities sm_37 sm_50 sm_60 sm_61 sm_70 sm_75 sm_80 sm_86 sm_90 compute_37."),
        ((), "GPU: RTX 3090\nThe current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90."),
        ((), "GPU 0: RTX 5090, torch 2.8.0+cu128, CUDA_VISIBLE_DEVICES=1, is_available() True"),
    ),
    "no wheel for this Python": (
        (_NONE, "Windows 10\nuv venv --python 3.13\n" + _UV.format("2.1.2")),
        (_NONE, "macOS, uv python pin 3.13\n" + _UV.format("2.3.1")),
        (_NONE, "I'm using python3.13 on Windows. uv sync says\n" + _UV.format("2.4.0")),
        (_NONE, "Windows, Python 3.13. `uv sync` fails: torch 2.4.1 doesn't have a source distribution or wheel for the current platform."),
        (_NONE, "Because torch==2.2.2 has no wheels with a matching Python ABI tag and you require torch==2.2.2, your requirements are unsatisfiable."),
        (_NONE, "python 3.13, pip 24.3\nCollecting torch\n  Downloading torch-2.6.0-cp313-cp313-win_amd64.whl\nERROR: Could not find a version that satisfies the requirement torchvision (from versions: none)"),
        (_NONE, "Python 3.13.2, macOS arm64\npip install torch works, but:\nERROR: Could not find a version that satisfies the requirement torchvision (from versions: none)"),
        (_NONE, "Python 3.12.3, torch 2.2.0 is installed\nERROR: Could not find a version that satisfies the requirement torchaudio (from versions: none)"),
        ((), "Python 3.13\nWARNING: Retrying (Retry(total=4)) after connection broken by NewConnectionError\nERROR: Could not find a version that satisfies the requirement torchvision (from versions: none)\ntorch 2.6.0 is installed"),
        ((), "Python 3.11 on Windows\n" + _UV.format("2.4.1")),
        ((), "Python 3.10, torch 2.6.0 is installed\nERROR: Could not find a version that satisfies the requirement torchaudio (from versions: none)"),
    ),
    "companions on a Mac": (
        (_FAMILY, "OSError: dlopen(/venv/lib/python3.10/site-packages/torchaudio/lib/libtorchaudio.so, 0x0006): Symbol not found: __ZNK3c105Error4whatEv\n  Referenced from: <AB> /venv/lib/python3.10/site-packages/torchaudio/lib/libtorchaudio.so\n  Expected in:     <CD> /venv/lib/python3.10/site-packages/torch/lib/libc10.dylib"),
        (_FAMILY, "macOS 14, torch==2.2.2 in requirements.txt, torchvision without a version\nImportError: dlopen(/venv/lib/python3.11/site-packages/torchvision/_C.so, 0x0006): Symbol not found: __ZN2at4_ops5zeros4callE\nExpected in: /venv/lib/python3.11/site-packages/torch/lib/libtorch_cpu.dylib"),
        (("PT207", "PT203", "PT206"), "ImportError: dlopen(/venv/lib/python3.10/site-packages/torch/_C.so, 0x0006): Symbol not found: _THPVariable\n  Referenced from: /venv/lib/python3.10/site-packages/torch/lib/libtorch_python.dylib\n  Expected in: /venv/lib/python3.10/site-packages/torch/lib/libtorch_cpu.dylib"),
        (_FAMILY, "RuntimeError: operator torchvision::nms does not exist\nI removed torch==2.4.1 and installed torch==2.7.0"),
    ),
    "the last error": (
        (("PT410",), "UserWarning: Failed to initialize NumPy: _ARRAY_API not found\nRuntimeError:\nThe detected CUDA version (12.9) mismatches the version that was used to compile\nPyTorch (11.8). Please make sure to use the same CUDA versions."),
        (("PT502", "PT603"), "PyTorch Version: 1.4\nCUDA version: 10.1\nIs CUDA available: Yes\nNvidia driver version: 430.50\nRuntimeError: CUDA error: CUDA driver version is insufficient for CUDA runtime version"),
        (("PT502", "PT603"), "Is CUDA available: Yes\nGPU 0: RTX 3090\nRuntimeError: cuda runtime error (35) : CUDA driver version is insufficient for CUDA runtime version at THCGeneral.cpp:50"),
        ((), "Is CUDA available: Yes\nGPU 0: RTX 3090\nWhat does insufficient driver mean, when would error 35 be shown?"),
    ),
    "one instance of several": (
        (_MIG, _TWO_A100 + "device_count is 1, I can only use one of the GPUs"),
        (_MIG, _TWO_A100 + "The training uses a single device only.\n>>> torch.cuda.device_count()\n1"),
        (_MIG, "8 A100 with MIG enabled on all of them, each 7 instances. DataParallel finds just one device."),
        (_MIG, "We gave the pod three MIG slices and only one is visible to torch."),
        (_MIG, "MIG: asked for 2 instances, PyTorch shows 1 GPU"),
        ((), _TWO_A100 + "| MIG devices:   |\n|  0    1   0   0  |     19MiB / 20096MiB | 42      0 |  3   0    2    0    0 |\n|  1    1   0   0  |     19MiB / 20096MiB | 42      0 |  3   0    2    0    0 |\nEverything fine, each job on its instance."),
        ((), "MIG disabled; with CUDA_VISIBLE_DEVICES=0 only one device is visible, as it should be"),
        ((), "Does MIG work with NCCL?"),
    ),
    "containers that got no GPU": (
        (_OUT, "FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04\nInside the container nvcc is there, nvidia-smi is not."),
        (_OUT, "In the docker container nvcc -V works but there is no nvidia-smi, torch.cuda.is_available() is False"),
        (_OUT, "docker run -it nvidia/cuda:12.1.0-devel-ubuntu22.04 bash\nnvidia-smi doesn't exist in it"),
        (_OUT, 'singularity shell pytorch.sif\nSingularity> python -c "import torch; print(torch.cuda.device_count())"\n0'),
        (_OUT, "apptainer exec image.sif python train.py\nRuntimeError: No CUDA GPUs are available"),
        (_OUT, "apptainer exec image.sif python -c \"import tensorflow as tf; print(tf.config.list_physical_devices('GPU'))\"\n[]"),
        (_OUT, "singularity run tf.sif\nNum GPUs Available:  0"),
        (("-PT701",), 'apptainer exec --nv image.sif python -c "import torch; print(torch.cuda.device_count())"\n0'),
        ((), "singularity shell torch.sif\n>>> torch.cuda.device_count()\n4"),
        ((), "In the docker container nvidia-smi is not listing my process; the training runs"),
    ),
}  # fmt: skip
