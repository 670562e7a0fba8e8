"""PT4xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import CudaDriver, Gpu, Host, Intel, IntelGpu, Library, Nvidia, Program, Smi, Wheel, replace
from ptsetup.rules import pt4_cuda
from tests import builders
from tests.builders import PREFIX, SITE, distribution
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
    with_host,
    with_target,
)

RULES = pt4_cuda.RULES
NCCL = "ImportError: /x/site-packages/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommResume"
NO_CUDA = "AssertionError: Torch not compiled with CUDA enabled"
CODE_803 = (
    "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / cuda driver "
    "combination"
)
PINS = (
    "nvidia-cudnn-cu12==9.10.2.21; platform_system == 'Linux'",
    "nvidia-nccl-cu12==2.27.5; platform_system == 'Linux'",
)
WHOLE = (distribution("nvidia-cudnn-cu12", "9.10.2.21"), distribution("nvidia-nccl-cu12", "2.27.5"))


def cpu_build(snapshot=None, version: str = "2.14.1+cpu"):
    """The machine with its GPU, and a CPU build."""
    machine = with_dists(distribution("torch", version), snapshot=snapshot)
    torch = replace(
        machine.torch,
        version=version,
        cuda_build_version=None,
        is_cuda_available=False,
        cuda_device_count=0,
        arch_list=(),
    )
    wheel = replace(machine.target.wheel, version=version, cuda=None)
    return replace(machine, torch=torch, target=replace(machine.target, wheel=wheel))


def pinned(*dists, **target):
    """The machine whose torch pins cuDNN and NCCL, with these installed."""
    return with_dists(distribution("torch", "2.14.1+cu126", requires=PINS), *dists, **target)


def cuda_driver(code: int, path: str | None = None, **nvidia):
    """The machine on which cuInit gave that code."""
    section = replace(builders.nvidia(), cuda=CudaDriver(init_rc=code, library_path=path), **nvidia)
    torch = replace(builders.torch(), is_cuda_available=False, cuda_device_count=0)
    return replace(builders.machine(), nvidia=section, torch=torch)


def shadowed(rpath: str = "RUNPATH", version: str = "12.4.127", **target):
    """A toolkit's libnvJitLink on LD_LIBRARY_PATH."""
    own = Library(
        soname="libnvJitLink.so.12", path=f"{SITE}/nvidia/nvjitlink/lib/libnvJitLink.so.12", version="12.6.85"
    )
    other = Library(
        soname="libnvJitLink.so.12",
        path="/usr/local/cuda/lib64/libnvJitLink.so.12",
        version=version,
        via="LD_LIBRARY_PATH",
    )
    wheel = replace(builders.target().wheel, rpath_kind=rpath)
    machine = with_target(wheel_libraries=(own,), shadow_libraries=(other,), wheel=wheel, **target)
    return replace(machine, env={"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"})


def programs(*found: Program):
    return with_host(programs=found)


def nvcc(version: str | None, **facts):
    return Program(
        name="nvcc", version=version, path=f"/usr/local/cuda-{version}/bin/nvcc" if version else None, **facts
    )


def mapped(*paths: str, **target):
    """The child that imported torch had these libraries mapped."""
    machine = pinned(*WHOLE, **target)
    return replace(machine, torch=replace(machine.torch, mapped_libraries=paths))


