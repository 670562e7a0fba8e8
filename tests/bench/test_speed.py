"""Throughput: what is made of samples, when a figure is not trusted, and the real children."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import run
from ptsetup.bench import fastness, machine, peaks, speed
from ptsetup.bench.series import Absent, Series, median, quantile, summarise
from ptsetup.facts import replace
from ptsetup.index import load
from tests.render import reports

INSIDE = pathlib.Path(run.__file__).with_name("inside")


@pytest.fixture(scope="module")
def child():
    """The child's script as a module: its arithmetic needs no torch."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("bench_speed_under_test", INSIDE / "bench_speed.py")
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def test_the_warm_up_is_dropped_by_observation(child):
    assert child.settled([46.0, 3.0, 1.0, 1.01, 0.99, 1.0]) == 2
    assert child.settled([1.0, 1.0, 1.0, 1.0]) == 0
    assert child.settled([1.0, 1.0, 1.0]) is None
    assert child.settled([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]) is None


def test_a_late_change_of_pace_is_no_warm_up(child):
    """Three calm samples that lie far from the later ones do not count as settled."""
    assert child.settled([5.0, 5.0, 5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == 3


def test_shapes_that_do_not_fit_into_the_memory_are_left_out(child):
    shapes = ((1024, 1024, 1024), (8192, 8192, 8192))
    assert child.fitting(shapes, 64 * 2**20) == [(1024, 1024, 1024)]
    assert child.fitting(shapes, None) == list(shapes)


def test_an_idle_loop_takes_about_its_cpu_time(child):
    """Wall time is never less than the CPU time of one thread, up to the clocks' grain."""
    assert child.spin(0.01) > 0.8
    assert machine.spin(0.01) > 0.8


def one(seconds, *, process=0, dropped=1, **labels):
    fields = {"device": "cpu", "threads": 2, "work": 1.0, "unit": "step", "name": "mlp", **labels}
    return Series(process=process, wall_s=tuple(seconds), cpu_s=tuple(seconds), dropped=dropped, **fields)


def test_the_figure_is_the_median_of_the_processes_medians():
    found = summarise([one([9, 1, 1, 1]), one([9, 2, 2, 2], process=1), one([9, 3, 3, 3], process=2)])
    assert [(metric.seconds, metric.medians) for metric in found] == [(2, (1, 2, 3))]
    assert found[0].spread == 2


def test_one_odd_process_of_five_does_not_make_a_figure_noisy():
    calm = [one([9, 1, 1, 1], process=number) for number in range(4)]
    assert not summarise([*calm, one([9, 3, 3, 3], process=4)])[0].is_noisy
    assert summarise([*calm[:2], one([9, 3, 3, 3], process=2), one([9, 4, 4, 4], process=3)])[0].is_noisy


def test_processes_that_never_settled_make_a_figure_noisy():
    assert summarise([one([1, 2, 4, 8], dropped=None)])[0].is_noisy


def test_different_quantities_have_different_keys():
    found = summarise(reports.cpu_series())
    assert len({metric.key for metric in found}) == len(found) == 16
    assert "matmul.float32.1024x1024x1024.cpu.2t" in {metric.key for metric in found}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_lie_between_the_ends_and_grow(values, share):
    assert min(values) <= quantile(values, share) <= max(values)
    assert quantile(values, 0) == min(values)
    assert quantile(values, 1) == max(values)
    assert quantile(values, 0.5) == pytest.approx(median(values))


def test_a_quiet_machine_gives_ok_and_a_busy_one_noisy():
    assert {check.verdict for check in fastness.judge_all(reports.cpu_speed(), "quick")} == {"ok"}
    busy = reports.cpu_speed(reports.quiet(spin=2.8, pressure=0.9, is_quiet=False))
    checks = fastness.judge_all(busy, "quick")
    assert {check.verdict for check in checks} == {"noisy"}
    assert "2.80 times its CPU time" in checks[0].detail
    assert "90 % of the time" in checks[0].detail


def test_a_figure_whose_processes_disagree_is_noisy_and_the_others_are_not():
    found = [*reports.cpu_series(), *(one([9 * k, k, k, k], process=n) for n, k in enumerate((0.004, 0.01, 0.02)))]
    kept = [series for series in found if series.name != "mlp" or series.work == 1.0]
    checks = fastness.judge_all(replace(reports.cpu_speed(), metrics=summarise(kept), series=tuple(kept)), "quick")
    assert {check.name: check.verdict for check in checks} == {
        "speed.mlp": "noisy", "speed.matmul": "ok", "speed.memory": "ok",
    }  # fmt: skip


def test_what_could_not_be_measured_is_unavailable_with_its_reason():
    bare = replace(
        reports.cpu_speed(), metrics=(), absent=(Absent(name="mlp", device="cpu", reason="RuntimeError: no kernel"),)
    )
    check = fastness.judge_all(bare, "quick")[0]
    assert (check.verdict, check.detail) == ("unavailable", "RuntimeError: no kernel")


def test_the_ceiling_is_the_best_shape_and_the_memory_figure_lies_beyond_the_caches():
    found = reports.cpu_speed()
    best = {(top.dtype, top.threads): top.rate for top in found.ceilings}
    assert best["float32", 2] == pytest.approx(2.2e11, rel=0.02)
    assert best["bfloat16", 1] == pytest.approx(4.6e11, rel=0.02)
    assert fastness.chief(found, "speed.memory").array_mib == 64
    assert fastness.chief(found, "speed.matmul").dtype == "float32"


def test_a_slow_gpu_of_a_node_is_named_and_a_wrong_pair_fails():
    checks = {check.name: check for check in reports.node().checks}
    assert checks["speed.gpus"].verdict == "slow"
    assert "cuda:2, 85 % of the best" in checks["speed.gpus"].detail
    assert checks["speed.p2p"].verdict == "wrong"
    assert "from GPU 1 to 3" in checks["speed.p2p"].detail
    assert reports.node().speed.slowest == "cuda:2"


def test_gpus_of_different_names_are_not_compared():
    found = reports.node().speed
    mixed = tuple({**device, "name": f"GPU {device['device']}"} for device in found.devices)
    assert set(fastness.node_shares(replace(found, devices=mixed)).values()) == {1.0}


def test_slow_by_the_table_names_its_floor():
    """730 TFLOP/s pass on an H100; half of that falls below 85 % of what others reached."""
    found = reports.node().speed
    half = tuple(replace(series, wall_s=tuple(2 * s for s in series.wall_s)) for series in found.series)
    slow = speed.with_ceilings(replace(found, series=half, metrics=summarise(half)), load())
    verdicts = {check.name: check for check in fastness.judge_all(slow, "quick")}
    assert verdicts["speed.matmul"].verdict == "slow"
    assert "floor: 85 % of the 80 % of 989 TFLOP/s" in verdicts["speed.matmul"].detail


@pytest.mark.parametrize(
    ("name", "product"),
    [
        ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA A100-SXM4-80GB", "A100 SXM 80GB"),
        ("Tesla T4", "T4"),
        ("AMD Instinct MI300X", "AMD Instinct MI300X"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("AMD EPYC", None),
        (None, None),
    ],
)
def test_data_sheets_are_found_by_the_name_that_torch_gives(name, product):
    found = peaks.known(name, load())
    assert (found.name if found else None) == product


def test_every_name_in_the_tables_of_peaks_is_in_the_index():
    names = {peak.name for peak in load().peaks}
    assert set(peaks.SPELLINGS.values()) <= names
    assert set(peaks.ACHIEVABLE) <= names


def falling(last, count=20):
    rates = [1.0] * (count // 2) + [last] * (count // 2)
    return Series(
        name="sustained",
        process=0,
        device="cuda:0",
        wall_s=tuple(rates),
        cpu_s=tuple(rates),
        dropped=0,
        work=1.0,
        unit="FLOP",
    )


@pytest.mark.parametrize(("last", "verdict"), [(1.05, "ok"), (1.3, "slow")])
def test_a_clock_that_falls_under_load_is_slow(last, verdict):
    hot = replace(reports.node().speed, series=(falling(last),))
    checks = {check.name: check.verdict for check in fastness.judge_all(hot, "soak")}
    assert checks["speed.sustained"] == verdict


def test_names_and_groups_select_the_speed_part():
    assert [entry.name for entry in fastness.wanted("quick", only=("speed.mlp",))] == ["speed.mlp"]
    assert fastness.wanted("quick", skip=("speed",)) == ()
    assert "speed.sustained" in {entry.name for entry in fastness.wanted("soak")}
    assert "speed.sustained" not in {entry.name for entry in fastness.wanted("full")}


def cgroup(tmp_path, line, files):
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text(line)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return proc, root


@pytest.mark.parametrize(
    ("line", "files", "quota"),
    [
        ("0::/a/b\n", {"a/cpu.max": "150000 100000", "a/b/cpu.max": "max 100000"}, 1.5),
        ("0::/\n", {"cpu.max": "50000 100000"}, 0.5),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "400000", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"},
            4.0,
        ),
        ("4:cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "-1", "cpu/x/cpu.cfs_period_us": "100000"}, None),
        ("garbage", {"cpu.max": "x y"}, None),
        ("", {}, None),
    ],
)
def test_the_quota_of_the_cgroup_is_the_tightest_on_the_way_up(tmp_path, line, files, quota):
    proc, root = cgroup(tmp_path, line, files)
    assert machine.cpu_quota(proc, root) == quota
    assert 1 <= machine.granted_threads(proc, root) <= max(1, int(quota or 1e9))


def test_pressure_is_read_or_unknown(tmp_path):
    assert machine.pressure_us(tmp_path) is None
    (tmp_path / "pressure").mkdir()
    (tmp_path / "pressure" / "cpu").write_text("some avg10=0.00 avg60=0.00 avg300=0.00 total=4543184\nfull total=1\n")
    assert machine.pressure_us(tmp_path) == 4543184


def answering(tmp_path, body):
    """A program in place of the interpreter: it gets the script and the answer's name as the real one does."""
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable}\nimport json, os, signal, sys\nanswer = open(sys.argv[4], 'a')\n{body}\n")
    program.chmod(0o755)
    return str(program)


LINES = """
def tell(**fields):
    answer.write(json.dumps(fields) + "\\n"); answer.flush()
def series(name, **labels):
    tell(event="start", name=name)
    tell(event="series", name=name, device="cpu", threads=1, wall_s=[9, 1, 1, 1], cpu_s=[9, 1, 1, 1], dropped=1, work=1.0,
         unit="step", **labels)
tell(event="info", devices=[{"device": "cpu", "name": None}], spin=[1.0, 1.0])
series("mlp")
"""


def test_a_child_that_dies_is_pinned_on_its_series_and_keeps_what_it_measured(tmp_path):
    python = answering(tmp_path, LINES + "tell(event='start', name='triad')\nos.kill(os.getpid(), signal.SIGBUS)")
    measured, checks = speed.measure(python, processes=1)
    found = {check.name: check for check in checks}
    assert found["speed.memory"].verdict == "crashed"
    assert "SIGBUS" in found["speed.memory"].detail
    assert measured.metric("mlp").rate == 1.0


def test_a_child_that_hangs_is_stopped(tmp_path):
    python = answering(tmp_path, LINES + "tell(event='start', name='matmul')\nsignal.pause()")
    _, checks = speed.measure(python, processes=1, deadline_scale=0.005)
    assert {check.name: check.verdict for check in checks}["speed.matmul"] == "timeout"


def test_a_line_cut_short_does_no_harm(tmp_path):
    python = answering(
        tmp_path, LINES + "tell(event='done', spin=[1.0]); answer.write('{\"event\": \"ser'); answer.flush()"
    )
    measured, checks = speed.measure(python, processes=1)
    assert len(measured.series) == 1
    assert {check.name for check in checks} == {"speed.mlp", "speed.matmul", "speed.memory"}


def test_without_an_interpreter_nothing_is_measured(tmp_path):
    measured, checks = speed.measure(str(tmp_path / "nothing"), processes=1)
    assert measured is None
    assert [check.verdict for check in checks] == ["crashed"]


@pytest.mark.torch
def test_the_real_child_measures_in_several_processes(torch_env):
    measured, checks = speed.measure(str(torch_env / "bin" / "python"), processes=2)
    assert measured.processes == 2
    assert {check.name for check in checks} == {"speed.mlp", "speed.matmul", "speed.memory"}
    assert {check.verdict for check in checks} <= {"ok", "noisy"}
    for name in ("mlp", "matmul", "triad"):
        assert measured.metric(name, threads=measured.threads).rate > 0
    assert all(top.rate > 1e8 for top in measured.ceilings)
    assert max(series.process for series in measured.series) == 1


@pytest.mark.torch
def test_the_affinity_mask_decides_the_threads(torch_env):
    """A child of a process that is bound to one CPU measures with one thread only."""
    code = (
        "import os, sys; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])\n"
        "from ptsetup.bench import speed\n"
        "found, _ = speed.measure(sys.argv[1], processes=1)\n"
        "print(found.threads, sorted({s.threads for s in found.series}))"
    )
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity masks on this system")
    done = subprocess.run(
        [sys.executable, "-c", code, str(torch_env / "bin" / "python")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[0] == "1 [1]"


def test_the_child_parses_as_python_3_6():
    import ast

    ast.parse((INSIDE / "bench_speed.py").read_text(), feature_version=(3, 6))


def test_the_report_of_the_child_is_lines_of_json(tmp_path, child):
    """Each event is on the disk at once: a crash after it loses nothing."""
    with (tmp_path / "answer").open("w") as answer:

        class Torch:
            @staticmethod
            def device(name):
                return type("Device", (), {"type": "cpu", "__str__": lambda _: name})()

        bench = child.Bench(Torch, answer, {"device": "cpu"})
        bench.series("mlp", lambda: None, 1.0, "step", want=3, budget_s=0.01)
        lines = [json.loads(line) for line in (tmp_path / "answer").read_text().splitlines()]
    assert [line["event"] for line in lines] == ["start", "series"]
    assert len(lines[1]["wall_s"]) == len(lines[1]["cpu_s"]) >= 4
