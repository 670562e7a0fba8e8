"""The sentence on top: no clean bill for what did not run."""

import pytest

from ptsetup.bench import Check, runner

VERSIONS = {"torch": "2.13.0"}


def check(verdict, group="tensor"):
    return Check(name=f"{group}.x", group=group, title="x", verdict=verdict)


@pytest.mark.parametrize(
    ("checks", "verdict", "words"),
    [
        ([check("ok"), check("ok", "speed")], "ok", "torch 2.13.0 computes right on the CPU: 2 checks in 1.0 s."),
        ([check("ok", "speed")], "ok", "was timed on the CPU (1 check in 1.0 s); whether it computes right was not asked."),
        ([check("noisy", "speed")], "ok", "whether it computes right was not asked"),
        ([check("slow", "speed"), check("ok")], "slow", "computes right on the CPU: 2 checks in 1.0 s. Slow: x."),
        ([check("unsupported"), check("unavailable")], "untested", "Nothing of torch 2.13.0 was tested on the CPU"),
        ([], "untested", "Nothing of torch 2.13.0 was tested on the CPU"),
        ([check("ok"), check("crashed")], "wrong", "computes wrong here: 1 of 2 checks failed"),
    ],
)  # fmt: skip
def test_the_headline_says_what_was_proven(checks, verdict, words):
    assert runner.verdict_of(checks) == verdict
    assert words in runner.headline(VERSIONS, "the CPU", checks, 1.0)
