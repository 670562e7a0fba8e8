"""How long each child may take, in seconds. ``--deadline-scale`` multiplies them all."""

TARGET_S = 20.0
"""Reading the target's files; they may lie on a slow network disk."""

TARGET_DEEP_S = 300.0
"""The same with the hash of every file."""

TORCH_S = 60.0
"""Importing torch: 12 s were seen on a cold disk."""

TORCH_DEEP_S = 120.0
"""The same with a test on each device."""

IMPORT_S = 60.0
"""Importing one package that is built on torch."""

NVML_S = 10.0
"""Starting NVML and asking every GPU."""

NVML_DEEP_S = 15.0
"""The same with clocks sampled over 2 s."""

CUDA_S = 20.0
"""cuInit; without persistence the driver starts the GPUs first."""

SMI_S = 5.0
"""nvidia-smi, the last source."""

THREAD_S = 20.0
"""A probe in a thread of ours; its own children have shorter deadlines. One that is stuck in the kernel is left behind."""
