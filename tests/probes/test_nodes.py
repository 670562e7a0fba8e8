"""Device nodes: those looked for, those found, and what opening them says (in a child)."""

import ctypes  # noqa: F401 - the script imports it, as nobody it could not be found
import errno
import os
import sys

import pytest

from ptsetup.probes import nodes, users
from tests.probes.trees import NOBODY, Link, open_way, plant, reasons, tree, without_rights


def asked(looked, **changes):
    return {node.path: node for node in nodes.start(looked, **changes)()}


def test_absent_nodes_are_listed_as_absent_and_no_child_is_needed(tmp_path):
    found = asked(tree(tmp_path, {"/dev/": ""}))
    assert tuple(found) == nodes.ALWAYS
    assert not any(node.exists for node in found.values())
    assert all(node.open_errno is None for node in found.values())


def test_present_nodes_are_opened_and_described(tmp_path):
    looked = tree(
        tmp_path,
        {
            "/dev/nvidiactl": "",
            "/dev/nvidia0": "",
            "/dev/nvidia10": "",
            "/dev/nvidia2": "",
            "/dev/dri/renderD128": "",
            "/dev/dri/card0": "",
        },
    )
    (tmp_path / "dev" / "nvidiactl").chmod(0o660)
    found = asked(looked)
    assert [path for path in found if path not in nodes.ALWAYS] == [
        "/dev/dri/renderD128",
        "/dev/nvidia0",
        "/dev/nvidia2",
        "/dev/nvidia10",
    ]
    control = found["/dev/nvidiactl"]
    assert (control.exists, control.mode, control.open_errno) == (True, "660", 0)
    assert control.uid == os.geteuid()
    assert found["/dev/nvidia0"].open_errno == 0
    assert reasons(looked) == {}


def test_the_errno_of_what_cannot_be_opened_is_told(tmp_path):
    looked = tree(tmp_path, {"/dev/kfd/": "", "/dev/nvidiactl": Link("nowhere"), "/dev/nvidia-uvm": Link("nvidia-uvm")})
    found = asked(looked)
    assert found["/dev/kfd"].open_errno == errno.EISDIR
    assert found["/dev/nvidiactl"].open_errno == errno.ENOENT
    assert found["/dev/nvidia-uvm"].open_errno == errno.ELOOP


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything; the next test acts as nobody")
def test_a_forbidden_node_by_the_real_child(tmp_path):
    looked = tree(tmp_path, {"/dev/kfd": "", "/dev/nvidia0": ""})
    for name in ("kfd", "nvidia0"):
        (tmp_path / "dev" / name).chmod(0o000)
    found = asked(looked)
    assert found["/dev/kfd"].open_errno == errno.EACCES
    assert found["/dev/nvidia0"].open_errno == errno.EACCES


def test_the_script_tells_forbidden_from_allowed(tmp_path, capsys):
    """The same script in this process with the rights of nobody: the interpreter itself may be closed to him."""
    root = plant(tmp_path, {"/closed": "", "/open": ""})
    (tmp_path / "closed").chmod(0o000)
    (tmp_path / "open").chmod(0o666)
    open_way(tmp_path)
    words = sys.argv
    sys.argv = ["-c", f"o{root}/closed", f"a{root}/closed", f"o{root}/open", f"a{root}/open", f"a{root}/missing"]
    try:
        with without_rights():
            exec(compile(nodes.SCRIPT, "nodes", "exec"), {})  # noqa: S102 - the script under test
    finally:
        sys.argv = words
    numbers = [int(line) for line in capsys.readouterr().out.split()]
    assert numbers == [errno.EACCES, errno.EACCES, 0, 0, errno.ENOENT]


def test_a_node_that_hangs_is_a_reason_and_those_before_it_are_told(tmp_path, monkeypatch):
    """A driver that hangs cannot be had here: the script of the child hangs in its place, at the second node."""
    hanging = nodes.SCRIPT.replace(
        "    number = 0\n", "    number = 0\n    if path.endswith('kfd'): __import__('time').sleep(60)\n"
    )
    monkeypatch.setattr(nodes, "SCRIPT", hanging)
    looked = tree(tmp_path, {"/dev/nvidiactl": "", "/dev/kfd": ""})
    found = asked(looked, deadline_scale=0.5)
    assert (found["/dev/nvidiactl"].open_errno, found["/dev/kfd"].open_errno) == (0, None)
    assert reasons(looked) == {"host.device_nodes": "timeout"}


GROUPS = "root:x:0:\nvideo:x:44:jane\nrender:x:993:jane,joe\nbroken line\nempty:x:notanumber:jane\n"
PASSWD = f"root:x:0:0:root:/root:/bin/sh\njane:x:1000:1000::/home/jane:/bin/sh\nnobody:x:{NOBODY}:0::/:/bin/false\n"


def test_groups_by_the_files_alone(tmp_path):
    files = {
        "/etc/group": GROUPS,
        "/etc/passwd": PASSWD,
        "/proc/self/status": "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nGid:\t100\t100\t100\t100\nGroups:\t44 100 \n",
    }
    looked = tree(tmp_path, files)
    assert users.user_name(looked) == "jane"
    assert users.user_groups(looked) == ("video", "render", "empty")
    assert users.group_ids(looked) == (44, 100)
    assert users.group_name(looked, 993) == "render"
    assert users.group_name(looked, 12345) is None


def test_a_user_without_a_name(tmp_path):
    looked = tree(tmp_path, {"/etc/group": GROUPS, "/etc/passwd": PASSWD, "/proc/self/status": "Uid:\t777\t777\n"})
    assert users.user_name(looked) is None
    assert users.user_groups(looked) is None
    assert reasons(looked) == {"host.user_groups": "absent"}


def test_no_group_file_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert users.user_groups(looked) is None
    assert users.group_ids(looked) is None
    assert reasons(looked) == {"host.user_groups": "absent", "host.group_ids": "absent"}
