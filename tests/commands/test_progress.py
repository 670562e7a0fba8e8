"""Progress on a terminal is one moving line, which is gone when the result stands there; elsewhere there is none."""

import re

from tests.commands.test_streams import both_on_a_terminal

PROGRESS = re.compile(r"\r\x1b\[2K([^\r\n]*)")


def test_a_look_at_the_machine_leaves_nothing_but_its_result(tmp_path):
    shown = both_on_a_terminal(("doctor", "--no-import"), tmp_path, 60)
    lines = PROGRESS.findall(shown)
    assert any(line.startswith("looked at ") for line in lines)
    assert all(len(line) < 60 for line in lines)
    assert lines[-1] == "" or not lines[-1].startswith("looked at")
    # what a terminal keeps: of each line only what follows the last clearing
    kept = [line.rpartition("\x1b[2K")[2] for line in shown.replace("\r\n", "\n").split("\n")]
    assert not [line for line in kept if line.startswith("looked at")]


def test_an_error_clears_the_line_first(tmp_path):
    shown = both_on_a_terminal(("plan", "--gpu", "97"), tmp_path, 60, code=2)
    assert "\r\x1b[2Kptsetup: There is no GPU 97" in shown


def test_nothing_moves_where_it_must_not(tmp_path):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "looked at" not in both_on_a_terminal(("doctor", "--no-import"), tmp_path, 60, **env)
