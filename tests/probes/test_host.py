"""The Host section whole: of folders that stand for machines, of garbage, of this machine."""

import os
import pathlib
import platform
import resource
import socket
import sys

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import replay
from ptsetup.facts import Host, Snapshot
from ptsetup.probes import bus, cpu, disks, host
from ptsetup.probes.memory import SHM
from tests.probes.test_bus import device
from tests.probes.test_libraries import ROWS, cache
from tests.probes.trees import output, plant

UBUNTU = {
    "/etc/os-release": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nPRETTY_NAME="Ubuntu 24.04.3 LTS"\n',
    "/etc/ld.so.cache": cache(ROWS),
    "/etc/group": "video:x:44:jane\n",
    "/etc/passwd": "jane:x:1000:1000::/home/jane:/bin/sh\n",
    "/proc/sys/kernel/osrelease": "6.8.0-60-generic\n",
    "/proc/sys/kernel/arch": "x86_64\n",
    "/proc/sys/kernel/hostname": "alpha\n",
    "/proc/cmdline": "BOOT_IMAGE=/x iommu=pt quiet\n",
    "/proc/cpuinfo": output("cpuinfo-x86.txt"),
    "/proc/meminfo": output("meminfo.txt"),
    "/proc/modules": "nvidia 1 0 - Live 0x0\n",
    "/proc/filesystems": "nodev\tsysfs\n",
    "/proc/self/status": "Uid:\t1000\t1000\nGid:\t1000\t1000\nGroups:\t44\nCpus_allowed_list:\t0-1\n",
    "/proc/self/limits": output("limits.txt"),
    "/proc/self/cgroup": "0::/user.slice\n",
    "/proc/self/mountinfo": output("mountinfo.txt"),
    "/proc/net/if_inet6": "",
    "/proc/driver/nvidia/version": "NVRM version: 580.95.05\n",
    "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
    "/sys/class/net/lo/flags": "0x9\n",
    f"{cpu.CPUS}/online": "0-1\n",
    f"{cpu.CPUS}/cpu0/topology/thread_siblings_list": "0-1\n",
    "/dev/kmsg": output("kmsg.txt"),
    "/dev/nvidiactl": "",
    f"{SHM}/": "",
    "/lib/modules/6.8.0-60-generic/updates/dkms/nvidia.ko": "x",
    "/var/lib/dpkg/status": output("dpkg-status.txt"),
    "/run/systemd/system/": "",
    **device("0000:01:00.0"),
}


def look(root, **changes):
    return host.probe(root=str(root), env={"PATH": ""}, **{"libc": "glibc 2.39", **changes})


def test_a_machine_of_files_is_read_whole(tmp_path):
    found = look(plant(tmp_path, UBUNTU))
    machine = found.record
    assert (machine.system, machine.distribution, machine.version) == ("linux", "ubuntu", "24.04")
    assert (machine.machine, machine.hardware_machine, machine.kernel) == ("x86_64", "x86_64", "6.8.0-60-generic")
    assert (machine.libc.version, machine.container, machine.wsl, machine.is_rosetta) == ("2.39", "none", 0, False)
    assert (machine.pci[0].vendor, machine.pci_source) == ("10de", "sysfs")
    assert (machine.cpu.physical_cores, machine.cpu.logical_cores, machine.cpu.usable_cores) == (1, 2, 2.0)
    assert machine.kernel_modules == ("nvidia",)
    assert machine.kernel_modules_available == ("nvidia",)
    assert machine.kernel_modules_unsigned == ("nvidia",)
    assert machine.kernel_log.xids[0].code == 79
    assert machine.kernel_command_line == "iommu=pt"
    assert (machine.is_selinux_enforcing, machine.is_secure_boot) == (False, None)
    assert machine.loader_cache[0].soname == "libcuda.so.1"
    assert machine.package_versions["nvidia-fabricmanager-580"] == "580.95.05-1"
    assert machine.network.hostname == "alpha"
    assert [node.open_errno for node in machine.device_nodes if node.exists] == [0]
    assert (machine.user_groups, machine.group_ids, machine.has_user_name) == (("video",), (44, 1000), True)
    assert machine.limits.nofile_soft == 1024
    assert (machine.shm.leftovers, machine.cdi_specs, machine.nccl_config) == ((), (), {})


def test_every_unknown_fact_of_an_empty_machine_has_a_reason(tmp_path):
    found = look(tmp_path, libc="")
    known = {u.path.removeprefix("host.").split(".")[0] for u in found.unknowns}
    for field in (
        "distribution",
        "kernel",
        "machine",
        "libc",
        "pci",
        "memory",
        "cgroup",
        "limits",
        "shm",
        "kernel_modules",
    ):
        assert getattr(found.record, field) is None
        assert field in known
    for field in ("kernel_log", "loader_cache", "package_versions", "kernel_command_line", "is_secure_boot", "dlls"):
        assert field in known
    assert found.record.kernel_log.is_readable is False
    assert {u.reason for u in found.unknowns} <= {"absent", "failed", "unsupported"}


