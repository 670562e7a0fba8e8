"""File systems below the folders that matter."""

import os
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import disks
from tests.probes.trees import Link, open_way, output, plant, without_rights

MOUNTS = disks.parse_mountinfo(output("mountinfo.txt"))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr/lib", "ext4"),
        ("/tmp/x", "tmpfs"),  # noqa: S108 - a name in a table
        ("/tmpfoo", "ext4"),  # noqa: S108 - a name in a table
        ("/home/jane", "nfs4"),
        ("/mnt/my disk/venv", "xfs"),
        ("/data/x", "btrfs"),
        ("/proc", "proc"),
    ],
)
def test_a_path_lies_on_the_nearest_mount_above_it_and_the_last_of_equals(path, kind):
    assert disks.mount_of(path, MOUNTS)[1] == kind


def test_options_of_a_mount():
    assert {"noexec", "nodev"} <= disks.mount_of("/tmp", MOUNTS)[2]  # noqa: S108 - a name in a table
    assert "ro" in disks.mount_of("/mnt/my disk", MOUNTS)[2]


@given(st.text(max_size=80))
def test_any_mountinfo_never_raises(text):
    disks.mount_of("/x", disks.parse_mountinfo(text + "\n1 2 3 4 /x\\040 rw - t s o\n" + text))


def test_a_folder_that_does_not_exist_yet_is_judged_by_the_one_above_it(tmp_path):
    root = plant(tmp_path, {"/proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda rw\n", "/home/é jane/": ""})
    disk, same = disks.probe({"cache": "/home/é jane/.cache/pip", "home": "/home/é jane"}, root=root)
    room = os.statvfs(tmp_path)
    assert disk.role == "cache"
    assert disk.path == "/home/é jane/.cache/pip"
    assert disk.total_bytes == room.f_blocks * room.f_frsize
    assert (disk.is_read_only, disk.is_writable, disk.filesystem) == (False, True, "ext4")
    assert disk.device == same.device == tmp_path.stat().st_dev


def test_a_noexec_mount_is_told(tmp_path):
    root = plant(tmp_path, {"/proc/self/mountinfo": "1 0 8:1 / /spare rw,noexec - tmpfs tmpfs rw\n", "/spare/": ""})
    (disk,) = disks.probe({"temp": "/spare/x"}, root=root)
    assert (disk.is_noexec, disk.filesystem) == (True, "tmpfs")


def test_a_folder_of_somebody_else_is_not_writable(tmp_path):
    root = plant(tmp_path, {"/cache/": ""})
    (tmp_path / "cache").chmod(0o555)
    open_way(tmp_path)
    with without_rights():
        # access(2) asks for the real user: as root everything may be written, so look at the mode
        (disk,) = disks.probe({"cache": "/cache/x"}, root=root)
    assert disk.is_writable is (os.getuid() == 0)


def test_what_cannot_be_asked_is_unknown(tmp_path):
    root = plant(tmp_path, {"/loop": Link("loop")})
    (disk,) = disks.probe({"temp": "/loop/x"}, root=root)
    assert (disk.free_bytes, disk.is_writable, disk.is_read_only) == (None, None, None)


