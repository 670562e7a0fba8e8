"""Fixtures that several folders of tests share."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

# Some machines set it for all that runs on them; then each of the thousand children would compile the package anew
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A run behind `&` or nohup has them ignored, and its children would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

TORCH = ("torch==2.13.0", "numpy")
"""What the environment holds. The version is pinned: the newest build may be gigabytes of CUDA."""

PYTHON = "3.11"
"""The Python of the environment: the one for which a CPU wheel of that torch lies at hand where these tests are run."""


def interpreter() -> str | None:
    """An interpreter of that version."""
    if sys.version.startswith(PYTHON + "."):
        return sys.executable
    return shutil.which(f"python{PYTHON}")


@pytest.fixture(scope="session")
def torch_env(tmp_path_factory):
    """A virtual environment with a real torch and NumPy, made once per run. Never change it: copy it with hard links.

    PTSETUP_TEST_TORCH_ENV names one that is there already; else .cache/torch-env of this tree is taken, where it exists.
    """
    given = os.environ.get("PTSETUP_TEST_TORCH_ENV")
    if given:
        return pathlib.Path(given)
    cached = pathlib.Path(__file__).parent.parent / ".cache" / "torch-env"
    if any(cached.glob("lib/python3*/site-packages/torch/version.py")):
        return cached
    builder = interpreter()
    if builder is None:
        pytest.skip(f"no Python {PYTHON} is here to hold torch")
    folder = tmp_path_factory.mktemp("torch") / "env"
    subprocess.run([builder, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *TORCH],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no torch can be installed here: {done.stderr.strip()[-300:]}")
    return folder
