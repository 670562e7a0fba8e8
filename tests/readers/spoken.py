"""Reports in which people, not programs, tell the decisive fact; written for these tests, each with the codes that are right for it.

As in ``reports``: an empty tuple of codes is a report about which nothing of severity error or warning may be said.
"""

# ruff: noqa: E501 - what programs print stays as they print it

from tests.readers.reports import (
    CONTAINER,
    CPU_BUILD,
    DRIVER_OLD,
    DROPPED,
    EXTENSION,
    FAMILY,
    GFX,
    NO_WHEEL,
    NOT_LOADED,
    PERMISSION,
    SHADOW,
    SUSPEND,
    TOOLCHAIN,
    TWO_TORCHES,
)

VISIBLE = ("PT650", "PT651")
MIG = ("PT521", "PT522")

SPOKEN = (
    # --- variables
    ("a variable in bold", VISIBLE, "- GPU: RTX 4070\n- **CUDA_VISIBLE_DEVICES=-1** is set for the whole system"),
    ("a variable in an item of a list", VISIBLE, "- CUDA_VISIBLE_DEVICES: none\nRuntimeError: No CUDA GPUs are available\nGPU: RTX 4070"),
    ("a variable that the script presets", VISIBLE, 'import os\nos.environ.setdefault("CUDA_VISIBLE_DEVICES", "3")\nRuntimeError: No CUDA GPUs are available\nI have one RTX 4070'),
    # --- what a person says that Python answered
    ("an answer in words", ("PT713",), "Board: Jetson AGX Xavier\ntorch.cuda.is_available()\nand I get false"),
    ("an answer with a slip", CONTAINER, "$ docker run -it img bash\n>>> torch.cuda.is_available()\n>>> Flase"),
    ("a program that asks is no answer", (), "GPU: RTX 4070\nif torch.cuda.is_available():\n    return False"),
    # --- containers
    ("a prompt in a container", CONTAINER, "root@0a1b2c3d4e5f:/work# nvidia-smi\nbash: nvidia-smi: command not found\n>>> torch.cuda.is_available()\nFalse"),
    ("a container without the AMD GPU", CONTAINER, "root@0a1b2c3d4e5f:/work# rocminfo\nROCk module is loaded\nUnable to open /dev/kfd read-write: No such file or directory"),
    ("a kernel without the AMD GPU", ("PT801",), "me@home:~$ rocminfo\nUnable to open /dev/kfd read-write: No such file or directory"),
    ("a group that was not joined", PERMISSION, "Unable to open /dev/kfd read-write: Permission denied\nGPU: Radeon RX 6800"),
    ("two programs that are not in the container", CONTAINER, "docker run -it pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime sh\nboth nvcc and nvidia-smi not found in it"),
    ("a container that has no GPU, on a host that has", CONTAINER, "docker compose up\nRuntimeError: No CUDA GPUs are available\nOn the host:\n| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |\n|   0  NVIDIA GeForce RTX 4090        Off |   00000000:01:00.0 Off |                  Off |"),
    # --- AMD
    ("a crash on a target that the build lacks", GFX, "Segmentation fault (core dumped) at the first tensor on the GPU\n  Name:                    gfx803\ntorch==2.1.0+rocm5.6"),
    ("a crash on a target that the build has", (), "Segmentation fault (core dumped) at the first tensor on the GPU\n  Name:                    gfx90a\ntorch==2.1.0+rocm5.6"),
    ("a target that was claimed wrongly", GFX, "GPU: Radeon 890M (gfx1150)\nQueue aborting with error : HSA_STATUS_ERROR_INVALID_ISA: The instruction set architecture is invalid. code: 0x100f"),
    # --- the driver
    ("a package newer than the module", ("PT503",), "apt upgraded libnvidia-compute-535:amd64 (535.161.07-0ubuntu0.22.04.1, 535.183.01-0ubuntu0.22.04.1)\nNVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07  Sat Feb 17 22:55:48 UTC 2024"),
    ("a package of the module's version", (), "ii  nvidia-driver-535   535.161.07-0ubuntu0.22.04.1  amd64\nNVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07  Sat Feb 17 22:55:48 UTC 2024"),
    ("a package that was removed", (), "rc  nvidia-utils-470   470.57.02-0ubuntu0.20.04.1  amd64\nNVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.07  Sat Feb 17 22:55:48 UTC 2024"),
    ("WSL before its second version", ("PT719",), "Microsoft Windows [Version 10.0.17134.1]\nI use Ubuntu in WSL with a GTX 1060.\nNVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
    ("MIG in words", MIG, "An A100 with MIG instances.\nRuntimeError: CUDA error: invalid device ordinal\ntorch.cuda.set_device(1)"),
    ("an open package on an old card", DROPPED, "Fresh install on a notebook with a GeForce GTX 960M.\nDriver: nvidia-driver-575-open (version 575.64.03)\nnvidia-smi: No devices were found"),
    ("a card by its number", DROPPED, "I moved to nvidia-open-dkms 590.44.01 and now my 1060 card is gone"),
    ("a module that DKMS could not build", NOT_LOADED, "Error! Bad return status for module build on kernel: 6.8.0-51-generic (x86_64)\nConsult /var/lib/dkms/nvidia/535.183.01/build/make.log for more information."),
    ("another module that DKMS could not build", (), "Error! Bad return status for module build on kernel: 6.8.0-51-generic (x86_64)\nConsult /var/lib/dkms/v4l2loopback/0.12.7/build/make.log for more information."),
    ("a branch by its number", DRIVER_OLD, "nvidia driver 375 is installed, and I read that cuda 9.1 needs driver 390\ntorch.cuda.is_available() is False"),
    ("a driver that is only asked for", (), "This release requires NVIDIA driver 450.80 or newer.\n- torch 2.5.1+cu124\n- Linux"),
    ("a failure after a sleep", SUSPEND, "Since resuming from suspend: RuntimeError: CUDA error: unspecified launch failure\nGPU: RTX 3070, Ubuntu 22.04"),
    ("the same failure without a sleep", (), "RuntimeError: CUDA error: unspecified launch failure\nGPU: RTX 3070, Ubuntu 22.04"),
    ("no GPU after a sleep", SUSPEND, "After waking up the laptop:\n>>> torch.cuda.is_available()\nFalse\nnvidia-smi still shows the RTX 3070"),
    # --- what programs of others print
    ("a build without CUDA by a label", CPU_BUILD, "PyTorch built with CUDA:         False\nGPU: NVIDIA A100-SXM4-40GB\nDriver Version: 535.104.05"),
    ("a build with CUDA by a label", (), "PyTorch built with CUDA:         True\nGPU: NVIDIA A100-SXM4-40GB\nDriver Version: 535.104.05"),
    ("nightly builds of one day with their Triton", (), "pytorch-triton           3.1.0+5fe38ffd73\ntorch                    2.6.0.dev20241101+cu124\ntorchvision              0.20.0.dev20241101+cu124\nan undefined symbol in my own library"),
    # --- what half a word tells
    ("a message without its last letter", CPU_BUILD, "Torch not compiled with CUDA enable\nI have a RTX 3060"),
    ("the files of AMD for root alone", PERMISSION, "$ ls -l /dev | grep kfd\ncrw-------  1 root root 236, 0 Mai  3 08:00 kfd\nso it only works as root"),
    ("a program that does not work in docker", CONTAINER, "I built the image, and torch.cuda.is_available() = False\n`nvidia-smi` doesn't work in docker"),
    ("torch of the user's folder in an environment", TWO_TORCHES, '(seg) PS C:\\Users\\me> python -c "import torch; print(torch.__file__)"\nC:\\Users\\me\\AppData\\Roaming\\Python\\Python311\\site-packages\\torch\\__init__.py'),
    ("torch of the user's folder without an environment", (), 'C:\\Users\\me> python -c "import torch; print(torch.__file__)"\nC:\\Users\\me\\AppData\\Roaming\\Python\\Python311\\site-packages\\torch\\__init__.py'),
    ("one of several instances", MIG, "An A100 in MIG mode with two instances\ntorch.cuda.device_count() shows only one"),
    ("one card without instances", (), "An A100 in the box\ntorch.cuda.device_count() shows only one"),
    ("headers that Triton for Windows lacks", TOOLCHAIN, "triton\\windows_utils.py:254: UserWarning: Failed to find Python libs.\nC:/py/Include/Python.h:12: error: include file 'pyconfig.h' not found"),
    # --- AMD without a cause
    ("no device of ROCm, and why", CONTAINER, "root@0a1b2c3d4e5f:/# rocminfo\nUnable to open /dev/kfd read-write: No such file or directory\nRuntimeError: No HIP GPUs are available"),
    # --- packages
    ("a symbol of torch without its file", EXTENSION, "undefined symbol: _ZN3c104cuda14ExchangeDeviceEa\nwith torch 2.3.0, I compiled it a year ago"),
    ("a symbol of something else without its file", (), "undefined symbol: _ZN5boost6python6detail11init_moduleE\nwith torch 2.3.0"),
    ("old words on cuDNN", SHADOW, "RuntimeError: cuDNN version mismatch: PyTorch was compiled against 7401 but linked against 7605"),
    ("operators that are not there, in old words", FAMILY, "RuntimeError: No such operator torchvision::roi_align"),
    ("operators of a torchvision of the right version", FAMILY, "torch: 1.13.1\ntorchvision: 0.14.1\nRuntimeError: Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions are incompatible"),
    # --- another maker's card, without its name
    ("on AMD and Windows", ("PT806",), "I'm on AMD, and every start ends like this\nvenv \"D:\\ui\\venv\\Scripts\\Python.exe\"\nRuntimeError: Torch is not able to use GPU"),
    ("on AMD's processor and Windows", (), "I'm on AMD Ryzen 5 5600X, and every start ends like this\nvenv \"D:\\ui\\venv\\Scripts\\Python.exe\"\nRuntimeError: Torch is not able to use GPU"),
    ("AMD as the answer of a form", ("PT806",), '### Device\n\nAMD GPUs (RX 6000 above)\n\n### Logs\n\nvenv "D:\\ui\\venv\\Scripts\\Python.exe"\nRuntimeError: Torch is not able to use GPU'),
    ("on AMD and Linux", (), "I'm on AMD, and every start ends like this\n/home/me/ui/venv/bin/python3\nRuntimeError: Torch is not able to use GPU"),
    # --- fallen back
    ("on the processor beside a card", CPU_BUILD, "I have a 3070 and it takes hours\nUserWarning: FP16 is not supported on CPU; using FP32 instead"),
    ("on the processor because it was asked for", (), "I have a 3070 and run it with --device cpu\nUserWarning: FP16 is not supported on CPU; using FP32 instead"),
    ("on the processor without a card", (), "UserWarning: FP16 is not supported on CPU; using FP32 instead\nworks, but slowly"),
    ("a number that is no card", (), "I have a 3070 MB model\nUserWarning: FP16 is not supported on CPU; using FP32 instead"),
    # --- many cards
    ("a multiple of cards with a star", ("PT718",), "WSL2 on Windows 11, 4*2080ti in the box\nCUDA says: out of memory, at the first call"),
    # --- processors
    ("a processor of 32 bits", ("PT103", "PT106"), "Linux pi 5.10.17-v7l+ #1414 SMP armv7l GNU/Linux\npip3 install torch\nERROR: Could not find a version that satisfies the requirement torch (from versions: none)"),
    ("a wheel for another processor", (), "ERROR: torch-1.7.0-cp37-cp37m-linux_armv7l.whl was built by somebody\nLinux pi 5.10.17-v8+ #1414 SMP aarch64 GNU/Linux"),
    # --- Windows
    ("a file that is no program, by the traceback", ("PT212",), '  File "C:\\py\\Lib\\site-packages\\torch\\__init__.py", line 81, in <module>\n    ctypes.CDLL(dll)\n  File "C:\\py\\Lib\\ctypes\\__init__.py", line 364, in __init__\nOSError: [WinError 193] %1 is not a valid Win32 application'),
    ("Fedora's screen at the start", NOT_LOADED, "Since kernel 6.6.11-200.fc39.x86_64 the screen says: NVIDIA kernel module missing. Falling back to nouveau.\ntorch.cuda.is_available() is False"),
    ("a driver that is too old, in words", DRIVER_OLD, "It says that my nvidia driver is too old, and torch.cuda.is_available() is False"),
    ("a GPU that is too old, in words", (), "My GPU is too old for this game, torch is fine"),
    # --- installers
    ("a build that conda chose", CPU_BUILD, "conda install pytorch=1.8.1 cudatoolkit=11.4 -c pytorch\nThe list has pytorch=1.8.1=py3.7_cpu_0\ntorch.cuda.is_available() == False"),
    ("an installer that called pip", NO_WHEEL, "Python 3.12.1 (tags/v3.12.1:2305ca5, Dec  7 2023, 22:03:25) [MSC v.1937 64 bit (AMD64)]\nRuntimeError: Couldn't install torch.\nCommand: python.exe -m pip install torch==2.0.1 torchvision==0.15.2 --extra-index-url https://download.pytorch.org/whl/cu118\nError code: 1"),
    ("an installer that failed for another reason", (), "Python 3.10.6 (tags/v3.10.6:9c7b4bd, Aug  1 2022, 21:53:49) [MSC v.1932 64 bit (AMD64)]\nRuntimeError: Couldn't install torch.\nCommand: python.exe -m pip install torch==2.0.1 torchvision==0.15.2 --extra-index-url https://download.pytorch.org/whl/cu118\nError code: 1"),
    ("a program that runs with another torch than pip lists", TWO_TORCHES, "pytorch version: 2.3.1+cu121\nDevice: cuda:0 NVIDIA GeForce RTX 4070\n$ pip list\ntorch                2.5.1+cu124\ntorchvision          0.20.1+cu124\nsafetensors          0.4.5"),
    ("a program that runs with the torch that pip lists", (), "pytorch version: 2.5.1+cu124\nDevice: cuda:0 NVIDIA GeForce RTX 4070\n$ pip list\ntorch                2.5.1\ntorchvision          0.20.1\nsafetensors          0.4.5"),
    ("a message with a slip", DRIVER_OLD, "RuntimeError: CUDA error: the provided PTX was complied with an unsupported toolchain."),
    # --- what is no fault
    ("what Inductor logs on every CPU build", (), "Error getting cuda arch: Torch not compiled with CUDA enabled\ntorch.compile on a laptop without a GPU works otherwise"),
)  # fmt: skip
