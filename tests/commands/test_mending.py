"""``ptsetup doctor --fix`` in real environments: what it carries out, and what it leaves to the person."""

import json
import os
import pathlib
import sys
import venv

import pytest

from ptsetup import cli
from ptsetup.commands import _mending
from ptsetup.errors import InstallFailed
from ptsetup.render import doctor as render
from ptsetup.rules import Diagnosis, Evidence, Fix, Ranked
from ptsetup.terminal import Terminal
from tests import builders


@pytest.fixture
def environment(tmp_path):
    """A fresh virtual environment with the leftovers of an upgrade that was cut off; the path of its interpreter."""
    venv.create(tmp_path / "env", symlinks=os.name == "posix")
    python = (
        tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / ("python.exe" if os.name == "nt" else "python")
    )
    (site_of(python) / "~orch").mkdir(parents=True)
    (site_of(python) / "~orch" / "x.py").write_text("")
    return python


def site_of(python):
    if os.name == "nt":
        return python.parent.parent / "Lib" / "site-packages"
    return python.parent.parent / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def doctor(python, *words):
    return cli.run(
        ["doctor", "--python", str(python), "--no-import", "--select", "PT208", "--fail-on", "warning", *words]
    )


def test_a_safe_fix_is_carried_out_and_seen_to_work(environment, capfd):
    code = doctor(environment, "--fix", "--yes")
    out, err = capfd.readouterr()
    assert "PT208" in out
    assert "To be done:" in err
    assert "Changed: gone: PT208." in err
    assert not (site_of(environment) / "~orch").exists()
    assert code == 0


def test_a_dry_run_changes_nothing(environment, capfd):
    code = doctor(environment, "--fix", "--dry-run")
    assert "Nothing was changed (--dry-run)." in capfd.readouterr().err
    assert (site_of(environment) / "~orch" / "x.py").exists()
    assert code == 1


def test_without_a_terminal_nothing_is_done_unasked(environment, capfd):
    code = doctor(environment, "--fix")
    assert "add --yes" in capfd.readouterr().err
    assert (site_of(environment) / "~orch").exists()
    assert code == 1


def test_a_healthy_environment_has_nothing_to_fix(environment, capfd):
    (site_of(environment) / "~orch" / "x.py").unlink()
    (site_of(environment) / "~orch").rmdir()
    assert doctor(environment, "--fix", "--yes") == 0
    assert "Nothing here is for ptsetup to change" in capfd.readouterr().err


SEEN = (Evidence(path="x", value="y"),)


def told(*fixes, snapshot=None, **facts):
    """A report of one error with these fixes."""
    values = {
        "code": "PT100",
        "slug": "a",
        "severity": "error",
        "title": "A",
        "message": "A.",
        "evidence": SEEN,
    } | facts
    finding = Ranked(fixes=fixes, **values)
    return render.report(Diagnosis(findings=(finding,), root=finding), snapshot or builders.machine(), version="1")


SAFE = Fix(text="safe", kind="safe", commands=(("true",),))
VENV = Fix(text="venv", kind="venv", commands=(("true",),))
OUTSIDE = builders.machine(target=builders.target(is_venv=False))


@pytest.mark.parametrize(
    ("report", "chosen"),
    [
        (told(SAFE), ["safe"]),
        (told(VENV), ["venv"]),
        (told(VENV, snapshot=OUTSIDE), []),
        (told(SAFE, snapshot=OUTSIDE), ["safe"]),
        (told(Fix(text="print", commands=(("true",),))), []),
        (told(Fix(text="sudo", kind="safe", commands=(("sudo", "true"),))), []),
        (told(Fix(text="sudo", kind="safe", commands=(("/usr/bin/sudo", "true"),))), []),
        (told(Fix(text="host", kind="safe", where="on the host", commands=(("true",),))), []),
        (told(Fix(text="words", kind="safe")), []),
        (told(Fix(text="shell", kind="safe", shell="export A=1")), []),  # noqa: S604 - a record
        (told(Fix(text="print", commands=(("true",),)), SAFE, VENV), ["safe"]),
        (told(SAFE, severity="note"), []),
        (told(SAFE, consequence_of="PT001"), []),
    ],
    ids=[
        "safe", "venv inside one", "venv outside", "safe outside", "print", "sudo", "sudo by path", "host", "words", "shell",
        "first that may", "note", "consequence",
    ],
)  # fmt: skip
def test_what_may_be_carried_out(report, chosen):
    assert [fix.text for _, fix in _mending.choose(report)] == chosen


