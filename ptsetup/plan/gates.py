"""Machines for which no wheel of torch exists at all, whatever is asked for."""

from ptsetup.facts import Record
from ptsetup.index import WheelIndex
from ptsetup.plan.machine import Machine
from ptsetup.plan.records import Option


class Closed(Record, frozen=True, kw_only=True):
    """Why nothing can be installed, and the ways out."""

    headline: str
    reason: str
    """What rules every build out, in the words of a rejection."""
    options: tuple[Option, ...]


def gate(machine: Machine, index: WheelIndex) -> Closed | None:
    """The reason why no build can run here; None when some may."""
    if machine.libc == "musl":
        return Closed(
            headline="No PyTorch wheel runs on this system: it uses musl, and every wheel is built for glibc.",
            reason="is built for glibc, this system uses musl",
            options=(
                Option(
                    kind="system",
                    text="use a system or image with glibc (python:3.13-slim in place of python:3.13-alpine)",
                ),
                Option(
                    kind="system",
                    text="take the distribution's own package, where it has one (Alpine: apk add py3-torch)",
                ),
            ),
        )
    if machine.bits == 32:
        return Closed(
            headline="No PyTorch wheel runs in this Python: it is a 32-bit build, and every wheel is 64-bit.",
            reason="is 64-bit, this Python is a 32-bit build",
            options=(
                Option(
                    kind="python", text="install the 64-bit build of the same Python and make a new environment with it"
                ),
            ),
        )
    if machine.implementation not in (None, "cpython"):
        return Closed(
            headline=f"No PyTorch wheel runs in {machine.implementation}: wheels exist for CPython only.",
            reason=f"is for CPython, this Python is {machine.implementation}",
            options=(Option(kind="python", text="make an environment with CPython", command=()),),
        )
    if machine.is_rosetta and machine.platform == "macos_x86_64":
        return _rosetta()
    return _platform(machine, index)


def _platform(machine: Machine, index: WheelIndex) -> Closed | None:
    """System and processor: not known, or without any wheel."""
    if machine.platform is None and (machine.system is None or machine.arch is None):
        unknown = "system" if machine.system is None else "processor"
        return Closed(
            headline=f"No build can be chosen: the {unknown} of that machine is not known.",
            reason=f"cannot be judged: the {unknown} is not known",
            options=(Option(kind="system", text="ask on that machine", command=("ptsetup", "plan")),),
        )
    if machine.platform is None or not any(build.platform == machine.platform for build in index.builds):
        where = f"{machine.system or 'an unknown system'} on {machine.arch or 'an unknown processor'}"
        return Closed(
            headline=f"No PyTorch wheel exists for {where}.",
            reason=f"is not for {where}",
            options=(
                Option(kind="system", text="use Linux on x86_64 or aarch64, Windows on x86_64 or ARM64, or macOS"),
            ),
        )
    return None


def _rosetta() -> Closed:
    return Closed(
        headline="This Python is an Intel build that runs under Rosetta: PyTorch for Intel Macs ended with 2.2.2 and cannot use the GPU.",
        reason="is for Intel Macs, this is an Arm Mac",
        options=(
            Option(
                kind="python",
                text="make an environment with an arm64 Python: uv venv --python cpython-3.13-macos-aarch64-none .venv",
            ),
        ),
    )
