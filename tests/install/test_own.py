"""A Python that belongs to the system: ``ptsetup install`` offers an environment of one's own, and harms none that is there."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = str(pathlib.Path(__file__).parents[2])

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in wheels are Linux wheels")


@pytest.fixture
def system_python(tmp_path):
    """A Python as Debian ships it: marked by PEP 668, with a venv module that has no ensurepip. Made of links to ours."""
    real, version = pathlib.Path(os.path.realpath(sys.executable)), f"python3.{sys.version_info.minor}"
    library, folder = pathlib.Path(os.__file__).parent, tmp_path / "system"
    (folder / "bin").mkdir(parents=True)
    (folder / "lib" / version / "site-packages").mkdir(parents=True)
    for path in library.iterdir():
        if path.name not in ("site-packages", "ensurepip", "EXTERNALLY-MANAGED"):
            (folder / "lib" / version / path.name).symlink_to(path)
    (folder / "lib" / version / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    python = folder / "bin" / "python3"
    shutil.copy2(real, python)
    told = subprocess.run(
        [python, "-c", "import sys; print(sys.base_prefix)"], capture_output=True, text=True, check=False
    )
    if told.stdout.strip() != str(folder):
        pytest.skip("this Python cannot be moved")
    return python


@pytest.fixture
def install(world, system_python):
    """Runs ptsetup for that Python in a folder of its own, without a terminal."""
    world.offer("2.14.1+cpu")
    folder = world.folder / "a project ü"
    folder.mkdir()

    def run(*options):
        argv = world.argv("torch==2.14.1", *options)
        argv[argv.index("--python") + 1] = str(system_python)
        return subprocess.run(
            argv,
            env={**world.env, "PYTHONPATH": ROOT},
            cwd=folder,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    run.folder = folder
    return run


def torch_of(folder):
    return [path.name for path in (folder / ".venv").rglob("torch-*.dist-info")]


def test_unasked_nothing_is_made(install):
    done = install()
    assert (done.returncode, "belongs to the operating system" in done.stderr) == (3, True)
    assert "python3 -m venv .venv" in done.stderr
    assert list(install.folder.iterdir()) == []


def test_it_is_made_although_the_systems_venv_cannot(install):
    done = install("--yes")
    assert done.returncode == 0, done.stderr
    assert torch_of(install.folder) == ["torch-2.14.1+cpu.dist-info"]
    again = install("--yes")
    assert (again.returncode, "Nothing to do" in again.stdout) == (0, True), again.stderr


def test_one_that_is_there_is_taken_and_not_made_over(install):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", install.folder / ".venv"], check=True)
    before = (install.folder / ".venv" / "pyvenv.cfg").read_bytes()
    done = install("--yes")
    assert done.returncode == 0, done.stderr
    assert (install.folder / ".venv" / "pyvenv.cfg").read_bytes() == before
    assert torch_of(install.folder) == ["torch-2.14.1+cpu.dist-info"]


@pytest.mark.parametrize("is_folder", [True, False], ids=["folder", "file"])
def test_something_else_of_that_name_is_left_alone(install, is_folder):
    mine = install.folder / ".venv"
    if is_folder:
        mine.mkdir()
        mine = mine / "notes"
    mine.write_text("mine")
    done = install("--yes")
    assert (done.returncode, "is there already" in done.stderr) == (3, True)
    assert mine.read_text() == "mine"
    assert len(list(install.folder.rglob("*"))) == (2 if is_folder else 1)


def test_a_try_that_fails_leaves_nothing_half_made(install, monkeypatch, tmp_path):
    from ptsetup.errors import InstallFailed
    from ptsetup.install import own

    program = tmp_path / "half"
    program.write_text("#!/bin/sh\nmkdir -p .venv/bin; echo 'error: no room' >&2; echo 'hint: --clear' >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.chdir(install.folder)
    monkeypatch.setattr(own, "uv_program", lambda: str(program))
    with pytest.raises(InstallFailed, match="could not be made: error: no room"):
        own.make(str(program))
    assert list(install.folder.iterdir()) == []
