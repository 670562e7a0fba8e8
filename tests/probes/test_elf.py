"""The reader of ELF files, against the system's own libraries and against files that were damaged in every way."""

import contextlib
import importlib.util
import pathlib
import shutil
import struct
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptsetup import run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF is Linux's format")


@pytest.fixture(scope="module")
def elf():
    """The module, which runs in other interpreters and is loaded by its path here."""
    path = pathlib.Path(run.script("parts")) / "elf.py"
    spec = importlib.util.spec_from_file_location("elf_under_test", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def system_libraries():
    folders = [
        pathlib.Path(name)
        for name in ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib")
    ]
    names = ("libc.so.6", "libm.so.6", "libstdc++.so.6", "libz.so.1", "libgcc_s.so.1", "libgomp.so.1")
    return [folder / name for folder in folders for name in names if (folder / name).is_file()][:6]


@pytest.mark.parametrize("path", system_libraries(), ids=lambda path: path.name)
def test_the_same_as_readelf(elf, path):
    """What binutils says of names and exports must be what we read."""
    readelf, nm = shutil.which("readelf"), shutil.which("nm")
    if readelf is None or nm is None:
        pytest.skip("no binutils here to compare with")
    dynamic = subprocess.run([readelf, "-dW", str(path)], capture_output=True, text=True, check=True).stdout
    told = subprocess.run(
        [nm, "-D", "--without-symbol-versions", str(path)], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in told.splitlines()]
    exported = {row[-1] for row in rows if len(row) == 3 and row[1] in "TWVBDRiu"}
    wanted = {row[-1] for row in rows if len(row) == 2 and row[0] == "U"}
    with elf.Elf(str(path)) as library:
        assert f"[{library.soname}]" in dynamic
        assert all(f"[{name}]" in dynamic for name in library.strings(elf.DT_NEEDED))
        assert len(library.strings(elf.DT_NEEDED)) == dynamic.count("(NEEDED)")
        has = library.exports()
        assert all(has(name.encode(), elf.gnu_hash(name.encode())) for name in exported)
        assert not any(has(name.encode(), elf.gnu_hash(name.encode())) for name in ("no_such_name", "_ZN3c104nopeEv"))
        found = {name.decode() for name in library.undefined((b"_", b"m", b"s", b"p"))}
        assert found <= wanted
        assert {name for name in wanted if name.startswith("m")} <= found


def test_a_program_names_its_loader(elf):
    with elf.Elf(sys.executable) as program:
        assert program.interpreter is None or "ld-" in program.interpreter


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small library of our own making, for damage."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    folder = tmp_path_factory.mktemp("elf")
    (folder / "x.c").write_text("int other(int); int mine(int x) { return other(x); }\n", encoding="utf-8")
    command = [
        compiler,
        "-shared",
        "-fPIC",
        "-nostdlib",
        "-Wl,-soname,libx.so.1,-rpath,/x",
        "-o",
        folder / "x.so",
        folder / "x.c",
    ]
    subprocess.run(command, check=True)
    return (folder / "x.so").read_bytes()


def read_all(elf, path):
    with elf.Elf(str(path)) as library:
        _ = library.soname, library.rpath_kind, library.strings(elf.DT_NEEDED)
        library.undefined((b"_", b"o"))
        library.exports()(b"mine", elf.gnu_hash(b"mine"))


@given(place=st.integers(0, 2**16), value=st.integers(0, 2**32 - 1), part=st.sampled_from([1.0, 1.0, 0.5, 64, 80]))
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_told_and_never_anything_else(elf, small, tmp_path, place, value, part):
    """Any four bytes overwritten, and the file cut anywhere: it is read, or one of the errors that are expected comes."""
    place %= len(small) - 3
    end = int(part * len(small)) if part <= 1 else part
    file = tmp_path / "damaged.so"
    file.write_bytes((small[:place] + struct.pack("<I", value) + small[place + 4 :])[:end])
    with contextlib.suppress(elf.DAMAGED):
        read_all(elf, file)


def test_other_files(elf, tmp_path):
    for content in (b"", b"\x7fELF", b"\x7fELF\x01\x01" + bytes(100), b"#!/bin/sh\n" * 20, bytes(200)):
        (tmp_path / "other").write_bytes(content)
        with pytest.raises(elf.NotElf):
            elf.Elf(str(tmp_path / "other"))
