"""Kept runs: what is compared, what is refused, and how rarely chance is called a slowdown."""

import random

import msgspec
import pytest
from click.testing import CliRunner

from ptsetup.bench import compare
from ptsetup.bench.series import Series
from ptsetup.errors import PtsetupError
from ptsetup.facts import replace
from tests.render import reports


def dice(seed):
    return random.Random(seed)  # noqa: S311 - made-up noise, no secret


def process(chance, number, *, factor=1.0, between=0.03, within=0.02, odd=0.0):
    """One process as they were measured: its own level (3 % apart), samples around it (2 %), now and then 2.5 times slow."""
    level = 0.01 * factor * chance.gauss(1, between) * (2.5 if chance.random() < odd else 1.0)
    samples = tuple(abs(level * chance.gauss(1, within)) for _ in range(12))
    return Series(
        name="mlp",
        process=number,
        device="cpu",
        threads=1,
        wall_s=samples,
        cpu_s=samples,
        dropped=0,
        work=1.0,
        unit="step",
    )


def a_run(chance, *, processes=3, is_quiet=True, **options):
    found = tuple(process(chance, number, **options) for number in range(processes))
    return compare.Run(profile="quick", machine={}, is_quiet=is_quiet, series=found)


def verdicts(before, after):
    return [one.verdict for one in compare.compare(before, after).quantities]


def test_chance_is_hardly_ever_called_a_slowdown():
    """A against A: at most 2 of 100, with a process in eight being 2.5 times slow as it was seen with two threads."""
    chance = dice(1)
    told = [verdicts([a_run(chance) for _ in range(3)], [a_run(chance)])[0] for _ in range(100)]
    assert told.count("slower") <= 2


def test_a_slowdown_of_a_fifth_is_found():
    chance = dice(2)
    told = [verdicts([a_run(chance) for _ in range(3)], [a_run(chance, factor=1.2)])[0] for _ in range(100)]
    assert told.count("slower") >= 95


def test_a_gain_is_told_as_well():
    chance = dice(3)
    assert verdicts([a_run(chance) for _ in range(3)], [a_run(chance, factor=0.7)]) == ["faster"]


def test_samples_of_another_length_are_compared_by_their_work():
    """A release may take fewer steps per sample than the one that kept the runs."""
    chance = dice(9)
    new = a_run(chance)
    shorter = tuple(
        replace(one, work=0.5, wall_s=tuple(s / 2 for s in one.wall_s), cpu_s=tuple(s / 2 for s in one.cpu_s))
        for one in new.series
    )
    assert verdicts([a_run(chance) for _ in range(3)], [replace(new, series=shorter)]) == ["same"]


def test_nothing_is_slower_before_there_are_three_runs():
    chance = dice(4)
    told = compare.compare([a_run(chance), a_run(chance)], [a_run(chance, factor=2)])
    assert [one.verdict for one in told.quantities] == ["unsure"]
    assert not told.is_slower
    assert "before there are 3" in told.headline


def test_an_unsteady_history_widens_the_limit():
    """Runs that differ by 30 % among themselves do not make 25 % a finding."""
    chance = dice(5)
    before = [a_run(chance, factor=factor) for factor in (0.8, 1.0, 1.3)]
    told = compare.compare(before, [a_run(chance, factor=1.25)]).quantities[0]
    assert told.verdict == "same"
    assert told.limit > 1.3


def test_on_a_busy_machine_one_thread_is_judged_by_cpu_time_and_more_are_not():
    chance = dice(6)
    before = [a_run(chance) for _ in range(3)]
    noisy = a_run(chance, is_quiet=False)
    late = tuple(replace(series, wall_s=tuple(3 * s for s in series.wall_s)) for series in noisy.series)
    told = compare.compare(before, [replace(noisy, series=late)]).quantities[0]
    assert (told.verdict, told.clock) == ("same", "cpu")
    more = [replace(run, series=tuple(replace(s, threads=2) for s in run.series)) for run in (*before, noisy)]
    assert verdicts(more[:3], more[3:]) == ["noisy"]


def test_on_a_busy_machine_the_processes_must_stand_apart():
    """One kept process was as slow as the new ones: the load may have done that. Beyond all kept ones it is a slowdown."""
    chance = dice(10)
    levels = [(1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.35)]
    before = [mixed(chance, factors, is_quiet=True) for factors in levels]
    assert verdicts(before, [mixed(chance, (1.3, 1.3, 1.3), is_quiet=False)]) == ["noisy"]
    assert verdicts(before, [mixed(chance, (1.6, 1.6, 1.6), is_quiet=False)]) == ["slower"]
    assert verdicts(before, [mixed(chance, (1.3, 1.3, 1.3), is_quiet=True)]) == ["slower"]


