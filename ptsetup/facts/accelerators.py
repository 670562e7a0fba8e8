"""AMD, Intel and Apple."""

from ptsetup.facts._record import Record
from ptsetup.facts.host import Library


class AmdGpu(Record, frozen=True, kw_only=True):
    """One GPU node of the KFD topology (/sys/class/kfd/kfd/topology/nodes/N/properties)."""

    node: int = 0
    gfx: str | None = None
    """``gfx1100``, from gfx_target_version."""
    name: str | None = None
    simd_count: int | None = None
    memory_bytes: int | None = None
    is_apu: bool | None = None
    bdf: str | None = None


class Amd(Record, frozen=True, kw_only=True):
    """The AMD section."""

    gpus: tuple[AmdGpu, ...] | None = None
    kernel_driver_version: str | None = None
    """/sys/module/amdgpu/version; absent for the in-tree driver."""
    has_kfd: bool | None = None
    rocm_version: str | None = None
    """/opt/rocm/.info/version."""


class IntelGpu(Record, frozen=True, kw_only=True):
    """One Intel display device."""

    name: str | None = None
    device: str | None = None
    """PCI device id."""
    bdf: str | None = None
    driver: str | None = None
    """``i915``, ``xe``."""


class Intel(Record, frozen=True, kw_only=True):
    """The Intel section."""

    gpus: tuple[IntelGpu, ...] | None = None
    level_zero_loader: Library | None = None
    """libze_loader.so.1 / ze_loader.dll."""
    level_zero_gpu: Library | None = None
    """libze_intel_gpu.so.1."""
    level_zero_count: int | None = None


class Apple(Record, frozen=True, kw_only=True):
    """The Apple section."""

    chip: str | None = None
    """``Apple M2 Pro`` (sysctl machdep.cpu.brand_string)."""
    has_metal: bool | None = None
    is_virtual: bool | None = None
    """sysctl kern.hv_vmm_present."""
    gpu_cores: int | None = None