def test_the_same_commands_run_once():
    report = told(SAFE)
    twice = render.report(Diagnosis(findings=report.findings * 2), report.snapshot, version="1")
    assert len(_mending.choose(twice)) == 1


def test_a_command_that_fails_ends_it_and_takes_back(environment, monkeypatch):
    """What the first command installed is gone again when the second fails."""
    site = site_of(environment)
    made = (
        f"import pathlib; p = pathlib.Path({str(site)!r}) / 'thing-1.dist-info'; p.mkdir();"
        "(p / 'RECORD').write_text('thing-1.dist-info/RECORD,,')"
    )
    fix = Fix(
        text="two",
        kind="venv",
        commands=((sys.executable, "-c", made, "pip"), (sys.executable, "-c", "import sys; sys.exit(3)", "pip")),
    )
    snapshot = builders.machine(
        target=builders.target(executable=str(environment), prefix=str(environment.parents[1]), purelib=str(site))
    )
    report = told(fix, snapshot=snapshot)
    monkeypatch.setattr(_mending, "INSTALLS", frozenset({pathlib.PurePath(sys.executable).name}))
    with pytest.raises(InstallFailed, match="exit code 3"):
        _mending.mend(report, {"is_yes": True, "dry_run": False, "index_file": None, "form": "json"}, Terminal())
    assert not (site / "thing-1.dist-info").exists()


def test_a_freeze_is_kept_in_the_environment(environment):
    target = builders.target(executable=str(environment), prefix=str(environment.parents[1]))
    (site_of(environment) / "thing-1.0.dist-info").mkdir()
    (site_of(environment) / "thing-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"
    )
    path = _mending.keep_freeze(builders.machine(target=target))
    assert path is not None
    assert pathlib.Path(path).parent == environment.parents[1]
    assert "thing==1.0" in pathlib.Path(path).read_text()


def test_a_freeze_holds_no_token(environment, monkeypatch):
    """An editable project is named by the address of its repository."""
    from ptsetup import run

    line = "-e git+https://t0ken@git.example/a/b.git@abc#egg=b"
    done = run.Completed(argv=(), ending="exited", exit_code=0, stdout=f"{line}\nthing==1.0\n")
    monkeypatch.setattr(run, "run", lambda *_, **__: done)
    target = builders.target(executable=str(environment), prefix=str(environment.parents[1]))
    path = _mending.keep_freeze(builders.machine(target=target))
    assert pathlib.Path(path).read_text() == "-e git+https://git.example/a/b.git@abc#egg=b\nthing==1.0\n"


def test_another_build_is_fetched_with_the_passwords_of_the_settings(monkeypatch):
    """The Snapshot has none of them."""
    from ptsetup import install

    monkeypatch.setenv("PIP_INDEX_URL", "https://me:s3cret@host.example/simple")
    seen = []

    def prepare(*words):
        seen.append(words[3])
        raise InstallFailed("no further")

    monkeypatch.setattr(install, "prepare", prepare)
    snapshot = builders.machine(target=builders.target(executable=sys.executable))
    with pytest.raises(InstallFailed, match="no further"):
        _mending._install(Fix(text="x", needs_plan=("torch",)), snapshot, {"index_file": None}, Terminal())
    assert seen[0].index_url == "https://me:s3cret@host.example/simple"


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (("PT1",), (), "Changed: gone: PT1."),
        (("PT1", "PT2"), ("PT2", "PT3"), "Changed: gone: PT1; still there: PT2; new: PT3."),
        ((), (), "Nothing was wrong before or after."),
    ],
)
def test_what_changed(before, after, said):
    def report(codes):
        findings = tuple(told(code=code).findings[0] for code in codes)
        return render.report(Diagnosis(findings=findings), builders.machine(), version="1")

    assert _mending.changes(report(before), report(after)) == said


def test_json_is_the_document_of_the_last_look(environment, capfd):
    doctor(environment, "--fix", "--yes", "--format", "json")
    assert json.loads(capfd.readouterr().out)["findings"] == []
