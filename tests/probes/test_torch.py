"""How importing torch can end: well, with an exception, a signal, a hang, noise; and what a real torch says."""

import json
import os
import signal
import subprocess
import sys

import pytest

from ptsetup.probes import begin, torch
from tests import standins
from tests.probes import targets
from tests.probes.targets import environment

GOOD = """
class _Nothing:
    @staticmethod
    def is_available(): return False
    @staticmethod
    def device_count(): return 0
    @staticmethod
    def version(): return None
class _Version: cuda = '12.6'
class _C: _GLIBCXX_USE_CXX11_ABI = True
_C._cuda_getArchFlags = staticmethod(lambda: 'sm_80 sm_90 compute_90')
class cuda(_Nothing):
    @staticmethod
    def init(): raise RuntimeError('Found no NVIDIA driver on your system')
class backends: cudnn = _Nothing
version = _Version
__version__ = '2.14.1+cu126'
def get_num_threads(): return 3
"""
"""As much of torch as is asked, for endings that a real one shows only on a broken machine."""


def look(site=None, code="", *, python=sys.executable, scale=1.0, is_deep=False, **variables):
    """Import a torch that is no torch, from a folder on PYTHONPATH."""
    if site is not None:
        targets.torch(site, code=code)
        variables["pythonpath"] = [site]
    return torch.finish(begin.torch(str(python), deadline_scale=scale, is_deep=is_deep, env=environment(**variables)))


def test_no_torch():
    if (
        "torch" in sys.modules
        or subprocess.run([sys.executable, "-c", "import torch"], capture_output=True, check=False).returncode == 0
    ):
        pytest.skip("the tests' own interpreter has a torch")
    found = look()
    assert found.status == "absent"
    assert found.detail == "torch is not installed in the target."
    assert (found.record.result.is_ok, found.record.result.error_type) == (False, "ModuleNotFoundError")


def test_a_torch_that_answers(tmp_path):
    found = look(tmp_path, GOOD)
    section = found.record
    assert (found.status, found.detail, section.result.is_ok, section.result.stage) == ("found", None, True, "done")
    assert (section.version, section.cuda_build_version) == ("2.14.1+cu126", "12.6")
    assert section.arch_list == ("sm_80", "sm_90", "compute_90")
    assert (section.is_cuda_available, section.cuda_device_count, section.num_threads) == (False, 0, 3)
    assert section.cuda_error == "Found no NVIDIA driver on your system"
    assert section.file == str(tmp_path / "torch/__init__.py")
    assert section.has_cxx11_abi is True
    assert section.devices == ()


def test_questions_that_cannot_be_answered_are_unknown(tmp_path):
    found = look(
        tmp_path, GOOD.replace("def get_num_threads(): return 3", "def get_num_threads(): raise OSError('no')")
    )
    assert found.record.num_threads is None
    assert found.record.is_cuda_available is False
    (unknown,) = [one for one in found.unknowns if one.path == "torch.num_threads"]
    assert (unknown.reason, unknown.detail) == ("failed", "OSError: no")


def test_an_exception(tmp_path):
    code = "def deep(): raise ImportError('libcudnn.so.9: cannot open shared object file: No such file or directory')\ndeep()"
    found = look(tmp_path, code)
    result = found.record.result
    assert found.status == "failed"
    assert (result.is_ok, result.error_type, result.exit_code, result.signal) == (False, "ImportError", 0, None)
    assert result.message.startswith("libcudnn.so.9: cannot open")
    assert "in deep" in result.traceback
    assert result.stage == "import"
    assert found.record.mapped_libraries is not None or sys.platform != "linux", (
        "what was loaded until then may tell why"
    )
    assert found.detail == "Importing torch raised ImportError."


def test_a_module_that_torch_needs_is_missing(tmp_path):
    """Not the same as: there is no torch."""
    found = look(tmp_path, "import typing_extensions_which_are_not_there")
    assert found.status == "failed"
    assert found.record.result.error_type == "ModuleNotFoundError"


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "raise KeyboardInterrupt", "class E(BaseException): pass\nraise E('x')"]
)
def test_exceptions_that_are_no_errors(tmp_path, code):
    result = look(tmp_path, code).record.result
    assert result.is_ok is False
    assert result.error_type in ("SystemExit", "KeyboardInterrupt", "E")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGKILL, signal.SIGABRT])
