"""What the runner makes of a torch that crashes, hangs, or is not there."""

import json
import os
import subprocess
import sys
import venv

import msgspec
import pytest

from ptsetup import bench, run
from ptsetup.errors import TargetError
from ptsetup.render import html

ENDINGS = """
import os, signal, sys, time
if sys.argv and sys.argv[0].endswith("bench_main.py"):
    import torch
    import torch.nn.functional as f
    def end(*a, **k):
        what = os.environ["PTSETUP_TEST_ENDING"]
        if what == "hang":
            signal.pause()
        os.kill(os.getpid(), getattr(signal, what))
    f.embedding = end
"""


def prove(torch_env, tmp_path, ending, **options):
    (tmp_path / "usercustomize").mkdir()
    (tmp_path / "usercustomize" / "sitecustomize.py").write_text(
        ENDINGS.replace('sys.argv and sys.argv[0].endswith("bench_main.py")', "True")
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "usercustomize"), "PTSETUP_TEST_ENDING": ending}
    only = ("tensor.shape", "embedding.rows", "autograd.clip")
    return bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env, **options)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("ending", "meaning"), [("SIGSEGV", "clash of libraries"), ("SIGKILL", "out of memory"), ("SIGILL", "newer CPU")]
)
def test_a_crash_is_pinned_on_its_check_and_the_rest_goes_on(torch_env, tmp_path, ending, meaning):
    report = prove(torch_env, tmp_path, ending)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts == {"tensor.shape": "ok", "autograd.clip": "ok", "embedding.rows": "crashed"}
    (bad,) = report.failed
    assert ending in bad.detail
    assert meaning in bad.detail


@pytest.mark.torch
def test_a_hang_is_pinned_on_its_check(torch_env, tmp_path):
    report = prove(torch_env, tmp_path, "hang", deadline_scale=0.15)
    assert {check.name: check.verdict for check in report.checks}["embedding.rows"] == "timeout"


MEMORY = """
import torch.nn.functional as f
def end(*a, **k):
    raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
f.embedding = end
def slip(*a, **k):
    raise ValueError("a slip")
import torch
torch.nn.utils.clip_grad_norm_ = slip
"""


@pytest.mark.torch
def test_out_of_memory_and_an_exception_are_pinned_with_their_line_and_the_rest_goes_on(torch_env, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(MEMORY)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    only = ("tensor.shape", "embedding.rows", "autograd.clip")
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env)
    found = {check.name: check for check in report.checks}
    assert {name: check.verdict for name, check in found.items()} == {
        "tensor.shape": "ok",
        "autograd.clip": "wrong",
        "embedding.rows": "crashed",
    }
    assert found["embedding.rows"].detail.startswith("ran out of memory (RuntimeError: CUDA out of memory")
    assert "too little memory" in found["embedding.rows"].reveals
    assert found["autograd.clip"].detail.startswith("ValueError: a slip (bench_autograd.py:")


LEAVES = """
import json, os
old = json.dumps
def dumps(record, *a, **k):
    mark = os.environ["PTSETUP_TEST_MARK"]
    if isinstance(record, dict) and record.get("name") == "autograd.clip" and not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(1)
    return old(record, *a, **k)
json.dumps = dumps
"""


@pytest.mark.torch
def test_a_child_that_ends_between_two_checks_is_followed_by_another(torch_env, tmp_path):
    """As it does after an error of a device, which sticks to the process."""
    (tmp_path / "sitecustomize.py").write_text(LEAVES)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PTSETUP_TEST_MARK": str(tmp_path / "mark")}
    only = ("tensor.shape", "embedding.rows", "autograd.clip")
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env)
    assert (tmp_path / "mark").exists()
    assert {check.name: check.verdict for check in report.checks} == dict.fromkeys(only, "ok")


