"""``--from`` given something else than it reads: each JSON document is refused by its name, and no text is."""

import io
import json
import pathlib
import sys

import msgspec
import pytest

from ptsetup import cli, replay
from ptsetup.bench import Check, Report, compare
from ptsetup.facts import Snapshot
from ptsetup.render import bench
from tests import builders

INDEX = pathlib.Path(__file__).parents[2] / "wheels_index.json"
DESCRIBED = ("plan", "--gpu", "8.9", "--driver", "580.95.05", "--format", "json")


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Call ptsetup, with ``--from`` a file of this content where there is one: (exit code, stdout, stderr)."""
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*argv, content=None):
        if content is not None:
            (tmp_path / "given").write_bytes(content if isinstance(content, bytes) else content.encode())
            argv = (*argv, "--from", str(tmp_path / "given"))
        code = cli.run([str(word) for word in argv])
        return (code, *capsys.readouterr())

    return run


PROVED = Report(
    checks=(Check(name="conv.forms", group="conv", title="convolution", verdict="wrong", detail="CUDA error"),)
)

OTHERS = {
    "index": (lambda _: INDEX.read_bytes(), "an index of wheels", "--index FILE takes it"),
    "plan": (lambda call: call(*DESCRIBED)[1], "a plan", None),
    "index show": (lambda call: call("index", "show", "2.14.1", "--format", "json")[1], "a part of the index", None),
    "pages": (lambda call: call("explain", "--all", "--format", "json")[1], "the pages of the rules", None),
    "answer": (lambda call: call("explain", "cuda error", "--format", "json")[1], "an answer of ptsetup explain", None),
    "schema": (lambda call: call("doctor", "--schema")[1], "a JSON Schema", None),
    "bench": (lambda _: bench.as_json(PROVED), "a report of ptsetup bench", None),
    "bench, lines": (lambda _: bench.as_ndjson(PROVED), "a report of ptsetup bench", None),
    "runs": (lambda _: msgspec.json.encode(compare.Kept()), "a file of kept runs", "bench --compare FILE reads it"),
    "node": (
        lambda _: '{"name": "x", "version": "1.0.0", "scripts": {"cuda": "error"}}',
        "a package.json of Node.js",
        None,
    ),
    "notebook": (lambda _: '{"cells": [], "nbformat": 4, "metadata": {}}', "a notebook", "that failed"),
    "unknown": (lambda _: '{"driver": "470", "cuda": "12.6"}', "of another kind, with driver, cuda in it", None),
    "list": (lambda _: '["CUDA error", 1]', "a JSON list of 2 items", None),
    "nothing": (lambda _: "{}", "an empty JSON document", None),
}


@pytest.mark.parametrize("command", ["doctor", "check", "plan"])
@pytest.mark.parametrize(("make", "what", "way_out"), OTHERS.values(), ids=OTHERS)
def test_another_document_is_refused_by_its_name(call, command, make, what, way_out):
    code, out, err = call(command, content=make(call))
    assert (code, out) == (2, "")
    said, hint, *rest = err.splitlines()
    assert f"This is {what}" in said or what in said
    assert said.endswith("not a Snapshot." if command == "plan" else "not a Snapshot or a report.")
    assert (way_out or "ptsetup snapshot --output FILE") in hint
    assert not rest


def test_a_sarif_file_is_refused_by_its_name(call):
    _, made, _ = call("check", "--format", "sarif", content=replay.dump(builders.machine()))
    code, _, err = call("doctor", content=made)
    assert (code, "a SARIF file" in err) == (2, True)


TEXTS = {
    "an issue with JSON in it": 'torch 2.4.1+cpu\nAssertionError: Torch not compiled with CUDA enabled\n{"a": 1}\n',
    "JSON with an issue below it": '{"a": 1}\ntorch 2.4.1+cpu\nAssertionError: Torch not compiled with CUDA enabled\n',
    "an issue as an API gives it": json.dumps(
        {"title": "no GPU", "body": "torch 2.4.1+cpu\n\nsee\nAssertionError: Torch not compiled with CUDA enabled\n"}
    ),
    "a line of a container's log": json.dumps(
        {"log": "AssertionError: Torch not compiled with CUDA enabled\n", "stream": "x"}
    ),
    "a list in Python's way": "['torch', '2.4.1']\nAssertionError: Torch not compiled with CUDA enabled\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_with_json_in_it_stays_a_text(call, text):
    code, out, err = call("doctor", content=text)
    assert (code, err) == (1, "")
    assert "PT401" in out


PIP = '[{"name": "torch", "version": "2.1.0"}, {"name": "torchvision", "version": "0.20.0", "editable_project_location": "/x"}]'
CONDA = json.dumps(
    [
        {"base_url": "https://conda.anaconda.org/pytorch", "build_number": 0, "build_string": "py3.8_cpu_0",
         "channel": "pytorch", "dist_name": "pytorch-1.9.0-py3.8_cpu_0", "name": "pytorch", "platform": "linux-64",
         "version": "1.9.0"},
    ]
)  # fmt: skip


def test_pips_list_as_json_is_a_list_of_packages(call):
    code, out, _ = call("doctor", "--format", "json", content=PIP)
    told = json.loads(out)
    assert (code, told["findings"][0]["code"]) == (1, "PT301")
    assert told["snapshot"]["sources"]["target.distributions[1]"] == "entry 2"


def test_condas_list_as_json_keeps_build_and_channel(call):
    _, out, _ = call("doctor", "--format", "json", content=CONDA)
    (row,) = json.loads(out)["snapshot"]["target"]["distributions"]
    assert (row["installer"], row["build"], row["channel"]) == ("conda", "py3.8_cpu_0", "pytorch")


def test_a_list_that_only_begins_like_packages_is_refused(call):
    assert call("doctor", content='[{"name": "torch", "version": "2.1.0"}, {"name": "x"}]')[0] == 2


@pytest.mark.parametrize("content", ['{"schema": 1}', '{"schema": 1, "origin": "probe", "host": {}, "env": {}}'])
def test_a_snapshot_without_facts_gets_no_clean_bill(call, content):
    code, out, _ = call("doctor", "--format", "json", content=content)
    told = json.loads(out)
    assert (code, told["outcome"], told["passed"]) == (3, "unread", [])
    assert told["headline"].startswith("This Snapshot holds no facts")
    assert call("check", content=content)[0] == 3
    code, out, err = call("plan", content=content)
    assert (code, out, "holds no facts" in err) == (3, "", True)


def test_of_a_machine_whose_python_is_not_known_no_torch_is_called_well(call):
    content = replay.dump(Snapshot(host=builders.host()))
    assert "nothing is known of the Python and its torch" in call("doctor", content=content)[1]


def test_a_snapshot_that_was_cut_short_is_not_read_as_a_text(call):
    whole = replay.dump(builders.machine())
    for command in ("doctor", "plan"):
        code, out, err = call(command, content=whole[: len(whole) // 2])
        assert (code, out, "cut short or damaged" in err) == (3, "", True)


def test_a_snapshot_that_powershell_wrote_can_be_read(call):
    content = replay.dump(builders.machine()).decode().encode("utf-16")
    assert call("doctor", content=content)[0] == 0
    assert call("plan", content=content)[0] == 0


@pytest.mark.parametrize(
    "wrap", [lambda text: text, lambda text: json.dumps({"findings": [], "snapshot": json.loads(text)})]
)
def test_a_plan_is_made_for_what_stdin_holds_and_for_a_doctors_document(call, monkeypatch, wrap):
    data = wrap(replay.dump(builders.machine()).decode()).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    code, out, err = call("plan", "--from", "-", "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["devices"][0]["name"] == "NVIDIA GeForce RTX 4090"


@pytest.mark.parametrize("command", ["doctor", "plan", "check"])
def test_what_cannot_be_read_at_all_is_told(call, command, tmp_path):
    for name in (tmp_path, tmp_path / "absent", "nul\0byte"):
        code, _, err = call(command, "--from", name)
        assert (code, "cannot be read" in err) == (3, True)


def test_an_error_text_from_stdin_may_hold_any_bytes(call, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00CUDA error\xff: Torch not compiled")))
    assert call("explain", "-")[0] in (0, 1)
