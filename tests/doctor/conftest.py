"""Environments with a real torch, one copy for each harm (hard links: a copy costs a second and no space)."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]


class Environment:
    """A copy of the environment, to be harmed."""

    def __init__(self, folder, workspace):
        self.folder = folder
        self.workspace = workspace
        workspace.mkdir(exist_ok=True)

    @property
    def python(self):
        return self.folder / "bin" / "python"

    @property
    def site(self):
        return next((self.folder / "lib").glob("python3*")) / "site-packages"

    def write(self, path, content):
        """Put a file there; the link to the original is broken first."""
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def claim_cuda(self):
        """Let a CPU build's files say that it is one for CUDA 13.0 (a stand-in: the real one is gigabytes); a CUDA build stays as it is."""
        version = self.site / "torch" / "version.py"
        text = version.read_text()
        if re.search(r"^cuda.*= '", text, re.MULTILINE):
            return
        text = re.sub(r"^__version__ = '([\d.]+).*'", r"__version__ = '\1+cu130'", text, flags=re.MULTILINE)
        self.write(version, re.sub(r"^cuda(.*)= None", r"cuda\1= '13.0'", text, flags=re.MULTILINE))
        (record,) = self.site.glob("torch-*.dist-info/RECORD")
        rows = re.sub(
            r"^torch/version.py,.*$",
            f"torch/version.py,,{version.stat().st_size}",
            record.read_text(),
            flags=re.MULTILINE,
        )
        self.write(record, rows)

    def doctor(self, *words, env=None, cwd=None, prefix=()):
        """``ptsetup doctor`` on it, in a process of its own: the document."""
        variables = {**os.environ, "PYTHONPATH": "", "CUDA_VISIBLE_DEVICES": "", **(env or {})}
        for name in ("PYTHONPATH", "CUDA_VISIBLE_DEVICES"):
            if name not in (env or {}):
                del variables[name]
        argv = [*prefix, sys.executable, "-c", PROGRAM, "doctor", "--python", self.python, "--format", "json", *words]
        done = subprocess.run(
            list(map(str, argv)),
            env=variables,
            cwd=cwd or self.workspace,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


PROGRAM = (
    f"import sys; sys.path[:] = [{str(ROOT)!r}] + [p for p in sys.path if p]; from ptsetup.cli import main; main()"
)
"""ptsetup as installed would run it: the current folder is not on its path, and this tree stands before one that is installed."""


@pytest.fixture
def harmed(torch_env, tmp_path):
    """A copy of the environment with torch and NumPy, made of hard links."""
    folder = tmp_path / "env"
    shutil.copytree(torch_env, folder, symlinks=True, copy_function=os.link)
    return Environment(folder, tmp_path / "work")
