"""PT7xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import (
    Cgroup,
    Gpu,
    Host,
    Jetson,
    Library,
    Memory,
    Nvidia,
    Program,
    SharedMemory,
    Torch,
    Wheel,
    replace,
)
from ptsetup.rules import pt7_containers
from tests import builders
from tests.rules.harms import (
    GIB,
    LIBCUDA,
    amd,
    bare_driver,
    card,
    cards,
    container,
    cuda,
    dead,
    driver,
    env,
    host,
    node,
)
from tests.rules.judging import Fires, Silent, findings, only_target, report, said

RULES = pt7_containers.RULES
MIB = 1024**2
NO_DRIVER = "RuntimeError: Found no NVIDIA driver on your system."
BUS_ERROR = "RuntimeError: DataLoader worker (pid 572) is killed by signal: Bus error."
KILLED = "RuntimeError: DataLoader worker (pid 572) is killed by signal: Killed."
WSL_LIBCUDA = Library(soname="libcuda.so.1", path="/usr/lib/wsl/lib/libcuda.so.1", via="ld.so.cache")
NO_GPU_NODES = (node("/dev/nvidiactl", exists=False), node("/dev/kfd", exists=False))


def empty(kind="docker"):
    """A container that got nothing of the GPU on the host."""
    machine = container(bare_driver(kernel_module_version="580.95.05"), kind, device_nodes=NO_GPU_NODES)
    return replace(machine, nvidia=replace(machine.nvidia, gpus=None))


def wsl(snapshot=None, **changes):
    """WSL2, in which torch finds no GPU."""
    machine = snapshot or dead(driver(libraries=(WSL_LIBCUDA,), kernel_module_version=None))
    return host(
        machine, wsl=2, kernel="5.15.153.1-microsoft-standard-WSL2", pci=(), device_nodes=(node("/dev/dxg"),), **changes
    )


def jetson(version, board=None, cuda_build=None, **torch):
    """A Jetson with that torch."""
    wheel = Wheel(version=version, cuda=cuda_build, has_version_file=True, requires=())
    base = builders.machine(nvidia=None)
    machine = host(base, machine="aarch64", pci=(), jetson=board or Jetson(jetpack="6.1", model="Jetson Orin Nano"))
    target = replace(builders.target(version=version), machine="aarch64", wheel=wheel)
    return replace(machine, target=target, torch=replace(dead().torch, version=version, arch_list=None, **torch))


def shm(total, free=None, **changes):
    size = SharedMemory(
        total_bytes=total,
        free_bytes=total if free is None else free,
        mode="1777",
        leftovers=changes.pop("leftovers", ()),
    )
    return host(shm=size, **changes)


FIRES = (
    Fires(
        "PT701",
        "nothing inside, a driver on the host",
        empty(),
        "/dev/nvidiactl and libcuda.so.1 are not there, though the host has one",
        "--gpus all",
    ),
    Fires("PT701", "podman", empty("podman"), "without the GPU", "nvidia.com/gpu=all"),
    Fires("PT701", "apptainer", empty("apptainer"), "without the GPU", "--nv"),
    Fires(
        "PT701",
        "AMD",
        replace(container(amd(), device_nodes=NO_GPU_NODES), torch=replace(amd().torch, is_cuda_available=False)),
        "/dev/kfd is not there",
        "--device /dev/kfd",
    ),
    Fires(
        "PT701",
        "the image says so",
        report("WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available."),
        "without the GPU",
        "--gpus all",
    ),
    Fires(
        "PT701",
        "in a container that a report shows",
        replace(report(NO_DRIVER), host=Host(container="docker")),
        "without the GPU",
        "--gpus all",
    ),
    Fires(
        "PT701",
        "started without GPUs",
        replace(
            report("docker run -it --rm image:gpu ipython"),
            host=Host(container="docker"),
            torch=Torch(result=builders.torch().result, is_cuda_available=False),
        ),
        "not to be seen inside",
        "--gpus all",
    ),
    Fires(
        "PT702",
        "docker's words",
        report('could not select device driver "" with capabilities: [[gpu]].'),
        "toolkit is missing",
        "&& sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place",
    ),
    Fires(
        "PT702",
        "docker without the toolkit",
        host(
            driver(has_nvidia_runtime=False),
            cdi_specs=(),
            programs=(Program(name="docker", path="/usr/bin/docker"), Program(name="nvidia-ctk")),
        ),
        "will get no GPU",
        "apt install nvidia-container-toolkit",
        "note",
    ),
    Fires(
        "PT703",
        "utility only",
        env(container(bare_driver()), NVIDIA_DRIVER_CAPABILITIES="utility"),
        "lacks compute: libcuda is left out",
        "compute,utility",
    ),
    Fires(
        "PT703",
        "compute only",
        env(container(driver(nvml=replace(builders.nvidia().nvml, init_rc=12))), NVIDIA_DRIVER_CAPABILITIES="compute"),
        "lacks utility",
        "compute,utility",
        "warning",
    ),
    Fires(
        "PT704",
        "not permitted any more",
        container(
            driver(dead(), nvml=replace(builders.nvidia().nvml, init_rc=999)),
            device_nodes=(node("/dev/nvidiactl", open_errno=1),),
        ),
        "lost the right",
        "create-dev-char-symlinks",
    ),
    Fires(
        "PT704",
        "NVML's words",
        report("Failed to initialize NVML: Unknown Error"),
        "lost the right",
        "create the container anew",
    ),
    Fires(
        "PT705",
        "another driver",
        driver(cdi_driver_version="570.86.15"),
        "written for driver 570.86.15, and 580.95.05 is loaded",
        "cdi generate",
    ),
    Fires(
        "PT705",
        "podman's words",
        report("Error: setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=all"),
        "missing or names files",
        "cdi generate",
    ),
    Fires(
        "PT705",
        "podman without one",
        host(
            cdi_specs=(),
            programs=(
                Program(name="podman", path="/usr/bin/podman"),
                Program(name="nvidia-ctk", path="/usr/bin/nvidia-ctk"),
            ),
        ),
        "no CDI specification",
        "cdi generate",
        "note",
    ),
    Fires("PT706", "64 MiB", shm(64 * MIB, container="docker"), "has 64 MiB", "--shm-size=8g", "warning"),
    Fires(
        "PT706",
        "full of leftovers",
        shm(16 * GIB, GIB, leftovers=("nccl-abc", "torch_1")),
        "is full",
        "rm -f /dev/shm/nccl-*",
        "warning",
    ),
    Fires("PT706", "in a pod", shm(64 * MIB, container="kubernetes"), "64 MiB", "emptyDir", "warning"),
    Fires("PT706", "torch's words", report(BUS_ERROR), "too small", "--shm-size=8g"),
    Fires(
        "PT707",
        "killed at the limit",
        host(cgroup=Cgroup(version=2, memory_max_bytes=8 * GIB, is_memory_limited=True, oom_kills=3)),
        "has ended 3 processes of this group at its limit of 8.0 GiB",
        "--memory",
        "warning",
    ),
    Fires(
        "PT707",
        "nearly there",
        host(
            cgroup=Cgroup(version=2, memory_max_bytes=8 * GIB, is_memory_limited=True, memory_current_bytes=8 * GIB - 1)
        ),
        "8.0 GiB of the 8.0 GiB",
        "fewer workers",
        "warning",
    ),
    Fires("PT707", "torch's words", report(KILLED), "killed from outside", "raise the limit", "warning"),
    Fires(
        "PT708",
        "two of 32",
        host(cgroup=Cgroup(version=2, cpu_quota_cores=2.0)),
        "2 processors are granted, torch sees 32",
        "OMP_NUM_THREADS=2",
        "warning",
    ),
    Fires(
        "PT710",
        "another libcuda",
        wsl(dead(driver(libraries=(LIBCUDA, WSL_LIBCUDA)))),
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
        "remove --purge",
    ),
    Fires(
        "PT710",
        "packages",
        wsl(package_versions={"nvidia-driver-550": "550.54"}),
        "nvidia-driver-550",
        "wsl --shutdown",
    ),
    Fires(
        "PT710",
        "told in a report",
        replace(report("sudo apt install nvidia-driver-535"), host=Host(wsl=2)),
        "belongs to Windows",
        "remove --purge",
    ),
    Fires(
        "PT711",
        "there, and not on the path",
        wsl(dead(driver(libraries=(replace(WSL_LIBCUDA, via=None),)))),
        "does not look there",
        "ldconfig",
    ),
    Fires(
        "PT711",
        "the loader's words",
        replace(report("OSError: libcuda.so.1: cannot open shared object file"), host=Host(wsl=2)),
        "does not look there",
        "LD_LIBRARY_PATH",
    ),
    Fires(
        "PT712",
        "no device",
        host(wsl(dead(driver(libraries=(), nvml=None, gpus=None))), device_nodes=(node("/dev/dxg", exists=False),)),
        "/dev/dxg does not exist",
        "wsl --update",
    ),
    Fires(
        "PT712", "no library", wsl(dead(driver(libraries=(), nvml=None, gpus=None))), "no libcuda.so.1", "wsl --update"
    ),
    Fires(
        "PT712",
        "torch's words",
        replace(report(NO_DRIVER), host=Host(wsl=2, kernel="5.15.153.1")),
        "no NVIDIA driver",
        "wsl --shutdown",
    ),
    Fires(
        "PT713",
        "the CPU wheel",
        jetson("2.8.0+cpu"),
        "is a build for the CPU, not one for this board",
        "NVIDIA builds for this JetPack",
        title="a build without CUDA",
    ),
    Fires(
        "PT713",
        "a server wheel",
        jetson("2.8.0+cu129", cuda_build="12.9"),
        "torch 2.8.0+cu129, built for CUDA 12.9,",
        "jetson-containers",
    ),
    Fires(
        "PT713",
        "a board in a report",
        replace(
            report(),
            host=Host(jetson=Jetson(l4t="32.4.3", model="Jetson Nano")),
            torch=Torch(result=builders.torch().result, is_cuda_available=False),
        ),
        "Jetson Nano, L4T 32.4.3",
        "jetson",
    ),
    Fires("PT714", "no licence", card(virtualization_mode=2, license_state=4), "unlicensed, expired", "nvidia-gridd"),
    Fires("PT714", "code 102", cuda(102), "unlicensed", "gridd"),
    Fires(
        "PT714",
        "nvidia-smi's words",
        report("        License Status                    : Unlicensed"),
        "unlicensed",
        "gridd",
    ),
    Fires(
        "PT715",
        "a job without one",
        env(dead(driver(gpus=())), SLURM_JOB_ID="77"),
        "job 77 was given no GPU",
        "--gres=gpu:1",
    ),
    Fires(
        "PT715", "the login node", env(dead(driver(gpus=())), SLURM_CLUSTER_NAME="hpc"), "outside of any job", "srun"
    ),
    Fires(
        "PT716",
        "a pod without one",
        env(empty("kubernetes"), KUBERNETES_SERVICE_HOST="10.0.0.1"),
        "asks for none",
        "nvidia.com/gpu",
    ),
    Fires(
        "PT716",
        "a pod with all",
        env(container(cards({}, {}), "kubernetes"), KUBERNETES_SERVICE_HOST="10.0.0.1", NVIDIA_VISIBLE_DEVICES="all"),
        "without having asked",
        "limits",
        "note",
    ),
    Fires(
        "PT717",
        "enforcing",
        container(
            driver(dead(), nvml=replace(builders.nvidia().nvml, init_rc=4)),
            "podman",
            is_selinux_enforcing=True,
            device_nodes=(node("/dev/nvidiactl"),),
        ),
        "SELinux keeps",
        "label=disable",
    ),
    Fires(
        "PT717",
        "podman on Fedora",
        replace(
            report("Failed to initialize NVML: Insufficient Permissions"),
            host=Host(container="podman", distribution="fedora"),
        ),
        "SELinux",
        "label=disable",
    ),
    Fires("PT718", "error 2", host(cuda(2, cards({}, {}, {}, {})), wsl=2), "4 GPUs", "CUDA_VISIBLE_DEVICES=0"),
    Fires(
        "PT718",
        "out of memory at the start",
        replace(report("CUDA error: out of memory"), host=Host(wsl=2), nvidia=Nvidia(gpus=(Gpu(),) * 4)),
        "more than it can map",
        "one GPU",
    ),
    Fires(
        "PT719",
        "version 1",
        host(wsl(), wsl=1, kernel="4.4.0-19041-Microsoft"),
        "This is WSL 1",
        "wsl --set-version Ubuntu 2",
    ),
    Fires(
        "PT719", "an old kernel", host(wsl(), kernel="5.10.16.3-microsoft-standard-WSL2"), "5.10.16.3", "wsl --update"
    ),
)

SILENT = (
    Silent("PT701", "on the host", bare_driver()),
    Silent("PT701", "the GPU is inside", container(device_nodes=(node("/dev/nvidiactl"),))),
    Silent("PT701", "an image for the CPU", container(builders.cpu_machine(), device_nodes=NO_GPU_NODES)),
    Silent("PT701", "WSL has another device", host(empty(), wsl=2, device_nodes=(node("/dev/dxg"), *NO_GPU_NODES))),
    Silent(
        "PT701",
        "started with GPUs",
        replace(
            report("docker run -it --gpus all image"),
            host=Host(container="docker"),
            torch=Torch(result=builders.torch().result, is_cuda_available=False),
        ),
    ),
    Silent(
        "PT702",
        "the toolkit is there",
        host(
            driver(has_nvidia_runtime=True),
            programs=(Program(name="docker", path="/usr/bin/docker"), Program(name="nvidia-ctk", path="/x")),
        ),
    ),
    Silent("PT703", "both", env(container(), NVIDIA_DRIVER_CAPABILITIES="compute,utility")),
    Silent("PT703", "all", env(container(), NVIDIA_DRIVER_CAPABILITIES="all")),
    Silent("PT703", "outside a container", env(NVIDIA_DRIVER_CAPABILITIES="utility")),
    Silent(
        "PT704",
        "on the host it is another fault",
        host(said(dead(), "Failed to initialize NVML: Unknown Error"), container="none"),
    ),
    Silent("PT704", "NVML works", container(device_nodes=(node("/dev/nvidiactl"),))),
    Silent("PT705", "the same driver", driver(cdi_driver_version="580.95.05")),
    Silent("PT705", "nobody looked", builders.machine()),
    Silent("PT706", "half of memory", shm(32 * GIB)),
    Silent("PT706", "plenty, though the words fit", said(shm(64 * GIB), BUS_ERROR)),
    Silent(
        "PT707",
        "the limit is the machine",
        host(
            cgroup=Cgroup(version=2, memory_max_bytes=64 * GIB, is_memory_limited=True, oom_kills=1),
            memory=Memory(total_bytes=64 * GIB),
        ),
    ),
    Silent("PT707", "no limit", host(cgroup=Cgroup(version=2, is_memory_limited=False))),
    Silent("PT708", "no quota", host(cgroup=Cgroup(version=2))),
    Silent("PT708", "threads are set", env(host(cgroup=Cgroup(version=2, cpu_quota_cores=2.0)), OMP_NUM_THREADS="2")),
    Silent("PT710", "Windows' own", wsl()),
    Silent("PT710", "it works", host(driver(libraries=(LIBCUDA,)), wsl=2)),
    Silent("PT711", "on the path", wsl()),
    Silent("PT711", "nobody looked", wsl(dead(driver(libraries=None)))),
    Silent("PT712", "all there", wsl()),
    Silent("PT712", "plain Linux", bare_driver()),
    Silent("PT713", "NVIDIA's build", jetson("2.5.0a0+872d972e41.nv24.08", cuda_build="12.6")),
    Silent("PT713", "CUDA 13.2 with JetPack 7", jetson("2.15.0+cu132", Jetson(jetpack="7.0"), cuda_build="13.2")),
    Silent("PT713", "no Jetson", builders.machine()),
    Silent("PT714", "licensed", card(virtualization_mode=2, license_state=5)),
    Silent("PT714", "no vGPU", card(virtualization_mode=1, license_state=2)),
    Silent("PT715", "one was granted", env(dead(driver(gpus=())), SLURM_JOB_ID="77", SLURM_JOB_GPUS="0")),
    Silent("PT715", "it works", env(SLURM_JOB_ID="77")),
    Silent("PT715", "a build for the CPU", env(builders.cpu_machine(), SLURM_JOB_ID="77")),
    Silent("PT716", "no pod", empty()),
    Silent(
        "PT716",
        "a pod with its GPU",
        env(container(kind="kubernetes", device_nodes=(node("/dev/nvidia0"),)), KUBERNETES_SERVICE_HOST="10.0.0.1"),
    ),
    Silent(
        "PT717",
        "permissive",
        container(driver(dead(), nvml=replace(builders.nvidia().nvml, init_rc=4)), is_selinux_enforcing=False),
    ),
    Silent(
        "PT717",
        "the files are closed",
        container(
            driver(dead(), nvml=replace(builders.nvidia().nvml, init_rc=4)),
            is_selinux_enforcing=True,
            device_nodes=(node("/dev/nvidiactl", mode="660"),),
        ),
    ),
    Silent("PT718", "two", host(dead(cards({}, {})), wsl=2)),
    Silent("PT718", "plain Linux", cuda(2, cards({}, {}, {}, {}))),
    Silent("PT719", "new enough", wsl()),
    Silent("PT719", "it works", host(builders.machine(), wsl=2, kernel="5.10.16.3-microsoft-standard-WSL2")),
)


def test_what_the_host_must_do_is_marked():
    (found,) = findings(RULES, "PT701", empty())
    assert {fix.where for fix in found.fixes} == {"on the host"}


def test_a_wheel_is_chosen_by_the_planner():
    (found,) = findings(RULES, "PT713", jetson("2.8.0+cpu"))
    assert found.fixes[0].needs_plan == ("torch",)


def test_reports_name_their_torch():
    """A Jetson report with a version of torch shows it as evidence."""
    snapshot = replace(
        report(),
        host=Host(jetson=Jetson(jetpack="6.0")),
        **only_target(wheel=Wheel(version="2.1.0+cu121", cuda="12.1")),
    )
    assert any(item.value == "2.1.0+cu121" for item in findings(RULES, "PT713", snapshot)[0].evidence)


def test_shared_memory_is_never_made_smaller():
    """A /dev/shm of 16 GiB that is full."""
    full = host(container="none", shm=SharedMemory(total_bytes=16 * GIB, free_bytes=GIB, mode="1777", leftovers=()))
    commands = [command for fix in findings(RULES, "PT706", full)[0].fixes for command in fix.commands]
    assert [command[:4] for command in commands] == [("sudo", "mount", "-o", "remount,size=32G")]
