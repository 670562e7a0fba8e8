"""PT8xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import (
    Amd,
    AmdGpu,
    Apple,
    Cpu,
    Host,
    ImportResult,
    Intel,
    IntelGpu,
    Nvidia,
    PciDevice,
    Torch,
    Unknown,
    Wheel,
    replace,
)
from ptsetup.rules import pt8_vendors
from tests import builders
from tests.rules.harms import amd, container, dead, env, host, node, wheel, xpu
from tests.rules.judging import (
    Fires,
    Silent,
    failed,
    findings,
    mac,
    only_target,
    report,
    said,
    windows,
    with_dists,
    with_target,
)

RULES = pt8_vendors.RULES
RENDER_DENIED = node("/dev/kfd", mode="660", group="render", gid=110, open_errno=13)
INVALID = "RuntimeError: HIP error: invalid device function"
ILLEGAL = "Illegal instruction (core dumped)"
OLD_FLAGS = ("fpu", "sse", "sse2", "ssse3", "avx")
ERROR_15 = "OMP: Error #15: Initializing libiomp5md.dll, but found libiomp5md.dll already initialized."
XPU_FAILED = "RuntimeError: Failed to initialize XPU devices. The driver may not be installed, installed incorrectly"
MPS_OLD = "RuntimeError: The MPS backend is supported on MacOS 14.0+. Current OS version can be queried using `sw_vers`"
INTERNAL = AmdGpu(node=2, gfx="gfx1036", name="Raphael", is_apu=True)


def no_rocm(snapshot=None, **torch):
    """The AMD machine, on which torch finds no GPU."""
    machine = snapshot or amd()
    return replace(machine, torch=replace(machine.torch, is_cuda_available=False, cuda_device_count=0, **torch))


def no_xpu(snapshot=None, **torch):
    machine = snapshot or xpu()
    return replace(machine, torch=replace(machine.torch, is_xpu_available=False, xpu_device_count=0, **torch))


def absent(snapshot, *paths):
    return replace(snapshot, unknowns=tuple(Unknown(path=path, reason="absent") for path in paths))


def mps(version="15.3", torch="2.14.1", **changes):
    """A Mac whose torch has MPS built in and cannot use it."""
    machine = mac(version=version, torch=torch)
    return replace(machine, torch=replace(machine.torch, is_mps_built=True, is_mps_available=False), **changes)


def cpu(snapshot=None, **changes):
    machine = snapshot or builders.cpu_machine()
    return host(machine, cpu=replace(machine.host.cpu, **changes))


def cuda_wheel_on(snapshot):
    """That machine with a CUDA build."""
    target = builders.target(version="2.14.1+cu126")
    return replace(snapshot, target=target, torch=dead().torch)


FIRES = (
    Fires(
        "PT801",
        "no kfd, no module",
        no_rocm(host(amd(), device_nodes=(node("/dev/kfd", exists=False),), kernel_modules=())),
        "amdgpu is not loaded",
        "modprobe amdgpu",
    ),
    Fires(
        "PT801",
        "no kfd, though the module is loaded",
        no_rocm(host(amd(), device_nodes=(node("/dev/kfd", exists=False),))),
        "although amdgpu is loaded",
        "amdgpu-install --usecase=rocm",
    ),
    Fires(
        "PT801",
        "rocminfo's words",
        report("ROCk module is NOT loaded, possibly no GPU devices"),
        "not there",
        "modprobe",
    ),
    Fires(
        "PT802",
        "not in the group",
        no_rocm(host(amd(), device_nodes=(RENDER_DENIED,))),
        "/dev/kfd: it belongs to the group render",
        "usermod -aG render,video $USER",
    ),
    Fires(
        "PT802",
        "joined after the login",
        no_rocm(host(amd(), device_nodes=(RENDER_DENIED,), user_groups=("render",), group_ids=(1000,))),
        "joined after this login",
        "newgrp render",
    ),
    Fires(
        "PT802", "in a container", no_rocm(container(amd(), device_nodes=(RENDER_DENIED,))), "/dev/kfd", "--group-add"
    ),
    Fires(
        "PT802",
        "the words of the driver",
        report("Unable to open /dev/kfd read-write: Permission denied"),
        "may not open",
        "render",
    ),
    Fires(
        "PT803",
        "not in torch's list",
        no_rocm(amd("gfx1102", "AMD Radeon RX 7600")),
        "AMD Radeon RX 7600 is gfx1102",
        "HSA_OVERRIDE_GFX_VERSION=11.0.0",
    ),
    Fires(
        "PT803",
        "by the name, with the error",
        replace(report(INVALID), amd=Amd(gpus=(AmdGpu(name="AMD Radeon RX 6700 XT"),))),
        "gfx1031",
        "10.3.0",
    ),
    Fires("PT803", "no build has it", no_rocm(amd("gfx803", "AMD Radeon RX 580")), "gfx803", "No published build"),
    Fires(
        "PT803",
        "the error alone",
        report("hipErrorNoBinaryForGpu: Unable to find code object for all current devices!"),
        "not built for its gfx target",
        "torch",
    ),
    Fires(
        "PT804",
        "an integrated one beside",
        amd("gfx1100", "AMD Radeon RX 7900 XTX", INTERNAL),
        "Raphael",
        "HIP_VISIBLE_DEVICES=0",
        "warning",
    ),
    Fires(
        "PT805",
        "eight releases apart",
        no_rocm(replace(amd(), amd=replace(amd().amd, kernel_driver_version="5.18.13"))),
        "belongs to ROCm 5.4, torch brings ROCm 6.4: 8 releases",
        "nearer ROCm",
        "warning",
    ),
    Fires(
        "PT806", "CUDA build, AMD card", cuda_wheel_on(amd()), "NVIDIA's CUDA, and this machine has an AMD GPU", "torch"
    ),
    Fires("PT806", "CUDA build, Arc card", cuda_wheel_on(xpu()), "Intel GPU (Intel Arc B580 Graphics)", "backend=xpu"),
    Fires(
        "PT806",
        "ROCm build, NVIDIA card",
        replace(builders.machine(), target=amd().target, torch=no_rocm().torch),
        "NVIDIA GPU (NVIDIA GeForce RTX 4090)",
        "torch",
    ),
    Fires(
        "PT806",
        "a card that no build serves",
        replace(
            report("cuda runtime error (35) : CUDA driver version is insufficient for CUDA runtime version"),
            amd=Amd(gpus=(AmdGpu(name="AMD Raven"),)),
            **only_target(wheel=Wheel(version="1.6.0")),
        ),
        "AMD Raven",
        "use the CPU",
    ),
    Fires(
        "PT806",
        "a CPU build beside a card of its own",
        replace(amd(), target=builders.cpu_machine().target, torch=builders.cpu_machine().torch),
        "the CPU, and this machine has an AMD GPU",
        "torch",
        "warning",
    ),
    Fires(
        "PT807",
        "several, translated",
        host(
            amd("gfx1100", "a", AmdGpu(node=2, gfx="gfx1100", is_apu=False)),
            iommu_groups=2,
            kernel_command_line="quiet",
        ),
        "2 AMD GPUs",
        "iommu=pt",
        "warning",
    ),
    Fires(
        "PT807",
        "RCCL's words",
        report('Missing "iommu=pt" from kernel command line'),
        "iommu=pt",
        "update-grub",
        "warning",
    ),
    Fires(
        "PT808",
        "Windows and a CPU build",
        replace(windows(builders.cpu_machine()), amd=amd().amd),
        "AMD Radeon RX 7900 XTX is here",
        "rocm.docs.amd.com",
        "note",
    ),
    Fires(
        "PT808",
        "WSL without AMD's driver",
        replace(report("hipErrorNoDevice: no ROCm-capable device is detected"), host=Host(system="linux", wsl=2)),
        "no GPU in this WSL",
        "AMD's instructions",
    ),
    Fires(
        "PT809",
        "the import fails",
        replace(
            with_dists(builders.distribution("amdsmi", "6.2"), snapshot=amd()),
            torch=replace(
                amd().torch, imports=(ImportResult(module="amdsmi", is_ok=False, message="libamd_smi.so: not found"),)
            ),
        ),
        "cannot be used",
        "uninstall -y amdsmi",
        "note",
    ),
    Fires(
        "PT820",
        "Arc alone, CPU build",
        replace(xpu(), target=builders.cpu_machine().target, torch=builders.cpu_machine().torch),
        "Intel Arc B580 Graphics could be used",
        "backend=xpu",
        "warning",
    ),
    Fires(
        "PT820",
        "beside an NVIDIA GPU",
        replace(builders.machine(), intel=xpu().intel),
        "could be used",
        "backend=xpu",
        "note",
    ),
    Fires(
        "PT820",
        "torch's words",
        report("AssertionError: Torch not compiled with XPU enabled"),
        "without xpu",
        "backend=xpu",
    ),
    Fires(
        "PT821",
        "no Level Zero",
        absent(no_xpu(), "intel.level_zero_loader", "intel.level_zero_gpu"),
        "libze_loader.so.1 and libze_intel_gpu.so.1 are missing",
        "libze1",
    ),
    Fires("PT821", "torch's words", report(XPU_FAILED), "no driver for the Intel GPU", "Level Zero"),
    Fires(
        "PT822",
        "not in the group",
        no_xpu(host(xpu(), device_nodes=(node("/dev/dri/renderD128", group="render", open_errno=13),))),
        "renderD128: it belongs to the group render",
        "gpasswd -a $USER render",
    ),
    Fires("PT822", "the words", report("/dev/dri/renderD128: Permission denied"), "Intel GPU", "gpasswd"),
    Fires(
        "PT823",
        "an unsupported one",
        no_xpu(xpu("Intel UHD Graphics 770")),
        "not among the supported families",
        "backend=cpu",
        "warning",
    ),
    Fires(
        "PT823",
        "hidden",
        env(no_xpu(), ZE_AFFINITY_MASK="3"),
        "ZE_AFFINITY_MASK=3 may hide it",
        "unset ZE_AFFINITY_MASK",
        "warning",
    ),
    Fires(
        "PT823",
        "Level Zero sees it",
        no_xpu(replace(xpu(), intel=replace(xpu().intel, level_zero_count=1))),
        "Level Zero sees 1, torch none",
        "backend=xpu",
        "warning",
    ),
    Fires(
        "PT824",
        "another release",
        with_dists(builders.distribution("intel-extension-for-pytorch", "2.7.10+xpu")),
        "belongs to torch 2.7",
        "uninstall",
        "note",
    ),
    Fires(
        "PT824",
        "its import fails",
        report("ImportError: intel_extension_for_pytorch/lib/libintel-ext-pt-cpu.so: undefined symbol: _ZN2at"),
        "does not go with",
        "uninstall",
    ),
    Fires("PT840", "an old macOS", mps("12.2.1", "2.14.1"), "macOS 12.2.1 is older than 14.0", "upgrade macOS"),
    Fires("PT840", "a virtual machine", mps(apple=Apple(is_virtual=True)), "virtual machine", "on the Mac itself"),
    Fires("PT840", "some other reason", mps(), "no Metal device", "newest torch"),
    Fires(
        "PT840",
        "torch's words",
        report(MPS_OLD, host=Host(system="macos", version="13.6")),
        "13.6 is older than 14.0",
        "upgrade macOS to 14.0",
    ),
    Fires(
        "PT841",
        "an operator",
        report("NotImplementedError: The operator 'aten::linalg_svd' is not currently implemented for the MPS device."),
        "aten::linalg_svd",
        "PYTORCH_ENABLE_MPS_FALLBACK=1",
        "note",
    ),
    Fires(
        "PT842",
        "the limit",
        report("RuntimeError: MPS backend out of memory (MPS allocated: 8.0 GB, max allowed: 9.07 GB)."),
        "share of the memory",
        "smaller batches",
        "warning",
    ),
    Fires(
        "PT860", "flags, and a death", said(cpu(flags=OLD_FLAGS), ILLEGAL), "has no AVX2, and a program died", "AVX2"
    ),
    Fires(
        "PT860",
        "a virtual model",
        replace(
            failed(cpu(flags=OLD_FLAGS, model="QEMU Virtual CPU", is_virtual=True), "x"),
            torch=Torch(result=ImportResult(module="torch", is_ok=False, signal=4)),
        ),
        "shows no AVX2",
        "x86-64-v3",
    ),
    Fires(
        "PT860",
        "by the model",
        replace(report(ILLEGAL), host=Host(cpu=Cpu(model="Intel(R) Celeron(R) J4105 CPU @ 1.50GHz"))),
        "J4105",
        "AVX2",
    ),
    Fires("PT860", "it works all the same", cpu(flags=OLD_FLAGS), "has no AVX2", "AVX2", "note"),
    Fires("PT861", "the message", report(ERROR_15), "two OpenMP libraries", "package manager"),
    Fires(
        "PT861",
        "two of Intel's are loaded",
        dead(builders.cpu_machine(), mapped_libraries=("/a/libiomp5.so", "/b/libiomp5.so")),
        "/a/libiomp5.so, /b/libiomp5.so",
        "numpy",
        "warning",
    ),
    Fires(
        "PT861",
        "two DLLs in conda",
        with_target(
            windows(builders.cpu_machine()),
            is_conda=True,
            openmp_libraries=("C:\\c\\Library\\bin\\libiomp5md.dll", "C:\\c\\Lib\\torch\\lib\\libiomp5md.dll"),
        ),
        "lie in this environment",
        "nomkl",
        "warning",
    ),
    Fires(
        "PT862",
        "four processes",
        env(dead(builders.cpu_machine(), num_threads=32), LOCAL_WORLD_SIZE="4"),
        "32 threads in each of 4 processes",
        "OMP_NUM_THREADS=8",
        "warning",
    ),
    Fires(
        "PT862",
        "a quota",
        dead(cpu(usable_cores=4.0), num_threads=32),
        "4 cores may be used",
        "OMP_NUM_THREADS=4",
        "warning",
    ),
    Fires("PT863", "two nodes", cpu(numa_nodes=2), "2 memory nodes", "numactl --cpunodebind=0", "note"),
    Fires(
        "PT864",
        "hybrid",
        cpu(performance_cores="0-15", efficiency_cores="16-23"),
        "Cores 0-15 are fast",
        "taskset -c 0-15",
        "note",
    ),
    Fires(
        "PT865",
        "spoken of",
        report("training on CPU becomes slower, maybe denormal numbers"),
        "denormal",
        "set_flush_denormal",
        "note",
    ),
)

SILENT = (
    Silent("PT801", "it is there", amd()),
    Silent("PT801", "Windows has none", windows(builders.cpu_machine())),
    Silent("PT801", "nobody looked", host(no_rocm(), device_nodes=None)),
    Silent(
        "PT801",
        "ROCm is not wanted",
        host(replace(builders.machine(), amd=amd().amd), device_nodes=(node("/dev/kfd", exists=False),)),
    ),
    Silent("PT802", "it opens", amd()),
    Silent("PT802", "it opens, whatever the text says", said(no_rocm(), "/dev/kfd: Permission denied")),
    Silent("PT803", "in the list", amd()),
    Silent("PT803", "claimed as another", replace(no_rocm(amd("gfx1031")), env={"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})),
    Silent("PT803", "an NVIDIA GPU", said(builders.machine(), INVALID)),
    Silent("PT804", "one card", amd()),
    Silent("PT804", "the card is chosen", replace(amd("gfx1100", "x", INTERNAL), env={"HIP_VISIBLE_DEVICES": "0"})),
    Silent("PT805", "near enough", replace(amd(), amd=replace(amd().amd, kernel_driver_version="6.12.12"))),
    Silent("PT805", "a module of unknown ROCm", replace(amd(), amd=replace(amd().amd, kernel_driver_version="6.2.4"))),
    Silent("PT805", "the driver inside the kernel", amd()),
    Silent("PT806", "the right one", builders.machine()),
    Silent("PT806", "both makers", replace(builders.machine(), amd=amd().amd)),
    Silent("PT806", "an integrated GPU that torch does not serve", cuda_wheel_on(xpu("Intel UHD Graphics 770"))),
    Silent("PT806", "the user wants the CPU", cuda_wheel_on(amd()), "cpu"),
    Silent(
        "PT807",
        "passed through",
        host(
            amd("gfx1100", "a", AmdGpu(node=2, gfx="gfx1100", is_apu=False)),
            iommu_groups=2,
            kernel_command_line="iommu=pt",
        ),
    ),
    Silent("PT807", "one", host(amd(), iommu_groups=2, kernel_command_line="quiet")),
    Silent("PT808", "Linux", amd()),
    Silent("PT808", "an NVIDIA GPU", windows()),
    Silent("PT809", "not installed", amd()),
    Silent("PT820", "the xpu build", xpu()),
    Silent(
        "PT820",
        "an older GPU",
        replace(
            xpu("Intel UHD Graphics 770"), target=builders.cpu_machine().target, torch=builders.cpu_machine().torch
        ),
    ),
    Silent("PT821", "all there", no_xpu()),
    Silent("PT821", "another build", absent(builders.machine(), "intel.level_zero_loader")),
    Silent("PT822", "it opens", no_xpu()),
    Silent("PT822", "AMD's render node", host(amd(), device_nodes=(node("/dev/dri/renderD128", open_errno=13),))),
    Silent("PT823", "it is used", xpu()),
    Silent("PT824", "its pair", with_dists(builders.distribution("intel-extension-for-pytorch", "2.14.0"))),
    Silent("PT840", "available", replace(mac(), torch=replace(mac().torch, is_mps_built=True, is_mps_available=True))),
    Silent(
        "PT840",
        "an Intel Mac",
        replace(
            mac(machine="x86_64", hardware="x86_64"),
            torch=replace(mac().torch, is_mps_built=True, is_mps_available=False),
        ),
    ),
    Silent("PT840", "Linux", builders.machine()),
    Silent("PT841", "nothing said", mac()),
    Silent("PT842", "nothing said", mac()),
    Silent("PT860", "AVX2 without AVX-512", builders.cpu_machine()),
    Silent("PT860", "AVX2, and a death of another kind", said(builders.cpu_machine(), ILLEGAL)),
    Silent("PT860", "flags not known", cpu(flags=None, model="Intel(R) Celeron(R) J4105 CPU")),
    Silent("PT860", "ARM", host(builders.cpu_machine(), machine="aarch64", cpu=Cpu(flags=("fp", "asimd")))),
    Silent("PT861", "one", dead(builders.cpu_machine(), mapped_libraries=("/a/libgomp-a34b3233.so.1",))),
    Silent(
        "PT861",
        "the same file twice",
        dead(builders.cpu_machine(), mapped_libraries=("/a/libgomp.so.1", "/a/libgomp.so.1")),
    ),
    Silent("PT862", "as many as cores", dead(builders.cpu_machine(), num_threads=16)),
    Silent("PT863", "one node", builders.cpu_machine()),
    Silent("PT863", "bound", cpu(numa_nodes=2, affinity_cores=16)),
    Silent("PT864", "all alike", builders.cpu_machine()),
    Silent("PT865", "not spoken of", builders.cpu_machine()),
)


def test_the_right_build_is_the_planners_choice():
    (found,) = findings(RULES, "PT806", cuda_wheel_on(amd()))
    (fix,) = found.fixes
    assert fix.needs_plan == ("torch",)
    assert not fix.commands


def test_a_gpu_by_its_name_on_the_bus():
    """A report that names the card only on the bus counts as well."""
    snapshot = replace(
        report(),
        host=Host(system="linux", pci=(PciDevice(vendor="1002", class_code="030000", name="AMD Radeon RX 7900 XTX"),)),
        **only_target(wheel=Wheel(version="2.8.0+cu128", cuda="12.8")),
    )
    assert findings(RULES, "PT806", snapshot)


def test_an_intel_gpu_in_a_report_counts():
    snapshot = replace(report(), intel=Intel(gpus=(IntelGpu(name="Intel Arc A770"),)), nvidia=Nvidia(gpus=()))
    assert findings(RULES, "PT806", replace(snapshot, **only_target(wheel=Wheel(version="2.8.0+cu128", cuda="12.8"))))


def test_another_wheel_of_the_same_maker_is_no_matter_here():
    assert not findings(RULES, "PT806", wheel("2.15.0+cu132"))


def test_no_target_is_claimed_that_no_build_has():
    """The stop-gap makes another target of the GPU; that one must be in some build."""
    found = findings(RULES, "PT803", dead(amd("gfx803", "AMD Radeon RX 580")))[0]
    assert not any("HSA_OVERRIDE" in (fix.shell or "") for fix in found.fixes)


def test_numpy_is_not_upgraded_by_the_way():
    """Two OpenMP libraries: the same versions again, from one maker; nothing is added."""
    snapshot = dead(builders.cpu_machine(), mapped_libraries=("/a/libiomp5.so", "/b/libiomp5.so"))
    (again, *_) = findings(RULES, "PT861", snapshot)[0].fixes
    assert again.commands[0][-1] == "numpy==2.3.4"
    assert not any("scipy" in word for word in again.commands[0])
