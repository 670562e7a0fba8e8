"""Lines to copy: what a shell makes of them is the argument vector again, whichever shell it is."""

import shlex
import subprocess

import pytest

from ptsetup import index
from ptsetup.commands import _remedies
from ptsetup.facts import replace
from ptsetup.render.machine import lines_to_copy
from ptsetup.render.shell import quoted
from ptsetup.rules import Case
from ptsetup.rules._ways import unset
from tests import builders
from tests.rules.judging import windows

WORDS = (
    ("python", "-m", "pip", "install", "numpy<2"),
    ("ptsetup", "install", "torch>=2.4.1"),
    ("mv", "--", "/home/a b/torch.py", "/home/a b/torch_renamed.py"),
    ("python", "-c", "import torch; print(torch.__version__)"),
    ("ptsetup", "install", "torch!=2.15.0", "torch==2.6.*", "torchvision[scipy]>=0.20,<1"),
    ("ptsetup", "install", "--gpu", "0,1", "@file"),
    ("echo", "costs $5", "a`b", 'say "yes"', "wow!", ""),
)


@pytest.mark.parametrize("command", WORDS, ids=lambda command: command[-1] or "empty")
def test_a_posix_shell_reads_the_same_words(command):
    assert tuple(shlex.split(quoted(command))) == command


def test_the_command_prompt_gets_no_single_quotes():
    """It takes them for letters, and the < in between for a redirection."""
    assert quoted(("pip", "install", "numpy<2")) == 'pip install "numpy<2"'


def test_the_command_prompt_gets_an_unequal_without_single_quotes_and_bash_no_history():
    """Between double quotes bash looks for a command in its history after ``!``, but not where ``=`` follows."""
    line = quoted(("echo", "torch!=2.15.0"))
    assert line == 'echo "torch!=2.15.0"'
    typed = f"set -o history\nset -o histexpand\necho before\n{line}\n"
    done = subprocess.run(["bash"], input=typed, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "torch!=2.15.0"


def test_powershell_gets_no_list_and_no_splat():
    """``a,b`` are two arguments there, and ``@a`` is none."""
    assert quoted(("ptsetup", "--gpu", "0,1", "@a")) == 'ptsetup --gpu "0,1" "@a"'


def test_powershell_calls_a_program_whose_path_has_a_space():
    line = quoted((r"C:\Users\Jane Doe\.venv\Scripts\python.exe", "-m", "pip", "check"))
    assert line == r'& "C:\Users\Jane Doe\.venv\Scripts\python.exe" -m pip check'


@pytest.mark.parametrize(
    ("machine", "line"), [(builders.machine(), "unset A"), (windows(), "$env:A = $null")], ids=["linux", "windows"]
)
def test_a_line_for_the_shell_is_left_as_it_is(machine, line):
    (fix,) = unset(Case(machine, index.load()), "A")
    assert lines_to_copy(fix) == (line,)


@pytest.mark.parametrize(
    ("cwd", "executable", "typed"),
    [
        ("/home/user", "/home/user/.venv/bin/python", ".venv/bin/python"),
        (r"C:\work", r"C:\work\.venv\Scripts\python.exe", r".venv\Scripts\python.exe"),
        ("/home/us", "/home/user/.venv/bin/python", "/home/user/.venv/bin/python"),
        (None, "/usr/bin/python3", "/usr/bin/python3"),
    ],
)
def test_the_interpreter_is_named_as_one_would_type_it_here(cwd, executable, typed):
    machine = builders.machine(target=replace(builders.target(), cwd=cwd, executable=executable))
    assert _remedies.python_of(machine) == typed
