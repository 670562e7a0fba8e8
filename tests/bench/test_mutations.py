"""A broken torch is noticed by a named check that points to the right place; a whole one is not."""

import os

import pytest

from ptsetup import bench
from tests.bench.mutations import CAUGHT, folder

IN_CI = (
    "adam_without_bias_correction", "relu_gradient", "cross_entropy_sums", "conv_zeros", "sdpa_scale", "one_wrong_element",
    "batch_norm_in_eval", "embedding_gradient", "ddp_sums", "loader_drops", "state_loses_buffer", "double_backward",
)  # fmt: skip
"""These run always, the others in ``make soak``: each takes an import of torch."""


def prove(torch_env, tmp_path, defect, only):
    env = {**os.environ, "PYTHONPATH": str(folder(tmp_path / "startup")), "PTSETUP_TEST_DEFECT": defect}
    return bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env)


@pytest.mark.torch
@pytest.mark.parametrize(
    "defect", [pytest.param(name, marks=() if name in IN_CI else pytest.mark.soak) for name in CAUGHT]
)
def test_a_defect_turns_its_check_red(torch_env, tmp_path, defect):
    name, word = CAUGHT[defect]
    report = prove(torch_env, tmp_path, defect, (name,))
    (check,) = report.checks
    assert check.verdict == "wrong", (check.error, check.tolerance, check.detail)
    assert word in check.reveals
    assert report.failed == (check,)


@pytest.mark.torch
@pytest.mark.parametrize("seed", [11, 12])
def test_a_whole_torch_is_never_red(torch_env, seed):
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", skip=("speed",), seed=seed)
    assert [(c.name, c.error, c.detail) for c in report.failed] == []
    assert report.cpu_seconds < 30
