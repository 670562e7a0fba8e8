"""PT3xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import BrokenExtension, Companion, Host, ImportResult, Library, replace
from ptsetup.rules import pt3_companions
from tests import builders
from tests.builders import distribution
from tests.rules.judging import (
    Fires,
    Silent,
    failed,
    loud,
    only_target,
    report,
    said,
    windows,
    with_dists,
    with_host,
    with_target,
)

RULES = pt3_companions.RULES
NMS = "RuntimeError: operator torchvision::nms does not exist"
UNDEFINED = "undefined symbol: _ZN3c105ErrorC2ENS_14SourceLocationESs"


def with_torch(version: str, *dists, snapshot=None, **target):
    """The healthy machine with another torch."""
    machine = with_dists(distribution("torch", version), *dists, snapshot=snapshot)
    local = version.partition("+")[2]
    cuda = f"{local[2:-1]}.{local[-1]}" if local.startswith("cu") else None
    wheel = replace(machine.target.wheel, version=version, cuda=cuda)
    torch = replace(machine.torch, version=version, cuda_build_version=cuda, arch_list=None)
    return replace(machine, torch=torch, target=replace(machine.target, wheel=wheel, **target))


def with_companion(name: str, version: str, snapshot=None, **facts):
    """The healthy machine with a compiled companion."""
    companion = Companion(name=name, version=version, **facts)
    return with_dists(distribution(name, version), snapshot=snapshot, companions=(companion,))


def imports(snapshot, module: str, *, is_ok: bool):
    """Importing that package in a child was tried."""
    return replace(snapshot, torch=replace(snapshot.torch, imports=(ImportResult(module=module, is_ok=is_ok),)))


def listed(*pairs: tuple[str, str]):
    """A report's list of packages."""
    return only_target(distributions=tuple(distribution(n, v, location=None, installer=None) for n, v in pairs))


