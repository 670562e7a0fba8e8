"""What a long report costs: work that grows with its length, and never faster."""

import random
import time

import pytest

from ptsetup import index, readers
from ptsetup.rules import diagnose
from tests.readers import forms

LINES = 500

MANY = {"Intel GPUs": 2_000, "devices of the bus": 2_000}
"""Of these there are lists that were once searched for each line: only many lines show it."""


def word(dice):
    return "".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=7))


KINDS = {
    "words": lambda dice: " ".join(word(dice) for _ in range(9)),
    "errors": lambda dice: f"error: {word(dice)} failed in torch.{word(dice)}, cuda {word(dice)} not found",
    "labels": lambda dice: f"{word(dice)}: {word(dice)} {word(dice)}",
    "paths": lambda dice: f'  File "/usr/lib/python3.10/site-packages/{word(dice)}.py", line 1, in {word(dice)}',
    "binary": lambda dice: dice.randbytes(70).decode("utf-8", "replace").replace("\n", " "),
    "Intel GPUs": lambda dice: f"GPU: Intel Arc A770 {word(dice)} graphics",
    "devices of the bus": lambda dice: (
        f"01:00.0 VGA compatible controller: NVIDIA Corporation {word(dice)} [{word(dice)}]"
    ),
    "processes": lambda dice: f"|    0   N/A  N/A    1234      C   {word(dice)}      1MiB |",
    "versions": lambda dice: f"torch=={dice.randrange(9)}.{dice.randrange(99)}.{dice.randrange(99)}",
    "wheels": lambda dice: f"Downloading torch-2.{dice.randrange(20)}.0+{word(dice)}-cp310-cp310-linux_x86_64.whl",
}


def cost(text):
    """CPU seconds to read and to judge it; the less of two, since other programs disturb."""
    wheels = index.load()
    seconds = []
    for _ in range(2):
        started = time.process_time()
        diagnose(readers.read(text), wheels)
        seconds.append(time.process_time() - started)
    return min(seconds)


@pytest.mark.parametrize("kind", KINDS)
def test_ten_times_the_text_costs_about_ten_times_as_much(kind):
    dice = random.Random(1)  # noqa: S311 - the same noise each time
    few = MANY.get(kind, LINES)
    lines = [KINDS[kind](dice) for _ in range(10 * few)]
    cost(lines[0])
    assert cost("\n".join(lines)) <= 15 * cost("\n".join(lines[:few]))


def test_one_endless_line_costs_no_more_than_its_ends():
    assert cost("torch error " * 300_000) <= 15 * cost("torch error " * 30_000)


def test_of_a_long_report_the_ends_and_the_trouble_between_are_read():
    noise = [f"{number} " + "lorem ipsum " * 150 for number in range(3_000)]
    middle = "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory"
    last = "RuntimeError: CUDA error: uncorrectable ECC error encountered"
    snapshot = readers.read("\n".join([forms.collect_env(), *noise[:1500], middle, *noise[1500:], last]))
    texts = [message.text for message in snapshot.messages]
    assert snapshot.target.wheel.version == "2.5.1+cu124"
    assert middle in texts
    assert last in texts
    assert sum(map(len, texts)) < 2_000_000
