"""What holds for every machine."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import compat, index
from ptsetup.plan import Plan, Request, plan
from ptsetup.plan.describe import Description, describe
from ptsetup.render import plan as render

CAPABILITIES = (
    "3.5",
    "3.7",
    "5.0",
    "5.2",
    "6.0",
    "6.1",
    "7.0",
    "7.2",
    "7.5",
    "8.0",
    "8.6",
    "8.7",
    "8.9",
    "9.0",
    "10.0",
    "10.3",
    "11.0",
    "12.0",
    "12.1",
)
DRIVERS = (
    "390.157",
    "440.33",
    "450.80.02",
    "470.256.02",
    "520.61.05",
    "525.60.13",
    "535.183.01",
    "550.54.14",
    "565.57.01",
    "570.86.10",
    "575.57.08",
    "580.95.05",
)
OTHERS = ("gfx900", "gfx1030", "gfx1100", "gfx1103", "gfx942", "Arc A770", "UHD Graphics 770", "Iris Xe")

machines = st.builds(
    Description,
    system=st.sampled_from(("linux", "windows", "macos")),
    os_version=st.sampled_from((None, "11.7", "12.6", "13.5", "14.1", "26.0")),
    arch=st.sampled_from((None, "x86_64", "aarch64", "arm64")),
    libc=st.sampled_from((None, "glibc-2.17", "glibc-2.28", "glibc-2.41", "musl-1.2")),
    python_version=st.sampled_from(
        ("3.6", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "3.14t", "3.15", "3.16")
    ),
    driver=st.sampled_from((None, *DRIVERS, "590.48.01", "595.71.05", "610.43.02")),
    gpus=st.lists(st.sampled_from((*CAPABILITIES, *OTHERS)), max_size=3).map(tuple),
    is_wsl=st.booleans(),
    is_jetson=st.booleans(),
)
requests = st.builds(
    Request,
    packages=st.sampled_from(
        (
            ("torch",),
            ("torch>=2.12",),
            ("torch==2.7.1", "torchvision"),
            ("torch<2.3",),
            ("torch", "torchaudio"),
            ("torchvision", "numpy"),
        )
    ),
    backend=st.sampled_from(("auto", "auto", "auto", "cpu", "cu126", "cu128", "rocm7.2", "xpu")),
    installer=st.sampled_from(("uv", "pip")),
    is_pre=st.booleans(),
).filter(lambda request: not request.is_pre or all(name.isalpha() for name in request.packages))


def made(machine: Description, request: Request) -> Plan:
    wheels = index.load()
    return plan(describe(machine, wheels), request, wheels)


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_the_same_input_gives_the_same_plan_and_it_survives_json(machine, request):
    first = made(machine, request)
    assert render.as_json(first) == render.as_json(made(machine, request))
    assert msgspec.json.decode(msgspec.json.encode(first), type=Plan) == first


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_a_planned_build_is_in_the_index_for_this_python_and_satisfies_the_request(machine, request):
    done = made(machine, request)
    if done.outcome != "install":
        assert done.options
        assert not done.commands
        return
    rows = [
        b
        for b in index.load().builds
        if (b.torch, b.backend, b.platform, b.origin) == (done.torch, done.backend, done.platform, done.origin)
    ]
    assert len(rows) == 1
    assert done.python_tag in rows[0].pythons
    assert request.backend in ("auto", done.backend)
    assert done.commands[0][-len(done.requirements) :] == tuple(r.pin for r in done.requirements)
    is_alone = compat.family(done.backend) in ("rocm", "xpu")
    assert ("--no-deps" in done.commands[0]) or (is_alone and len(done.commands) == 1 + bool(done.others))


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_no_command_names_an_extra_index(machine, request):
    assert not any("extra" in word for command in made(machine, request).commands for word in command)


@settings(max_examples=150, deadline=None)
@given(machines, requests)
def test_every_served_card_is_served_by_the_compiled_code(machine, request):
    done = made(machine, request)
    if done.outcome != "install" or compat.family(done.backend or "cpu") != "cuda":
        return
    build = index.load().build(done.torch, done.backend, done.platform, done.origin)
    for device in done.devices:
        if device.problem is None and device.vendor == "nvidia" and device.detail:
            capability = tuple(int(part) for part in device.detail.split("."))
            assert compat.serves(
                capability,
                (*build.sass, *build.ptx),
                is_ptx_allowed=True,
                is_jetson=machine.is_jetson,
                cuda=compat.cuda_of_tag(build.backend),
            )


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CAPABILITIES[4:]), st.integers(0, len(DRIVERS) - 2), st.sampled_from(("3.9", "3.11", "3.13")))
def test_with_the_same_gpu_a_newer_driver_never_brings_an_older_torch(gpu, position, python):
    plans = [
        made(Description(gpus=(gpu,), driver=driver, python_version=python), Request())
        for driver in DRIVERS[position : position + 2]
    ]
    older, newer = plans
    if older.outcome == "install" and older.backend != "cpu":
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
