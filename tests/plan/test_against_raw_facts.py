"""Machines drawn at random: the planner's answer is the one that other code reads out of the raw facts."""

import random

import pytest

from ptsetup import index
from ptsetup.plan import Request, plan
from ptsetup.plan.describe import Description, describe
from tests.plan.raw_facts import FOLDER, Facts

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

MACHINES = 60
"""For each kind and seed; 3,000 of them agreed on 2026-11-25."""


@pytest.fixture(scope="module")
def facts():
    return Facts()


def answer(made):
    return (made.torch, made.backend) if made.outcome == "install" else None


def tag(python: str) -> str:
    return f"cp{python.replace('.', '')}"


def drawing(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - machines, no secrets


def machine_of(draw: random.Random) -> tuple[str, str, str | None]:
    system, arch = draw.choice([("linux", "x86_64"), ("linux", "x86_64"), ("linux", "aarch64"), ("windows", "x86_64")])
    return system, arch, draw.choice(LIBCS) if system == "linux" else None


@pytest.mark.parametrize("seed", range(3))
def test_nvidia_gpus_one_or_two(facts, seed):
    draw, wheels = drawing(seed), index.load()
    for _ in range(MACHINES):
        system, arch, libc = machine_of(draw)
        is_wsl = (system, arch) == ("linux", "x86_64") and draw.random() < 0.25
        is_windows = is_wsl or system == "windows"
        python, driver = draw.choice(PYTHONS), draw.choice(WINDOWS if is_windows else LINUX)
        names = draw.sample(GPUS, draw.choice((1, 1, 2)))
        described = Description(
            system=system,
            arch=arch,
            libc=libc and f"glibc-{libc}",
            python_version=python,
            driver=driver,
            gpus=tuple(names),
            is_wsl=is_wsl,
        )
        gpus = [tuple(map(int, name.split("."))) for name in names]
        usable = [gpu for gpu in gpus if facts.is_ever_served(system, arch, gpu)]
        if usable:
            right = facts.nvidia(system, arch, tag(python), libc, driver, usable, is_windows=is_windows)
        else:
            right = facts.cpu(system, arch, tag(python), libc)
        assert answer(plan(describe(described, wheels), Request(), wheels)) == right, described


def test_amd_gpus(facts):
    draw, wheels = drawing(0), index.load()
    for _ in range(MACHINES):
        python, libc, target = draw.choice(PYTHONS), draw.choice(LIBCS), draw.choice(facts.targets)
        described = Description(libc=f"glibc-{libc}", python_version=python, gpus=(target,))
        is_usable = any(facts.is_for(name, target) for name in facts.gfx)
        right = facts.amd(tag(python), libc, target) if is_usable else facts.cpu("linux", "x86_64", tag(python), libc)
        assert answer(plan(describe(described, wheels), Request(), wheels)) == right, described


def test_no_gpu(facts):
    draw, wheels = drawing(0), index.load()
    for _ in range(MACHINES):
        system, arch, libc = draw.choice([machine_of(draw), ("windows", "arm64", None)])
        python = draw.choice(PYTHONS)
        described = Description(system=system, arch=arch, libc=libc and f"glibc-{libc}", python_version=python)
        right = facts.cpu(system, arch, tag(python), libc)
        assert answer(plan(describe(described, wheels), Request(), wheels)) == right, described
