"""What proves an installation: the planned version and build answer, the planned devices are seen, the quick checks are right."""

import pytest

from ptsetup.bench.records import Check, Report
from ptsetup.facts import ImportResult
from ptsetup.install import proof
from ptsetup.plan import Plan
from ptsetup.plan.records import Device
from tests import builders

GEFORCE = Device(name="GeForce RTX 4090", vendor="nvidia")


def plan(backend, *devices, torch="2.14.1"):
    return Plan(outcome="install", torch=torch, backend=backend, local=f"{torch}+{backend}", devices=devices)


def machine(version, **facts):
    result = ImportResult(module="torch", is_ok=True)
    none = {"cuda_build_version": None, "is_cuda_available": False, "cuda_device_count": 0}
    return builders.machine(torch=builders.torch(version=version, **{"result": result, **none, **facts}))


CPU = machine("2.14.1+cpu")
CUDA = machine("2.14.1+cu126", cuda_build_version="12.6", is_cuda_available=True, cuda_device_count=1)
BLIND = machine("2.14.1+cu126", cuda_build_version="12.6", cuda_error="no CUDA-capable device is detected")
DEAD = machine("2.14.1+cpu", result=ImportResult(module="torch", is_ok=False, signal=11))
SLOW = machine("2.14.1+cpu", result=ImportResult(module="torch", is_ok=False, is_timeout=True))
BROKEN = machine("2.14.1+cpu", result=ImportResult(module="torch", is_ok=False, message="undefined symbol: x"))
HIP = machine("2.14.1+rocm7.1", hip_build_version="7.1", is_cuda_available=True, cuda_device_count=1)


@pytest.mark.parametrize(
    ("made", "seen", "problem"),
    [
        (plan("cpu"), CPU, None),
        (plan("cu126"), CUDA, None),
        (plan("cu126", GEFORCE), CUDA, None),
        (plan("rocm7.1", Device(name="MI300X", vendor="amd")), HIP, None),
        (plan("cu126", Device(name="K80", vendor="nvidia", problem="too old")), BLIND, None),
        (plan("cpu", torch="2.13.0"), CPU, "another torch stands before it"),
        (plan("cpu"), CUDA, "the build is for cuda, a CPU build was planned"),
        (plan("cu126"), CPU, "the build has no cuda"),
        (plan("cu130"), CUDA, "the build is for CUDA 12.6, cu130 was planned"),
        (plan("rocm7.1"), CPU, "the build has no rocm"),
        (plan("cu126", GEFORCE), BLIND, "torch does not see GeForce RTX 4090: no CUDA-capable device"),
        (plan("xpu", Device(name="Arc B580", vendor="intel")), machine("2.14.1+xpu", xpu_build_version="20250301"), "does not see Arc"),
        (plan("cpu", Device(name="Apple M3", vendor="apple")), machine("2.14.1", is_mps_available=False), "does not see Apple M3"),
        (plan("cpu"), DEAD, "it ended with signal 11"),
        (plan("cpu"), SLOW, "it did not end in time"),
        (plan("cpu"), BROKEN, "undefined symbol: x"),
        (plan("cpu"), builders.machine(torch=None), "torch cannot be imported"),
    ],
)  # fmt: skip
def test_what_is_wrong(made, seen, problem):
    problems = proof.wrong_with(made, seen)
    assert (problems == ()) if problem is None else (len(problems) == 1 and problem in problems[0]), problems


@pytest.mark.parametrize(
    ("verdict", "is_proved"),
    [("ok", True), ("slow", True), ("noisy", True), ("skipped", True), ("wrong", False), ("crashed", False), ("timeout", False)],
)  # fmt: skip
def test_a_check_that_fails_is_no_proof(verdict, is_proved, monkeypatch):
    """Look and benchmark are stand-ins: what is judged is what they brought."""
    report = Report(checks=(Check(name="a", verdict="ok"), Check(name="b", title="Matrix product", verdict=verdict)))
    monkeypatch.setattr(proof.probes, "take", lambda *_, **__: CPU)
    monkeypatch.setattr(proof.bench, "prove", lambda *_, **__: report)
    problems = proof.prover("python")(plan("cpu"))
    assert (problems == ()) == is_proved
    assert is_proved or problems[0].startswith("Matrix product: ")
