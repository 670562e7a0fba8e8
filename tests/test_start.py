"""The first steps of the process: what is imported for a verdict in a blink, and click without ``inspect``."""

import inspect
import os
import subprocess
import sys

import pytest

from ptsetup.__main__ import LateInspect

SLOW = {"ast", "bz2", "inspect", "pathlib", "random", "shutil", "socket", "tempfile", "urllib.parse"}
"""Modules of the standard library that take 1 to 5 ms each; none of them is needed for a verdict."""

CODE = """
import atexit, os, sys
atexit.register(lambda: os.write(2, "\\0".join(sorted(sys.modules)).encode()))
from ptsetup.__main__ import main
main()
"""


def modules_after(*words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", CODE, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return set(done.stderr.split("\0"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are looked at by other means")
def test_a_verdict_in_a_blink_imports_no_slow_module():
    # a rule that finds nothing where there is no torch: what is found is wrapped, and may need a plan
    done = modules_after("doctor", "--no-import", "--select", "PT601", "--python", sys.executable)
    assert "ptsetup.rules" in done
    already = set(
        subprocess.run(
            [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert not (SLOW - already) & done


def test_click_gets_what_it_needs_of_inspect_later():
    code = (
        "import sys\nfrom ptsetup.__main__ import import_click\nimport_click()\nimport click\n"
        "assert 'inspect' not in sys.modules\n"
        "@click.command(help='  One.\\n\\n    Two.')\ndef tool(): pass\n"
        "tool(['--help'], standalone_mode=False)\nimport inspect\nprint(type(inspect).__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert "  One." in done.stdout
    assert "  Two." in done.stdout
    assert done.stdout.endswith("module\n")


@pytest.mark.parametrize("text", ["", "one", " one", "one\n  two\n    three\n", "a\tb", "\n\none \n"])
def test_the_stand_in_cleans_texts_as_inspect_does(text):
    late = LateInspect("inspect")
    assert late.cleandoc(text) == inspect.cleandoc(text)
    assert late.isfunction is inspect.isfunction
