"""What is true of the machine: system, bus, processor, memory, limits, tools and network."""

from ptsetup.facts._record import Record


class Library(Record, frozen=True, kw_only=True):
    """One shared library file."""

    soname: str
    """``libcudnn.so.9``."""
    path: str
    version: str | None = None
    """What follows ``.so.`` in the real file's name."""
    via: str | None = None
    """How the loader gets there: ``wheel``, ``LD_LIBRARY_PATH``, ``ld.so.cache``, ``PATH``, ``conda``, ``LD_PRELOAD``."""
    is_text: bool | None = None
    """Not a library at all: text or empty."""


class Libc(Record, frozen=True, kw_only=True):
    """The C library that programs of this system link to."""

    name: str
    """``glibc`` or ``musl``."""
    version: str | None = None
    """``2.36``; see it with ``ldd --version``."""


class Jetson(Record, frozen=True, kw_only=True):
    """An NVIDIA Tegra board."""

    l4t: str | None = None
    """Release of Linux for Tegra, ``35.3.1``, from /etc/nv_tegra_release."""
    jetpack: str | None = None
    """JetPack release where known, ``5.1.1``."""
    model: str | None = None
    """/proc/device-tree/model."""


class PciDevice(Record, frozen=True, kw_only=True):
    """One display or accelerator device on the PCI bus (``lspci -nn``)."""

    vendor: str
    """Four hexadecimal digits: ``10de`` NVIDIA, ``1002`` AMD, ``8086`` Intel."""
    device: str = ""
    """Four hexadecimal digits."""
    class_code: str = ""
    """Six hexadecimal digits; ``0300..`` VGA, ``0302..`` 3D, ``0380..`` other display, ``1200..`` accelerator."""
    bdf: str = ""
    """Domain:bus:device.function, ``0000:01:00.0``."""
    driver: str | None = None
    """Kernel driver bound to it: ``nvidia``, ``nouveau``, ``amdgpu``, ``vfio-pci``, ``xe``."""
    name: str | None = None
    """The maker's name where some source gave one."""
    numa_node: int | None = None
    link_speed: str | None = None
    """``current_link_speed`` as sysfs prints it."""
    link_speed_max: str | None = None
    link_width: int | None = None
    link_width_max: int | None = None
    slot_width: int | None = None
    """Lanes of the port above the device (its ``max_link_width``): a slot may be narrower than the card."""
    bar1_bytes: int | None = None
    """Size of region 1."""


class Cpu(Record, frozen=True, kw_only=True):
    """The processor as this process may use it."""

    model: str | None = None
    flags: tuple[str, ...] | None = None
    """Feature flags as the kernel names them (``avx2``, ``avx512f``)."""
    physical_cores: int | None = None
    logical_cores: int | None = None
    affinity_cores: int | None = None
    """Cores that the affinity mask grants (``nproc``)."""
    usable_cores: float | None = None
    """The smaller of affinity and cgroup quota."""
    numa_nodes: int | None = None
    performance_cores: str | None = None
    """List of performance cores on a hybrid processor, ``0-15`` (/sys/devices/cpu_core/cpus)."""
    efficiency_cores: str | None = None
    is_virtual: bool | None = None
    """The hypervisor flag is set."""


