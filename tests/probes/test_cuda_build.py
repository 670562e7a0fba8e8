"""A real torch built for CUDA against the stand-in drivers: it must be told as torch itself tells it.

Such a build is gigabytes large, so these run only where PTSETUP_TEST_CUDA_ENV names an environment that holds one.
"""

import os
import pathlib

import pytest

from ptsetup import probes
from tests import standins

pytestmark = pytest.mark.torch


@pytest.fixture
def look(monkeypatch):
    """Takes a Snapshot of that environment under some variables."""
    given = os.environ.get("PTSETUP_TEST_CUDA_ENV")
    if not given:
        pytest.skip("PTSETUP_TEST_CUDA_ENV names no environment with a torch for CUDA")

    def take(*parts, **options):
        for name, value in standins.environment(*parts).items():
            monkeypatch.setenv(name, value)
        return probes.take(str(pathlib.Path(given) / "bin/python"), **options)

    return take


def test_the_build_without_a_driver(look):
    snapshot = look()
    torch, wheel = snapshot.torch, snapshot.target.wheel
    assert torch.result.is_ok
    assert torch.cuda_build_version == wheel.cuda
    assert torch.arch_list
    assert all(name.startswith(("sm_", "compute_")) for name in torch.arch_list)
    assert torch.cudnn_version > 80000
    assert torch.cudnn_error is None
    assert torch.nccl_version.count(".") == 2
    assert torch.is_cuda_available is False
    assert "Found no NVIDIA driver" in torch.cuda_error
    assert any("/nvidia/" in library.path for library in snapshot.target.wheel_libraries)
    assert any("libtorch_cuda.so" in path for path in torch.mapped_libraries)
    assert snapshot.target.distributions
    assert all(not dist.missing_files and not dist.resized_files for dist in snapshot.target.distributions)
    assert snapshot.target.broken_extensions == ()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (3, "driver initialization failed"),
        (34, "stub library"),
        (46, "busy or unavailable"),
        (100, "No CUDA GPUs are available"),
        (304, "OS call failed"),
        (802, "system not yet initialized"),
        (803, "unsupported display driver / cuda driver combination"),
        (804, "forward compatibility"),
        (999, "CUDA unknown error"),
    ],
)
def test_codes_of_cuinit(look, code, text):
    snapshot = look(standins.cuda(code))
    assert snapshot.nvidia.cuda.init_rc == code
    assert snapshot.torch.is_cuda_available is False
    assert text in snapshot.torch.cuda_error


def test_a_driver_that_is_too_old(look):
    snapshot = look(standins.cuda(0, version=12040))
    assert "too old (found version 12040)" in snapshot.torch.cuda_error
    assert any("too old" in warning for warning in snapshot.torch.result.warnings)


def test_nvml_counts_what_cuda_cannot_use(look, tmp_path):
    snapshot = look(standins.cuda(802), standins.nvml(tmp_path, {}, {}))
    assert (snapshot.torch.cuda_device_count, snapshot.torch.is_cuda_available) == (2, False)


@pytest.mark.parametrize("part", ["nvml", "cuda"])
def test_a_driver_that_hangs(look, tmp_path, part):
    hanging = standins.nvml(tmp_path, {}, hang="Init") if part == "nvml" else standins.cuda("hang")
    snapshot = look(hanging, standins.cuda(0) if part == "nvml" else {}, deadline_scale=0.3)
    torch = snapshot.torch
    assert (torch.result.is_ok, torch.result.is_timeout, torch.result.stage) == (True, True, "cuda")
    assert torch.arch_list
    assert torch.mapped_libraries


def test_a_driver_that_crashes(look):
    torch = look(standins.cuda("crash")).torch
    assert (torch.result.is_ok, torch.result.signal, torch.result.stage) == (True, 11, "cuda")
    assert torch.mapped_libraries
