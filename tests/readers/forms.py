"""The forms in which programs print what is true of a machine, written anew from their formats for tests of the readers."""

import textwrap


def collect_env(
    *,
    torch="2.5.1+cu124",
    cuda="12.4",
    rocm="N/A",
    os="Ubuntu 22.04.5 LTS (x86_64)",
    libc="glibc-2.35",
    python="3.10.12 (main, Nov  6 2024, 20:22:13) [GCC 11.4.0] (64-bit runtime)",
    platform="Linux-6.8.0-49-generic-x86_64-with-glibc2.35",
    available="True",
    nvcc="12.4.131",
    gpu="GPU 0: NVIDIA GeForce RTX 4090",
    driver="550.120",
    cudnn="Could not collect",
    hip="N/A",
    libraries=(),
    cpu=(),
    is_new=True,
):
    """torch.utils.collect_env since 1.9; ``is_new`` adds the XPU lines of 2.7 and later."""
    xpu = ["Is XPU available: False"] if is_new else []
    lines = [
        "Collecting environment information...",
        f"PyTorch version: {torch}",
        f"Is debug build: {'N/A' if torch == 'N/A' else 'False'}",
        f"CUDA used to build PyTorch: {cuda}",
        f"ROCM used to build PyTorch: {rocm}",
        "",
        f"OS: {os}",
        "GCC version: (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0",
        "Clang version: Could not collect",
        "CMake version: version 3.31.1",
        f"Libc version: {libc}",
        "",
        f"Python version: {python}",
        f"Python platform: {platform}",
        f"Is CUDA available: {available}",
        f"CUDA runtime version: {nvcc}",
        f"CUDA_MODULE_LOADING set to: {'LAZY' if available == 'True' else 'N/A'}",
        *(
            [f"GPU models and configuration: {gpu}"]
            if "\n" not in gpu
            else ["GPU models and configuration: ", *gpu.splitlines(), ""]
        ),
        f"Nvidia driver version: {driver}",
        f"cuDNN version: {cudnn}",
        *xpu,
        f"HIP runtime version: {hip}",
        f"MIOpen runtime version: {'2.20.0' if hip != 'N/A' else 'N/A'}",
        "Is XNNPACK available: True",
        *(["", "CPU:", *cpu] if cpu else []),
        *(["", "Versions of relevant libraries:", *libraries] if libraries else []),
    ]
    return "\n".join(lines)


def no_gpu(**facts):
    """The same on a machine without an NVIDIA GPU in sight."""
    return collect_env(
        **{"available": "False", "nvcc": "No CUDA", "gpu": "No CUDA", "driver": "No CUDA", "cudnn": "No CUDA"} | facts
    )


def old_collect_env(
    *,
    torch="1.5.0",
    cuda="10.2",
    os="Ubuntu 18.04.4 LTS",
    python="3.6",
    available="Yes",
    nvcc="10.2.89",
    gpu="GPU 0: GeForce RTX 2080 Ti",
    driver="440.33.01",
    libraries=(),
):
    """collect_env of 1.5 and before."""
    return "\n".join(
        [
            "Collecting environment information...",
            f"PyTorch version: {torch}",
            "Is debug build: No",
            f"CUDA used to build PyTorch: {cuda}",
            "",
            f"OS: {os}",
            "GCC version: (Ubuntu 7.5.0-3ubuntu1~18.04) 7.5.0",
            "CMake version: version 3.10.2",
            "",
            f"Python version: {python}",
            f"Is CUDA available: {available}",
            f"CUDA runtime version: {nvcc}",
            f"GPU models and configuration: {gpu}",
            f"Nvidia driver version: {driver}",
            "cuDNN version: Could not collect",
            "",
            "Versions of relevant libraries:",
            *libraries,
        ]
    )


def vllm_collect_env(**facts):
    """VLLM's form since 2025: headings, padded labels."""
    lines = collect_env(**facts).splitlines()[1:]
    heads = {0: "System Info", 1: "PyTorch Info", 2: "Python Environment", 3: "CUDA / GPU Info"}
    by_label = {line.partition(":")[0]: line.partition(":")[2].strip() for line in lines if ":" in line}
    groups = (
        ("OS", "GCC version", "Clang version", "CMake version", "Libc version"),
        ("PyTorch version", "Is debug build", "CUDA used to build PyTorch", "ROCM used to build PyTorch"),
        ("Python version", "Python platform"),
        (
            "Is CUDA available",
            "CUDA runtime version",
            "CUDA_MODULE_LOADING set to",
            "GPU models and configuration",
            "Nvidia driver version",
        ),
    )
    parts = []
    for number, labels in enumerate(groups):
        parts += ["=" * 30, f"{heads[number]:^30}".rstrip(), "=" * 30]
        parts += [f"{label:<29}: {by_label.get(label, '')}" for label in labels]
        parts.append("")
    return "\n".join(parts)


def smi(*, driver="550.120", cuda="12.4", gpus=(("NVIDIA GeForce RTX 4090", 312, 24564),), mode="Default", mig="N/A"):
    """nvidia-smi's table of the 510 to 590 branches."""
    rows = []
    for index, (name, used, total) in enumerate(gpus):
        rows += [
            f"|   {index}  {name:<31}  Off |   00000000:{index + 1:02X}:00.0 Off |                  Off |",
            f"|  0%   36C    P8             17W /  450W |{used:>8}MiB / {total:>6}MiB |      0%      {mode:>8} |",
            f"|                                         |                        |{mig:>21} |",
            "+-----------------------------------------+------------------------+----------------------+",
        ]
    head = f"""\
        +-----------------------------------------------------------------------------------------+
        | NVIDIA-SMI {driver:<22} Driver Version: {driver:<14} CUDA Version: {cuda:<8} |
        |-----------------------------------------+------------------------+----------------------+
        | GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
        | Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
        |                                         |                        |               MIG M. |
        |=========================================+========================+======================|"""
    return "\n".join([textwrap.dedent(head), *rows])