FIRES = (
    Fires(
        "PT301",
        "another minor release",
        with_torch("2.14.1+cu126", distribution("torchvision", "0.25.0")),
        "torchvision 0.25.0 belongs to torch 2.10.0, and torch 2.14.1+cu126 is installed",
        "torch==2.14.1 torchvision==0.29.1",
    ),
    Fires(
        "PT301",
        "its own metadata say so",
        with_torch("2.13.0+cu126", distribution("torchvision", "0.99.0", requires=("torch==2.12.0",))),
        "belongs to torch 2.12.0",
        "torchvision==0.28.0",
    ),
    Fires(
        "PT301",
        "below the lower bound",
        with_torch("2.13.0+cu126", distribution("torchvision", "0.29.1")),
        "2.14 or newer",
        "torchvision",
    ),
    Fires("PT301", "the message alone", report(NMS), "does not fit", "torchvision"),
    Fires(
        "PT301",
        "pip names the conflict",
        report(
            "torchvision 0.19.1 requires torch==2.4.1, but you have torch 2.5.1 which is incompatible.",
            **listed(("torchvision", "0.19.1"), ("torch", "2.5.1")),
        ),
        "torchvision 0.19.1 belongs to torch 2.4.1, and torch 2.5.1",
        "torchvision==0.20.1",
    ),
    Fires(
        "PT301",
        "a patch apart is a note",
        with_torch("2.1.2+cu121", distribution("torchvision", "0.16.0")),
        "belongs to torch 2.1.0",
        "torchvision==0.16.2",
        "note",
    ),
    Fires(
        "PT301",
        "torchvision's own words",
        report(
            "RuntimeError: Couldn't load custom C++ ops. This can happen if your PyTorch and torchvision versions are incompatible"
        ),
        "does not fit",
        "torchvision",
    ),
    Fires(
        "PT302",
        "a CPU torchvision",
        with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1+cpu")),
        "torchvision is a build for cpu, torch one for cu126",
        "torchvision==0.29.1",
        "warning",
    ),
    Fires(
        "PT302",
        "another CUDA major, failing",
        said(
            with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1+cu130")),
            "RuntimeError: Detected that PyTorch and torchvision were compiled with different CUDA major versions.",
        ),
        "cu130",
        "torchvision",
    ),
    Fires(
        "PT302",
        "two pages of the index",
        report(**listed(("torch", "2.6.0+cu124"), ("torchvision", "0.21.0+cu126"))),
        "cu126, torch one for cu124",
        "torchvision==0.21.0",
        "warning",
    ),
    Fires(
        "PT303",
        "today's defaults",
        with_torch("2.15.0+cu132", distribution("torchaudio", "2.11.0+cu130")),
        "torchaudio 2.11.0+cu130 is built for cu130, torch 2.15.0 for cu132",
        "torchaudio",
    ),
    Fires(
        "PT303",
        "its version file tells the CUDA",
        replace(
            with_torch("2.15.0+cu132", distribution("torchaudio", "2.11.0")),
            target=replace(
                with_torch("2.15.0+cu132", distribution("torchaudio", "2.11.0")).target,
                companions=(Companion(name="torchaudio", version="2.11.0", local="cu130"),),
            ),
        ),
        "refuses to be imported",
        "uninstall -y torchaudio",
    ),
    Fires(
        "PT303",
        "another release",
        report(
            f"OSError: /opt/conda/lib/python3.10/site-packages/torchaudio/lib/libtorchaudio.so: {UNDEFINED}",
            **listed(("torch", "2.1.1"), ("torchaudio", "2.0.1")),
        ),
        "torchaudio 2.0.1 belongs to torch 2.0.0, not to 2.1.1",
        "torchaudio==2.1.1",
    ),
    Fires(
        "PT303",
        "NVIDIA's torch with the published torchaudio",
        report(
            '  File ".../site-packages/torchaudio/_extension.py", line 103, in <module>',
            **listed(("torch", "1.12.0a0+2c916ef.nv22.3"), ("torchaudio", "0.12.0")),
        ),
        "another maker's",
        "torchaudio",
    ),
    Fires(
        "PT303",
        "the message alone",
        report("RuntimeError: Detected that PyTorch and TorchAudio were compiled with different CUDA versions."),
        "torchaudio",
        "torchaudio",
    ),
    Fires(
        "PT304",
        "torch too old for it",
        with_torch("2.9.1+cu126", distribution("torchao", "0.18.0")),
        "torchao 0.18.0 has no kernels for torch 2.9.1",
        "torchao==0.14.*",
        "note",
    ),
    Fires(
        "PT304",
        "of the table",
        with_torch("2.10.0+cu126", distribution("torchao", "0.14.0")),
        "no kernels",
        "torchao==0.16.*",
        "note",
    ),
    Fires(
        "PT304",
        "its message",
        report(
            "Skipping import of cpp extensions due to incompatible torch version 2.7.1+cu128 for torchao version 0.15.0"
        ),
        "torchao 0.15.0 has no kernels for torch 2.7.1+cu128",
        "torch",
        "warning",
    ),
    Fires(
        "PT305",
        "its build record",
        with_companion("xformers", "0.0.35", built_for_torch="2.10.0+cu128"),
        "xformers was built for torch 2.10.0+cu128, and torch 2.14.1+cu126 is installed",
        "torch==2.10.0",
        "warning",
    ),
    Fires(
        "PT305",
        "its message",
        report("xFormers was built for:", "    PyTorch 2.1.0+cu121 with CUDA 1201 (you have 2.0.1+cu118)"),
        "built for torch 2.1.0+cu121, and torch 2.0.1+cu118",
        "backend=cu121",
    ),
    Fires(
        "PT306",
        "its wheel's name",
        with_companion("flash-attn", "2.8.0", built_for_torch="2.7"),
        "built for torch 2.7, and 2.14.1+cu126 is installed",
        "--no-build-isolation --no-cache-dir flash-attn",
    ),
    Fires(
        "PT306",
        "the old ABI",
        with_companion("flash-attn", "2.8.0", built_for_torch="2.14", details={"cxx11abi": "FALSE"}),
        "old C++ ABI",
        "uninstall -y flash-attn",
    ),
    Fires(
        "PT306",
        "the symbol",
        report(f"ImportError: /x/flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so: {UNDEFINED}"),
        "flash-attn",
        "flash-attn",
    ),
    Fires(
        "PT307",
        "a scan of the symbols",
        with_target(
            broken_extensions=(BrokenExtension(path="/x/vllm/_C.abi3.so", distribution="vllm", symbols=("_ZN3c104",)),)
        ),
        "vllm asks torch for _ZN3c104",
        "--no-build-isolation --no-cache-dir vllm",
    ),
    Fires(
        "PT307",
        "the loader's message",
        report("ImportError: /src/vllm/vllm/_C.abi3.so: undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKSsb"),
        "vllm was compiled for another torch",
        "--no-build-isolation",
        title="vllm was built for another torch",
    ),
    Fires(
        "PT307",
        "torchtext, which has ended",
        report(
            "OSError: /x/site-packages/torchtext/lib/libtorchtext.so: undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKSsb",
            **listed(("torch", "2.5.1+cu121")),
        ),
        "torchtext was compiled for another torch than 2.5.1+cu121",
        "torch==2.3.1 torchtext==0.18.0",
        title="torchtext was built for another torch",
    ),
    Fires(
        "PT307",
        "a library of an older torch",
        report(
            "OSError: libtorch_cuda_cu.so: cannot open shared object file: No such file or directory",
            **listed(("torch", "2.4.1+cu121")),
        ),
        "libtorch_cuda_cu.so",
        "--no-build-isolation",
    ),
    Fires(
        "PT307",
        "imported before torch",
        report("ImportError: libc10.so: cannot open shared object file: No such file or directory"),
        "libc10.so",
        "--no-build-isolation",
    ),
    Fires(
        "PT308",
        "none for this CUDA",
        with_companion(
            "bitsandbytes",
            "0.41.0",
            snapshot=with_torch("2.15.0+cu132"),
            details={"libraries": "libbitsandbytes_cuda117.so libbitsandbytes_cuda121.so"},
        ),
        "no library for CUDA 13.2; it has 117, 121",
        "--upgrade bitsandbytes",
    ),
    Fires(
        "PT308",
        "a variable asks for another",
        replace(
            with_companion("bitsandbytes", "0.48.0", details={"libraries": "libbitsandbytes_cuda126.so"}),
            env={"BNB_CUDA_VERSION": "118"},
        ),
        "CUDA 118",
        "unset BNB_CUDA_VERSION",
    ),
    Fires(
        "PT308",
        "its message",
        report("RuntimeError: CUDA Setup failed despite GPU being available. Please run the following command"),
        "bitsandbytes",
        "bitsandbytes",
    ),
    Fires(
        "PT309",
        "no FFmpeg",
        with_host(with_dists(distribution("torchcodec", "0.16.0")), loader_cache=()),
        "no shared libraries of FFmpeg",
        "sudo apt install ffmpeg",
        "note",
    ),
    Fires(
        "PT309",
        "another torch's",
        with_torch("2.9.0+cu126", distribution("torchcodec", "0.7.0")),
        "torchcodec 0.7.0 belongs to another torch",
        "torch==2.9.0 torchcodec",
        "warning",
    ),
    Fires(
        "PT309",
        "its message",
        report(
            "RuntimeError: Could not load libtorchcodec. Likely causes: 1. FFmpeg is not properly installed",
            host=Host(system="windows"),
        ),
        "FFmpeg",
        "winget",
    ),
    Fires(
        "PT310",
        "outside what torch asks for",
        with_dists(
            distribution("triton", "3.2.0"),
            distribution("torch", "2.14.1+cu126", requires=("triton~=3.8.0; platform_system == 'Linux'",)),
        ),
        "asks for triton~=3.8.0, and triton 3.2.0 is installed",
        "triton~=3.8.0",
        "warning",
    ),
    Fires(
        "PT310",
        "two owners of one folder",
        with_dists(distribution("pytorch-triton", "3.1.0")),
        "triton 3.8.0 and pytorch-triton 3.1.0 both own",
        "uninstall -y triton pytorch-triton",
        "warning",
    ),
    Fires(
        "PT310",
        "a missing name",
        report(
            "ImportError: cannot import name 'triton_key' from 'triton.compiler.compiler'",
            **listed(("torch", "2.6.0+cu124"), ("triton", "3.4.0")),
        ),
        "triton==3.2.0",
        "triton==3.2.0",
    ),
    Fires(
        "PT311",
        "an old torch beside NumPy 2",
        with_torch("2.2.2+cu121"),
        "torch 2.2.2+cu121 was built for NumPy 1, and NumPy 2.3.4 is installed",
        "numpy<2",
    ),
    Fires(
        "PT311",
        "the message alone",
        report(
            "A module that was compiled using NumPy 1.x cannot be run in",
            "NumPy 2.1.0 as it may crash. To support both 1.x and 2.x",
        ),
        "NumPy 2.1.0",
        "numpy<2",
    ),
    Fires(
        "PT311", "Windows, 2.4.0", with_torch("2.4.0+cu121", snapshot=windows()), "built for NumPy 1", "torch>=2.4.1"
    ),
    Fires(
        "PT311",
        "torch is new, another package is old",
        said(
            builders.machine(),
            "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.3.4",
            '  File "/x/site-packages/pandas/core/api.py", line 1',
        ),
        "pandas cannot",
        "--upgrade pandas",
        "warning",
    ),
    Fires(
        "PT312",
        "not installed",
        with_target(distributions=(distribution("torch", "2.14.1+cu126"), distribution("triton", "3.8.0"))),
        "NumPy is not installed",
        "install numpy",
        "note",
    ),
    Fires(
        "PT312",
        "a warning of torch",
        report("UserWarning: Failed to initialize NumPy: No module named 'numpy' (Triggered internally"),
        "NumPy",
        "install numpy",
        "warning",
    ),
    Fires("PT313", "installed", with_dists(distribution("pynvml", "11.5.0")), "pynvml", "nvidia-ml-py", "note"),
    Fires(
        "PT313",
        "its warning",
        report("FutureWarning: The pynvml package is deprecated. Please install nvidia-ml-py instead."),
        "pynvml",
        "nvidia-ml-py",
        "note",
    ),
)

