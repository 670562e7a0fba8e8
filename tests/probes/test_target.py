"""The target interpreter: what it is, where it imports from, and every Python from 3.6 on that is here."""

import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

from ptsetup.errors import TargetError
from ptsetup.probes import choose, target
from tests.probes.targets import dist, environment, found, looked, torch

VERSIONS = [f"3.{minor}" for minor in range(6, 16)]


def installed(version):
    """An interpreter of that version; the test is skipped by name where there is none."""
    path = next(choose.by_name(version, os.environ), None)
    if path is None:
        pytest.skip(f"no Python {version} on this machine")
    return path


@pytest.fixture
def venv(tmp_path):
    """An environment in a folder with spaces and letters that are no ASCII."""
    folder = tmp_path / "Grüße für 世界 und alle"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_every_python(version, tmp_path):
    """The script parses and answers in each; ptsetup is installed in none of them."""
    python = installed(version)
    torch(tmp_path, "2.14.1+cu126", requires=["sympy"])
    section = looked(python=python, pythonpath=[tmp_path], cwd=tmp_path)
    code = "import sys; print('.'.join(map(str, sys.version_info[:3])), sys.prefix, sys.abiflags, sep='\\n')"
    said, prefix, flags = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )[:3]
    assert section.version.startswith(said)
    assert section.prefix == prefix
    assert section.python_tag == "cp" + "".join(said.split(".")[:2]) + ("t" if "t" in flags else "")
    assert (section.implementation, section.bits, section.is_venv) == ("cpython", 64, False)
    assert section.wheel.cuda == "12.6"
    assert section.torch_origin == str(tmp_path / "torch/__init__.py")
    assert section.torch_is_namespace is False


