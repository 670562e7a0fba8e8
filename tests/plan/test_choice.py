"""The rules of choice, on described machines. Every expectation follows from the index, not from what the planner says."""

import pytest

from ptsetup import index
from ptsetup.errors import RequestError, WheelIndexError
from ptsetup.facts import replace
from ptsetup.plan import Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.plan.machine import view
from tests import builders
from tests.plan.described import planned

INSTALLS = [
    # CUDA 13 builds start at 7.5, and the last CUDA 12 build is 2.14.1+cu126
    ({"gpu": "GTX 1080 Ti", "driver": "580.95.05"}, (), "2.14.1", "cu126"),
    ({"gpu": "Tesla V100-SXM2-16GB", "driver": "535.183.01"}, (), "2.14.1", "cu126"),
    # CUDA 13.0 is carried in full by 580, 13.2 by 595
    ({"gpu": "8.9", "driver": "580.95.05"}, (), "2.15.0", "cu130"),
    ({"gpu": "8.9", "driver": "595.71.05"}, (), "2.15.0", "cu132"),
    # below 580 no CUDA 13; 2.14.1 has cu126 only, by minor-version compatibility from 525 on
    ({"gpu": "8.9", "driver": "525.60.13"}, (), "2.14.1", "cu126"),
    ({"gpu": "8.6", "driver": "520.61.05"}, (), "2.7.1", "cu118"),
    # consumer Blackwell: no cu126 code; cu129 of 2.13.0 is the newest CUDA 12 build with it on Linux, cu128 of 2.11.0 on Windows
    ({"gpu": "RTX 5090", "driver": "570.86.10"}, (), "2.13.0", "cu129"),
    ({"gpu": "RTX 5090", "driver": "572.16", "system": "windows"}, (), "2.11.0", "cu128"),
    # Volta comes and goes in cu128: not in 2.7, there in 2.8
    ({"gpu": "7.0", "driver": "570.124.06"}, ("torch==2.7.1",), "2.7.1", "cu126"),
    ({"gpu": "7.0", "driver": "570.124.06"}, ("torch==2.8.0",), "2.8.0", "cu128"),
    # only cu128 and cu129 of 2.8 to 2.10 hold both
    ({"gpu": ("7.0", "12.0"), "driver": "580.95.05"}, (), "2.10.0", "cu129"),
    # Kepler: 3.7 ended with cu118 of 2.7.1
    ({"gpu": "Tesla K80", "driver": "470.256.02"}, (), "2.7.1", "cu118"),
    # on Windows the first number of a driver moves on within its branch: 472.50 is of 470, 581.15 of 580
    ({"gpu": "Tesla K80", "driver": "472.50", "system": "windows"}, (), "2.7.1", "cu118"),
    ({"gpu": "GTX 1080 Ti", "driver": "581.15", "system": "windows"}, (), "2.14.1", "cu126"),
    ({"gpu": "GTX 1080 Ti", "driver": "582.28", "is_wsl": True}, (), "2.14.1", "cu126"),
    # the Windows driver decides under WSL: CUDA 12 asks for 528.33 there
    ({"gpu": "8.6", "driver": "527.41", "is_wsl": True}, (), "2.7.1", "cu118"),
    ({"gpu": "8.6", "driver": "528.33", "is_wsl": True}, (), "2.14.1", "cu126"),
    # interpreters
    ({"gpu": "8.9", "driver": "580.95.05", "python_version": "3.10"}, (), "2.14.1", "cu130"),
    ({"gpu": "8.9", "driver": "580.95.05", "python_version": "3.9"}, (), "2.8.0", "cu129"),
    ({"gpu": "8.9", "driver": "580.95.05", "python_version": "3.13t"}, (), "2.12.0", "cu130"),
    # glibc: 2.28 from 2.7.0 on
    ({"gpu": "8.6", "driver": "560.35.05", "libc": "glibc-2.17"}, (), "2.6.0", "cu124"),
    # servers and boards on Arm
    ({"gpu": "9.0", "driver": "565.57.01", "arch": "aarch64"}, (), "2.14.1", "cu126"),
    ({"gpu": "GB10", "driver": "580.95.05", "arch": "aarch64"}, (), "2.15.0", "cu130"),
    ({"gpu": "11.0", "driver": "38.2", "arch": "aarch64", "is_jetson": True}, (), "2.15.0", "cu130"),
    # AMD: gfx1103 stands in a build script only; Vega left with rocm7.14
    ({"gpu": "RX 7900 XTX"}, (), "2.15.0", "rocm7.2"),
    ({"gpu": "gfx906"}, (), "2.15.0", "rocm7.2"),
    ({"gpu": "gfx1151", "python_version": "3.10"}, (), "2.14.1", "rocm7.2"),
    # Intel and Apple
    ({"gpu": "Arc B580"}, (), "2.15.0", "xpu"),
    ({"gpu": "Arc B580", "system": "windows"}, (), "2.15.0", "xpu"),
    ({"system": "macos", "os_version": "15.1"}, (), "2.15.0", "cpu"),
    ({"system": "macos", "os_version": "13.6"}, (), "2.8.0", "cpu"),
    ({"system": "macos", "arch": "x86_64"}, (), "2.2.2", "cpu"),
    # a card in the processor steps back behind a discrete one
    ({"gpu": ("8.9", "UHD Graphics 770"), "driver": "580.95.05"}, (), "2.15.0", "cu130"),
    ({"gpu": ("8.9", "gfx1036"), "driver": "580.95.05"}, (), "2.15.0", "cu130"),
    ({"gpu": ("8.9", "gfx1151"), "driver": "580.95.05"}, (), "2.15.0", "cu130"),
    # companions of the same tag: torchaudio 2.11.0 has no cu132
    ({"gpu": "8.9", "driver": "595.71.05"}, ("torch", "torchaudio"), "2.15.0", "cu130"),
    ({"gpu": "8.9", "driver": "560.35.05"}, ("torchvision==0.20.1",), "2.5.1", "cu124"),
    # a local version names the build
    ({"gpu": "8.9", "driver": "580.95.05"}, ("torch==2.7.1+cu118",), "2.7.1", "cu118"),
]


