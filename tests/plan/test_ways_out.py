"""Every way out and every piece of advice, when it is followed, yields what it promises; and it is the smallest change."""

import re

import pytest
from hypothesis import example, given, settings

from ptsetup import index
from ptsetup.facts import replace
from ptsetup.plan import Option, Plan, Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.plan.machine import view
from tests import builders
from tests.plan.described import machines, made, planned, requests


def request_of(command: tuple[str, ...]) -> Request:
    """The Request that a ``ptsetup install`` call stands for."""
    words = list(command[2:])
    values: dict[str, str] = {}
    for name in ("--backend", "--mirror", "--index-url", "--find-links", "--python"):
        if name in words:
            position = words.index(name)
            values[name] = words[position + 1]
            del words[position : position + 2]
    gpus = []
    while "--gpu" in words:
        position = words.index("--gpu")
        gpus.append(int(words[position + 1]))
        del words[position : position + 2]
    is_pre = "--pre" in words
    packages = tuple(word for word in words if word != "--pre")
    assert not [word for word in packages if word.startswith("-")]
    return Request(
        packages=packages or ("torch",),
        backend=values.get("--backend", "auto"),
        mirror=values.get("--mirror"),
        gpus=tuple(gpus),
        is_pre=is_pre,
    )


def _label(gpu: str) -> str:
    wheels = index.load()
    (card,) = view(describe(Description(gpus=(gpu,)), wheels), wheels).cards
    return card.label


def changed(machine: Description, option: Option) -> Description:
    """The machine after what the text says was done to it."""
    text = option.text
    if option.kind == "python" or "together with Python" in text:
        machine = replace(machine, python_version=re.search(r"Python ([\d.]+t?)", text)[1])
    if option.kind == "driver" or re.search(r"together with .*\bdriver", text):
        driver = re.search(r"driver ([\d.]+)", text)[1]
        machine = replace(machine, driver=f"{driver}.999" if "(the last branch" in text else driver)
    if option.kind == "system":
        glibc, macos = re.search(r"glibc ([\d.]+)", text), re.search(r"macOS ([\d.]+)", text)
        machine = replace(machine, libc=f"glibc-{glibc[1]}") if glibc else replace(machine, os_version=macos[1])
    if text.endswith(" alone"):
        kept = tuple(gpu for gpu in machine.gpus if f"for {_label(gpu)} alone" in text)
        machine = replace(machine, gpus=kept)
    return machine


def followed(machine: Description, request: Request, option: Option) -> Plan | None:
    """The plan after taking a way; None for ways that lie outside ptsetup (NVIDIA's own wheels, a distribution's package)."""
    if option.command[:2] == ("ptsetup", "install"):
        return made(machine, request_of(option.command))
    if option.kind in ("python", "driver", "system") and option.backend is not None:
        return made(changed(machine, option), request)
    return None


@settings(max_examples=120, deadline=None)
@given(machines, requests)
@example(
    Description(
        system="linux",
        arch="aarch64",
        libc="glibc-2.17",
        python_version="3.10",
        driver="390.157",
        gpus=(),
        is_wsl=False,
        is_jetson=True,
    ),
    Request(packages=("torch",)),
)
def test_each_way_out_and_each_advice_yields_what_it_promises(machine, request):
    first = made(machine, request)
    for option in (*first.options, *first.advice):
        after = followed(machine, request, option)
        if after is not None:
            promised = (option.torch, option.backend)
            assert (after.outcome, (after.torch, after.backend)) == ("install", promised), option


@settings(max_examples=100, deadline=None)
@given(machines, requests)
def test_a_refusal_where_some_build_would_do_says_how_to_get_it(machine, request):
    done = made(machine, request)
    if done.outcome == "refuse" and made(machine, Request()).outcome == "install" and request.backend == "auto":
        assert any(option.kind == "request" and option.command for option in done.options)


