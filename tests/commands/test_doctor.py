"""``ptsetup doctor``, ``explain`` and ``check`` as a person calls them, on reports and stored Snapshots."""

import json
import re
import shlex
import xml.etree.ElementTree as ET

import msgspec
import pytest

from ptsetup import cli, replay
from ptsetup.commands import doctor as commands
from ptsetup.facts import ImportResult, Message, SharedMemory, Torch, replace
from ptsetup.render import doctor as render
from ptsetup.render.doctor import Report
from ptsetup.rules import BY_CODE, RULES
from tests import builders
from tests.readers import forms


@pytest.fixture
def call(capsys, monkeypatch):
    """Call ptsetup: (exit code, stdout, stderr)."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*argv):
        code = cli.run([str(word) for word in argv])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def stored(tmp_path):
    """Store a Snapshot or a text; its path."""

    def store(content, name="machine.txt"):
        path = tmp_path / name
        path.write_bytes(
            content
            if isinstance(content, bytes)
            else replay.dump(content)
            if not isinstance(content, str)
            else content.encode()
        )
        return path

    return store


def sick():
    """A machine whose torch cannot be imported, with one more thing to warn of."""
    torch = Torch(
        result=ImportResult(
            module="torch", is_ok=False, error_type="ImportError",
            message="libcudnn.so.9: cannot open shared object file: No such file or directory",
        )
    )  # fmt: skip
    return builders.machine(torch=torch)


def test_a_healthy_machine_is_told_in_two_lines(call, stored):
    code, out, err = call("doctor", "--from", stored(builders.machine()))
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "All well: torch 2.14.1+cu126 runs on GPU 0 (NVIDIA GeForce RTX 4090)."
    assert lines[1].startswith("Looked at ")
    assert len(lines) <= 3
    assert err == ""


def test_a_sick_machine_is_told_in_full(call, stored):
    code, out, _ = call("doctor", "--from", stored(sick()))
    assert code == 1
    assert out.splitlines()[0].startswith("PyTorch cannot be imported: ")
    assert "error    PT402  nvidia-package-missing" in out
    assert "Fix" in out
    assert "Machine" in out
    assert "Ubuntu 24.04.3 LTS" in out


@pytest.mark.parametrize("machine", [sick(), builders.machine(), builders.cpu_machine()], ids=["sick", "well", "cpu"])
@pytest.mark.parametrize("verbose", [(), ("-v",)], ids=["short", "verbose"])
def test_no_line_of_prose_is_wider_than_the_terminal(call, stored, machine, verbose):
    """Only lines to copy may be longer: they are never broken."""
    path = stored(machine)
    _, out, _ = call("doctor", "--from", path, *verbose)
    _, document, _ = call("doctor", "--from", path, "--format", "json")
    long = [line.strip() for line in out.splitlines() if len(line) > 80]
    fixes = [fix for finding in json.loads(document)["findings"] for fix in finding["fixes"]]
    copies = {fix.get("shell") for fix in fixes} | {
        shlex.join(command) for fix in fixes for command in fix.get("commands", ())
    }
    assert [line for line in long if line not in copies] == []


def test_a_long_name_of_a_fact_does_not_run_into_its_value(call, stored):
    machine = builders.machine()
    torch = replace(machine.torch, is_cuda_available=False, cuda_device_count=0)
    _, out, _ = call("doctor", "--from", stored(replace(machine, torch=torch, env={"CUDA_VISIBLE_DEVICES": "-1"})))
    assert re.search(r"^  CUDA_VISIBLE_DEVICES  \S", out, re.MULTILINE)


def test_the_document_is_json_with_a_schema_number(call, stored):
    code, out, _ = call("doctor", "--from", stored(sick()), "--format", "json")
    assert code == 1
    document = json.loads(out)
    assert document["schema"] == 1
    first = document["findings"][0]
    assert first["code"] == "PT402"
    assert {"severity", "message", "evidence", "fixes", "certainty", "consequence_of"} <= first.keys()
    assert msgspec.json.decode(out, type=Report).outcome == "ill"


def test_a_document_can_be_read_again(call, stored):
    _, out, _ = call("doctor", "--from", stored(sick()), "--format", "json")
    _, again, _ = call("doctor", "--from", stored(out, "doctor.json"), "--format", "json")
    assert json.loads(again)["findings"] == json.loads(out)["findings"]


def test_the_schema_is_printed(call):
    code, out, _ = call("doctor", "--schema")
    assert code == 0
    assert "findings" in out
    assert json.loads(out)["$defs"]["Report"]


def test_markdown_is_one_block_with_the_headings_of_collect_env(call, stored):
    _, out, _ = call("doctor", "--from", stored(sick()), "--format", "markdown")
    assert "PyTorch version: 2.14.1+cu126" in out
    assert "CUDA used to build PyTorch: 12.6" in out
    assert "Nvidia driver version: 580.95.05" in out
    assert "CPU: AMD Ryzen 9 7950X, 32 logical cores, avx2" in out
    assert "**PT402 nvidia-package-missing**" in out
    assert out.count("```") % 2 == 0


def test_our_markdown_is_a_report_that_we_can_read(call, stored):
    """What somebody pastes into an issue from ptsetup gives the same root cause when it is read back."""
    _, out, _ = call("doctor", "--from", stored(sick()), "--format", "markdown")
    _, again, _ = call("doctor", "--from", stored(out, "issue.md"), "--format", "json")
    assert json.loads(again)["findings"][0]["code"] == "PT402"


def test_output_goes_to_a_file(call, stored, tmp_path):
    goal = tmp_path / "result.json"
    code, out, err = call("doctor", "--from", stored(sick()), "--format", "json", "--output", goal)
    assert (code, out) == (1, "")
    assert json.loads(goal.read_text())["findings"]
    assert err.startswith("PyTorch cannot be imported")


def test_output_that_cannot_be_written_is_told(call, stored, tmp_path):
    code, _, err = call("doctor", "--from", stored(sick()), "--output", tmp_path / "absent" / "x")
    assert code == 3
    assert "cannot be written" in err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 1),
        (("--fail-on", "never"), 0),
        (("--ignore", "PT4"), 0),
        (("--select", "PT1"), 0),
        (("--select", "nvidia-package-missing"), 1),
    ],
)
def test_exit_codes(call, stored, words, code):
    assert call("doctor", "--from", stored(sick()), *words)[0] == code


def test_a_warning_fails_only_when_asked(call, stored):
    small = builders.machine(host=builders.host(container="docker", shm=SharedMemory(total_bytes=64 * 1024**2)))
    path = stored(small)
    assert call("doctor", "--from", path)[0] == 0
    assert call("doctor", "--from", path, "--fail-on", "warning")[0] == 1


def noted():
    """A machine that works, with something to note."""
    return builders.machine(target=builders.target(is_writable=False, is_venv=False))


@pytest.mark.parametrize("command", ["doctor", "check"])
def test_what_makes_the_exit_code_is_shown(call, stored, command):
    """A note is left to -v unless it decides."""
    path = stored(noted())
    code, out, _ = call(command, "--from", path)
    assert (code, "PT217" in out, "1 note (-v)" in out) == (0, False, True)
    code, out, _ = call(command, "--from", path, "--fail-on", "note")
    assert (code, "note     PT217" in out, "1 note (-v)" in out) == (1, True, False)
    assert out.splitlines()[-1] == "Exit code 1: --fail-on note."
    assert "Exit code" not in call(command, "--from", path, "--fail-on", "warning")[1]


def test_what_makes_the_exit_code_is_shown_in_an_issue_and_fails_in_junit(call, stored):
    path = stored(noted())
    assert "PT217" not in call("doctor", "--from", path, "--format", "markdown")[1]
    assert "PT217" in call("doctor", "--from", path, "--format", "markdown", "--fail-on", "note")[1]
    for threshold, failures in (("error", "0"), ("warning", "0"), ("note", "1"), ("never", "0")):
        _, out, _ = call("check", "--from", path, "--format", "junit", "--fail-on", threshold)
        assert ET.fromstring(out)[0].get("failures") == failures  # noqa: S314 - our own


def test_the_thresholds_of_the_option_are_those_of_the_report():
    assert render.THRESHOLDS == commands.THRESHOLDS


def test_a_file_that_is_not_there(call):
    code, _, err = call("doctor", "--from", "/nowhere/at/all")
    assert code == 3
    assert "cannot be read" in err


def test_from_stdin(call, monkeypatch):
    import io
    import sys

    text = forms.collect_env(torch="2.4.1+cpu", cuda="None", available="False")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, _ = call("doctor", "--from", "-")
    assert code == 1
    assert "PT401" in out


def test_a_report_is_never_fixed(call, stored):
    code, _, err = call("doctor", "--from", stored("x"), "--fix")
    assert code == 2
    assert "--fix" in err


def test_what_was_expected_is_shown(call, stored):
    _, out, _ = call("doctor", "--from", stored(sick()))
    assert "Expected cuda (torch is a build for cu126; --expect says otherwise)" in " ".join(out.split())
    _, out, _ = call("doctor", "--from", stored(sick()), "--expect", "cuda")
    assert "Expected cuda (stated with --expect)" in out


def test_verbose_tells_what_was_not_checked_and_why(call, stored):
    _, out, _ = call("doctor", "--from", stored("RuntimeError: CUDA error: uncorrectable ECC error"), "-v")
    assert "Not checked" in out
    assert "not_shown" in out


def test_the_planner_fills_the_fix_in(call, stored):
    text = forms.collect_env(torch="2.4.1+cpu", cuda="None", available="False", driver="550.120")
    _, out, _ = call("doctor", "--from", stored(text), "--format", "json")
    fix = json.loads(out)["findings"][0]["fixes"][0]
    command = fix["commands"][0]
    assert command[:4] == ["python", "-m", "pip", "install"]
    assert any(word.startswith("torch==") and "+cu12" in word for word in command)
    assert "{python}" not in out


def test_a_fix_on_this_machine_is_one_line_of_ptsetup(call, stored):
    machine = builders.machine(target=builders.target(version="2.14.1+cpu"))
    _, out, _ = call("doctor", "--from", stored(machine))
    assert "\n    ptsetup install\n" in out


def test_explain_prints_the_page(call):
    code, out, _ = call("explain", "PT401")
    assert code == 0
    for heading in ("What is wrong", "Why it matters", "See it yourself", "Fix", "Sources"):
        assert f"\n{heading}\n" in out


def test_explain_takes_slugs_families_and_lower_case(call):
    assert "PT401" in call("explain", "cpu-wheel-on-gpu-machine")[1]
    assert call("explain", "pt401")[0] == 0
    assert call("explain", "PT41")[1].count("What is wrong") == sum(code.startswith("PT41") for code in BY_CODE)


def test_explain_refuses_what_is_not_there(call):
    code, _, err = call("explain", "PT777")
    assert code == 2
    assert "no rule PT777" in err


def test_explain_without_anything(call):
    assert call("explain")[0] == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("AssertionError: Torch not compiled with CUDA enabled", "PT401"),
        ("operator torchvision::nms does not exist", "PT301"),
        ("undefined symbol: iJIT_NotifyEvent", "PT417"),
        ("error: externally-managed-environment", "PT216"),
        ("A module that was compiled using NumPy 1.x cannot be run in NumPy 2.0.1", "PT311"),
    ],
)
def test_explain_knows_error_texts(call, text, code):
    status, out, _ = call("explain", text, "--format", "json")
    assert status == 0
    assert json.loads(out)["guesses"][0]["code"] == code


def test_explain_says_so_when_it_does_not_know(call):
    code, out, _ = call("explain", "the printer is on fire")
    assert code == 1
    assert out.startswith("No rule knows this text.")


def test_all_pages(call):
    _, out, _ = call("explain", "--all", "--format", "json")
    assert {page["code"] for page in json.loads(out)["pages"]} == {rule.code for rule in RULES}
    _, out, _ = call("explain", "--all", "--format", "markdown")
    assert out.count("\n## PT") == len(RULES)


def test_check_annotates_for_github(call, stored):
    code, out, _ = call("check", "--from", stored(sick()), "--format", "github")
    assert code == 1
    assert out.startswith("::error title=PT402 nvidia-package-missing::")
    assert all(line.startswith("::") for line in out.splitlines()[:-1])


def test_check_writes_junit(call, stored):
    _, out, _ = call("check", "--from", stored(sick()), "--format", "junit")
    suite = ET.fromstring(out)[0]  # noqa: S314 - our own
    assert int(suite.get("tests")) == len(suite)
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed[0].startswith("PT402")


def test_check_writes_sarif(call, stored):
    _, out, _ = call("check", "--from", stored(sick()), "--format", "sarif")
    run = json.loads(out)["runs"][0]
    assert run["results"][0]["ruleId"] == "PT402"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} >= {result["ruleId"] for result in run["results"]}


def test_check_of_a_healthy_machine(call, stored):
    code, out, _ = call("check", "--from", stored(builders.machine()))
    assert code == 0
    assert out.startswith("All well")


def test_hostile_texts_break_no_format(call, stored):
    """Error texts with the signs that XML, Markdown and annotations give a meaning to."""
    hostile = "undefined symbol: iJIT_NotifyEvent <b>&\"'%0A::error::\x00\ud83d\ude00 ```"
    path = stored(
        replace(
            builders.machine(), messages=(Message(text=hostile.encode("utf-16", "surrogatepass").decode("utf-16")),)
        )
    )
    for form in ("junit", "github", "sarif"):
        _, out, _ = call("check", "--from", path, "--format", form)
        if form == "junit":
            ET.fromstring(out)  # noqa: S314 - our own
        elif form == "sarif":
            json.loads(out)
        else:
            assert all(line.startswith("::") for line in out.splitlines()[:-1])


def test_a_gpu_that_torch_does_not_see_is_no_health_though_no_rule_knows_why(call, stored):
    machine = builders.machine()
    unseen = replace(machine, torch=replace(machine.torch, is_cuda_available=False, cuda_device_count=0, devices=()))
    code, out, _ = call("doctor", "--from", stored(unseen, "machine.json"))
    assert code == 1
    assert out.startswith("PyTorch cannot use the GPU: the cause was not found.")
    assert "ptsetup doctor --deep --share" in out


def test_a_report_without_a_cause_does_not_say_that_all_is_well(call, stored):
    text = f"torch 2.14.1+cu126\ntorch.cuda.is_available() -> False\n{forms.smi()}"
    code, out, _ = call("doctor", "--from", stored(text))
    assert (code, out.splitlines()[0]) == (0, "PyTorch cannot use the GPU, and this report does not show why.")


@pytest.mark.parametrize("style", ["text", "json", "markdown"])
def test_a_name_that_is_no_utf_8_can_be_written(style, call, tmp_path, monkeypatch):
    ill = sick()
    name = "libfoo_\udce9.so: cannot open shared object file: No such file or directory"
    ill = replace(ill, torch=replace(ill.torch, result=replace(ill.torch.result, message=name)))
    monkeypatch.setattr("ptsetup.commands.doctor.take", lambda *_: ill)
    code, out, err = call("doctor", "--format", style)
    assert code == 1, err
    assert "libfoo_" in out
    code, _, err = call("doctor", "--format", style, "--output", tmp_path / "it")
    assert (code, len(err.splitlines())) == (1, 1)
    assert "libfoo_" in (tmp_path / "it").read_text()
