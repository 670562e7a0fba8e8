"""``ptsetup install`` on a terminal: the plan is shown, and a question asked before anything is changed."""

import contextlib
import os
import pty
import subprocess

import pytest


def on_a_terminal(world, answer: bytes, *options: str) -> tuple[int, str]:
    """(Exit code, what the terminal showed); the answer is typed when the question stands there."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        world.argv("torch==2.14.1", *options),
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        env={**world.env, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(secondary)
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(primary, 65536):
            shown += part
            if b"Go on?" in shown and answer:
                os.write(primary, answer)
                answer = b""
    os.close(primary)
    return process.wait(), shown.decode()


@pytest.mark.parametrize(
    ("answer", "code", "word"),
    [(b"n\n", 1, "Nothing was changed"), (b"\n", 0, "Done: torch 2.14.1+cpu"), (b"y\n", 0, "Done:"), (b"\x04", 130, "Interrupted")],
    ids=["no", "enter", "yes", "end of file"],
)  # fmt: skip
def test_the_answer_counts(world, answer, code, word):
    world.offer("2.14.1+cpu")
    before = world.files()
    ended, shown = on_a_terminal(world, answer)
    assert (ended, word in shown) == (code, True), shown
    assert shown.index("torch 2.14.1 for the CPU") < shown.index("Go on?")
    assert (world.files() == before) == (code != 0)


def test_a_yes_given_before_is_not_asked_for_again(world):
    world.offer("2.14.1+cpu")
    code, shown = on_a_terminal(world, b"", "--yes")
    assert (code, "Go on?" in shown) == (0, False)
