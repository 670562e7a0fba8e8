"""What a plan installs beside torch: companions, NumPy, nightlies; with which pins, from which page, of which size."""

import pytest

from ptsetup import index
from ptsetup.facts import Distribution, replace
from ptsetup.install.already import is_there
from ptsetup.install.proof import wrong_with
from ptsetup.plan import Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.render import plan as render
from tests import builders
from tests.plan.described import planned


def pins(done):
    return tuple(requirement.pin for requirement in done.requirements)


def test_torchtext_is_pinned_without_a_tag_since_it_has_one_build_for_all():
    done = planned("torch", "torchtext", gpu="8.6", driver="550.54.14")
    assert pins(done) == ("torch==2.3.1+cu121", "torchtext==0.18.0")


def test_the_package_that_holds_torch_back_is_named_and_others_are_not():
    held = planned("torch", "torchtext", gpu="8.6", driver="550.54.14")
    assert "beside which torchtext exists" in held.reasons[0]
    assert "torchvision" not in planned("torch", "torchvision", gpu="8.6", driver="595.58.03").reasons[0]


@pytest.mark.parametrize(
    ("packages", "machine", "said"),
    [
        # torchvision 0.20.1 has no wheel for 3.13, torch 2.5.1 has one
        (("torch==2.5.1", "torchvision"), {"python_version": "3.13"}, "has no torchvision for Python 3.13"),
        (("torch==2.15.0", "torchaudio"), {"backend": "cu132"}, "has no torchaudio for the same backend tag"),
    ],
)
def test_why_a_companion_is_missing_is_told_as_it_is(packages, machine, said):
    made = planned(*packages, gpu="8.6", driver="595.58.03", **machine)
    assert made.outcome == "refuse"
    assert said in made.headline


def test_a_companion_that_was_named_with_its_version_is_what_torch_has_to_satisfy():
    done = planned("torchaudio==2.8.0", gpu="8.6", driver="580.95.05")
    assert done.reasons[0].startswith("the newest torch that satisfies torchaudio==2.8.0 with code for")


@pytest.mark.parametrize(
    ("torch", "driver", "pin"),
    [
        ("torch==2.6.0", "565.57.01", "torchvision==0.21.0"),
        ("torch==2.9.1", "580.95.05", "torchvision==0.24.1"),
        ("torch==2.10.0", "580.95.05", "torchvision==0.25.0+cu130"),
    ],
)
def test_companions_for_arm_servers_carried_no_tag_in_their_names_until_0_25(torch, driver, pin):
    done = planned(torch, "torchvision", gpu="9.0", driver=driver, arch="aarch64")
    assert pins(done)[1] == pin
    (vision,) = done.requirements[1:]
    if vision.url:
        assert f"/{done.backend}/" in vision.url


@pytest.mark.parametrize(
    ("packages", "others"),
    [
        (("torch==2.2.2",), ()),
        (("torch==2.2.2", "numpy"), ("numpy<2",)),
        (("torch==2.2.2", "numpy>=1.24"), ("numpy<2,>=1.24",)),
        (("torch==2.2.2", "numpy==1.26.4"), ("numpy==1.26.4",)),
        # torchvision requires NumPy without a limit
        (("torch==2.2.2", "torchvision"), ("numpy<2",)),
        (("torch==2.2.2", "torchaudio"), ()),
        (("torch", "numpy>=2"), ("numpy>=2",)),
    ],
)
def test_a_torch_made_for_numpy_1_keeps_numpy_2_out_once(packages, others):
    assert planned(*packages).others == others


def test_numpy_2_is_no_answer_for_a_torch_made_for_numpy_1():
    assert planned("torch==2.2.2", "numpy>=2").outcome == "refuse"
    assert planned("torch", "numpy>=2", system="macos", arch="x86_64").outcome == "refuse"
    # on Windows 2.3 was still made for NumPy 1, on Linux it was not
    assert planned("torch==2.3.1", "numpy>=2", system="windows").outcome == "refuse"
    assert planned("torch==2.3.1", "numpy>=2").outcome == "install"


def test_a_nightly_comes_whole_from_its_own_page_and_promises_no_version():
    done = planned("torch", "torchvision", is_pre=True, gpu="8.6", driver="595.58.03")
    (command,) = done.commands
    assert command[-5:] == (
        "--index-url",
        "https://download.pytorch.org/whl/nightly/cu132",
        "--pre",
        "torch",
        "torchvision",
    )
    assert (done.torch, done.local, done.name) == (None, None, "nightly (cu132)")
    assert done.headline == "the newest nightly of torch and torchvision for CUDA 13.2"
    assert not any("default package index" in reason for reason in done.reasons)


def test_nightlies_have_the_tags_of_the_newest_release_so_an_old_driver_is_sent_to_the_stable_one():
    done = planned(is_pre=True, gpu="8.6", driver="550.54.14")
    assert done.outcome == "refuse"
    assert done.options[0].text == "take 2.14.1 for CUDA 12.6 in place of a nightly"


def test_sizes_are_those_of_this_release_where_they_are_known_and_say_so_where_they_are_not():
    wheels = index.load()
    own = planned("torch==2.9.0", system="windows")
    (file,) = [
        row
        for row in wheels.files_of("torch", "2.9.0")
        if row.origin == "default" and (row.abi, row.platform) == ("cp312", "win_amd64")
    ]
    assert (own.download_bytes, own.size_of) == (file.size_bytes, None)
    stood_in = planned("torch==2.7.1", gpu="8.6", driver="550.54.14")
    assert stood_in.size_of == "2.15.0"
    assert "the sizes of 2.15.0" in render.as_text(stood_in, lambda line, **_: line)


