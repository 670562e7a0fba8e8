"""A whole Snapshot: everything side by side, always in the same order, whatever one of the parts does."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from ptsetup import probes, replay
from ptsetup.errors import TargetError
from ptsetup.facts import Record
from ptsetup.probes import _crew, _taking, deadlines, host
from ptsetup.probes._found import Found
from tests import standins
from tests.probes import targets


@pytest.fixture
def variables(monkeypatch):
    """Sets variables of this process, which all children inherit."""

    def put(*parts, **more):
        for part in (*parts, more):
            for name, value in part.items():
                monkeypatch.setenv(name, str(value))

    return put


def reading(snapshot, name):
    return next(one for one in snapshot.readings if one.probe == name)


def test_the_order_is_fixed(tmp_path):
    snapshot = probes.take(sys.executable)
    assert [one.probe for one in snapshot.readings] == list(_taking.ORDER)
    assert snapshot.origin == "probe"
    assert snapshot.taken_at.endswith("Z")
    assert snapshot.target.chosen_by == "--python"
    assert snapshot.host.system in ("linux", "macos", "windows")
    assert {disk.role for disk in snapshot.host.disks} >= {"target", "temp", "home"}
    assert snapshot.env["PATH"] == os.environ["PATH"]
    assert tmp_path.exists()


def test_it_survives_json():
    snapshot = probes.take(sys.executable, with_torch=False)
    assert replay.load(replay.dump(snapshot)) == snapshot


def test_every_section_that_is_missing_has_its_reason():
    snapshot = probes.take(sys.executable, with_torch=False)
    for name in _taking.SECTIONS:
        if getattr(snapshot, name) is None:
            assert snapshot.why_unknown(name) is not None, name
    assert snapshot.why_unknown("torch").reason == "not_asked"
    assert reading(snapshot, "torch").status == "skipped"


MEANS_SOMETHING = {
    "host.cgroup.memory_max_bytes": "unlimited: is_memory_limited tells",
    "host.cgroup.cpu_quota_cores": "unlimited",
    "host.inductor_cache_problem": "no problem",
    "target.hf_cache_problem": "no problem",
    "target.wheel.cuda": "has_version_file tells that the build has none",
    "target.wheel.hip": "the same",
    "target.wheel.rocm": "the same",
    "target.wheel.xpu": "the same",
    "torch.cuda_build_version": "the build has none",
    "torch.hip_build_version": "the build has none",
    "torch.xpu_build_version": "the build has none",
    "torch.cudnn_error": "no error",
    "torch.cuda_error": "no error",
    "torch.collect_env": "no report was read",
}
"""Facts whose None is an answer; those of ``torch.result`` tell how the import ended, those of NVML are told by its load_error."""


def silent(record, path):
    """Facts that are None without a reason."""
    for name in record.__struct_fields__:
        value, where = getattr(record, name), f"{path}.{name}"
        if value is None:
            yield where
        elif isinstance(value, Record):
            yield from silent(value, where)


def without_a_reason(snapshot):
    found = [
        path
        for name in _taking.SECTIONS
        if isinstance(getattr(snapshot, name), Record)
        for path in silent(getattr(snapshot, name), name)
    ]
    is_told = (
        "torch.result.",
        "nvidia.nvml." if snapshot.nvidia and snapshot.nvidia.nvml.load_error else "torch.result.",
    )
    return [
        p for p in found if p not in MEANS_SOMETHING and not p.startswith(is_told) and snapshot.why_unknown(p) is None
    ]


def test_no_fact_is_unknown_without_a_reason():
    """Looked and not there, or could not look: never just nothing."""
    assert without_a_reason(probes.take(sys.executable)) == []


@pytest.mark.torch
def test_no_fact_of_a_real_torch_is_unknown_without_a_reason(torch_env):
    snapshot = probes.take(str(torch_env / "bin" / "python"))
    assert without_a_reason(snapshot) == []
    assert snapshot.why_unknown("torch.cudnn_version").reason == "unsupported"
    assert snapshot.why_unknown("torch.device_test").reason == "not_asked"


def test_progress_is_told():
    lines = []
    probes.take(sys.executable, with_torch=False, progress=lines.append)
    assert any(line.startswith("looked at target") for line in lines)
    assert any(line.startswith("looked at host") for line in lines)


def test_a_torch_that_dies_costs_only_its_section(tmp_path, variables):
    targets.torch(tmp_path, code="import os; os.kill(os.getpid(), 11)")
    variables(PYTHONPATH=tmp_path)
    snapshot = probes.take(sys.executable)
    assert snapshot.torch.result.signal == signal.SIGSEGV
    assert reading(snapshot, "torch").status == "failed"
    assert snapshot.target.wheel.version == "2.14.1+cu126"
    assert snapshot.host.cpu is not None


def test_a_torch_that_hangs_costs_only_its_section(tmp_path, variables):
    targets.torch(tmp_path, code="import time; time.sleep(600)")
    variables(PYTHONPATH=tmp_path)
    snapshot = probes.take(sys.executable, deadline_scale=0.1)
    assert snapshot.torch.result.is_timeout
    assert reading(snapshot, "torch").status == "timeout"
    assert snapshot.target.wheel.version == "2.14.1+cu126"


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins are put before the loader as on Linux")
def test_a_hanging_nvml(tmp_path, variables):
    variables(standins.nvml(tmp_path, {}, hang="Init"))
    snapshot = probes.take(sys.executable, with_torch=False, deadline_scale=0.1)
    assert snapshot.nvidia.nvml.is_hung
    assert reading(snapshot, "nvidia").status == "timeout"
    assert snapshot.why_unknown("nvidia.nvml.init_rc").reason == "timeout"
    assert snapshot.host is not None


ASKS_NVML = """
import ctypes, os
class cuda:
    @staticmethod
    def is_available():
        ctypes.CDLL('libnvidia-ml.so.1').nvmlInitWithFlags(0)
    device_count = is_available
