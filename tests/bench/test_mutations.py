"""A broken torch is noticed by a named check that points to the right place; a whole one is not."""

import json
import os
import subprocess

import pytest

from ptsetup import bench
from tests.bench.mutations import CAUGHT, folder

IN_CI = (
    "adam_without_bias_correction", "relu_gradient", "cross_entropy_sums", "conv_zeros", "sdpa_scale", "one_wrong_element",
    "batch_norm_in_eval", "embedding_gradient", "ddp_sums", "loader_drops", "state_loses_buffer", "double_backward",
)  # fmt: skip
"""These run always, the others in ``make soak``: each takes an import of torch."""

IMPORT = """
import json, resource, torch
use = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"peak_bytes": use.ru_maxrss * 1024, "cpu_seconds": use.ru_utime + use.ru_stime}))
"""
"""What importing torch alone takes."""

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""As the checks have it."""


def prove(torch_env, tmp_path, defect, only):
    env = {**os.environ, "PYTHONPATH": str(folder(tmp_path / "startup")), "PTSETUP_TEST_DEFECT": defect}
    return bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env)


@pytest.mark.torch
@pytest.mark.parametrize(
    "defect", [pytest.param(name, marks=() if name in IN_CI else pytest.mark.soak) for name in CAUGHT]
)
def test_a_defect_turns_its_check_red(torch_env, tmp_path, defect):
    name, word = CAUGHT[defect]
    report = prove(torch_env, tmp_path, defect, tuple(name.split()))
    assert report.failed, [(check.name, check.verdict, check.error, check.detail) for check in report.checks]
    assert {check.verdict for check in report.failed} == {"wrong"}
    assert any(word in check.reveals for check in report.failed)


@pytest.mark.torch
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_a_whole_torch_is_never_red_and_the_quick_suite_is_small(torch_env, seed):
    python = str(torch_env / "bin" / "python")
    report = bench.prove(python, device="cpu", skip=("speed",), seed=seed)
    assert [(c.name, c.error, c.detail) for c in report.failed] == []
    bare = json.loads(subprocess.run([python, "-c", IMPORT], capture_output=True, check=True, env=ONE_THREAD).stdout)
    assert report.peak_bytes - bare["peak_bytes"] < 600e6
    # the goal is 10 s; a busy machine makes processor time dearer too
    assert report.cpu_seconds - bare["cpu_seconds"] < 20


@pytest.mark.torch
@pytest.mark.parametrize(("name", "seed"), [("threads.agree", 72), ("conv.forms", 188)])
def test_sums_that_cancel_are_no_error(torch_env, name, seed):
    """With these seeds a sum comes near zero; the checks once divided by it and called a whole torch wrong."""
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=(name,), seed=seed)
    assert [check.verdict for check in report.checks] == ["ok"], report.checks[0]


@pytest.mark.torch
def test_equal_numbers_are_no_error(torch_env):
    """With this seed two of 257 numbers are equal; the check once took for granted that none are."""
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=("tensor.sizes",), seed=3)
    assert [check.verdict for check in report.checks] == ["ok"], report.checks[0]


@pytest.mark.torch
def test_an_abort_after_the_answer_is_no_wrong_number(torch_env, tmp_path):
    """On a busy machine a process of Gloo now and then aborted while it ended, and right gradients were called wrong."""
    report = prove(torch_env, tmp_path, "clean_up_aborts", ("parallel.ddp",))
    assert [check.verdict for check in report.checks] == ["ok"], report.checks[0]
