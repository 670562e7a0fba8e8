"""PT1xx: machines on which each rule speaks, and near misses (test_tables puts them to the rules)."""

from ptsetup.facts import Cpu, Host, Libc, Memory, Target, replace
from ptsetup.rules import pt1_python
from tests import builders
from tests.rules.judging import (
    Fires,
    Silent,
    bare,
    failed,
    findings,
    mac,
    only_target,
    python,
    report,
    said,
    windows,
    with_host,
    with_target,
)

RULES = pt1_python.RULES
GIB = builders.GIB


def pip_failed(asked: str, listed: str) -> tuple[str, str]:
    return (
        f"ERROR: Could not find a version that satisfies the requirement {asked} (from versions: {listed})",
        f"ERROR: No matching distribution found for {asked}",
    )


PLACEHOLDERS = "0.1.2, 0.1.2.post1, 0.1.2.post2"
INTEL_LIST = "1.11.0, 1.13.1, 2.0.0, 2.1.2, 2.2.0, 2.2.1, 2.2.2"
WINDOWS = Host(system="windows")
UV_HINT = (
    "hint: You're using CPython 3.14 (`cp314`), but `torchvision` (v0.20.1) only has wheels with the following Python ABI "
    "tags: `cp310`, `cp311`, `cp312`, `cp313`"
)
DLL_126 = (
    'OSError: [WinError 126] The specified module could not be found. Error loading "C:\\env\\Lib\\site-packages\\torch\\lib'
    '\\fbgemm.dll" or one of its dependencies.'
)
DLL_1114 = (
    'OSError: [WinError 1114] A dynamic link library (DLL) initialization routine failed. Error loading "C:\\env\\Lib\\'
    'site-packages\\torch\\lib\\c10.dll" or one of its dependencies.'
)


