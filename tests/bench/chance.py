"""How often ``--compare`` calls chance a slowdown, and how often it finds one of a fifth: from real processes, redrawn.

    python -m tests.bench.chance POOL.json --python PY --processes 60     measures, adds to the pool, then tells the rates
    python -m tests.bench.chance POOL.json                                tells the rates of the pool

The pool holds the speed part of fresh processes, one after the other, each with what the noise gate said of it. A comparison is drawn
from it without returning anything: three kept runs of three processes, and a new run of three. Two ways: from anywhere (the
processes of a run may be minutes apart), and in order (twelve that followed each other, so that a slow drift of the machine counts).
A against A takes them as they are; for a slowdown every sample of the new run is multiplied.
"""

import argparse
import pathlib
import random
import sys
from collections.abc import Iterator, Sequence

import msgspec

from ptsetup.bench import compare
from ptsetup.bench.speed import measure
from ptsetup.facts import replace

PER_RUN = 3
KEPT = 3
NEED = PER_RUN * (KEPT + 1)
DRAWS = 2000
FACTORS = (1.0, 1.2, 1.5)


class Pool(msgspec.Struct):
    """Processes in the order in which they ran: a run of one process each."""

    runs: list[compare.Run] = []


def one_process(python: str) -> compare.Run | None:
    """The speed part of one fresh process; None where it measured nothing."""
    speed, _ = measure(python, device="cpu", profile="quick", is_fresh=True, processes=1)
    if speed is None or not speed.series:
        return None
    return compare.Run(profile="quick", is_quiet=speed.gate.is_quiet, series=speed.series)


def joined(processes: Sequence[compare.Run], factor: float = 1.0) -> compare.Run:
    """One run of several processes, slowed by that factor."""
    series = tuple(
        replace(
            one,
            process=number,
            wall_s=tuple(factor * s for s in one.wall_s),
            cpu_s=tuple(factor * s for s in one.cpu_s),
        )
        for number, process in enumerate(processes)
        for one in process.series
    )
    return compare.Run(profile="quick", is_quiet=all(p.is_quiet for p in processes), series=series)


def drawn(pool: Sequence[compare.Run], chance: random.Random) -> Iterator[list[compare.Run]]:
    """Twelve processes at a time, from anywhere."""
    for _ in range(DRAWS):
        yield chance.sample(pool, NEED)


def following(pool: Sequence[compare.Run], chance: random.Random) -> Iterator[list[compare.Run]]:
    """Twelve processes at a time that followed each other; the new run is one of the four groups."""
    for first in range(len(pool) - NEED + 1):
        for group in range(KEPT + 1):
            block = list(pool[first : first + NEED])
            new = block[group * PER_RUN : (group + 1) * PER_RUN]
            rest = block[: group * PER_RUN] + block[(group + 1) * PER_RUN :]
            yield rest + new
    chance.random()


def rates(sets: Iterator[list[compare.Run]], factor: float) -> tuple[int, int, int, int]:
    """(comparisons, those called slower, quantities told, those called slower)."""
    count = slower = told = found = 0
    for seed, processes in enumerate(sets):
        before = [joined(processes[n * PER_RUN : (n + 1) * PER_RUN]) for n in range(KEPT)]
        result = compare.compare(before, [joined(processes[KEPT * PER_RUN :], factor)], seed=seed)
        verdicts = [one.verdict for one in result.quantities]
        count += 1
        slower += "slower" in verdicts
        told += sum(verdict != "noisy" for verdict in verdicts)
        found += verdicts.count("slower")
    return count, slower, told, found


def say(line: str) -> None:
    """A line at once: the rates of a large pool take minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(pool: Sequence[compare.Run], name: str) -> None:
    """A table of rates."""
    if len(pool) < 2 * NEED:
        say(f"{name}: {len(pool)} processes are too few")
        return
    say(f"{name}: {len(pool)} processes")
    for words, way in (("from anywhere", drawn), ("in order", following)):
        for factor in FACTORS:
            chance = random.Random(1)  # noqa: S311 - redrawing, no secret
            count, slower, told, found = rates(way(pool, chance), factor)
            say(
                f"  {words:<14} x{factor:<4g} {count:>5} comparisons: {100 * slower / count:5.1f} % called slower; "
                f"{told:>6} quantities told, {100 * found / max(1, told):5.1f} % of them slower"
            )


def main(argv: Sequence[str]) -> None:
    """Measure, keep, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=pathlib.Path)
    parser.add_argument("--python")
    parser.add_argument("--processes", type=int, default=60)
    asked = parser.parse_args(argv)
    pool = msgspec.json.decode(asked.pool.read_bytes(), type=Pool) if asked.pool.exists() else Pool()
    for _ in range(asked.processes if asked.python else 0):
        if (run := one_process(asked.python)) is not None:
            pool.runs.append(run)
            asked.pool.write_bytes(msgspec.json.encode(pool))
    tell([run for run in pool.runs if run.is_quiet], "quiet")
    tell(pool.runs, "all, as they came")


if __name__ == "__main__":
    main(sys.argv[1:])
