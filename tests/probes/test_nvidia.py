"""NVML and libcuda by their stand-ins (tests/standins), in the same children as the real ones; the driver's files by a folder."""

import json
import os
import sys

import pytest

from ptsetup.facts import GpuProcess
from ptsetup.probes import nvidia
from ptsetup.probes._ask import record
from tests import standins
from tests.standins import GIB, environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins are put before the loader as on Linux")


def look(*parts, scale=1.0, is_deep=False, path="/nowhere"):
    """The NVIDIA section under those variables; nvidia-smi is out of reach unless a test brings one."""
    env = {**environment(*parts), "PATH": path}
    return nvidia.probe(env=env, deadline_scale=scale, is_deep=is_deep)


def reasons(found):
    return {unknown.path: unknown for unknown in found.unknowns}


def test_a_healthy_machine(tmp_path):
    found = look(standins.nvml(tmp_path, {}, driver="580.95.05"), standins.cuda(0, version=13000, count=1))
    section, (gpu,) = found.record, found.record.gpus
    assert found.status == "found"
    assert section.nvml.init_rc == 0
    assert (section.nvml.driver_version, section.nvml.cuda_driver_version, section.nvml.count) == (
        "580.95.05",
        (13, 0),
        1,
    )
    assert section.nvml.library_path.endswith("libnvidia-ml.so.580.95.05")
    assert section.user_library_version == "580.95.05"
    assert (section.cuda.init_rc, section.cuda.version, section.cuda.count) == (0, (13, 0), 1)
    assert section.smi is None
    assert (gpu.handle_rc, gpu.name, gpu.bdf, gpu.minor) == (0, "NVIDIA GeForce RTX 4090", "0000:01:00.0", 0)
    assert (gpu.compute_capability, gpu.architecture) == ((8, 9), 8)
    assert (gpu.memory_total_bytes, gpu.memory_used_bytes, gpu.memory_free_bytes) == (24 * GIB, GIB, 23 * GIB)
    assert gpu.memory_reserved_bytes == GIB // 4
    assert (gpu.compute_mode, gpu.is_persistent, gpu.processes) == (0, True, ())
    assert gpu.call_errors == {}


def test_what_a_card_does_not_report_is_unknown_and_never_zero(tmp_path):
    """Codes 3 and 13: the stand-in answers 3 for what it is not told, and lacks many calls."""
    (gpu,) = look(standins.nvml(tmp_path, {"total": None, "temp": None, "mode": None, "procs": None})).record.gpus
    assert gpu.memory_total_bytes is gpu.temperature_c is gpu.compute_mode is gpu.processes is None
    assert gpu.ecc_uncorrected_volatile is gpu.fabric_state is gpu.power_limit_mw is gpu.mig_current is None
    assert gpu.call_errors == {}


@pytest.mark.parametrize("code", [4, 9, 15, 17, 18, 28, 999])
def test_a_start_that_fails_is_a_code(tmp_path, code):
    found = look(standins.nvml(tmp_path, {}, init_rc=code))
    assert found.status == "failed"
    assert found.record.nvml.init_rc == code
    assert found.record.gpus is None
    assert str(code) in reasons(found)["nvidia.gpus"].detail


def test_without_the_library_no_child_is_started():
    section = look().record
    assert section.libraries == ()
    assert (section.nvml.init_rc, section.nvml.seconds) == (12, None)
    assert section.cuda is None
    assert section.gpus is None


def test_the_version_in_the_name_of_the_library_stays_when_nvml_fails(tmp_path):
    section = look(standins.nvml(tmp_path, {}, init_rc=18), standins.cuda(803)).record
    assert section.user_library_version == "580.95.05"
    assert section.cuda.init_rc == 803


def test_a_start_that_hangs_costs_only_its_section(tmp_path):
    found = look(standins.nvml(tmp_path, {}, hang="Init"), standins.cuda(0), scale=0.2)
    nvml = found.record.nvml
    assert found.status == "timeout"
    assert (nvml.is_hung, nvml.init_rc, found.record.gpus) == (True, None, None)
    assert nvml.library_path is not None, "what was told before the hang stays"
    assert found.record.cuda.init_rc == 0, "the other child is not touched"
    assert reasons(found)["nvidia.nvml"].reason == "timeout"
    assert found.record.smi is None, "nvidia-smi would hang in the same driver"