@pytest.mark.parametrize(("machine", "packages", "torch", "backend"), INSTALLS)
def test_the_build_that_is_chosen(machine, packages, torch, backend):
    made = planned(*packages, **machine)
    assert (made.outcome, made.torch, made.backend) == ("install", torch, backend)


CPU = [
    ({"gpu": "8.9"}, "no NVIDIA driver is installed"),
    ({"gpu": "8.9", "driver": "N/A"}, "no NVIDIA driver is installed"),
    ({"gpu": "3.0", "driver": "470.256.02"}, "no build for Linux on x86_64 is confirmed"),
    ({"gpu": "gfx1103"}, "no build for Linux on x86_64 is confirmed"),
    # x86_64 builds have code for it, those for Arm servers never had
    ({"gpu": "7.5", "driver": "580.95.05", "arch": "aarch64"}, "no build for Linux on aarch64 is confirmed"),
    ({"gpu": "gfx1031"}, "no build for Linux on x86_64 is confirmed"),
    ({"gpu": "gfx1100", "system": "windows"}, "no ROCm build exists for Windows"),
    ({"gpu": "UHD Graphics 770"}, "is not supported"),
    ({"system": "macos", "os_version": "12.0"}, "MPS needs macOS 12.3"),
]


@pytest.mark.parametrize(("machine", "why"), CPU)
def test_a_cpu_build_for_an_accelerator_that_cannot_be_used_says_why(machine, why):
    made = planned(**machine)
    assert (made.outcome, made.backend) == ("install", "cpu")
    assert why in made.headline
    assert any(why in (device.problem or "") for device in made.devices)