FIRES = (
    Fires(
        "PT101",
        "no torch, Python 3.16",
        bare(python("3.16.0")),
        "newest Python that it serves is 3.15",
        "--python 3.13",
    ),
    Fires(
        "PT101",
        "an old torch asked for on a new Python",
        report(*pip_failed("torch==1.9.1+cu111", PLACEHOLDERS), **only_target(version="3.10")),
        "torch 1.9.1+cu111 has no wheel for Python 3.10",
        "--python 3.9",
    ),
    Fires("PT101", "uv names the tags", report(UV_HINT, **only_target(version="3.14.2")), "torchvision 0.20.1", "3.13"),
    Fires(
        "PT101",
        "a wheel of another Python",
        report(
            "ERROR: torch-1.13.1+cu117-cp39-cp39-linux_x86_64.whl is not a supported wheel on this platform.",
            **only_target(version="3.11.4"),
        ),
        "cp39",
        "3.9",
    ),
    Fires(
        "PT101",
        "a wheel, and nothing of this Python",
        report("ERROR: torch-2.4.0-cp312-cp312-win_amd64.whl is not a supported wheel on this platform."),
        "is for Python 3.12 on win_amd64: this Python or this system is another",
        "torch==2.4.0",
        title="This wheel is for another Python or another system",
    ),
    Fires(
        "PT101",
        "a wheel of another system",
        report(
            "ERROR: torch-2.4.0-cp312-cp312-win_amd64.whl is not a supported wheel on this platform.",
            **only_target(version="3.12.4"),
        ),
        "on win_amd64: this system is another",
        "torch==2.4.0",
        title="This wheel is for another Python or another system",
    ),
    Fires(
        "PT101",
        "conda's bounds",
        report(
            "package pytorch-1.12.1-py3.9_cuda11.3_cudnn8.3.2_0 requires python >=3.9,<3.10.0a0, but none of the providers can be",
            **only_target(version="3.11.4"),
        ),
        "Python 3.11",
        "3.9",
    ),
    Fires(
        "PT102",
        "no torch, Python 3.10",
        bare(python("3.10.12")),
        "needs Python 3.11 or newer",
        "torch==2.14.1",
        "warning",
    ),
    Fires(
        "PT102",
        "a new torch asked for on an old Python",
        report(*pip_failed("torch==2.6.0", "1.11.0, 1.13.1, 2.4.1"), **only_target(version="3.8.10")),
        "torch 2.6.0 needs Python 3.9 or newer",
        "--python",
    ),
    Fires("PT102", "torch older for Python's sake", python("3.10.12"), "the newest is 2.14.1", "uv venv", "note"),
    Fires("PT103", "a 32-bit Python", with_target(windows(), bits=32), "32-bit", "uv venv"),
    Fires(
        "PT103",
        "only placeholders offered on Windows",
        report(*pip_failed("torch==1.4.0", PLACEHOLDERS), host=WINDOWS),
        "placeholder 0.1.2",
        "64-bit",
        "warning",
    ),
    Fires(
        "PT103",
        "a 32-bit system too",
        with_host(with_target(bits=32), machine="i686"),
        "the system is a 32-bit one too",
        "",
    ),
    Fires(
        "PT104",
        "Alpine without torch",
        bare(with_host(libc=Libc(name="musl", version="1.2.4"))),
        "musl",
        "python:3.13-slim",
    ),
    Fires(
        "PT104",
        "uv's log",
        report("Found `cpython-3.10.15-linux-x86_64-musl` at `/usr/local/bin/python3`"),
        "musl",
        "FROM",
    ),
    Fires(
        "PT105",
        "CentOS 7 with a new torch",
        failed(with_host(libc=Libc(name="glibc", version="2.17")), "cannot import"),
        "needs glibc 2.28, this system has 2.17",
        "docker run",
    ),
    Fires(
        "PT105",
        "the loader names the version",
        report(
            "ImportError: /lib64/libm.so.6: version `GLIBC_2.27' not found (required by .../torch/lib/../../../../libcurand.so.10)",
            host=Host(system="linux", libc=Libc(name="glibc", version="2.17")),
        ),
        "libcurand.so.10 needs glibc 2.27, this system has 2.17",
        "container",
    ),
    Fires(
        "PT105",
        "no torch yet, an older release will do",
        bare(with_host(libc=Libc(name="glibc", version="2.17"))),
        "glibc 2.28",
        "newest build that runs",
        "warning",
    ),
    Fires("PT106", "PyPy", with_target(bare(), implementation="pypy"), "pypy", "CPython"),
    Fires(
        "PT106",
        "ppc64le",
        bare(with_target(with_host(machine="ppc64le"), machine="ppc64le")),
        "linux on ppc64le",
        "x86-64",
    ),
    Fires(
        "PT107",
        "pip's list ends at the last Intel release",
        report(*pip_failed("torch==2.4.1", INTEL_LIST)),
        "2.2.2 is the last",
        "torch==2.2.2 numpy<2",
    ),
    Fires(
        "PT107",
        "an Intel Mac without torch",
        mac(machine="x86_64", hardware="x86_64", torch=None),
        "Intel",
        "2.2.2",
        "warning",
    ),
    Fires(
        "PT107",
        "an Intel Mac that works",
        mac(machine="x86_64", hardware="x86_64", torch="2.2.2"),
        "Intel",
        "2.2.2",
        "note",
    ),
    Fires(
        "PT108",
        "macOS 13 without torch",
        mac(version="13.6", torch=None),
        "needs macOS 14.0, this is 13.6",
        "newest release that was built",
        "warning",
    ),
    Fires(
        "PT108", "macOS 13 with a torch for it", mac(version="13.6", torch="2.11.0"), "macOS 14.0", "upgrade", "note"
    ),
    Fires(
        "PT109",
        "an Intel Python on Apple silicon",
        mac(machine="x86_64", torch="2.2.2"),
        "x86_64",
        "cpython-3.13-macos-aarch64",
    ),
    Fires(
        "PT109",
        "a report names the chip",
        report(
            host=Host(system="macos", version="15.3", machine="x86_64", cpu=Cpu(model="Apple M2 Pro")),
            target=Target(machine="x86_64", version="3.12.8"),
        ),
        "Apple M2 Pro",
        "uv venv",
    ),
    Fires("PT110", "a free-threaded Python", with_target(is_gil_disabled=True), "free-threaded", "uv venv", "note"),
    Fires(
        "PT110",
        "torch.compile refused",
        report(
            "RuntimeError: torch.compile is not supported on Python < 3.13.3 built with GIL disabled",
            **only_target(version="3.13.1"),
        ),
        "3.13.3",
        "uv venv",
    ),
    Fires(
        "PT110",
        "no wheel for it",
        bare(python("3.12.3", is_gil_disabled=True)),
        "no torch has a wheel for it",
        "uv venv",
    ),
    Fires(
        "PT111",
        "a deep folder, long paths off",
        bare(windows(is_longpaths_enabled=False), purelib="C:\\" + "x" * 140, longest_site_path=143),
        "270",
        "LongPathsEnabled",
    ),
    Fires(
        "PT111",
        "pip's hint",
        report(
            "HINT: This error might have occurred since this system does not have Windows Long Path support enabled."
        ),
        "too long",
        "C:\\v\\pt",
    ),
    Fires(
        "PT112",
        "no run-time library",
        failed(windows(dlls={"vcruntime140": None, "msvcp140": None}), "DLL"),
        "vcruntime140.dll",
        "winget",
    ),
    Fires("PT112", "WinError 126", report(DLL_126), "Visual C++", "Microsoft.VCRedist.2015+.x64"),
    Fires("PT112", "WinError 1114", report(DLL_1114), "Visual C++", "aka.ms/vc14"),
    Fires(
        "PT112",
        "another language, wrapped",
        report(
            "ERROR    Could not load torch: [WinError 126] Das angegebene Modul wurde nicht gefunden. Error loading"
        ),
        "Visual C++",
        "winget",
    ),
    Fires(
        "PT112",
        "Python 3.8's words",
        report(
            "FileNotFoundError: Could not find module 'C:\\Python\\Lib\\site-packages\\torch\\lib\\c10.dll' (or one of its dependencies)."
        ),
        "Visual C++",
        "winget",
    ),
    Fires(
        "PT112",
        "2.4.0 lacks libomp140",
        report(DLL_126, "missing: libomp140.x86_64.dll"),
        "Visual C++",
        "torch>2.4.0",
    ),
    Fires(
        "PT113",
        "PyQt was imported first",
        report(DLL_1114, "from PyQt5 import QtWidgets"),
        "PyQt5",
        "import torch above",
        "warning",
    ),
    Fires("PT113", "torch alone works", said(windows(), DLL_1114), "torch alone can be imported", "above", "warning"),
    Fires(
        "PT114",
        "WinError 1455",
        report("OSError: [WinError 1455] The paging file is too small for this operation to complete"),
        "page file",
        "num_workers",
    ),
    Fires(
        "PT114",
        "little left to promise",
        windows(memory=Memory(commit_limit_bytes=16 * GIB, commit_used_bytes=12 * GIB)),
        "4.0 GiB",
        "page file",
        "note",
    ),
    Fires(
        "PT115",
        "a Python of the Store",
        failed(
            with_target(windows(), executable="C:\\Users\\u\\AppData\\Local\\Microsoft\\WindowsApps\\python.exe"), "DLL"
        ),
        "Microsoft Store",
        "uv venv",
        "warning",
    ),
)