@pytest.mark.parametrize("version", VERSIONS)
def test_the_scripts_parse_everywhere(version):
    """Also those that run in our own interpreter only; a syntax error would end a child before its first word."""
    folder = pathlib.Path(target.__file__).parent.parent / "inside"
    files = [str(file) for file in sorted(folder.rglob("*.py"))]
    code = "import ast, io, sys\nfor f in sys.argv[1:]: ast.parse(io.open(f, encoding='utf-8').read(), f)"
    done = subprocess.run([installed(version), "-c", code, *files], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_our_own_interpreter():
    section = looked()
    assert section.version == ".".join(map(str, sys.version_info[:3]))
    assert section.executable == sys.executable
    assert section.purelib == sysconfig.get_path("purelib")
    assert section.include_dir == sysconfig.get_path("include")
    assert section.platform_tag == sysconfig.get_platform()
    assert section.is_venv == (sys.prefix != sys.base_prefix)
    assert section.longest_site_path == len(section.purelib)
    assert section.package_count > 10
    assert section.is_writable == os.access(section.purelib, os.W_OK)


def test_the_start_method_is_the_one_that_multiprocessing_says():
    """It is derived by the rule of its source; here it is asked."""
    for version in VERSIONS:
        python = next(choose.by_name(version, os.environ), None)
        if python is not None:
            code = "import multiprocessing as m; print(m.get_start_method())"
            said = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
            assert looked(python=python).start_method == said


def test_an_environment_in_a_folder_of_a_strange_name(venv):
    python = venv / "bin/python"
    section = looked(python=python)
    assert (section.is_venv, section.prefix) == (True, str(venv))
    assert section.executable == str(python)
    assert section.purelib.startswith(str(venv))
    assert (section.has_pip, section.package_count) == (False, 0)
    assert section.base_prefix == sys.base_prefix
    assert section.is_externally_managed is False


def test_a_folder_whose_name_is_no_text(tmp_path):
    """Bytes that are no UTF-8 must neither end the child nor break the JSON."""
    strange = tmp_path / os.fsdecode(b"\xff\xfe")
    strange.mkdir()
    torch(tmp_path / "good")
    env_path = [strange, tmp_path / "good"]
    one = found(pythonpath=env_path)
    assert one.status == "found"
    assert one.record.wheel.version == "2.14.1+cu126"


def test_kinds_of_entries_on_the_path(tmp_path, venv):
    extra, added = tmp_path / "extra", tmp_path / "added"
    dist(extra, "numpy", "2.3.4", {"numpy/__init__.py": ""})
    added.mkdir()
    section = looked(python=venv / "bin/python", pythonpath=[extra], cwd=tmp_path)
    site = section.purelib
    pathlib.Path(site, "more.pth").write_text(f"# a comment\nimport sys\n{added}\n", encoding="utf-8")
    entries = {
        entry.path: entry for entry in looked(python=venv / "bin/python", pythonpath=[extra], cwd=tmp_path).sys_path
    }
    assert entries[str(tmp_path)].kind == "cwd"
    assert (entries[str(extra)].kind, entries[str(extra)].provides) == ("pythonpath", ("numpy",))
    assert entries[str(added)].kind == "pth"
    assert entries[site].kind == "site"
    assert entries[sysconfig.get_path("stdlib")].kind == "stdlib"
    assert next(iter(entries)) == str(tmp_path), "the current folder is searched first"


def test_a_torch_in_the_current_folder(tmp_path):
    """The file is what an import would take; the installed one is still described."""
    site, folder = tmp_path / "site", tmp_path / "project"
    torch(site)
    folder.mkdir()
    (folder / "torch.py").write_text("raise SystemExit('executed')\n", encoding="utf-8")
    section = looked(pythonpath=[site], cwd=folder)
    assert section.torch_origin == str(folder / "torch.py")
    assert section.cwd_shadows == (str(folder / "torch.py"),)
    assert [(one.path, one.is_file) for one in section.torch_folders] == [
        (str(folder / "torch.py"), True), (str(site / "torch"), False)
    ]  # fmt: skip
    assert section.wheel.path == str(site / "torch")


def test_an_empty_folder_shadows_only_when_there_is_no_torch(tmp_path):
    (tmp_path / "project/torch").mkdir(parents=True)
    section = looked(cwd=tmp_path / "project")
    if section.torch_origin is None:
        assert section.torch_is_namespace is True
        assert section.wheel is None
    torch(tmp_path / "site")
    section = looked(pythonpath=[tmp_path / "site"], cwd=tmp_path / "project")
    assert section.torch_origin == str(tmp_path / "site/torch/__init__.py")
    assert section.torch_is_namespace is False
    assert section.torch_folders[0].has_init is False
    assert section.cwd_shadows == ()


def test_two_torches_on_the_path(tmp_path):
    torch(tmp_path / "one", "2.14.1+cu126")
    torch(tmp_path / "two", "2.7.1+cpu", cuda="None")
    section = looked(pythonpath=[tmp_path / "one", tmp_path / "two"], cwd=tmp_path)
    assert section.torch_origin == str(tmp_path / "one/torch/__init__.py")
    assert [one.path for one in section.torch_folders] == [str(tmp_path / "one/torch"), str(tmp_path / "two/torch")]
    versions = [(one.version, one.location) for one in section.distributions if one.name == "torch"]
    assert versions == [("2.14.1+cu126", str(tmp_path / "one")), ("2.7.1+cpu", str(tmp_path / "two"))]


def test_shadows_in_the_current_folder(tmp_path):
    for name in ("random.py", "os.py", "mymodel.py", "numpy.pyc"):
        (tmp_path / name).write_text("raise SystemExit('executed')\n", encoding="utf-8")
    (tmp_path / "sympy").mkdir()
    (tmp_path / "sympy/__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "jinja2").mkdir()
    assert looked(cwd=tmp_path).cwd_shadows == (str(tmp_path / "random.py"), str(tmp_path / "sympy"))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="PYTHONSAFEPATH came with Python 3.11")
def test_a_safe_path_leaves_the_current_folder_out(tmp_path):
    (tmp_path / "random.py").write_text("", encoding="utf-8")
    section = looked(cwd=tmp_path, PYTHONSAFEPATH="1")
    assert section.cwd_shadows == ()
    assert all(entry.kind != "cwd" for entry in section.sys_path)


def test_modules_in_the_folder_of_our_scripts_are_out_of_sight():
    entries = [entry.path for entry in looked().sys_path]
    assert not any("inside" in pathlib.Path(entry).parts and "ptsetup" in entry for entry in entries)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="as root everything can be written")
def test_a_site_that_cannot_be_written(venv):
    site = pathlib.Path(looked(python=venv / "bin/python").purelib)
    site.chmod(0o555)
    try:
        assert looked(python=venv / "bin/python").is_writable is False
    finally:
        site.chmod(0o755)