FILES = [name for name in UBUNTU if not name.endswith("/") and name != f"{bus.DEVICES}/0000:01:00.0/driver"]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_garbage_in_any_file_costs_no_other_fact(tmp_path_factory, data):
    """Some files hold anything, some are folders, some are missing: the section is there and survives JSON."""
    root = tmp_path_factory.mktemp("machine")
    files = dict(UBUNTU)
    for name in data.draw(st.lists(st.sampled_from(FILES), max_size=12, unique=True)):
        what = data.draw(st.sampled_from(("garbage", "missing", "folder")))
        del files[name]
        if what == "garbage":
            files[name] = data.draw(st.binary(max_size=80))
        elif what == "folder":
            files[f"{name}/"] = ""
    found = look(plant(root, files))
    assert isinstance(found.record, Host)
    snapshot = Snapshot(host=found.record, unknowns=found.unknowns)
    assert replay.load(replay.dump(snapshot)) == snapshot
    assert not [u for u in found.unknowns if "Error:" in (u.detail or "")]


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=200))
def test_a_machine_of_garbage_alone(tmp_path_factory, data):
    root = plant(tmp_path_factory.mktemp("machine"), dict.fromkeys(FILES, data))
    found = look(root)
    replay.dump(Snapshot(host=found.record, unknowns=found.unknowns))
    assert found.record.system == "linux"
    assert not [u for u in found.unknowns if "Error:" in (u.detail or "")]


def test_a_reader_that_raises_costs_its_own_fact_only(tmp_path, monkeypatch):
    def broken(_tree):
        raise RuntimeError("of the test")

    monkeypatch.setattr("ptsetup.probes.memory.memory", broken)
    found = look(plant(tmp_path, UBUNTU))
    reasons = {u.path: (u.reason, u.detail) for u in found.unknowns}
    assert found.record.memory is None
    assert reasons["host.memory"] == ("failed", "RuntimeError: of the test")
    assert found.record.cpu.model


# this machine, by other sources


@pytest.fixture(scope="module")
def here():
    return host.probe()


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="compares with Linux' own tools")


@linux_only
def test_this_machine_agrees_with_the_standard_library(here):
    machine = here.record
    assert machine.machine == platform.machine()
    assert machine.kernel == platform.release()
    assert machine.network.hostname == socket.gethostname()
    assert machine.cpu.affinity_cores == len(os.sched_getaffinity(0))
    assert machine.cpu.logical_cores == os.cpu_count()
    assert (machine.limits.nofile_soft, machine.limits.nofile_hard) == resource.getrlimit(resource.RLIMIT_NOFILE)
    if platform.libc_ver()[0] == "glibc":
        assert machine.libc.name == "glibc"
        assert os.confstr("CS_GNU_LIBC_VERSION") == f"glibc {machine.libc.version}"


@linux_only
def test_this_machine_agrees_with_psutil(here):
    machine = here.record
    assert machine.memory.total_bytes == psutil.virtual_memory().total
    assert machine.memory.swap_total_bytes == psutil.swap_memory().total
    assert machine.cpu.physical_cores == psutil.cpu_count(logical=False)
    ours = {one.name: one for one in machine.network.interfaces}
    for name, addresses in psutil.net_if_addrs().items():
        theirs = {row.address.partition("%")[0] for row in addresses if row.family.name in ("AF_INET", "AF_INET6")}
        assert set(ours[name].addresses) <= theirs
        assert bool(ours[name].addresses) == bool(theirs)


@linux_only
def test_this_machine_s_shared_memory_and_disks_agree_with_statvfs(here):
    if here.record.shm is not None:
        room = os.statvfs("/dev/shm")  # noqa: S108 - looked at
        assert here.record.shm.total_bytes == room.f_blocks * room.f_frsize
    home = next(disk for disk in disks.probe(disks.usual()) if disk.role == "home")
    folder = pathlib.Path(home.path)
    while not folder.exists():
        folder = folder.parent
    assert home.total_bytes == os.statvfs(folder).f_blocks * os.statvfs(folder).f_frsize
    assert home.device == folder.stat().st_dev


@linux_only
def test_this_machine_survives_json_and_every_unknown_names_a_real_field(here):
    snapshot = Snapshot(host=here.record, unknowns=here.unknowns)
    assert replay.load(replay.dump(snapshot)) == snapshot
    for unknown in here.unknowns:
        value = snapshot
        for name in unknown.path.split("."):
            assert hasattr(value, name.partition("[")[0]), unknown.path
            value = getattr(value, name.partition("[")[0])
