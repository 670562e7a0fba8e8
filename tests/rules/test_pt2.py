"""PT2xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import (
    Cgroup,
    Disk,
    Host,
    Memory,
    Network,
    OtherInterpreter,
    PathEntry,
    PipConfig,
    TorchFolder,
    replace,
)
from ptsetup.rules import pt2_environment
from tests import builders
from tests.builders import GIB, PREFIX, SITE, distribution
from tests.rules.judging import (
    Fires,
    Silent,
    bare,
    failed,
    findings,
    loud,
    only_target,
    report,
    said,
    windows,
    with_dists,
    with_host,
    with_target,
)

RULES = pt2_environment.RULES
NO_TORCH = "ModuleNotFoundError: No module named 'torch'"
ORION = OtherInterpreter(
    executable="/usr/bin/python3", torch_version="2.14.1+cu126", site="/usr/lib/python3/dist-packages"
)
USER = "/home/user/.local/lib/python3.12/site-packages"


def conda(name: str, version: str, channel: str = "conda-forge", build: str = "py312_0", **changes):
    return distribution(name, version, installer="conda", channel=channel, build=build, **changes)


def broken(snapshot):
    return failed(snapshot, "ImportError: something")


FIRES = (
    Fires(
        "PT201",
        "another interpreter has it",
        bare(other_interpreters=(ORION,)),
        "/usr/bin/python3 has torch 2.14.1+cu126",
        "torch",
    ),
    Fires(
        "PT201",
        "pip is satisfied, Python is not",
        report("Requirement already satisfied: torch in ./lib/python3.9/site-packages (2.1.0)", NO_TORCH),
        "two interpreters",
        "torch",
    ),
    Fires("PT202", "a bare machine", bare(), "not installed", "torch"),
    Fires("PT202", "only the message", report(NO_TORCH), "no torch", "torch"),
    Fires(
        "PT203",
        "torch.py in the working folder",
        with_target(torch_origin="/code/torch.py"),
        "/code/torch.py, not the installed package in",
        "mv -- /code/torch.py",
    ),
    Fires(
        "PT203",
        "a folder torch there",
        with_target(windows(), torch_origin="D:\\p\\torch\\__init__.py"),
        "D:\\p\\torch",
        "ren D:\\p\\torch torch_renamed",
    ),
    Fires(
        "PT203",
        "an old name is missing",
        report("AttributeError: module 'torch' has no attribute 'tensor'"),
        "is not torch",
        "find_spec",
    ),
    Fires(
        "PT203",
        "the message names the file",
        report("ImportError: cannot import name 'nn' from 'torch' (/home/me/code/torch.py)"),
        "/home/me/code/torch.py stands in its place",
        "mv -- /home/me/code/torch.py",
    ),
    Fires(
        "PT204",
        "random.py in the working folder",
        broken(with_target(cwd_shadows=("/home/me/p/random.py",))),
        "/home/me/p/random.py",
        "mv -- /home/me/p/random.py",
    ),
    Fires(
        "PT204",
        "it is there, but torch alone was imported",
        with_target(cwd_shadows=("/home/me/p/random.py",)),
        "/home/me/p/random.py",
        "mv",
        "warning",
    ),
    Fires(
        "PT204",
        "the message names the file",
        report("ImportError: cannot import name 'Random' from 'random' (/home/me/random.py)"),
        "/home/me/random.py",
        "mv",
    ),
    Fires(
        "PT204",
        "a folder triton",
        report("AttributeError: module 'triton' has no attribute 'language'"),
        "imported as triton",
        "triton.__file__",
    ),
    Fires(
        "PT205",
        "two torches, one in the user's folder",
        with_dists(
            distribution("torch", "2.14.1+cu126"),
            distribution("torch", "2.1.0", location=USER),
            user_site=USER,
            is_user_site_enabled=True,
        ),
        USER,
        "PYTHONNOUSERSITE=1",
        "warning",
    ),
    Fires(
        "PT205",
        "the user's folder comes first",
        with_target(user_site=USER, torch_origin=f"{USER}/torch/__init__.py"),
        "mixed with this environment",
        "export PYTHONNOUSERSITE=1",
        "warning",
    ),
    Fires(
        "PT205",
        "pip leaves it alone",
        report("Not uninstalling torch at /usr/lib/python3/dist-packages, outside environment /venv"),
        "/usr/lib/python3/dist-packages",
        "uninstall",
        "warning",
    ),
    Fires(
        "PT206",
        "PYTHONPATH brings a torch",
        with_target(sys_path=(PathEntry(path="/overlay", kind="pythonpath", provides=("torch",)),)),
        "PYTHONPATH puts /overlay",
        "unset PYTHONPATH",
    ),
    Fires(
        "PT206",
        "PYTHONPATH brings a NumPy, torch works",
        with_target(sys_path=(PathEntry(path="/overlay", kind="pythonpath", provides=("numpy",)),)),
        "numpy of its own",
        "unset PYTHONPATH",
        "warning",
    ),
    Fires(
        "PT206",
        "it breaks the import",
        broken(with_target(sys_path=(PathEntry(path="/overlay", kind="pythonpath", provides=("torchvision",)),))),
        "torchvision",
        "unset PYTHONPATH",
    ),
    Fires(
        "PT206",
        "a libtorch on DYLD_LIBRARY_PATH",
        replace(
            report("AttributeError: module 'torch._C' has no attribute 'OutOfMemoryError'"),
            env={"DYLD_LIBRARY_PATH": "/opt/libtorch/2.3.1/lib"},
            host=Host(system="macos"),
        ),
        "/opt/libtorch/2.3.1/lib",
        "unset DYLD_LIBRARY_PATH",
    ),
    Fires(
        "PT206",
        "the traceback passes through PYTHONPATH",
        replace(report('  File "/opt/py/lib/torch/__init__.py", line 3'), env={"PYTHONPATH": "/opt/py/lib"}),
        "/opt/py/lib",
        "unset PYTHONPATH",
    ),
    Fires(
        "PT207",
        "two dist-info folders",
        with_dists(distribution("torch", "2.14.1+cu126"), distribution("torch", "2.1.0")),
        "2.1.0 and 2.14.1+cu126",
        "torch==2.14.1+cu126 --index-url https://download.pytorch.org/whl/cu126",
        "warning",
    ),
    Fires(
        "PT207",
        "records and files differ",
        with_dists(distribution("torch", "2.13.0")),
        "records say torch 2.13.0, the files are those of 2.14.1+cu126",
        "--force-reinstall",
        "warning",
    ),
    Fires(
        "PT207",
        "a blend of two",
        report(
            "ImportError: /x/torch/lib/libtorch_python.so: undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs"
        ),
        "two different releases",
        "the version that the files hold",
    ),
    Fires(
        "PT207",
        "pip changed another one",
        report(
            "Successfully uninstalled torch-2.8.0",
            "RuntimeError: operator torchvision::nms does not exist",
            **only_target(distributions=(distribution("torch", "2.6.0"),)),
        ),
        "torch 2.8.0",
        "--force-reinstall",
    ),
    Fires(
        "PT208",
        "a leftover",
        with_target(leftovers=("~orch", "~orch-2.9.0.dist-info")),
        "~orch",
        f"rm -r -- {SITE}/~orch",
        "note",
    ),
    Fires(
        "PT208",
        "and the import fails, on Windows",
        broken(with_target(windows(), leftovers=("~orch",))),
        "~orch",
        "rmdir /s /q",
        "warning",
    ),
    Fires(
        "PT208",
        "pip's warning",
        report("WARNING: Ignoring invalid distribution -orch (c:\\python\\lib\\site-packages)"),
        "orch",
        "tilde",
        "warning",
    ),
    Fires(
        "PT225",
        "killed in its proof: torch works",
        with_target(cut_off_installs=(SITE,)),
        f"cut off in {SITE}. It came as far as the proof",
        "puts the old state back first",
        "warning",
    ),
    Fires(
        "PT225",
        "killed between the old torch and the new",
        bare(cut_off_installs=(SITE,)),
        "What is there now is half done",
        "puts the old state back first",
    ),
    Fires(
        "PT225",
        "the import fails",
        broken(with_target(cut_off_installs=(SITE,))),
        "What is there now is half done",
        "puts the old state back first",
    ),
    Fires(
        "PT209",
        "no RECORD",
        with_dists(distribution("torch", "2.14.1+cu126", has_record=False)),
        "has no RECORD",
        "--no-deps torch==2.14.1+cu126 --index-url",
        "warning",
    ),
    Fires(
        "PT209",
        "pip's message",
        report("ERROR: Cannot uninstall torch 2.1.0, RECORD file not found. You might be able to recover"),
        "torch 2.1.0 has no RECORD",
        "--force-reinstall --no-cache-dir --no-deps torch==2.1.0",
        "warning",
    ),
    Fires(
        "PT210",
        "no METADATA",
        with_dists(distribution("torch", None, has_metadata=False)),
        "no METADATA",
        "torch==2.14.1+cu126",
        "warning",
    ),
    Fires(
        "PT211",
        "an empty folder",
        bare(torch_folders=(TorchFolder(path=f"{SITE}/torch", has_init=False, has_version=False),)),
        f"{SITE}/torch holds no code",
        "install torch",
    ),
    Fires(
        "PT211",
        "which can be imported, as a namespace",
        with_target(torch_folders=(TorchFolder(path=f"{SITE}/torch", has_init=False, has_version=True),)),
        "holds no code",
        "--force-reinstall",
    ),
    Fires(
        "PT211",
        "the message of a namespace",
        report("ImportError: cannot import name 'Tensor' from 'torch' (unknown location)"),
        "incomplete",
        "torch",
    ),
    Fires(
        "PT212",
        "libtorch_cpu.so is gone",
        broken(with_dists(distribution("torch", "2.14.1+cu126", missing_files=("torch/lib/libtorch_cpu.so",)))),
        "torch/lib/libtorch_cpu.so is missing",
        "--no-cache-dir --no-deps torch==2.14.1+cu126",
    ),
    Fires(
        "PT212",
        "it is cut short",
        broken(
            with_dists(distribution("torch", "2.14.1+cu126", resized_files=("torch/lib/libtorch_cpu.so (400, 100)",)))
        ),
        "libtorch_cpu.so was cut short (100 bytes, 400 recorded)",
        "--force-reinstall",
    ),
    Fires(
        "PT212",
        "NumPy's core is gone",
        with_target(numpy_core_ok=False),
        "numpy 2.3.4 is damaged",
        "numpy==2.3.4",
    ),
    Fires(
        "PT212",
        "file too short",
        report("ImportError: /x/site-packages/torch/lib/libtorch_cpu.so: file too short"),
        "libtorch_cpu.so",
        "install torch again",
    ),
    Fires(
        "PT212",
        "a library of NVIDIA's was exchanged by hand",
        with_dists(
            distribution("nvidia-nccl-cu13", "2.30.7", resized_files=("nvidia/nccl/lib/libnccl.so.2 (400, 900)",))
        ),
        "nvidia-nccl-cu13 2.30.7 is damaged: nvidia/nccl/lib/libnccl.so.2 was replaced by another file (900 bytes, 400 rec",
        "nvidia-nccl-cu13==2.30.7",
        "warning",
        title="was replaced",
    ),
    Fires(
        "PT212",
        "the import of torch itself lacks it",
        report(
            '  File "/x/torch/__init__.py", line 367, in <module>',
            "ImportError: libtorch_cuda.so: cannot open shared object file: No such file or directory",
        ),
        "libtorch_cuda.so",
        "install torch again",
    ),
    Fires(
        "PT213",
        "conda's torch and pip's",
        broken(with_dists(conda("torch", "2.5.1"), distribution("torch", "2.14.1+cu126"), is_conda=True)),
        "torch 2.5.1 by conda (conda-forge) and torch 2.14.1+cu126 by pip",
        "ptsetup install --python .conda-pt/bin/python",
    ),
    Fires(
        "PT213",
        "two channels",
        with_dists(conda("torch", "2.5.1", "pytorch"), conda("torchvision", "0.20.1"), is_conda=True),
        "conda (pytorch)",
        "conda create",
        "note",
    ),
    Fires(
        "PT214",
        "the channel has ended",
        with_dists(conda("torch", "2.5.1", "pytorch"), is_conda=True),
        "stops at 2.5.1; the newest torch is 2.15.0",
        "conda-forge pytorch-gpu",
        "note",
    ),
    Fires(
        "PT215",
        "a CPU build string",
        replace(
            with_dists(conda("torch", "2.5.1", build="cpu_generic_py312_0"), is_conda=True, wheel=None),
            torch=None,
        ),
        "cpu_generic_py312_0 is a build for the CPU",
        "conda install -c conda-forge pytorch-gpu",
    ),
    Fires(
        "PT215",
        "cpuonly",
        replace(with_dists(conda("cpuonly", "2.0"), is_conda=True, wheel=None), torch=None),
        "cpuonly 2.0",
        "conda remove cpuonly",
    ),
    Fires(
        "PT216",
        "the system's Python, torch absent",
        bare(is_venv=False, is_externally_managed=True),
        "belongs to the operating system",
        "uv venv --python {python}",
    ),
    Fires("PT216", "pip's message", report("error: externally-managed-environment"), "operating system", "uv venv"),
    Fires("PT217", "an environment that cannot be written", bare(with_target(is_writable=False)), SITE, "uv venv"),
    Fires("PT217", "torch works in it", with_target(is_writable=False), SITE, "uv venv", "warning"),
    Fires(
        "PT217",
        "mounted read-only",
        with_host(
            with_target(is_writable=False, is_venv=False),
            disks=(Disk(role="target", path=SITE, is_read_only=True, is_writable=False),),
        ),
        "mounted read-only",
        "uv venv",
        "warning",
    ),
    Fires(
        "PT217",
        "pip falls back",
        report("Defaulting to user installation because normal site-packages is not writeable"),
        "cannot be written to",
        "uv venv",
    ),
    Fires(
        "PT218",
        "a mirror, torch absent",
        bare(pip=PipConfig(index_url="https://mirror.example/simple", sources={"index-url": "/etc/pip.conf"})),
        "https://mirror.example/simple",
        "torch",
        "warning",
    ),
    Fires(
        "PT218",
        "a variable, a CPU build on a GPU machine",
        replace(
            with_target(wheel=replace(builders.target().wheel, version="2.14.1+cpu", cuda=None)),
            env={"PIP_INDEX_URL": "https://download.pytorch.org/whl/cpu"},
            torch=None,
        ),
        "PIP_INDEX_URL=https://download.pytorch.org/whl/cpu",
        "torch",
        "warning",
    ),
    Fires(
        "PT218",
        "pip says where it looked",
        report(
            "Looking in indexes: https://mirror.example/simple",
            "ERROR: No matching distribution found for torch==2.5.1+cu121",
        ),
        "mirror.example",
        "torch",
        "warning",
    ),
    Fires(
        "PT219",
        "a dependency is elsewhere",
        report(
            "Looking in indexes: https://download.pytorch.org/whl/cu130",
            "ERROR: No matching distribution found for cuda-bindings==13.0.3",
        ),
        "cuda-bindings",
        "install cuda-bindings",
    ),
    Fires(
        "PT220",
        "a certificate file that is not there",
        with_host(network=Network(ca_files_missing=("SSL_CERT_FILE=/etc/corp.pem",))),
        "SSL_CERT_FILE names a certificate file that does not exist: /etc/corp.pem",
        "unset SSL_CERT_FILE",
        "warning",
    ),
    Fires(
        "PT220",
        "pip's message",
        report(
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] unable to get local issuer certificate"
        ),
        "certificate",
        "UV_SYSTEM_CERTS",
    ),
    Fires(
        "PT221",
        "a small /tmp",
        with_host(
            bare(),
            disks=(
                Disk(role="temp", path="/tmp", free_bytes=GIB),  # noqa: S108 - a made-up disk
                Disk(role="target", path=SITE, free_bytes=90 * GIB),
                Disk(role="home", path="/home/user", free_bytes=90 * GIB),
            ),
        ),
        "1.0 GiB left for temporary files in /tmp",
        "TMPDIR=/home/user/pt-unpack ptsetup install",
        "warning",
    ),
    Fires(
        "PT221",
        "no room in the environment",
        with_host(bare(), disks=(Disk(role="target", path=SITE, free_bytes=3 * GIB),)),
        "3.0 GiB left for the environment",
        "6 GiB",
    ),
    Fires(
        "PT221",
        "pip's message",
        report("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"),
        "disk was full",
        "cache purge",
    ),
    Fires(
        "PT222",
        "little memory",
        with_host(bare(), memory=Memory(total_bytes=2 * GIB, available_bytes=GIB)),
        "1.0 GiB of memory",
        "uv in place of pip",
        "warning",
    ),
    Fires(
        "PT222",
        "a small cgroup",
        with_host(bare(), cgroup=Cgroup(memory_max_bytes=GIB, is_memory_limited=True)),
        "1.0 GiB",
        "uv in place of pip",
        "warning",
    ),
    Fires(
        "PT222",
        "hashes do not match",
        report("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
        "cache",
        "cache purge",
    ),
    Fires(
        "PT223",
        "a nightly torch with a stable torchvision, failing",
        broken(with_dists(distribution("torch", "2.10.0.dev20251101+cu130"), distribution("torchvision", "0.24.0"))),
        "torchvision 0.24.0",
        "nightly",
    ),
    Fires(
        "PT223",
        "two days",
        with_dists(
            distribution("torch", "2.10.0.dev20251101+cu130"), distribution("torchvision", "0.25.0.dev20251020+cu130")
        ),
        "different days",
        "nightly",
        "note",
    ),
    Fires(
        "PT224",
        "vllm asks for another torch",
        broken(with_dists(distribution("vllm", "0.9.0", requires=("torch==2.7.0",)))),
        "vllm 0.9.0 asks for torch==2.7.0, and torch 2.14.1+cu126 is installed",
        "torch==2.7.0",
        "warning",
    ),
    Fires(
        "PT224",
        "pip's message",
        report("fastai 2.7.12 requires torch<2.1,>=1.7, but you have torch 2.3.0 which is incompatible."),
        "fastai 2.7.12 asks for torch<2.1,>=1.7",
        "fastai",
        "warning",
    ),
)

SILENT = (
    Silent("PT201", "nobody has it", bare(other_interpreters=())),
    Silent(
        "PT201",
        "pip builds a package",
        report(
            "Getting requirements to build wheel did not run", "Requirement already satisfied: torch (2.1.0)", NO_TORCH
        ),
    ),
    Silent("PT202", "another interpreter has it: PT201", bare(other_interpreters=(ORION,))),
    Silent(
        "PT202",
        "while building: PT413",
        report("Getting requirements to build wheel did not run successfully.", NO_TORCH),
    ),
    Silent(
        "PT202", "a module of torch is missing, not torch", report("ModuleNotFoundError: No module named 'torch.ao'")
    ),
    Silent(
        "PT202",
        "a report's list may be partial",
        report(**only_target(distributions=(distribution("numpy", "2.0.0"),))),
    ),
    Silent("PT203", "the installed package", builders.machine()),
    Silent(
        "PT203",
        "an editable install",
        with_dists(
            distribution("torch", "2.15.0a0", is_editable=True, location=SITE),
            torch_origin="/src/pytorch/torch/__init__.py",
        ),
    ),
    Silent(
        "PT203",
        "an attribute that only newer releases have",
        report("AttributeError: module 'torch' has no attribute 'float8_e4m3fn'"),
    ),
    Silent("PT204", "nothing in the way", with_target(cwd_shadows=())),
    Silent("PT204", "torch.py itself: PT203", with_target(cwd_shadows=("/code/torch.py",))),
    Silent(
        "PT204",
        "the real module",
        report("ImportError: cannot import name 'x' from 'random' (/usr/lib/python3.11/random.py)"),
    ),
    Silent(
        "PT205",
        "the user's folder is shut out",
        with_target(user_site=USER, is_user_site_enabled=False, torch_origin=f"{USER}/torch/__init__.py"),
    ),
    Silent(
        "PT206",
        "PYTHONPATH without any of it",
        with_target(sys_path=(PathEntry(path="/mine", kind="pythonpath", provides=()),)),
    ),
    Silent(
        "PT206", "the wheel's own folder", replace(builders.machine(), env={"LD_LIBRARY_PATH": f"{SITE}/torch/lib"})
    ),
    Silent(
        "PT206",
        "an editable install's .pth",
        with_dists(
            distribution("torch", "2.15.0a0", is_editable=True),
            sys_path=(PathEntry(path="/src", kind="pth", provides=("torch",)),),
        ),
    ),
    Silent("PT207", "one version", builders.machine()),
    Silent("PT207", "the metadata lack the local part", with_dists(distribution("torch", "2.14.1"))),
    Silent(
        "PT207", "a library of NVIDIA is at fault: PT403", report("libtorch_cuda.so: undefined symbol: ncclCommResume")
    ),
    Silent("PT225", "no installation was cut off", with_target(cut_off_installs=())),
    Silent("PT208", "pip is at work", with_target(leftovers=("~orch",), running_installs=(4711,))),
    Silent("PT208", "nothing is left", with_target(leftovers=())),
    Silent("PT209", "conda keeps its own list", with_dists(conda("torch", "2.5.1", has_record=False))),
    Silent("PT210", "METADATA is there", builders.machine()),
    Silent("PT211", "a whole folder", with_target(torch_folders=(TorchFolder(path=f"{SITE}/torch", has_init=True),))),
    Silent(
        "PT211",
        "an empty folder elsewhere",
        with_target(torch_folders=(TorchFolder(path="/home/me/p/torch", has_init=False),)),
    ),
    Silent(
        "PT212",
        "packages for two CUDA majors in one folder: PT403",
        with_dists(
            distribution("nvidia-nccl-cu12", "2.29.3"),
            distribution("nvidia-nccl-cu13", "2.30.7", resized_files=("nvidia/nccl/lib/libnccl.so.2 (400, 900)",)),
        ),
    ),
    Silent(
        "PT212",
        "a library of NVIDIA's is gone: PT402",
        with_dists(distribution("nvidia-cudnn-cu13", "9.26.0.51", missing_files=("nvidia/cudnn/lib/libcudnn.so.9",))),
    ),
    Silent(
        "PT212",
        "a distribution stripped all libraries",
        with_dists(
            distribution(
                "torch", "2.6.0", installer="debian", resized_files=tuple(f"torch/lib/l{n}.so (2, 1)" for n in range(5))
            )
        ),
    ),
    Silent(
        "PT212",
        "a licence is missing",
        with_dists(distribution("torch", "2.14.1+cu126", missing_files=("torch/LICENSE",))),
    ),
    Silent(
        "PT212",
        "an extension asks for an old library: PT307",
        report("OSError: libtorch_cuda_cu.so: cannot open shared object file"),
    ),
    Silent("PT213", "conda brings Python only", with_target(is_conda=True)),
    Silent(
        "PT213",
        "the same package twice in a report",
        report(
            **only_target(distributions=(conda("torch", "2.5.1", "pytorch"), conda("torchvision", "0.20.1", "pytorch")))
        ),
    ),
    Silent("PT214", "conda-forge", with_dists(conda("torch", "2.9.0"), is_conda=True)),
    Silent(
        "PT214",
        "of 2023, when the channel was alive",
        replace(with_dists(conda("torch", "2.0.1", "pytorch"), is_conda=True), taken_at="2023-06-01T00:00:00Z"),
    ),
    Silent(
        "PT215",
        "a CUDA build string",
        replace(with_dists(conda("torch", "2.5.1", build="cuda126_py312_0"), is_conda=True, wheel=None), torch=None),
    ),
    Silent(
        "PT215",
        "no GPU",
        replace(with_dists(conda("torch", "2.5.1", build="cpu_py312_0"), snapshot=builders.cpu_machine()), torch=None),
    ),
    Silent("PT216", "a venv on it", bare(is_venv=True, is_externally_managed=True)),
    Silent("PT216", "the distribution's torch is there", with_target(is_venv=False, is_externally_managed=True)),
    Silent("PT217", "one may write", builders.machine()),
    Silent("PT218", "no settings", bare(pip=PipConfig())),
    Silent(
        "PT218",
        "the user's own command line",
        report(
            "ERROR: No matching distribution found for torch",
            **only_target(
                pip=PipConfig(
                    index_url="https://download.pytorch.org/whl/cu126", sources={"--index-url": "command line"}
                )
            ),
        ),
    ),
    Silent("PT219", "the default index", report("ERROR: No matching distribution found for foo")),
    Silent("PT220", "a model hub: PT971", report("huggingface_hub: SSLError CERTIFICATE_VERIFY_FAILED")),
    Silent("PT220", "all files are there", with_host(network=Network(ca_files_missing=()))),
    Silent("PT221", "torch is whole", with_host(disks=(Disk(role="temp", path="/t", free_bytes=GIB),))),
    Silent(
        "PT221",
        "a CPU build takes less",
        with_host(bare(builders.cpu_machine()), disks=(Disk(role="target", path=SITE, free_bytes=3 * GIB),)),
    ),
    Silent(
        "PT221",
        "shared memory: PT706",
        report("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)"),
    ),
    Silent("PT222", "nothing to install", with_host(memory=Memory(available_bytes=GIB))),
    Silent("PT222", "a program's own MemoryError", report("MemoryError")),
    Silent(
        "PT223",
        "all of one day",
        with_dists(distribution("torch", "2.10.0.dev20251101"), distribution("torchvision", "0.25.0.dev20251101")),
    ),
    Silent(
        "PT223",
        "a companion with a lower bound only",
        with_dists(distribution("torch", "2.16.0.dev20261101"), distribution("torchvision", "0.29.2")),
    ),
    Silent(
        "PT223",
        "a companion from source",
        with_dists(distribution("torch", "2.10.0.dev20251101"), distribution("torchvision", "0.24.0a0+ab12cd3")),
    ),
    Silent("PT224", "satisfied", with_dists(distribution("vllm", "0.9.0", requires=("torch>=2.7.0",)))),
    Silent(
        "PT224", "an extra", with_dists(distribution("accelerate", "1.0", requires=('torch==2.0; extra == "test"',)))
    ),
    Silent(
        "PT224",
        "another system",
        with_dists(distribution("vllm", "0.9.0", requires=('torch==2.7.0; sys_platform == "darwin"',))),
    ),
    Silent(
        "PT224",
        "torchvision: PT301",
        report("torchvision 0.19.1 requires torch==2.4.1, but you have torch 2.5.1 which is incompatible."),
    ),
)


def test_a_target_without_pip_is_mended_by_uv():
    snapshot = with_dists(distribution("torch", "2.14.1+cu126", has_record=False), has_pip=False)
    (fix,) = findings(RULES, "PT209", snapshot)[0].fixes
    assert fix.commands[0][:5] == ("uv", "pip", "install", "--python", "{python}")
    assert {"--reinstall", "--no-cache", "--no-deps"} <= set(fix.commands[0])


def test_only_the_environment_is_touched_by_safe_fixes():
    (fix,) = findings(RULES, "PT208", with_target(leftovers=("~orch",)))[0].fixes
    assert fix.kind == "safe"
    assert all(word.startswith(PREFIX) for word in fix.commands[0][3:])


def test_the_local_part_decides_where_a_reinstall_comes_from():
    """A version with a backend tag stands on the PyTorch index only; one without on the default index."""
    plain = with_dists(distribution("torch", "2.15.0", has_record=False))
    assert "--index-url" not in findings(RULES, "PT209", plain)[0].fixes[0].commands[0]


def test_what_pip_said_while_torch_works_is_no_alarm():
    snapshot = said(builders.machine(), "WARNING: Ignoring invalid distribution ~orch (/x)")
    assert not loud(RULES, snapshot)


def test_the_pip_of_a_virtual_environment_is_not_sent_outside_of_it():
    """It answers "Not uninstalling torch ..., outside environment" and removes nothing."""
    inside = with_target(user_site=USER, torch_origin=f"{USER}/torch/__init__.py")
    assert not [f for f in findings(RULES, "PT205", inside)[0].fixes if f.commands]
    conda = with_target(inside, is_venv=False, is_conda=True, torch_origin=f"{USER}/torch/__init__.py")
    conda = with_dists(
        distribution("torch", "2.14.1+cu126"), distribution("torch", "2.5.0", location=USER), snapshot=conda
    )
    assert any("uninstall" in command for fix in findings(RULES, "PT205", conda)[0].fixes for command in fix.commands)


def test_the_version_of_the_files_is_installed_again_and_the_other_record_removed():
    """Not the version of the record that an interrupted upgrade left behind."""
    snapshot = with_dists(distribution("torch", "2.1.0"), distribution("torch", "2.14.1+cu126"))
    again, left = findings(RULES, "PT207", snapshot)[0].fixes
    assert "torch==2.14.1+cu126" in again.commands[0]
    assert left.commands == (("rm", "-rf", "--", f"{SITE}/torch-2.1.0.dist-info"),)
    other = with_dists(distribution("torch", "2.13.0"))
    (fix,) = findings(RULES, "PT207", other)[0].fixes
    assert "torch==2.14.1+cu126" in fix.commands[0]


def test_little_memory_does_not_cost_the_user_the_cache():
    tight = with_host(bare(), memory=Memory(total_bytes=2 * GIB, available_bytes=GIB))
    assert not any("purge" in command for fix in findings(RULES, "PT222", tight)[0].fixes for command in fix.commands)


def test_the_clock_is_set_only_where_a_date_is_wrong():
    """A company's proxy is no matter of the clock."""
    proxy = report("SSL: CERTIFICATE_VERIFY_FAILED, unable to get local issuer certificate (pip)")
    assert not any(
        "timedatectl" in command for fix in findings(RULES, "PT220", proxy)[0].fixes for command in fix.commands
    )
    late = report("SSL: CERTIFICATE_VERIFY_FAILED certificate is not yet valid: https://x/simple/torch/")
    assert any("timedatectl" in command for fix in findings(RULES, "PT220", late)[0].fixes for command in fix.commands)
