"""``ptsetup snapshot`` as a person calls it."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ptsetup import cli, replay
from tests import standins
from tests.test_run import has_ended


def run(capsys, *words):
    """(exit code, stdout, stderr)."""
    code = cli.run(["snapshot", *words])
    out, err = capsys.readouterr()
    return code, out, err


def own(*words):
    """The options that look at the interpreter of the tests without importing anything."""
    return ("--no-import", "--python", sys.executable, *words)


def test_it_prints_one_document_that_can_be_read_back(capsys):
    code, out, err = run(capsys, *own())
    snapshot = replay.load(out.encode())
    assert code == 0
    assert snapshot.origin == "probe"
    assert snapshot.host.system
    assert {reading.probe for reading in snapshot.readings} >= {
        "host",
        "nvidia",
        "amd",
        "intel",
        "apple",
        "target",
        "torch",
    }
    assert err == f"Target: {snapshot.target.executable} (as asked)\n"


def test_the_schema_needs_no_look_at_the_machine(capsys):
    code, out, err = run(capsys, "--schema")
    assert code == 0
    assert json.loads(out)["$defs"]["Snapshot"]
    assert err == ""


def test_it_is_written_whole_to_a_file_with_a_strange_name(capsys, tmp_path):
    path = tmp_path / "mein Rechner é.json"
    code, out, err = run(capsys, *own("--output", str(path)))
    assert (code, out) == (0, "")
    assert replay.load(path.read_bytes()).host is not None
    assert err.endswith(f"Written: {path}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_said_before_the_machine_is_looked_at(capsys, tmp_path):
    code, out, err = run(capsys, *own("--output", str(tmp_path / "no" / "x.json")))
    assert (code, out) == (3, "")
    assert "does not exist" in err
    assert "Make that folder first" in err
    assert "Target:" not in err


def test_a_folder_in_the_place_of_the_file_is_an_error_with_a_way_out(capsys, tmp_path):
    code, _, err = run(capsys, *own("--output", str(tmp_path)))
    assert code == 3
    assert "cannot be written" in err


def test_contradictions_are_wrong_use(capsys):
    code, out, err = run(capsys, "--no-import", "--deep")
    assert (code, out) == (2, "")
    assert "Give one of them" in err


@pytest.mark.parametrize("scale", ["0", "-1", "x", "1000"])
def test_a_scale_out_of_range_is_wrong_use(capsys, scale):
    assert run(capsys, "--timeout-scale", scale)[0] == 2


def test_a_target_that_does_not_exist_is_an_error(capsys, tmp_path):
    code, out, err = run(capsys, "--no-import", "--python", str(tmp_path / "python"))
    assert (code, out) == (3, "")
    assert "ptsetup:" in err


def test_a_shared_one_bears_neither_home_nor_host(tmp_path):
    """In a process of its own, with a home and a user that can be told apart."""
    home = tmp_path / "home" / "zweistein"
    home.mkdir(parents=True)
    env = {**os.environ, "HOME": str(home), "USER": "zweistein", "MASTER_ADDR": "node17.example.org"}
    env["PIP_FIND_LINKS"] = f"{home}/wheels"
    command = [sys.executable, "-m", "ptsetup", "snapshot", *own("--share")]
    done = subprocess.run(command, env=env, capture_output=True, check=True, timeout=120)
    shared = replay.load(done.stdout)
    assert b"zweistein" not in done.stdout
    assert b"node17" not in done.stdout
    assert shared.env["PIP_FIND_LINKS"] == "~/wheels"
    assert shared.host.network.hostname in ("HOST", None, "localhost")
    assert next(disk.path for disk in shared.host.disks if disk.role == "home") == "~"


def test_a_closed_reader_ends_it_quietly():
    command = f'"{sys.executable}" -m ptsetup snapshot --no-import --python "{sys.executable}" | head -c 10'
    done = subprocess.run(command, shell=True, capture_output=True, check=True, timeout=120)  # noqa: S602 - a pipe is wanted
    assert done.stdout == b'{\n  "schem'
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="NVML's stand-in is a library of Linux")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_an_interrupted_look_leaves_no_vendor_s_program_behind(tmp_path, number):
    """It runs in a group of its own, below a thread that nobody waits for any more."""
    told, folder = tmp_path / "told", tmp_path / "bin"
    os.mkfifo(told)
    folder.mkdir()
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\necho $$ > '{told}'\nexec sleep 600\n")
    (folder / "nvidia-smi").chmod(0o755)
    broken = standins.environment(standins.nvml(tmp_path / "nvml", init_rc=18))
    env = {**os.environ, **broken, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    argv = [sys.executable, "-m", "ptsetup", "snapshot", "--no-import", "--python", sys.executable]
    running = subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    pid = int(told.read_text())
    os.killpg(running.pid, number)
    assert running.wait() == 130
    assert has_ended(pid)
