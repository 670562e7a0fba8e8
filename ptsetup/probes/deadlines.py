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

PEERS_S = 80.0
"""Importing torch and copying between all pairs of GPUs; one pair whose copy never comes uses it up."""

HURRY_S = 5.0
"""What torch still gets when it asks a driver of which NVML's child has shown that it hangs."""

NVML_S = 10.0
"""Starting NVML and asking every GPU."""

NVML_DEEP_S = 15.0
"""The same with clocks sampled over 2 s."""

CUDA_S = 20.0
"""cuInit; without persistence the driver starts the GPUs first."""

SMI_S = 5.0
"""nvidia-smi, the last source."""

THREAD_S = 45.0
"""A probe in a thread of ours; its own children have shorter deadlines. One that is stuck in the kernel is left behind."""

NODES_S = 2.0
"""Opening device nodes."""

VERSION_S = 2.0
"""A compiler or tool that prints its version, ``systemctl is-active``, musl's loader."""

JOURNAL_S = 2.0
"""The kernel's lines in the journal; asked only where /dev/kmsg is denied and an NVIDIA GPU is here."""

PACKAGES_S = 2.0
"""rpm's database."""

DISK_S = 3.0
"""A folder on a machine with network file systems."""

RESOLVE_S = 2.0
"""The address of this machine's own name."""

CONNECT_S = 3.0
"""A connection to MASTER_ADDR, or to the server whose clock is asked (``--online``)."""

SYSCTL_S = 3.0
"""sysctl, sw_vers, vm_stat, xcrun on macOS."""

PROFILER_S = 10.0
"""system_profiler on macOS: a second or two on a cold start."""

CIM_S = 15.0
"""PowerShell with CIM on Windows: a cold start takes seconds."""

VSWHERE_S = 5.0
"""vswhere, which finds Microsoft's compiler."""

CPUINFO_S = 8.0
"""py-cpuinfo, which measures for more than a second; only where nothing else names the processor."""