def test_without_torch_there_is_a_sentence_and_exit_code_3(tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    python = str(tmp_path / "env" / "bin" / "python")
    with pytest.raises(TargetError, match="torch is not installed"):
        bench.prove(python)
    done = subprocess.run(
        [sys.executable, "-m", "ptsetup", "bench", "--python", python], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)


def test_a_torch_that_raises_is_told_with_its_words(tmp_path):
    venv.create(tmp_path / "env", with_pip=False)
    site = next((tmp_path / "env" / "lib").glob("python*")) / "site-packages"
    (site / "torch.py").write_text("raise ImportError('libfoo.so: cannot open shared object file')\n")
    python = str(tmp_path / "env" / "bin" / "python")
    with pytest.raises(TargetError, match="libfoo"):
        bench.prove(python)
    done = subprocess.run(
        [sys.executable, "-m", "ptsetup", "bench", "--python", python], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "libfoo" in done.stderr, "Traceback" in done.stderr) == (3, True, False)


NAMES = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("ptsetup_bench_main", sys.argv[1])
main = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(main)
print(json.dumps(sorted(main.collect())))
"""


def test_every_check_that_is_listed_is_there_and_every_one_that_is_there_is_listed():
    """One that is only listed would be "unavailable" on every machine, and nobody would be told."""
    done = subprocess.run(
        [sys.executable, "-c", NAMES, run.script("bench_main.py")], capture_output=True, text=True, check=True
    )
    listed = {entry.name for entry in bench.ENTRIES if entry.group != "speed"}
    assert sorted(listed) == json.loads(done.stdout)


def test_an_unknown_check_is_wrong_use():
    done = subprocess.run(
        [sys.executable, "-m", "ptsetup", "bench", "--only", "nothing"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2


TOPICS = (
    "tensors", "autograd", "backpropagation", "chain rule", "nn.Module", "cross-entropy", "MSE", "L1", "BCE", "mean over the batch",
    "gradient descent", "SGD", "momentum", "Adam", "AdamW", "update formula", "learning-rate scheduler", "DataLoader",
    "training and evaluation", "MLP 784-128-10", "SGD 0.01, momentum 0.9, ten epochs", "model and optimizer state",
    "distributed data parallel", "gradients averaged and equal to the single-process ones", "DataParallel", "model parallelism",
    "L1 and L2 regularisation", "weight_decay", "decoupled", "dropout", "multi-task", "ModuleList", "Sequential",
    "transfer learning", "frozen backbone", "few-shot", "prototypes", "NLL on one-hot targets", "reinforcement learning", "REINFORCE",
    "self-supervised", "masked prediction", "contrastive", "GAN", "VAE", "autoencoder", "convolutional autoencoder",
    "convolutional network", "RNN", "LSTM", "GRU", "CNN + GRU", "scaled dot-product", "each backend", "self-attention", "multi-head",
    "convolutional attention", "visualisation", "grid_sample", "interpolate", "image grids", "TensorBoard event file", "profiler",
    "torch.compile", "AMP", "CUDA graph", "FFT", "linear algebra", "sparse", "functional.masked_softmax", "L1Loss is no regulariser",
)  # fmt: skip

LIBRARIES = (
    "cuBLAS", "cuDNN", "cuFFT", "cuSOLVER", "cuSPARSE", "NCCL", "NVRTC", "Triton", "CUPTI", "OpenMP", "MKL", "oneDNN", "MIOpen", "rocBLAS",
    "Gloo", "worker processes", "shared memory", "dev/shm", "C++ compiler",
)  # fmt: skip


def test_every_library_is_named_by_what_a_failure_reveals():
    text = " ".join(entry.reveals for entry in bench.ENTRIES)
    assert [name for name in LIBRARIES if name not in text] == ["NVRTC"]
    assert "libnvrtc" in text


def test_every_topic_is_found_in_the_list():
    done = subprocess.run(
        [sys.executable, "-m", "ptsetup", "bench", "--list"], capture_output=True, text=True, check=True
    )
    text = " ".join(done.stdout.split()).lower()
    assert [topic for topic in TOPICS if topic.lower() not in text] == []


@pytest.mark.torch
def test_the_report_survives_json_and_the_page_needs_no_network(torch_env):
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=("loss.mean", "train.mlp"))
    data = msgspec.json.encode(report)
    assert msgspec.json.decode(data, type=bench.Report) == report
    assert {"name", "verdict", "error", "tolerance", "seconds", "reveals"} <= set(json.loads(data)["checks"][0])
    page = html.as_html(report)
    assert "src=" not in page
    assert "<link" not in page
    assert "Error against tolerance" in page


SEEN = """
import torch
torch.cuda.is_available = lambda: True
"""


@pytest.mark.torch
def test_a_gpu_that_is_seen_and_cannot_compute_turns_the_check_of_its_architecture_red(torch_env, tmp_path):
    """A fake: a torch without CUDA that says it has a GPU. Real ones say so when the wheel holds no code for the card."""
    (tmp_path / "sitecustomize.py").write_text(SEEN)
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    python = str(torch_env / "bin" / "python")
    report = bench.prove(python, only=("tensor.shape", "gpu.architectures"), env=env)
    assert {c.name: c.verdict for c in report.checks} == {"tensor.shape": "skipped", "gpu.architectures": "wrong"}
    assert "without kernels for this GPU" in report.failed[0].reveals
    assert report.device == "cuda:0"
    with pytest.raises(TargetError, match="cuda:0"):
        bench.prove(python, only=("tensor.shape",), env=env)


GOES = """
import json, os
old = json.dumps
def dumps(record, *a, **k):
    mark = os.environ["PTSETUP_TEST_MARK"]
    if isinstance(record, dict) and record.get("name") == "autograd.clip":
        open(mark, "w").close()
        os._exit(1)
    return old(record, *a, **k)
json.dumps = dumps
if os.path.exists(os.environ["PTSETUP_TEST_MARK"]):
    import torch
    def gone(*a, **k):
        raise RuntimeError("CUDA error: unknown error")
    torch.arange = gone
"""


@pytest.mark.torch
def test_a_device_that_goes_while_it_is_tested_leaves_the_report_of_what_was_done(torch_env, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(GOES)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "PTSETUP_TEST_MARK": str(tmp_path / "mark")}
    only = ("tensor.shape", "autograd.clip", "embedding.rows")
    report = bench.prove(str(torch_env / "bin" / "python"), device="cpu", only=only, env=env)
    verdicts = {check.name: check.verdict for check in report.checks}
    assert verdicts == {"tensor.shape": "ok", "autograd.clip": "crashed", "embedding.rows": "skipped"}
    assert "CUDA error: unknown error" in report.failed[0].detail


@pytest.mark.torch
def test_where_nothing_could_be_tested_there_is_no_clean_bill(torch_env):
    python = str(torch_env / "bin" / "python")
    report = bench.prove(python, device="cpu", only=("gpu.copies",))
    assert report.verdict == "untested"
    assert "computes right" not in report.headline
    argv = [sys.executable, "-m", "ptsetup", "bench", "--python", python, "--device", "cpu", "--only", "gpu.copies"]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 3


@pytest.mark.torch
def test_a_device_that_is_not_there_is_no_wrong_number(torch_env):
    with pytest.raises(TargetError, match="cuda:0"):
        bench.prove(str(torch_env / "bin" / "python"), device="cuda:0")
