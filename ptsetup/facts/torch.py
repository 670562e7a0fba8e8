"""What importing torch in the target said (in a child, under a deadline)."""

from ptsetup.facts._record import Record


class TorchDevice(Record, frozen=True, kw_only=True):
    """A device as torch sees it."""

    index: int
    name: str | None = None
    capability: tuple[int, int] | None = None
    gfx: str | None = None
    memory_bytes: int | None = None
    uuid: str | None = None


class ImportResult(Record, frozen=True, kw_only=True):
    """How importing one module in a child ended."""

    module: str
    is_ok: bool | None = None
    version: str | None = None
    error_type: str | None = None
    message: str | None = None
    traceback: str | None = None
    """The last lines."""
    warnings: tuple[str, ...] = ()
    signal: int | None = None
    exit_code: int | None = None
    is_timeout: bool = False
    stage: str | None = None
    """The last stage that was reached."""
    seconds: float | None = None
    stderr: str | None = None
    """Tail of what it printed."""


class Torch(Record, frozen=True, kw_only=True):
    """The torch section."""

    result: ImportResult
    version: str | None = None
    file: str | None = None
    cuda_build_version: str | None = None
    hip_build_version: str | None = None
    xpu_build_version: str | None = None
    has_cxx11_abi: bool | None = None
    """Built with the C++11 ABI (``torch.compiled_with_cxx11_abi()``): extensions must be as well."""
    arch_list: tuple[str, ...] | None = None
    cudnn_version: int | None = None
    cudnn_error: str | None = None
    nccl_version: str | None = None
    is_cuda_available: bool | None = None
    cuda_device_count: int | None = None
    cuda_error: str | None = None
    """What initialising CUDA raised."""
    is_mps_built: bool | None = None
    is_mps_available: bool | None = None
    is_xpu_built: bool | None = None
    is_xpu_available: bool | None = None
    xpu_device_count: int | None = None
    devices: tuple[TorchDevice, ...] = ()
    num_threads: int | None = None
    mapped_libraries: tuple[str, ...] | None = None
    """Paths of the libraries of interest that the child had mapped (/proc/self/maps; ``--deep`` or always on Linux)."""
    glibcxx_max: str | None = None
    """Newest GLIBCXX_ of the mapped libstdc++."""
    imports: tuple[ImportResult, ...] | None = None
    """Companions imported one by one (``--deep``)."""
    device_test: str | None = None
    """A product on the device (``--deep``): ``ok`` or what it raised."""
    p2p_problems: tuple[str, ...] | None = None
    """Pairs of GPUs whose copied content was wrong or never came (``--deep``); () none."""
    collect_env: dict[str, str] | None = None
    """The lines of a collect_env report, by label, where the Snapshot came from one."""
