"""Runs the checks of a whole torch with many seeds and tells every one that turns red, and how near the others came.

    python -m tests.bench.many_seeds --python PY --first 1 --count 200 [--only NAME,...] [--skip NAME,...]

One process runs all seeds, so importing torch is paid once; each check gets a kit of its own, as in the child of ``ptsetup bench``.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ptsetup import bench, run

CHILD = """
import importlib.util, json, sys
path, first, count, names = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4].split(",")
spec = importlib.util.spec_from_file_location("ptsetup_bench_main", path)
main = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(main)
import torch
torch.set_num_threads(1)
checks = main.collect()
for seed in range(first, first + count):
    kit = main.Kit(torch, torch.device("cpu"), seed)
    for name in names:
        record = main.finite(main.run_one(kit, name, checks[name]))
        record.pop("data", None)
        print("\\x1e" + json.dumps(dict(record, seed=seed)), flush=True)
"""

ENV = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def results(python: str, names: Sequence[str], first: int, count: int) -> Iterator[dict[str, Any]]:
    """The record of each check and seed, as they come. What libraries print lies between the marked lines."""
    argv = [python, "-W", "ignore", "-c", CHILD, str(run.script("bench_main.py")), str(first), str(count)]
    with subprocess.Popen(
        [*argv, ",".join(names)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENV
    ) as child:
        for line in child.stdout or ():
            _, mark, record = line.rpartition("\x1e")
            if mark:
                yield json.loads(record)
        if child.wait() > 0:
            raise RuntimeError(f"the child ended with {child.returncode}")


def until_interrupted(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The records up to Ctrl-C: what was run is told."""
    with contextlib.suppress(KeyboardInterrupt):
        yield from records


def is_red(record: dict[str, Any]) -> bool:
    """Raised, ran out of memory, or beyond its tolerance."""
    if record.get("status") in ("unavailable", "unsupported"):
        return False
    return "status" in record or record["error"] > record["tolerance"]


def main(argv: Sequence[str]) -> int:
    """Run and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--only", default="")
    parser.add_argument("--skip", default="")
    asked = parser.parse_args(argv)
    chosen = bench.select("full", tuple(filter(None, asked.only.split(","))), tuple(asked.skip.split(",")))
    seen: dict[str, int] = {}
    nearest: dict[str, tuple[float, int, str]] = {}
    red = 0
    for record in until_interrupted(results(asked.python, [entry.name for entry in chosen], asked.first, asked.count)):
        name = record["name"]
        if is_red(record):
            red += 1
            sys.stdout.write(f"RED {name}, seed {record['seed']}: {record}\n")
        elif "error" in record:
            share = record["error"] / record["tolerance"] if record["tolerance"] else 0.0
            nearest[name] = max(nearest.get(name, (0.0, 0, "")), (share, record["seed"], record["detail"]))
        seen[name] = seen.get(name, 0) + ("error" in record)
    for name, (share, seed, detail) in sorted(nearest.items(), key=lambda item: -item[1][0]):
        sys.stdout.write(
            f"{name:<22} {seen[name]:>4} runs, nearest {share:.3f} of its tolerance (seed {seed}: {detail})\n"
        )
    sys.stdout.write(f"{sum(seen.values())} runs of {len(nearest)} checks, {red} red\n")
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
