"""``make bench``: speed and memory as ratios within one run, printed with the bounds that we set ourselves. No test: it fails nothing."""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

import msgspec

from ptsetup import index
from tests.loopback import serve

ROUNDS = 7
PLAN = (sys.executable, "-m", "ptsetup", "plan", "--gpu", "8.9", "--driver", "580.95.05", "--format", "json")
TORCH = "2.13.0"


SMALL = "import resource, subprocess, sys; subprocess.call(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
"""Started between us and what is measured: a child's peak memory begins with that of the process that started it."""


def timed(argv: Sequence[str], rounds: int = ROUNDS) -> float:
    """Median seconds of a whole process."""
    seconds = []
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run(
            argv,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env=variables,
            check=False,
        )
        seconds.append(time.perf_counter() - started)
    # the first run writes byte code
    return statistics.median(seconds[1:])


def peak(argv: Sequence[str]) -> float:
    """Peak memory in MB of a process and those that it waits for, the largest of them."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", SMALL, *argv],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[-1]) / 1024


def row(what: str, value: float, bound: float, *, is_at_least: bool = False, unit: str = "times") -> None:
    """One line of the table."""
    holds = value >= bound if is_at_least else value <= bound
    print(
        f"{what:<58} {value:8.2f} {unit:<6} {'at least' if is_at_least else 'at most':<8} {bound:7.2f}  {'holds' if holds else 'MISSED'}"
    )


def torch_python(folder: pathlib.Path) -> str | None:
    """An interpreter that has torch: the one named by PTSETUP_TEST_TORCH_ENV, else a new environment."""
    given = os.environ.get("PTSETUP_TEST_TORCH_ENV")
    if given:
        return str(pathlib.Path(given) / "bin" / "python")
    builder = sys.executable if sys.version_info[:2] == (3, 11) else shutil.which("python3.11")
    if builder is None:
        return None
    subprocess.run([builder, "-m", "venv", str(folder / "torch")], check=True)
    python = str(folder / "torch" / "bin" / "python")
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", f"torch=={TORCH}"], check=False)
    return python if done.returncode == 0 else None


def start_up() -> None:
    """Commands that import little."""
    click = timed([sys.executable, "-c", "import click"])
    version = timed([sys.executable, "-m", "ptsetup", "--version"])
    described = timed(
        [sys.executable, "-m", "ptsetup", "plan", "--gpu", "8.9", "--driver", "580.95.05", "--format", "json"]
    )
    row("ptsetup --version / import click", version / click, 2.5)
    row("ptsetup plan of a described machine / import click", described / click, 3.0)


def planner(folder: pathlib.Path) -> None:
    """A plan over an index ten times as large: the whole command."""
    wheels = index.load()
    more = tuple(
        msgspec.structs.replace(build, torch=f"0.{n}.{build.torch.replace('.', '')}")
        for n in range(1, 10)
        for build in wheels.builds
    )
    large = msgspec.structs.replace(
        wheels,
        builds=(*wheels.builds, *more),
        files=wheels.files * 10,
        companions=wheels.companions * 10,
        nvidia_gpus=wheels.nvidia_gpus * 10,
    )
    files = {"one": wheels, "ten": large}
    seconds = {}
    for name, content in files.items():
        (folder / name).write_bytes(index.dump(content))
        seconds[name] = timed([*PLAN, "--index", str(folder / name)])
    row("ptsetup plan over an index 10 times as large", seconds["ten"] / seconds["one"], 3.0)


def looking(python: str) -> None:
    """Snapshots and the doctor against torch's own collect_env and import."""
    collect = timed([python, "-m", "torch.utils.collect_env"], 5)
    importing = timed([python, "-c", "import torch"], 5)
    ours = [sys.executable, "-m", "ptsetup"]
    quick = timed([*ours, "snapshot", "--no-import", "--python", python])
    whole = timed([*ours, "snapshot", "--python", python], 5)
    verdict = timed([*ours, "doctor", "--no-import", "--python", python])
    memory = peak([*ours, "doctor", "--no-import", "--python", python])
    full = timed([*ours, "doctor", "--python", python], 5)
    row("collect_env / snapshot --no-import", collect / quick, 15.0, is_at_least=True)
    row("snapshot / import torch", whole / importing, 1.10)
    row("collect_env / doctor --no-import", collect / verdict, 15.0, is_at_least=True)
    row("doctor --no-import, peak memory", memory, 60.0, unit="MB")
    row("doctor / import torch", full / importing, 1.10)


def rules() -> None:
    """All rules over one Snapshot, and a thousand in one process."""
    from ptsetup.rules import diagnose
    from tests.builders import machine

    wheels, snapshot = index.load(), machine()
    diagnose(snapshot, wheels)
    started = time.perf_counter()
    for _ in range(1000):
        diagnose(snapshot, wheels)
    each = (time.perf_counter() - started) / 1000 * 1000
    row("all rules over one Snapshot, mean of 1,000", each, 10.0, unit="ms")


