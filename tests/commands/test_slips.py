"""Slips and odd inputs that a reviewer met: each is told as what it is, none is taken for a fault of torch or of the machine."""

import json
import subprocess
import sys

import pytest

from ptsetup.bench import Check, Report
from ptsetup.render.bench import again


def ptsetup(*argv, said=""):
    return subprocess.run(
        [sys.executable, "-m", "ptsetup", *argv], capture_output=True, text=True, check=False, input=said
    )


@pytest.mark.parametrize(
    "argv",
    [
        ("bench", "--seed", "99999999999999999999999"),
        ("bench", "--seed", "-1"),
        ("bench", "--timeout-scale", "0"),
        ("bench", "--timeout-scale", "nan"),
        ("snapshot", "--timeout-scale", "nan"),
        ("check", "--no-import", "--select", "PT5", "--ignore", "PT5"),
        ("doctor", "--no-import", "--ignore", "PT"),
        ("doctor", "--no-import", "--dry-run"),
        ("doctor", "--no-import", "--yes"),
        ("doctor", "--from", "absent", "--python", "3.11"),
        ("doctor", "--from", "absent", "--deep"),
        ("check", "--from", "absent", "--python", "3.11"),
        ("check", "--no-import", "--deep"),
        ("plan", "--gpu", "8.9", "--driver", "580.95", "torch; python_version < '3'"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_as_that(argv):
    done = ptsetup(*argv)
    assert done.returncode == 2, done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ['{"a":' * 50_000, '{"schema":1,"origin":"probe","host":' + "[" * 100_000])
@pytest.mark.parametrize("command", ["doctor", "check", "explain"])
def test_deep_nesting_is_no_bug_of_ours(command, text):
    done = ptsetup(*((command, "-") if command == "explain" else (command, "--from", "-")), said=text)
    assert done.returncode in (0, 1, 2, 3)
    assert "bug of its own" not in done.stderr


def test_runs_to_compare_with_are_runs(tmp_path):
    for content, words in (("{}", "holds no runs"), ('{"a":' * 50_000, "is no file of kept runs")):
        (tmp_path / "kept.json").write_text(content)
        done = ptsetup("bench", "--compare", str(tmp_path / "kept.json"))
        assert done.returncode in (2, 3)
        assert words in done.stderr


def test_a_program_that_is_no_python_is_told_as_that():
    for words in (("bench", "--only", "tensor"), ("doctor",), ("plan",)):
        done = ptsetup(*words, "--python", "/bin/ls")
        assert (done.returncode, "/bin/ls is no Python interpreter" in done.stderr) == (3, True)
        assert len(done.stderr.splitlines()) == 2


def test_a_check_is_repeated_as_it_was_run():
    check = Check(name="conv.forms", group="conv", title="convolution", verdict="wrong")
    report = Report(python="/x y/bin/python", device="cuda:1", seed=7)
    assert again(check, report) == (
        'ptsetup bench --only conv.forms --python "/x y/bin/python" --device cuda:1 --seed 7'
    )
    assert again(check, Report()) == "ptsetup bench --only conv.forms"


def test_a_tag_that_a_system_lacks_is_told_without_a_double_negative():
    done = ptsetup("plan", "--os", "macos", "--backend", "cu126", "--format", "json")
    headline = json.loads(done.stdout)["headline"]
    assert "have no cu126 build for macOS" in headline
    assert "none of" not in headline


def test_an_error_that_is_no_fault_of_the_set_up_gets_no_clean_bill():
    said = "RuntimeError: shapes (3,4) and (5,6) cannot be multiplied\nPyTorch version: 2.7.1+cu126\n"
    done = ptsetup("doctor", "--from", "-", said=said)
    assert "ptsetup explain" in done.stdout
