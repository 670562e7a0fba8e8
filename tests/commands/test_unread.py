"""What says nothing gets no clean bill; what teaching texts get wrong is explained."""

import json
import subprocess
import sys

import pytest

from ptsetup.bench import ENTRIES
from ptsetup.bench.teaching import LESSONS


def ptsetup(*argv):
    return subprocess.run(
        [sys.executable, "-m", "ptsetup", *argv], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("data", [b"", b"\x00\xff\x01noise", b"hello world, all fine", b"x" * 100_000])
def test_a_file_that_says_nothing_is_not_called_healthy(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    done = ptsetup("doctor", "--from", str(tmp_path / "file"), "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["passed"], told["findings"]) == (3, "unread", [], [])
    assert "Nothing about a PyTorch set-up was recognised" in ptsetup(
        "doctor", "--from", str(tmp_path / "file")
    ).stdout.replace("\n", " ")


def test_an_unknown_schema_is_refused(tmp_path):
    (tmp_path / "file").write_text('{"schema": 99}')
    done = ptsetup("doctor", "--from", str(tmp_path / "file"))
    assert (done.returncode, "schema 99" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("module 'torch.nn' has no attribute 'Adam'", "optim.adam"),
        ("torch.nn.functional.masked_softmax", "attention.masks"),
        ("torch.nn.functional.multi_head_attention", "attention.heads"),
        ("backward updates the parameters", "autograd.book"),
        ("use L1Loss for regularisation", "optim.penalty"),
        ("lr_scheduler for hyper-parameter search", "optim.schedulers"),
    ],
)
def test_a_misused_name_is_explained_and_tested_by_a_check_that_exists(text, check):
    done = ptsetup("explain", text)
    assert (done.returncode, f"ptsetup bench --only {check}" in done.stdout) == (0, True)
    assert {lesson.check for lesson in LESSONS} <= {entry.name for entry in ENTRIES}


def test_a_right_name_is_not_taught():
    assert "no such function" not in ptsetup("explain", "torch.nn.functional.multi_head_attention_forward").stdout


def test_a_code_that_does_not_exist_is_wrong_use():
    assert ptsetup("explain", "PT9999").returncode == 2