class version: cuda = '12.6'
class backends:
    class cudnn:
        @staticmethod
        def version(): return None
__version__ = '2.14.1+cu126'
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins are put before the loader as on Linux")
def test_torch_is_not_waited_for_in_full_when_its_driver_hangs(tmp_path, variables):
    """It asks the same driver in its own process: once NVML's child has shown the hang, torch gets 5 s more and not 60."""
    targets.torch(tmp_path / "site", code=ASKS_NVML)
    variables(standins.nvml(tmp_path, {}, hang="Init"), PYTHONPATH=tmp_path / "site")
    snapshot = probes.take(sys.executable, deadline_scale=0.2)
    torch = snapshot.torch
    assert (torch.result.is_ok, torch.result.is_timeout, torch.result.stage) == (True, True, "cuda")
    seconds = reading(snapshot, "torch").seconds
    assert seconds < deadlines.TORCH_S * 0.2, "it was ended before its own deadline"


def test_no_target():
    with pytest.raises(TargetError):
        probes.take("/nowhere/python")


def test_a_target_that_does_not_answer_leaves_no_child_behind(tmp_path):
    file = tmp_path / "python"
    file.write_text(
        f'#!/bin/sh\necho $$ >> {tmp_path}/pids\ncase "$*" in *torch_facts*) exec sleep 600;; esac\nexit 1\n',
        encoding="utf-8",
    )
    file.chmod(0o755)
    with pytest.raises(TargetError, match="is no Python interpreter: it ended with exit code 1"):
        probes.take(str(file))
    for pid in (tmp_path / "pids").read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


@pytest.mark.parametrize("problem", [RuntimeError("a bug"), MemoryError(), RecursionError()])
def test_a_bug_in_a_probe_costs_its_section_only(problem, monkeypatch):
    def broken(**_):
        raise problem

    monkeypatch.setattr(host, "probe", broken)
    snapshot = probes.take(sys.executable, with_torch=False)
    assert snapshot.host is None
    assert (reading(snapshot, "host").status, snapshot.why_unknown("host").reason) == ("failed", "failed")
    assert type(problem).__name__ in reading(snapshot, "host").detail
    assert snapshot.target is not None


def test_a_thread_that_is_stuck_is_left_behind():
    crew, release = _crew.Crew(), threading.Event()
    crew.start("stuck", lambda: Found(detail=str(release.wait())), deadline_s=0.3)
    crew.start("quick", lambda: Found(detail="here"), deadline_s=30.0)
    found = crew.wait()
    release.set()
    assert (found["stuck"].status, found["stuck"].record) == ("timeout", None)
    assert found["quick"].detail == "here"


def test_ctrl_c_leaves_no_child_behind(tmp_path):
    """The interrupt comes while torch is being imported: the exception goes on, the child does not."""
    targets.torch(tmp_path, code=f"import os, signal, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
                                 "os.kill(os.getppid(), signal.SIGINT)\ntime.sleep(600)")  # fmt: skip
    code = "from ptsetup import probes\nimport sys\ntry:\n probes.take(sys.executable)\nexcept KeyboardInterrupt:\n print('interrupted')"
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{pathlib.Path(probes.__file__).parent.parent.parent}"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env, timeout=120
    )
    assert done.stdout == "interrupted\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_current_folder_may_be_gone(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    code = (
        f"import os, shutil, sys\nos.chdir({str(folder)!r})\nshutil.rmtree({str(folder)!r})\nfrom ptsetup import probes\n"
        "print(probes.take(sys.executable, with_torch=False).target.version)"
    )
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(probes.__file__).parent.parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=env)
    assert done.stdout.strip() == ".".join(map(str, sys.version_info[:3])), done.stderr


@pytest.mark.torch
def test_a_real_torch(torch_env):
    snapshot = probes.take(str(torch_env / "bin/python"))
    assert snapshot.torch.result.is_ok
    assert snapshot.torch.version == snapshot.target.wheel.version
    assert reading(snapshot, "torch").status == "found"
    assert replay.load(replay.dump(snapshot)) == snapshot


@pytest.mark.torch
def test_a_real_torch_in_depth(torch_env):
    snapshot = probes.take(str(torch_env / "bin/python"), is_deep=True)
    assert [one.module for one in snapshot.torch.imports] == ["numpy"]
    torch = next(one for one in snapshot.target.distributions if one.name == "torch")
    assert (torch.altered_files, torch.missing_files) == ((), ())
