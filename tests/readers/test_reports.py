"""Reports of other machines: the right cause first, healthy ones quiet, and noise of transport does no harm."""

import functools
import html
import json
import random
import textwrap

import pytest

from ptsetup import index as wheel_index
from ptsetup import readers
from ptsetup.readers import _hardware, _traces
from ptsetup.readers._lines import speaks_of
from ptsetup.rules import diagnose
from tests.readers.phrases import PHRASES, QUIET
from tests.readers.reports import CONTAINER, REPORTS
from tests.readers.spoken import SPOKEN
from tests.readers.tongues import TONGUES

INDEX = wheel_index.load()
ALL = (*REPORTS, *SPOKEN, *TONGUES)


@functools.cache
def told(text):
    """Codes of the errors and warnings, root cause first."""
    found = diagnose(readers.read(text), INDEX)
    assert not [verdict for verdict in found.verdicts if verdict.outcome == "crashed"]
    return [(finding.code, finding.severity) for finding in found.findings if finding.severity != "note"]


@pytest.mark.parametrize(("codes", "text"), [(codes, text) for _, codes, text in ALL], ids=[name for name, _, _ in ALL])
def test_the_right_cause_first(codes, text):
    found = [code for code, _ in told(text)]
    if codes:
        assert found, "nothing was found"
        assert found[0] in codes
    else:
        assert found == []


@pytest.mark.parametrize("reader", [_hardware, _traces], ids=["hardware", "traces"])
def test_what_is_passed_over_holds_no_trigger(reader):
    """The words that are asked for first, since that is cheap, are in whatever the pattern behind them finds."""
    lines = [line for _, _, text in ALL for line in text.splitlines()]
    lines += [
        "it runs on my 3070",
        "two 3060 Ti cards",
        "a GB10 and a gpu",
        "Linux pi 6.1 armv7l",
        "arch linux",
        "c--------- 1 root root kfd",
    ]
    found = [line for line in lines if reader._TRIGGER.search(line)]
    assert len(found) > 100
    assert [line for line in found if not speaks_of(line, reader._WORDS)] == []


def each(form):
    """Every line that holds anything in that form."""
    return lambda text: "\n".join(form.format(line) if line.strip() else line for line in text.splitlines())


NOISE = {
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "colours": each("\x1b[1;31m{}\x1b[0m"),
    "quoted": each("> {}"),
    "quoted twice": each("> > {}"),
    "fenced": lambda text: f"### Environment\n\n```text\n{text}\n```\n",
    "fenced and quoted": lambda text: f"> ```text\n{each('> {}')(text)}\n> ```",
    "entities": html.escape,
    "details": lambda text: f"<details><summary>Versions</summary>\n\n<pre>{text}</pre>\n</details>",
    "breaks of HTML": lambda text: text.replace("\n", "<br>\n"),
    "breaks of HTML alone": lambda text: text.replace("\n", "<br/>"),
    "a string of JSON": lambda text: json.dumps({"log": text + "\n\n\n"}, ensure_ascii=False) if "\\" not in text else text,
    "indented": each("    {}"),
    "blank lines between": lambda text: text.replace("\n", "\n\n"),
    "spaces that do not break": lambda text: text.replace(" ", "\xa0"),
    "marks of an editor": lambda text: text.replace("'", "\u2019"),
    "marks of Markdown": lambda text: text if "\\" in text else text.replace("_", r"\_").replace("[", r"\[").replace("*", r"\*"),
    "code in lines": each("`{}`"),
    "binary noise": lambda text: b"\x00\xff\xfe\x80\n" + text.encode() + b"\n\x00\x01\x02\xc3\x28",
    "GitHub Actions": each("2026-11-01T12:00:00.1234567Z {}"),
    "logging": each("2026-11-01 12:00:00,123 - ERROR - {}"),
    "loguru": each("2026-11-01 12:00:00.123 | ERROR    | app:run:12 - {}"),
    "the journal": each("Nov 01 12:00:00 host python[1234]: {}"),
    "Ray": each("\x1b[36m(RayWorker pid=1234, ip=10.0.0.1)\x1b[0m {}"),
    "torchrun": each("[rank0]: {}"),
    "pytest": each("E   {}"),
}  # fmt: skip


DATED = {"GitHub Actions", "logging", "loguru"}
"""Noise that tells the day."""

ROOT_ONLY = {"breaks of HTML alone", "a string of JSON", "blank lines between"}
"""Noise that takes lines apart from each other: of what else is found, something may differ."""


@pytest.mark.parametrize("noise", NOISE)
def test_noise_of_transport_does_no_harm(noise):
    """The same findings as in the clean text; every report meets some noise."""
    start, shown = list(NOISE).index(noise) % 3, 1 if noise in ROOT_ONLY else None
    for name, _, text in ALL[start::3]:
        if text.isascii() or noise != "UTF-16 without a mark":
            clean = f"{text}\n2026-11-01T12:00:00" if noise in DATED else text
            assert told(NOISE[noise](text))[:shown] == told(clean)[:shown], name