SILENT = (
    Silent("PT101", "torch is there and imports", python("3.16.0")),
    Silent("PT101", "the Python is served", bare(python("3.14.0"))),
    Silent("PT101", "unknown Python", report(*pip_failed("torch", "none"))),
    Silent("PT101", "older than all: PT102", bare(python("3.8.0"))),
    Silent("PT102", "the newest release serves it", bare(python("3.11.2"))),
    Silent("PT102", "of 2022, judged by its day", replace(python("3.8.10"), taken_at="2022-06-01T00:00:00Z")),
    Silent("PT103", "a 64-bit Python", windows()),
    Silent(
        "PT103",
        "placeholders, but the Python is too new",
        report(*pip_failed("torch==1.5.1", PLACEHOLDERS), host=WINDOWS, **only_target(version="3.11")),
    ),
    Silent("PT104", "glibc", bare()),
    Silent("PT104", "the distribution's own torch works", with_host(libc=Libc(name="musl", version="1.2.4"))),
    Silent("PT105", "new enough", bare()),
    Silent(
        "PT105", "the container's own glibc is newer", failed(with_host(libc=Libc(name="glibc", version="2.36")), "x")
    ),
    Silent(
        "PT105",
        "of 2021, when 2.17 was enough",
        replace(bare(with_host(libc=Libc(name="glibc", version="2.17"))), taken_at="2021-05-01T00:00:00Z"),
    ),
    Silent("PT105", "GLIBCXX is another library", report("version `GLIBCXX_3.4.29' not found (required by x.so)")),
    Silent("PT106", "x86-64", bare()),
    Silent("PT106", "s390x has wheels", bare(with_target(with_host(machine="s390x"), machine="s390x"))),
    Silent("PT107", "Apple silicon", mac()),
    Silent(
        "PT107",
        "of 2021, when Intel Macs were served",
        replace(mac(machine="x86_64", hardware="x86_64", torch="1.9.0"), taken_at="2021-08-01T00:00:00Z"),
    ),
    Silent(
        "PT107", "the same list on Linux", report(*pip_failed("torch==2.4.1", INTEL_LIST), host=Host(system="linux"))
    ),
    Silent("PT108", "macOS 15", mac(torch=None)),
    Silent("PT108", "10.16 is what an old SDK reports", mac(version="10.16", torch=None)),
    Silent("PT109", "an ARM Python", mac()),
    Silent("PT109", "a true Intel Mac", mac(machine="x86_64", hardware="x86_64", torch="2.2.2")),
    Silent("PT110", "an ordinary Python", builders.machine()),
    Silent(
        "PT111",
        "long paths are on",
        bare(windows(is_longpaths_enabled=True), purelib="C:\\" + "x" * 140, longest_site_path=143),
    ),
    Silent("PT111", "a short folder", bare(windows(is_longpaths_enabled=False), longest_site_path=30)),
    Silent(
        "PT112",
        "ARM does without vcruntime140_1",
        windows(machine="ARM64", dlls={"vcruntime140": "14.4", "vcruntime140_1": None, "msvcp140": "14.4"}),
    ),
    Silent("PT112", "the same words on Linux", said(failed(builders.machine(), "x"), DLL_126)),
    Silent("PT112", "the import works, conda brings its own", windows(dlls={"vcruntime140": None, "msvcp140": None})),
    Silent(
        "PT113",
        "torch 2.8 and older",
        said(with_target(windows(), wheel=replace(builders.target().wheel, version="2.8.0+cu126")), DLL_1114),
    ),
    Silent("PT113", "nothing else was imported", report(DLL_1114)),
    Silent("PT114", "enough left", windows(memory=Memory(commit_limit_bytes=64 * GIB, commit_used_bytes=12 * GIB))),
    Silent("PT115", "Python from python.org", windows()),
)


