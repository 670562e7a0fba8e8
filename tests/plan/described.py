"""Machines and requests to plan for: described by hand, or drawn by hypothesis."""

from hypothesis import strategies as st

from ptsetup import index
from ptsetup.facts import replace
from ptsetup.plan import Plan, Request, plan
from ptsetup.plan.describe import Description, describe

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


def possible(machine: Description) -> Description:
    """The drawn machine without what contradicts its other properties: describe() takes none that cannot be."""
    if machine.is_jetson:
        return replace(machine, system="linux", arch="aarch64", is_wsl=False)
    if machine.is_wsl:
        return replace(machine, system="linux")
    return machine if machine.system == "linux" else replace(machine, libc=None)


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
).map(possible)


def _is_readable(request: Request) -> bool:
    """A nightly has no version, and a version that names its build agrees with the tag."""
    is_plain = all(name.isalpha() for name in request.packages)
    named = any("+cu118" in name for name in request.packages)
    return (is_plain or not request.is_pre) and (not named or request.backend in ("auto", "cu118"))


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
            ("torch", "torchtext"),
            ("torch==2.12.0", "torchvision==0.26.0"),
            ("torch>=2.1,<2.9", "numpy>=2"),
            ("torch==2.7.1+cu118", "torchvision"),
            ("torch>=2.5", "triton==3.2.0"),
            ("torch==2.9.1", "setuptools<60", "sympy==1.12"),
        )
    ),
    backend=st.sampled_from(("auto",) * 6 + ("cpu", "cu118", "cu126", "cu128", "rocm7.2", "xpu")),
    installer=st.sampled_from(("uv", "pip")),
    is_pre=st.sampled_from((False, False, False, True)),
).filter(_is_readable)


def made(machine: Description, request: Request) -> Plan:
    wheels = index.load()
    return plan(describe(machine, wheels), request, wheels)


def planned(*packages: str, backend: str = "auto", is_pre: bool = False, **machine) -> Plan:
    """The plan for a machine described by keywords of Description; Python 3.12 unless another is named."""
    machine.setdefault("python_version", "3.12")
    gpus = machine.pop("gpu", ())
    description = Description(gpus=(gpus,) if isinstance(gpus, str) else tuple(gpus), **machine)
    return made(description, Request(packages=packages or ("torch",), backend=backend, is_pre=is_pre))
