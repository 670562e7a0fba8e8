"""A healthy machine as a Snapshot, to which a test does one harm."""

from typing import Any

from ptsetup.facts import (
    Cpu,
    Distribution,
    Gpu,
    Host,
    ImportResult,
    Libc,
    Memory,
    Nvidia,
    Nvml,
    PciDevice,
    SharedMemory,
    Snapshot,
    Target,
    Torch,
    Wheel,
    replace,
)

GIB = 1024**3

PREFIX = "/home/user/.venv"
SITE = f"{PREFIX}/lib/python3.12/site-packages"


def machine(**changes: Any) -> Snapshot:
    """A healthy Ubuntu machine with an RTX 4090, driver 580.95.05 and torch 2.14.1+cu126; ``changes`` replace sections."""
    healthy = Snapshot(
        taken_at="2026-11-20T10:00:00Z",
        host=host(),
        nvidia=nvidia(),
        target=target(),
        torch=torch(),
        env={},
    )
    return replace(healthy, **changes)


def cpu_machine(**changes: Any) -> Snapshot:
    """The same machine without a GPU, with torch 2.14.1+cpu: healthy."""
    cpu = machine(
        host=replace(host(), pci=(), kernel_modules=(), kernel_modules_available=()),
        nvidia=Nvidia(libraries=(), gpus=None),
        target=target(version="2.14.1+cpu"),
        torch=replace(
            torch(),
            version="2.14.1+cpu",
            cuda_build_version=None,
            is_cuda_available=False,
            cuda_device_count=0,
            arch_list=(),
        ),
    )
    return replace(cpu, **changes)


def host(**changes: Any) -> Host:
    """Ubuntu 24.04 on x86_64 with one NVIDIA GPU on the bus."""
    ubuntu = Host(
        system="linux",
        version="24.04",
        distribution="ubuntu",
        distribution_like=("debian",),
        pretty_name="Ubuntu 24.04.3 LTS",
        kernel="6.8.0-60-generic",
        machine="x86_64",
        hardware_machine="x86_64",
        libc=Libc(name="glibc", version="2.39"),
        container="none",
        wsl=0,
        pci=(PciDevice(vendor="10de", device="2684", class_code="030000", bdf="0000:01:00.0", driver="nvidia"),),
        cpu=Cpu(
            model="AMD Ryzen 9 7950X",
            flags=("avx", "avx2", "fma"),
            physical_cores=16,
            logical_cores=32,
            affinity_cores=32,
            usable_cores=32.0,
            numa_nodes=1,
        ),
        memory=Memory(
            total_bytes=64 * GIB, available_bytes=48 * GIB, swap_total_bytes=8 * GIB, swap_free_bytes=8 * GIB
        ),
        shm=SharedMemory(total_bytes=32 * GIB, free_bytes=31 * GIB, mode="1777", leftovers=()),
        kernel_modules=("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm"),
        kernel_modules_available=("nvidia", "nvidia-uvm"),
    )
    return replace(ubuntu, **changes)


def gpu(**changes: Any) -> Gpu:
    """An idle RTX 4090."""
    card = Gpu(
        index=0,
        handle_rc=0,
        name="NVIDIA GeForce RTX 4090",
        uuid="GPU-11111111-2222-3333-4444-555555555555",
        bdf="0000:01:00.0",
        minor=0,
        compute_capability=(8, 9),
        architecture=8,
        memory_total_bytes=24 * GIB,
        memory_used_bytes=GIB // 2,
        memory_free_bytes=23 * GIB,
        processes=(),
        compute_mode=0,
    )
    return replace(card, **changes)


def nvidia(**changes: Any) -> Nvidia:
    """Driver 580.95.05 with one RTX 4090."""
    section = Nvidia(
        kernel_module_version="580.95.05",
        kernel_module_flavor="open",
        user_library_version="580.95.05",
        libraries=(),
        nvml=Nvml(
            library_path="/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.95.05",
            init_rc=0,
            driver_version="580.95.05",
            cuda_driver_version=(13, 0),
            count=1,
            count_rc=0,
        ),
        gpus=(gpu(),),
    )
    return replace(section, **changes)


def target(*, version: str = "2.14.1+cu126", **changes: Any) -> Target:
    """A virtual environment with Python 3.12 and that torch."""
    local = version.partition("+")[2]
    cuda = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
    environment = Target(
        chosen_by=".venv",
        executable=f"{PREFIX}/bin/python",
        version="3.12.3",
        implementation="cpython",
        bits=64,
        machine="x86_64",
        platform_tag="linux-x86_64",
        is_gil_disabled=False,
        python_tag="cp312",
        prefix=PREFIX,
        base_prefix="/usr",
        purelib=SITE,
        platlib=SITE,
        is_venv=True,
        is_conda=False,
        is_externally_managed=False,
        is_writable=True,
        has_pip=True,
        has_python_h=True,
        distributions=(distribution("torch", version), distribution("numpy", "2.3.4"), distribution("triton", "3.8.0")),
        torch_origin=f"{SITE}/torch/__init__.py",
        wheel=Wheel(
            version=version, cuda=cuda, has_version_file=True, path=f"{SITE}/torch", build_kind="pip", requires=()
        ),
        companions=(),
    )
    return replace(environment, **changes)


def distribution(name: str, version: str | None, **changes: Any) -> Distribution:
    """A whole installed distribution."""
    whole = Distribution(
        name=name,
        version=version,
        location=SITE,
        installer="pip",
        has_record=True,
        has_metadata=True,
        missing_files=(),
        resized_files=(),
    )
    return replace(whole, **changes)


def torch(**changes: Any) -> Torch:
    """What importing torch 2.14.1+cu126 said on a working RTX 4090."""
    section = Torch(
        result=ImportResult(module="torch", is_ok=True, version="2.14.1+cu126", seconds=1.2),
        version="2.14.1+cu126",
        cuda_build_version="12.6",
        arch_list=("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"),
        is_cuda_available=True,
        cuda_device_count=1,
    )
    return replace(section, **changes)