def test_the_python_to_take_is_one_that_the_wanted_release_serves():
    """Not today's favourite: torch 1.9.1 never had a wheel for 3.13."""
    snapshot = report(*pip_failed("torch==1.9.1", PLACEHOLDERS), **only_target(version="3.10"))
    commands = [command for fix in findings(RULES, "PT101", snapshot)[0].fixes for command in fix.commands]
    assert ("uv", "venv", "--python", "3.9", ".venv-pt") in commands


def test_a_64_bit_python_is_asked_for_by_name():
    """By its version alone uv may take the 32-bit one that stands on PATH."""
    commands = [c for fix in findings(RULES, "PT103", with_target(windows(), bits=32))[0].fixes for c in fix.commands]
    assert commands[0][:4] == ("uv", "venv", "--python", "cpython-3.13-windows-x86_64-none")


def test_the_ordinary_build_is_asked_for_by_name():
    """From 3.14 on uv takes a free-threaded Python for its version alone."""
    snapshot = python("3.14.0", is_gil_disabled=True)
    commands = [c for fix in findings(RULES, "PT110", snapshot)[0].fixes for c in fix.commands]
    assert "3.14+gil" in commands[0]


def test_no_gpu_is_asked_for_where_there_is_none():
    """Docker refuses to start with --gpus on a machine without one."""
    old = {"libc": Libc(name="glibc", version="2.17")}
    without = bare(with_host(builders.cpu_machine(), **old))
    assert not any("--gpus" in c for fix in findings(RULES, "PT105", without)[0].fixes for c in fix.commands)
    assert any("--gpus" in c for fix in findings(RULES, "PT105", bare(with_host(**old)))[0].fixes for c in fix.commands)