REFUSALS = [
    ({"gpu": "12.0", "driver": "572.16", "system": "windows"}, ("torch>=2.12",), {"request", "driver", "cpu"}),
    ({"gpu": "8.6", "driver": "470.57.02", "python_version": "3.14"}, (), {"driver", "python", "cpu"}),
    ({"gpu": "6.1", "driver": "580.95.05"}, ("torch==2.15.0",), {"request", "cpu"}),
    ({"gpu": "6.1", "driver": "595.71.05"}, (), {"driver", "cpu"}),
    ({"gpu": "6.1", "driver": "591.44", "system": "windows"}, (), {"driver", "cpu"}),
    ({"gpu": "12.0", "driver": "565.57.01"}, (), {"driver", "cpu"}),
    ({"gpu": "12.0", "driver": "580.95.05", "libc": "glibc-2.17"}, (), {"system", "cpu"}),
    (
        {"gpu": "8.7", "driver": "35.3.1", "arch": "aarch64", "is_jetson": True, "python_version": "3.8"},
        (),
        {"vendor_wheel", "cpu"},
    ),
    (
        {"gpu": "7.2", "driver": "35.3.1", "arch": "aarch64", "is_jetson": True, "python_version": "3.8"},
        (),
        {"vendor_wheel", "cpu"},
    ),
    # which GPU is not said, but a Jetson board's is served by no server build before CUDA 13.2
    (
        {"driver": "540.4.0", "arch": "aarch64", "is_jetson": True, "python_version": "3.10"},
        (),
        {"vendor_wheel", "cpu"},
    ),
    ({"driver": "36.4", "arch": "aarch64", "is_jetson": True, "python_version": "3.10"}, (), {"vendor_wheel", "cpu"}),
    ({"libc": "musl-1.2"}, (), {"system"}),
    ({"python_version": "3.16"}, (), {"python"}),
    ({"system": "windows", "arch": "arm64", "python_version": "3.14"}, (), {"python"}),
    ({"system": "macos", "arch": "x86_64", "python_version": "3.13"}, (), {"python"}),
]


@pytest.mark.parametrize(("machine", "packages", "ways"), REFUSALS)
def test_a_refusal_names_each_way_out(machine, packages, ways):
    made = planned(*packages, **machine)
    assert made.outcome == "refuse"
    assert ways <= {option.kind for option in made.options}
    assert made.headline.startswith("No ")


@pytest.mark.parametrize(
    ("machine", "backends"),
    [
        ({"gpu": ("6.1", "12.0"), "driver": "580.95.05"}, {"cu126", "cu130"}),
        ({"gpu": ("8.9", "gfx1100"), "driver": "580.95.05"}, {"cu130", "rocm7.2"}),
    ],
)
def test_equal_answers_are_laid_out_to_choose_from(machine, backends):
    made = planned(**machine)
    assert made.outcome == "choose"
    assert {option.backend for option in made.options} == backends


def test_a_backend_tag_settles_a_choice_and_the_other_card_is_said_to_idle():
    made = planned(gpu=("6.1", "12.0"), driver="580.95.05", backend="cu126")
    assert (made.outcome, made.torch, made.backend) == ("install", "2.14.1", "cu126")
    assert [device.detail for device in made.devices if device.problem] == ["12.0"]


def test_cpu_on_purpose_is_taken_without_a_word_about_gpus():
    made = planned(gpu="8.9", driver="580.95.05", backend="cpu")
    assert (made.outcome, made.torch, made.backend) == ("install", "2.15.0", "cpu")


def test_advice_names_the_smallest_change():
    made = planned(gpu="8.6", driver="550.54.14")
    assert [option.text for option in made.advice] == ["driver 580 or newer opens 2.15.0 for CUDA 13.0"]
    assert [option.kind for option in planned(gpu="8.9", driver="580.95.05", python_version="3.9").advice] == ["python"]


