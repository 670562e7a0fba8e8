"""The report as text, compared whole with stored copies (PTSETUP_RENEW=1 writes them anew)."""

import json
import os
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import bench
from ptsetup.bench import Check
from ptsetup.facts import replace
from ptsetup.render import bench as render
from ptsetup.render import rates
from tests.render import reports

EXPECTED = pathlib.Path(__file__).parent / "expected"
REPORTS = {"healthy": reports.healthy, "broken": reports.broken, "compared": reports.compared, "node": reports.node}


def plain(text, **_style):
    return text


def same_as_stored(name, text):
    file = EXPECTED / name
    if os.environ.get("PTSETUP_RENEW"):
        EXPECTED.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("width", [40, 80])
def test_text(name, width):
    text = render.as_text(REPORTS[name](), plain, width=width)
    same_as_stored(f"bench-{name}-{width}.txt", text)
    # a line to copy is never broken
    assert max(len(line) for line in text.splitlines() if not line.startswith("    ptsetup")) <= width


@pytest.mark.parametrize("name", REPORTS)
def test_markdown(name):
    same_as_stored(f"bench-{name}.md", render.as_markdown(REPORTS[name]()))


def test_without_unicode_the_text_is_ascii():
    text = render.as_text(reports.healthy(), plain, width=80, is_unicode=False)
    same_as_stored("bench-healthy-ascii.txt", text)
    assert text.isascii()


def test_the_first_line_is_the_answer_and_failures_come_before_the_table():
    lines = render.as_text(reports.broken(), plain, width=100).splitlines()
    assert lines[0].startswith("torch 2.13.0+cpu computes wrong here: 3 of 7 checks failed.")
    assert lines[2].startswith("  convolution: 6 forms, 2 layouts (conv.forms)  wrong  error 0.31, tolerance 2e-06")


def test_a_busy_machine_is_said_and_no_figure_hidden():
    busy = reports.healthy(reports.quiet(spin=2.8, pressure=0.9, is_quiet=False))
    text = render.as_text(busy, plain, width=120)
    assert "noisy  2,400 steps/s" in text
    assert "machine busy with other work, so no verdict (spin 2.80, CPU wait 90 %)" in text
    assert "With 1 thread, by CPU time: 1,800 steps/s, 110 GFLOP/s." in text
    assert text.count("90 %") == 1


def test_what_else_was_beyond_is_told_without_its_numbers():
    beyond = [{"detail": f"{name}: [[1.0, 2.0]]"} for name in ("mm", "bmm", "addmm", "mv", "dot")]
    bad = bench.Check(name="matmul.forms", verdict="wrong", detail="mm: [[1.0, 2.0]]", data={"beyond": beyond})
    assert render.also_beyond(bad) == "also: bmm; addmm; mv and 1 more"
    assert render.also_beyond(bench.Check(name="x", verdict="wrong")) == ""
    assert render.also_beyond(replace(bad, data={"beyond": beyond[:1]})) == ""


def test_json_is_one_document_with_a_schema_and_the_raw_samples():
    told = json.loads(render.as_json(reports.healthy()))
    assert told["schema"] == bench.SCHEMA
    assert {"name", "verdict", "error", "tolerance", "seconds", "reveals"} <= set(told["checks"][0])
    assert len(told["speed"]["series"][0]["wall_s"]) == 9


def test_json_of_an_infinite_error_is_json():
    told = json.loads(render.as_json(reports.broken()), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert told["checks"][-1]["verdict"] == "wrong"


def test_ndjson_is_a_line_per_check_and_the_rest_last():
    lines = [json.loads(line) for line in render.as_ndjson(reports.healthy()).splitlines()]
    assert [line["name"] for line in lines[:-1]] == [check.name for check in reports.healthy().checks]
    assert lines[-1]["headline"] == reports.healthy().headline
    assert "checks" not in lines[-1]


def test_markdown_cells_hold_what_would_break_a_table():
    row = next(line for line in render.as_markdown(reports.broken()).splitlines() if line.startswith("| fft.dft"))
    assert "\\|" in row
    assert "<script>" not in row


def test_every_check_is_listed_with_what_it_proves():
    text = render.as_list(bench.ENTRIES, width=80)
    for entry in bench.ENTRIES:
        assert f"{entry.name} " in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("rate", "unit", "words"),
    [
        (2408.4, "step/s", "2,408 steps/s"),
        (2.21e11, "FLOP/s", "221 GFLOP/s"),
        (1.424e14, "FLOP/s", "142 TFLOP/s"),
        (4.58e10, "B/s", "45.8 GB/s"),
        (2.9e12, "B/s", "2.90 TB/s"),
        (999, "B/s", "999 B/s"),
    ],
)
def test_amounts_for_people(rate, unit, words):
    assert rates.amount(rate, unit) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.77, "0.77"), (16, "16"), (2.1e-9, "2e-09"), (256, "256"), (float("nan"), "infinite")],
)
def test_errors_have_two_digits(value, words):
    assert render.short(value) == words


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_a_sparkline_has_a_letter_per_value_and_the_highest_is_the_highest(values):
    line = render.sparkline(values)
    assert len(line) == len(values)
    assert render.BARS.index(line[values.index(max(values))]) == max(render.BARS.index(letter) for letter in line)


def test_a_curve_that_falls_far_is_not_flat_after_its_start():
    assert render.sparkline([1.24, 0.113, 0.0303, 0.0145, 0.00896]) == "█▅▃▂▁"


def test_a_loss_that_ran_away_is_drawn_all_the_same():
    assert render.sparkline([1.0, 0.5, float("nan"), float("inf")]) == "█▁██"
    assert render.sparkline([float("nan")] * 2) == "??"


@pytest.mark.parametrize(("share", "bar"), [(0, ""), (0.001, "▏"), (0.5, "█████"), (1, "█" * 10), (3, "█" * 10)])
def test_bars(share, bar):
    assert render.bar(share, 10) == bar


def test_words_of_a_check_are_never_cut():
    """A long title and a long detail wrap under their column."""
    long = Check(
        name="speed.mlp", group="speed", title="a title of many words that is far longer than its column", verdict="slow",
        detail="floor: 85 % of the 80 % of 989 TFLOP/s that others reached",
    )  # fmt: skip
    text = render.as_text(replace(reports.broken(), checks=(long,)), plain, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert set(f"{long.title} {long.detail}".split()) <= set(text.split())
