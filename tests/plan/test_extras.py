"""``torch[optree]``: extras that the wheels have go along, others are refused, since an installer would pass over them."""

import pytest
from packaging.requirements import Requirement

from ptsetup.errors import RequestError
from ptsetup.plan.wanted import EXTRAS
from ptsetup.render import plan as render
from tests.plan.described import planned

KNOWN = [(name, extra) for name, extras in EXTRAS.items() for extra in extras]


@pytest.mark.parametrize(("name", "extra"), KNOWN)
def test_a_known_extra_stands_in_each_command_and_in_the_requirements_file(name, extra):
    done = planned(f"{name}[{extra}]", gpu="8.9", driver="580.95.05")
    assert done.outcome == "install"
    for command in done.commands:
        assert any(word.startswith(f"{name}[{extra}]==") for word in command)
    lines = [line for line in render.as_requirements(done).splitlines() if line.startswith(name)]
    assert any(Requirement(line.partition("  #")[0]).extras == {extra} for line in lines)


def test_extras_are_written_in_one_way_and_those_of_two_requirements_are_joined():
    done = planned("torch[opt_einsum]", "torch[OpTree]>=2.12")
    assert done.requirements[0].pin == "torch[opt-einsum,optree]==2.15.0+cpu"


def test_the_extras_of_a_build_that_comes_whole_from_its_index_come_from_the_users_own():
    done = planned("torch[optree,opt-einsum]", "torchvision[scipy]", gpu="gfx1100")
    assert done.backend.startswith("rocm")
    first, second = done.commands
    assert not any("[" in word for word in first)
    assert second[-3:] == ("opt-einsum", "optree", "scipy")
    assert done.others == second[-3:]


@pytest.mark.parametrize(
    ("package", "hint"),
    [
        ("torch[foo]", "opt-einsum"),
        ("torch[cuda]", "--backend cu126"),
        ("torch[cu126]", "--backend cu126"),
        ("torch[gpu,optree]", "--backend cu126"),
        ("torchaudio[sox]", "Name other packages"),
        ("torchvision[optree]", "gdown"),
    ],
)
def test_an_extra_that_no_wheel_has_is_refused_with_what_was_meant(package, hint):
    with pytest.raises(RequestError) as caught:
        planned(package)
    assert "has no extra" in caught.value.message
    assert hint in caught.value.hint


def test_extras_of_other_packages_are_not_ours_to_judge():
    assert planned("torch", "transformers[torch]").others == ("transformers[torch]",)


def test_a_way_out_keeps_the_extra():
    done = planned("torch[optree]==2.12.0", gpu="8.6", driver="470.57.02")
    assert done.outcome == "refuse"
    assert any("torch[optree]==" in " ".join(option.command) for option in done.options)
