"""The page: well formed, nothing from outside, every text escaped."""

import html.parser
import json
import re

import pytest

from ptsetup.bench import Check
from ptsetup.facts import replace
from ptsetup.render import _charts
from ptsetup.render import html as page
from tests.render import reports
from tests.render.test_bench import REPORTS

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "</textarea><script>alert(1)</script>\"'&<img src=x onerror=y>"


class Reader(html.parser.HTMLParser):
    """Keeps the open elements, the attributes and the text of each kind of element."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.problems, self.attributes, self.texts, self.tags = [], [], [], {}, []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at line {self.getpos()[0]} closes nothing")

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_well_formed(name):
    reader = read(page.as_html(REPORTS[name]()))
    assert reader.problems == []
    assert reader.open == []
    assert reader.tags.count("h1") == 1


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_comes_from_outside(name):
    text = page.as_html(REPORTS[name]())
    reader = read(text)
    names = {attribute for _, attribute, _ in reader.attributes}
    assert not names & {"src", "href", "srcset", "data", "action", "poster", "background"}
    assert not set(reader.tags) & {"link", "iframe", "img", "object", "embed", "base"}
    style = "".join(reader.texts["style"])
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in text


def test_every_id_is_there_once():
    ids = [value for _, name, value in read(page.as_html(reports.node())).attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_json_to_copy_is_the_report():
    reader = read(page.as_html(reports.node()))
    told = json.loads("".join(reader.texts["textarea"]))
    assert told["headline"] == reports.node().headline
    assert len(told["checks"]) == len(reports.node().checks)


def test_hostile_words_stay_words():
    bad = Check(
        name=HOSTILE, group=HOSTILE, title=HOSTILE, verdict="wrong", error=1.0, tolerance=0.5, unit=HOSTILE, detail=HOSTILE,
        reveals=HOSTILE, data={"curve": [1.0, 0.5], "loss": 0.5, "accuracy": 0.5, "loss_bound": 0.2},
    )  # fmt: skip
    report = replace(
        reports.node(), headline=HOSTILE, checks=(bad, replace(bad, verdict="skipped")), device_name=HOSTILE,
        python=HOSTILE, versions={HOSTILE: HOSTILE}, machine={HOSTILE: [HOSTILE]},
    )  # fmt: skip
    text = page.as_html(report)
    reader = read(text)
    assert reader.problems == []
    assert reader.tags.count("script") == 1
    assert reader.tags.count("textarea") == 1
    assert "img" not in reader.tags
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]


def test_what_failed_stands_first_with_what_to_type():
    text = page.as_html(reports.broken())
    words = re.sub(r"<[^>]+>", " ", text)
    assert text.index("Findings") < text.index("Training") < text.index("Error against tolerance")
    assert "ptsetup bench --only conv.forms" in words
    assert "Points to oneDNN on the CPU" in words


def test_a_healthy_page_has_no_findings():
    assert "<h2>Findings</h2>" not in page.as_html(reports.healthy())


def test_one_neighbour_is_one_finding():
    text = page.as_html(reports.healthy(reports.quiet(spin=2.8, pressure=0.9, is_quiet=False)))
    assert text.partition("<textarea")[0].count("took 2.80 times its CPU time") == 1
    assert "<h3>MLP training steps, matrix product, memory bandwidth: noisy</h3>" in text


def test_several_gpus_have_bars_and_a_matrix():
    text = page.as_html(reports.node())
    assert text.count("85 %, slow") == 1
    assert "wrong content" in text
    assert text.count('<th scope="row">from ') == 4
    assert "<h2>Every GPU</h2>" not in page.as_html(reports.healthy())


def test_own_ceiling_and_data_sheet_stand_side_by_side():
    text = page.as_html(reports.node())
    assert "730 TFLOP/s, 74 % of 989 TFLOP/s" in text
    assert "vendor data sheets" in text


def curve(**data):
    return Check(name="train.mlp", title="MLP", verdict="ok", data={"curve": [2.0, 0.5, 0.1], **data})


def test_the_loss_curve_has_a_point_per_epoch_and_the_accepted_band():
    drawing = _charts.loss_curve(curve(loss_bound=0.2, loss=0.15))
    assert drawing.count("<circle") == 3
    assert drawing.count('class="band"') == drawing.count('class="last"') == 1
    assert 'class="last bad"' in _charts.loss_curve(replace(curve(loss=0.9), verdict="wrong"))


@pytest.mark.parametrize("levels", [[1.0], [float("nan"), 1.0], [0.0, 0.0], [float("inf"), 2.0]])
def test_a_curve_that_cannot_be_drawn_is_left_out(levels):
    assert _charts.loss_curve(Check(name="train.mlp", verdict="wrong", data={"curve": levels})) == ""


@pytest.mark.parametrize(
    ("error", "tolerance", "low", "high"),
    [
        (0.0, 0.0, 0.0, 0.05),
        (1e-9, 1.0, 0.0, 0.05),
        (1.0, 1.0, 0.849, 0.851),
        (2.0, 1.0, 0.86, 1.0),
        (float("inf"), 1.0, 0.97, 1.0),
        (float("nan"), 1.0, 0.97, 1.0),
        (1.0, 0.0, 0.97, 1.0),
    ],
)
def test_the_tolerance_has_a_fixed_place_on_the_scale(error, tolerance, low, high):
    assert low <= _charts.on_scale(Check(name="x", error=error, tolerance=tolerance)) <= high


def test_the_style_draws_the_tolerance_where_the_scale_puts_it():
    assert f"left:{_charts.AT_TOLERANCE:.0%}" in page.as_html(reports.healthy())


def test_both_schemes_paper_and_small_screens_have_rules():
    text = page.as_html(reports.healthy())
    for rule in ("prefers-color-scheme:dark", "@media print", "max-width:520px", "width=device-width"):
        assert rule in text
