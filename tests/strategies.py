"""Hypothesis strategies for the records, made from their types: whatever the schema admits, with values of the field among them."""

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from ptsetup.facts import Snapshot

WORDS = (
    "", "linux", "windows", "macos", "x86_64", "aarch64", "arm64", "cu126", "2.14.1", "2.15.0+cu132", "2.1.0+cpu", "1.13.1",
    "2.5.0.dev20240705+cu121", "580.95.05", "470.57.02", "12.6", "13.0", "3.12.3", "3.14", "2.17", "glibc", "musl", "docker",
    "kubernetes", "10de", "1002", "8086", "nouveau", "nvidia", "nvidia_uvm", "torch", "torchvision", "torchaudio", "triton", "numpy",
    "nvidia-nccl-cu12", "nvidia-nccl-cu13", "flash-attn", "xformers", "bitsandbytes", "conda", "pip", "gfx1100", "sm_90",
    "compute_120", "NVIDIA GeForce RTX 5090", "Tesla V100-SXM2-16GB", "/usr/lib/wsl/lib/libcuda.so.1",
    "/usr/local/cuda/compat/libcuda.so.1", "libcudnn.so.9", "libnvJitLink.so.12", "/dev/nvidia0", "/dev/kfd", "/dev/nvidia-uvm",
    "0600", "render", "site", "user", "pythonpath", "spawn", "g++", "nvcc", "ninja", "nvidia-fabricmanager", "9223372036854775808",
    "CUDA error: no kernel image is available for execution on the device", "undefined symbol: _ZN3c105ErrorC2E",
    "libcudnn.so.9: cannot open shared object file", "CUDA unknown error", "No space left on device", "WinError 126 fbgemm.dll",
    "Could not find a version that satisfies the requirement torch==2.3 (from versions: none)",
    "The NVIDIA driver on your system is too old (found version 12040)", "operator torchvision::nms does not exist",
    "Error 802: system not yet initialized", "Illegal instruction (core dumped)", "a" * 200, "\x00\ud7ff é ß",
)  # fmt: skip
"""Values that rules look for, in no field in particular."""

VARIABLES = (
    "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES", "HSA_OVERRIDE_GFX_VERSION", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "OMP_NUM_THREADS",
    "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF", "NCCL_P2P_DISABLE", "NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "RANK",
    "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST",
    "TORCH_CUDA_ARCH_LIST", "CXX", "TRITON_PTXAS_PATH", "PYTORCH_MPS_HIGH_WATERMARK_RATIO", "UV_TORCH_BACKEND",
)  # fmt: skip

TEXT = st.one_of(st.sampled_from(WORDS), st.text(max_size=12))
INTEGERS = st.one_of(
    st.sampled_from(
        (0, 1, 2, 3, 4, 9, 12, 13, 15, 16, 18, 34, 35, 46, 100, 102, 304, 802, 803, 804, 999, 64 * 1024**2, -1)
    ),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
)
FLOATS = st.one_of(st.sampled_from((0.0, 0.5, 1.0, 1e9)), st.floats(allow_nan=False, allow_infinity=False))


SIMPLE = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: INTEGERS,
    inspect.FloatType: FLOATS,
    inspect.StrType: TEXT,
}

COMPOUND = {
    inspect.UnionType: lambda kind: st.one_of([of_type(part) for part in kind.types]),
    inspect.StructType: lambda kind: of_struct(kind),  # noqa: PLW0108 - defined below
    inspect.VarTupleType: lambda kind: st.lists(of_type(kind.item_type), max_size=3).map(tuple),
    inspect.TupleType: lambda kind: st.tuples(*[of_type(item) for item in kind.item_types]),
    inspect.DictType: lambda kind: st.dictionaries(
        st.one_of(st.sampled_from(VARIABLES), TEXT), of_type(kind.value_type), max_size=4
    ),
    inspect.LiteralType: lambda kind: st.sampled_from(kind.values),
}


def of_type(kind):
    """A strategy for one type of msgspec.inspect."""
    return SIMPLE[type(kind)] if type(kind) in SIMPLE else COMPOUND[type(kind)](kind)


def of_struct(kind):
    """A record: fields with a default are left out more often than not, so that some depth is reached."""
    required = {field.name: of_type(field.type) for field in kind.fields if field.required}
    optional = {field.name: of_type(field.type) for field in kind.fields if not field.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda fields: kind.cls(**fields))


def snapshots():
    """Any Snapshot that the schema admits."""
    (kind,) = inspect.multi_type_info([Snapshot])
    return of_struct(kind).map(lambda snapshot: msgspec.structs.replace(snapshot, schema=1))
