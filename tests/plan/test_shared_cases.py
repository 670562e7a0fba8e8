"""The described machines beside the project, where they are there."""

import pathlib
import subprocess
import sys

import pytest

SCORE = pathlib.Path(__file__).parents[3] / "shared" / "plan-cases" / "score.py"


@pytest.mark.skipif(not SCORE.is_file(), reason="the shared cases are not beside this checkout")
def test_every_shared_case_comes_out_right():
    done = subprocess.run(
        [sys.executable, SCORE, "-v", "--ptsetup", f"{sys.executable} -m ptsetup"],
        capture_output=True,
        text=True,
        check=True,
    )
    right, _, all_cases = done.stdout.strip().splitlines()[-1].partition(" ")[0].partition("/")
    assert right == all_cases, done.stdout
