"""Every command under the streams, terminals and locales that people really have."""

import json
import os
import pty
import re
import subprocess
import sys

import pytest

PLAN = ("plan", "--gpu", "8.9", "--driver", "580.95.05")
COMMANDS = {
    "overview": (),
    "help": ("--help",),
    "plan": PLAN,
    "refusal": ("plan", "--gpu", "K80", "--driver", "470.256.02", "--python-version", "3.13"),
    "doctor": ("doctor", "--no-import"),
    "check": ("check", "--no-import"),
    "snapshot": ("snapshot", "--no-import"),
    "explain": ("explain", "PT101", "PT502"),
    "error text": ("explain", "The NVIDIA driver on your system is too old (found version 11040)"),
    "unknown text": ("explain", "the printer is on fire"),
    "lesson": ("explain", "torch.nn.functional.masked_softmax"),
    "list of checks": ("bench", "--list"),
    "releases": ("index", "show"),
    "index show": ("index", "show", "2.14.1"),
    "index verify": ("index", "verify"),
    "dry run": ("install", "--dry-run", *PLAN[1:]),
}

every_command = pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)


def run(words, tmp_path, shell="", **env):
    argv = [sys.executable, "-m", "ptsetup", *words]
    variables = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), **env}
    if shell:
        argv = ["sh", "-c", f'"$@" {shell}', "sh", *argv]
    return subprocess.run(argv, capture_output=True, env=variables, check=False, stdin=subprocess.DEVNULL, cwd=tmp_path)


@every_command
@pytest.mark.parametrize("shell", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_a_closed_stream_is_no_trouble(words, shell, tmp_path):
    done = run(words, tmp_path, shell)
    assert done.returncode in (0, 1), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"bug" not in done.stderr


@every_command
def test_a_full_disk_behind_stdout_is_told(words, tmp_path):
    done = run(words, tmp_path, ">/dev/full")
    assert done.returncode == 3
    assert b"could not be written: No space left" in done.stderr


@every_command
def test_a_full_disk_behind_stderr_changes_nothing(words, tmp_path):
    done = run(words, tmp_path, "2>/dev/full")
    assert done.returncode in (0, 1)
    assert done.stdout


@every_command
def test_a_locale_that_knows_ascii_only(words, tmp_path):
    folder = tmp_path / "Größe ü"
    folder.mkdir()
    done = run(words, folder, LC_ALL="C", LANG="", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="")
    assert done.returncode in (0, 1), done.stderr
    assert b"Traceback" not in done.stderr
    if words[:1] != ("snapshot",):
        done.stdout.decode("ascii")


def test_names_of_files_in_a_locale_that_knows_ascii_only(tmp_path):
    """They are read right, and printed as the terminal can."""
    folder = tmp_path / "Größe ü"
    folder.mkdir()
    (folder / "torch.py").write_text("")
    plain = {"LC_ALL": "C", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
    done = run(("snapshot", "--no-import"), folder, **plain)
    assert json.loads(done.stdout)["target"]["cwd"] == str(folder)
    done = run(("doctor", "--no-import"), folder, **plain)
    assert (done.returncode, done.stderr) == (1, b"")
    assert rb"Gr\xf6\xdfe \xfc" in done.stdout.replace(b"\n", b"")


def on_a_terminal(words, tmp_path, columns, **env):
    """What a terminal of that width gets as the result."""
    return _on_a_terminal(words, tmp_path, columns, subprocess.DEVNULL, (0, 1), env).replace("\r\n", "\n")


def both_on_a_terminal(words, tmp_path, columns, *, code=None, **env):
    """What it gets where stderr is the terminal, too."""
    return _on_a_terminal(words, tmp_path, columns, subprocess.STDOUT, (0, 1) if code is None else (code,), env)


def _on_a_terminal(words, tmp_path, columns, stderr, codes, env):
    primary, secondary = pty.openpty()
    variables = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path),
        "TERM": "xterm-256color",
        "COLUMNS": str(columns),
        **env,
    }
    argv = [sys.executable, "-m", "ptsetup", *words]
    with subprocess.Popen(
        argv, stdin=secondary, stdout=secondary, stderr=stderr, env=variables, cwd=tmp_path
    ) as process:
        os.close(secondary)
        parts = []
        while True:
            try:
                part = os.read(primary, 65536)
            except OSError:
                break
            if not part:
                break
            parts.append(part)
    os.close(primary)
    assert process.returncode in codes
    return b"".join(parts).decode()


@every_command
def test_a_terminal_without_colour_gets_none(words, tmp_path):
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in on_a_terminal(words, tmp_path, 80, **env)


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - {"snapshot", "help"}))
def test_no_line_is_wider_than_the_terminal(name, columns, tmp_path):
    """But for a word that has no place to break: a path, an address. JSON is not broken; click's own help needs 50 columns."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", on_a_terminal(COMMANDS[name], tmp_path, columns))
    # lines to copy are never broken
    text = re.sub(r"\nSee it yourself\n(?:  .*\n)+", "\n", text)
    wide = [line for line in text.splitlines() if len(line) > columns and not line.startswith("    ptsetup ")]
    assert not [line for line in wide if max(map(len, line.split())) < columns - 12], wide


def test_colour_is_shown_on_a_terminal_and_not_in_a_pipe(tmp_path):
    assert "\x1b[" in on_a_terminal(PLAN, tmp_path, 80)
    assert b"\x1b" not in run(PLAN, tmp_path).stdout