def test_announced_builds_say_so_and_certain_ones_do_not():
    assert any("announced" in warning for warning in planned(gpu="8.9", driver="580.95.05").warnings)
    certain = planned(gpu="8.9", driver="595.71.05")
    assert (certain.origin, certain.status, certain.warnings) == ("default", "seen", ())


@pytest.mark.parametrize(
    ("machine", "taken"),
    [
        ({"gpu": "8.6", "driver": "550.54.14"}, 1),
        ({"gpu": "8.6", "driver": "390.157"}, 0),
        ({"gpu": ("6.1", "12.0"), "driver": "580.95.05"}, 0),
        ({"gpu": ("8.6", "gfx1100"), "driver": "580.95.05"}, 0),
        ({"libc": "musl-1.2"}, 0),
    ],
)
def test_every_build_of_the_platform_is_chosen_or_counted_as_rejected(machine, taken):
    rows = [build for build in index.load().builds if build.platform == "linux_x86_64"]
    assert sum(row.count for row in planned(**machine).rejected) == len(rows) - taken


@pytest.mark.parametrize(
    "wrong",
    [
        ("torch==",),
        ("torch @ https://example.org/torch.whl",),
        ("torch==2.7.1+cu118", "torchvision==0.22.1+cu126"),
        ("???",),
        # the accident of December 2022: anybody may own these names on the default index
        ("torch", "torchtriton"),
        ("torch", "PyTorch_Triton==3.2.0"),
        ("torch", "triton-rocm"),
        ("torch", "rocm[libraries]"),
    ],
)
def test_a_request_that_cannot_be_read_is_a_request_error(wrong):
    with pytest.raises(RequestError):
        planned(*wrong)


def test_an_unknown_tag_is_named_with_those_that_exist():
    with pytest.raises(RequestError) as caught:
        planned(backend="cu999")
    assert "cu130" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("gpu", "torch"), [("gfx1100", "torch==2.7.0"), ("gfx1100", "torch"), ("Arc B580", "torch==2.6.0")]
)
def test_triton_variants_are_never_looked_up_on_the_default_index(gpu, torch):
    """ROCm and XPU builds require them by name: one command, one index, dependencies and all."""
    made = planned(torch, gpu=gpu)
    (command,) = made.commands
    assert command[command.index("--index-url") + 1].startswith("https://download.pytorch.org/whl/")
    assert "--no-deps" not in command


def test_what_is_installed_already_is_installed_again_by_name():
    wheels = index.load()
    snapshot = builders.cpu_machine()
    for installer, flag in (("uv", "--reinstall"), ("pip", "--force-reinstall")):
        made = plan(snapshot, Request(backend="cpu", installer=installer), wheels)
        assert flag in made.commands[0]


def test_a_version_beside_pre_and_an_unknown_mirror_are_wrong_use():
    wheels = index.load()
    for request in (Request(packages=("torch==2.9.0",), is_pre=True), Request(mirror="nosuch")):
        with pytest.raises(RequestError):
            plan(describe(Description(), wheels), request, wheels)


def test_a_machine_whose_processor_is_not_known_is_not_told_that_no_wheel_exists():
    from ptsetup.facts import Host, Snapshot

    made = plan(Snapshot(host=Host(system="windows")), Request(), index.load())
    assert made.headline == "No build can be chosen: the processor of that machine is not known."


def test_a_mac_whose_gpu_cannot_be_used_is_not_promised_mps():
    assert "MPS:" not in planned(system="macos", os_version="12.0").headline


def test_a_card_of_unknown_capability_is_not_said_to_have_code():
    assert "with code for" not in " ".join(planned(gpu="GeForce RTX 6090", driver="580.95.05").reasons)


