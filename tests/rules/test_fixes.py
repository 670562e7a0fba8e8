"""The ways out as a person meets them: for every machine of the tables, filled in, on that system and at 80 columns."""

import re

import pytest

from ptsetup import index, readers
from ptsetup.commands import _remedies
from ptsetup.facts import CudaDriver, Host, Nvidia, Nvml, Snapshot, Target, Wheel, replace
from ptsetup.render import doctor as screen
from ptsetup.render.machine import lines_to_copy
from ptsetup.rules import RULES, _engine
from tests import builders
from tests.rules import test_tables
from tests.rules.harms import dead, driver
from tests.rules.judging import FORBIDDEN, bare, only_target, report, windows, with_target

INDEX = index.load()
BY_CODE = {rule.code: rule for rule in RULES}


def told(row, snapshot=None):
    """The findings of the row's rule, with every way out ready to be copied."""
    machine = snapshot or row.snapshot
    diagnosis = _engine.put([BY_CODE[row.code]], machine, INDEX, expect=row.expect, select=[row.code])
    return _remedies.fill(diagnosis, machine, INDEX).findings


def copied(findings):
    return [line for finding in findings for fix in finding.fixes for line in lines_to_copy(fix)]


FIRES = pytest.mark.parametrize("row", test_tables.FIRES, ids=test_tables.named)


@FIRES
def test_a_way_out_can_be_followed(row):
    """A first way does not begin with "Or", none is there twice, and a line has no gap that the reader has to fill in."""
    for finding in told(row):
        texts = [fix.text for fix in finding.fixes]
        assert len(set(texts)) == len(texts), texts
        assert not texts or not re.match(r"(?:Or|Then) ", texts[0]), texts[0]
        assert not any(re.search(r"<[a-z ]+>|\{python\}|\bNone\b", line) for line in copied([finding])), copied(
            [finding]
        )
        assert not any(word in line for line in copied([finding]) for word in FORBIDDEN)


@FIRES
def test_texts_fit_80_columns(row):
    for finding in told(row):
        lines = screen.fixes(finding.fixes, 80)
        longest = [line for line in lines if len(line) > 80 and line.strip() not in copied([finding])]
        assert not [line for line in longest if " " in line.strip()]  # an address stays whole


@FIRES
def test_lines_are_for_the_shell_of_the_system(row):
    """Words of POSIX shells are not for Windows, nor the other way round."""
    host = row.snapshot.host
    system = host.system if host else None
    lines = [
        line for finding in told(row) for fix in finding.fixes if fix.where == "here" for line in lines_to_copy(fix)
    ]
    posix, powershell = r"^(?:export|unset|sudo|mv|rm|chmod) |/bin/python\b", r"\$env:|\\Scripts\\|^cmd |^winget "
    if system == "windows":
        assert not [line for line in lines if re.search(posix, line)]
    elif system:
        assert not [line for line in lines if re.search(powershell, line)]


@FIRES
def test_an_environment_without_pip_is_served_by_uv(row):
    """As uv makes them: no line calls the pip that is not there."""
    if row.snapshot.target is None or row.snapshot.origin == "report":
        return
    without = replace(row.snapshot, target=replace(row.snapshot.target, has_pip=False))
    assert not [line for line in copied(told(row, without)) if "-m pip" in line]


PLANNED = re.compile(r"--(?:extra-)?index-url https://download\.pytorch\.org/whl/(?!nightly)\S*")


@FIRES
def test_no_rule_names_a_page_of_the_index_by_itself(row):
    """Which build fits, the planner knows; a rule names a page only to put the installed version there again."""
    for finding in _engine.put([BY_CODE[row.code]], row.snapshot, INDEX, expect=row.expect).verdicts[0].findings:
        for fix in finding.fixes:
            lines = [" ".join(command) for command in fix.commands] + [fix.shell or ""]
            assert not [line for line in lines if PLANNED.search(line) and "--force-reinstall" not in line]


BOTH = ("PT415", "PT502", "PT603")


@pytest.mark.parametrize("code", BOTH)
def test_both_ways_out_are_there(code):
    """Rights or hardware may block one: a newer driver, or another build.

    Not for a GPU that has no newer driver, nor for Triton, whose ptxas is of CUDA 12 in every build.
    """
    rows = [
        row
        for row in test_tables.FIRES
        if row.code == code and not re.search("Kepler|Triton", row.why) and row.severity == "error"
    ]
    assert rows
    for row in rows:
        for finding in told(row):
            assert any(fix.needs_plan for fix in finding.fixes)
            assert any("driver" in fix.text and not fix.needs_plan for fix in finding.fixes)


def table(code, why):
    return next(row for row in test_tables.FIRES if (row.code, row.why) == (code, why))


def test_what_the_planner_refuses_is_no_way_out():
    """For CUDA 13.2 there is no torchaudio: the pair for CUDA 13.0 comes first, not a dead end."""
    (finding,) = told(table("PT303", "today's defaults"))
    assert lines_to_copy(finding.fixes[0]) == ("ptsetup install torch torchaudio",)
    assert not any("No build" in fix.text for fix in finding.fixes)


def test_a_report_that_shows_too_little_gets_the_line_to_run_there():
    (finding,) = told(table("PT202", "only the message"))
    assert finding.fixes[0].text.endswith("On that machine:")
    assert lines_to_copy(finding.fixes[0]) == ("ptsetup install",)