SMALLEST = [
    # one pin is in the way: the other stays
    (
        ("torch==2.12.0", "torchvision==0.26.0"),
        {"gpu": "8.6", "driver": "580.95.05"},
        [("torch==2.11.0", "torchvision==0.26.0"), ("torch==2.12.0", "torchvision==0.27.0")],
    ),
    # a range for torch that this driver cannot serve: what stands beside it stays as it was written
    (
        ("torch>=2.12", "torchvision", "numpy>=2"),
        {"gpu": "12.0", "driver": "572.16", "system": "windows"},
        [("torch==2.11.0", "torchvision", "numpy>=2")],
    ),
    # torch was made for NumPy 1, and NumPy 2 is asked for
    (("torch==2.2.2", "numpy>=2"), {}, [("torch==2.15.0", "numpy>=2"), ("torch==2.2.2", "numpy<2")]),
    # a package that no such torch has is left out
    (
        ("torch==2.12.0", "torchtext"),
        {"gpu": "8.6", "driver": "580.95.05"},
        [("torch==2.3.1", "torchtext"), ("torch==2.12.0",)],
    ),
]


@pytest.mark.parametrize(("packages", "machine", "expected"), SMALLEST)
def test_a_way_out_gives_up_as_little_as_possible(packages, machine, expected):
    done = planned(*packages, **machine)
    assert done.outcome == "refuse"
    ways = [option.command[2:] for option in done.options if option.kind == "request"]
    assert ways == expected


def test_a_tag_is_given_up_and_the_version_kept():
    done = planned("torch==2.7.1", backend="cu130", gpu="8.6", driver="580.95.05")
    commands = [option.command for option in done.options if option.kind == "request"]
    assert ("ptsetup", "install", "--backend", "cu130", "torch==2.15.0") in commands
    assert ("ptsetup", "install", "--backend", "cu128", "torch==2.7.1") in commands


def test_the_source_and_the_gpu_that_were_named_stay_in_the_command():
    wheels = index.load()
    machine = describe(Description(gpus=("12.0",), driver="570.86.10"), wheels)
    done = plan(machine, Request(packages=("torch==2.6.0",), mirror="nju", gpus=(0,)), wheels)
    ways = [option.command for option in done.options if option.kind == "request"]
    assert ways == [("ptsetup", "install", "--mirror", "nju", "--gpu", "0", "torch==2.13.0")]


def test_a_pip_constraint_in_the_way_is_named_and_no_command_pretends_to_lift_it():
    wheels = index.load()
    machine = builders.cpu_machine()
    pip = replace(machine.target.pip, constraint_lines=("torch<2.5",)) if machine.target.pip else None
    if pip is None:
        from ptsetup.facts import PipConfig

        pip = PipConfig(constraint_lines=("torch<2.5",))
    done = plan(replace(machine, target=replace(machine.target, pip=pip)), Request(packages=("torch>=2.12",)), wheels)
    assert done.outcome == "refuse"
    texts = {option.text: option.command for option in done.options if option.kind == "request"}
    lifted = [command for text, command in texts.items() if "without the pip constraint torch<2.5" in text]
    assert lifted == [()]


def test_no_driver_serves_a_kepler_and_a_blackwell_card_and_both_ways_are_named():
    done = planned(gpu=("Tesla K80", "RTX 5090"), driver="580.95.05")
    assert done.outcome == "refuse"
    assert "ends with driver branch 470 and RTX 5090 (12.0) begins with 570" in done.headline
    ways = {(option.kind, option.torch, option.backend) for option in done.options}
    assert {("gpu", "2.15.0", "cu130"), ("driver", "2.7.1", "cu118")} <= ways


def test_a_tag_for_another_makers_gpu_is_refused_and_the_right_one_offered():
    for gpu, driver, backend, right in (
        ("gfx1100", None, "cu126", "rocm7.2"),
        ("8.6", "550.54.14", "rocm7.2", "cu126"),
    ):
        done = planned(backend=backend, gpu=gpu, driver=driver)
        assert done.outcome == "refuse"
        assert f"{backend} builds are for" in done.headline
        assert right in {option.backend for option in done.options}


