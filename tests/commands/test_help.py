"""What ``--help`` says, and slips on the command line that are told before anything is looked at or measured."""

import importlib
import json

import click
import pytest

from ptsetup import cli
from ptsetup.bench import ENTRIES


def commands():
    """(Words, click command) of every command and subcommand."""
    for name in cli.COMMANDS:
        command = importlib.import_module(f"ptsetup.commands.{name}").command
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {other}", part) for other, part in command.commands.items())


COMMANDS = dict(commands())


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_option_is_explained_in_a_sentence_that_begins_large_and_ends_with_a_stop(command):
    assert command.help.split("\n\n")[0].strip().endswith(".")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help[0].isupper(), option.name
            assert option.help.endswith("."), option.name
            assert option.metavar or option.is_flag or isinstance(option.type, click.Choice), option.name


def test_options_of_one_name_are_said_in_the_same_words():
    said: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for option in command.params:
            if option.name in ("index_file", "no_import", "select", "ignore", "fail_on", "expect", "timeout_scale"):
                said.setdefault(option.name, set()).add(option.help)
    assert {name: len(words) for name, words in said.items() if name != "no_import"} == dict.fromkeys(
        ("index_file", "select", "ignore", "fail_on", "expect", "timeout_scale"), 1
    )


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Call ptsetup in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        code = cli.run(list(argv))
        return (code, *capsys.readouterr())

    return run


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_is_shown_and_names_its_defaults(call, words):
    code, out, err = call(*" ".join(words).split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: ptsetup {' '.join(words)}".rstrip())
    if any(
        "--format" in getattr(option, "opts", ()) for option in getattr(COMMANDS.get(" ".join(words)), "params", ())
    ):
        assert "[default: text]" in " ".join(out.split())


@pytest.mark.parametrize(("slip", "meant"), [("instal", "install"), ("benchmark", "bench"), ("snapshots", "snapshot")])
def test_a_slip_in_the_name_of_a_command_is_answered_with_the_one_that_was_meant(call, slip, meant):
    code, _, err = call(slip)
    assert (code, f"Did you mean {meant!r}?" in err) == (2, True)


def test_a_name_that_is_like_no_command_is_only_refused(call):
    assert "Did you mean" not in call("frobnicate")[2]


@pytest.mark.parametrize("words", [("explain", ""), ("explain", " ", ""), ("explain", "--all", "PT502")])
def test_nothing_to_explain_and_too_much_are_wrong_use(call, words):
    assert call(*words)[0] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "--no-import", "--output"),
        ("check", "--no-import", "--output"),
        ("snapshot", "--no-import", "--output"),
        ("bench", "--html"),
        ("bench", "--save"),
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_is_told_before_anything_is_done(call, words):
    code, out, err = call(*words, "absent/file")
    assert (code, out) == (3, "")
    assert err.splitlines()[0] == "ptsetup: absent/file cannot be written: the folder absent does not exist."
    code, _, err = call(*words, ".")
    assert (code, "it is a folder" in err) == (3, True)


def test_the_list_of_checks_is_there_for_programs(call):
    code, out, _ = call("bench", "--list", "--format", "json")
    told = json.loads(out)
    assert code == 0
    assert [check["name"] for check in told["checks"]] == [entry.name for entry in ENTRIES]
    assert all(check["proves"] and check["reveals"] for check in told["checks"])


def test_a_dash_as_the_file_is_stdout(call, tmp_path):
    for words in (("snapshot", "--no-import"), ("doctor", "--no-import", "--format", "json")):
        _, out, _ = call(*words, "--output", "-")
        assert json.loads(out)["schema"] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "rocm", "0"])
def test_what_is_no_device_is_told_before_an_interpreter_is_started(call, device):
    code, out, err = call("bench", "--device", device, "--python", "/nowhere/python")
    assert (code, out, "is no device" in err) == (2, "", True)


def test_an_error_text_is_explained_in_markdown(call):
    code, out, _ = call("explain", "--format", "markdown", "Torch not compiled with CUDA enabled")
    assert (code, out.startswith("- **PT401 cpu-wheel-on-gpu-machine** (")) == (0, True)
    assert call("explain", "--format", "markdown", "the printer is on fire")[0] == 1


@pytest.mark.parametrize(
    "words", [("--only", "tensor"), ("--skip", "speed"), ("--only", "speed.mlp", "--skip", "speed")]
)
def test_speed_that_is_left_out_cannot_be_kept(call, words):
    for option in ("--save", "--compare"):
        code, out, err = call("bench", *words, option, "runs.json")
        assert (code, out, "about speed" in err) == (2, "", True)