SILENT = (
    Silent("PT301", "they belong together", with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1"))),
    Silent("PT301", "a lower bound that is met", with_torch("2.15.0+cu132", distribution("torchvision", "0.29.1"))),
    Silent(
        "PT301",
        "its import works",
        imports(with_torch("2.14.1+cu126", distribution("torchvision", "0.25.0")), "torchvision", is_ok=True),
    ),
    Silent(
        "PT301",
        "versions fit, so the message is another's",
        said(with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1")), NMS),
    ),
    Silent(
        "PT301",
        "builds from source say nothing",
        with_torch("2.15.0a0+git1234567", distribution("torchvision", "0.28.0a0+abcdef1")),
    ),
    Silent("PT302", "one page", with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1+cu126"))),
    Silent("PT302", "no local part", with_torch("2.14.1+cu126", distribution("torchvision", "0.29.1"))),
    Silent(
        "PT303",
        "a CPU torch",
        with_torch("2.15.0+cpu", distribution("torchaudio", "2.11.0+cu130"), snapshot=builders.cpu_machine()),
    ),
    Silent("PT303", "one CUDA", with_torch("2.14.1+cu130", distribution("torchaudio", "2.11.0+cu130"))),
    Silent(
        "PT304",
        "left aside on purpose",
        replace(
            with_torch("2.9.1+cu126", distribution("torchao", "0.18.0")),
            env={"TORCHAO_FORCE_SKIP_LOADING_SO_FILES": "1"},
        ),
    ),
    Silent("PT304", "the pair of the table", with_torch("2.10.0+cu126", distribution("torchao", "0.16.0"))),
    Silent("PT305", "built for this torch", with_companion("xformers", "0.0.35", built_for_torch="2.14.1+cu126")),
    Silent(
        "PT305",
        "its import works",
        imports(with_companion("xformers", "0.0.35", built_for_torch="2.10.0"), "xformers", is_ok=True),
    ),
    Silent(
        "PT306",
        "this torch's wheel",
        with_companion("flash-attn", "2.8.0", built_for_torch="2.14", details={"cxx11abi": "TRUE"}),
    ),
    Silent(
        "PT306",
        "compiled after torch was changed",
        with_dists(
            distribution("torch", "2.14.1+cu126", installed_at=1000.0),
            distribution("flash-attn", "2.8.0", installed_at=9000.0),
            companions=(Companion(name="flash-attn", built_for_torch="2.7"),),
        ),
    ),
    Silent("PT307", "nothing is broken", with_target(broken_extensions=())),
    Silent("PT307", "flash-attn has a rule of its own", report(f"ImportError: /x/flash_attn_2_cuda.so: {UNDEFINED}")),
    Silent(
        "PT307",
        "torch's own library",
        report("ImportError: /x/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommResume"),
    ),
    Silent(
        "PT308",
        "a nearby minor release",
        with_companion("bitsandbytes", "0.48.0", details={"libraries": "libbitsandbytes_cuda124.so"}),
    ),
    Silent(
        "PT309",
        "FFmpeg is there",
        with_host(
            with_dists(distribution("torchcodec", "0.16.0")),
            loader_cache=(Library(soname="libavutil.so.58", path="/usr/lib/libavutil.so.58"),),
        ),
    ),
    Silent("PT309", "not installed", with_host(loader_cache=())),
    Silent(
        "PT310", "what torch asks for", with_dists(distribution("torch", "2.14.1+cu126", requires=("triton~=3.8.0",)))
    ),
    Silent("PT311", "a torch for NumPy 2", builders.machine()),
    Silent("PT311", "NumPy 1", with_torch("2.2.2+cu121", distribution("numpy", "1.26.4"))),
    Silent("PT311", "2.3 on Linux can", with_torch("2.3.0+cu121")),
    Silent("PT311", "unavailable, version unknown", report("RuntimeError: Numpy is not available")),
    Silent("PT312", "installed", builders.machine()),
    Silent("PT312", "a report's list may be partial", report(**listed(("torch", "2.1.0")))),
    Silent("PT313", "its successor", with_dists(distribution("nvidia-ml-py", "13.0"))),
)


def test_a_failed_import_alone_blames_no_companion():
    assert loud(RULES, failed(builders.machine(), "ImportError: something else")) == ["PT992"]