FIRES = (
    Fires(
        "PT401",
        "a CPU build, a GPU",
        cpu_build(),
        "torch 2.14.1+cpu is a build for the CPU, and NVIDIA GeForce RTX 4090 is here",
        "torch",
    ),
    Fires("PT401", "Windows' default", cpu_build(windows(), "2.15.0"), "build for the CPU", "torch"),
    Fires(
        "PT401",
        "companions come along",
        with_dists(distribution("torchvision", "0.29.1"), snapshot=cpu_build()),
        "CPU",
        "torch torchvision",
    ),
    Fires("PT401", "the message alone", report(NO_CUDA), "the program asks for CUDA", "torch"),
    Fires(
        "PT401",
        "somebody tells it in one sentence",
        report(
            "torch.cuda.is_available() is False, nvidia-smi works (Driver Version: 550.54.14), torch.__version__ 2.9.0+cpu",
            nvidia=Nvidia(smi=Smi(driver_version="550.54.14")),
        ),
        "torch 2.9.0+cpu is a build for the CPU, and an NVIDIA driver is here",
        "torch",
    ),
    Fires(
        "PT401",
        "xformers for CUDA beside it",
        report("    PyTorch 2.2.0+cu121 with CUDA 1201 (you have 2.2.0+cpu)"),
        "torch 2.2.0+cpu is a build for the CPU",
        "torch",
    ),
    Fires(
        "PT401",
        "a GPU that no build serves",
        cpu_build(
            replace(
                builders.machine(),
                nvidia=builders.nvidia(gpus=(builders.gpu(name="GeForce GTX 480", compute_capability=(2, 0)),)),
            )
        ),
        "no build of torch serves this GPU",
        "",
        "note",
    ),
    Fires(
        "PT402",
        "a package is missing",
        failed(
            pinned(WHOLE[1]), "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory"
        ),
        "needs nvidia-cudnn-cu12",
        "--no-deps nvidia-cudnn-cu12==9.10.2.21",
    ),
    Fires(
        "PT402",
        "an extra of the toolkit",
        failed(
            with_dists(
                distribution(
                    "torch", "2.14.1+cu130", requires=("cuda-toolkit[cublas]==13.0.3; platform_system == 'Linux'",)
                ),
                distribution("cuda-toolkit", "13.0.3", requires=('nvidia-cublas==13.1.0; extra == "cublas"',)),
            ),
            "x",
        ),
        "needs nvidia-cublas",
        "nvidia-cublas==13.1.0",
    ),
    Fires(
        "PT402",
        "its files are gone",
        failed(
            pinned(
                WHOLE[1],
                distribution("nvidia-cudnn-cu12", "9.10.2.21", missing_files=("nvidia/cudnn/lib/libcudnn.so.9",)),
            ),
            "x",
        ),
        "whose files are gone",
        "nvidia-cudnn-cu12==9.10.2.21",
    ),
    Fires(
        "PT402",
        "the message alone",
        report("ImportError: libcusparseLt.so.0: cannot open shared object file: No such file or directory"),
        "torch needs libcusparseLt.so.0,",
        "install torch again",
    ),
    Fires(
        "PT403",
        "two majors, one folder",
        failed(
            with_dists(
                distribution("nvidia-nccl-cu12", "2.29.3"),
                distribution("nvidia-nccl-cu13", "2.29.7", resized_files=("nvidia/nccl/lib/libnccl.so.2 (4, 3)",)),
            ),
            NCCL,
        ),
        "nvidia-nccl-cu12 and nvidia-nccl-cu13 write into one folder",
        "uninstall -y nvidia-nccl-cu13",
    ),
    Fires(
        "PT403",
        "a report lists both",
        report(
            NCCL,
            **only_target(
                distributions=(distribution("nvidia-nccl-cu12", "2.29.3"), distribution("nvidia-nccl-cu13", "2.29.7"))
            ),
        ),
        "write into one folder",
        "--no-deps nvidia-nccl-cu13==2.29.7",
    ),
    Fires("PT403", "the symbol alone", report(NCCL), "ncclCommResume", "torch", title="of another version than torch"),
    Fires(
        "PT403",
        "no harm seen",
        with_dists(distribution("nvidia-cudnn-cu11", "8.9"), distribution("nvidia-cudnn-cu12", "9.10")),
        "one folder",
        "nvidia-cudnn-cu11",
        "note",
    ),
    Fires(
        "PT404",
        "another cuDNN",
        pinned(WHOLE[1], distribution("nvidia-cudnn-cu12", "9.1.0.70")),
        "torch pins nvidia-cudnn-cu12==9.10.2.21, and 9.1.0.70",
        "nvidia-cudnn-cu12==9.10.2.21",
        "warning",
    ),
    Fires(
        "PT405",
        "a toolkit first, RUNPATH",
        shadowed(),
        "/usr/local/cuda/lib64/libnvJitLink.so.12 stands before",
        "unset LD_LIBRARY_PATH",
        "warning",
    ),
    Fires(
        "PT405",
        "and the import fails",
        failed(shadowed(), "undefined symbol: __nvJitLinkComplete_12_4"),
        "stands before",
        "unset LD_LIBRARY_PATH",
    ),
    Fires("PT405", "RPATH finds its own", shadowed("RPATH"), "finds its own all the same", "unset", "note"),
    Fires(
        "PT405",
        "a text file under the driver's name",
        replace(
            cuda_driver(100, libraries=(Library(soname="libcuda.so.1", path="/opt/text/libcuda.so.1", is_text=True),)),
            env={"LD_LIBRARY_PATH": "/opt/text:/opt/lib"},
        ),
        "/opt/text/libcuda.so.1 bears the name",
        "unset LD_LIBRARY_PATH",
        title="A file that is no library bears the name of one of the driver's",
    ),
    Fires(
        "PT405",
        "nvJitLink of another toolkit",
        report(
            "ImportError: .../nvidia/cusparse/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"
        ),
        "libnvJitLink.so.12",
        "unset LD_LIBRARY_PATH",
    ),
    Fires(
        "PT405",
        "a library of the system by its path",
        report(
            "Could not load library libcudnn_cnn.so.8. Error: "
            "/usr/local/cuda-12.3/lib64/libcudnn_cnn_train.so.8: undefined symbol: _ZN5cudnn"
        ),
        "/usr/local/cuda-12.3/lib64/libcudnn_cnn_train.so.8",
        "unset LD_LIBRARY_PATH",
    ),
    Fires(
        "PT405",
        "an older cuBLAS",
        report(
            "ImportError: .../torch/lib/libtorch_cuda.so: undefined symbol: cublasSetWorkspace_v2, version libcublas.so.11"
        ),
        "libcublas.so.11",
        "unset",
    ),
    Fires(
        "PT406",
        "NCCL by force",
        failed(replace(builders.machine(), env={"LD_PRELOAD": "/opt/nccl/libnccl.so.2"}), "undefined symbol: ncclRecv"),
        "/opt/nccl/libnccl.so.2",
        "unset LD_PRELOAD",
    ),
    Fires(
        "PT406",
        "an allocator is meant",
        replace(builders.machine(), env={"LD_PRELOAD": "/usr/lib/libtcmalloc.so.4"}),
        "libtcmalloc",
        "unset LD_PRELOAD",
        "note",
    ),
    Fires(
        "PT406",
        "it is not there",
        report("ERROR: ld.so: object '/x/libgomp.so' from LD_PRELOAD cannot be preloaded: ignored."),
        "could not be loaded",
        "unset",
        "warning",
    ),
    Fires(
        "PT407",
        "an old C++ library",
        report(
            "ImportError: /opt/conda/bin/../lib/libstdc++.so.6: version `GLIBCXX_3.4.29' not found (required by /x/libtorch_cpu.so)"
        ),
        "libstdc++.so.6 lacks GLIBCXX_3.4.29",
        "libstdcxx-ng",
    ),
    Fires(
        "PT407",
        "a symbol of newer C++",
        replace(
            report("ImportError: undefined symbol: _ZTVN10__cxxabiv117__class_type_infoE"),
            env={"LD_LIBRARY_PATH": "/opt/gcc/lib"},
        ),
        "too old",
        "unset LD_LIBRARY_PATH",
    ),
    Fires(
        "PT408",
        "two versions",
        report(
            "RuntimeError: cuDNN version incompatibility: PyTorch was compiled  against (8, 7, 0) but found runtime version (8, 2, 4)."
        ),
        "torch was built with cuDNN 8.7.0, and 8.2.4 was loaded",
        "unset LD_LIBRARY_PATH",
    ),
    Fires(
        "PT408",
        "the words of 1.12",
        report(
            "RuntimeError: cuDNN version incompatibility: PyTorch was compiled against (8, 3, 2) but linked against (8, 0, 3)"
        ),
        "8.3.2, and 8.0.3",
        "torch",
    ),
    Fires(
        "PT408",
        "parts from two folders",
        mapped(f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", "/usr/lib/x86_64-linux-gnu/libcudnn_ops.so.9"),
        "2 folders",
        "torch==2.14.1",
    ),
    Fires(
        "PT408",
        "perhaps the memory",
        report("RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        "memory is full",
        "torch",
        "warning",
    ),
    Fires(
        "PT409",
        "the system's runtime answers",
        mapped("/usr/local/cuda-12.6/lib64/libcudart.so.12"),
        "/usr/local/cuda-12.6/lib64/libcudart.so.12",
        "torch==2.14.1",
        "warning",
    ),
    Fires(
        "PT410",
        "building fails",
        report(
            "      The detected CUDA version (12.2) mismatches the version that was used to compile",
            "      PyTorch (11.3). Please make sure to use the same CUDA versions.",
        ),
        "toolkit is 12.2, torch was built with CUDA 11.3",
        "CUDA_HOME=/usr/local/cuda-11.3",
    ),
    Fires(
        "PT410",
        "another major, nothing built",
        programs(nvcc("11.8", source="CUDA_HOME")),
        "toolkit is 11.8, torch was built with CUDA 12.6",
        "backend=cu118",
        "note",
    ),
    Fires(
        "PT411",
        "nothing to build",
        programs(nvcc(None)),
        "torch runs without one",
        "sudo apt install cuda-toolkit-12-6",
        "note",
    ),
    Fires(
        "PT411",
        "building fails",
        report("OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root."),
        "nvcc was not found",
        "cuda-toolkit",
    ),
    Fires(
        "PT412",
        "torch's check",
        report(
            "RuntimeError: The current installed version of g++ (16.1.0) is greater than the maximum required version by CUDA 13.0."
        ),
        "gcc 16.1.0 is newer than CUDA 13.0 takes (up to 15)",
        "CC=gcc-15 CXX=g++-15",
    ),
    Fires(
        "PT412",
        "nvcc's check",
        report("#error -- unsupported GNU version! gcc versions later than 12 are not supported!"),
        "up to 12",
        "gcc-12",
    ),
    Fires(
        "PT412",
        "by the versions",
        programs(nvcc("12.4"), Program(name="g++", path="/usr/bin/g++", version="14.2.0")),
        "up to 13",
        "g++-13",
        "note",
    ),
    Fires(
        "PT413",
        "isolation",
        report(
            "  Getting requirements to build wheel did not run successfully.",
            "      ModuleNotFoundError: No module named 'torch'",
            "ERROR: Failed to build flash-attn",
        ),
        "flash-attn is built in an environment of its own",
        "--no-build-isolation flash-attn",
    ),
    Fires(
        "PT413",
        "no ninja",
        report("RuntimeError: Ninja is required to load C++ extensions (pip install ninja to get it)"),
        "ninja",
        "install ninja",
    ),
    Fires(
        "PT414",
        "code 34",
        replace(cuda_driver(34), env={"LD_LIBRARY_PATH": "/usr/local/cuda/lib64/stubs:/opt/lib"}),
        "/usr/local/cuda/lib64/stubs",
        "export LD_LIBRARY_PATH=/opt/lib",
    ),
    Fires(
        "PT414", "the message", report("RuntimeError: CUDA driver is a stub library"), "stub", "unset LD_LIBRARY_PATH"
    ),
    Fires(
        "PT415",
        "803 through compat",
        cuda_driver(803, "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06"),
        "803",
        "rm -f /etc/ld.so.conf.d/*compat*",
    ),
    Fires(
        "PT415",
        "804 on a GeForce",
        cuda_driver(804, "/usr/local/cuda/compat/libcuda.so.1"),
        "804",
        "LD_LIBRARY_PATH=/usr/local/nvidia/lib64",
    ),
    Fires(
        "PT415",
        "803 in a container",
        report(CODE_803, host=Host(system="linux", container="docker")),
        "does not go with this driver",
        "compat",
    ),
    Fires(
        "PT415",
        "a switch of vLLM",
        replace(
            report(CODE_803, "$ export VLLM_ENABLE_CUDA_COMPATIBILITY=1"), env={"VLLM_ENABLE_CUDA_COMPATIBILITY": "1"}
        ),
        "803",
        "unset VLLM_ENABLE_CUDA_COMPATIBILITY",
    ),
    Fires(
        "PT415",
        "804 in words",
        report("[[ Forward compatibility was attempted on non supported HW (error 804) ]]"),
        "not allowed",
        "compat",
    ),
    Fires(
        "PT415",
        "older than the driver",
        cuda_driver(999, "/usr/local/cuda/compat/libcuda.so.560.35.05"),
        "of no use here",
        "compat",
        "warning",
    ),
    Fires(
        "PT416",
        "libgomp came late",
        report("ImportError: /lib/aarch64-linux-gnu/libgomp.so.1: cannot allocate memory in static TLS block"),
        "libgomp.so.1",
        "export LD_PRELOAD=/lib/aarch64-linux-gnu/libgomp.so.1",
    ),
    Fires(
        "PT417",
        "the symbol",
        report("ImportError: libtorch_cpu.so: undefined symbol: iJIT_NotifyEvent"),
        "mkl",
        "mkl<2024.1",
    ),
    Fires(
        "PT417",
        "by the versions",
        failed(
            with_dists(
                distribution("torch", "2.2.2", installer="conda"),
                distribution("mkl", "2024.1.0", installer="conda"),
                wheel=Wheel(version="2.2.2"),
            ),
            "x",
        ),
        "mkl 2024.1.0",
        "conda install mkl<2024.1",
    ),
)

SILENT = (
    Silent("PT401", "a CUDA build", builders.machine()),
    Silent("PT401", "no GPU", builders.cpu_machine()),
    Silent("PT401", "no driver is told of", report("on my laptop torch 2.9.0+cpu runs, and is_available() is False")),
    Silent(
        "PT401",
        "nobody could look for a GPU",
        replace(builders.cpu_machine(), host=replace(builders.host(), pci=None), nvidia=None),
    ),
    Silent("PT401", "the CPU is wanted", cpu_build(), expect="cpu"),
    Silent("PT401", "uv was told so", replace(cpu_build(), env={"UV_TORCH_BACKEND": "cpu"})),
    Silent(
        "PT401",
        "an Intel GPU: PT820",
        replace(report(NO_CUDA), intel=Intel(gpus=(IntelGpu(name="Intel Arc A770 Graphics"),))),
    ),
    Silent("PT401", "a Mac", said(mac(), NO_CUDA)),
    Silent("PT402", "all there", pinned(*WHOLE)),
    Silent(
        "PT402",
        "conda brings CUDA under other names",
        failed(with_dists(distribution("torch", "2.5.1", installer="conda", requires=PINS)), "x"),
    ),
    Silent(
        "PT402",
        "the marker is for another system",
        with_dists(distribution("torch", "2.15.0", requires=PINS), snapshot=windows()),
    ),
    Silent("PT402", "the list is not known", with_target(distributions=None)),
    Silent(
        "PT403",
        "folders of their own",
        with_dists(distribution("nvidia-cublas-cu12", "12.6"), distribution("nvidia-cublas-cu13", "13.0")),
    ),
    Silent("PT403", "one major", pinned(*WHOLE)),
    Silent("PT403", "it was preloaded: PT406", replace(report(NCCL), env={"LD_PRELOAD": "/opt/libnccl.so.2"})),
    Silent("PT404", "as pinned", pinned(*WHOLE)),
    Silent(
        "PT404",
        "above a lower bound",
        with_dists(
            distribution("torch", "2.15.0", requires=("nvidia-nvjitlink<14,>=13.2",)),
            distribution("nvidia-nvjitlink", "13.5.1"),
        ),
    ),
    Silent("PT405", "the same version", shadowed(version="12.6.85")),
    Silent(
        "PT405",
        "only stubs",
        with_target(
            wheel_libraries=(Library(soname="libnvrtc.so.12", path="/w/libnvrtc.so.12", version="12.6"),),
            shadow_libraries=(
                Library(
                    soname="libnvrtc.so.12",
                    path="/usr/local/cuda/lib64/stubs/libnvrtc.so.12",
                    version="12.0",
                    via="LD_LIBRARY_PATH",
                ),
            ),
        ),
    ),
    Silent(
        "PT405",
        "merely in the loader's cache",
        with_target(
            wheel_libraries=(Library(soname="libcudnn.so.9", path="/w/libcudnn.so.9", version="9.10"),),
            shadow_libraries=(
                Library(soname="libcudnn.so.9", path="/usr/lib/libcudnn.so.9", version="9.1", via="ld.so.cache"),
            ),
        ),
    ),
    Silent("PT406", "not set", replace(builders.machine(), env={})),
    Silent("PT407", "glibc is another library", report("version `GLIBC_2.33' not found")),
    Silent(
        "PT407",
        "the import works",
        said(builders.machine(), "version `GLIBCXX_3.4.29' not found (required by other.so)"),
    ),
    Silent(
        "PT408",
        "one folder",
        mapped(f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", f"{SITE}/nvidia/cudnn/lib/libcudnn_ops.so.9"),
    ),
    Silent("PT408", "a CPU build", said(builders.cpu_machine(), "CUDNN_STATUS_NOT_INITIALIZED")),
    Silent("PT409", "its own", mapped(f"{SITE}/nvidia/cuda_runtime/lib/libcudart.so.12")),
    Silent("PT409", "conda's", mapped(f"{PREFIX}/lib/libcudart.so.12")),
    Silent("PT410", "another minor only", programs(nvcc("12.4"))),
    Silent("PT410", "no toolkit", programs(nvcc(None))),
    Silent("PT411", "a toolkit", programs(nvcc("12.6"))),
    Silent("PT411", "nobody looked", builders.machine()),
    Silent("PT412", "in range", programs(nvcc("12.8"), Program(name="g++", path="/usr/bin/g++", version="14.2.0"))),
    Silent(
        "PT412",
        "the table ends at 13.0",
        programs(nvcc("13.2"), Program(name="g++", path="/usr/bin/g++", version="16.0.0")),
    ),
    Silent("PT413", "torch is absent, nothing is built: PT202", report("ModuleNotFoundError: No module named 'torch'")),
    Silent("PT414", "another code", cuda_driver(100)),
    Silent(
        "PT415", "forward compatibility that works", cuda_driver(0, "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06")
    ),
    Silent("PT415", "803 on the host: PT503", report(CODE_803, host=Host(system="linux", container="none"))),
    Silent(
        "PT415",
        "module and library differ in a container, no compat: PT503",
        replace(
            report(CODE_803, host=Host(system="linux", container="docker")),
            nvidia=Nvidia(kernel_module_version="570.1", user_library_version="580.2"),
        ),
    ),
    Silent("PT416", "nothing of the kind", builders.machine()),
    Silent(
        "PT417",
        "a wheel, not conda's",
        failed(with_dists(distribution("torch", "2.2.2"), distribution("mkl", "2024.1.0")), "x"),
    ),
    Silent(
        "PT417",
        "an older MKL",
        failed(with_dists(distribution("torch", "2.2.2", installer="conda"), distribution("mkl", "2023.1.0")), "x"),
    ),
)


def test_the_major_that_torch_requires_stays():
    """Which of the two packages goes depends on torch's own metadata, not on which is newer."""
    snapshot = pinned(
        *WHOLE, distribution("nvidia-nccl-cu13", "2.29.7", resized_files=("nvidia/nccl/lib/libnccl.so.2 (4, 3)",))
    )
    (first, second) = findings(RULES, "PT403", snapshot)[0].fixes[0].commands
    assert first[-1] == "nvidia-nccl-cu13"
    assert second[-1] == "nvidia-nccl-cu12==2.27.5"


def test_a_cpu_build_is_cured_by_the_planner_alone():
    """No wheel command is written by hand: driver and GPU decide."""
    (fix,) = findings(RULES, "PT401", cpu_build())[0].fixes
    assert fix.needs_plan == ("torch",)
    assert not fix.commands
    assert not fix.shell


def test_gpus_of_a_report_count():
    snapshot = replace(
        report(), nvidia=Nvidia(gpus=(Gpu(name="NVIDIA A10G"),)), **only_target(wheel=Wheel(version="2.6.0+cpu"))
    )
    assert findings(RULES, "PT401", snapshot)[0].certainty == "certain"


def test_a_stub_of_the_loaders_cache_is_taken_out_there():
    """Taking LD_LIBRARY_PATH away would change nothing."""
    snapshot = cuda_driver(34, "/usr/local/cuda/lib64/stubs/libcuda.so.1")
    (fix,) = findings(RULES, "PT414", snapshot)[0].fixes
    assert fix.shell.startswith("sudo sed -i '\\#/usr/local/cuda/lib64/stubs#d'")
    assert fix.shell.endswith("&& sudo ldconfig")


def test_compat_leaves_the_way_to_another_build():
    """Two ways out: the host's driver, or a build that the driver runs by itself."""
    found = findings(RULES, "PT415", cuda_driver(803, "/usr/local/cuda-13.0/compat/libcuda.so.580.65.06"))[0]
    assert any(fix.needs_plan for fix in found.fixes)
    assert any("driver" in fix.text and not fix.needs_plan for fix in found.fixes)


def test_variables_that_windows_lacks_are_not_unset_there():
    found = findings(RULES, "PT405", report("libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4"))[0]
    assert not any("$env:" in (fix.shell or fix.text) for fix in found.fixes)


def test_a_library_that_was_exchanged_by_hand_is_not_two_majors():
    """One NCCL is installed, its file is another one: PT212 says so."""
    replaced = distribution("nvidia-nccl-cu13", "2.30.7", resized_files=("nvidia/nccl/lib/libnccl.so.2 (400, 900)",))
    assert not findings(RULES, "PT403", failed(with_dists(replaced), NCCL))