def test_on_purpose_a_mac_gets_the_newest_torch_even_where_mps_would_ask_for_an_older_one():
    assert planned(system="macos", os_version="13.6").torch == "2.8.0"
    done = planned(backend="cpu", system="macos", os_version="13.6")
    assert (done.torch, [device.problem for device in done.devices]) == ("2.11.0", ["the CPU build was asked for"])
    kept = planned(backend="cpu", system="macos", os_version="15.1")
    assert (kept.torch, [device.problem for device in kept.devices]) == ("2.15.0", [None])


def test_a_gpu_that_is_left_idle_on_purpose_is_not_expected_to_be_seen_by_torch():
    """Else the proof of ``install --backend cpu`` on a machine with a GPU would fail."""
    done = planned(backend="cpu", gpu="8.9", driver="580.95.05")
    assert [device.problem for device in done.devices] == ["the CPU build was asked for"]
    both = planned(backend="cu130", gpu=("8.9", "gfx1100"), driver="580.95.05")
    assert {device.vendor for device in both.devices if device.problem} == {"amd"}
    # the proof of the CPU build: torch answers with the planned version, and sees no GPU
    cpu = builders.cpu_machine()
    torch = replace(cpu.torch, version=done.local)
    assert wrong_with(done, replace(cpu, torch=torch)) == ()


def test_torchtext_that_is_there_under_another_local_version_is_there():
    snapshot = builders.cpu_machine()
    wheels = index.load()
    done = plan(snapshot, Request(packages=("torch", "torchtext"), backend="cpu"), wheels)
    (torch, text) = done.requirements
    there = (
        Distribution(name="torch", version=torch.version, has_record=True),
        Distribution(name="torchtext", version=f"{text.version}+cpu", has_record=True),
    )
    wheel = replace(snapshot.target.wheel, version=torch.version) if snapshot.target.wheel else None
    assert wheel is not None
    target = replace(snapshot.target, distributions=there, wheel=wheel)
    assert is_there(done, replace(snapshot, target=target))
    other = replace(target, distributions=(there[0], replace(there[1], version="0.1.0+cpu")))
    assert not is_there(done, replace(snapshot, target=other))


def test_an_accelerator_is_named_once():
    assert "gfx1103 (gfx1103)" not in " ".join(planned(gpu="gfx1103").reasons)


def test_a_torchaudio_of_an_older_torch_is_said_to_be_one():
    def said(done):
        return [warning for warning in done.warnings if "torchaudio ended with 2.11.0" in warning]

    assert said(planned("torch", "torchaudio", gpu="8.6", driver="550.54.14"))
    assert not said(planned("torch==2.11.0", "torchaudio", gpu="8.6", driver="550.54.14"))
    # its numbers were others before 2.0
    old = planned("torch==1.13.1", "torchaudio", python_version="3.10", gpu="8.6", driver="550.54.14")
    assert not any("torchaudio ended" in warning for warning in old.warnings)


@pytest.mark.parametrize(
    ("request_", "lines"),
    [
        (Request(mirror="nju"), ["--index-url https://mirrors.nju.edu.cn/pytorch/whl/cu126", "torch==2.14.1+cu126"]),
        (
            Request(mirror="aliyun"),
            ["--find-links https://mirrors.aliyun.com/pytorch-wheels/cu126/", "torch==2.14.1+cu126"],
        ),
        (Request(find_links="/wheels"), ["--find-links /wheels", "torch==2.14.1+cu126"]),
        (
            Request(packages=("torch==2.2.2", "numpy", "transformers")),
            [
                "--index-url https://download.pytorch.org/whl/cu121",
                "numpy<2",
                "# then, from your default index: pip install transformers",
            ],
        ),
    ],
)
def test_a_requirements_file_names_the_source_that_the_command_names(request_, lines):
    wheels = index.load()
    machine = describe(Description(gpus=("8.6",), driver="550.54.14"), wheels)
    written = render.as_requirements(plan(machine, request_, wheels)).splitlines()
    assert [line for line in written[1:] if not line.startswith("torch==2.2.2")] == lines


def test_a_requirements_file_for_a_nightly_lets_pip_take_one():
    written = render.as_requirements(planned(is_pre=True, gpu="8.6", driver="595.58.03")).splitlines()
    assert written[1:] == ["--index-url https://download.pytorch.org/whl/nightly/cu132", "--pre", "torch"]


def test_torch_compile_on_a_turing_card_is_called_doubtful_and_nothing_else_is():
    def said(done):
        return any("torch.compile is doubtful" in warning for warning in done.warnings)

    assert said(planned(gpu="7.5", driver="595.58.03"))
    assert not said(planned("torch==2.6.0", gpu="7.5", driver="560.35.05"))
    assert not said(planned(gpu="8.6", driver="595.58.03"))


def test_the_rows_of_what_was_not_taken_shrink_so_that_a_screen_is_enough():
    long = planned("torch", "torchvision", "torchaudio", gpu=("3.5", "8.6"), driver="470.256.02")
    text = render.as_text(long, lambda line, **_: line, width=80)
    assert len(text.splitlines()) <= render.HEIGHT
    assert "more reason" in text
    assert text.rstrip().endswith("driver 525.60.13 or newer opens 2.14.1 for CUDA 12.6")
    whole = render.as_text(long, lambda line, **_: line, width=80, is_verbose=True)
    assert "more reason" not in whole
    assert all(row.reason.split()[0] in whole for row in long.rejected)
