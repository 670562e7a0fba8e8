"""``make bench``: speed and memory as ratios within one run, printed with the bounds that we set ourselves. No test: it fails nothing."""

import json
import os
import pathlib
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from ptsetup import index
from tests.loopback import serve

ROUNDS = 7
PLAN = (sys.executable, "-m", "ptsetup", "plan", "--gpu", "8.9", "--driver", "580.95.05", "--format", "json")
TORCH = "2.13.0"


SMALL = "import resource, subprocess, sys; subprocess.call(sys.argv[1:]); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
"""Started between us and what is measured: a child's peak memory begins with that of the process that started it."""


class Cost(NamedTuple):
    """What a command took."""

    wall_s: float
    cpu_s: float
    """Of it and of all that it started."""


def in_turn(commands: Mapping[str, Sequence[str]], rounds: int = ROUNDS) -> dict[str, Cost]:
    """Medians of whole processes, run in turn: whatever else the machine does slows all of them down alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    # the first run writes byte code
    for _ in range(rounds + 1):
        for name, argv in commands.items():
            costs[name].append(once(argv))
    return {
        name: Cost(*(statistics.median(figures) for figures in zip(*each[1:], strict=True)))
        for name, each in costs.items()
    }


def once(argv: Sequence[str]) -> Cost:
    """One run."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Cost(time.perf_counter() - started, cpu_s)


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
    costs = in_turn(
        {
            "click": [sys.executable, "-c", "import click"],
            "version": [sys.executable, "-m", "ptsetup", "--version"],
            "plan": PLAN,
        }
    )
    click = costs["click"].wall_s
    row("ptsetup --version / import click", costs["version"].wall_s / click, 2.5)
    row("ptsetup plan of a described machine / import click", costs["plan"].wall_s / click, 3.0)


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
    for name, content in files.items():
        (folder / name).write_bytes(index.dump(content))
    costs = in_turn({name: [*PLAN, "--index", str(folder / name)] for name in files})
    row("ptsetup plan over an index 10 times as large", costs["ten"].wall_s / costs["one"].wall_s, 3.0)


def looking(python: str) -> None:
    """Snapshots and the doctor against torch's own collect_env and import."""
    ours = [sys.executable, "-m", "ptsetup"]
    costs = in_turn(
        {
            "collect_env": [python, "-m", "torch.utils.collect_env"],
            "import": [python, "-c", "import torch"],
            "snapshot --no-import": [*ours, "snapshot", "--no-import", "--python", python],
            "doctor --no-import": [*ours, "doctor", "--no-import", "--python", python],
            "snapshot": [*ours, "snapshot", "--python", python],
            "doctor": [*ours, "doctor", "--python", python],
        }
    )
    for name in ("snapshot --no-import", "doctor --no-import"):
        row(f"collect_env / {name}", costs["collect_env"].wall_s / costs[name].wall_s, 15.0, is_at_least=True)
        print(f"{'  the same in CPU time':<58} {costs['collect_env'].cpu_s / costs[name].cpu_s:8.2f} times")
    for name in ("snapshot", "doctor"):
        row(f"{name} / import torch", costs[name].wall_s / costs["import"].wall_s, 1.10)
    memory = peak([*ours, "doctor", "--no-import", "--python", python])
    row("doctor --no-import, peak memory", memory, 60.0, unit="MB")


def reading(folder: pathlib.Path) -> None:
    """A report of ten megabytes of noise, each line another."""
    dice = random.Random(1)  # noqa: S311 - the same noise each time
    noise, line = folder / "noise.txt", folder / "line.txt"
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(5000)]
    noise.write_text("\n".join(" ".join(dice.choices(words, k=10)) + " error" for _ in range(135_000)))
    line.write_text("noise error")
    ours = [sys.executable, "-m", "ptsetup", "doctor", "--from"]
    costs = in_turn({"noise": [*ours, str(noise)], "line": [*ours, str(line)]}, 3)
    row("doctor --from 10 MB of noise beyond start-up, CPU", costs["noise"].cpu_s - costs["line"].cpu_s, 2.0, unit="s")


def rules() -> None:
    """All rules over one Snapshot, and a thousand of them, each read anew, in one process."""
    from ptsetup import replay
    from ptsetup.rules import diagnose
    from tests.builders import machine

    wheels, text = index.load(), replay.dump(machine())
    seconds, sizes = [], []
    for _ in range(1000):
        started = time.perf_counter()
        diagnose(replay.load(text), wheels)
        seconds.append(time.perf_counter() - started)
        sizes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    row("all rules over one Snapshot, the first time", seconds[0] * 1000, 20.0, unit="ms")
    row("all rules over one of 1,000 Snapshots, mean", statistics.mean(seconds) * 1000, 10.0, unit="ms")
    row("growth of memory from the 100th to the 1,000th", sizes[-1] - sizes[100], 1.0, unit="MB")


OWN = """import re, resource, sys
from ptsetup import cli
code = cli.run(sys.argv[1:])
own = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())
print(int(own[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)"""
"""Runs ptsetup and tells at the end of stderr its own peak and its largest child's, in KB.

``ru_maxrss`` of a process counts what had started it.
"""


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
        """(Seconds with an empty cache, stderr)."""
        argv = self.argv(way)
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        started = time.perf_counter()
        done = subprocess.run(
            argv, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
        )
        return time.perf_counter() - started, done.stderr


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
        again = [sys.executable, "-m", "ptsetup", *shop.ours, "--python", str(folder / "t" / "bin" / "python")]
        right = in_turn({"again": again, "click": [sys.executable, "-c", "import click"]}, 5)
    ours, uv_s, pip_s = (statistics.median(each[way] for each in rounds) for way in ("ours", "uv", "pip"))
    row("install (without the proof) / uv pip install", ours / uv_s, 1.10)
    row("pip install / install (without the proof)", pip_s / ours, 2.0, is_at_least=True)
    row("install, its own peak memory", own, 120.0, unit="MB")
    row("install where all is right / import click", right["again"].wall_s / right["click"].wall_s, 12.0)
    print(f"{'  and that of its largest child (uv)':<58} {child:8.2f} MB")


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
    row("bench quick, peak memory of ptsetup itself", int(done.stderr.split()[-2]) / 1024, 60.0, unit="MB")
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
        reading(folder)
        python = torch_python(folder)
        if python is None:
            print("not measured: no torch can be installed here")
            return
        looking(python)
        proving(python)
        installing(python, folder)


if __name__ == "__main__":
    main()