def test_a_gpu_that_hangs_keeps_those_before_it(tmp_path):
    found = look(standins.nvml(tmp_path, {}, {}, {}, hang="Handle1"), scale=0.2)
    first, second = found.record.gpus
    assert found.record.nvml.is_hung
    assert (first.handle_rc, first.compute_capability) == (0, (8, 9))
    assert (second.index, second.handle_rc, second.name) == (1, None, None)
    assert reasons(found)["nvidia.gpus"].reason == "timeout"


def test_one_lost_gpu_of_three(tmp_path):
    """The handle call is where it shows; the others are asked all the same."""
    gpus = look(standins.nvml(tmp_path, {}, {"handle_rc": 15}, {"name": "Tesla V100", "cc": "7.0"})).record.gpus
    assert [gpu.handle_rc for gpu in gpus] == [0, 15, 0]
    assert gpus[1].name is None
    assert (gpus[2].name, gpus[2].compute_capability) == ("Tesla V100", (7, 0))


@pytest.mark.parametrize("code", [4, 8, 16, 999])
def test_other_codes_of_the_handle(tmp_path, code):
    (gpu,) = look(standins.nvml(tmp_path, {"handle_rc": code})).record.gpus
    assert (gpu.index, gpu.handle_rc) == (0, code)


def test_an_error_of_one_call_costs_one_fact(tmp_path):
    (gpu,) = look(standins.nvml(tmp_path, {"rc.GetComputeMode": 999, "rc.GetTemperature": 16})).record.gpus
    assert gpu.call_errors == {"nvmlDeviceGetComputeMode": 999, "nvmlDeviceGetTemperature": 16}
    assert gpu.compute_mode is None
    assert gpu.memory_total_bytes == 24 * GIB


def test_a_gpu_that_is_lost_half_way_is_asked_no_further(tmp_path):
    first, second = look(standins.nvml(tmp_path, {"rc.GetMemoryInfo": 15}, {})).record.gpus
    assert first.call_errors == {"nvmlDeviceGetMemoryInfo": 15}
    assert first.name == "NVIDIA GeForce RTX 4090"
    assert first.clocks_event_reasons is None
    assert second.memory_total_bytes == 24 * GIB


def test_a_crash_inside_nvml(tmp_path):
    found = look(standins.nvml(tmp_path, {}, crash="Init"))
    assert found.record.nvml.init_rc is None
    assert "signal 11" in found.record.nvml.load_error
    assert found.record.gpus is None


def test_noise_on_stdout_does_not_disturb(tmp_path):
    assert look(standins.nvml(tmp_path, {}, noise=1 << 20)).record.gpus[0].compute_capability == (8, 9)


@pytest.mark.parametrize("text", ["N/A", "[Not Supported]", "Unknown Error", ""])
def test_what_is_no_version_is_not_stored_as_one(tmp_path, text):
    found = look(standins.nvml(tmp_path, {}, driver=text, nvml=text, cuda=0))
    nvml = found.record.nvml
    assert nvml.driver_version is nvml.nvml_version is nvml.cuda_driver_version is None
    assert reasons(found)["nvidia.nvml.driver_version"].reason == "unsupported"
    assert nvml.count == 1


def test_no_gpu_is_counted(tmp_path):
    found = look(standins.nvml(tmp_path))
    assert found.status == "found"
    assert found.record.gpus == ()


def test_a_count_that_fails(tmp_path):
    found = look(standins.nvml(tmp_path, {}, count_rc=999))
    assert (found.record.nvml.count_rc, found.record.nvml.count, found.record.gpus) == (999, None, None)


def test_several_gpus_have_peers_and_links(tmp_path):
    first, second = look(standins.nvml(tmp_path, {"p2p": 0, "links": "1101"}, {"p2p": 3})).record.gpus
    assert (first.p2p, second.p2p) == ({"1": 0}, {"0": 3})
    assert (first.nvlinks_active, first.nvlinks_inactive) == (3, 1)
    assert second.nvlinks_active is None