OWN = """import re, resource, sys
from ptsetup import cli
code = cli.run(sys.argv[1:])
own = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())
print(int(own[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""
"""Runs ptsetup and prints its own peak and that of its largest child, in KB. (``ru_maxrss`` of a process counts what had started it.)"""


class Shop:
    """The real wheel and what it needs on a loopback index, and the three ways to install it into a new environment."""

    def __init__(self, python: str, folder: pathlib.Path, url: str) -> None:
        self.python, self.folder, self.simple = python, folder, f"{url}/simple"
        self.ours = ["install", f"torch=={TORCH}", "--backend", "cpu", "--mirror", f"{url}/whl", "--yes", "--no-prove"]
        self.env = {
            **os.environ,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": self.simple,
            "PIP_FIND_LINKS": "",
            "NO_PROXY": "127.0.0.1",
            "UV_CACHE_DIR": str(folder / "cache"),
            "PIP_NO_CACHE_DIR": "1",
        }

    def argv(self, way: str) -> list[str]:
        """The command of one way (``ours``, ``own`` with its memory, ``uv``, ``pip``), for a new environment."""
        target = self.folder / "t"
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run([self.python, "-m", "venv", str(target)], check=True)
        python, source = str(target / "bin" / "python"), ["--index-url", self.simple, f"torch=={TORCH}"]
        uv = str(pathlib.Path(sys.executable).with_name("uv"))
        ways = {
            "ours": [sys.executable, "-m", "ptsetup", *self.ours, "--python", python],
            "own": [sys.executable, "-c", OWN, *self.ours, "--python", python],
            "uv": [uv, "pip", "install", "--no-config", "--python", python, *source],
            "pip": [python, "-m", "pip", "install", *source],
        }
        return ways[way]

    def once(self, way: str) -> tuple[float, str]:
        """(Seconds with an empty cache, stdout)."""
        argv = self.argv(way)
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        started = time.perf_counter()
        done = subprocess.run(
            argv, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
        )
        return time.perf_counter() - started, done.stdout


def installing(python: str, folder: pathlib.Path) -> None:
    """The real wheel from a loopback index: ptsetup, uv, pip; and ptsetup's own memory, without that of the installer that it starts."""
    wheels = folder / "wheels"
    subprocess.run([python, "-m", "pip", "download", "--quiet", "--dest", str(wheels), f"torch=={TORCH}"], check=True)
    with serve() as server:
        for file in sorted(wheels.iterdir()):
            project = file.name.split("-")[0].lower().replace("_", "-")
            server.add(f"simple/{project}", file)
            if project == "torch":
                server.add("whl/cpu/torch", file)
        shop = Shop(python, folder, server.url)
        # in turns: what else the machine does meets all three
        rounds = [{way: shop.once(way)[0] for way in ("ours", "uv", "pip")} for _ in range(3)]
        own, child = (int(word) / 1024 for word in shop.once("own")[1].split()[-2:])
    ours, uv_s, pip_s = (statistics.median(each[way] for each in rounds) for way in ("ours", "uv", "pip"))
    row("install (without the proof) / uv pip install", ours / uv_s, 1.10)
    row("pip install / install (without the proof)", pip_s / ours, 2.0, is_at_least=True)
    row("install, its own peak memory", own, 120.0, unit="MB")
    print(f"{'  and that of its largest child (uv)':<58} {child:8.2f} MB")


OWN = """
import resource, sys
from ptsetup.cli import run
code = run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""Runs a command in a process that tells its own peak memory in KB at the end."""


def cpu_of(argv: Sequence[str]) -> tuple[float, float, "subprocess.CompletedProcess[str]"]:
    """CPU and wall seconds of a whole command with its children, and how it ended."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, time.perf_counter() - started, done


def proving(python: str) -> None:
    """What the suite costs: CPU time and memory beyond importing torch, in our own process and in the child."""
    importing = statistics.median(cpu_of([python, "-c", "import torch"])[0] for _ in range(3))
    imported = peak([python, "-c", "import torch"])
    command = ["bench", "--python", python, "--device", "cpu", "--format", "json"]
    cpu, _, done = cpu_of([sys.executable, "-c", OWN, *command])
    report = json.loads(done.stdout)
    # one import by the checks' child, one by the child that times
    row("bench quick, CPU time beyond importing torch", cpu - 2 * importing, 10.0, unit="s")
    row(
        "bench quick, peak memory beyond importing torch",
        (report["peak_bytes"] or 0) / 2**20 - imported,
        600.0,
        unit="MB",
    )
    row("bench quick, peak memory of ptsetup itself", int(done.stderr.split()[-1]) / 1024, 60.0, unit="MB")
    row(
        "bench quick, checks that failed",
        sum(c["verdict"] in ("wrong", "crashed", "timeout") for c in report["checks"]),
        0,
    )
    _, wall, _ = cpu_of([sys.executable, "-m", "ptsetup", *command, "--profile", "full"])
    row("bench full, wall time on this machine", wall, 60.0, unit="s")


def main() -> None:
    """All measurements; those that need torch are told as missing where it cannot be had."""
    start_up()
    rules()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        planner(folder)
        python = torch_python(folder)
        if python is None:
            print("not measured: no torch can be installed here")
            return
        looking(python)
        proving(python)
        installing(python, folder)


if __name__ == "__main__":
    main()
