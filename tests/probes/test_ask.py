"""The answers of children: stages between random marks, whatever is printed around them."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import run
from ptsetup.facts import Gpu, Target
from ptsetup.probes import _ask

BEGIN, END = "a1b2c3d4e5f60718", "81706f5e4d3c2b1a"


def asked(stdout, **ending):
    return _ask.understand(
        run.Completed(argv=("x",), **{"ending": "exited", "exit_code": 0, "stdout": stdout, **ending}), BEGIN, END
    )


def stage(name, facts=None, unknowns=()):
    told = json.dumps({"stage": name, "facts": facts or {}, "unknowns": list(unknowns)})
    return f"\n{BEGIN}{told}{END}\n"


def test_stages_are_merged():
    told = asked(
        stage("one", {"target": {"a": 1, "b": {"x": 1}}}) + "noise" + stage("two", {"target": {"a": 2, "b": {"y": 2}}})
    )
    assert told.stages == ("one", "two")
    assert told.facts == {"target": {"a": 2, "b": {"x": 1, "y": 2}}}
    assert told.problem is None


def test_a_line_that_was_cut_short_is_passed_over():
    told = asked(stage("one", {"a": 1}) + stage("two", {"a": 2})[:-25], ending="timeout", exit_code=None, seconds=7.0)
    assert (told.stages, told.facts) == (("one",), {"a": 1})
    assert told.problem == "gave no answer within 7 s (last stage: one)"


def test_damaged_answers():
    for text in ("", "{", "[1]", "null", '"x"', "{" * 3000, '{"stage": 1, "facts": 5, "unknowns": 7}'):
        told = asked(f"{BEGIN}{text}{END}")
        assert told.facts == {}


def test_unknowns_of_a_wrong_shape_are_left_out():
    rows = [{"path": "a", "reason": "denied", "detail": "x"}, {"path": 1}, "text", None]
    told = asked(stage("one", {}, rows))
    assert [(one.path, one.reason) for one in told.unknowns] == [("a", "denied")]


def test_endings_in_words():
    assert asked("").problem == "ended without an answer"
    assert asked(stage("x"), exit_code=None, signal=11).problem == "died of signal 11 (last stage: x)"
    assert asked("", exit_code=3).problem == "ended with exit code 3"
    assert asked("", ending="flooded", exit_code=None).problem == "wrote without end and was ended"
    assert (
        asked("", ending="missing", exit_code=None, stderr="no such file").problem
        == "could not be started: no such file"
    )
    left = asked("", ending="timeout", exit_code=None, seconds=10.0, is_left_behind=True)
    assert left.problem == "gave no answer within 10 s and could not be ended"


@given(noise=st.lists(st.text(max_size=60), min_size=3, max_size=3), value=st.text(max_size=40))
@settings(deadline=None, max_examples=50)
def test_noise_never_changes_an_answer(noise, value):
    told = asked(noise[0] + stage("one", {"a": value}) + noise[1] + stage("two", {"b": 1}) + noise[2])
    assert (told.stages, told.facts) == (("one", "two"), {"a": value, "b": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "version",
    "bits",
    "is_venv",
    "sys_path",
    "distributions",
    "wheel",
    "companions",
    "pip",
    "torch_folders",
    "cwd_shadows",
)


@given(facts=st.dictionaries(st.sampled_from(FIELDS), JSON))
@settings(deadline=None, max_examples=50)
def test_a_child_that_lies_about_types_never_raises(facts):
    record, unknowns = _ask.record(Target, facts, "target")
    assert isinstance(record, Target)
    assert all(unknown.path.startswith("target.") for unknown in unknowns)


def test_a_fraction_is_left_out_and_a_huge_integer_survives_json():
    record, unknowns = _ask.record(Gpu, {"index": 1, "memory_total_bytes": 2**80, "minor": 1.5}, "nvidia.gpus[0]")
    assert (record.index, record.memory_total_bytes, record.minor) == (1, 2**80, None)
    assert [unknown.path for unknown in unknowns] == ["nvidia.gpus[0].minor"]
    assert msgspec.json.decode(msgspec.json.encode(record), type=Gpu) == record
