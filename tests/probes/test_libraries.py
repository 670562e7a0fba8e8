"""The loader's cache, package versions, CDI specifications, NCCL's settings."""

import os
import pathlib
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import libraries
from ptsetup.probes._tree import Tree
from tests.probes.trees import Link, output, reasons, tree

X86, ARM, I386 = 0x0303, 0x0A03, 0x0003


def cache(rows, front=b""):
    """A cache of format 1.1 with (flags, soname, path) rows, as glibc's dl-cache.h describes it."""
    start = 48 + 24 * len(rows)
    strings, entries = b"", b""
    for flags, soname, path in rows:
        key = start + len(strings)
        strings += soname.encode() + b"\0"
        value = start + len(strings)
        strings += path.encode() + b"\0"
        entries += struct.pack("<IIIIQ", flags, key, value, 0, 0)
    head = struct.pack("<20sIIB3xI12x", b"glibc-ld.so.cache1.1", len(rows), len(strings), 2, 0)
    return front + head + entries + strings


ROWS = [
    (X86, "libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1"),
    (I386, "libcuda.so.1", "/usr/lib/i386-linux-gnu/libcuda.so.1"),
    (X86, "libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6"),
    (X86, "libcudart.so.13", "/usr/local/cuda 13/lib64/libcudart.so.13"),
]


def test_libraries_of_interest_for_this_machine_with_the_version_behind_them(tmp_path):
    files = {
        "/etc/ld.so.cache": cache(ROWS),
        "/usr/lib/x86_64-linux-gnu/libcuda.so.1": Link("libcuda.so.580.95.05"),
        "/usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05": "",
    }
    found = libraries.loader_cache(tree(tmp_path, files), "x86_64")
    assert [(lib.soname, lib.path, lib.version, lib.via) for lib in found] == [
        ("libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "580.95.05", "ld.so.cache"),
        ("libcudart.so.13", "/usr/local/cuda 13/lib64/libcudart.so.13", "13", "ld.so.cache"),
    ]


def test_a_cache_behind_one_of_the_old_format(tmp_path):
    looked = tree(tmp_path, {"/etc/ld.so.cache": cache(ROWS, front=b"ld.so-1.7.0\0" + b"\1\0\0\0" * 5)})
    assert len(libraries.loader_cache(looked, "x86_64")) == 2


def test_the_other_machine_s_libraries_are_not_ours(tmp_path):
    assert libraries.loader_cache(tree(tmp_path, {"/etc/ld.so.cache": cache(ROWS)}), "aarch64") == ()


@pytest.mark.parametrize(
    ("data", "reason"), [(None, "absent"), (b"", "unsupported"), (b"something else", "unsupported")]
)
def test_no_cache_that_is_known(tmp_path, data, reason):
    looked = tree(tmp_path, {} if data is None else {"/etc/ld.so.cache": data})
    assert libraries.loader_cache(looked, "x86_64") is None
    assert reasons(looked) == {"host.loader_cache": reason}


def test_a_cache_cut_short_gives_what_is_whole(tmp_path):
    whole = cache(ROWS)
    for size in range(0, len(whole), 7):
        list(libraries.entries(whole[:size]))
    looked = tree(tmp_path, {"/etc/ld.so.cache": whole[:60]})
    assert libraries.loader_cache(looked, "x86_64") == ()


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_mark_never_raise(data):
    list(libraries.entries(b"glibc-ld.so.cache1.1" + data))
    list(libraries.entries(data))


@pytest.mark.skipif(not pathlib.Path("/etc/ld.so.cache").is_file(), reason="no glibc cache on this machine")
def test_this_machine_s_own_cache_is_read_as_ldconfig_reads_it():
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    printed = subprocess.run([program, "-p"], capture_output=True, text=True, check=True).stdout
    wanted = {
        (line.split(" (")[0].strip(), line.rpartition(" => ")[2].strip())
        for line in printed.splitlines()
        if " => " in line
    }
    data = Tree().data(libraries.CACHE)
    assert {(soname, path) for _, soname, path in libraries.entries(data)} == wanted
    assert wanted


def test_links_in_a_circle_end(tmp_path):
    looked = tree(tmp_path, {"/a.so.1": Link("/b.so.2"), "/b.so.2": Link("a.so.1")})
    assert libraries.version_behind(looked, "/a.so.1") in ("1", "2")


def packages(looked, **changes):
    return libraries.start_packages(looked, has_rpm_use=False, **changes)()


def test_installed_packages_of_interest_by_dpkg_s_file(tmp_path):
    assert packages(tree(tmp_path, {libraries.DPKG: output("dpkg-status.txt")})) == {
        "libnvidia-compute-580": "580.95.05-0ubuntu1",
        "nvidia-fabricmanager-580": "580.95.05-1",
        "libze1": "1.16.15-1",
    }


def test_packages_by_pacman_s_folders(tmp_path):
    names = ("nvidia-utils-580.95.05-1", "bash-5.2-1", "libcuda-1-1", "broken")
    found = packages(tree(tmp_path, {f"{libraries.PACMAN}/{name}/": "" for name in names}))
    assert found == {"nvidia-utils": "580.95.05-1", "libcuda": "1-1"}


def test_packages_by_rpm_s_answer():
    text = "nvidia-driver-cuda 580.95.05-1.el9\nbash 5.2-1\nodd line here now\nkmod-nvidia-open-dkms 580.95.05-1\n"
    assert libraries.parse_rpm(text) == {
        "nvidia-driver-cuda": "580.95.05-1.el9",
        "kmod-nvidia-open-dkms": "580.95.05-1",
    }


def test_no_package_database_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert packages(looked) is None
    assert reasons(looked) == {"host.package_versions": "absent"}


@given(st.binary(max_size=120))
def test_any_status_file_never_raises(data):
    libraries.parse_dpkg(b"Package: libze1\n" + data)
    libraries.parse_dpkg(data)


def test_cdi_specifications_that_name_nvidia(tmp_path):
    files = {
        "/etc/cdi/nvidia.yaml": "kind: nvidia.com/gpu\n",
        "/etc/cdi/other.yaml": "kind: vendor.com/net\n",
        "/etc/cdi/notes.txt": "nvidia",
        "/var/run/cdi/é gpu.json": '{"kind": "NVIDIA.com/gpu"}',
    }
    assert libraries.cdi_specs(tree(tmp_path, files)) == ("/etc/cdi/nvidia.yaml", "/var/run/cdi/é gpu.json")
    assert libraries.cdi_specs(Tree(str(tmp_path / "nothing"))) == ()


def test_the_user_s_file_of_nccl_wins(tmp_path):
    files = {
        "/etc/nccl.conf": "# site\nNCCL_DEBUG=WARN\nNCCL_SOCKET_IFNAME = eth0 # wired\nOTHER=1\nNCCL_BROKEN\n",
        "/home/me/.nccl.conf": "NCCL_DEBUG=INFO\n",
        "/x.conf": "NCCL_DEBUG=TRACE\n",
    }
    looked = tree(tmp_path, files)
    assert libraries.nccl_config(looked, {"HOME": "/home/me"}) == {"NCCL_DEBUG": "INFO", "NCCL_SOCKET_IFNAME": "eth0"}
    named = libraries.nccl_config(looked, {"HOME": "/home/me", "NCCL_CONF_FILE": "/x.conf"})
    assert named["NCCL_DEBUG"] == "TRACE"
    assert libraries.nccl_config(Tree(os.devnull), {}) == {}