def test_a_driver_that_tells_only_its_cuda_is_held_to_it():
    """A container that was given libcuda and nothing else: no release is known, but CUDA 12.1 is spoken and 13 is not."""
    from ptsetup.facts import CudaDriver, Nvidia, Nvml

    wheels = index.load()
    machine = describe(Description(python_version="3.12"), wheels)
    card = builders.machine().host.pci
    cuda = CudaDriver(init_rc=0, version=(12, 1), count=1)
    for nvml in (None, Nvml(load_error="not found", init_rc=12)):
        nvidia = Nvidia(cuda=cuda, nvml=nvml, gpus=None)
        made = plan(replace(machine, host=replace(machine.host, pci=card), nvidia=nvidia), Request(), wheels)
        assert (made.torch, made.backend, made.support) == ("2.14.1", "cu126", "minor-version")
        assert "530.30.02 (by its CUDA, 12.1)" in " ".join(made.reasons)


def test_with_a_driver_that_cannot_be_asked_nothing_is_guessed_but_a_tag_that_was_named_is_taken():
    """The GPU is on the bus, NVML fails (9: no kernel module; 999; it hangs), and nothing tells the driver's release."""
    from ptsetup.facts import Nvidia, Nvml

    wheels = index.load()
    for nvml in (Nvml(init_rc=9), Nvml(init_rc=999), Nvml(is_hung=True)):
        machine = replace(builders.machine(), nvidia=Nvidia(nvml=nvml, gpus=None, libraries=()))
        made = plan(machine, Request(), wheels)
        assert made.outcome == "refuse"
        assert made.headline.startswith("No build can be chosen for NVIDIA GPU: ")
        assert [option.kind for option in made.options] == ["driver", "cpu"]
        assert made.options[0].command == ("ptsetup", "doctor")
        named = plan(machine, Request(backend="cu126"), wheels)
        assert (named.outcome, named.torch, named.backend) == ("install", "2.14.1", "cu126")
        assert "None" not in " ".join((*named.reasons, *named.warnings))


def test_of_two_cards_the_one_that_can_be_served_is_offered():
    """A K80 waits for an old driver; the RTX 5090 beside it need not."""
    made = planned(gpu=("Tesla K80", "RTX 5090"), driver="580.95.05")
    assert made.outcome == "refuse"
    assert ("gpu", "cu130") in {(option.kind, option.backend) for option in made.options}


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("NVIDIA Jetson AGX Thor", "11.0"),
        ("Jetson Orin NX 16GB", "8.7"),
        ("W7900", "gfx1100"),
        ("AMD Instinct MI50", "gfx906"),
        ("MI60", "gfx906"),
        ("Steam Deck", "gfx1033"),
        ("AMD Ryzen AI Max+ 395", "gfx1151"),
        ("MI300", "gfx942"),
        ("RX7900XTX", "gfx1100"),
        ("7900 XT", "gfx1100"),
        ("9070", "gfx1201"),
        ("5090", "12.0"),
        ("1080ti", "6.1"),
        ("rtx3080ti", "8.6"),
        ("4090 laptop", "8.9"),
        # virtual GPUs are named after their board, its variant and their profile
        ("GRID V100D-16Q", "7.0"),
        ("H100XM-80C", "9.0"),
        ("NVIDIA A40-48Q", "8.6"),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "8.0"),
    ],
)
def test_short_names_of_boards_tell_what_decides_about_kernels(name, detail):
    wheels = index.load()
    snapshot = describe(Description(gpus=(name,)), wheels)
    (card,) = view(snapshot, wheels).cards
    assert card.detail == detail


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        (
            {"system": "windows", "os_version": "10"},
            "PyTorch names Windows 11 or newer for Intel GPUs, this machine has 10",
        ),
        ({"system": "windows", "os_version": "10.0.19045"}, "Windows 11 or newer for Intel GPUs, this machine has 10"),
        ({"system": "windows", "os_version": "10.0.22631"}, None),
        ({"system": "windows", "os_version": "11"}, None),
        ({"system": "windows"}, None),
        ({"os_version": "22.04"}, "Ubuntu 24.04 or newer for Intel GPUs, this machine has 22.04"),
        ({"os_version": "24.04"}, None),
        # the page is silent about Fedora, and in WSL the version is that of the guest
        ({"os_version": "41"}, None),
        ({"os_version": "22.04", "is_wsl": True}, None),
    ],
)
def test_an_intel_gpu_on_a_system_that_pytorch_does_not_name_is_planned_with_a_word(machine, said):
    made = planned(gpu="Arc B580", **machine)
    assert (made.outcome, made.backend) == ("install", "xpu")
    words = [warning for warning in made.warnings if "Intel" in warning]
    assert len(words) == (said is not None)
    assert said is None or said in words[0]


