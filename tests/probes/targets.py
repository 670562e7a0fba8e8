"""Targets made for a test: folders of packages put on PYTHONPATH, and the child that looks at them."""

import base64
import hashlib
import os
import pathlib
import sys

from ptsetup.probes import begin, choose, target

PLAIN = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""Variables that a child keeps; what else the tests' own environment says (pip, CUDA) must not reach it."""


def environment(*, pythonpath=(), **variables):
    """A small environment."""
    env = {name: os.environ[name] for name in PLAIN if name in os.environ}
    if pythonpath:
        env["PYTHONPATH"] = os.pathsep.join(map(str, pythonpath))
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **{name: str(value) for name, value in variables.items()}}


def found(*, python=sys.executable, cwd=None, is_deep=False, scale=3.0, **variables):
    """What the child finds in a target with those variables (``pythonpath`` is a sequence)."""
    question = begin.target(
        str(python),
        deadline_scale=scale,
        is_deep=is_deep,
        env=environment(**variables),
        cwd=str(cwd or pathlib.Path.cwd()),
    )
    return target.finish(question, choose.Choice(executable=str(python), chosen_by="--python"))


def looked(**options):
    """The Target that the child finds."""
    return found(**options).record


def dist(
    site, name, version, files=None, *, requires=(), metadata=True, record=True, installer="pip", tag=None, **extra
):
    """Write a distribution: its files (name -> bytes or text), METADATA, RECORD; ``extra``: further files of the dist-info."""
    info = pathlib.Path(site) / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    rows = []
    for path, content in (files or {}).items():
        data = content if isinstance(content, bytes) else content.encode()
        place = pathlib.Path(site) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(data)}")
    if metadata:
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        lines += [f"Requires-Dist: {need}" for need in requires]
        text = "\n".join(lines) + "\n\nA description\nRequires-Dist: not-this-one\n"
        (info / "METADATA").write_text(text, encoding="utf-8")
    if record:
        (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/RECORD,,"]) + "\n", encoding="utf-8")
    if installer:
        (info / "INSTALLER").write_text(installer + "\n", encoding="utf-8")
    if tag:
        (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n", encoding="utf-8")
    for file, text in extra.items():
        (info / file.replace("__", ".")).write_text(text, encoding="utf-8")
    return info


VERSION = """from typing import Optional

__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'rocm', 'xpu']
__version__ = '{version}'
debug = False
cuda: Optional[str] = {cuda}
git_version = 'cf30153c4c131c8164ee7798e5022d810682e2cb'
hip: Optional[str] = {hip}
rocm: Optional[str] = None
xpu: Optional[str] = None
"""


def torch(site, version="2.14.1+cu126", *, cuda="'12.6'", hip="None", files=None, code="", **options):
    """Write a torch that is no torch: version.py, an __init__ with ``code``, small files in place of its libraries."""
    content = {
        "torch/__init__.py": code,
        "torch/version.py": VERSION.format(version=version, cuda=cuda, hip=hip),
        "torch/lib/libtorch_cpu.so": b"\x7fELF" + bytes(100),
        "torch/lib/libc10.so": b"\x7fELF" + bytes(50),
        "torch/_C.cpython-312-x86_64-linux-gnu.so": b"\x7fELF",
        "torch/bin/torch_shm_manager": "#!/bin/sh\n",
        "torch/nn/functional.py": "x = 1\n",
        **(files or {}),
    }
    return dist(site, "torch", version, content, **options)


def dists(looked, name):
    """Distributions of that name, in order."""
    return [one for one in looked.distributions if one.name == name]
