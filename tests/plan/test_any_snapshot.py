"""A Snapshot may come from anywhere and lack anything: a plan is made of it all the same, or a sentence says why not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import index
from ptsetup.errors import PtsetupError
from ptsetup.facts import replace
from ptsetup.plan import plan
from ptsetup.render import plan as render
from tests import builders, strategies
from tests.plan.described import requests

SECTIONS = ("host", "nvidia", "amd", "intel", "apple", "target", "torch", "env")


def show(snapshot, request):
    try:
        made = plan(snapshot, request, index.load())
    except PtsetupError:
        return
    for form in (render.as_json, render.as_shell, render.as_requirements):
        assert form(made)
    assert render.as_text(made, lambda line, **_: line)


@settings(max_examples=60, deadline=None)
@given(strategies.snapshots(), requests, st.sampled_from(((), (0,), (1,))))
def test_no_snapshot_crashes_the_planner(snapshot, request, gpus):
    show(snapshot, replace(request, gpus=gpus))


@pytest.mark.parametrize("healthy", [builders.machine(), builders.cpu_machine()], ids=["gpu", "cpu"])
@settings(max_examples=60, deadline=None)
@given(strategies.snapshots(), requests, st.sets(st.sampled_from(SECTIONS), min_size=1, max_size=3))
def test_no_section_in_a_healthy_machine_crashes_the_planner(healthy, snapshot, request, sections):
    """So that the rest of the planner is reached, whatever one section says or lacks."""
    show(replace(healthy, **{name: getattr(snapshot, name) for name in sections}), request)
