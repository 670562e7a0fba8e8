"""``ptsetup plan`` as a person types it: what is wrong use is told, and nothing secret is shown."""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import textwrap

import pytest

from ptsetup import index


def ptsetup(*argv):
    return subprocess.run(
        [sys.executable, "-m", "ptsetup", *argv], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    "argv",
    [
        # Quadro RTX 4000, RTX 4000 Ada or RTX PRO 4000
        ("--gpu", "4000", "--driver", "580.95.05"),
        ("--os", "linux", "--gpu", "0"),
        ("--gpu", "97"),
        ("--gpu", "8.6", "--driver", "580.95.05", "--python", "3.11"),
        ("--mirror", "nosuch", "--os", "linux"),
        ("--find-links", "/no/such/folder", "--os", "linux"),
        ("--find-links", "ftp://host.example/whl", "--os", "linux"),
        ("--index-url", "ftp://host.example/whl", "--os", "linux"),
        ("--index-url", "/srv/simple", "--os", "linux"),
        ("--index-url", "https://", "--os", "linux"),
        ("--index-url", "http://host example/", "--os", "linux"),
        ("--index-url", "", "--os", "linux"),
        ("--mirror", "sftp://host.example/whl", "--os", "linux"),
        ("--mirror", "nju", "--index-url", "https://host.example/whl", "--os", "linux"),
        ("--pre", "torch==2.9.0", "--os", "linux"),
        ("--wsl", "--os", "windows"),
        ("--wsl", "--os", "macos"),
        ("--jetson", "--os", "windows"),
        ("--jetson", "--os", "macos", "--arch", "arm64"),
        ("--jetson", "--arch", "x86_64"),
        ("--jetson", "--wsl"),
        ("--libc", "glibc-2.35", "--os", "macos"),
    ],
)
def test_wrong_use_is_code_2_and_never_a_plan(argv):
    done = ptsetup("plan", *argv)
    assert (done.returncode, done.stdout) == (2, ""), done


def test_a_cards_number_is_its_name_and_a_small_number_picks_a_gpu():
    done = ptsetup("plan", "--gpu", "4090", "--driver", "580.95.05")
    assert done.stdout.startswith("torch 2.15.0 for CUDA 13.0")
    assert "code for 4090 (8.9)" in done.stdout


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("password", ["s3cret", "bare@s3cret"])
def test_a_password_in_an_address_is_not_shown(form, password):
    done = ptsetup(
        "plan", "--os", "linux", "--index-url", f"https://user:{password}@host.example/whl", "--format", form
    )
    assert done.returncode == 0
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize("password", ["s3cret", "bare@s3cret", "bare/s3cret"])
def test_nor_is_one_in_an_address_that_is_refused(password):
    done = ptsetup("plan", "--index-url", f"ftp://user:{password}@host.example/whl")
    assert (done.returncode, "s3cret" in done.stderr) == (2, False)


def test_a_folder_as_index_is_taken_as_the_address_that_names_it(tmp_path):
    done = ptsetup("plan", "--os", "linux", "--index-url", str(tmp_path), "--format", "shell")
    assert f"--index-url {tmp_path.as_uri()} " in done.stdout


def test_a_bare_name_as_index_is_told_how_an_address_names_a_folder(tmp_path):
    (tmp_path / "wheels").mkdir()
    argv = [sys.executable, "-m", "ptsetup", "plan", "--os", "linux", "--index-url", "wheels"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, (tmp_path / "wheels").as_uri() in done.stderr) == (2, True)


@pytest.mark.parametrize("address", ["HTTPS://host.example/whl", "file:///srv/whl"])
def test_addresses_that_installers_can_ask_are_taken(address):
    done = ptsetup("plan", "--os", "linux", "--index-url", address, "--format", "shell")
    assert f"--index-url {address.replace('HTTPS', 'https')} " in done.stdout


def test_a_jetson_board_has_an_arm_processor_without_saying_so():
    done = ptsetup("plan", "--jetson", "--gpu", "11.0", "--driver", "38.2", "--format", "json")
    assert json.loads(done.stdout)["platform"] == "linux_aarch64"


def test_a_full_disk_is_no_bug_of_ours():
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m ptsetup plan --os linux > /dev/full"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "could not be written" in done.stderr) == (3, True)


def test_a_closed_stdin_is_no_bug_of_ours():
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m ptsetup doctor --from - <&-"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 4, done.stderr


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_a_slip_in_a_code_does_not_turn_a_preflight_green(option):
    assert ptsetup("doctor", "--no-import", option, "PT9999").returncode == 2


def test_a_mirror_is_found_however_its_name_is_written():
    done = ptsetup("plan", "--os", "linux", "--mirror", "NJU", "--format", "shell")
    assert "https://mirrors.nju.edu.cn/pytorch/whl/cpu" in done.stdout


def test_a_tag_is_known_in_large_letters_too():
    done = ptsetup("plan", "--gpu", "8.9", "--driver", "580.95.05", "--backend", "CU126", "--format", "json")
    assert json.loads(done.stdout)["backend"] == "cu126"


README = pathlib.Path(__file__).parents[2] / "README.md"


def test_the_plans_in_the_readme_are_what_is_printed():
    blocks = re.findall(
        r"^    \$ ptsetup (plan .*)\n((?:    .*\n|\n)+)", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(blocks) >= 2
    for command, shown in blocks:
        printed = ptsetup(*shlex.split(command)).stdout
        assert textwrap.dedent(shown).strip() == printed.strip()


def test_the_readme_shows_the_index_that_is_shipped():
    shown = re.search(r"sha256 ([0-9a-f]{16})\n", README.read_text(encoding="utf-8"))[1]
    assert index.digest(str(index.locate())).startswith(shown)


LEAN = """
import contextlib, io, sys
from ptsetup import cli
with contextlib.redirect_stdout(io.StringIO()):
    cli.run(sys.argv[1:])
print(*sorted(name for name in sys.modules if name.startswith("ptsetup.")))
"""


def loaded_by(*arguments):
    done = subprocess.run([sys.executable, "-c", LEAN, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_index_is_shown_without_the_planner():
    """It would be half of the time that this takes."""
    loaded = loaded_by("index", "show")
    assert "ptsetup.index.store" in loaded
    assert not [name for name in loaded if name.startswith("ptsetup.plan")]


def test_a_described_machine_is_planned_for_without_rules_and_probes():
    """They would be two thirds of the time that a plan takes."""
    loaded = loaded_by("plan", "--gpu", "8.9", "--driver", "580.95.05")
    assert "ptsetup.plan.choose" in loaded
    assert [
        name for name in loaded if name.split(".")[1] in ("rules", "probes", "readers", "bench", "install", "run")
    ] == []