def test_only_where_a_server_build_is_taken_for_a_jetsons_own_gpu_it_is_called_unconfirmed():
    board = {"arch": "aarch64", "is_jetson": True}
    said = [
        any("not yet confirmed in practice" in warning for warning in planned(**board, **rest).warnings)
        for rest in (
            {"gpu": "8.7", "driver": "595.58.03"},
            {"gpu": "11.0", "driver": "580.95.05"},
            {"gpu": "8.7", "driver": "36.4", "backend": "cpu"},
        )
    ]
    assert said == [True, False, False]


def test_a_board_that_exists_with_an_arm_processor_only_need_not_be_said_to_have_one():
    for gpu in ("DGX Spark", "GH200 480GB", "GB300", "Jetson AGX Thor"):
        assert planned(gpu=gpu, driver="580.95.05").platform == "linux_aarch64"
    assert planned(is_jetson=True, driver="36.4").platform == "linux_aarch64"
    assert planned(gpu="H100", driver="580.95.05").platform == "linux_x86_64"
    assert planned(gpu="GH200", driver="580.95.05", arch="x86_64").platform == "linux_x86_64"


def test_a_jetsons_gpu_named_as_such_makes_it_a_jetson_board():
    done = planned(gpu="Jetson Orin Nano", driver="36.4", python_version="3.10")
    assert done.outcome == "refuse"
    assert "Jetson Linux 36.4 (as desktop driver 560.28.03)" in done.headline
    assert "vendor_wheel" in {option.kind for option in done.options}


@pytest.mark.parametrize(
    ("machine", "packages", "said"),
    [
        (
            {"system": "macos", "os_version": "14.5", "python_version": "3.9"},
            ("torchcodec",),
            "has no MPS, which began with 1.12",
        ),
        (
            {"gpu": "6.1", "driver": "384.81", "python_version": "3.8"},
            (),
            "is for CUDA 9.2, and which drivers carry that",
        ),
    ],
)
def test_what_is_not_in_the_tables_is_said_and_never_none(machine, packages, said):
    reasons = [row.reason for row in planned(*packages, **machine).rejected]
    assert any(said in reason for reason in reasons), reasons
    assert not any("None" in reason for reason in reasons)


def test_a_wrong_version_or_requirement_in_the_index_is_an_error_of_the_index():
    """Types are looked at when a file is read; what a text says, only where it is compared."""
    wheels = index.load()
    release, build = wheels.releases[-1], wheels.builds[-1]
    for damaged in (
        replace(wheels, builds=(*wheels.builds[:-1], replace(build, torch="2.15.q"))),
        replace(wheels, releases=(*wheels.releases[:-1], replace(release, requires={"macos_arm64": ("triton=?3",)}))),
    ):
        machine = describe(Description(system="macos"), wheels)
        with pytest.raises(WheelIndexError, match="holds a value that cannot be read"):
            plan(machine, Request(packages=("torch", "triton==3.2.0")), damaged)


def test_an_apple_chip_may_be_named_on_a_mac_and_nowhere_else():
    assert planned(system="macos", gpu="Apple M2 Max").devices[0].name == "Apple M2 Max"
    with pytest.raises(RequestError):
        planned(gpu="Apple M2 Max")


def test_a_driver_as_windows_device_manager_writes_it_is_read():
    done = planned(system="windows", gpu="12.0", driver="32.0.15.7216")
    assert (done.torch, done.backend) == ("2.11.0", "cu128")
    assert "driver 572.16" in done.reasons[0]
