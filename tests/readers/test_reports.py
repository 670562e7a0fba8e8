"""Reports of other machines: the right cause first, healthy ones quiet, and noise of transport does no harm."""

import html

import pytest

from ptsetup import index as wheel_index
from ptsetup import readers
from ptsetup.rules import diagnose
from tests.readers.reports import REPORTS
from tests.readers.spoken import SPOKEN

INDEX = wheel_index.load()
ALL = (*REPORTS, *SPOKEN)


def told(text):
    """Codes of the errors and warnings, root cause first."""
    found = diagnose(readers.read(text), INDEX)
    assert not [verdict for verdict in found.verdicts if verdict.outcome == "crashed"]
    return [finding.code for finding in found.findings if finding.severity != "note"]


@pytest.mark.parametrize(("codes", "text"), [(codes, text) for _, codes, text in ALL], ids=[name for name, _, _ in ALL])
def test_the_right_cause_first(codes, text):
    found = told(text)
    if codes:
        assert found, "nothing was found"
        assert found[0] in codes
    else:
        assert found == []


def colours(text):
    return "\n".join(f"\x1b[1;31m{line}\x1b[0m" for line in text.splitlines())


NOISE = {
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "colours": colours,
    "quoted": lambda text: "\n".join(f"> {line}" for line in text.splitlines()),
    "fenced": lambda text: f"### Environment\n\n```text\n{text}\n```\n",
    "entities": html.escape,
    "details": lambda text: f"<details><summary>Versions</summary>\n\n<pre>{text}</pre>\n</details>",
    "indented": lambda text: "\n".join(f"    {line}" for line in text.splitlines()),
    "binary noise": lambda text: b"\x00\xff\xfe\x80\n" + text.encode() + b"\n\x00\x01\x02\xc3\x28",
}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE.keys())
def test_noise_of_transport_does_no_harm(noise):
    """The same findings as in the clean text, for every third report."""
    for name, _, text in REPORTS[::3]:
        assert told(noise(text)) == told(text), name
