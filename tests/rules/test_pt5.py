"""PT5xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

import pytest

from ptsetup.facts import (
    CudaDriver,
    Gpu,
    GpuProcess,
    Host,
    Intel,
    IntelGpu,
    KernelLog,
    MigDevice,
    Nvidia,
    Nvml,
    PciDevice,
    Service,
    Smi,
    Wheel,
    Xid,
    replace,
)
from ptsetup.rules import _nvidia, pt5_driver
from tests import builders
from tests.rules.harms import GIB, bare_driver, card, cards, container, cuda, dead, driver, env, host, node, wheel
from tests.rules.judging import Fires, Silent, findings, mac, only_target, report, said

RULES = pt5_driver.RULES
NO_DRIVER = "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"
BUSY = "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable"
TOO_OLD = "UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 11040)."
GTX_1080 = PciDevice(vendor="10de", device="1b80", class_code="030000", bdf="0000:01:00.0", driver=None)
RTX_5090 = PciDevice(vendor="10de", device="2b85", class_code="030000", bdf="0000:01:00.0", driver=None)
TORCH_ACCOUNT = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.60 GiB of which "
    "1.10 GiB is free. Process 77 has 20.00 GiB memory in use. Including non-PyTorch memory, this process has 2.0 GiB memory in use."
)
FELL_OFF = "NVRM: Xid (PCI:0000:01:00): 79, pid=77, GPU has fallen off the bus."


def unlisted(device, flavour="open", version="580.95.05"):
    """The driver runs and does not list that card."""
    nvml = Nvml(init_rc=0, driver_version=version, count=0, count_rc=0)
    section = replace(
        builders.nvidia(), nvml=nvml, gpus=(), kernel_module_flavor=flavour, kernel_module_version=version,
        user_library_version=version,
    )  # fmt: skip
    return host(replace(dead(), nvidia=section), pci=(device,))


def log(*xids, snapshot=None, **changes):
    return host(snapshot, kernel_log=KernelLog(is_readable=True, xids=xids, **changes))


def nvml(snapshot=None, **changes):
    machine = dead(snapshot)
    return driver(machine, nvml=replace(machine.nvidia.nvml, **changes))


def old_driver(version="470.161.03", speaks=(11, 4), snapshot=None):
    machine = dead(snapshot)
    return driver(
        machine,
        kernel_module_version=version,
        user_library_version=version,
        nvml=replace(machine.nvidia.nvml, driver_version=version, cuda_driver_version=speaks),
    )


FIRES = (
    Fires("PT501", "a card and nothing of a driver", bare_driver(), "no NVIDIA driver is installed", "ubuntu-drivers"),
    Fires(
        "PT501", "on Fedora", host(bare_driver(), distribution="fedora", distribution_like=()), "driver", "akmod-nvidia"
    ),
    Fires(
        "PT501",
        "the words of torch alone",
        report(NO_DRIVER),
        "does not show whether there is an NVIDIA GPU",
        "If there is an NVIDIA GPU: install its driver",
        "warning",
    ),
    Fires(
        "PT501",
        "the words of torch, and a card",
        report(NO_DRIVER, nvidia=Nvidia(gpus=(Gpu(name="RTX 3070"),))),
        "for RTX 3070",
        "install the NVIDIA driver",
    ),
    Fires(
        "PT501",
        "no nvidia-smi, and a card is named",
        report("nvidia-smi: command not found", nvidia=Nvidia(gpus=(Gpu(name="RTX 3070"),))),
        "RTX 3070",
        "driver",
    ),
    Fires("PT502", "CUDA 12.6 on a driver for 11.4", old_driver(), "speaks CUDA 11.4 at most", "nvidia-driver-535"),
    Fires("PT502", "both ways out", old_driver(), "525.60.13", "or install a build of torch that this driver carries"),
    Fires(
        "PT502",
        "by the driver's version alone",
        replace(
            report(),
            nvidia=Nvidia(smi=Smi(driver_version="460.32.03")),
            host=Host(system="linux"),
            **only_target(wheel=Wheel(version="2.1.0+cu121", cuda="12.1")),
        ),
        "460.32.03",
        "torch",
    ),
    Fires(
        "PT502",
        "before CUDA 11 the minor counts",
        replace(
            report(),
            nvidia=Nvidia(smi=Smi(driver_version="410.104")),
            host=Host(system="linux"),
            **only_target(wheel=Wheel(version="1.5.0", cuda="10.2")),
        ),
        "440.33",
        "torch",
    ),
    Fires("PT502", "the words of torch", report(TOO_OLD), "older", "torch"),
    Fires(
        "PT502",
        "a Kepler card has no newer driver",
        old_driver(snapshot=card(name="Tesla K80", compute_capability=(3, 7))),
        "11.4",
        "install a build of torch",
    ),
    Fires(
        "PT503", "NVML says 18", nvml(init_rc=18, driver_version=None, count=None), "different versions", "sudo reboot"
    ),
    Fires(
        "PT503",
        "two versions",
        driver(dead(), user_library_version="590.48.01"),
        "580.95.05 and 590.48.01",
        "rmmod nvidia_drm",
    ),
    Fires(
        "PT503",
        "nvidia-smi says so",
        driver(builders.cpu_machine(), smi=Smi(message="Failed to initialize NVML: Driver/library version mismatch")),
        "different versions",
        "reboot",
    ),
    Fires(
        "PT503",
        "code 803 on a plain machine",
        report("Error 803: system has unsupported display driver / cuda driver combination"),
        "different versions",
        "reboot",
    ),
    Fires(
        "PT504",
        "libraries without a module",
        host(
            driver(nvml(init_rc=9, driver_version=None, count=None), kernel_module_version=None),
            kernel_modules=(),
            kernel_modules_available=(),
        ),
        "none was built for kernel 6.8.0-60-generic",
        "dkms autoinstall",
    ),
    Fires(
        "PT504",
        "built, not loaded",
        host(driver(nvml(init_rc=9, driver_version=None, count=None), kernel_module_version=None), kernel_modules=()),
        "although it is there",
        "modprobe nvidia",
    ),
    Fires(
        "PT504",
        "the words of nvidia-smi",
        report("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."),
        "not loaded",
        "modprobe",
    ),
    Fires(
        "PT505",
        "nouveau holds the card",
        host(bare_driver(), pci=(replace(GTX_1080, driver="nouveau"),), kernel_modules=("nouveau",)),
        "nouveau holds",
        "blacklist nouveau",
    ),
    Fires("PT505", "the kernel's words", report("NVRM: nouveau, rivafb, nvidiafb or rivatv"), "nouveau", "blacklist"),
    Fires(
        "PT506",
        "on, built, not loaded",
        host(
            bare_driver(),
            is_secure_boot=True,
            kernel_modules_available=("nvidia",),
            kernel_modules_unsigned=("nvidia",),
        ),
        "Secure Boot is on",
        "mokutil --import",
    ),
    Fires(
        "PT506",
        "the kernel's words",
        report("modprobe: ERROR: could not insert 'nvidia': Required key not available"),
        "signing key",
        "mokutil",
    ),
    Fires(
        "PT507",
        "Blackwell with the proprietary flavour",
        unlisted(RTX_5090, "proprietary"),
        "only with NVIDIA's open kernel modules",
        "nvidia-driver-580-open",
    ),
    Fires(
        "PT507",
        "the kernel's words",
        report("NVRM: installed in this system requires use of the NVIDIA open kernel modules."),
        "open kernel modules",
        "open flavour",
    ),
    Fires("PT508", "Pascal with the open flavour", unlisted(GTX_1080), "older than Turing", "nvidia-driver-580"),
    Fires(
        "PT508",
        "the kernel's words",
        report("NVRM: nvidia.ko because it does not include the required GPU"),
        "older than Turing",
        "proprietary",
    ),
    Fires(
        "PT509",
        "branch 595 and a Pascal card",
        unlisted(GTX_1080, "proprietary", "595.71.05"),
        "580 was the last branch",
        "nvidia-driver-580",
    ),
    Fires(
        "PT509",
        "the kernel's words",
        report("NVRM:  supported through the NVIDIA 470.xx Legacy drivers. Please"),
        "470 was the last branch",
        "branch 470",
    ),
    Fires(
        "PT509",
        "a card and a driver in a report",
        report(nvidia=Nvidia(smi=Smi(driver_version="590.48.01"), gpus=(Gpu(name="NVIDIA GeForce GTX 1070"),))),
        "Driver 590.48.01 no longer supports NVIDIA GeForce GTX 1070",
        "branch 580",
    ),
    Fires(
        "PT510",
        "a module without its files",
        host(
            nvml(init_rc=9, count=None),
            device_nodes=(node("/dev/nvidiactl", exists=False), node("/dev/nvidia0", exists=False)),
        ),
        "/dev/nvidiactl, /dev/nvidia0 do not exist",
        "nvidia-modprobe",
    ),
    Fires(
        "PT511",
        "not in the group",
        host(
            nvml(init_rc=4, count=None),
            device_nodes=(node("/dev/nvidiactl", mode="660", group="video", open_errno=13),),
        ),
        "mode 660, group video",
        "usermod -aG video",
    ),
    Fires(
        "PT511",
        "only root may",
        replace(
            report("Torch is not able to use GPU (works as superuser)"),
            host=Host(device_nodes=(node("/dev/nvidia0", mode="660", group="video", open_errno=None),)),
        ),
        "/dev/nvidia0",
        "usermod",
    ),
    Fires(
        "PT511",
        "NVML's words",
        report("Failed to initialize NVML: Insufficient Permissions"),
        "refuses this user",
        "NVreg_DeviceFileMode",
    ),
    Fires(
        "PT512",
        "NVML works, CUDA does not",
        host(cuda(999), kernel_modules=("nvidia",)),
        "nvidia_uvm is not loaded",
        "nvidia-modprobe -u",
    ),
    Fires(
        "PT512",
        "no file in a container",
        container(cuda(999), device_nodes=(node("/dev/nvidia-uvm", exists=False),)),
        "/dev/nvidia-uvm does not exist",
        "create the container anew",
    ),
    Fires("PT513", "999", cuda(999), "gives no reason (code 999)", "rmmod nvidia_uvm"),
    Fires("PT513", "3 from cuInit itself", cuda(3), "gives no reason (code 3)", "rmmod nvidia_uvm"),
    Fires("PT513", "999 after suspend", log(snapshot=cuda(999), has_resume=True), "suspended before", "nvidia-suspend"),
    Fires(
        "PT513",
        "code 3 in a report",
        report("CUDA initialization: CUDA driver initialization failed, you might not have a CUDA gpu."),
        "code 3",
        "restart",
        "warning",
    ),
    Fires(
        "PT513",
        "in old words",
        report("RuntimeError: cuda runtime error (999) : unknown error at THCGeneral.cpp:50"),
        "999",
        "rmmod nvidia_uvm",
    ),
    Fires("PT514", "handle code 15", card(dead(), handle_rc=15), "is lost", "sudo reboot"),
    Fires("PT514", "Xid 79", log(Xid(code=79, bdf="0000:01:00", text=FELL_OFF)), "0000:01:00 is lost", "power cables"),
    Fires(
        "PT514",
        "nvidia-smi's words",
        report("Unable to determine the device handle for GPU 0000:02:00.0: Unknown Error"),
        "is lost",
        "reboot",
    ),
    Fires("PT515", "the driver asks for a reset", card(recovery_action=1), "needs a reset", "nvidia-smi -r -i 0"),
    Fires("PT515", "the driver asks for a restart", card(recovery_action=2), "needs a restart", "reboot"),
    Fires("PT515", "return code 16", card(handle_rc=16), "reset", "nvidia-smi -r"),
    Fires(
        "PT516",
        "counted since the start",
        card(ecc_uncorrected_volatile=3),
        "counted 3 uncorrectable memory errors",
        "nvidia-smi -r -i 0",
    ),
    Fires(
        "PT516",
        "counted in its life",
        card(ecc_uncorrected_volatile=0, ecc_uncorrected_aggregate=2),
        "none since the last start",
        "exchanged",
        "warning",
    ),
    Fires(
        "PT516",
        "CUDA's words",
        report("RuntimeError: CUDA error: uncorrectable ECC error encountered"),
        "uncorrectable error",
        "exchanged",
    ),
    Fires("PT517", "a row waits", card(remapped_pending=True), "at its next reset", "nvidia-smi -r", "warning"),
    Fires("PT517", "no spare row", card(remapped_failed=True), "has to be exchanged", "exchanged"),
    Fires(
        "PT518",
        "an application's error",
        log(Xid(code=31, bdf="0000:01:00")),
        "Xid 31 at 0000:01:00",
        "program",
        "note",
    ),
    Fires("PT518", "firmware", log(Xid(code=119), Xid(code=119)), "(2 times)", "Reset the GPU"),
    Fires("PT519", "802", cuda(802), "not ready", "systemctl enable --now nvidia-fabricmanager"),
    Fires("PT519", "fabric not started", card(dead(), fabric_state=1), "not ready", "fabric"),
    Fires(
        "PT519",
        "other version",
        host(
            card(dead(), fabric_state=2),
            services=(Service(name="nvidia-fabricmanager", is_active=False, version="570.86.15-1"),),
        ),
        "version 570.86.15",
        "nvidia-fabricmanager-580=580.95.05",
    ),
    Fires(
        "PT519",
        "the manager's words",
        report(
            "fabric manager NVIDIA GPU driver interface version 530.30.02 don't match with driver version 530.41.03."
        ),
        "530.30.02",
        "530.41.03",
    ),
    Fires(
        "PT520",
        "degraded bandwidth",
        card(fabric_state=3, fabric_health_mask=0x1A9),
        "bandwidth is degraded",
        "nvlink",
        "warning",
    ),
    Fires(
        "PT520",
        "a link fewer than the others",
        cards({"nvlinks_active": 18, "nvlinks_inactive": 0}, {"nvlinks_active": 17, "nvlinks_inactive": 1}),
        "17 of 18",
        "nvlink",
        "warning",
    ),
    Fires(
        "PT521",
        "no instance",
        card(dead(), mig_current=1, mig_pending=1, mig_devices=()),
        "has no instance",
        "mig -i 0",
    ),
    Fires(
        "PT521",
        "waits for a reset",
        card(mig_current=1, mig_pending=0, mig_devices=(MigDevice(uuid="MIG-1"),)),
        "waits for a reset to turn MIG off",
        "-r -i 0",
    ),
    Fires(
        "PT522",
        "two instances, none chosen",
        card(mig_current=1, mig_pending=1, mig_devices=(MigDevice(uuid="MIG-1"), MigDevice(uuid="MIG-2"))),
        "2 MIG instances",
        "CUDA_VISIBLE_DEVICES=MIG-1",
        "warning",
    ),
    Fires(
        "PT522",
        "torch's words",
        said(
            card(mig_current=1, mig_devices=(MigDevice(uuid="MIG-1"), MigDevice())),
            "RuntimeError: device >= 0 && device < num_gpus INTERNAL ASSERT FAILED",
        ),
        "one of them only",
        "MIG-1",
    ),
    Fires(
        "PT523",
        "exclusive, and held",
        card(compute_mode=3, processes=(GpuProcess(pid=42),)),
        "process 42 holds it",
        "-c 0",
        "warning",
    ),
    Fires("PT523", "prohibited", card(compute_mode=2), "prohibited", "-c 0"),
    Fires("PT523", "46 in default mode", cuda(46), "default", "reset it"),
    Fires(
        "PT523",
        "CUDA's words",
        report(BUSY, "nvidia-smi -c 3"),
        "one process in only",
        "-c 0",
    ),
    Fires(
        "PT523",
        "CUDA's words alone",
        report(BUSY, nvidia=Nvidia(gpus=(Gpu(name="RTX 3070"),))),
        "does not show whether a compute mode",
        "If a mode is not Default",
        "warning",
    ),
    Fires(
        "PT523",
        "CUDA's words, and a mode that lets all in",
        report(BUSY, nvidia=Nvidia(gpus=(Gpu(name="RTX 3070", compute_mode=0),))),
        "although its compute mode is default",
        "reset it",
        "warning",
    ),
    Fires(
        "PT524",
        "somebody else's job",
        card(
            memory_free_bytes=2 * GIB,
            memory_used_bytes=22 * GIB,
            processes=(GpuProcess(pid=42, memory_bytes=21 * GIB, user="eve", name="/usr/bin/python3", is_own=False),),
        ),
        "process 42 (eve, python3, 21.0 GiB)",
        "kill 42",
        "warning",
    ),
    Fires(
        "PT524",
        "torch's account",
        report(TORCH_ACCOUNT),
        "process 77 (20.00 GiB)",
        "77",
        "warning",
    ),
    Fires("PT525", "no process", card(memory_used_bytes=9 * GIB), "9.0 GiB", "fuser", "warning"),
    Fires("PT525", "no process in a container", container(card(memory_used_bytes=9 * GIB)), "9.0 GiB", "fuser", "note"),
    Fires(
        "PT526",
        "hot in every sample",
        card(clocks_event_samples=(0x20, 0x60, 0x21), temperature_c=93),
        "because of heat at 93",
        "cooler",
        "warning",
    ),
    Fires("PT526", "nearly", card(temperature_c=88, temperature_slowdown_c=90), "at 90", "air", "warning"),
    Fires("PT527", "brake", card(clocks_event_reasons=0x80), "power supply", "cables", "warning"),
    Fires("PT527", "cap", card(power_limit_mw=200_000, power_default_limit_mw=450_000), "200 W", "-pl 450", "note"),
    Fires("PT528", "half the lanes", card(pcie_width=8, pcie_width_max=16), "8 lanes of 16", "slot", "note"),
    Fires("PT528", "one lane", card(pcie_width=1, pcie_width_max=16), "1 lanes of 16", "slot", "warning"),
    Fires("PT529", "a small window", card(bar1_total_bytes=256 * 1024**2), "256 MiB", "Resizable BAR", "note"),
    Fires(
        "PT529",
        "a card without a window",
        host(unlisted(RTX_5090), pci=(replace(RTX_5090, bar1_bytes=0),)),
        "does not list it",
        "Above 4G",
    ),
    Fires("PT529", "the kernel's words", report("NVRM: BAR1 is 0M @ 0x0 (PCI:0000:01:00.0)"), "no window", "Above 4G"),
    Fires(
        "PT530",
        "content was wrong",
        dead(builders.machine(), is_cuda_available=True, p2p_problems=("GPU 0 to GPU 1: wrong content",)),
        "GPU 0 to GPU 1",
        "iommu=pt",
    ),
    Fires(
        "PT530",
        "the IOMMU redirects",
        host(cards({"p2p": {"1": 0}}, {"p2p": {"0": 0}}), iommu_groups=2, kernel_command_line="quiet splash"),
        "redirects",
        "iommu=pt",
        "warning",
    ),
    Fires(
        "PT530", "it works without", report("it works with NCCL_P2P_DISABLE=1"), "NCCL_P2P_DISABLE=1", "ACS", "warning"
    ),
    Fires(
        "PT531",
        "a slow start",
        card(driver(cuda=CudaDriver(init_rc=0, count=1, seconds=4.2)), is_persistent=False),
        "4.2 s",
        "nvidia-persistenced",
        "note",
    ),
    Fires("PT532", "no power", card(dead(), handle_rc=8), "no external power", "power plugs"),
    Fires(
        "PT532",
        "nvidia-smi's words",
        report("some external power cables are not attached to GPU 0000:01:00.0", "NVML_ERROR_INSUFFICIENT_POWER"),
        "power",
        "power plugs",
    ),
    Fires(
        "PT533", "return code 14", card(call_errors={"nvmlDeviceGetInforomVersion": 14}), "infoROM", "vendor", "warning"
    ),
    Fires(
        "PT533",
        "nvidia-smi's words",
        report("WARNING: infoROM is corrupted at gpu 0000:65:00.0"),
        "infoROM",
        "vendor",
        "warning",
    ),
    Fires("PT534", "805", cuda(805), "code 805", "nvidia-cuda-mps-control -d"),
    Fires(
        "PT534",
        "a folder without a daemon",
        env(driver(dead(), mps_daemon_runs=False), CUDA_MPS_PIPE_DIRECTORY="/run/mps"),
        "/run/mps",
        "unset CUDA_MPS_PIPE_DIRECTORY",
        "warning",
    ),
    Fires("PT535", "NVML hangs", nvml(init_rc=None, count=None, is_hung=True), "NVML does not answer", "reboot"),
    Fires(
        "PT535",
        "nvidia-smi hangs",
        driver(builders.cpu_machine(), smi=Smi(path="/home/user/bin/nvidia-smi", is_hung=True)),
        "/home/user/bin/nvidia-smi",
        "reboot",
    ),
    Fires(
        "PT535",
        "a program of that name hangs, NVML answers",
        driver(smi=Smi(path="/home/user/bin/nvidia-smi", is_hung=True)),
        "/home/user/bin/nvidia-smi does not return, although NVML itself answers",
        "type -a nvidia-smi",
    ),
    Fires(
        "PT535",
        "a program of that name hangs where no NVML is",
        driver(nvml=Nvml(load_error="not found", init_rc=12), smi=Smi(path="/home/user/bin/nvidia-smi", is_hung=True)),
        "although there is no NVML that it could ask",
        "type -a nvidia-smi",
    ),
    Fires(
        "PT536",
        "a CUDA build without a GPU",
        replace(dead(), host=builders.host(pci=()), nvidia=Nvidia(libraries=(), gpus=None)),
        "no NVIDIA GPU",
        "use the CPU",
        "note",
    ),
    Fires(
        "PT536",
        "a program that asks for CUDA",
        replace(report(NO_DRIVER), host=Host(pci=(PciDevice(vendor="8086", name="Intel HD Graphics 520"),))),
        "Intel HD Graphics 520",
        "CPU",
    ),
    Fires("PT536", "CUDA is expected", replace(builders.cpu_machine()), "no NVIDIA GPU", "CPU", expect="cuda"),
    Fires(
        "PT536",
        "a Mac",
        said(mac(), "AssertionError: Torch not compiled with CUDA enabled"),
        "it is a Mac",
        'device="mps"',
    ),
)

FIRES += (
    Fires(
        "PT511",
        "a container's user is in no such group",
        container(
            nvml(init_rc=4, count=None),
            device_nodes=(node("/dev/nvidiactl", mode="660", group="video", gid=44, open_errno=13),),
        ),
        "mode 660, group video",
        "--group-add 44",
    ),
    Fires(
        "PT511",
        "root alone sees the GPU",
        report("torch finds the GPU only if I use the root user", "unexpected error from cudaGetDeviceCount()"),
        "refuses this user",
        "usermod",
        "warning",
    ),
    Fires(
        "PT536",
        "a person says that there is none",
        report("AssertionError: Torch not compiled with CUDA enabled", "my computer doesn't have a GPU"),
        "the program asks for CUDA",
        "CPU",
    ),
    Fires(
        "PT502",
        "the release alone, in a report",
        report(
            nvidia=Nvidia(smi=Smi(driver_version="410.78", cuda_version="10.0")),
            torch=replace(dead().torch, version=None, cuda_build_version=None, arch_list=None),
            **only_target(wheel=Wheel(version="1.4.0")),
        ),
        "built with CUDA 10.1",
        "418.39",
    ),
)

SILENT = (
    Silent("PT501", "healthy", builders.machine()),
    Silent("PT501", "inside a container", container(bare_driver())),
    Silent("PT501", "in WSL", host(bare_driver(), wsl=2)),
    Silent(
        "PT501",
        "the card is given to a virtual machine",
        host(bare_driver(), pci=(replace(GTX_1080, driver="vfio-pci"),)),
    ),
    Silent("PT501", "nobody could look for libraries", bare_driver(libraries=None, nvml=None)),
    Silent(
        "PT501",
        "the driver's version is known",
        replace(report(NO_DRIVER), nvidia=Nvidia(smi=Smi(driver_version="550.54"))),
    ),
    Silent("PT502", "the same major", old_driver("535.183.01", (12, 2))),
    Silent(
        "PT502", "the compat library works", driver(old_driver(), cuda=CudaDriver(init_rc=0, version=(12, 6), count=1))
    ),
    Silent("PT502", "CUDA works all the same", replace(old_driver(), torch=builders.torch())),
    Silent(
        "PT502",
        "the driver is not known",
        driver(dead(), kernel_module_version=None, user_library_version=None, nvml=None),
    ),
    Silent("PT503", "one version", builders.machine()),
    Silent(
        "PT503",
        "the compat folder is in play",
        env(driver(dead(), user_library_version="590.48.01"), LD_LIBRARY_PATH="/usr/local/cuda/compat"),
    ),
    Silent("PT503", "a version cut short", driver(dead(), user_library_version="580.95")),
    Silent("PT504", "no access from a container", container(nvml(init_rc=9, count=None))),
    Silent("PT504", "nobody could read the modules", host(nvml(init_rc=12, count=None), kernel_modules=None)),
    Silent("PT505", "nvidia holds it", host(kernel_modules=("nvidia", "nouveau"))),
    Silent("PT506", "off", host(bare_driver(), is_secure_boot=False, kernel_modules_available=("nvidia",))),
    Silent(
        "PT506", "nobody could read it", host(bare_driver(), is_secure_boot=None, kernel_modules_available=("nvidia",))
    ),
    Silent("PT507", "open flavour", unlisted(RTX_5090, "open")),
    Silent("PT507", "an older card", unlisted(GTX_1080, "proprietary")),
    Silent("PT508", "proprietary flavour", unlisted(GTX_1080, "proprietary")),
    Silent(
        "PT508",
        "a newer card, though the words fit",
        said(unlisted(RTX_5090), "NVRM: does not include the required GPU"),
    ),
    Silent(
        "PT509",
        "nvidia-smi lists it",
        report(nvidia=Nvidia(smi=Smi(driver_version="590.48"), gpus=(Gpu(name="GTX 1070", source="nvidia-smi"),))),
    ),
    Silent("PT509", "branch 580", unlisted(GTX_1080, "proprietary")),
    Silent("PT509", "a newer card", unlisted(RTX_5090, "open", "595.71.05")),
    Silent("PT510", "they exist", host(dead(), device_nodes=(node("/dev/nvidiactl"), node("/dev/nvidia0")))),
    Silent(
        "PT510",
        "a container gets some of them",
        container(dead(), device_nodes=(node("/dev/nvidiactl", exists=False),)),
    ),
    Silent("PT510", "nobody looked", dead()),
    Silent(
        "PT511",
        "not permitted any more: PT704",
        container(dead(), device_nodes=(node("/dev/nvidiactl", open_errno=1),)),
    ),
    Silent("PT536", "nobody asked for CUDA", report("my computer doesn't have a GPU")),
    Silent("PT511", "everybody may", host(dead(), device_nodes=(node("/dev/nvidiactl"),))),
    Silent("PT511", "root only, said of something else", report("the installer works only with sudo")),
    Silent("PT512", "loaded", cuda(999)),
    Silent("PT512", "CUDA works", host(driver(cuda=CudaDriver(init_rc=0, count=1)), kernel_modules=("nvidia",))),
    Silent("PT512", "WSL has none", host(cuda(999), kernel_modules=("nvidia",), wsl=2)),
    Silent("PT513", "CUDA works", driver(cuda=CudaDriver(init_rc=0, count=1))),
    Silent("PT513", "another code", cuda(100)),
    Silent("PT514", "healthy", log(Xid(code=31))),
    Silent("PT515", "none asked for", card(recovery_action=0)),
    Silent("PT516", "none counted", card(ecc_uncorrected_volatile=0, ecc_uncorrected_aggregate=0)),
    Silent("PT516", "no ECC: unknown, not zero", card(ecc_uncorrected_volatile=None)),
    Silent("PT517", "none", card(remapped_pending=False, remapped_failed=False)),
    Silent("PT517", "MIG hides it", card(mig_current=1, remapped_pending=None)),
    Silent("PT518", "a quiet log", log()),
    Silent("PT518", "a log that cannot be read", builders.machine()),
    Silent("PT519", "no fabric", card(dead(), fabric_state=0)),
    Silent("PT519", "completed", card(fabric_state=3, fabric_status=0)),
    Silent(
        "PT519",
        "the service is off where there is no fabric",
        host(dead(), services=(Service(name="nvidia-fabricmanager", is_active=False),)),
    ),
    Silent("PT520", "all is well", card(fabric_state=3, fabric_health_mask=0x1AA)),
    Silent("PT521", "off", card(mig_current=0, mig_pending=0)),
    Silent("PT521", "with an instance", card(mig_current=1, mig_pending=1, mig_devices=(MigDevice(uuid="MIG-1"),))),
    Silent(
        "PT522",
        "one is chosen",
        env(
            card(mig_current=1, mig_devices=(MigDevice(uuid="MIG-1"), MigDevice(uuid="MIG-2"))),
            CUDA_VISIBLE_DEVICES="MIG-2",
        ),
    ),
    Silent("PT523", "default mode", card(processes=(GpuProcess(pid=42),))),
    Silent("PT523", "exclusive and free", card(compute_mode=3, processes=())),
    Silent(
        "PT524",
        "one's own job",
        card(memory_free_bytes=2 * GIB, processes=(GpuProcess(pid=42, memory_bytes=21 * GIB, is_own=True),)),
    ),
    Silent(
        "PT524",
        "a display server",
        card(memory_free_bytes=10 * GIB, processes=(GpuProcess(pid=42, memory_bytes=GIB // 2, is_own=False),)),
    ),
    Silent("PT525", "a process holds it", card(memory_used_bytes=9 * GIB, processes=(GpuProcess(pid=42),))),
    Silent("PT525", "nobody could see processes", card(memory_used_bytes=9 * GIB, processes=None)),
    Silent("PT526", "idle", card(clocks_event_reasons=0x1, temperature_c=40, temperature_slowdown_c=90)),
    Silent("PT526", "hot for a moment", card(clocks_event_samples=(0x20, 0x1, 0x1))),
    Silent("PT527", "idle", card(clocks_event_reasons=0x1, power_limit_mw=450_000, power_default_limit_mw=450_000)),
    Silent(
        "PT528",
        "idle links are slow",
        card(pcie_width=16, pcie_width_max=16, pcie_generation=1, pcie_generation_max=4, performance_state=8),
    ),
    Silent("PT529", "a large window", card(bar1_total_bytes=32 * GIB)),
    Silent("PT530", "one GPU", host(iommu_groups=2, kernel_command_line="quiet")),
    Silent(
        "PT530",
        "a virtual machine",
        host(cards({"p2p": {"1": 0}}, {"p2p": {"0": 0}}), iommu_groups=2, kernel_command_line="quiet", is_virtual=True),
    ),
    Silent(
        "PT530",
        "the kernel passes it through",
        host(cards({"p2p": {"1": 0}}, {}), iommu_groups=2, kernel_command_line="iommu=pt"),
    ),
    Silent(
        "PT531", "a quick start", card(driver(cuda=CudaDriver(init_rc=0, count=1, seconds=0.2)), is_persistent=False)
    ),
    Silent("PT532", "healthy", card(handle_rc=0)),
    Silent("PT533", "healthy", card(call_errors={})),
    Silent("PT534", "no MPS", cuda(999)),
    Silent("PT534", "the daemon runs", env(driver(mps_daemon_runs=True), CUDA_MPS_PIPE_DIRECTORY="/run/mps")),
    Silent("PT535", "it answers", builders.machine()),
    Silent("PT536", "a CPU build on a CPU machine", builders.cpu_machine()),
    Silent("PT536", "nobody could read the bus", replace(dead(), host=builders.host(pci=None), nvidia=None)),
    Silent(
        "PT536",
        "an Arc card",
        replace(
            report(NO_DRIVER),
            host=Host(pci=(PciDevice(vendor="8086", name="Intel Arc A770"),)),
            intel=Intel(gpus=(IntelGpu(name="Intel Arc A770"),)),
        ),
    ),
)


def test_what_another_device_does_not_need_is_a_note():
    """Whoever says that he wants the CPU is not told of a missing driver as an error."""
    (found,) = findings(RULES, "PT501", bare_driver(), "cpu")
    assert found.severity == "note"


def test_fixes_from_inside_a_container_are_for_the_host():
    found = findings(RULES, "PT513", container(cuda(999)))[0]
    assert {fix.where for fix in found.fixes} == {"on the host"}


def test_the_windows_driver_counts_in_wsl():
    """No Linux driver is ever advised inside WSL."""
    snapshot = host(old_driver(), wsl=2)
    found = findings(RULES, "PT502", wheel("2.14.1+cu126", dead(snapshot)))[0]
    assert not any("apt" in command for fix in found.fixes for command in fix.commands)
    assert "Windows" in found.fixes[0].text


def test_debian_has_no_package_of_a_driver_for_cuda_13():
    """Its own nvidia-driver ends at 550: installing it leaves everything as it is."""
    snapshot = wheel(
        "2.15.0+cu130", host(old_driver("550.163.01", (12, 4)), distribution="debian", distribution_like=())
    )
    (finding,) = findings(RULES, "PT502", snapshot)
    assert not any("apt" in command for fix in finding.fixes for command in fix.commands)
    assert "https://developer.nvidia.com/cuda-downloads" in finding.fixes[0].text
    older = wheel("2.14.1+cu126", host(old_driver(), distribution="debian", distribution_like=()))
    assert ("sudo", "apt", "install", "nvidia-driver") in findings(RULES, "PT502", older)[0].fixes[0].commands


def test_two_modules_are_loaded_by_one_modprobe():
    """Without -a it takes the second name for a parameter of the first."""
    snapshot = driver(dead(), nvml=Nvml(init_rc=18))
    lines = [fix.shell for fix in findings(RULES, "PT503", snapshot)[0].fixes if fix.shell and "modprobe" in fix.shell]
    assert all("modprobe -a nvidia nvidia_uvm" in line for line in lines)
    assert lines


@pytest.mark.parametrize(
    ("distribution", "like", "key"),
    [
        ("ubuntu", ("debian",), "/var/lib/shim-signed/mok/MOK.der"),
        ("debian", (), "/var/lib/dkms/mok.pub"),
        ("fedora", (), "/etc/pki/akmods/certs/public_key.der"),
    ],
)
def test_the_key_is_where_the_distribution_keeps_it(distribution, like, key):
    unsigned = host(
        bare_driver(),
        distribution=distribution,
        distribution_like=like,
        is_secure_boot=True,
        kernel_modules=(),
        kernel_modules_available=("nvidia",),
    )
    commands = [command for fix in findings(RULES, "PT506", unsigned)[0].fixes for command in fix.commands]
    assert ("sudo", "mokutil", "--import", key) in commands


def test_a_fermi_is_no_kepler():
    """The GTX 560 Ti (10de:1200) is of the generation before: nothing is said of its driver branch."""
    card = PciDevice(vendor="10de", device="1200", class_code="030000", bdf="0000:01:00.0")
    assert _nvidia.capability_of_device(card) is None
    for device, capability in (
        ("0fc6", (3, 0)),
        ("1004", (3, 5)),
        ("1380", (5, 0)),
        ("13c2", (5, 2)),
        ("3182", (10, 3)),
    ):
        assert _nvidia.capability_of_device(replace(card, device=device)) == capability


def test_a_restart_of_iommu_is_by_the_distributions_tool():
    several = cards({"p2p": {"1": 0}}, {"p2p": {"0": 0}})
    for distribution, tool in (("fedora", "grubby"), ("ubuntu", "update-grub")):
        snapshot = host(
            several, iommu_groups=2, kernel_command_line="quiet", distribution=distribution, distribution_like=()
        )
        assert tool in findings(RULES, "PT530", snapshot)[0].fixes[0].shell
