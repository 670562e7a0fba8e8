"""What NVIDIA's driver says, each source a fact of its own."""

from ptsetup.facts._record import Record
from ptsetup.facts.host import Library


class GpuProcess(Record, frozen=True, kw_only=True):
    """A process that holds memory of a GPU."""

    pid: int
    memory_bytes: int | None = None
    """None where the driver does not tell (Windows WDDM)."""
    user: str | None = None
    """Masked by ``--share``."""
    name: str | None = None
    is_own: bool | None = None


class MigDevice(Record, frozen=True, kw_only=True):
    """One MIG instance."""

    uuid: str | None = None
    name: str | None = None
    memory_total_bytes: int | None = None


class Gpu(Record, frozen=True, kw_only=True):
    """One NVIDIA GPU. By NVML unless ``source`` says otherwise (``nvidia-smi``)."""

    index: int = 0
    """NVML's order, by PCI bus; not CUDA's order."""
    handle_rc: int | None = None
    """Return code of nvmlDeviceGetHandleByIndex: 0 fine, 4 forbidden, 8 power, 15 lost, 16 reset, 999 unknown."""
    name: str | None = None
    uuid: str | None = None
    """Masked by ``--share``."""
    bdf: str | None = None
    minor: int | None = None
    """N of /dev/nvidiaN."""
    compute_capability: tuple[int, int] | None = None
    architecture: int | None = None
    """nvmlDeviceArchitecture: 2 Kepler, 3 Maxwell, 4 Pascal, 5 Volta, 6 Turing, 7 Ampere, 8 Ada, 9 Hopper, 10 Blackwell."""
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    bar1_total_bytes: int | None = None
    processes: tuple[GpuProcess, ...] | None = None
    compute_mode: int | None = None
    """0 default, 2 prohibited, 3 exclusive process."""
    is_persistent: bool | None = None
    mig_current: int | None = None
    """0 off, 1 on."""
    mig_pending: int | None = None
    mig_devices: tuple[MigDevice, ...] | None = None
    virtualization_mode: int | None = None
    """0 none, 1 pass-through, 2 vGPU guest, 3 vGPU host, 4 vSGA host."""
    license_state: int | None = None
    """0 unknown, 1 uninitialised, 2 unlicensed, 3 restricted, 4 unlicensed (expired), 5 licensed."""
    driver_model: int | None = None
    """Windows: 0 WDDM, 1 WDM (TCC), 2 MCDM."""
    ecc_mode: int | None = None
    ecc_uncorrected_volatile: int | None = None
    ecc_uncorrected_aggregate: int | None = None
    remapped_pending: bool | None = None
    remapped_failed: bool | None = None
    retired_pages_pending: bool | None = None
    recovery_action: int | None = None
    """Field 230: 0 none, 1 reset, 2 reboot, 3 drain P2P, 4 drain and reset, 5 IMEX."""
    clocks_event_reasons: int | None = None
    """Bit mask: 0x1 idle, 0x4 power cap, 0x8 hardware slowdown, 0x20 and 0x40 thermal, 0x80 power brake."""
    clocks_event_samples: tuple[int, ...] | None = None
    """Three samples over 2 s, where they were taken (``--deep``)."""
    temperature_c: int | None = None
    temperature_slowdown_c: int | None = None
    power_limit_mw: int | None = None
    power_default_limit_mw: int | None = None
    performance_state: int | None = None
    pcie_generation: int | None = None
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    fabric_state: int | None = None
    """0 not supported, 1 not started, 2 in progress, 3 completed."""
    fabric_status: int | None = None
    fabric_health_mask: int | None = None
    nvlinks_active: int | None = None
    nvlinks_inactive: int | None = None
    p2p: dict[str, int] | None = None
    """Index of the other GPU -> nvmlDeviceGetP2PStatus (0 is OK)."""
    call_errors: dict[str, int] | None = None
    """NVML call -> return code, where it was neither 0 nor 3 (unsupported) nor 13 (driver older than the call)."""
    source: str = "nvml"


class Nvml(Record, frozen=True, kw_only=True):
    """What loading and starting NVML said (in a child)."""

    library_path: str | None = None
    load_error: str | None = None
    init_rc: int | None = None
    """0, 4, 9, 12, 15, 17, 18, 28, 999; None when it was not reached."""
    driver_version: str | None = None
    nvml_version: str | None = None
    cuda_driver_version: tuple[int, int] | None = None
    """Newest CUDA that the driver speaks (nvmlSystemGetCudaDriverVersion_v2)."""
    count: int | None = None
    count_rc: int | None = None
    seconds: float | None = None
    is_hung: bool = False


class CudaDriver(Record, frozen=True, kw_only=True):
    """What libcuda itself said (``cuInit`` in a child)."""

    library_path: str | None = None
    """The real file behind libcuda.so.1 / nvcuda.dll."""
    load_error: str | None = None
    init_rc: int | None = None
    """Catalogue of codes: 0, 3, 34, 35, 46, 100, 102, 304, 802, 803, 804, 805, 807, 999."""
    version: tuple[int, int] | None = None
    """cuDriverGetVersion."""
    count: int | None = None
    seconds: float | None = None
    is_hung: bool = False


class Smi(Record, frozen=True, kw_only=True):
    """What the program nvidia-smi printed; a last source."""

    path: str | None = None
    exit_code: int | None = None
    driver_version: str | None = None
    cuda_version: str | None = None
    """The header's "CUDA Version"."""
    message: str | None = None
    """The failure that it printed."""
    is_hung: bool = False


class Nvidia(Record, frozen=True, kw_only=True):
    """The NVIDIA section."""

    kernel_module_version: str | None = None
    """First version number of /proc/driver/nvidia/version or /sys/module/nvidia/version; ``N/A`` is never stored."""
    kernel_module_flavor: str | None = None
    """``open`` or ``proprietary``."""
    device_file_mode: str | None = None
    """Modify/mode lines of /proc/driver/nvidia/params, ``DeviceFileMode`` in octal."""
    user_library_version: str | None = None
    """Suffix of the real file behind libcuda.so.1 or libnvidia-ml.so.1; file version of nvcuda.dll on Windows."""
    libraries: tuple[Library, ...] | None = None
    """Every libcuda.so.1 and libnvidia-ml.so.1 that could be found, the one the loader takes first; () none."""
    nvml: Nvml | None = None
    cuda: CudaDriver | None = None
    smi: Smi | None = None
    gpus: tuple[Gpu, ...] | None = None
    """() when NVML worked and counted none; None when nobody could be asked."""
    module_is_for_running_kernel: bool | None = None
    mps_pipe_exists: bool | None = None
    """CUDA's multi-process service: its pipe folder exists."""
    mps_daemon_runs: bool | None = None
    has_nvidia_runtime: bool | None = None
    """/etc/docker/daemon.json names the nvidia runtime."""
    cdi_driver_version: str | None = None
    """Driver version in the library paths of the CDI specification."""