def mixed(chance, factors, *, is_quiet):
    series = tuple(process(chance, n, factor=factor, between=0.001) for n, factor in enumerate(factors))
    return compare.Run(profile="quick", machine={}, is_quiet=is_quiet, series=series)


def test_quantities_that_only_one_side_timed_are_left_out():
    chance = dice(7)
    other = a_run(chance)
    other = replace(other, series=tuple(replace(series, dtype="float64") for series in other.series))
    told = compare.compare([a_run(chance)] * 3, [other])
    assert told.quantities == ()
    assert told.headline == "Nothing that was timed now was timed in the 3 kept runs."


def test_a_report_is_kept_as_its_runs_and_comes_back(tmp_path):
    file = tmp_path / "runs.json"
    runs = compare.runs_of(reports.healthy())
    file.write_bytes(compare.added(None, runs, "runs.json"))
    file.write_bytes(compare.added(compare.load(str(file)), runs, "runs.json"))
    kept = compare.load(str(file))
    assert len(kept.runs) == 2
    assert kept.runs[0] == kept.runs[1] == runs[0]
    assert kept.runs[0].versions["torch"] == "2.13.0+cpu"
    assert kept.runs[0].series == reports.healthy().speed.series


def test_repeats_become_runs_of_their_own():
    speed = reports.healthy().speed
    series = reports.cpu_series(processes=9)
    runs = compare.runs_of(replace(reports.healthy(), speed=replace(speed, series=series, processes=9)), repeat=3)
    assert [sorted({one.process for one in run.series}) for run in runs] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_another_machine_class_is_refused_with_what_differs():
    kept = compare.Kept(runs=compare.runs_of(reports.healthy()))
    machine = {**reports.healthy().machine, "processor": "Xeon", "threads_granted": 8}
    (run,) = compare.runs_of(replace(reports.healthy(), machine=machine))
    with pytest.raises(PtsetupError) as caught:
        compare.require_same_class(kept, run, "base.json")
    assert "base.json are of another machine class" in caught.value.message
    assert "processor AMD EPYC there, Xeon here; threads granted 2 there, 8 here" in caught.value.message
    with pytest.raises(PtsetupError):
        compare.added(kept, [run], "base.json")


def test_a_file_of_runs_survives_json_with_equal_classes(tmp_path):
    """Tuples come back as lists: the class must not differ by that."""
    file = tmp_path / "runs.json"
    runs = compare.runs_of(replace(reports.healthy(), machine={**reports.healthy().machine, "devices": ("cpu",)}))
    file.write_bytes(compare.added(None, runs, "runs.json"))
    compare.require_same_class(compare.load(str(file)), runs[0], "runs.json")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is no file of kept runs"),
        (b'{"runs": 5}', "is no file of kept runs"),
        (b'{"schema": 9, "runs": []}', "schema 9"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, content, words):
    file = tmp_path / "runs.json"
    file.write_bytes(content)
    with pytest.raises(PtsetupError, match=words):
        compare.load(str(file))


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(PtsetupError) as caught:
        compare.load(str(tmp_path / "none.json"))
    assert "--save" in caught.value.hint


def test_a_run_that_timed_nothing_cannot_be_kept():
    with pytest.raises(PtsetupError, match="timed nothing"):
        compare.runs_of(reports.broken())


def test_the_same_runs_give_the_same_verdict():
    """The bootstrap is seeded."""
    chance = dice(8)
    before, after = [a_run(chance) for _ in range(3)], [a_run(chance, factor=1.13)]
    assert compare.compare(before, after) == compare.compare(before, after)


def test_the_command_reads_the_file_before_it_measures(tmp_path):
    """A wrong name costs no minute of measuring."""
    from ptsetup.commands.bench import command
    from ptsetup.terminal import Terminal

    done = CliRunner().invoke(command, ["--compare", str(tmp_path / "none.json")], obj=Terminal())
    assert isinstance(done.exception, PtsetupError)
    assert "none.json cannot be read" in done.exception.message


def test_kept_runs_have_a_schema():
    told = msgspec.json.decode(compare.added(None, compare.runs_of(reports.healthy()), "x"))
    assert (told["schema"], told["kind"]) == (1, "ptsetup bench runs")
