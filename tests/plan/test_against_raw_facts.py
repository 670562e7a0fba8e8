"""Machines drawn at random: the planner's answer is the one that other code reads out of the raw facts."""

import random

import pytest
from packaging.specifiers import SpecifierSet

from ptsetup import index
from ptsetup.facts import replace
from ptsetup.plan import Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.plan.machine import view
from ptsetup.plan.survey import best
from ptsetup.plan.wanted import parse
from tests.plan.raw_facts import FOLDER, Facts, Machine

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the facts are not beside this checkout")

PYTHONS = ("3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.15t")
LIBCS = ("2.16", "2.17", "2.27", "2.28", "2.39")
GPUS = (
    "3.0",
    "3.5",
    "3.7",
    "5.0",
    "5.2",
    "6.0",
    "6.1",
    "7.0",
    "7.5",
    "8.0",
    "8.6",
    "8.9",
    "9.0",
    "10.0",
    "10.3",
    "12.0",
    "12.1",
)
LINUX = (
    "390.157",
    "418.39",
    "440.33",
    "450.51.05",
    "450.80.01",
    "450.80.02",
    "455.23",
    "465.19.01",
    "470.256.02",
    "510.39.01",
    "520.61.04",
    "520.61.05",
    "525.60.12",
    "525.60.13",
    "530.30.02",
    "535.54.03",
    "550.54.13",
    "550.54.14",
    "560.28.02",
    "560.28.03",
    "570.26",
    "575.51.02",
    "575.51.03",
    "579.99",
    "580.65.05",
    "580.65.06",
    "580.95.05",
    "590.48.01",
    "595.45.03",
    "595.45.04",
    "610.43.02",
)
WINDOWS = (
    "391.35",
    "441.22",
    "451.48",
    "452.38",
    "452.39",
    "465.89",
    "472.50",
    "511.23",
    "520.06",
    "526.98",
    "528.32",
    "528.33",
    "531.14",
    "551.61",
    "560.75",
    "560.76",
    "566.36",
    "570.65",
    "576.01",
    "576.02",
    "579.99",
    "580.88",
    "581.15",
    "591.10",
    "596.10",
    "611.05",
)

LINUX_PC, WINDOWS_PC = ("linux", "x86_64"), ("windows", "x86_64")

MACHINES = 60
"""For each kind and seed; 4,500 of them agreed on 2026-11-25."""


@pytest.fixture(scope="module")
def facts():
    return Facts()


def drawing(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - machines, no secrets


def machine_of(draw: random.Random, facts: Facts, *places: tuple[str, str]) -> tuple[Machine, Description, str]:
    """(A machine, the same for the planner, what is asked for)."""
    system, arch = draw.choice(places)
    libc, python = draw.choice(LIBCS) if system == "linux" else None, draw.choice(PYTHONS)
    version = draw.choice([release["version"] for release in facts.releases])
    asked = draw.choice(("", "", f"=={version}", f"<={version}", f">={version}", f"!={facts.releases[-1]['version']}"))
    return (
        Machine(system, arch, f"cp{python.replace('.', '')}", libc, SpecifierSet(asked)),
        Description(system=system, arch=arch, libc=libc and f"glibc-{libc}", python_version=python),
        f"torch{asked}",
    )


def answer(description: Description, package: str) -> tuple[str, str] | None:
    wheels = index.load()
    made = plan(describe(description, wheels), Request(packages=(package,)), wheels)
    return (made.torch, made.backend) if made.outcome == "install" else None


@pytest.mark.parametrize("seed", range(3))
def test_nvidia_gpus_one_or_two(facts, seed):
    draw = drawing(seed)
    for _ in range(MACHINES):
        machine, described, package = machine_of(draw, facts, LINUX_PC, LINUX_PC, ("linux", "aarch64"), WINDOWS_PC)
        is_wsl = (machine.system, machine.arch) == LINUX_PC and draw.random() < 0.25
        is_windows = is_wsl or machine.system == "windows"
        driver, names = draw.choice(WINDOWS if is_windows else LINUX), draw.sample(GPUS, draw.choice((1, 1, 2)))
        gpus = [tuple(map(int, name.split("."))) for name in names]
        usable = [gpu for gpu in gpus if facts.is_ever_served(machine.system, machine.arch, gpu)]
        right = facts.nvidia(machine, driver, usable, is_windows=is_windows) if usable else facts.cpu(machine)
        described = replace(described, driver=driver, gpus=tuple(names), is_wsl=is_wsl)
        assert answer(described, package) == right, (described, package)


@pytest.mark.parametrize("gpu", ["6.1", "7.0", "8.6", "12.0"])
@pytest.mark.parametrize(("system", "drivers"), [("linux", LINUX), ("windows", WINDOWS)])
def test_each_release_with_each_driver(facts, gpu, system, drivers):
    """All of them, so that every tie between tags comes up; the builds are judged without the words of a plan."""
    wheels, libc = index.load(), "2.39" if system == "linux" else None
    for driver in drivers:
        described = Description(system=system, python_version="3.10", driver=driver, gpus=(gpu,))
        seen = view(describe(described, wheels), wheels)
        for release in facts.releases:
            asked = f"=={release['version']}"
            machine = Machine(system, "x86_64", "cp310", libc, SpecifierSet(asked))
            capability = tuple(map(int, gpu.split(".")))
            right = facts.nvidia(machine, driver, [capability], is_windows=system == "windows")
            fit = best(seen, parse(Request(packages=(f"torch{asked}",)), wheels), wheels, seen.cards)
            assert (fit and (fit.build.torch, fit.build.backend)) == right, (driver, asked)


def test_amd_gpus(facts):
    draw = drawing(0)
    for _ in range(MACHINES):
        machine, described, package = machine_of(draw, facts, LINUX_PC)
        target = draw.choice(facts.targets)
        is_usable = any(facts.is_for(name, target) for name in facts.gfx)
        right = facts.amd(machine, target) if is_usable else facts.cpu(machine)
        assert answer(replace(described, gpus=(target,)), package) == right, (described, target, package)


def test_no_gpu(facts):
    draw = drawing(0)
    for _ in range(MACHINES):
        places = (LINUX_PC, ("linux", "aarch64"), WINDOWS_PC, ("windows", "arm64"))
        machine, described, package = machine_of(draw, facts, *places)
        assert answer(described, package) == facts.cpu(machine), (described, package)
