"""A list of machines whose right answer was worked out from the facts before the planner was asked."""

import pathlib
import shlex

import pytest

from ptsetup import index
from ptsetup.commands.plan import command, described_by, request_for
from ptsetup.plan import plan
from ptsetup.plan.describe import describe

TABLE = pathlib.Path(__file__).with_name("machines.txt")


def rows():
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            machine, packages, answer, *_ = (part.strip() for part in line.split(" | "))
            yield pytest.param(machine, packages, answer, id=f"{machine} {packages}")


@pytest.mark.parametrize(("machine", "packages", "answer"), list(rows()))
def test_the_answer_is_the_one_that_the_facts_give(machine, packages, answer):
    options = command.make_context("plan", [*shlex.split(machine), *packages.split()]).params
    wheels = index.load()
    done = plan(describe(described_by(options), wheels), request_for(options), wheels)
    outcome, *rest = answer.split()
    assert done.outcome == outcome
    if rest:
        torch, backend = rest
        assert done.torch in torch.split("/")
        assert backend == "*" or done.backend in backend.split("/")


def test_the_list_holds_each_outcome():
    outcomes = [row.values[2].split()[0] for row in rows()]
    assert set(outcomes) == {"install", "choose", "refuse"}
