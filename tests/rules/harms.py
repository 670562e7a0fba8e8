"""Harms that tests of the driver, containers and other makers do to a healthy machine."""

from typing import Any

from ptsetup.facts import AmdGpu, CudaDriver, DeviceNode, Library, Nvidia, Nvml, PciDevice, Snapshot, replace
from tests import builders

GIB = builders.GIB
LIBCUDA = Library(soname="libcuda.so.1", path="/usr/lib/x86_64-linux-gnu/libcuda.so.1", version="580.95.05", via="ld.so.cache")  # fmt: skip


def dead(snapshot: Snapshot | None = None, **torch: Any) -> Snapshot:
    """The machine, on which torch finds no CUDA."""
    machine = snapshot or builders.machine()
    facts = {"is_cuda_available": False, "cuda_device_count": 0, **torch}
    return replace(machine, torch=replace(machine.torch, **facts))


def driver(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine with other facts of NVIDIA's driver."""
    machine = snapshot or builders.machine()
    return replace(machine, nvidia=replace(machine.nvidia, **changes))


def bare_driver(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine, with nothing of NVIDIA's driver on it."""
    machine = dead(snapshot)
    host = replace(machine.host, kernel_modules=(), kernel_modules_available=())
    none = Nvidia(libraries=(), nvml=Nvml(load_error="not found", init_rc=12), gpus=None)
    return replace(machine, nvidia=replace(none, **changes), host=host)


def cuda(code: int, snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine, on which starting CUDA ends with that code."""
    return driver(dead(snapshot), cuda=CudaDriver(init_rc=code, **changes))


def card(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine with another state of its one GPU."""
    return driver(snapshot, gpus=(builders.gpu(**changes),))


def cards(*changes: dict[str, Any], snapshot: Snapshot | None = None) -> Snapshot:
    """The machine with several GPUs, each with its changes."""
    gpus = tuple(
        builders.gpu(**{"index": i, "minor": i, "uuid": f"GPU-{i}1111111-2222", "bdf": f"0000:0{i + 1}:00.0", **change})
        for i, change in enumerate(changes)
    )
    machine = driver(snapshot, gpus=gpus)
    nvml = replace(machine.nvidia.nvml, count=len(gpus))
    return replace(machine, nvidia=replace(machine.nvidia, nvml=nvml))


def host(snapshot: Snapshot | None = None, **changes: Any) -> Snapshot:
    """The machine with other facts of its host."""
    machine = snapshot or builders.machine()
    return replace(machine, host=replace(machine.host, **changes))


def env(snapshot: Snapshot | None = None, **variables: str) -> Snapshot:
    """The machine with variables set."""
    machine = snapshot or builders.machine()
    return replace(machine, env={**(machine.env or {}), **variables})


def node(path: str, *, exists: bool = True, **changes: Any) -> DeviceNode:
    """A device node that everybody may open."""
    facts = {"mode": "666", "uid": 0, "gid": 0, "group": "root", "open_errno": 0, **changes} if exists else changes
    return DeviceNode(path=path, exists=exists, **facts)


def container(snapshot: Snapshot | None = None, kind: str = "docker", **changes: Any) -> Snapshot:
    """The machine, seen from inside a container."""
    return host(snapshot, container=kind, **changes)


def wheel(version: str, snapshot: Snapshot | None = None, **torch: Any) -> Snapshot:
    """The machine with another torch, whose architectures only the index knows."""
    machine = snapshot or builders.machine()
    local = version.partition("+")[2]
    cuda_build = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
    facts = {"version": version, "cuda_build_version": cuda_build, "arch_list": None, **torch}
    return replace(machine, target=builders.target(version=version), torch=replace(machine.torch, **facts))


def amd(gfx: str = "gfx1100", name: str | None = "AMD Radeon RX 7900 XTX", *more: AmdGpu, **changes: Any) -> Snapshot:
    """A Linux machine with an AMD card and a ROCm build of torch."""
    from ptsetup.facts import Amd, Wheel

    base = builders.cpu_machine()
    bus = (
        PciDevice(vendor="1002", device="744c", class_code="030000", bdf="0000:03:00.0", driver="amdgpu", name=name),
    )
    machine = replace(
        base,
        host=replace(base.host, pci=bus, kernel_modules=("amdgpu",), device_nodes=(node("/dev/kfd", group="render", mode="660"),)),
        amd=Amd(gpus=(AmdGpu(node=1, gfx=gfx, name=name, is_apu=False), *more), has_kfd=True),
        target=replace(
            base.target,
            distributions=(builders.distribution("torch", "2.8.0+rocm6.4"), builders.distribution("pytorch-triton-rocm", "3.4.0")),
            wheel=Wheel(version="2.8.0+rocm6.4", hip="6.4.43482", has_version_file=True, path=f"{builders.SITE}/torch"),
        ),
        torch=replace(
            base.torch, version="2.8.0+rocm6.4", hip_build_version="6.4.43482", arch_list=("gfx942", "gfx1030", "gfx1100", "gfx1201"),
            is_cuda_available=True, cuda_device_count=1,
        ),
    )  # fmt: skip
    return replace(machine, **changes)


def xpu(name: str = "Intel Arc B580 Graphics", **changes: Any) -> Snapshot:
    """A Linux machine with an Intel card and an xpu build of torch."""
    from ptsetup.facts import Intel, IntelGpu, Wheel

    base = builders.cpu_machine()
    gpu = IntelGpu(name=name, device="e20b", bdf="0000:03:00.0", driver="xe")
    bus = (PciDevice(vendor="8086", device="e20b", class_code="030000", bdf="0000:03:00.0", driver="xe", name=name),)
    machine = replace(
        base,
        host=replace(base.host, pci=bus, device_nodes=(node("/dev/dri/renderD128", group="render", mode="660"),)),
        intel=Intel(
            gpus=(gpu,),
            level_zero_loader=Library(soname="libze_loader.so.1", path="/usr/lib/libze_loader.so.1"),
            level_zero_gpu=Library(soname="libze_intel_gpu.so.1", path="/usr/lib/libze_intel_gpu.so.1"),
        ),
        target=replace(
            base.target,
            distributions=(builders.distribution("torch", "2.8.0+xpu"), builders.distribution("pytorch-triton-xpu", "3.4.0")),
            wheel=Wheel(version="2.8.0+xpu", xpu="20250101", has_version_file=True, path=f"{builders.SITE}/torch"),
        ),
        torch=replace(base.torch, version="2.8.0+xpu", xpu_build_version="20250101", is_xpu_available=True, xpu_device_count=1),
    )  # fmt: skip
    return replace(machine, **changes)
