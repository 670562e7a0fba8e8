"""What stands around the target: variables, other interpreters, installers at work, model caches."""

import os
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup.facts import OtherInterpreter, Target
from ptsetup.probes import caches, environ, installers, interpreters


def test_only_names_of_the_list_enter():
    env = {
        "CUDA_VISIBLE_DEVICES": "0",
        "NCCL_DEBUG": "INFO",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HF_TOKEN": "x",
        "MY_PASSWORD": "x",
        "USER": "me",
    }
    assert environ.take(env) == {"CUDA_VISIBLE_DEVICES": "0", "NCCL_DEBUG": "INFO"}


@pytest.mark.parametrize(
    "name",
    [
        "UV_PUBLISH_TOKEN",
        "UV_INDEX_COMPANY_PASSWORD",
        "UV_INDEX_COMPANY_USERNAME",
        "PIP_PASSWORD",
        "UV_HTTP_BASIC_AUTH",
    ],
)
def test_secrets_of_the_installers_stay_out(name):
    assert environ.take({name: "x"}) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://user:secret@host/simple", "https://host/simple"),
        ("https://secret@host/ https://b:secret@c/", "https://host/ https://c/"),
        ("user:secret@proxy:3128", "proxy:3128"),
        ("http://proxy:3128", "http://proxy:3128"),
        ("/a/b:/c/d@2", "/a/b:/c/d@2"),
    ],
)
def test_urls_lose_their_credentials(value, expected):
    assert environ.take({"HTTPS_PROXY": value}) == {"HTTPS_PROXY": expected}


def test_an_empty_variable_is_set():
    """An empty CUDA_VISIBLE_DEVICES hides every GPU."""
    assert environ.take({"CUDA_VISIBLE_DEVICES": ""}) == {"CUDA_VISIBLE_DEVICES": ""}


@given(user=st.from_regex(r"[a-z]{1,8}", fullmatch=True), secret=st.from_regex(r"[A-Z0-9!$%]{6,12}", fullmatch=True))
@settings(deadline=None, max_examples=50)
def test_no_secret_of_a_url_survives(user, secret):
    for text in (f"http://{user}:{secret}@host:1/x", f"{user}:{secret}@host:1", f"a=1,http://{secret}@host"):
        assert secret not in environ.harmless(text)


def torch_in(site, version="2.7.1+cpu"):
    folder = pathlib.Path(site) / "torch"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('executed')\n", encoding="utf-8")
    (folder / "version.py").write_text(f"__version__ = '{version}'\n", encoding="utf-8")


def program(path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


posix = pytest.mark.skipif(os.name != "posix", reason="the folders are laid out as on POSIX")


@posix
def test_a_torch_beside_another_interpreter_on_path(tmp_path):
    python = program(tmp_path / "other/bin/python3.12")
    torch_in(tmp_path / "other/lib/python3.12/site-packages")
    env = {"PATH": f"{tmp_path}/other/bin", "HOME": str(tmp_path / "home")}
    site = f"{tmp_path}/other/lib/python3.12/site-packages"
    expected = OtherInterpreter(executable=python, torch_version="2.7.1+cpu", site=site)
    assert interpreters.with_torch(Target(prefix=str(tmp_path / "mine")), env) == (expected,)
    assert interpreters.with_torch(Target(prefix=str(tmp_path / "other")), env) == (), "the target is no other"


@posix
def test_the_interpreter_that_a_pip_belongs_to(tmp_path):
    """The usual accident: pip of one Python, python of another."""
    python = program(tmp_path / "far/bin/python3")
    torch_in(tmp_path / "far/lib/python3.11/site-packages")
    pip = pathlib.Path(program(tmp_path / "near/pip"))
    pip.write_text(f"#!{python}\nimport sys\n", encoding="utf-8")
    (found,) = interpreters.with_torch(Target(), {"PATH": str(tmp_path / "near"), "HOME": str(tmp_path / "home")})
    assert (found.executable, found.torch_version) == (python, "2.7.1+cpu")


@posix
def test_environments_of_conda_pyenv_and_the_user(tmp_path):
    torch_in(tmp_path / "miniforge3/envs/pt/lib/python3.12/site-packages", "2.5.1")
    torch_in(tmp_path / ".pyenv/versions/3.11.7/lib/python3.11/site-packages", "2.4.0")
    torch_in(tmp_path / ".local/lib/python3.10/site-packages", "2.0.1")
    found = interpreters.with_torch(Target(), {"PATH": "", "HOME": str(tmp_path)})
    assert {one.torch_version for one in found} == {"2.5.1", "2.4.0", "2.0.1"}


@posix
def test_the_user_site_of_the_target_itself_is_no_other(tmp_path):
    site = tmp_path / ".local/lib/python3.10/site-packages"
    torch_in(site)
    target = Target(user_site=str(site), is_user_site_enabled=True)
    assert interpreters.with_torch(target, {"PATH": "", "HOME": str(tmp_path)}) == ()


@posix
def test_a_damaged_torch_elsewhere_is_told_without_version(tmp_path):
    torch_in(tmp_path / ".local/lib/python3.10/site-packages")
    (tmp_path / ".local/lib/python3.10/site-packages/torch/version.py").unlink()
    (found,) = interpreters.with_torch(Target(), {"PATH": "", "HOME": str(tmp_path)})
    assert found.torch_version is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/v/bin/python -m pip install torch", True),
        ("/v/bin/python /v/bin/pip install torch", True),
        ("/usr/bin/uv pip install --python /v/bin/python torch", True),
        ("uv sync", True),
        ("conda install -n x pytorch", True),
        ("uv run ptsetup", False),
        ("pip list", False),
        ("/v/bin/python train.py install", False),
        ("grep pip install", False),
        ("vim pip", False),
        ("", False),
    ],
)
def test_what_an_installation_looks_like(line, expected):
    assert installers.is_install(line.split()) is expected