def test_a_signal(tmp_path, number):
    found = look(tmp_path, f"import os; os.kill(os.getpid(), {int(number)})")
    result = found.record.result
    assert (found.status, result.is_ok, result.signal, result.stage) == ("failed", False, int(number), "import")
    assert result.message == f"Importing torch died of signal {int(number)} (last stage: import)."


def test_an_end_without_a_word(tmp_path):
    result = look(tmp_path, "import os; os._exit(5)").record.result
    assert (result.is_ok, result.exit_code, result.signal) == (False, 5, None)


def test_a_hang(tmp_path):
    found = look(
        tmp_path, "import sys, time; print('waiting', file=sys.stderr, flush=True)\ntime.sleep(600)", scale=0.03
    )
    result = found.record.result
    assert (found.status, result.is_ok, result.is_timeout, result.stage) == ("timeout", False, True, "import")
    assert result.stderr == "waiting"


def test_a_hang_after_the_import_keeps_what_came_before(tmp_path):
    hanging = GOOD.replace(
        "def is_available(): return False", "def is_available():\n        import time; time.sleep(600)", 1
    )
    found = look(tmp_path, hanging, scale=0.05)
    section = found.record
    assert (found.status, section.result.is_ok, section.result.is_timeout) == ("timeout", True, True)
    assert section.result.stage == "cuda"
    assert (section.version, section.arch_list) == ("2.14.1+cu126", ("sm_80", "sm_90", "compute_90"))
    assert section.is_cuda_available is None


def test_a_crash_after_the_import(tmp_path):
    crashing = GOOD.replace(
        "def is_available(): return False", "def is_available():\n        import os; os.kill(os.getpid(), 11)", 1
    )
    section = look(tmp_path, crashing).record
    assert (section.result.is_ok, section.result.signal, section.result.stage) == (True, 11, "cuda")
    assert section.cuda_build_version == "12.6"


def test_printing_and_warning(tmp_path):
    code = (
        "import os, sys, warnings, subprocess\nprint('Welcome to torch!')\nos.write(1, b'raw bytes \\xff\\n')\n"
        "subprocess.run([sys.executable, '-c', 'print(\"a child prints\")'])\n"
        "warnings.warn('CUDA initialization: too old')\nsys.stderr.write('c10 says so\\n')\n" + GOOD
    )
    result = look(tmp_path, code).record.result
    assert result.is_ok
    assert result.warnings == ("UserWarning: CUDA initialization: too old",)
    for text in ("Welcome to torch!", "raw bytes", "a child prints", "c10 says so"):
        assert text in result.stderr


def test_noise_that_looks_like_an_answer(tmp_path):
    code = 'print(\'{"stage": "imported", "facts": {"result": {"is_ok": true}}}\')\nraise ValueError(\'no\')'
    assert look(tmp_path, code).record.result.is_ok is False


def test_a_flood_of_output(tmp_path):
    """Much noise, but an answer: the answer has a file of its own."""
    found = look(tmp_path, "import os\nfor _ in range(400): os.write(1, b'x' * 65536)\n" + GOOD)
    assert found.record.result.is_ok
    assert len(found.record.result.stderr) <= 4000


