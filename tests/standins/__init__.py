"""Stand-ins for NVIDIA's libraries, built from the C files beside this one (they say what they are), for tests without a GPU.

They are put before everything else with LD_LIBRARY_PATH, in the environment of the children only.
"""

import functools
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any

import pytest

SOURCES = pathlib.Path(__file__).parent

GIB = 1024**3

GPU = {
    "name": "NVIDIA GeForce RTX 4090",
    "uuid": "GPU-11111111-2222-3333-4444-555555555555",
    "bus": "00000000:01:00.0",
    "cc": "8.9",
    "arch": 8,
    "total": 24 * GIB,
    "used": GIB,
    "reserved": GIB // 4,
    "mode": 0,
    "persistence": 1,
    "temp": 45,
    "reasons": 1,
    "procs": "",
}
"""A healthy card; one that lacks a key answers that this is not supported."""


@functools.cache
def built(source: str, soname: str, version: str) -> pathlib.Path:
    """A folder with the stand-in under its SONAME and under the name of a driver release, as real drivers have it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip(f"no C compiler here: the stand-in for {soname} cannot be built")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ptsetup-standin-"))
    real = folder / f"{soname.removesuffix('.1')}.{version}"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-w", f"-Wl,-soname,{soname}", "-o", real, SOURCES / source], check=True
    )
    (folder / soname).symlink_to(real.name)
    return folder


def nvml(folder: pathlib.Path, *gpus: Mapping[str, Any], driver: str = "580.95.05", **answers: Any) -> dict[str, str]:
    """Variables under which NVML is the stand-in: ``gpus`` (each GPU plus its changes), ``answers`` (init_rc, hang, cuda ...)."""
    lines = {"driver": driver, "nvml": f"13.{driver}", "cuda": 13000, "count": len(gpus), **answers}
    for index, gpu in enumerate(gpus):
        lines |= {f"{index}.{key}": value for key, value in {**GPU, **gpu}.items() if value is not None}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "nvml.txt"
    file.write_text("".join(f"{key}={value}\n" for key, value in lines.items()), encoding="utf-8")
    return {
        "LD_LIBRARY_PATH": str(built("nvml.c", "libnvidia-ml.so.1", "580.95.05")),
        "PTSETUP_STANDIN_NVML": str(file),
    }


def cuda(init: int | str = 0, *, version: int = 13000, count: int = 1, driver: str = "580.95.05") -> dict[str, str]:
    """Variables under which libcuda is the stand-in; ``driver`` is the release in the file's name."""
    return {
        "LD_LIBRARY_PATH": str(built("cuda.c", "libcuda.so.1", driver)),
        "PTSETUP_STANDIN_CUINIT": str(init),
        "PTSETUP_STANDIN_CUDA": str(version),
        "PTSETUP_STANDIN_DEVICES": str(count),
    }


def environment(*parts: Mapping[str, str]) -> dict[str, str]:
    """The environment of this process with those variables; folders of libraries are joined."""
    joined = {name: value for part in parts for name, value in part.items()}
    folders = [part["LD_LIBRARY_PATH"] for part in parts if "LD_LIBRARY_PATH" in part]
    if folders:
        joined["LD_LIBRARY_PATH"] = os.pathsep.join(folders)
    return {**os.environ, **joined}
