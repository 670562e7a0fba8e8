"""What torch requires beside itself, against what else was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from ptsetup import index
from ptsetup.facts import PipConfig, replace
from ptsetup.plan import Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.plan.needs import go_together
from tests.plan.described import planned

GPU = {"gpu": "8.6", "driver": "580.95.05"}


@pytest.mark.parametrize(
    ("packages", "machine", "torch"),
    [
        # 2.6.0 pins triton==3.2.0, later ones pin later ones
        (("torch", "triton==3.2.0"), GPU, "2.6.0"),
        (("torch==2.14.1", "triton==3.8.1"), GPU, "2.14.1"),
        (("torch", "triton>=3.4"), GPU, "2.15.0"),
        # setuptools>=77.0.3 since 2.13, sympy==1.13.1 and later since 2.5
        (("torch", "setuptools<70"), GPU, "2.12.1"),
        (("torch", "sympy==1.12"), GPU, "2.4.1"),
        # no build but those for CUDA on Linux requires Triton
        (("torch", "triton==3.2.0"), {}, "2.15.0"),
        (("torch", "triton==3.2.0"), {"gpu": "8.6", "driver": "580.88", "system": "windows"}, "2.15.0"),
        # what no torch requires holds nothing back
        (("torch", "transformers<4.20"), GPU, "2.15.0"),
    ],
)
def test_the_newest_torch_that_goes_with_what_else_was_asked_for(packages, machine, torch):
    done = planned(*packages, **machine)
    assert (done.outcome, done.torch) == ("install", torch)


def test_what_holds_torch_back_is_named():
    assert "that goes with triton==3.2.0" in planned("torch", "triton==3.2.0", **GPU).reasons[0]
    assert "triton" not in planned("torch", "triton>=3.4", **GPU).reasons[0]


def test_a_triton_that_no_such_torch_goes_with_is_refused_with_each_way_out():
    done = planned("torch==2.14.1", "triton==3.2.0", **GPU)
    assert done.outcome == "refuse"
    assert "goes with triton~=3.8.0, not with triton==3.2.0" in done.headline
    assert [option.command[2:] for option in done.options if option.kind == "request"] == [
        ("torch==2.6.0", "triton==3.2.0"),
        ("torch==2.14.1", "triton"),
    ]


def test_a_pip_constraint_on_such_a_package_counts_as_well():
    wheels = index.load()
    machine = describe(Description(gpus=("8.6",), driver="580.95.05"), wheels)
    pip = PipConfig(constraint_lines=("setuptools<70",))
    done = plan(replace(machine, target=replace(machine.target, pip=pip)), Request(), wheels)
    assert (done.torch, done.backend) == ("2.12.1", "cu130")
    assert "that goes with what your pip constraints ask for" in done.reasons[0]


@pytest.mark.parametrize(
    ("one", "other", "can_be"),
    [
        (">1.0,<2", "!=1.5", True),
        (">=77.0.3", "<70", False),
        ("==1.*", "!=1.0", True),
        ("~=3.8.0", "==3.9.0", False),
        ("<2", "", True),
        ("==2.6.*", ">2.6,<2.6.1", True),
    ],
)
def test_two_limits_go_together_where_some_version_satisfies_both(one, other, can_be):
    assert go_together(SpecifierSet(one), SpecifierSet(other)) is can_be


LIMITS = st.lists(
    st.builds(
        "{}{}".format, st.sampled_from(("==", "!=", "<", "<=", ">", ">=")), st.sampled_from(("1", "1.5", "2", "3"))
    ),
    max_size=3,
).map(lambda parts: SpecifierSet(",".join(parts)))


@given(LIMITS, LIMITS)
def test_limits_go_together_exactly_when_one_of_all_versions_does(one, other):
    versions = [f"{major}.{minor}" for major in range(5) for minor in range(10)]
    assert go_together(one, other) is any(version in one and version in other for version in versions)
