"""Which interpreter is the target."""

import os
import pathlib
import sys

import pytest

from ptsetup.errors import TargetError
from ptsetup.probes import choose

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the folders are laid out as on POSIX")


def interpreter(prefix, name="python"):
    """A file that could be run as one."""
    file = pathlib.Path(prefix) / "bin" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o755)
    return str(file)


def test_what_is_asked_for_beats_all(tmp_path):
    wanted, active = interpreter(tmp_path / "a"), tmp_path / "b"
    interpreter(active)
    choice = choose.choose(wanted, {"VIRTUAL_ENV": str(active)}, tmp_path)
    assert (choice.executable, choice.chosen_by) == (wanted, "--python")


def test_the_active_environment_then_conda_then_the_folder(tmp_path):
    one, two, three = (interpreter(tmp_path / name) for name in ("venv", "conda", ".venv"))
    both = {"VIRTUAL_ENV": str(tmp_path / "venv"), "CONDA_PREFIX": str(tmp_path / "conda")}
    assert choose.choose(None, both, tmp_path) == choose.Choice(executable=one, chosen_by="VIRTUAL_ENV")
    conda = {"CONDA_PREFIX": str(tmp_path / "conda")}
    assert choose.choose(None, conda, tmp_path) == choose.Choice(executable=two, chosen_by="CONDA_PREFIX")
    assert choose.choose(None, {}, tmp_path) == choose.Choice(executable=three, chosen_by=".venv")


def test_else_our_own(tmp_path):
    assert choose.choose(None, {}, tmp_path) == choose.Choice(executable=sys.executable, chosen_by="own")


@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_active_environment_that_is_gone_is_an_error_with_a_way_out(tmp_path, variable):
    """Silently taking another interpreter would install into a place that nobody named."""
    with pytest.raises(TargetError) as raised:
        choose.choose(None, {variable: str(tmp_path / "gone")}, tmp_path)
    assert variable in raised.value.message
    assert "--python" in raised.value.hint


def test_an_environment_without_interpreter(tmp_path):
    (tmp_path / ".venv").mkdir()
    assert choose.choose(None, {}, tmp_path).chosen_by == "own", "an empty folder of that name is no environment"
    (tmp_path / ".venv/pyvenv.cfg").write_text("home = /nowhere\n", encoding="utf-8")
    with pytest.raises(TargetError, match="no interpreter"):
        choose.choose(None, {}, tmp_path)


def test_a_folder_is_an_environment(tmp_path):
    wanted = interpreter(tmp_path / "Grüße für alle")
    assert choose.choose(str(tmp_path / "Grüße für alle"), {}).executable == wanted
    with pytest.raises(TargetError, match="no Python interpreter in the folder"):
        choose.choose(str(tmp_path), {})


def test_a_path_that_does_not_exist_or_cannot_be_run(tmp_path):
    with pytest.raises(TargetError, match="does not exist"):
        choose.choose(str(tmp_path / "python"), {})
    (tmp_path / "python").write_text("", encoding="utf-8")
    with pytest.raises(TargetError, match="cannot be executed"):
        choose.choose(str(tmp_path / "python"), {})


def test_links_are_kept(tmp_path):
    """The interpreter of a virtual environment is a link; following it would leave the environment."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    assert choose.choose(str(tmp_path / "bin/python"), {}).executable == str(tmp_path / "bin/python")


@pytest.mark.parametrize("name", ["3.12", "python3.12", "cp312", "312"])
def test_names_on_path(tmp_path, name):
    wanted = interpreter(tmp_path, "python3.12")
    assert choose.choose(name, {"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)}).executable == wanted


def test_other_programs_on_path(tmp_path):
    wanted = interpreter(tmp_path, "pypy3.10")
    assert choose.choose("pypy3.10", {"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)}).executable == wanted


def test_free_threaded_builds_have_names_of_their_own(tmp_path):
    interpreter(tmp_path, "python3.14")
    wanted = interpreter(tmp_path, "python3.14t")
    assert choose.choose("3.14t", {"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)}).executable == wanted


def test_shims_are_passed_over(tmp_path):
    """Shims of pyenv exist for versions that are not chosen at the moment: they only say so and end."""
    interpreter(tmp_path / "x")
    shims = tmp_path / ".pyenv/shims"
    shims.mkdir(parents=True)
    pathlib.Path(interpreter(tmp_path, "shim")).rename(shims / "python3.12")
    wanted = interpreter(tmp_path / ".pyenv/versions/3.12.10")
    interpreter(tmp_path / ".pyenv/versions/3.12.9")
    interpreter(tmp_path / ".pyenv/versions/3.1.2")
    assert choose.choose("3.12", {"PATH": str(shims), "HOME": str(tmp_path)}).executable == wanted


def test_a_full_version(tmp_path):
    interpreter(tmp_path, "python3.12")
    interpreter(tmp_path / ".pyenv/versions/3.12.10")
    wanted = interpreter(tmp_path / ".pyenv/versions/3.12.1")
    assert choose.choose("3.12.1", {"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)}).executable == wanted


def test_interpreters_of_uv(tmp_path):
    folder = tmp_path / "uv/python"
    interpreter(folder / "cpython-3.13.0-linux-x86_64-gnu")
    wanted = interpreter(folder / "cpython-3.13.11-linux-x86_64-gnu")
    free = interpreter(folder / "cpython-3.13.2+freethreaded-linux-x86_64-gnu")
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    assert choose.choose("3.13", env).executable == wanted
    assert choose.choose("3.13t", env).executable == free


def test_an_unknown_name_says_what_there_is(tmp_path):
    interpreter(tmp_path, "python3.11")
    with pytest.raises(TargetError) as raised:
        choose.choose("3.99", {"PATH": f"{tmp_path}/bin", "HOME": str(tmp_path)})
    assert "3.99" in raised.value.message
    assert raised.value.hint.startswith("Take one of 3.11, or name")