def test_mig_fabric_health_and_licence(tmp_path):
    changes = {
        "mig": 1, "mig_pending": 0, "migs": 2, "fabric": 3, "fabric_status": 999, "fabric_mask": 5, "ecc": 2, "remap_pending": 1,
        "remap_failed": 1, "recovery": 4, "virt": 2, "license": 0, "reasons": 0x60,
    }  # fmt: skip
    (gpu,) = look(standins.nvml(tmp_path, changes)).record.gpus
    assert (gpu.mig_current, gpu.mig_pending, len(gpu.mig_devices)) == (1, 0, 2)
    assert gpu.mig_devices[0].uuid.startswith("MIG-")
    assert (gpu.fabric_state, gpu.fabric_status, gpu.fabric_health_mask) == (3, 999, 5)
    assert (gpu.ecc_uncorrected_volatile, gpu.ecc_uncorrected_aggregate) == (2, 2)
    assert (gpu.remapped_pending, gpu.remapped_failed, gpu.recovery_action) == (True, True, 4)
    assert (gpu.virtualization_mode, gpu.license_state) == (2, 4)
    assert gpu.clocks_event_reasons == 0x60


def test_mig_without_instances(tmp_path):
    assert look(standins.nvml(tmp_path, {"mig": 1})).record.gpus[0].mig_devices == ()


def test_processes_with_their_owner(tmp_path):
    mine = os.getpid()
    (gpu,) = look(standins.nvml(tmp_path, {"procs": f"{mine}:{2 * GIB},4000000:{2**64 - 1}"})).record.gpus
    own, gone = gpu.processes
    assert (own.pid, own.memory_bytes, own.is_own) == (mine, 2 * GIB, True)
    assert own.name
    assert gone == GpuProcess(pid=4000000), "a process of another PID namespace, and no number (WDDM)"


def test_clocks_are_sampled_only_when_asked(tmp_path):
    variables = standins.nvml(tmp_path, {"reasons": 0x20})
    assert look(variables).record.gpus[0].clocks_event_samples is None
    assert look(variables, is_deep=True).record.gpus[0].clocks_event_samples == (0x20, 0x20, 0x20)


@pytest.mark.parametrize("code", [3, 34, 35, 46, 100, 102, 304, 802, 803, 804, 805, 999])
def test_codes_of_cuinit(code):
    cuda = look(standins.cuda(code, version=12040)).record.cuda
    assert (cuda.init_rc, cuda.version, cuda.count, cuda.is_hung) == (code, (12, 4), None, False)
    assert cuda.library_path.endswith("libcuda.so.580.95.05")


def test_cuinit_that_hangs_or_crashes(tmp_path):
    hung = look(standins.nvml(tmp_path, {}), standins.cuda("hang", version=12080), scale=0.1)
    assert (hung.record.cuda.is_hung, hung.record.cuda.init_rc, hung.record.cuda.version) == (True, None, (12, 8))
    assert hung.record.nvml.init_rc == 0
    crashed = look(standins.cuda("crash"))
    assert crashed.record.cuda.init_rc is None
    assert "signal 11" in reasons(crashed)["nvidia.cuda.init_rc"].detail


def test_a_library_that_is_a_text(tmp_path):
    """Some container runtimes leave an empty file, or a note of git-lfs, where the library was mounted."""
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    found = look({"LD_LIBRARY_PATH": str(tmp_path)})
    assert [library.is_text for library in found.record.libraries] == [True, True]
    assert found.record.nvml.init_rc == 12
    assert "libnvidia-ml.so.1" in found.record.nvml.load_error
    assert "libcuda.so.1" in found.record.cuda.load_error


def test_a_folder_of_a_strange_name(tmp_path):
    strange = tmp_path / "Grüße für alle"
    strange.mkdir()
    for file in standins.built("cuda.c", "libcuda.so.1", "580.95.05").iterdir():
        (strange / file.name).write_bytes(file.read_bytes())
    section = look({"LD_LIBRARY_PATH": str(strange), "PTSETUP_STANDIN_CUINIT": "100"}).record
    assert section.cuda.init_rc == 100
    assert section.libraries[0].path == f"{strange}/libcuda.so.1"


