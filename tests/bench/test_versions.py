"""The oldest, a middle and the newest torch, as the default package index has them: CUDA builds, on a machine that may have no GPU.

Each takes gigabytes, so these run in ``make soak`` only. They are installed where they are not there yet: into the folder named by
PTSETUP_TEST_TORCH_ENVS, else into .cache of this tree (``make clean`` removes it).
"""

import os
import pathlib
import shutil
import subprocess

import pytest
import uv

from ptsetup import bench

VERSIONS = {"1.13.1": "3.10", "2.2.2": "3.11", "2.15.0": "3.11"}
"""torch -> a Python that has a wheel of it."""

MISSING = {
    "1.13.1": {"attention.sdpa", "attention.flex", "amp.scaler", "func.transforms", "compile.mlp", "compile.graph", "parallel.shard"},
    "2.2.2": {"attention.flex", "amp.scaler", "compile.mlp", "compile.graph", "parallel.shard"},
    "2.15.0": set(),
}  # fmt: skip
"""What each lacks (torch.compile of 2.2 asks for NumPy and setuptools, which its wheel does not require); a missing feature is no error."""

ELSEWHERE = {"vision.board"}
"""Whether tensorboard is there is not torch's doing."""


def environment(version):
    folder = pathlib.Path(
        os.environ.get("PTSETUP_TEST_TORCH_ENVS") or pathlib.Path(__file__).parent.parent.parent / ".cache"
    )
    place = folder / f"torch-{version}"
    python = place / "bin" / "python"
    if any(place.glob("lib/python3*/site-packages/torch/version.py")):
        return str(python)
    builder = shutil.which(f"python{VERSIONS[version]}")
    if builder is None:
        pytest.skip(f"no Python {VERSIONS[version]} is here to hold torch {version}")
    program = uv.find_uv_bin()
    subprocess.run([program, "venv", "--quiet", "--clear", "--python", builder, str(place)], check=True)
    argv = [program, "pip", "install", "--quiet", "--no-cache", "--python", str(python), f"torch=={version}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"torch {version} cannot be installed here: {done.stderr.strip()[-300:]}")
    return str(python)


@pytest.mark.soak
@pytest.mark.parametrize("profile", ["quick", "full"])
@pytest.mark.parametrize("version", list(VERSIONS))
def test_a_whole_torch_of_that_release_is_green_and_what_it_lacks_is_unavailable(version, profile):
    report = bench.prove(environment(version), device="cpu", profile=profile, skip=("speed",), deadline_scale=2)
    assert report.versions["torch"].startswith(version)
    assert [(check.name, check.verdict, check.detail) for check in report.failed] == []
    chosen = {entry.name for entry in bench.select(profile)}
    missing = {check.name for check in report.checks if check.verdict == "unavailable"} - ELSEWHERE
    assert missing == MISSING[version] & chosen
    assert not [check.name for check in report.checks if check.verdict == "skipped"]


@pytest.mark.soak
@pytest.mark.parametrize("version", list(VERSIONS))
def test_a_cuda_build_takes_the_gpu_that_is_there_and_else_the_cpu(version):
    report = bench.prove(environment(version), only=("tensor.shape",), deadline_scale=2)
    assert report.verdict == "ok"
    assert report.device == "cpu" or report.device.startswith("cuda")
    assert "cuda" in report.versions


@pytest.mark.soak
@pytest.mark.parametrize("version", list(VERSIONS))
def test_its_speed_is_measured(version):
    report = bench.prove(environment(version), device="cpu", only=("speed",), deadline_scale=2)
    assert {c.verdict for c in report.checks} <= {"ok", "noisy"}
    assert report.speed.metric("mlp").rate > 0
