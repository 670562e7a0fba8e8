"""Kernel modules and the kernel log."""

import os

import pytest

from ptsetup.probes import kernel
from tests.probes.trees import open_way, output, reasons, tree, without_rights

RELEASE = "6.8.0-60-generic"
FOLDER = f"/lib/modules/{RELEASE}"


def test_loaded_modules_of_interest(tmp_path):
    text = "nvidia_uvm 1 0 - Live 0x0\nnvidia 2 1 nvidia_uvm, Live 0x0\next4 9 1 - Live 0x0\nxe 1 0 - Live 0x0\n\n"
    assert kernel.loaded(tree(tmp_path, {"/proc/modules": text})) == ("nvidia", "nvidia_uvm", "xe")


def test_a_kernel_without_loadable_modules_has_those_that_are_built_in(tmp_path):
    files = {"/proc/self/": "", "/sys/module/amdgpu/": "", "/sys/module/printk/": ""}
    assert kernel.loaded(tree(tmp_path, files)) == ("amdgpu",)


def test_hidden_modules_are_unknown(tmp_path):
    looked = tree(tmp_path, {})
    assert kernel.loaded(looked) is None
    assert reasons(looked) == {"host.kernel_modules": "absent"}


def test_module_files_are_found_by_depmod_s_list_and_in_the_drivers_own_folders(tmp_path):
    files = {
        f"{FOLDER}/modules.dep": (
            "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst: kernel/x.ko\nkernel/drivers/gpu/drm/nouveau/nouveau.ko.zst:\n"
            "kernel/drivers/gpu/drm/gone/nvidia.ko: x\nkernel/sound/snd-nvidia.ko:\n"
        ),
        f"{FOLDER}/kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.zst": "x",
        f"{FOLDER}/kernel/drivers/gpu/drm/nouveau/nouveau.ko.zst": "x",
        f"{FOLDER}/updates/dkms/nvidia.ko": "x",
        f"{FOLDER}/kernel/nvidia-580/nvidia-uvm.ko.xz": "x",
    }
    assert set(kernel.files(tree(tmp_path, files), RELEASE)) == {"amdgpu", "nouveau", "nvidia", "nvidia-uvm"}


def test_no_module_for_the_running_kernel(tmp_path):
    files = {f"{FOLDER}/modules.dep": "", "/lib/modules/6.5.0-1-generic/updates/dkms/nvidia.ko": "x"}
    assert kernel.files(tree(tmp_path, files), RELEASE) == {}


def test_a_container_without_the_host_s_modules_does_not_know(tmp_path):
    looked = tree(tmp_path, {"/lib/modules/": ""})
    assert kernel.files(looked, RELEASE) is None
    assert kernel.files(looked, None) is None
    assert reasons(looked) == {"host.kernel_modules_available": "absent"}


def test_unsigned_modules(tmp_path):
    files = {
        f"{FOLDER}/updates/nvidia.ko": b"ELF...",
        f"{FOLDER}/updates/nvidia-uvm.ko": b"ELF..." + kernel.SIGNATURE_MARK,
        f"{FOLDER}/updates/amdgpu.ko.zst": b"compressed",
    }
    looked = tree(tmp_path, files)
    assert kernel.unsigned(looked, kernel.files(looked, RELEASE)) == ("nvidia",)


def test_the_log_tells_xids_kills_failures_and_resumes():
    log = kernel.parse_log(output("kmsg.txt"))
    assert [(xid.code, xid.bdf) for xid in log.xids] == [(79, "0000:01:00.0"), (31, "0000:3b:00.0")]
    assert log.xids[0].text.endswith("GPU has fallen off the bus.")
    assert len(log.oom_kills) == 1
    assert "python3" in log.oom_kills[0]
    assert [line for line in log.nvrm_errors if "RmInitAdapter" in line] == [
        "NVRM: GPU 0000:41:00.0: RmInitAdapter failed! (0x22:0x56:887)"
    ]
    assert not any("loading NVIDIA UNIX" in line for line in log.nvrm_errors)
    assert log.rejected_modules == ("Loading of module with unavailable key is rejected",)
    assert log.has_resume is True


def test_a_quiet_log_is_readable_and_empty():
    log = kernel.parse_log("6,1,0,-;Linux version 6.8\n")
    assert log.is_readable
    assert (log.xids, log.oom_kills, log.nvrm_errors, log.rejected_modules, log.has_resume) == ((), (), (), (), False)


def test_plain_lines_of_the_journal_are_read_too():
    log = kernel.parse_log(
        "NVRM: Xid (PCI:0000:01:00): 48, pid=1\nNVRM: API mismatch: the client has the version 580\n"
    )
    assert (log.xids[0].code, len(log.nvrm_errors)) == (48, 1)


def test_the_log_of_the_kernel_is_read_from_its_device(tmp_path):
    looked = tree(tmp_path, {"/dev/kmsg": output("kmsg.txt")})
    assert len(kernel.start_log(looked, has_journal_use=False)().xids) == 2


def test_a_log_that_says_nothing_more_does_not_hold_us(tmp_path):
    (tmp_path / "dev").mkdir()
    os.mkfifo(tmp_path / "dev" / "kmsg")
    assert kernel.start_log(tree(tmp_path, {}), has_journal_use=False)().is_readable


def test_a_denied_log_is_not_an_empty_one(tmp_path):
    looked = tree(tmp_path, {"/dev/kmsg": "6,1,0,-;x\n"})
    (tmp_path / "dev" / "kmsg").chmod(0)
    open_way(tmp_path)
    with without_rights():
        log = kernel.start_log(looked, has_journal_use=True)()
    assert log.is_readable is False
    assert reasons(looked) == {"host.kernel_log": "denied"}


@pytest.mark.parametrize(
    ("text", "bdf"),
    [
        ("0000:01:00", "0000:01:00.0"),
        ("00000000:3B:00.0", "0000:3b:00.0"),
        ("00000001:3b:1f.7", "0001:3b:1f.7"),
        ("01:00", "0000:01:00.0"),
        ("nonsense", "nonsense"),
    ],
)
def test_bus_addresses_are_written_as_sysfs_does(text, bdf):
    assert kernel.bdf_of(text) == bdf