def test_facts_of_a_wrong_type_cost_only_themselves():
    gpu, unknowns = record(nvidia.Gpu, {"index": 0, "name": 7, "minor": 1}, "nvidia.gpus[0]")
    assert (gpu.index, gpu.name, gpu.minor) == (0, None, 1)
    assert [unknown.path for unknown in unknowns] == ["nvidia.gpus[0].name"]


def write(folder, files):
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build  (root@x)\nGCC version:  gcc 13.3.0\n"
CLOSED = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.144.03  Mon Dec 30 17:44:08 UTC 2024\nGCC version: 12.3.0\n"
)


@pytest.mark.parametrize(
    ("text", "version", "flavor"), [(OPEN, "580.95.05", "open"), (CLOSED, "550.144.03", "proprietary")]
)
def test_the_kernel_module(tmp_path, text, version, flavor):
    write(
        tmp_path,
        {"/proc/driver/nvidia/version": text, "/proc/driver/nvidia/params": "DeviceFileUID: 0\nDeviceFileMode: 438\n"},
    )
    section = nvidia.probe(root=str(tmp_path), env={}).record
    assert (section.kernel_module_version, section.kernel_module_flavor) == (version, flavor)
    assert section.device_file_mode == "0666"


@pytest.mark.parametrize("text", ["", "N/A", "garbage\x00\xff", "NVRM version: N/A\n", "12.4\n"])
def test_garbage_is_no_version(tmp_path, text):
    write(
        tmp_path,
        {"/proc/driver/nvidia/version": text, "/sys/module/nvidia/version": text, "/proc/driver/nvidia/params": text},
    )
    section = nvidia.probe(root=str(tmp_path), env={}).record
    assert section.kernel_module_version is section.kernel_module_flavor is section.device_file_mode is None


def test_the_module_by_sysfs(tmp_path):
    write(tmp_path, {"/sys/module/nvidia/version": "470.256.02\n"})
    assert nvidia.probe(root=str(tmp_path), env={}).record.kernel_module_version == "470.256.02"


def test_nothing_there(tmp_path):
    found = nvidia.probe(root=str(tmp_path), env={})
    assert found.status == "absent"
    assert found.record.libraries == ()
    assert reasons(found)["nvidia.kernel_module_version"].reason == "absent"


def test_libraries_in_the_order_of_the_loader(tmp_path):
    """WSL's folder is found although the loader is not told of it; its version is no driver's."""
    write(tmp_path, {
        "/opt/cuda/compat/libcuda.so.580.65.06": b"\x7fELF\0", "/opt/cuda/compat/libcuda.so.1": b"\x7fELF\0",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1": b"\x7fELF\0", "/usr/lib/wsl/lib/libcuda.so.1": b"\x7fELF\0",
    })  # fmt: skip
    compat = tmp_path / "opt/cuda/compat/libcuda.so.1"
    compat.unlink()
    compat.symlink_to("libcuda.so.580.65.06")
    section = nvidia.probe(root=str(tmp_path), env={"LD_LIBRARY_PATH": "relative:/opt/cuda/compat/"}).record
    assert [(library.path, library.via) for library in section.libraries] == [
        ("/opt/cuda/compat/libcuda.so.1", "LD_LIBRARY_PATH"),
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.1", "ld.so.cache"),
        ("/usr/lib/wsl/lib/libcuda.so.1", None),
    ]
    assert section.user_library_version == "580.65.06"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"runtimes": {"nvidia": {"path": "x"}}}', True),
        ('{"runtimes": {}}', False),
        ("{}", False),
        ("not json", None),
        ("[]", None),
    ],
)
def test_docker(tmp_path, text, expected):
    write(tmp_path, {"/etc/docker/daemon.json": text})
    assert nvidia.probe(root=str(tmp_path), env={}).record.has_nvidia_runtime is expected


def test_cdi_names_a_driver(tmp_path):
    mount = "containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.570.86.15"
    write(tmp_path, {"/etc/cdi/nvidia.yaml": f"kind: nvidia.com/gpu\n  {mount}\n"})
    assert nvidia.probe(root=str(tmp_path), env={}).record.cdi_driver_version == "570.86.15"


