"""Single facts out of single forms, and texts that are no report at all."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import readers, replay
from ptsetup.errors import NoSnapshot, SnapshotError
from tests import builders
from tests.readers import forms


def fact(text, path):
    """The fact at a path of the Snapshot that a text gives."""
    value = readers.read(text)
    for name in path.split("."):
        value = value[int(name)] if name.isdigit() else getattr(value, name)
    return value


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        (forms.collect_env(), "target.wheel.version", "2.5.1+cu124"),
        (forms.collect_env(), "target.wheel.cuda", "12.4"),
        (forms.collect_env(), "torch.is_cuda_available", True),
        (forms.collect_env(), "nvidia.smi.driver_version", "550.120"),
        (forms.collect_env(), "host.libc.version", "2.35"),
        (forms.collect_env(), "host.kernel", "6.8.0-49-generic"),
        (forms.collect_env(), "target.version", "3.10.12"),
        (forms.collect_env(), "target.bits", 64),
        (forms.collect_env(), "host.distribution", "ubuntu"),
        (forms.collect_env(), "nvidia.gpus.0.name", "NVIDIA GeForce RTX 4090"),
        (forms.collect_env(gpu="GPU 0: Tesla T4\nGPU 1: Tesla T4"), "nvidia.gpus.1.name", "Tesla T4"),
        (forms.collect_env(torch="N/A", cuda="N/A"), "torch.result.is_ok", False),
        (forms.old_collect_env(), "target.wheel.cuda", "10.2"),
        (forms.old_collect_env(), "torch.is_cuda_available", True),
        (forms.vllm_collect_env(), "target.wheel.version", "2.5.1+cu124"),
        (forms.vllm_collect_env(), "nvidia.smi.driver_version", "550.120"),
        (forms.collect_env(gpu="AMD Radeon RX 7900 XTX (gfx1100)"), "amd.gpus.0.gfx", "gfx1100"),
        (forms.collect_env(rocm="6.3.42131-fa1d09cbd", cuda="N/A"), "target.wheel.hip", "6.3.42131-fa1d09cbd"),
        (forms.smi(), "nvidia.smi.driver_version", "550.120"),
        (forms.smi(), "nvidia.smi.cuda_version", "12.4"),
        (forms.smi(), "nvidia.gpus.0.name", "NVIDIA GeForce RTX 4090"),
        (forms.smi(), "nvidia.gpus.0.memory_total_bytes", 24564 * 1024**2),
        (forms.smi(mode="E. Process"), "nvidia.gpus.0.compute_mode", 3),
        (forms.smi(mig="Enabled"), "nvidia.gpus.0.mig_current", 1),
        ("GPU 0: NVIDIA A30 (UUID: GPU-abcdef01-1)\n  MIG 1g.6gb Device 0: (UUID: MIG-1)", "nvidia.gpus.0.mig_devices.0.uuid", "MIG-1"),
        ("Failed to initialize NVML: Driver/library version mismatch", "nvidia.nvml.init_rc", 18),
        ("Failed to initialize NVML: Unknown Error", "nvidia.nvml.init_rc", 999),
        ("NVML library version: 550.144", "nvidia.user_library_version", "550.144"),
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.57.02  Tue Jul 13", "nvidia.kernel_module_version", "470.57.02"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release", "nvidia.kernel_module_flavor", "open"),
        ("too old (found version 11040). Please update", "nvidia.cuda.version", (11, 4)),
        ("Error 802: system not yet initialized", "nvidia.cuda.init_rc", 802),
        ("Error 803: system has unsupported display driver / cuda driver combination", "nvidia.cuda.init_rc", 803),
        ("NVRM: Xid (PCI:0000:65:00): 79, pid=1, GPU has fallen off the bus.", "host.kernel_log.xids.0.code", 79),
        ("Linux version 5.10.16.3-microsoft-standard-WSL2 (x)", "host.wsl", 2),
        ("Found `cpython-3.10.15-linux-x86_64-musl` at `/usr/local/bin/python3`", "host.libc.name", "musl"),
        ("FROM python:3.11-alpine", "host.libc.name", "musl"),
        ("export CUDA_VISIBLE_DEVICES=2", "env", {"CUDA_VISIBLE_DEVICES": "2"}),
        ("$ echo $LD_LIBRARY_PATH\n/usr/local/cuda/lib64:/opt/x", "env", {"LD_LIBRARY_PATH": "/usr/local/cuda/lib64:/opt/x"}),
        ("$ docker run --gpus all -it img bash", "host.container", "docker"),
        ("shm              64M   64M     0 100% /dev/shm", "host.shm.total_bytes", 64 * 1024**2),
        ("crw-rw---- 1 root video 195, 0 Oct 20 21:39 /dev/nvidia0", "host.device_nodes.0.mode", "660"),
        ("Python 3.7.3 (v3.7.3:ef4ec6ed12, Mar 25 2019, 21:26:53) [MSC v.1916 32 bit (Intel)] on win32", "target.bits", 32),
        ("macOS 15.3 (x86_64)\nCPU:\nApple M2 Pro", "host.system", "macos"),
        (">>> import torch; print(torch.__version__)\n1.13.1+cu117", "target.wheel.version", "1.13.1+cu117"),
        (">>> torch.cuda.is_available()\nFalse", "torch.is_cuda_available", False),
        ("PyTorch 2.1.0+cu121 with CUDA 1201 (you have 2.0.1+cu118)", "target.wheel.version", "2.0.1+cu118"),
        ("Found GPU1 Tesla V100-PCIE-16GB which is of cuda capability 7.0.", "nvidia.gpus.0.compute_capability", (7, 0)),
        ("NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible", "nvidia.gpus.0.compute_capability", (12, 0)),
        ("supports CUDA capabilities sm_37 sm_50 sm_60.", "target.wheel.arch_list", ("sm_37", "sm_50", "sm_60")),
        ("Cuda compilation tools, release 10.1, V10.1.243", "host.programs.0.version", "10.1.243"),
        ("Jetson Orin Nano, JetPack 6.0, L4T 36.2", "host.jetson.jetpack", "6.0"),
        ("GPU: 4x RTX 3090", "nvidia.gpus.3.name", "RTX 3090"),
        ("GPU: Intel Arc B580", "host.pci.0.vendor", "8086"),
        ("01:00.0 VGA compatible controller: NVIDIA Corporation GA102 [GeForce RTX 3090] (rev a1)", "host.pci.0.vendor", "10de"),
        ("Name: torch\nVersion: 2.4.0\nLocation: /x/site-packages", "target.distributions.0.location", "/x/site-packages"),
        ("[conda] mkl 2024.2.2 h66d3029_15 conda-forge", "target.distributions.0.channel", "conda-forge"),
        ("torchvision 0.19.1 requires torch==2.4.1, but you have torch 2.5.1", "target.distributions.0.requires", ("torch==2.4.1",)),
    ],
)  # fmt: skip
def test_a_fact(text, path, value):
    assert fact(text, path) == value


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("PyTorch version: 2.5.0.dev20240705+cu121", "2024-07-05"),
        ("Python version: 3.10.12 (main, Nov 20 2023, 15:14:05) [GCC 11.4.0]", "2023-11-20"),
        ("Tue Apr 15 16:50:03 2025       \n| NVIDIA-SMI 550.120", "2025-04-15"),
        ("2024-10-05 02:54:15 INFO start", "2024-10-05"),
        ("Built on Sun_Jul_28_19:07:16_PDT_2019", "2019-07-28"),
        ("nothing with a date", None),
    ],
)
def test_the_day_of_a_report(text, day):
    assert readers.read(text).taken_at == day


@pytest.mark.parametrize(
    "advice",
    [
        "For debugging consider passing CUDA_LAUNCH_BLOCKING=1",
        "you can set the environment variable KMP_DUPLICATE_LIB_OK=TRUE to allow the program to continue",
        "unset LD_LIBRARY_PATH=/x",
    ],
)
def test_a_proposed_setting_is_none(advice):
    assert readers.read(advice).env is None


def test_what_is_refused_is_not_installed():
    text = "error: Distribution `torchvision==0.25.0` can't be installed\nhint: `torchvision` (v0.25.0) only has wheels for `cp314t`"
    assert fact(text, "target") is None


def test_every_fact_has_its_line():
    snapshot = readers.read("hello\n\n" + forms.collect_env())
    assert snapshot.sources["target.wheel.version"] == "report line 4"
    assert snapshot.sources["nvidia.smi.driver_version"].startswith("report line ")


def test_messages_keep_their_lines():
    snapshot = readers.read("first\n\nRuntimeError: no\n")
    assert [(m.text, m.line) for m in snapshot.messages] == [("first", 1), ("RuntimeError: no", 3)]


def test_a_wrapped_sentence_is_heard_whole():
    snapshot = readers.read("A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.0.0 as it may crash.")
    assert any("cannot be run in NumPy 2.0.0 as" in message.text for message in snapshot.messages)


def test_what_a_report_does_not_show_is_unknown():
    snapshot = readers.read("RuntimeError: CUDA error")
    assert snapshot.host is None
    assert snapshot.why_unknown("host.libc").reason == "not_shown"


@pytest.mark.parametrize(
    "text", ["", " \n\n", "\x00\x01", b"", b"\xff\xfe", b"\x80" * 50, "{", "null", '"a"', "[a]", "{a: 1}"]
)
def test_no_report_at_all(text):
    assert readers.read(text).origin == "report"


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"a": 1}', "[[1]]", '\ufeff{"a": [1]}\n', b"\xff\xfe" + '{"a": 1}'.encode("utf-16-le")]
)
def test_a_document_of_another_kind_is_no_report(text):
    with pytest.raises(NoSnapshot, match="not a Snapshot or a report"):
        readers.read(text)


def test_our_own_snapshot():
    machine = builders.machine()
    assert readers.read(replay.dump(machine)) == machine


def test_a_snapshot_inside_another_document():
    machine = builders.machine()
    document = msgspec.json.encode({"schema": 1, "findings": [], "snapshot": machine})
    assert readers.read(document) == machine


def test_a_snapshot_of_an_unknown_schema_is_refused():
    with pytest.raises(SnapshotError, match="schema 99"):
        readers.read('{"schema": 99, "origin": "probe"}')


def test_a_snapshot_with_a_wrong_value_is_refused():
    with pytest.raises(SnapshotError, match="wrong value"):
        readers.read('{"schema": 1, "origin": "probe", "host": {"wsl": "two"}}')


LONG = (
    "GeForce RTX 3090 ",
    "torch==2.0.0 ",
    "1.",
    "/",
    "CUDA_VISIBLE_DEVICES=x=",
    "> ",
    "<b>",
    "&lt;",
    "amd ",
    "((",
    "a-",
    "\x1b[31m",
)


@pytest.mark.parametrize("piece", LONG)
def test_long_lines_are_read_in_bounded_work(piece):
    """A line of a megabyte is looked at in part, so that no pattern can go wild on it."""
    snapshot = readers.read(piece * (1_000_000 // len(piece)))
    assert all(len(message.text) <= 5000 for message in snapshot.messages)


def test_a_training_log_of_megabytes_leaves_the_facts():
    log = "\n".join(f"step {number} loss 0.{number % 1000} on cuda" for number in range(60_000))
    snapshot = readers.read(
        f"{forms.collect_env()}\n{log}\nRuntimeError: CUDA error: uncorrectable ECC error encountered"
    )
    assert snapshot.target.wheel.version == "2.5.1+cu124"
    assert any("uncorrectable ECC" in message.text for message in snapshot.messages)
    assert len(snapshot.messages) < 200


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_read(text):
    assert readers.read(text) == readers.read(text)