class Memory(Record, frozen=True, kw_only=True):
    """Main memory, in bytes."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    swap_total_bytes: int | None = None
    swap_free_bytes: int | None = None
    commit_limit_bytes: int | None = None
    commit_used_bytes: int | None = None


class Cgroup(Record, frozen=True, kw_only=True):
    """What the control group grants (containers, batch systems)."""

    version: int | None = None
    memory_max_bytes: int | None = None
    """None in an unlimited group as well; ``is_memory_limited`` tells."""
    is_memory_limited: bool | None = None
    memory_current_bytes: int | None = None
    oom_kills: int | None = None
    cpu_quota_cores: float | None = None
    """Quota divided by period; None when unlimited."""
    throttled_periods: int | None = None


class Limits(Record, frozen=True, kw_only=True):
    """Process limits (``ulimit -a``); -1 means unlimited."""

    nofile_soft: int | None = None
    nofile_hard: int | None = None
    memlock_soft_bytes: int | None = None
    nproc_soft: int | None = None


class SharedMemory(Record, frozen=True, kw_only=True):
    """/dev/shm (``df -h /dev/shm``)."""  # noqa: S108 - a docstring

    total_bytes: int | None = None
    free_bytes: int | None = None
    mode: str | None = None
    """Permission bits in octal, ``1777``."""
    leftovers: tuple[str, ...] | None = None
    """Names starting with ``nccl-`` or ``torch_``, at most 100."""


class Disk(Record, frozen=True, kw_only=True):
    """The file system below one folder that matters."""

    role: str
    """``target`` (purelib), ``temp``, ``cache`` (pip), ``uv_cache``, ``home``, ``inductor_cache``."""
    path: str
    free_bytes: int | None = None
    total_bytes: int | None = None
    free_inodes: int | None = None
    is_read_only: bool | None = None
    is_noexec: bool | None = None
    is_writable: bool | None = None
    """This user may write there (or in the nearest parent that exists)."""
    filesystem: str | None = None
    device: int | None = None
    """Number that is equal for folders on the same file system."""


class DeviceNode(Record, frozen=True, kw_only=True):
    """One device file (``ls -l PATH``)."""

    path: str
    exists: bool
    mode: str | None = None
    """Permission bits in octal."""
    uid: int | None = None
    gid: int | None = None
    group: str | None = None
    open_errno: int | None = None
    """0 when it could be opened for reading and writing, else the errno (13 EACCES, 1 EPERM)."""


class Interface(Record, frozen=True, kw_only=True):
    """A network interface."""

    name: str
    is_up: bool | None = None
    is_loopback: bool | None = None
    addresses: tuple[str, ...] = ()
    """Masked by ``--share``."""


class Network(Record, frozen=True, kw_only=True):
    """What distributed training needs of the network."""

    hostname: str | None = None
    """Masked by ``--share``."""
    hostname_addresses: tuple[str, ...] | None = None
    """What the host name resolves to; () when it does not resolve."""
    interfaces: tuple[Interface, ...] | None = None
    rdma_devices: tuple[str, ...] | None = None
    """Entries of /sys/class/infiniband."""
    is_master_port_free: bool | None = None
    """MASTER_PORT (default 29500) can be bound on this host."""
    master_reachable: bool | None = None
    """MASTER_ADDR:MASTER_PORT answered within 3 s; None when not asked."""
    clock_offset_s: float | None = None
    """Clock minus an HTTP ``Date``; None when not asked (no network was used)."""
    ca_files_missing: tuple[str, ...] | None = None
    """Variables that name a certificate file that does not exist, ``NAME=path``."""


class Program(Record, frozen=True, kw_only=True):
    """A program found on PATH or where a variable points."""

    name: str
    """What was looked for: ``nvcc``, ``g++``, ``ninja``, ``cl``, ``docker``, ``nvidia-ctk`` ..."""
    path: str | None = None
    """None: looked for and not found."""
    version: str | None = None
    source: str | None = None
    """How it was found: ``PATH``, ``CUDA_HOME``, ``CXX``, ``/usr/local/cuda``."""
    error: str | None = None
    """Why it does not run, where that was tried."""


class Xid(Record, frozen=True, kw_only=True):
    """One NVIDIA Xid error."""

    code: int
    bdf: str | None = None
    text: str | None = None


class KernelLog(Record, frozen=True, kw_only=True):
    """What the kernel log says since boot."""

    is_readable: bool
    xids: tuple[Xid, ...] = ()
    oom_kills: tuple[str, ...] = ()
    nvrm_errors: tuple[str, ...] = ()
    """Other ``NVRM:`` lines that report a failure."""
    rejected_modules: tuple[str, ...] = ()
    """Lines by which the kernel refused a module: unsigned under secure boot, built for another kernel."""
    has_resume: bool | None = None
    """The machine was suspended since boot."""


class Service(Record, frozen=True, kw_only=True):
    """A system service (``systemctl is-active NAME``)."""

    name: str
    is_active: bool | None = None
    version: str | None = None
    """Version of its package."""


class Host(Record, frozen=True, kw_only=True):
    """The machine below the interpreter."""

    system: str | None = None
    """``linux``, ``windows``, ``macos``."""
    version: str | None = None
    """Release of the distribution (``24.04``), of macOS (``14.5``) or Windows (``10.0.22631``)."""
    distribution: str | None = None
    """ID of /etc/os-release: ``ubuntu``, ``debian``, ``fedora``, ``alpine``, ``rhel`` ..."""
    distribution_like: tuple[str, ...] = ()
    """ID_LIKE of /etc/os-release."""
    pretty_name: str | None = None
    kernel: str | None = None
    """``uname -r``."""
    machine: str | None = None
    """What the interpreter's system calls say: ``x86_64``, ``aarch64``, ``arm64``."""
    hardware_machine: str | None = None
    """What the silicon is: differs from ``machine`` under Rosetta and other emulation."""
    is_rosetta: bool | None = None
    libc: Libc | None = None
    container: str | None = None
    """``none``, ``docker``, ``podman``, ``kubernetes``, ``lxc``, ``apptainer``, ``other``."""
    wsl: int | None = None
    """0, 1 or 2."""
    is_virtual: bool | None = None
    jetson: Jetson | None = None
    is_longpaths_enabled: bool | None = None
    is_secure_boot: bool | None = None
    is_selinux_enforcing: bool | None = None
    kernel_command_line: str | None = None
    """The words of /proc/cmdline that bear on GPUs, memory and security; the rest may be private and is left out."""
    iommu_groups: int | None = None
    """Entries of /sys/class/iommu."""
    dlls: dict[str, str | None] | None = None
    """Windows: version of ``vcruntime140``, ``vcruntime140_1``, ``msvcp140``, ``libomp140.x86_64`` in System32; None: absent."""
    pci: tuple[PciDevice, ...] | None = None
    """Display and accelerator devices; None when the bus cannot be read."""
    pci_source: str | None = None
    cpu: Cpu | None = None
    memory: Memory | None = None
    cgroup: Cgroup | None = None
    limits: Limits | None = None
    shm: SharedMemory | None = None
    disks: tuple[Disk, ...] | None = None
    device_nodes: tuple[DeviceNode, ...] | None = None
    """The nodes looked for, present or not: /dev/nvidia*, /dev/nvidia-uvm, /dev/kfd, /dev/dri/renderD*, /dev/dxg."""
    kernel_modules: tuple[str, ...] | None = None
    """Loaded modules of interest: nvidia, nvidia_uvm, nouveau, amdgpu, xe, i915 (/proc/modules)."""
    kernel_modules_available: tuple[str, ...] | None = None
    """Of ``nvidia``, ``nvidia-uvm``, ``nouveau``, ``amdgpu``: those with a file for the running kernel."""
    kernel_modules_unsigned: tuple[str, ...] | None = None
    """Of those: files without a signature (compressed ones cannot be told)."""
    kernel_log: KernelLog | None = None
    services: tuple[Service, ...] | None = None
    programs: tuple[Program, ...] | None = None
    network: Network | None = None
    package_versions: dict[str, str] | None = None
    """System packages of interest (libnvidia-compute-580, nvidia-fabricmanager-580, cuda-compat-12-8), version each."""
    loader_cache: tuple[Library, ...] | None = None
    """Libraries of interest that the dynamic loader would find (libcuda.so.1, libcudart, libavutil ...)."""
    cdi_specs: tuple[str, ...] | None = None
    """Files in /etc/cdi and /var/run/cdi that name nvidia."""
    group_ids: tuple[int, ...] | None = None
    """Groups of this process."""
    user_groups: tuple[str, ...] | None = None
    """Group names that /etc/group lists for this user; one that ``group_ids`` lacks means that a new login is due."""
    has_user_name: bool | None = None
    """/etc/passwd has a name for this user id (containers run with arbitrary ids often have none)."""
    inductor_cache_problem: str | None = None
    """Why torch.compile's cache folder cannot be used; None with ``disks`` known means that it can."""
    nccl_config: dict[str, str] | None = None
    """Settings in /etc/nccl.conf and NCCL_CONF_FILE."""