def test_mps(tmp_path):
    write(tmp_path, {"/tmp/nvidia-mps/control": "", "/proc/17/comm": "nvidia-cuda-mps\n", "/proc/18/comm": "bash\n"})  # noqa: S108
    section = nvidia.probe(root=str(tmp_path), env={}).record
    assert (section.mps_pipe_exists, section.mps_daemon_runs) == (True, True)
    section = nvidia.probe(root=str(tmp_path), env={"CUDA_MPS_PIPE_DIRECTORY": "/nowhere"}).record
    assert (section.mps_pipe_exists, section.mps_daemon_runs) == (False, None)


def test_the_module_for_the_running_kernel(tmp_path):
    write(tmp_path, {"/proc/sys/kernel/osrelease": "6.8.0-60-generic\n"})
    assert nvidia.probe(root=str(tmp_path), env={}).record.module_is_for_running_kernel is None
    listing = "/lib/modules/6.8.0-60-generic/modules.dep"
    write(tmp_path, {listing: "kernel/drivers/x.ko.zst:\nupdates/dkms/nvidia.ko.zst: kernel/x.ko\n"})
    assert nvidia.probe(root=str(tmp_path), env={}).record.module_is_for_running_kernel is True
    write(tmp_path, {listing: "kernel/drivers/net/nvidia-bluefield.ko.zst:\n"})
    assert nvidia.probe(root=str(tmp_path), env={}).record.module_is_for_running_kernel is False


def program(folder, text):
    """An nvidia-smi of our own making, for PATH."""
    file = folder / "nvidia-smi"
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)
    return str(folder)


def test_nvidia_smi_is_asked_only_when_nvml_fails(tmp_path):
    """A lying one in PATH is never believed over NVML, and not even started."""
    witness = tmp_path / "started"
    path = program(
        tmp_path, f"touch {witness}; echo '| NVIDIA-SMI 999.99  Driver Version: 999.99  CUDA Version: 99.9 |'"
    )
    section = look(standins.nvml(tmp_path, {}), path=path).record
    assert section.smi is None
    assert not witness.exists()


def test_nvidia_smi_as_the_last_source(tmp_path):
    line = "| NVIDIA-SMI 470.256.02   Driver Version: 470.256.02   CUDA Version: 11.4     |"
    smi = look(path=program(tmp_path, f"echo '{line}'")).record.smi
    assert (smi.driver_version, smi.cuda_version, smi.exit_code, smi.is_hung) == ("470.256.02", "11.4", 0, False)


@pytest.mark.parametrize("text", ["N/A", "[Not Supported]", "ERR!"])
def test_nvidia_smi_without_versions(tmp_path, text):
    smi = look(
        path=program(tmp_path, f"echo '| NVIDIA-SMI 580.95.05  Driver Version: {text}  CUDA Version: {text} |'")
    ).record.smi
    assert smi.driver_version is smi.cuda_version is None


def test_nvidia_smi_that_fails(tmp_path):
    message = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    smi = look(path=program(tmp_path, f'echo "{message}"; exit 9')).record.smi
    assert (smi.exit_code, smi.message, smi.driver_version) == (9, message, None)


def test_nvidia_smi_that_hangs(tmp_path):
    smi = look(path=program(tmp_path, "exec sleep 600"), scale=0.1).record.smi
    assert (smi.is_hung, smi.exit_code, smi.driver_version) == (True, None, None)


def test_nvidia_smi_that_floods(tmp_path):
    smi = look(path=program(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' x; echo; exit 0")).record.smi
    assert (smi.driver_version, smi.is_hung) == (None, False)


def test_the_section_survives_json(tmp_path):
    found = look(standins.nvml(tmp_path, {"procs": "1:5"}, {"handle_rc": 4}), standins.cuda(0))
    from ptsetup import replay
    from ptsetup.facts import Snapshot

    snapshot = Snapshot(nvidia=found.record, unknowns=found.unknowns)
    assert replay.load(replay.dump(snapshot)) == snapshot
    assert json.loads(replay.dump(snapshot))["nvidia"]["gpus"][1]["handle_rc"] == 4
