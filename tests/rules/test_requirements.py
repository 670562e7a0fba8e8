"""Requirements told by their text alone: never against what packaging says of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from ptsetup.facts import Distribution
from ptsetup.rules import Case
from ptsetup.rules._requirements import is_plainly_satisfied, named, requirements_of
from tests.builders import machine

RELEASES = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
BOUNDS = st.lists(
    st.builds("{}{}".format, st.sampled_from(["==", ">=", "<=", ">", "<", "~=", "!="]), RELEASES), max_size=3
).map(",".join)


@given(BOUNDS, RELEASES, st.sampled_from(["", "+cpu", "rc1", ".dev20260101", ".post1"]))
def test_what_is_plainly_satisfied_is_satisfied(bounds, release, suffix):
    try:
        requirement = Requirement(f"torch{bounds}")
    except ValueError:
        return  # ~=2 is no specifier
    if is_plainly_satisfied(f"torch{bounds}", release + suffix):
        assert requirement.specifier.contains(release + suffix, prereleases=True)


@given(BOUNDS.filter(lambda text: "~" not in text and "!" not in text), RELEASES)
def test_of_releases_and_simple_bounds_the_text_tells_all(bounds, release):
    satisfied = Requirement(f"torch{bounds}").specifier.contains(release, prereleases=True)
    assert is_plainly_satisfied(f"torch ({bounds}) ; sys_platform == 'linux'", release) == satisfied


@pytest.mark.parametrize(
    ("text", "name"),
    [("torch", "torch"), ("Nvidia_cudnn.cu12 (>=9)", "nvidia-cudnn-cu12"), (" triton==3.1; x", "triton")],
)
def test_the_name_of_a_requirement_is_normalised(text, name):
    assert named(text) == name


@pytest.mark.parametrize("text", ["numpy[blas]>=2", "numpy @ file:///numpy.whl", "numpy==1.*", "numpy>=2.0rc1"])
def test_what_is_not_plain_is_left_to_packaging(text):
    assert not is_plainly_satisfied(text, "2.4.0")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("numpy>=1", 1),
        ("numpy>=1; extra == 'test'", 0),
        ('numpy>=1 ; (python_version < "4") and extra == "test"', 0),
        ("numpy>=1; extra == 'test' or python_version > '3'", 1),
        ("numpy>=1; python_version > '3' or extra == 'test'", 1),
        ("numpy>=1; python_version < '3'", 0),
    ],
)
def test_requirements_of_an_extra_are_nobodys_who_did_not_ask_for_it(text, count):
    case = Case(machine(), None)
    assert len(list(requirements_of(case, Distribution(name="a", requires=(text,)), ("numpy",)))) == count
