"""The child runner, with real children: sleeping, dying, flooding, leaving grandchildren behind."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

from ptsetup import run

posix = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are of POSIX")


def python(code, **options):
    return run.run([sys.executable, "-c", code], **{"deadline_s": 30.0, **options})


def has_ended(pid):
    """It ends within 30 s (a kill takes its moment); waited for with a descriptor of the process, which Linux has."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("no os.pidfd_open here: the end of a grandchild cannot be waited for")
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(30_000))
    finally:
        os.close(descriptor)


def test_a_child_that_ends_well():
    done = python("import sys; print('out'); print('err', file=sys.stderr)")
    assert (done.ending, done.exit_code, done.signal, done.is_ok) == ("exited", 0, None, True)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")


def test_an_exit_code_is_kept():
    done = python("raise SystemExit(7)")
    assert (done.ending, done.exit_code, done.is_ok) == ("exited", 7, False)


@posix
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGKILL, signal.SIGBUS])
def test_death_of_a_signal_is_a_fact(number):
    done = python(f"import os; os.kill(os.getpid(), {int(number)})")
    assert (done.ending, done.exit_code, done.signal) == ("exited", None, int(number))


def test_a_sleeping_child_is_ended_at_its_deadline_and_what_it_wrote_is_kept():
    done = python("import time; print('before', flush=True); time.sleep(600)", deadline_s=1.0)
    assert (done.ending, done.exit_code, done.signal) == ("timeout", None, None)
    assert done.stdout == "before\n"
    assert not done.is_left_behind


@posix
def test_a_child_that_ignores_the_polite_signals_is_ended_too():
    code = (
        "import signal, time\nfor n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(n, signal.SIG_IGN)"
    )
    done = python(f"{code}\nprint('deaf', flush=True)\ntime.sleep(600)", deadline_s=1.0)
    assert (done.ending, done.stdout, done.is_left_behind) == ("timeout", "deaf\n", False)


GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
"""


@posix
def test_a_grandchild_that_holds_the_output_does_not_hold_us():
    """With pipes we would wait for the grandchild's whole life."""
    done = python(GRANDCHILD)
    assert (done.ending, done.exit_code) == ("exited", 0)
    assert has_ended(int(done.stdout))


@posix
def test_the_whole_group_is_ended_at_the_deadline():
    done = python(GRANDCHILD + "\nchild.wait()", deadline_s=2.0)
    assert done.ending == "timeout"
    assert has_ended(int(done.stdout))


def test_a_flood_is_stopped_before_it_fills_the_disk(monkeypatch):
    monkeypatch.setattr(run, "FLOOD_LIMIT", 1 << 20)
    done = python("import os\nwhile True: os.write(1, b'x' * 65536)", deadline_s=60.0)
    assert done.ending == "flooded"
    assert 0 < len(done.stdout) <= run.OUTPUT_LIMIT


def test_of_much_output_the_end_is_read(monkeypatch):
    monkeypatch.setattr(run, "OUTPUT_LIMIT", 1000)
    done = python("print('a' * 5000 + 'end', end='')")
    assert len(done.stdout) == 1000
    assert done.stdout.endswith("aend")


def test_a_missing_program():
    done = run.run(["/nowhere/at all"], deadline_s=5.0)
    assert done.ending == "missing"
    assert "/nowhere/at all" in done.stderr


@posix
def test_a_file_that_is_not_executable(tmp_path):
    file = tmp_path / "plain text"
    file.write_text("hello", encoding="utf-8")
    assert run.run([str(file)], deadline_s=5.0).ending == "missing"


def test_a_name_that_no_system_takes():
    assert run.run(["a\0b"], deadline_s=5.0).ending == "missing"


def test_a_folder_that_is_gone():
    assert run.run([sys.executable, "-c", "pass"], deadline_s=30.0, cwd="/nowhere/at all").ending == "missing"


def test_stdin_is_empty():
    assert python("import sys; print(repr(sys.stdin.read()))").stdout == "''\n"


@posix
def test_our_own_stdin_may_be_closed():
    """With descriptor 0 free, a temporary file of ours gets that number; the child must see an empty stdin all the same."""
    code = (
        "import os, sys\nos.close(0)\nfrom ptsetup import run\n"
        "done = run.run([sys.executable, '-c', 'import sys; print(repr(sys.stdin.read()))'], deadline_s=30)\n"
        "print(done.ending, done.stdout, end='')"
    )
    assert python(code).stdout == "exited ''\n"


@posix
def test_our_own_stdout_may_be_closed():
    code = (
        "import os, sys\nos.close(1)\nfrom ptsetup import run\n"
        "done = run.run([sys.executable, '-c', 'print(1)'], deadline_s=30)\n"
        "os.write(2, (done.ending + done.stdout).encode())"
    )
    assert python(code).stderr == "exited1\n"


def test_bytes_that_are_no_text_are_replaced():
    assert "�" in python(r"import os; os.write(1, b'\xff\xfe')").stdout


def test_the_variables_are_those_that_are_given():
    env = {**os.environ, "PTSETUP_TEST": "grüß"}
    assert python("import os; print(ascii(os.environ['PTSETUP_TEST']))", env=env).stdout == "'gr\\xfc\\xdf'\n"


