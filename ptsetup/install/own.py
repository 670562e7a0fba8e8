"""An environment of one's own, where the interpreter belongs to the system: the ``.venv`` that is here, or a new one."""

import os
import pathlib
import shutil

from ptsetup import run
from ptsetup.errors import InstallFailed
from ptsetup.install.carry import uv_program
from ptsetup.probes import choose

FOLDER = ".venv"

DEADLINE_S = 120.0


def is_there() -> bool:
    """The current folder has one that can be used: it is never made over, since it may be that of another Python."""
    return choose.interpreter_in(FOLDER) is not None


def make(python: str) -> None:
    """Make it with that interpreter: by its own venv, else (Debian's has none without a package of its own) by uv; whole or not at all.

    Raises:
        InstallFailed: neither can, or something else of that name is here.
    """
    if os.path.lexists(FOLDER):
        raise InstallFailed(
            f"{pathlib.Path(FOLDER).absolute()} is there already and is no environment that can be used.",
            hint="Move it away, or make an environment elsewhere: python3 -m venv FOLDER && ptsetup install --python FOLDER",
        )
    made = _made([python, "-m", "venv", FOLDER])
    if not made.is_ok:
        made = _made([uv_program(), "venv", "--quiet", "--no-config", "--python", python, FOLDER])
    if not made.is_ok:
        words = [line for line in (made.stderr or made.stdout).strip().splitlines() if not line.startswith("hint")]
        raise InstallFailed(
            f"The environment {FOLDER} could not be made: {words[-1].strip() if words else made.ending}.",
            hint="Make one by hand (on Debian and Ubuntu: sudo apt install python3-venv), then: ptsetup install --python .venv",
        )


def _made(command: list[str]) -> run.Completed:
    """Nothing half made is left behind: neither the next try nor the user could tell it from a whole one."""
    try:
        made = run.run(command, deadline_s=DEADLINE_S)
    except BaseException:
        shutil.rmtree(FOLDER, ignore_errors=True)
        raise
    if not made.is_ok:
        shutil.rmtree(FOLDER, ignore_errors=True)
    return made