def test_the_child_for_network_file_systems_tells_the_same(tmp_path):
    (direct,) = disks.probe({"home": str(tmp_path)})
    mounts = disks.parse_mountinfo(pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    ((by_child, reason),) = disks._in_children({"home": str(tmp_path)}, mounts, 1.0)
    assert reason is None
    assert by_child.device == direct.device
    assert (by_child.total_bytes, by_child.is_writable, by_child.is_read_only, by_child.filesystem) == (
        direct.total_bytes,
        direct.is_writable,
        direct.is_read_only,
        direct.filesystem,
    )


HANGS_FOR_HOME = """
import sys, time
if sys.argv[1].endswith("hung"):
    time.sleep(60)
"""


def test_a_folder_that_hangs_is_a_timeout_and_the_others_are_told(tmp_path, monkeypatch):
    """A file system that hangs cannot be had here: the script of the child hangs in its place."""
    monkeypatch.setattr(disks, "SCRIPT", HANGS_FOR_HOME + disks.SCRIPT)
    paths = {"home": f"{tmp_path}/hung", "temp": str(tmp_path)}
    (hung, reason), (told, fine) = disks._in_children(paths, (), 0.5)
    assert (hung.free_bytes, reason[0], fine) == (None, "timeout", None)
    assert "network file system" in reason[1]
    assert told.free_bytes


def test_links_are_followed_to_a_network_file_system_without_entering_it(tmp_path):
    root = plant(
        tmp_path,
        {"/far/x": "", "/near/x": "", "/a b": Link("far"), "/c": Link(f"{tmp_path}/a b/.."), "/loop": Link("loop")},
    )
    mounts = (
        ("/", "ext4", frozenset()),
        (f"{tmp_path}/far", "nfs4", frozenset()),
        ("/run/fuse", "fusectl", frozenset()),
    )
    ways = {
        name: disks.leads_to_network(f"{root}{name}", mounts)
        for name in ("/near/x", "/far", "/a b/deep", "/c/near", "/loop/x")
    }
    assert ways == {"/near/x": False, "/far": True, "/a b/deep": True, "/c/near": True, "/loop/x": False}


def test_a_machine_whose_root_is_on_the_network_is_asked_in_children():
    assert disks.leads_to_network("/", (("/", "nfs", frozenset()),)) is False
    assert disks.leads_to_network("/home/x", (("/", "nfs", frozenset()),)) is True


@pytest.mark.parametrize(
    ("kind", "is_far"),
    [
        ("ext4", False),
        ("nfs4", True),
        ("nfsd", False),
        ("fuse.sshfs", True),
        ("fusectl", False),
        ("9p", True),
        ("overlay", False),
    ],
)
def test_kinds_of_network_file_systems(kind, is_far):
    assert disks.is_network(kind) is is_far


def test_a_folder_that_vanished_in_the_child_is_a_failure(monkeypatch):
    monkeypatch.setattr(disks, "SCRIPT", "raise OSError('stale file handle')")
    ((disk, reason),) = disks._in_children({"home": "/"}, (), 1.0)
    assert disk.free_bytes is None
    assert reason == ("failed", "/: OSError: stale file handle")


@pytest.mark.parametrize(
    "text", ["", "1 2 3", "a b c d e f\n/x\n", "1 2 3 4 5 6", "1 2 3 4 5 99999999999999999999\n/\n"]
)
def test_an_odd_answer_of_the_child_is_unknown(text):
    assert disks.parse_answer("home", "/x", text, ()).free_bytes is None


def test_an_answer_without_inodes():
    disk = disks.parse_answer("home", "/home/x", "10 20 -1 1 7 1\n/home/x\n", MOUNTS)
    assert (disk.free_bytes, disk.total_bytes, disk.free_inodes, disk.device) == (10, 20, None, 7)
    assert (disk.is_read_only, disk.is_writable, disk.filesystem) == (True, False, "nfs4")


def test_the_usual_folders_follow_the_variables():
    env = {"HOME": "/home/é", "XDG_CACHE_HOME": "/c", "UV_CACHE_DIR": "/uv", "TORCHINDUCTOR_CACHE_DIR": "/i"}
    paths = disks.usual(env)
    assert (paths["home"], paths["uv_cache"], paths["inductor_cache"]) == ("/home/é", "/uv", "/i")
    assert disks.usual({**env, "PIP_CACHE_DIR": "/p"})["cache"] == "/p"


def test_the_cache_of_torch_compile_bears_the_user_s_name():
    assert disks.inductor_cache({"USER": "a/b"}).endswith("/torchinductor_a_b")
    assert disks.inductor_cache({"LOGNAME": "x", "USER": "y"}).endswith("/torchinductor_x")


def test_a_cache_that_can_be_used_is_no_problem(tmp_path):
    root = plant(tmp_path, {"/cache/": ""})
    assert disks.inductor_problem({"TORCHINDUCTOR_CACHE_DIR": "/cache/x"}, root=root) is None


def test_a_file_in_the_place_of_the_cache_is_a_problem(tmp_path):
    root = plant(tmp_path, {"/cache": "", "/triton": "", "/proc/self/status": f"Uid:\t{os.getuid()}\t{os.getuid()}\n"})
    problem = disks.inductor_problem({"TORCHINDUCTOR_CACHE_DIR": "/cache"}, root=root)
    assert problem == "torch.compile's cache (/cache) may not be written to by this user"
    env = {"TORCHINDUCTOR_CACHE_DIR": "/", "TRITON_CACHE_DIR": "/triton"}
    assert disks.inductor_problem(env, root=root).startswith("Triton's cache (/triton)")


def test_a_cache_of_somebody_else_names_him(tmp_path):
    root = plant(tmp_path, {"/cache": "", "/proc/self/status": "Uid:\t7777\t7777\n"})
    problem = disks.inductor_problem({"TORCHINDUCTOR_CACHE_DIR": "/cache"}, root=root)
    assert problem.endswith(f"; it belongs to user id {os.getuid()}")