def test_a_tag_for_a_gpu_that_waits_for_its_driver_or_is_nowhere_is_taken_with_a_word():
    for gpu in ("8.6", ()):
        done = planned(backend="cu126", gpu=gpu)
        assert (done.outcome, done.backend) == ("install", "cu126")
        assert any("nothing here can use" in warning for warning in done.warnings)


def test_two_makers_of_which_one_waits_for_a_driver_are_no_equal_choice():
    done = planned(gpu=("8.6", "gfx1100"), driver="390.157")
    assert done.outcome == "refuse"
    kinds = {(option.kind, option.backend) for option in done.options}
    assert ("gpu", "rocm7.2") in kinds
    assert any("NVIDIA GPU (8.6) alone" in option.text for option in done.options if option.kind == "driver")


def test_a_person_with_a_free_threaded_python_is_told_of_another_such_build():
    done = planned("torch>=2.13", python_version="3.13t")
    assert [option.text for option in done.options if option.kind == "python"] == [
        "Python 3.14t opens 2.15.0 for the CPU"
    ]


def test_a_newer_driver_is_not_promised_beyond_the_branch_that_a_card_ends_with():
    done = planned(gpu="6.1", driver="470.256.02")
    assert [option.text for option in done.advice] == [
        "driver 525.60.13 or newer, up to branch 580, opens 2.14.1 for CUDA 12.6"
    ]


HEADLINES = [
    ({"gpu": "9.0", "driver": "550.54.14", "python_version": "3.10"}, "torch<2", "1.13.1+cu117 holds no code for"),
    ({"gpu": "8.6", "driver": "550.54.14"}, "torch==3.0", "no such release is known, the newest is 2.15.0"),
    ({"system": "macos", "arch": "x86_64"}, "torch>=2.3", "that release has no build for macOS on Intel"),
    ({"gpu": "Arc A770"}, "torch==2.4.1", "2.4.1 has no build for an Intel GPU on Linux on x86_64"),
    (
        {"gpu": "8.7", "driver": "36.4", "arch": "aarch64", "is_jetson": True, "python_version": "3.10"},
        "torch",
        "builds before CUDA 13.2 hold no code for a Jetson's own GPU, and 2.14.1+cu132 needs driver 580",
    ),
    ({"gpu": "8.6", "driver": "580.95.05"}, "torchtext==0.99", "has no torchtext==0.99 that belongs to it"),
    # of the drivers that would do the oldest is where it begins
    ({"gpu": "8.6", "driver": "450.80.01"}, "torch", "2.7.1+cu118 needs driver 450.80.02 or newer"),
    ({"gpu": "8.6", "driver": "470.57.02", "python_version": "3.14"}, "torch", "2.14.1+cu126 needs driver 525.60.13"),
    ({"gpu": "12.0", "driver": "566.36", "system": "windows"}, "torch", "2.11.0+cu128 needs driver 570 or newer"),
    # two facts against one build do not run into each other
    (
        {"gpu": ("5.2", "12.0"), "driver": "550.54.14"},
        "torch",
        "needs driver 580 or newer, this machine has 550.54.14; it also holds no code for NVIDIA GPU (5.2).",
    ),
    (
        {"system": "macos", "os_version": "13.6"},
        "torch==2.12.0",
        "2.12.0+cpu needs macOS 14.0 or newer, this Mac has 13.6.",
    ),
]


@pytest.mark.parametrize(("machine", "package", "said"), HEADLINES)
def test_the_headline_names_what_rules_the_closest_build_out(machine, package, said):
    done = planned(package, **machine)
    assert done.outcome == "refuse"
    assert said in done.headline