def process(proc, pid, words, **variables):
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"\0".join(word.encode() for word in words) + b"\0")
    (folder / "environ").write_bytes(b"\0".join(f"{k}={v}".encode() for k, v in variables.items()))


def test_installations_in_this_environment(tmp_path):
    proc, prefix = tmp_path / "proc", tmp_path / "env"
    (prefix / "bin").mkdir(parents=True)
    process(proc, 11, [f"{prefix}/bin/python", "-m", "pip", "install", "torch"])
    process(proc, 12, ["/elsewhere/bin/python", "-m", "pip", "install", "torch"])
    process(proc, 13, ["uv", "pip", "install", "--python", f"{prefix}/bin/python", "torch"])
    process(proc, 14, ["uv", "sync"], VIRTUAL_ENV=prefix)
    process(proc, 15, [f"{prefix}/bin/python", "train.py"])
    (proc / "16").mkdir()
    # seen from the folder of the process: here, and in another project that has an environment of the same name
    for pid, folder in ((17, tmp_path), (18, tmp_path / "other")):
        process(proc, pid, ["env/bin/uv", "pip", "install", "--python", "env/bin/python", "torch"])
        (proc / str(pid) / "cwd").symlink_to(folder)
    process(proc, 19, ["env/bin/python", "-m", "pip", "install", "torch"])
    (proc / "19" / "cwd").symlink_to(tmp_path)
    # an installer that lies in this environment and works on another
    process(proc, 20, [f"{prefix}/bin/uv", "pip", "install", "--python=/elsewhere/bin/python", "torch"])
    process(proc, 21, [f"{prefix}/bin/uv", "sync"])
    found = installers.running(Target(prefix=str(prefix)), {}, [], proc=str(proc))
    assert sorted(found) == [11, 13, 14, 17, 19]


def test_without_a_list_of_processes(tmp_path):
    unknowns = []
    assert installers.running(Target(prefix="/x"), {}, unknowns, proc=str(tmp_path / "none")) is None
    assert unknowns[0].path == "target.running_installs"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are listed in /proc")
def test_a_real_child_that_calls_itself_pip(tmp_path):
    folder = tmp_path / "env/bin"
    folder.mkdir(parents=True)
    (folder / "python").symlink_to("/bin/sh")
    (folder / "pip").write_text("echo begun; read line\n", encoding="utf-8")
    command = [str(folder / "python"), str(folder / "pip"), "install", "torch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        # right after its start a process has no command line yet
        assert child.stdout.readline() == b"begun\n"
        found = installers.running(Target(prefix=str(tmp_path / "env")), {}, [])
        child.communicate(b"\n")
    assert found == (child.pid,)


def test_model_caches(tmp_path):
    env = {"HOME": str(tmp_path)}
    assert caches.folders(env) == {
        "TORCH_HOME": f"{tmp_path}/.cache/torch",
        "HF_HOME": f"{tmp_path}/.cache/huggingface",
    }
    assert caches.problem({**env, "HF_HOME": str(tmp_path / "file")}) is None
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert caches.problem({**env, "HF_HOME": str(tmp_path / "file")}) == f"{tmp_path}/file (HF_HOME) is no folder."


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="as root everything can be written")
def test_a_cache_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o555)
    try:
        assert "cannot be written" in caches.problem({"HOME": str(tmp_path)})
    finally:
        tmp_path.chmod(0o755)


def test_too_little_room(tmp_path, monkeypatch):
    monkeypatch.setattr(caches, "FREE_MINIMUM", 1 << 62)
    assert "MiB of room" in caches.problem({"HOME": str(tmp_path)})