@posix
def test_a_child_has_a_group_of_its_own():
    done = python("import os; print(os.getpgrp() == os.getpid(), os.getsid(0) == os.getpid())")
    assert done.stdout == "True True\n"


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are of Linux")
def test_without_a_folder_for_temporary_files_output_is_kept_in_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "temporary_folder", lambda: str(tmp_path / "gone"))
    assert python("print('here')").stdout == "here\n"


def test_the_folder_for_temporary_files_is_the_one_of_tempfile(monkeypatch, tmp_path):
    for number, names in enumerate(((), ("TMPDIR",), ("TEMP",), ("TMP",), ("TMPDIR", "TMP"))):
        for name in ("TMPDIR", "TEMP", "TMP"):
            monkeypatch.delenv(name, raising=False)
        for name in names:
            (tmp_path / f"{number}{name}").mkdir()
            monkeypatch.setenv(name, str(tmp_path / f"{number}{name}"))
        monkeypatch.setattr(tempfile, "tempdir", None)
        assert run.temporary_folder() == tempfile.gettempdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert run.temporary_folder() == tempfile.gettempdir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tempfile makes them")
def test_the_files_for_output_leave_no_name_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    child = run.Child([sys.executable, "-c", "print('here')"], deadline_s=60.0)
    assert list(tmp_path.iterdir()) == []
    assert child.finish().stdout == "here\n"


@posix
def test_programs_are_found_as_shutil_finds_them(tmp_path):
    for folder, mode in (("a", 0o644), ("b", 0o755), ("c", 0o755)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tool").write_text("")
        (tmp_path / folder / "tool").chmod(mode)
    (tmp_path / "d" / "tool").mkdir(parents=True)
    for folders in ("abcd", "cb", "d", "a", ""):
        path = os.pathsep.join(str(tmp_path / name) for name in folders)
        assert run.which("tool", path) == shutil.which("tool", path=path)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are of Linux")
def test_on_a_full_disk_output_is_kept_in_memory(monkeypatch):
    monkeypatch.setattr(run, "SPOOL_MINIMUM", 1 << 62)
    assert python("print('here')").stdout == "here\n"


def test_a_child_can_be_asked_while_it_runs_and_stopped():
    child = run.Child(
        [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(600)"], deadline_s=60.0
    )
    while child.is_running and "begun" not in child.partial().stdout:
        pass
    assert child.partial().ending == "running"
    child.stop()
    assert not child.is_running


@posix
def test_ctrl_c_ends_the_child():
    """An interrupted wait must not leave the child behind."""
    code = (
        "import os, signal, sys, threading\nfrom ptsetup import run\n"
        "child = run.Child([sys.executable, '-c', 'import time; time.sleep(600)'], deadline_s=60)\n"
        "pid = child._process.pid\n"
        "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "try:\n    child.finish()\nexcept KeyboardInterrupt:\n    print(pid)"
    )
    assert has_ended(int(python(code).stdout))


STUBBORN = """
import os, signal, sys
signal.signal(signal.SIGINT, lambda *_: print('again', flush=True))
signal.signal(signal.SIGTERM, lambda *_: print('again', flush=True))
print(os.getpid(), flush=True)
while True: signal.pause()
"""


@posix
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_a_second_ctrl_c_ends_an_installer_that_does_not_want_to(first):
    """What is put back next must not meet an installer that is still at work."""
    code = (
        "import sys\nfrom ptsetup import cli, run\n"
        "cli._end_as_after_ctrl_c()\nend = run._end_in_order\n"
        "def told(*words, **options):\n    print('ending', file=sys.stderr, flush=True)\n    end(*words, **options)\n"
        "run._end_in_order = told\n"
        f"run.stream([sys.executable, '-c', {STUBBORN!r}])"
    )
    outer = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    pid = int(outer.stderr.readline())
    os.killpg(outer.pid, signal.SIGINT) if first == signal.SIGINT else outer.send_signal(first)
    assert {outer.stderr.readline(), outer.stderr.readline()} == {"again\n", "ending\n"}
    os.killpg(outer.pid, signal.SIGINT)
    outer.wait()
    is_over = has_ended(pid)
    if not is_over:
        os.kill(pid, signal.SIGKILL)
    outer.stderr.close()
    assert is_over


@posix
def test_an_installer_speaks_though_our_stderr_was_closed():
    """As under ``2>&-``: then sys.stderr is None."""
    code = "import sys\nsys.stderr = None\nfrom ptsetup import run\nprint(run.stream([sys.executable, '-c', 'raise SystemExit(5)']))"
    assert python(code).stdout == "5\n"


@posix
def test_children_of_others_end_with_us():
    """A thread that is left behind may have a child at work, in a group of its own."""
    code = (
        "import sys\nfrom ptsetup import cli, run\n"
        "child = run.Child([sys.executable, '-c', 'import time; time.sleep(600)'], deadline_s=60)\n"
        "print(child._process.pid, flush=True)\ncli._leave(0)"
    )
    assert has_ended(int(python(code).stdout))