def test_the_oldest_macos_that_opens_the_newest_torch_is_named():
    """Intel Macs need 10.9 at least: nobody is sent to 14.0, which opens nothing more."""
    mac = planned(system="macos", arch="x86_64", os_version="10.8", python_version="3.9")
    assert [option.text for option in mac.options] == ["macOS 10.9 or newer opens 2.2.2 for the CPU"]
    arm = planned(system="macos", os_version="13.6")
    assert [option.text for option in arm.advice] == ["macOS 14.0 or newer opens 2.15.0 with MPS"]


def test_amds_own_wheels_are_spoken_of_where_amd_has_some():
    def told(**machine):
        return [option for option in planned(**machine).advice if option.kind == "vendor_wheel"]

    assert told(gpu="gfx1103")
    assert told(gpu="gfx1100", system="windows")
    assert not told(gpu="gfx90a", arch="aarch64")
    assert not told(gpu="Radeon Pro 5500M", system="macos", arch="x86_64")


def test_a_tag_that_a_release_does_not_have_is_answered_with_those_that_it_has():
    headline = planned("torch==2.7.1", backend="cu130", gpu="8.6", driver="550.54.14").headline
    assert "2.7.1 has no cu130 build for Linux on x86_64, but cpu, cu118, cu126, cu128" in headline


def test_on_this_machine_a_choice_between_gpus_is_taken_by_their_numbers():
    wheels = index.load()
    snapshot = replace(describe(Description(gpus=("6.1", "12.0", "6.1"), driver="580.95.05"), wheels), origin="probe")
    done = plan(snapshot, Request(), wheels)
    assert done.outcome == "choose"
    commands = [option.command for option in done.options]
    assert commands == [
        ("ptsetup", "install", "--gpu", "0", "--gpu", "2", "torch"),
        ("ptsetup", "install", "--gpu", "1", "torch"),
    ]
    for option in done.options:
        after = plan(snapshot, request_of(option.command), wheels)
        assert (after.outcome, after.torch, after.backend) == ("install", option.torch, option.backend)


def test_each_of_two_makers_gpus_can_be_picked_by_a_number_although_both_count_from_0():
    wheels = index.load()
    snapshot = replace(describe(Description(gpus=("8.9", "gfx1100"), driver="580.95.05"), wheels), origin="probe")
    picked = [plan(snapshot, Request(gpus=(number,)), wheels).backend for number in (0, 1)]
    assert picked == ["cu130", "rocm7.2"]
    # GPU 1 of three is lost: the others keep their numbers
    gpus = [replace(gpu, index=number) for gpu, number in zip(snapshot.nvidia.gpus * 2, (0, 2), strict=True)]
    alone = replace(snapshot, nvidia=replace(snapshot.nvidia, gpus=tuple(gpus)), amd=None)
    assert [card.index for card in view(alone, wheels, (2,)).cards] == [2]
    assert view(alone, wheels, (1,)).cards == ()


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (
            {"gpu": "12.0", "driver": "550.144.03", "python_version": "3.9"},
            "a system with glibc 2.28 or newer together with driver 570 or newer opens 2.8.0 for CUDA 12.8",
        ),
        (
            {"gpu": "12.0", "driver": "570.26", "python_version": "3.8"},
            "a system with glibc 2.28 or newer together with Python 3.10 opens 2.13.0 for CUDA 12.9",
        ),
    ],
)
def test_a_newer_c_library_that_helps_only_together_with_something_else_is_named_with_it(machine, said):
    done = planned(libc="glibc-2.17", **machine)
    assert said in [option.text for option in done.options]


def test_under_wsl_the_driver_that_is_spoken_of_is_the_one_in_windows():
    done = planned(gpu="8.6", driver="526.98", is_wsl=True)
    assert [option.text for option in done.advice] == ["driver 528.33 or newer in Windows opens 2.14.1 for CUDA 12.6"]
    assert any("this machine has 526.98 in Windows" in row.reason for row in done.rejected)
