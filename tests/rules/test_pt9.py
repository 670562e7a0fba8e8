"""PT9xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import (
    Disk,
    Host,
    ImportResult,
    Interface,
    KernelLog,
    Limits,
    Memory,
    Network,
    Nvml,
    Program,
    Reading,
    SharedMemory,
    Torch,
    Unknown,
    replace,
)
from ptsetup.rules import pt9_data
from tests import builders
from tests.builders import distribution
from tests.rules.harms import GIB, LIBCUDA, card, cards, container, dead, driver, env, host
from tests.rules.judging import (
    Fires,
    Silent,
    findings,
    python,
    report,
    said,
    windows,
    with_dists,
    with_target,
)

RULES = pt9_data.RULES
FORKED = "RuntimeError: Cannot re-initialize CUDA in forked subprocess. To use CUDA with multiprocessing, you must use the 'spawn'"
UNGUARDED = (
    "An attempt has been made to start a new process before the current process has finished its bootstrapping phase."
)
DUPLICATE = "NCCL WARN Duplicate GPU detected : rank 1 and rank 0 both on CUDA device 1a000"
GAI = "[W socket.cpp] [c10d] The IPv6 network addresses of (node1, 29500) cannot be retrieved (gai error: -2 - Name or service not known)."
PORT = "The server socket has failed to listen on any local network address. port: 29501, useIpv6: true, code: -98, name: EADDRINUSE"
RANK = "ValueError: Error initializing torch.distributed using env:// rendezvous: environment variable RANK expected, but not set"
NO_ROUTE = "[c10d] The client socket has failed to connect to [10.0.0.1]:29500 (errno: 113 - No route to host). DistNetworkError"
NO_TRITON = "torch._inductor.exc.TritonMissing: Cannot find a working triton installation."
NO_COMPILER = "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')"
INDUCTOR_FULL = "torch._inductor.exc.InductorError: OSError: [Errno 28] No space left on device"
WEIGHTS = "_pickle.UnpicklingError: Weights only load failed. Re-running with weights_only=False would likely succeed"
HUB = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded"

ETH = Interface(name="eth0", is_up=True, is_loopback=False, addresses=("10.0.0.2",))
DOCKER0 = Interface(name="docker0", is_up=True, is_loopback=False, addresses=("172.17.0.1",))
LO = Interface(name="lo", is_up=True, is_loopback=True, addresses=("127.0.0.1",))
SEVERAL_NODES = {"WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8", "RANK": "8", "MASTER_ADDR": "10.0.0.1"}


def net(snapshot=None, **changes):
    facts = {
        "hostname": "node1",
        "hostname_addresses": ("10.0.0.2",),
        "interfaces": (LO, ETH),
        "rdma_devices": (),
        **changes,
    }
    return host(snapshot, network=Network(**facts))


def disk(**changes):
    cache = Disk(
        role="inductor_cache",
        path="/scratch/torchinductor_user",
        free_bytes=100 * GIB,
        is_noexec=False,
        is_writable=True,
    )
    return host(disks=(replace(cache, **changes),))


def died(**result):
    """Importing torch ended like that."""
    outcome = ImportResult(module="torch", is_ok=False, **result)
    return replace(builders.cpu_machine(), torch=Torch(result=outcome))


def without_triton(snapshot=None):
    machine = snapshot or builders.machine()
    kept = tuple(d for d in machine.target.distributions if d.name != "triton")
    return with_target(machine, distributions=kept)


FIRES = (
    Fires(
        "PT901",
        "256",
        host(limits=Limits(nofile_soft=256, nofile_hard=4096)),
        "Only 256 files",
        "ulimit -n 65536",
        "warning",
    ),
    Fires(
        "PT901", "the usual 1024 with many cores", host(limits=Limits(nofile_soft=1024)), "1024 files", "ulimit", "note"
    ),
    Fires(
        "PT901",
        "torch's words",
        report("RuntimeError: Too many open files. Communication with the workers is no longer possible."),
        "was reached",
        "file_system",
    ),
    Fires(
        "PT902",
        "no x bit",
        with_target(wheel=replace(builders.target().wheel, is_shm_manager_executable=False)),
        "torch_shm_manager is not executable",
        "chmod +x",
        "warning",
    ),
    Fires(
        "PT902",
        "torch's words",
        report('RuntimeError: torch_shm_manager at "/x/torch/bin/torch_shm_manager": execl failed: Permission denied'),
        "not executable",
        "noexec",
    ),
    Fires("PT903", "torch's words", report(FORKED), "forked", "spawn"),
    Fires(
        "PT903",
        "in vLLM",
        said(with_dists(distribution("vllm", "0.8.0")), FORKED),
        "forked",
        "VLLM_WORKER_MULTIPROCESSING_METHOD=spawn",
    ),
    Fires(
        "PT904",
        "a segmentation fault",
        report("RuntimeError: DataLoader worker (pid 7) is killed by signal: Segmentation fault."),
        "segmentation fault",
        "PT861",
        "note",
    ),
    Fires("PT904", "no guard", report(UNGUARDED), "has no guard", '__name__ == "__main__"', "warning"),
    Fires(
        "PT905",
        "little and no swap",
        host(memory=Memory(total_bytes=16 * GIB, available_bytes=GIB, swap_total_bytes=0)),
        "1.0 GiB",
        "fewer workers",
        "warning",
    ),
    Fires(
        "PT905",
        "the kernel's words",
        host(
            kernel_log=KernelLog(
                is_readable=True, oom_kills=("Out of memory: Killed process 77 (python3) total-vm:9kB",)
            )
        ),
        "ended python3",
        "memory",
        "warning",
    ),
    Fires(
        "PT920",
        "a wrong mode",
        host(shm=SharedMemory(total_bytes=32 * GIB, free_bytes=31 * GIB, mode="0755")),
        "mode 0755",
        "chmod 1777 /dev/shm",
        "warning",
    ),
    Fires(
        "PT920",
        "NCCL's words",
        report("NCCL WARN Call to shm_open failed : No space left on device"),
        "no space left",
        "--shm-size=8g",
    ),
    Fires(
        "PT921",
        "four processes, one GPU",
        env(LOCAL_WORLD_SIZE="4"),
        "4 processes were started here, and 1 GPU is",
        "--nproc-per-node=1",
    ),
    Fires("PT921", "NCCL's words", report(DUPLICATE), "Ranks 0 and 1 both use the GPU 1a000", "set_device"),
    Fires(
        "PT922",
        "nothing says which",
        env(net(interfaces=(LO, DOCKER0, ETH)), **SEVERAL_NODES),
        "2 interfaces are up (docker0, eth0)",
        "NCCL_SOCKET_IFNAME==eth0",
        "warning",
    ),
    Fires("PT922", "none of that name", env(net(), NCCL_SOCKET_IFNAME="ib"), "fits no interface", "eth0"),
    Fires(
        "PT923",
        "none of that name",
        env(net(), GLOO_SOCKET_IFNAME="nope0"),
        "no interface nope0",
        "GLOO_SOCKET_IFNAME=eth0",
    ),
    Fires(
        "PT923",
        "Gloo's words",
        report("RuntimeError: Unable to find address for: nope0"),
        "nope0",
        "unset GLOO_SOCKET_IFNAME",
    ),
    Fires(
        "PT924",
        "no address, several GPUs",
        net(cards({}, {}), hostname_addresses=()),
        "node1 does not resolve",
        "/etc/hosts",
        "warning",
    ),
    Fires(
        "PT924",
        "loopback over several nodes",
        env(net(hostname_addresses=("127.0.1.1",)), **SEVERAL_NODES),
        "127.0.1.1",
        "hostname -I",
        "warning",
    ),
    Fires("PT924", "torch's words", report(GAI), "does not resolve", "--standalone", "warning"),
    Fires(
        "PT924",
        "no IPv6 is no fault",
        report(
            "[c10d] The server socket cannot be initialized on [::]:29500 (errno: 97 - Address family not supported)."
        ),
        "harmless",
        "",
        "note",
    ),
    Fires("PT925", "torch's words", report(PORT), "Port 29501", "torchrun --standalone"),
    Fires(
        "PT925",
        "a bind test",
        env(net(is_master_port_free=False), MASTER_PORT="29500", RANK="0"),
        "Port 29500",
        "ss -ltnp",
        "warning",
    ),
    Fires("PT926", "torch's words", report(RANK), "RANK is not set", "torchrun --standalone"),
    Fires(
        "PT927",
        "NCCL's words",
        report("NCCL WARN NET/IB : bootstrap version mismatch"),
        "same versions",
        "ptsetup snapshot",
        "warning",
    ),
    Fires("PT928", "torch's words", report(NO_ROUTE), "could not be reached", "nc -vz"),
    Fires(
        "PT928",
        "a test of the connection",
        env(net(master_reachable=False), **SEVERAL_NODES),
        "10.0.0.1:29500",
        "nc -vz 10.0.0.1 29500",
    ),
    Fires(
        "PT929",
        "InfiniBand and 64 KiB",
        host(net(rdma_devices=("mlx5_0",)), limits=Limits(memlock_soft_bytes=65536)),
        "64 KiB",
        "memlock unlimited",
        "warning",
    ),
    Fires(
        "PT929",
        "in a container",
        container(host(net(rdma_devices=("mlx5_0",)), limits=Limits(memlock_soft_bytes=65536))),
        "64 KiB",
        "--ulimit memlock=-1",
        "warning",
    ),
    Fires(
        "PT930",
        "torch's words",
        report("ValueError: ProcessGroupNCCL is only supported with GPUs, no GPUs found!"),
        "no GPU here",
        "gloo",
    ),
    Fires(
        "PT931",
        "EFA without a plugin",
        host(net(rdma_devices=("rdmap0s6",)), loader_cache=()),
        "rdmap0s6",
        "ofi-nccl",
        "warning",
    ),
    Fires(
        "PT950",
        "a CUDA build without it",
        without_triton(),
        "Triton is not installed",
        "install triton==3.8.0",
        "warning",
    ),
    Fires("PT950", "torch's words", report(NO_TRITON), "missing", "triton"),
    Fires("PT950", "on Windows", said(without_triton(windows()), NO_TRITON), "not installed", "triton-windows<3.9"),
    Fires(
        "PT951",
        "none",
        host(programs=(Program(name="g++"), Program(name="clang++"))),
        "No C++ compiler",
        "build-essential",
        "note",
    ),
    Fires(
        "PT951",
        "CXX names one that does not run",
        env(
            host(
                programs=(
                    Program(name="g++", source="CXX", error="not found"),
                    Program(name="clang++", path="/usr/bin/clang++"),
                )
            ),
            CXX="/opt/gcc/bin/g++",
        ),
        "CXX=/opt/gcc/bin/g++",
        "unset CXX",
        "note",
    ),
    Fires("PT951", "torch's words", report(NO_COMPILER), "compiler", "build-essential"),
    Fires(
        "PT952",
        "no header",
        with_target(has_python_h=False, include_dir="/usr/include/python3.12"),
        "looked in /usr/include/python3.12",
        "python3.12-dev",
        "note",
    ),
    Fires(
        "PT952",
        "the compiler's words",
        report("main.c:6:10: fatal error: Python.h: No such file or directory"),
        "Python.h",
        "uv venv",
    ),
    Fires(
        "PT953",
        "another user's",
        host(inductor_cache_problem="/scratch/torchinductor_user belongs to root"),
        "belongs to root",
        "TORCHINDUCTOR_CACHE_DIR",
        "warning",
    ),
    Fires(
        "PT953",
        "torch's words",
        report("PermissionError: [Errno 13] Permission denied: '/tmp/torchinductor_user/xy'"),
        "cannot write",
        "TORCHINDUCTOR_CACHE_DIR",
    ),
    Fires("PT954", "full", disk(free_bytes=100 * 1024**2), "Only 100 MiB", "TORCHINDUCTOR_CACHE_DIR", "warning"),
    Fires("PT954", "torch's words", report(INDUCTOR_FULL), "full", "TORCHINDUCTOR_CACHE_DIR"),
    Fires("PT955", "noexec", disk(is_noexec=True), "mounted noexec", "TORCHINDUCTOR_CACHE_DIR", "warning"),
    Fires(
        "PT955",
        "the loader's words",
        report("ImportError: /tmp/torchinductor_u/x.so: failed to map segment from shared object"),
        "noexec",
        "TORCHINDUCTOR_CACHE_DIR",
    ),
    Fires(
        "PT956",
        "Pascal",
        card(name="Tesla P100", compute_capability=(6, 0)),
        "capability 6.0",
        "TORCH_COMPILE_DISABLE=1",
        "note",
    ),
    Fires(
        "PT956",
        "torch's words",
        report("RuntimeError: Found Tesla P40 which is too old to be supported by the triton GPU compiler"),
        "older than Triton supports",
        "TORCH_COMPILE_DISABLE",
    ),
    Fires(
        "PT957",
        "torch's words",
        replace(report("RuntimeError: Compiler: cl is not found."), host=Host(system="windows")),
        "cl",
        "Build Tools",
    ),
    Fires("PT957", "none", replace(host(windows(), programs=(Program(name="cl"),))), "cl", "winget", "note"),
    Fires(
        "PT958",
        "Python 3.14 and torch 2.9",
        python("3.14.0", with_target(wheel=replace(builders.target().wheel, version="2.9.1+cu126"))),
        "torch 2.9.1 does not know Python 3.14.0",
        "torch>=2.10",
        "note",
    ),
    Fires(
        "PT958",
        "free-threaded before 3.13.3",
        python("3.13.1", is_gil_disabled=True),
        "free-threaded Python 3.13.1",
        "3.13+gil",
        "note",
    ),
    Fires(
        "PT958",
        "torch's words",
        report("RuntimeError: Dynamo is not supported on Python 3.12+"),
        "does not know Python 3.12",
        "Python",
    ),
    Fires(
        "PT959",
        "the linker's words",
        said(driver(libraries=(LIBCUDA,)), "/usr/bin/ld: cannot find -lcuda"),
        "no libcuda.so",
        "TRITON_LIBCUDA_PATH=/usr/lib/x86_64-linux-gnu",
    ),
    Fires(
        "PT959",
        "a variable",
        env(TRITON_PTXAS_PATH="/opt/old/ptxas"),
        "TRITON_PTXAS_PATH=/opt/old/ptxas",
        "unset TRITON_PTXAS_PATH",
        "note",
    ),
    Fires("PT970", "torch's words", report(WEIGHTS), "more than weights", "add_safe_globals", "note"),
    Fires(
        "PT971",
        "no way to the hub",
        said(builders.machine(), HUB),
        "could not be reached",
        "curl -sSI https://huggingface.co",
        "warning",
    ),
    Fires(
        "PT971",
        "a certificate",
        said(builders.machine(), "urllib.error.URLError: [SSL: CERTIFICATE_VERIFY_FAILED] torch.hub.load"),
        "does not trust",
        "SSL_CERT_FILE",
        "warning",
    ),
    Fires("PT972", "set", env(HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE=1", "unset HF_HUB_OFFLINE", "note"),
    Fires(
        "PT973",
        "not writable",
        with_target(hf_cache_problem="~/.cache/huggingface belongs to root"),
        "belongs to root",
        "HF_HOME",
        "warning",
    ),
    Fires(
        "PT974",
        "an hour behind",
        net(clock_offset_s=-3600.0),
        "60 minutes behind",
        "timedatectl set-ntp true",
        "warning",
    ),
    Fires(
        "PT974",
        "before the release",
        builders.machine(taken_at="2020-01-01T00:00:00Z"),
        "2020-01-01",
        "timedatectl",
        "warning",
    ),
    Fires(
        "PT990",
        "importing torch",
        died(is_timeout=True, stage="numpy", seconds=60.0),
        "did not end within its deadline at the stage numpy",
        "importtime",
        "warning",
    ),
    Fires(
        "PT990",
        "a probe",
        builders.machine(readings=(Reading(probe="nvidia", status="timeout", detail="NVML did not answer."),)),
        "probe nvidia",
        "again",
        "warning",
    ),
    Fires(
        "PT991",
        "a segmentation fault",
        died(signal=11, stage="cuda"),
        "ended by SIGSEGV at the stage cuda",
        "faulthandler",
    ),
    Fires("PT991", "Windows", died(exit_code=0xC0000005 - 2**32), "0xC0000005", "faulthandler"),
    Fires(
        "PT992",
        "denied",
        builders.machine(unknowns=(Unknown(path="host.kernel_log", reason="denied", detail="for root only"),)),
        "host.kernel_log (denied)",
        "doctor -v",
        "note",
    ),
)

SILENT = (
    Silent("PT901", "plenty", host(limits=Limits(nofile_soft=65536))),
    Silent("PT901", "unlimited", host(limits=Limits(nofile_soft=-1))),
    Silent("PT902", "executable", with_target(wheel=replace(builders.target().wheel, is_shm_manager_executable=True))),
    Silent("PT902", "nobody looked", builders.machine()),
    Silent("PT903", "fork alone is no fault", with_target(start_method="fork")),
    Silent("PT904", "nothing said", builders.machine()),
    Silent("PT905", "plenty", builders.machine()),
    Silent(
        "PT905",
        "little, but swap",
        host(memory=Memory(available_bytes=GIB, swap_total_bytes=8 * GIB, swap_free_bytes=8 * GIB)),
    ),
    Silent(
        "PT905", "the group's limit is another matter", report("Memory cgroup out of memory: Killed process 7 (python)")
    ),
    Silent("PT920", "1777", builders.machine()),
    Silent("PT921", "as many as GPUs", env(cards({}, {}), LOCAL_WORLD_SIZE="2")),
    Silent("PT922", "one interface", env(net(), **SEVERAL_NODES)),
    Silent("PT922", "one machine", env(net(interfaces=(LO, DOCKER0, ETH)), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2")),
    Silent("PT922", "a prefix", env(net(), NCCL_SOCKET_IFNAME="eth,ib")),
    Silent("PT922", "an exclusion", env(net(), NCCL_SOCKET_IFNAME="^docker")),
    Silent("PT923", "it is there", env(net(), GLOO_SOCKET_IFNAME="eth0")),
    Silent("PT924", "an address", net()),
    Silent("PT924", "loopback on one machine", net(hostname_addresses=("127.0.1.1",))),
    Silent("PT924", "a download", report("requests.exceptions.ConnectionError: Name or service not known")),
    Silent("PT925", "free", env(net(is_master_port_free=True), MASTER_PORT="29500")),
    Silent("PT925", "another rank", env(net(is_master_port_free=False), MASTER_PORT="29500", RANK="3")),
    Silent("PT925", "no run at all", net(is_master_port_free=False)),
    Silent("PT926", "nothing said", builders.machine()),
    Silent("PT927", "nothing said", builders.machine()),
    Silent("PT928", "it answers", env(net(master_reachable=True), **SEVERAL_NODES)),
    Silent("PT928", "nobody asked", env(net(), **SEVERAL_NODES)),
    Silent("PT929", "unlimited", host(net(rdma_devices=("mlx5_0",)), limits=Limits(memlock_soft_bytes=-1))),
    Silent("PT929", "no RDMA", host(net(), limits=Limits(memlock_soft_bytes=65536))),
    Silent("PT930", "nothing said", builders.machine()),
    Silent("PT931", "InfiniBand", host(net(rdma_devices=("mlx5_0",)), loader_cache=())),
    Silent(
        "PT931",
        "the plugin is there",
        env(host(net(rdma_devices=("efa_0",)), loader_cache=()), LD_LIBRARY_PATH="/opt/aws-ofi-nccl/lib"),
    ),
    Silent("PT950", "installed", builders.machine()),
    Silent("PT950", "a build for the CPU", without_triton(builders.cpu_machine())),
    Silent("PT950", "a variant", with_dists(distribution("pytorch-triton", "3.8.0"), snapshot=without_triton())),
    Silent("PT950", "a report lists few packages", replace(without_triton(), origin="report")),
    Silent("PT951", "one of them", host(programs=(Program(name="g++", path="/usr/bin/g++"), Program(name="clang++")))),
    Silent("PT951", "nobody looked", builders.machine()),
    Silent("PT952", "there", said(builders.machine(), "fatal error: Python.h: No such file or directory")),
    Silent("PT953", "no problem", disk()),
    Silent("PT954", "room", disk()),
    Silent("PT955", "exec", disk()),
    Silent("PT955", "another library", report("ImportError: /mnt/x.so: failed to map segment from shared object")),
    Silent("PT956", "new enough", builders.machine()),
    Silent("PT957", "there", host(windows(), programs=(Program(name="cl", path="C:\\VC\\cl.exe"),))),
    Silent("PT957", "Linux", said(builders.machine(), "RuntimeError: Failed to find C compiler.")),
    Silent("PT958", "known", builders.machine()),
    Silent("PT958", "free-threaded 3.13.5", python("3.13.5", is_gil_disabled=True)),
    Silent("PT959", "not set", builders.machine()),
    Silent("PT970", "nothing said", builders.machine()),
    Silent(
        "PT971",
        "another server",
        report("ConnectionError: HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded"),
    ),
    Silent("PT972", "off", env(HF_HUB_OFFLINE="0")),
    Silent("PT973", "nothing wrong", builders.machine()),
    Silent("PT974", "right", net(clock_offset_s=2.0)),
    Silent(
        "PT974",
        "an old report of a newer torch",
        replace(builders.machine(taken_at="2020-01-01T00:00:00Z"), origin="report"),
    ),
    Silent("PT990", "in time", builders.machine(readings=(Reading(probe="nvidia", status="found"),))),
    Silent("PT991", "an error of Python", died(error_type="ImportError", message="x", exit_code=1)),
    Silent("PT992", "absent is known", builders.machine(unknowns=(Unknown(path="host.jetson", reason="absent"),))),
    Silent("PT992", "a report shows little", replace(report(), unknowns=(Unknown(path="host", reason="failed"),))),
)


def test_a_hang_is_named_once():
    """What the torch child took too long for is not told a second time by its reading."""
    late = died(is_timeout=True)
    found = findings(RULES, "PT990", replace(late, readings=(Reading(probe="torch", status="timeout"),)))
    assert [f.subject for f in found] == ["import torch"]


def test_a_driver_that_hangs_leaves_no_second_error():
    hung = driver(dead(), nvml=Nvml(is_hung=True))
    assert not findings(RULES, "PT991", hung)


def test_over_several_nodes_the_name_leads_to_the_real_address():
    """A line behind that with 127.0.1.1 would never be read."""
    alone = net(hostname="node1", hostname_addresses=())
    several = env(net(hostname="node1", hostname_addresses=("127.0.1.1",)), WORLD_SIZE="16", LOCAL_WORLD_SIZE="8")
    line = findings(RULES, "PT924", several)[0].fixes[0].shell
    assert line.index("/d") < line.index("hostname -I") < line.index("tee -a /etc/hosts")
    assert "127.0.1.1" in findings(RULES, "PT924", env(alone, WORLD_SIZE="2"))[0].fixes[0].shell