NO_PYTHON = {
    "ls": ("/bin/ls", "ended with exit code"),
    "cat": ("/bin/cat", "ended with exit code"),
    "false": ("/bin/false", "ended with exit code 1"),
    "true": ("/bin/true", "ended without an answer"),
    "a text": ("text", "the system cannot start it (Exec format error)"),
    "a script of another": ("script", "ended without an answer"),
    "a script of nothing": ("orphan", "the program that its first line names does not exist"),
}


@pytest.mark.skipif(os.name != "posix", reason="programs of POSIX systems")
@pytest.mark.parametrize(("python", "why"), NO_PYTHON.values(), ids=NO_PYTHON)
def test_no_python_at_all(tmp_path, python, why):
    """It is said in one sentence, without what we asked it with."""
    for name, content in (("text", "hello"), ("script", "#!/bin/sh\necho hi\n"), ("orphan", "#!/nowhere/python\n")):
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    path = str(tmp_path / python) if "/" not in python else python
    with pytest.raises(TargetError) as raised:
        found(python=path)
    said = raised.value.message
    assert said.startswith(f"{path} is no Python interpreter: ")
    assert why in said
    assert said.count(path) == 1
    assert not any(part in said for part in ("cwd", "{", "target_facts", "Errno"))
    assert "--python" in raised.value.hint


def test_a_python_that_is_too_old_says_so():
    python = next(choose.by_name("2.7", os.environ), None)
    if python is None:
        pytest.skip("no Python 2.7 on this machine")
    with pytest.raises(TargetError) as raised:
        found(python=python)
    assert "This is Python 2.7; ptsetup looks into Python 3.6 and newer." in raised.value.message


def test_an_externally_managed_python():
    """Debian and uv mark theirs; a system that does not is skipped by name."""
    marked = [p for p in map(installed_or_none, VERSIONS) if p and has_mark(p)] + [
        p for p in ["/usr/bin/python3"] if has_mark(p)
    ]
    if not marked:
        pytest.skip("no externally managed Python on this machine")
    section = looked(python=marked[0])
    assert (section.is_externally_managed, section.is_venv) == (True, False)


def installed_or_none(version):
    return next(choose.by_name(version, os.environ), None)


def has_mark(python):
    code = (
        "import os, sysconfig; print(os.path.exists(os.path.join(sysconfig.get_path('stdlib'), 'EXTERNALLY-MANAGED')))"
    )
    return (
        os.access(python, os.X_OK)
        and subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout == "True\n"
    )


def test_an_interpreter_that_hangs_gives_an_error_and_not_a_wait(tmp_path):
    file = tmp_path / "python"
    file.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    file.chmod(0o755)
    with pytest.raises(TargetError, match="gave no answer"):
        found(python=file, scale=0.02)


def test_an_interpreter_that_breaks_at_the_start_says_why(tmp_path, venv):
    """A damaged environment: its base is gone."""
    home = "home = /nowhere/bin\ninclude-system-site-packages = false\nversion = 3.11.0\n"
    (venv / "pyvenv.cfg").write_text(home, encoding="utf-8")
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('broken at the start')\n", encoding="utf-8")
    with pytest.raises(TargetError) as raised:
        found(python=sys.executable, pythonpath=[tmp_path])
    assert "broken at the start" in raised.value.message


def test_noise_at_the_start_does_no_harm(tmp_path):
    code = "import sys; print('hello ' * 1000); print('{\"stage\": 1}'); sys.stderr.write('warning\\n')\n"
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    one = found(pythonpath=[tmp_path])
    assert (one.status, one.record.version) == ("found", ".".join(map(str, sys.version_info[:3])))


def test_facts_told_before_a_crash_stay(tmp_path):
    """A file system that ends the process in the middle: here a finder that kills it when torch is looked for."""
    code = (
        "import os, signal, sys\nclass Finder:\n def find_spec(self, name, path=None, target=None):\n"
        "  if name == 'torch': os.kill(os.getpid(), signal.SIGKILL)\nsys.meta_path.insert(0, Finder())\n"
    )
    (tmp_path / "sitecustomize.py").write_text(code, encoding="utf-8")
    one = found(pythonpath=[tmp_path])
    assert one.status == "failed"
    assert "signal 9" in one.detail
    assert one.record.version == ".".join(map(str, sys.version_info[:3]))
    assert one.record.distributions is None


def test_environment_of_the_tests_is_small():
    assert "PIP_FIND_LINKS" not in environment()