def test_a_file_torch_py_in_the_current_folder_is_not_executed(tmp_path, monkeypatch):
    """It may be the user's own program, which nobody asked us to start."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here/torch.py").write_text(f"open({str(tmp_path / 'witness')!r}, 'w')\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path / "here")
    found = look(tmp_path / "site", GOOD)
    assert found.record.file == str(tmp_path / "site/torch/__init__.py")
    assert not (tmp_path / "witness").exists()


def test_a_torch_without_the_names_that_are_asked(tmp_path):
    """An empty package, or a file of another kind, imports well and knows nothing."""
    found = look(tmp_path, "")
    assert found.record.result.is_ok
    assert found.record.version is None
    assert {"torch.version", "torch.cuda"} <= {unknown.path for unknown in found.unknowns}


def test_a_namespace(tmp_path):
    (tmp_path / "torch").mkdir()
    found = torch.finish(begin.torch(sys.executable, env=environment(pythonpath=[tmp_path])))
    assert found.record.result.is_ok
    assert found.record.version is None


def test_devices_of_a_gpu(tmp_path):
    device = (
        "class _P: name='NVIDIA L4'; total_memory=23; major=8; minor=9; uuid='GPU-1'\n"
        "class cuda(_Nothing):\n  is_available=staticmethod(lambda: True)\n  device_count=staticmethod(lambda: 2)\n"
        "  get_device_properties=staticmethod(lambda i: _P if i == 0 else 1 / 0)\n"
    )
    found = look(tmp_path, GOOD + device)
    first, second = found.record.devices
    assert (first.name, first.capability, first.memory_bytes, first.uuid) == ("NVIDIA L4", (8, 9), 23, "GPU-1")
    assert (second.index, second.name) == (1, None)
    assert any(unknown.path == "torch.devices[1]" for unknown in found.unknowns)


def test_wrong_cudnn(tmp_path):
    cudnn = "class backends:\n class cudnn:\n  @staticmethod\n  def version(): raise RuntimeError('cuDNN version incompatibility')\n"
    section = look(tmp_path, GOOD + cudnn).record
    assert (section.cudnn_version, section.cudnn_error) == (None, "cuDNN version incompatibility")


@pytest.mark.torch
def test_a_real_torch(torch_env):
    found = look(python=torch_env / "bin/python")
    section = found.record
    code = "import json, torch as t; print(json.dumps([t.__version__, t.__file__, t.get_num_threads()]))"
    said = subprocess.run(
        [str(torch_env / "bin/python"), "-c", code],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    assert [section.version, section.file, section.num_threads] == json.loads(said.stdout)
    assert (found.status, section.result.is_ok, section.result.signal, section.result.exit_code) == (
        "found",
        True,
        None,
        0,
    )
    assert found.unknowns == ()
    assert (section.is_cuda_available, section.cuda_device_count, section.devices) == (False, 0, ())
    assert (section.cuda_build_version, section.arch_list, section.cuda_error) == (None, (), None)
    assert any(path.endswith("torch/lib/libtorch_cpu.so") for path in section.mapped_libraries)
    assert any("libgomp" in path for path in section.mapped_libraries)
    assert section.glibcxx_max.startswith("3.4.")


@pytest.mark.torch
def test_a_real_torch_in_depth(torch_env):
    from tests.probes.targets import looked

    python = torch_env / "bin/python"
    found = look(python=python, is_deep=True)
    deep = torch.deepen(found.record, looked(python=python), str(python))
    assert [(result.module, result.is_ok) for result in deep.imports] == [("numpy", True)]
    assert deep.device_test is None, "without a device there is nothing to test"
    assert deep.p2p_problems is None


@pytest.mark.torch
def test_a_real_torch_with_its_library_cut_short(torch_env, tmp_path):
    site = next(torch_env.glob("lib/python3*/site-packages"))
    subprocess.run(["cp", "-al", f"{site}/torch", str(tmp_path / "torch")], check=True)
    library = tmp_path / "torch/lib/libtorch_cpu.so"
    library.unlink()
    with (site / "torch/lib/libtorch_cpu.so").open("rb") as source:
        library.write_bytes(source.read(1 << 20))
    found = look(python=torch_env / "bin/python", pythonpath=[tmp_path])
    assert found.status == "failed"
    result = found.record.result
    # the loader maps what the headers promise: it says so, or the process ends with SIGBUS or SIGSEGV
    assert result.signal in (signal.SIGBUS, signal.SIGSEGV) or "libtorch_cpu.so" in result.message


@pytest.mark.torch
def test_a_real_torch_beside_a_hanging_driver(torch_env, tmp_path):
    """It asks NVML in its own process; the stand-in's library is found, and the CPU build does not touch it."""
    variables = standins.nvml(tmp_path, {}, hang="Init")
    found = torch.finish(begin.torch(str(torch_env / "bin/python"), env={**environment(), **variables}))
    assert found.record.result.is_ok


def test_the_user_s_own_settings_count(tmp_path):
    """PYTHONWARNINGS=error is the user's world: what it breaks is told."""
    result = look(tmp_path, "import warnings; warnings.warn('old')\n" + GOOD, PYTHONWARNINGS="error").record.result
    assert (result.is_ok, result.error_type, result.message) == (False, "UserWarning", "old")


def test_no_variable_of_the_tests_leaks():
    assert not set(environment()) & {name for name in os.environ if name.startswith("PIP_")}