def test_a_cuda_build_in_a_report_is_not_replaced_by_one_for_the_cpu():
    """The text lists no GPU, but its torch is a build for one."""
    snapshot = replace(
        report(
            "ImportError: /x/torchtext/lib/libtorchtext.so: undefined symbol: _ZN5torch3jit17parseSchemaOrNameERKSsb"
        ),
        host=Host(system="linux", machine="x86_64"),
        nvidia=Nvidia(gpus=()),
        **only_target(version="3.10.12", wheel=Wheel(version="2.5.1+cu121", cuda="12.1")),
    )
    (finding,) = told(table("PT307", "the loader's message"), snapshot)
    assert not any("cpu" in line for line in copied([finding]))


def unseen(code, speaks=None, version="2.15.0+cu130", **nvidia):
    """A container that was given libcuda alone: no GPU, no release of the driver is to be seen."""
    cuda = CudaDriver(init_rc=code, version=speaks)
    seen = Nvidia(libraries=(), nvml=Nvml(load_error="not found", init_rc=12), cuda=cuda, **nvidia)
    machine = dead(builders.machine(target=builders.target(version=version)))
    return replace(machine, nvidia=seen, host=replace(machine.host, pci=(), kernel_modules=()))


def test_where_no_gpu_is_seen_the_build_is_still_one_for_cuda():
    """The CUDA that the driver speaks is told by libcuda; the CPU build would be no way out."""
    (finding,) = told(table("PT502", "CUDA 12.6 on a driver for 11.4"), unseen(35, (12, 1)))
    assert lines_to_copy(finding.fixes[-1]) == ("ptsetup install --backend cu126",)
    assert "torch 2.14.1 for CUDA 12.6" in finding.fixes[-1].text


def test_companions_for_an_image_that_is_built_without_a_gpu_stay_with_its_cuda():
    """As docker build has none: the installed torch says what the image is for."""
    old = builders.distribution("torchvision", "0.20.1", requires=("torch==2.5.1",))
    machine = unseen(None)
    distributions = (*machine.target.distributions, old)
    machine = replace(machine, nvidia=None, target=replace(machine.target, distributions=distributions))
    (finding,) = told(next(row for row in test_tables.FIRES if row.code == "PT301"), machine)
    lines = copied([finding])
    assert lines
    assert all("cu130" in line for line in lines if line.startswith("ptsetup"))


def test_a_compat_library_is_not_asked_what_the_driver_carries():
    """It speaks of its own CUDA, 13.0; driver 535 is what a build without it has to go with."""
    nvml = Nvml(init_rc=0, driver_version="535.183.01", cuda_driver_version=(13, 0), count=1, count_rc=0)
    nvidia = {"nvml": nvml, "kernel_module_version": "535.183.01", "user_library_version": "580.95.05"}
    compat = CudaDriver(init_rc=804, version=(13, 0), library_path="/usr/local/cuda/compat/libcuda.so.1")
    (finding,) = told(table("PT415", "804 on a GeForce"), driver(dead(), cuda=compat, **nvidia))
    assert "for CUDA 12.6" in finding.fixes[-1].text


def test_a_compat_library_alone_does_not_tell_which_build_would_go():
    (finding,) = told(table("PT415", "804 on a GeForce"), unseen(804, (13, 0), user_library_version="580.95.05"))
    assert not any(fix.needs_plan for fix in finding.fixes)


@pytest.mark.parametrize(
    ("machine", "line"),
    [
        (bare(), "ptsetup install"),
        (bare(with_target(is_venv=False, is_externally_managed=True)), "uv venv --python /usr/bin/python3 .venv-pt"),
        (bare(windows()), "ptsetup install"),
    ],
    ids=["environment", "the system's Python", "Windows"],
)
def test_one_line_brings_a_bare_machine_to_torch(machine, line):
    """The first line of the root cause is the one to copy."""
    if machine.target.is_externally_managed:
        machine = replace(machine, target=replace(machine.target, executable="/usr/bin/python3"))
    diagnosis = _remedies.fill(_engine.put(RULES, machine, INDEX), machine, INDEX)
    assert lines_to_copy(diagnosis.root.fixes[0])[0] == line


def test_conda_gets_conda():
    """In conda's environment the new one is conda's, in a folder whose Python the next line names."""
    machine = bare(with_target(version="3.16.0", python_tag="cp316", is_venv=False, is_conda=True))
    diagnosis = _remedies.fill(_engine.put(RULES, machine, INDEX), machine, INDEX)
    assert lines_to_copy(diagnosis.root.fixes[0]) == (
        "conda create -y -p ./.conda-pt python=3.13",
        "ptsetup install --python .conda-pt/bin/python",
    )


def test_paths_with_a_space_are_quoted():
    place = "/home/jane doe/site-packages"
    whole = builders.distribution("torch", "2.14.1+cu126", location=place)
    machine = builders.machine(target=builders.target(leftovers=("~orch",), platlib=place, distributions=(whole,)))
    (finding,) = told(table("PT208", "a leftover"), machine)
    assert lines_to_copy(finding.fixes[0]) == (f'rm -r -- "{place}/~orch"',)


def test_a_snapshot_of_nothing_is_filled_in():
    """Nothing known, nothing found: no way out, and no crash."""
    empty = Snapshot(target=Target())
    assert _remedies.fill(_engine.put(RULES, empty, INDEX), empty, INDEX).root is None


def test_a_report_without_a_driver_is_no_machine_without_one():
    """What is not told is unknown: the planner would say that no driver is installed, and offer a build for the CPU as the cure."""
    shown = readers.read("Torch not compiled with CUDA enabled, aarch64 linux, NVIDIA GH200")
    (finding,) = _remedies.fill(_engine.put([BY_CODE["PT401"]], shown, INDEX), shown, INDEX).findings
    assert finding.fixes[0].text.endswith("On that machine:")
    assert lines_to_copy(finding.fixes[0]) == ("ptsetup install",)
