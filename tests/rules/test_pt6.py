"""PT6xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

import pytest

from ptsetup.facts import Amd, AmdGpu, CudaDriver, Gpu, MigDevice, Nvidia, Smi, Wheel, replace
from ptsetup.rules import _visible, pt6_architecture
from tests import builders
from tests.rules.harms import amd, card, cards, container, cuda, dead, env, host, node, wheel
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

RULES = pt6_architecture.RULES
NO_KERNEL = "RuntimeError: CUDA error: no kernel image is available for execution on the device"
PTX = "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain."
NO_GPUS = "RuntimeError: No CUDA GPUs are available"
NOT_COMPATIBLE = "GeForce RTX 3090 with CUDA capability sm_86 is not compatible with the current PyTorch installation."
BACKEND = "RuntimeError: Failed to load the backend extension: torch_npu. You can disable extension auto-loading"
ADVICE = "Please install PyTorch with a following CUDA configurations:  12.6 13.4 following instructions at https://pytorch.org"

PASCAL = {"name": "NVIDIA GeForce GTX 1080 Ti", "compute_capability": (6, 1)}
ADA = {"name": "NVIDIA GeForce RTX 4090", "compute_capability": (8, 9)}
BLACKWELL = {"name": "NVIDIA GeForce RTX 5090", "compute_capability": (12, 0)}


def named(name, *lines, version=None, build=None, **changes):
    """A report that names a GPU, perhaps a torch, and what was said."""
    target = only_target(wheel=Wheel(version=version, cuda=build)) if version or build else {}
    return replace(report(*lines, **target), nvidia=Nvidia(gpus=(Gpu(name=name, source="report"),)), **changes)


FIRES = (
    Fires(
        "PT601",
        "Pascal and a CUDA 13 build",
        wheel("2.15.0+cu132", card(**PASCAL)),
        "GTX 1080 Ti (compute capability 6.1)",
        "torch",
    ),
    Fires(
        "PT601",
        "beside one that is served it is a warning",
        wheel("2.14.1+cu130", cards(ADA, PASCAL)),
        "older than all code",
        "torch",
        "warning",
    ),
    Fires(
        "PT601",
        "the list of the build itself",
        dead(card(**PASCAL), arch_list=("sm_75", "sm_80")),
        "it has sm_75 sm_80",
        "torch",
    ),
    Fires(
        "PT601",
        "no build at all serves it",
        wheel("2.0.1+cu117", card(name="Tesla K10", compute_capability=(3, 0))),
        "older",
        "backend=cpu",
    ),
    Fires(
        "PT601",
        "torch says so of an unknown card",
        report("PyTorch no longer supports this GPU because it is too old."),
        "older than all code",
        "torch",
    ),
    Fires(
        "PT601",
        "by the CUDA alone",
        named("Tesla K80", NO_KERNEL, version="2.4.0a0+git123", build="12.4"),
        "cannot compile for it",
        "torch",
    ),
    Fires(
        "PT602",
        "Blackwell and a cu124 build",
        wheel("2.5.1+cu124", card(**BLACKWELL)),
        "RTX 5090 (compute capability 12.0)",
        "torch",
    ),
    Fires(
        "PT602",
        "a nightly that the index lacks",
        named("RTX 5090", NO_KERNEL, version="2.7.0.dev20250310+cu124"),
        "newer than all code",
        "torch",
    ),
    Fires(
        "PT602", "by the release alone", named("RTX 5070", NO_KERNEL, version="2.5.1"), "newer than all code", "torch"
    ),
    Fires("PT602", "an old CUDA", named("GeForce RTX 3090", NOT_COMPATIBLE, version="1.7.1+cu101"), "newer", "torch"),
    Fires("PT602", "nothing but the error", report(NO_KERNEL), "no code for this GPU", "torch", "warning"),
    Fires(
        "PT603",
        "CUDA 12.8 on a driver for 12.4",
        replace(
            named("NVIDIA H100 PCIe", PTX, version="2.9.0+cu128"), nvidia=Nvidia(smi=Smi(driver_version="550.144.03"))
        ),
        "speaks CUDA 12.4, torch is built with 12.8",
        "570.26",
    ),
    Fires(
        "PT603",
        "a kernel of Triton on a driver for CUDA 11",
        report(
            "RuntimeError: Triton Error [CUDA]: device kernel image is invalid",
            nvidia=Nvidia(smi=Smi(driver_version="470.57.02")),
            **only_target(wheel=Wheel(version="2.2.0+cu118", cuda="11.8")),
        ),
        "speaks CUDA 11.4, and Triton makes its kernels for CUDA 12",
        "TRITON_PTXAS_PATH=/usr/local/cuda-11.8/bin/ptxas",
    ),
    Fires(
        "PT603",
        "no failure yet",
        replace(
            report(),
            nvidia=Nvidia(smi=Smi(driver_version="525.147.05")),
            **only_target(wheel=Wheel(version="2.4.0+cu121")),
        ),
        "fine for torch's own kernels",
        "",
        "note",
    ),
    Fires(
        "PT604",
        "one of two is served",
        wheel("2.14.1+cu130", cards(ADA, PASCAL)),
        "serves NVIDIA GeForce RTX 4090, but not",
        "CUDA_VISIBLE_DEVICES=GPU-01111111-2222",
        "warning",
    ),
    Fires(
        "PT604",
        "the other one is hidden",
        env(wheel("2.14.1+cu130", cards(ADA, PASCAL)), CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID"),
        "hides that one",
        "torch",
        "note",
    ),
    Fires(
        "PT605",
        "12.6 is no build of 2.15",
        said(wheel("2.15.0+cu132"), ADVICE),
        "there is no such build of torch 2.15.0",
        "torch",
        "note",
    ),
    Fires(
        "PT606",
        "torch serves the card",
        said(builders.machine(), NO_KERNEL),
        "a compiled package is the one",
        "export TORCH_CUDA_ARCH_LIST=8.9",
    ),
    Fires(
        "PT606",
        "a list without this card",
        env(TORCH_CUDA_ARCH_LIST="9.0;7.5"),
        "leaves out",
        "export TORCH_CUDA_ARCH_LIST=8.9",
        "warning",
    ),
    Fires("PT606", "an old card that torch serves", said(card(**PASCAL), NO_KERNEL), "GTX 1080 Ti", "below 7.0"),
    Fires(
        "PT650",
        "empty",
        env(dead(), CUDA_VISIBLE_DEVICES=""),
        'CUDA_VISIBLE_DEVICES="" hides every GPU',
        "unset CUDA_VISIBLE_DEVICES",
    ),
    Fires("PT650", "minus one", env(dead(), CUDA_VISIBLE_DEVICES="-1"), "CUDA_VISIBLE_DEVICES=-1", "unset"),
    Fires("PT650", "a word", env(dead(), CUDA_VISIBLE_DEVICES="none,0"), "none,0", "unset"),
    Fires(
        "PT650",
        "where there is no GPU nothing is lost",
        env(builders.cpu_machine(), CUDA_VISIBLE_DEVICES=""),
        "hides",
        "unset",
        "note",
    ),
    Fires("PT650", "on Windows", env(windows(dead()), CUDA_VISIBLE_DEVICES=""), "hides", "set CUDA_VISIBLE_DEVICES="),
    Fires("PT650", "a report without the variable", report(NO_GPUS), "offers no GPU", "nvidia-smi -L", "warning"),
    Fires(
        "PT651",
        "a number that is not there",
        env(dead(), CUDA_VISIBLE_DEVICES="2"),
        "there is no GPU 2, only 0",
        "unset",
    ),
    Fires("PT651", "the second is not there", env(CUDA_VISIBLE_DEVICES="0,4"), "there is no GPU 4", "unset", "warning"),
    Fires("PT651", "twice", env(dead(cards({}, {})), CUDA_VISIBLE_DEVICES="1,1"), "1 stands there twice", "unset"),
    Fires(
        "PT651",
        "an id of another machine",
        env(dead(), CUDA_VISIBLE_DEVICES="GPU-99"),
        "no GPU here has the id GPU-99",
        "unset",
    ),
    Fires("PT651", "an ambiguous id", env(dead(cards({}, {})), CUDA_VISIBLE_DEVICES="GPU-"), "fits 2 GPUs", "unset"),
    Fires(
        "PT651",
        "a report that says which one is set",
        replace(named("RTX 2070 SUPER", NO_GPUS), env={"CUDA_VISIBLE_DEVICES": "2"}),
        "no GPU 2",
        "unset",
    ),
    Fires("PT652", "two kinds", cards(ADA, PASCAL), "2 kinds", "CUDA_DEVICE_ORDER=PCI_BUS_ID", "note"),
    Fires(
        "PT653",
        "set by the program",
        report("os.environ['CUDA_VISIBLE_DEVICES'] = '1'", NO_GPUS),
        "too late",
        "shell",
        "note",
    ),
    Fires(
        "PT654",
        "void",
        replace(env(container(dead()), NVIDIA_VISIBLE_DEVICES="void"), nvidia=Nvidia()),
        "keeps every GPU out",
        "--gpus all",
    ),
    Fires(
        "PT654",
        "outside a container",
        env(dead(replace(builders.machine(), nvidia=Nvidia())), NVIDIA_VISIBLE_DEVICES="none"),
        "no effect",
        "",
        "note",
    ),
    Fires("PT655", "set", env(CUDA_LAUNCH_BLOCKING="1"), "slow by design", "unset CUDA_LAUNCH_BLOCKING", "warning"),
    Fires(
        "PT655",
        "in a report it was set to find a fault",
        replace(report(), env={"CUDA_LAUNCH_BLOCKING": "1"}),
        "slow",
        "unset",
        "note",
    ),
    Fires(
        "PT656",
        "an unknown key",
        env(PYTORCH_CUDA_ALLOC_CONF="max_split_size:512"),
        'the key "max_split_size" is not known',
        "unset",
        "warning",
    ),
    Fires(
        "PT656",
        "no boolean",
        env(PYTORCH_ALLOC_CONF="expandable_segments:1"),
        "must be True or False",
        "unset",
        "warning",
    ),
    Fires(
        "PT656",
        "two names",
        env(PYTORCH_ALLOC_CONF="max_split_size_mb:64", PYTORCH_CUDA_ALLOC_CONF="max_split_size_mb:128"),
        "different values",
        "unset",
        "warning",
    ),
    Fires(
        "PT656",
        "torch's words",
        report("RuntimeError: Unrecognized key 'max_size' in CUDA allocator config"),
        '"max_size"',
        "unset",
    ),
    Fires("PT657", "set", env(PYTORCH_NO_CUDA_MEMORY_CACHING="1"), "very slow", "unset", "warning"),
    Fires(
        "PT658",
        "set, and CUDA fails",
        env(cuda(802), PYTORCH_NVML_BASED_CUDA_CHECK="1"),
        "fails with 802",
        "unset",
        "note",
    ),
    Fires(
        "PT659",
        "native anyway",
        replace(amd(), env={"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}),
        "has code for gfx1100 itself",
        "unset",
        "warning",
    ),
    Fires(
        "PT659",
        "several kinds",
        replace(amd("gfx1100", None, AmdGpu(node=2, gfx="gfx1030")), env={"HSA_OVERRIDE_GFX_VERSION": "11.0.0"}),
        "all AMD GPUs",
        "unset",
        "warning",
    ),
    Fires(
        "PT660",
        "more than are left",
        replace(amd(), env={"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "0,1"}),
        "which leaves 1 GPU",
        "unset HIP_VISIBLE_DEVICES",
    ),
    Fires(
        "PT660",
        "counted from the whole",
        replace(amd(), env={"ROCR_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "1"}),
        "HIP_VISIBLE_DEVICES=1",
        "unset",
    ),
    Fires("PT661", "fallback", env(mac(), PYTORCH_ENABLE_MPS_FALLBACK="1"), "run on the CPU", "unset", "note"),
    Fires("PT661", "no limit", env(mac(), PYTORCH_MPS_HIGH_WATERMARK_RATIO="0.0"), "may freeze", "unset", "warning"),
    Fires(
        "PT661",
        "low above high",
        env(mac(), PYTORCH_MPS_HIGH_WATERMARK_RATIO="0.7", PYTORCH_MPS_LOW_WATERMARK_RATIO="1.4"),
        "is refused",
        "unset",
        "warning",
    ),
    Fires("PT662", "more than there are", env(OMP_NUM_THREADS="128"), "more than the 32 cores", "unset", "warning"),
    Fires("PT662", "no number", env(OMP_NUM_THREADS="all"), "no positive number", "unset", "warning"),
    Fires(
        "PT662",
        "one on a CPU machine",
        env(builders.cpu_machine(), OMP_NUM_THREADS="1"),
        "leaves 31 of 32 cores idle",
        "unset",
        "note",
    ),
    Fires("PT663", "set", env(KMP_DUPLICATE_LIB_OK="TRUE"), "may be wrong", "unset KMP_DUPLICATE_LIB_OK", "warning"),
    Fires(
        "PT664",
        "in the environment",
        env(NCCL_P2P_DISABLE="1"),
        "NCCL_P2P_DISABLE=1",
        "unset NCCL_P2P_DISABLE",
        "warning",
    ),
    Fires(
        "PT664",
        "in the file",
        replace(host(nccl_config={"NCCL_ALGO": "Ring"}), env={}),
        "NCCL_ALGO=Ring",
        "",
        "warning",
    ),
    Fires("PT664", "talk alone", env(NCCL_DEBUG="INFO"), "changes nothing else", "unset", "note"),
    Fires("PT665", "TF32", env(NVIDIA_TF32_OVERRIDE="0"), "TF32 is forced", "unset", "note"),
    Fires("PT666", "off", env(TORCH_COMPILE_DISABLE="1"), "does nothing", "unset", "note"),
    Fires(
        "PT667",
        "left behind",
        env(RANK="0", WORLD_SIZE="8", MASTER_ADDR="10.0.0.1"),
        "no launcher",
        "unset RANK WORLD_SIZE MASTER_ADDR",
        "warning",
    ),
    Fires("PT668", "forced", env(ATEN_CPU_CAPABILITY="default"), "default", "unset", "note"),
    Fires(
        "PT669",
        "a broken entry point",
        with_target(backend_entry_points={"torch_npu": "No module named 'torch_npu'"}),
        "torch_npu",
        "TORCH_DEVICE_BACKEND_AUTOLOAD=0",
        "warning",
    ),
    Fires(
        "PT669",
        "it stops the import",
        failed(builders.machine(), BACKEND),
        "torch_npu",
        "export TORCH_DEVICE_BACKEND_AUTOLOAD=0",
    ),
    Fires(
        "PT669",
        "by a package of that name",
        failed(with_dists(builders.distribution("torch-npu", "2.5.1")), BACKEND),
        "torch_npu",
        "uninstall -y torch-npu",
    ),
)

SILENT = (
    Silent("PT601", "served", builders.machine()),
    Silent(
        "PT601",
        "served by a binary of the same major",
        card(name="NVIDIA GeForce GTX 1080 Ti", compute_capability=(6, 1)),
    ),
    Silent(
        "PT601",
        "hidden",
        env(wheel("2.14.1+cu130", cards(ADA, PASCAL)), CUDA_VISIBLE_DEVICES="0", CUDA_DEVICE_ORDER="PCI_BUS_ID"),
    ),
    Silent("PT601", "the capability is not known", wheel("2.14.1+cu130", card(name=None, compute_capability=None))),
    Silent("PT601", "an AMD GPU", said(amd(), NO_KERNEL)),
    Silent("PT602", "served", builders.machine()),
    Silent("PT602", "PTX serves it", wheel("2.9.1+cu130", card(name="new", compute_capability=(12, 1)))),
    Silent("PT602", "the build is of another maker", wheel("2.9.0a0+nv25.10", card(**BLACKWELL))),
    Silent(
        "PT603",
        "another major",
        replace(
            report(), nvidia=Nvidia(smi=Smi(driver_version="470.57")), **only_target(wheel=Wheel(version="2.4.0+cu121"))
        ),
    ),
    Silent("PT603", "the driver is newer", builders.machine()),
    Silent(
        "PT603",
        "a kernel of Triton is refused for another reason",
        report(
            "RuntimeError: Triton Error [CUDA]: device kernel image is invalid",
            nvidia=Nvidia(smi=Smi(driver_version="550.54.14")),
            **only_target(wheel=Wheel(version="2.6.0+cu124", cuda="12.4")),
        ),
    ),
    Silent("PT604", "all served", cards(ADA, PASCAL)),
    Silent("PT604", "none served", wheel("2.15.0+cu132", card(**PASCAL))),
    Silent("PT605", "that build exists", said(wheel("2.8.0+cu128"), ADVICE.replace(" 13.4", ""))),
    Silent("PT606", "torch itself lacks the code", said(wheel("2.15.0+cu132", card(**PASCAL)), NO_KERNEL)),
    Silent("PT606", "the list has it", env(TORCH_CUDA_ARCH_LIST="8.0 8.6+PTX")),
    Silent("PT606", "a name for the list", env(TORCH_CUDA_ARCH_LIST="Ada")),
    Silent("PT650", "not set", builders.machine()),
    Silent("PT650", "a GPU is named", env(CUDA_VISIBLE_DEVICES="0")),
    Silent("PT650", "the driver's fault is another", replace(report(NO_GPUS), amd=Amd(gpus=(AmdGpu(gfx="gfx1100"),)))),
    Silent("PT651", "it is there", env(dead(), CUDA_VISIBLE_DEVICES="0")),
    Silent("PT651", "an id may be shortened", env(CUDA_VISIBLE_DEVICES="GPU-1111")),
    Silent("PT651", "letters behind the number do not count", env(CUDA_VISIBLE_DEVICES="0gpu")),
    Silent(
        "PT651",
        "instances of one GPU",
        env(
            card(mig_current=1, mig_devices=(MigDevice(uuid="MIG-1"), MigDevice(uuid="MIG-2"))),
            CUDA_VISIBLE_DEVICES="1",
        ),
    ),
    Silent(
        "PT651",
        "a report of a machine that works",
        replace(named("RTX 2070", torch=builders.torch()), env={"CUDA_VISIBLE_DEVICES": "1"}),
    ),
    Silent("PT652", "one kind", cards(ADA, ADA)),
    Silent("PT652", "the order is set", env(cards(ADA, PASCAL), CUDA_DEVICE_ORDER="PCI_BUS_ID")),
    Silent("PT653", "nothing went wrong", report("os.environ['CUDA_VISIBLE_DEVICES'] = '1'")),
    Silent("PT654", "all", env(container(dead()), NVIDIA_VISIBLE_DEVICES="all")),
    Silent(
        "PT654",
        "the GPU is there all the same",
        env(container(device_nodes=(node("/dev/nvidia0"),)), NVIDIA_VISIBLE_DEVICES="void"),
    ),
    Silent("PT655", "off", env(CUDA_LAUNCH_BLOCKING="0")),
    Silent(
        "PT656",
        "known keys",
        env(PYTORCH_CUDA_ALLOC_CONF="expandable_segments:True,roundup_power2_divisions:[256:1,512:2,>:4]"),
    ),
    Silent(
        "PT656",
        "the same twice",
        env(PYTORCH_ALLOC_CONF="max_split_size_mb:64", PYTORCH_CUDA_ALLOC_CONF="max_split_size_mb:64"),
    ),
    Silent("PT657", "not set", env()),
    Silent("PT658", "off", env(PYTORCH_NVML_BASED_CUDA_CHECK="0")),
    Silent("PT659", "needed", replace(amd("gfx1031"), env={"HSA_OVERRIDE_GFX_VERSION": "10.3.0"})),
    Silent("PT660", "fits", replace(amd(), env={"ROCR_VISIBLE_DEVICES": "0,1", "HIP_VISIBLE_DEVICES": "1"})),
    Silent("PT660", "NVIDIA does not read them", env(ROCR_VISIBLE_DEVICES="0", CUDA_VISIBLE_DEVICES="0,1")),
    Silent("PT661", "Linux", env(PYTORCH_ENABLE_MPS_FALLBACK="1")),
    Silent("PT661", "a usual ratio", env(mac(), PYTORCH_MPS_HIGH_WATERMARK_RATIO="1.5")),
    Silent("PT662", "fits", env(OMP_NUM_THREADS="8")),
    Silent("PT662", "torchrun set it", env(builders.cpu_machine(), OMP_NUM_THREADS="1", TORCHELASTIC_RUN_ID="x")),
    Silent("PT663", "off", env(KMP_DUPLICATE_LIB_OK="FALSE")),
    Silent("PT664", "interfaces are no leftovers", env(NCCL_SOCKET_IFNAME="eth0")),
    Silent("PT665", "none", env()),
    Silent("PT666", "off", env(TORCH_COMPILE_DISABLE="0")),
    Silent("PT667", "torchrun", env(RANK="0", WORLD_SIZE="8", TORCHELASTIC_RUN_ID="x")),
    Silent("PT667", "a report", replace(report(), env={"RANK": "0", "WORLD_SIZE": "8"})),
    Silent("PT668", "the best", env(ATEN_CPU_CAPABILITY="avx512")),
    Silent("PT669", "it can be found", with_target(backend_entry_points={"torch_npu": ""})),
)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        ("0,1", ("0", "1")),
        ("1gpu2,2ampere", ("1", "2")),
        ("0,-1,1", ("0",)),
        ("0,0", ()),
        ("", ()),
        ("GPU-1,GPU-2", ("GPU-1", "GPU-2")),
        ("GPU-1,0", ("GPU-1",)),
        ("MIG-1,GPU-1", ("MIG-1",)),
        (" 2", ("2",)),
        ("none", ()),
    ],
)
def test_lists_of_devices_are_read_as_torch_reads_them(value, taken):
    """Examples of the comments in torch/cuda/__init__.py among them."""
    assert _visible.read(value).taken == taken


def test_other_build_is_the_planners_choice():
    """Rules never write a wheel command by hand."""
    (found,) = findings(RULES, "PT602", wheel("2.5.1+cu124", card(**BLACKWELL)))
    (fix,) = found.fixes
    assert fix.needs_plan == ("torch",)
    assert not fix.commands


def test_an_inferred_list_does_not_condemn_a_gpu_that_works():
    """Of a report: only torch's own list, a measured one, or an error text does."""
    snapshot = named("Tesla K10", version="2.4.0+cu121", torch=builders.torch(arch_list=None))
    assert all(
        found.severity != "error" or found.certainty == "certain" for found in findings(RULES, "PT601", snapshot)
    )


def test_ptx_needs_a_driver_as_new_as_the_toolkit():
    """A driver of the same major that is older cannot compile the PTX of a build."""
    old = replace(builders.nvidia(), cuda=CudaDriver(init_rc=0, count=1))
    old = replace(
        old,
        nvml=replace(old.nvml, cuda_driver_version=(12, 6)),
        gpus=(builders.gpu(name="x", compute_capability=(13, 0)),),
    )
    snapshot = replace(wheel("2.8.0+cu128"), nvidia=old)
    assert findings(RULES, "PT602", snapshot)
