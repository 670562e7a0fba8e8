"""Programs: found where torch looks for them, asked for their version under one deadline, never trusted to answer."""

import os
import pathlib
import sys

import pytest

from ptsetup.probes import programs
from ptsetup.probes._tree import Tree
from tests.probes.trees import Link, output, plant, tree


def executable(root, name, text):
    plant(root, {name: text})
    pathlib.Path(f"{root}{name}").chmod(0o755)
    return f"{root}{name}"


def script(root, name, body):
    """A real program: a shell script."""
    return executable(root, name, f"#!/bin/sh\n{body}\n")


def found(env, **changes):
    return {program.name: program for program in programs.start(Tree(), env, **changes)()}


def test_versions_are_asked_and_parsed(tmp_path):
    script(tmp_path, "/bin/g++", 'echo "g++ (Debian 12.2.0-14) 12.2.0"; echo more')
    script(tmp_path, "/bin/ninja", "echo 1.11.1")
    listed = found({"PATH": f"{tmp_path}/bin"})
    assert (listed["g++"].version, listed["g++"].path, listed["g++"].source) == (
        "12.2.0",
        f"{tmp_path}/bin/g++",
        "PATH",
    )
    assert listed["ninja"].version == "1.11.1"
    assert listed["clang++"].path is None


def test_a_program_that_fails_hangs_or_dies_is_told_and_costs_only_itself(tmp_path):
    script(tmp_path, "/bin/g++", "echo broken toolchain >&2; exit 3")
    executable(tmp_path, "/bin/clang++", "\x7fELF not really")
    script(tmp_path, "/bin/ninja", "echo 1.12.0")
    script(tmp_path, "/c/gcc", "sleep 100")
    script(tmp_path, "/c/cc", "kill -SEGV $$")
    listed = found({"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert listed["g++"].error.endswith("exit code 3: broken toolchain")
    assert "does not start" in listed["clang++"].error
    assert listed["ninja"].version == "1.12.0"
    only_c = found({"PATH": f"{tmp_path}/c"}, deadline_scale=0.5)
    assert "no answer in time" in only_c["gcc"].error
    assert "signal 11" in only_c["cc"].error


def test_c_compilers_are_asked_only_where_there_is_no_compiler_of_cxx(tmp_path):
    for name in ("g++", "gcc", "cc"):
        script(tmp_path, f"/bin/{name}", f"echo '{name} 12.2.0'")
    listed = found({"PATH": f"{tmp_path}/bin"})
    assert (listed["g++"].version, listed["gcc"].version, listed["cc"].version) == ("12.2.0", None, None)
    assert listed["gcc"].path == f"{tmp_path}/bin/gcc"


def test_noise_and_floods_are_no_version(tmp_path):
    script(tmp_path, "/bin/ninja", "yes nonsense | head -c 3000000")
    script(tmp_path, "/bin/g++", "printf '\\377\\376\\n'")
    listed = found({"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert (listed["ninja"].version, listed["g++"].version) == (None, None)


def test_the_variables_of_the_compilers_with_their_arguments(tmp_path):
    wrapper = script(tmp_path, "/my tools/é++", 'echo "$@" | sed "s/--version/13.2.0/"')
    listed = found({"CXX": f'"{wrapper}" -m64', "CC": "missing-cc", "PATH": "/usr/bin"})
    assert listed["CXX"].path == wrapper
    assert listed["CXX"].version == "13.2.0"
    assert listed["CC"].path is None
    assert listed["CC"].error == "CC=missing-cc names no program."


def test_a_variable_that_cannot_be_split_is_still_told():
    listed = found({"CXX": "g++ 'unbalanced", "PATH": ""})
    assert "names no program" in listed["CXX"].error


def test_programs_in_the_current_folder_do_not_count(tmp_path, monkeypatch):
    script(tmp_path, "/ninja", "echo 6.6.6")
    monkeypatch.chdir(tmp_path)
    assert found({"PATH": f":.:{os.pathsep}"})["ninja"].path is None


VERSION_JSON = (
    '{"cuda": {"name": "CUDA SDK", "version": "13.0.1"}, "cuda_nvcc": {"name": "NVCC", "version": "13.0.88"}}'
)


def nvcc(tmp_path, files, env):
    looked = tree(tmp_path, files)
    for name in files:
        if name.endswith("nvcc"):
            (tmp_path / name[1:]).chmod(0o755)
    return programs.nvcc(looked, env)


def test_cuda_home_decides_and_its_version_is_read_without_running_nvcc(tmp_path):
    files = {"/opt/cuda 13/bin/nvcc": "", "/opt/cuda 13/version.json": VERSION_JSON, "/usr/bin/nvcc": ""}
    program = nvcc(tmp_path, files, {"CUDA_HOME": "/opt/cuda 13/", "PATH": "/usr/bin"})
    assert (program.path, program.version, program.source) == ("/opt/cuda 13/bin/nvcc", "13.0.88", "CUDA_HOME")


def test_a_cuda_home_without_nvcc_is_the_answer_even_if_path_has_one(tmp_path):
    program = nvcc(tmp_path, {"/usr/local/": "", "/usr/bin/nvcc": ""}, {"CUDA_HOME": "/usr/local", "PATH": "/usr/bin"})
    assert (program.path, program.error) == (None, "CUDA_HOME=/usr/local has no bin/nvcc.")


def test_nvcc_on_path_belongs_to_the_toolkit_behind_the_link(tmp_path):
    files = {
        "/usr/local/cuda-12.8/bin/nvcc": "",
        "/usr/local/cuda-12.8/version.txt": "CUDA Version 12.8.1\n",
        "/usr/bin/nvcc": Link("../local/cuda-12.8/bin/nvcc"),
    }
    looked = tree(tmp_path, files)
    (tmp_path / "usr/local/cuda-12.8/bin/nvcc").chmod(0o755)
    program = programs.nvcc(looked, {"PATH": "/usr/bin"})
    assert (program.path, program.version, program.source) == ("/usr/bin/nvcc", "12.8.1", "PATH")


def test_the_usual_place_comes_last(tmp_path):
    program = nvcc(
        tmp_path, {"/usr/local/cuda/bin/nvcc": "", "/usr/local/cuda/version.json": "{broken"}, {"PATH": "/usr/bin"}
    )
    assert (program.path, program.version, program.source) == ("/usr/local/cuda/bin/nvcc", None, "/usr/local/cuda")


def test_no_nvcc_anywhere(tmp_path):
    assert nvcc(tmp_path, {}, {"PATH": "/usr/bin"}).path is None


@pytest.mark.parametrize("text", ["", "[]", '{"cuda": 1}', '{"cuda": {"version": 13}}', "\ud7ff", "{" * 2000])
def test_a_version_file_of_nonsense_is_no_version(tmp_path, text):
    assert programs.toolkit_version(tree(tmp_path, {"/t/version.json": text}), "/t") is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("g++ (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0\nCopyright", "13.3.0"),
        ("Ubuntu clang version 18.1.3 (1ubuntu1)", "18.1.3"),
        ("cc (GCC) 15.2.1 20250813", "15.2.1"),
        ("1.13.0.git.kitware.jobserver-pipe-1", "1.13.0.git.kitware.jobserver-pipe-1"),
        ("", None),
        ("no number", None),
    ],
)
def test_the_version_in_a_first_line(text, version):
    assert programs.version_in(text) == version


def test_what_nvcc_prints():
    assert programs.nvcc_version(output("nvcc.txt")) == "13.0.88"
    assert programs.nvcc_version("Cuda compilation tools, release 9.1") == "9.1"
    assert programs.nvcc_version("nvcc: command failed") is None


def test_this_interpreter_is_found_on_its_own_path():
    folder, name = os.path.split(sys.executable)
    assert programs.which(Tree(), {"PATH": folder}, name) == sys.executable
