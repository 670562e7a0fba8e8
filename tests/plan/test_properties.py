"""What holds for every machine."""

import os
import subprocess
import sys

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ptsetup import compat, index
from ptsetup.index import Build
from ptsetup.plan import ONE_BUILD, Plan, Request
from ptsetup.plan.describe import Description, describe
from ptsetup.plan.machine import Card, view
from ptsetup.render import plan as render
from tests.plan.described import DRIVERS, machines, made, requests

FAMILY = {"nvidia": "cuda", "amd": "rocm", "intel": "xpu", "apple": "cpu"}


def row_of(done: Plan) -> Build:
    """The build of the index that a plan takes; for a nightly that of the newest release, whose tags nightlies have."""
    wheels = index.load()
    torch = done.torch or wheels.releases[-1].version
    key = (torch, done.backend, done.platform, done.origin)
    (row,) = [build for build in wheels.builds if (build.torch, build.backend, build.platform, build.origin) == key]
    return row


def holds_code(build: Build, capability: tuple[int, int]) -> bool:
    """NVIDIA's rule, written down a second time: same major and no newer minor; or PTX that is no newer; Tegra only by its own code."""
    names = [
        (name.partition("_")[0], int(name.partition("_")[2][:-1]), int(name[-1])) for name in (*build.sass, *build.ptx)
    ]
    major, minor = capability
    if capability in ((5, 3), (6, 2), (7, 2), (8, 7)) and compat.version_tuple(build.cuda or "") < (13, 2):
        return ("sm", major, minor) in names
    is_native = any(kind == "sm" and major == x and y <= minor for kind, x, y in names)
    return is_native or any(kind == "compute" and (x, y) <= capability for kind, x, y in names)


def serves(build: Build, card: Card) -> bool:
    if FAMILY[card.vendor] != compat.family(build.backend):
        return False
    if card.vendor == "nvidia":
        return card.capability is not None and holds_code(build, card.capability)
    if card.vendor == "amd":
        return card.gfx in build.gfx
    return True


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_the_same_input_gives_the_same_plan_and_it_survives_json(machine, request):
    first = made(machine, request)
    assert render.as_json(first) == render.as_json(made(machine, request))
    assert msgspec.json.decode(msgspec.json.encode(first), type=Plan) == first


@pytest.mark.parametrize("form", ["json", "text", "requirements", "shell"])
def test_another_process_with_another_hash_seed_prints_the_same_bytes(form):
    argv = [sys.executable, "-m", "ptsetup", "plan", "--os", "linux", "--gpu", "6.1", "--driver", "580.95.05"]
    printed = {
        subprocess.run(
            [*argv, "torch", "torchvision", "--format", form],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "77")
    }
    assert len(printed) == 1


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_a_planned_build_is_in_the_index_for_this_python_and_satisfies_the_request(machine, request):
    done = made(machine, request)
    if done.outcome != "install":
        assert done.options
        assert not done.commands
        return
    assert done.python_tag in row_of(done).pythons
    assert request.backend in ("auto", done.backend)
    pins = tuple(requirement.pin for requirement in done.requirements)
    assert done.commands[0][-len(pins) :] == pins
    is_alone = request.is_pre or compat.family(done.backend) in ("rocm", "xpu")
    assert ("--no-deps" in done.commands[0]) is not is_alone
    assert not is_alone or len(done.commands) == 1 + bool(done.others)


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_no_command_names_an_extra_index(machine, request):
    assert not any("extra" in word for command in made(machine, request).commands for word in command)


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_a_build_serves_every_accelerator_that_is_not_said_to_be_left_out(machine, request):
    done = made(machine, request)
    if done.outcome != "install":
        return
    build, wheels = row_of(done), index.load()
    cards = view(describe(machine, wheels), wheels).cards
    left_out = {(device.vendor, device.index) for device in done.devices if device.problem}
    for card in cards:
        if (card.vendor, card.index) not in left_out and (card.capability or card.gfx):
            assert serves(build, card)


@settings(max_examples=150, deadline=None)
@given(machines, requests.filter(lambda request: request.backend == "auto"))
def test_only_an_accelerator_that_no_build_can_use_is_left_out_unasked(machine, request):
    """So a CPU build is never chosen silently while some GPU could be used."""
    done = made(machine, request)
    if done.outcome != "install":
        return
    wheels = index.load()
    cards = {(card.vendor, card.index): card for card in view(describe(machine, wheels), wheels).cards}
    here = [build for build in wheels.builds if build.platform == done.platform]
    for device in done.devices:
        card = cards[device.vendor, device.index]
        if not device.problem or (card.vendor == "nvidia" and machine.driver is None):
            continue
        is_beside_a_discrete_one = card.is_integrated and any(
            other.vendor != card.vendor and not other.is_integrated and not d.problem
            for d in done.devices
            if (other := cards[d.vendor, d.index])
        )
        able = [build for build in here if serves(build, card) and build.arch_level != "build-script"]
        is_out_of_reach = (
            (card.vendor == "intel" and not compat.xpu_support(card.name))
            or (card.vendor == "amd" and machine.is_wsl)
            or (card.vendor == "apple" and not compat.at_least(machine.os_version or "15", "12.3"))
        )
        assert is_beside_a_discrete_one or is_out_of_reach or not able


@settings(max_examples=120, deadline=None)
@given(machines, requests)
def test_companions_come_from_the_page_of_the_same_tag(machine, request):
    done = made(machine, request)
    for requirement in done.requirements:
        assert requirement.index_url == done.index_url
        local = (requirement.version or "").partition("+")[2]
        is_bare = (
            done.origin == "default"
            or (done.platform or "").startswith("macos")
            or requirement.name in ONE_BUILD
            or done.platform == "linux_aarch64"
        )
        assert local == done.backend or (not local and (is_bare or request.is_pre))


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(("7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "10.3", "12.0")),
    st.integers(0, len(DRIVERS) + 1),
    st.sampled_from(("3.9", "3.11", "3.13")),
    st.sampled_from(({"system": "linux"}, {"system": "windows"}, {"system": "linux", "is_wsl": True})),
    st.sampled_from((("torch",), ("torch<2.14",), ("torch", "torchvision"))),
)
def test_with_the_same_gpu_a_newer_driver_never_brings_an_older_torch(gpu, position, python, where, packages):
    drivers = (*DRIVERS, "590.48.01", "595.71.05", "610.43.02")
    older, newer = (
        made(Description(gpus=(gpu,), driver=driver, python_version=python, **where), Request(packages=packages))
        for driver in drivers[position : position + 2]
    )
    assume(older.outcome == "install")
    assert newer.outcome == "install"
    assert compat.at_least(newer.torch, older.torch)


@settings(max_examples=150, deadline=None)
@given(machines, requests, st.integers(20, 120))
def test_every_plan_can_be_shown_and_the_first_line_is_the_answer(machine, request, width):
    done = made(machine, request)
    text = render.as_text(done, lambda line, **_: line, width=width)
    assert text.split("\n\n")[0].replace("\n", " ") == done.headline
    assert render.as_shell(done).endswith("\n")
    assert render.as_requirements(done).endswith("\n")