@pytest.mark.parametrize("mark", ["app-1  | ", "app_1    | ", "my.app  | "])
def test_the_marks_of_docker_compose_tell_of_a_container(mark):
    text = 'Traceback (most recent call last):\n  File "run.py", line 3, in <module>\nRuntimeError: Found no NVIDIA driver on your system.'
    assert told("\n".join(mark + line for line in text.splitlines()))[0][0] in CONTAINER
    assert told(text)[0][0] not in CONTAINER
    table = "pip | 24.0 |\nnumpy | 1.26 |\nscipy | 1.13 |\n" + text
    assert told(table) == told(text)


def cut_at(width):
    """As a terminal of that width cuts lines, in the middle of words."""
    return lambda text: "\n".join(
        line[start : start + width] for line in text.splitlines() for start in range(0, len(line) or 1, width)
    )


def wrapped_at(width):
    """As a mail is wrapped, between words."""
    return lambda text: "\n".join("\n".join(textwrap.wrap(line, width)) for line in text.splitlines())


def without_some(text):
    """A fifth of the lines is lost."""
    chance = random.Random(text)  # noqa: S311 - the same lines in each run
    return "\n".join(line for line in text.splitlines() if chance.random() > 0.2)


LOSS = {
    "cut at 80 columns": cut_at(80),
    "cut at 120 columns": cut_at(120),
    "wrapped at 72 columns": wrapped_at(72),
    "its first two thirds": lambda text: "\n".join(text.splitlines()[: len(text.splitlines()) * 2 // 3]),
    "its last two thirds": lambda text: "\n".join(text.splitlines()[len(text.splitlines()) // 3 :]),
    "without a fifth of its lines": without_some,
}


@pytest.mark.parametrize("loss", LOSS)
def test_what_is_lost_makes_no_false_cause(loss):
    """Where lines were cut or lost, less is found, and hardly ever an error that is none in the whole text.

    Hardly: the line that was lost may be the one that tells of the container, or of the other vendor's card.
    """
    false = []
    for name, codes, text in ALL:
        found = told(LOSS[loss](text))
        if found and found[0][1] == "error" and found[0][0] not in {*codes, *(code for code, _ in told(text))}:
            false.append(name)
    assert len(false) <= len(ALL) // 25, false


@pytest.mark.parametrize(
    ("codes", "text"),
    [(codes, text) for codes, texts in PHRASES.values() for text in texts],
    ids=[f"{cause}-{number}" for cause, (_, texts) in PHRASES.items() for number in range(len(texts))],
)
def test_what_is_said_in_few_words_is_understood(codes, text):
    found = [code for code, _ in told(text)]
    assert found, "nothing was found"
    assert found[0] in codes


@pytest.mark.parametrize("text", QUIET)
def test_a_few_words_that_tell_of_no_fault_are_no_finding(text):
    assert told(text) == []


def test_a_fact_of_running_text_is_marked_as_such():
    """It counts where nothing that was printed tells otherwise, and where something does not work."""
    said = readers.read("I am on driver 470 with torch 2.3.1+cu121")
    assert said.sources["nvidia.smi.driver_version"] == "report line 1, in words"
    assert [code for code, _ in told("We run on driver 470 and torch with cuda 12.1")] == []
    assert [code for code, _ in told("We run on driver 470 and torch with cuda 12.1, and it fails")] == ["PT502"]
    printed = readers.read("I was on driver 470\nDriver Version: 550.54.15")
    assert printed.nvidia.smi.driver_version == "550.54.15"


def test_of_two_builds_the_one_that_is_said_to_work_is_not_meant():
    works, fails = "the build with torch cu126 works fine", "the one with torch cu128 fails on my GTX 1080"
    assert readers.read(f"{works}, {fails}").target.wheel.cuda == "12.8"
    assert readers.read("torch cu126 or torch cu128?").target is None


@pytest.mark.parametrize("digits", ["\u0661\u0662.\u0664", "\uff11\uff12.\uff14"], ids=["Arabic", "wide"])
def test_digits_of_other_scripts_are_no_numbers(digits):
    """A version is written in ASCII; ``int`` would read these too."""
    report = f"| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: {digits}     |\nPython version: 3.{digits[:2]}.1"
    snapshot = readers.read(report)
    assert snapshot.nvidia.smi.driver_version == "550.54.15"
    assert snapshot.nvidia.smi.cuda_version is None
    assert snapshot.target is None or (snapshot.target.version or "").isascii()
    assert told(report + "\nOMP_NUM_THREADS=\u00b2\nLOCAL_WORLD_SIZE=\u00b2") == []


def test_of_two_cards_only_the_one_that_is_named_is_unserved():
    text = "Which GPU to rent: the K80 is not supported by current PyTorch, so take at least a T4 or an A10G."
    assert [code for code, _ in told(text)] == ["PT601"]
