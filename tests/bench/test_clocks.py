"""What holds a GPU's clocks back, from the stand-in for NVIDIA's library: no such GPU is here."""

import json
import subprocess
import sys

import pytest

from ptsetup import run
from ptsetup.bench import fastness
from ptsetup.facts import replace
from tests import standins
from tests.bench.test_speed import falling
from tests.render import reports

ASK = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("clocks", sys.argv[1])
clocks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clocks)
print(json.dumps(clocks.held_back(sys.argv[2] or None)))
"""

OTHER = "99999999-2222-3333-4444-555555555555"


def ask(env, uuid=""):
    argv = [sys.executable, "-c", ASK, str(run.script("bench_clocks.py")), uuid]
    return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True, env=env).stdout)


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (0x1, []),
        (0x4, ["its power limit"]),
        (0x48, ["a hardware slowdown", "heat (by the hardware)"]),
        (0x102, []),
        (None, None),
    ],
)
def test_the_reasons_of_the_driver_become_words(tmp_path, reasons, words):
    env = standins.environment(standins.nvml(tmp_path / "nvml", {"reasons": reasons}))
    assert ask(env) == words


def test_of_several_gpus_the_one_with_the_uuid_is_asked(tmp_path):
    env = standins.environment(
        standins.nvml(tmp_path / "nvml", {"reasons": 0x4}, {"reasons": 0x20, "uuid": f"GPU-{OTHER}"})
    )
    assert ask(env, OTHER) == ["heat (by the driver)"]
    assert ask(env, "no such") is None
    assert ask(env) is None


def test_without_the_library_or_where_it_refuses_nothing_is_said(tmp_path):
    assert ask(standins.environment(standins.nvml(tmp_path / "nvml", {}, init_rc=9))) is None


def test_a_falling_clock_is_told_with_what_the_driver_says():
    speed = reports.node().speed
    devices = ({**speed.devices[0], "held_back": "its power limit"}, *speed.devices[1:])
    hot = replace(speed, series=(falling(1.3),), devices=devices)
    (check,) = [one for one in fastness.judge_all(hot, "soak") if one.name == "speed.sustained"]
    assert check.verdict == "slow"
    assert check.detail.endswith(f"; {speed.devices[0]['device']} was held back by its power limit")
