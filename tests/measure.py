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


def installing(python: str, folder: pathlib.Path) -> None:
    """The real wheel from a loopback index: ptsetup, uv, pip."""
    wheels = folder / "wheels"
    subprocess.run([python, "-m", "pip", "download", "--quiet", "--dest", str(wheels), f"torch=={TORCH}"], check=True)
    files = sorted(wheels.iterdir())
    with serve() as server:
        for file in files:
            project = file.name.split("-")[0].lower().replace("_", "-")
            server.add("whl/cpu/torch" if project == "torch" else f"simple/{project}", file)
        simple = f"{server.url}/simple"
        for file in files:
            if file.name.startswith("torch-"):
                server.add("simple/torch", file)
        env = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": simple, "PIP_FIND_LINKS": "", "NO_PROXY": "127.0.0.1"}
        uv = str(pathlib.Path(sys.executable).with_name("uv"))

        def fresh(name: str) -> str:
            target = folder / name
            shutil.rmtree(target, ignore_errors=True)
            subprocess.run([python, "-m", "venv", str(target)], check=True)
            return str(target / "bin" / "python")

        def once(argv: Sequence[str], name: str) -> float:
            cache = folder / f"cache-{name}"
            shutil.rmtree(cache, ignore_errors=True)
            variables = {**os.environ, **env, "UV_CACHE_DIR": str(cache), "PIP_NO_CACHE_DIR": "1"}
            started = time.perf_counter()
            subprocess.run(argv, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            return time.perf_counter() - started

        results: dict[str, list[float]] = {"ours": [], "uv": [], "pip": []}
        for _ in range(3):
            target = fresh("t")
            argv = [
                sys.executable,
                "-m",
                "ptsetup",
                "install",
                f"torch=={TORCH}",
                "--backend",
                "cpu",
                "--python",
                target,
                "--mirror",
                f"{server.url}/whl",
            ]
            results["ours"].append(once([*argv, "--yes", "--no-prove"], "ours"))
            results["uv"].append(
                once(
                    [
                        uv,
                        "pip",
                        "install",
                        "--no-config",
                        "--python",
                        fresh("t"),
                        "--index-url",
                        simple,
                        f"torch=={TORCH}",
                    ],
                    "uv",
                )[0]
            )
            target = fresh("t")
            results["pip"].append(
                once([target, "-m", "pip", "install", "--index-url", simple, f"torch=={TORCH}"], "pip")[0]
            )
    ours, uv_s, pip_s = (statistics.median(results[name]) for name in ("ours", "uv", "pip"))
    row("install (without the proof) / uv pip install", ours / uv_s, 1.10)
    row("pip install / install (without the proof)", pip_s / ours, 2.0, is_at_least=True)


def proving(python: str) -> None:
    """What the quick suite costs beyond importing torch."""
    done = subprocess.run(
        [sys.executable, "-m", "ptsetup", "bench", "--python", python, "--device", "cpu", "--skip", "speed", "--format", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    report = json.loads(done.stdout)
    row(
        "bench quick, CPU time of the checks",
        sum(check["cpu_seconds"] or 0 for check in report["checks"]),
        10.0,
        unit="s",
    )
    row("bench quick, peak memory with torch", (report["peak_bytes"] or 0) / 1e6, 900.0, unit="MB")


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
