"""macOS: what its programs print, parsed; the calls themselves need a Mac."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import apple, desktop, macos
from tests.probes.trees import output


def values(name):
    return apple.parse_sysctl(output(f"sysctl-{name}.txt"))


def test_apple_silicon():
    section = apple.section(values("m2"), output("system_profiler-m2.txt"))
    assert (section.chip, section.has_metal, section.is_virtual, section.gpu_cores) == ("Apple M2 Pro", True, False, 19)


def test_a_virtual_mac_has_no_metal():
    section = apple.section({"kern.hv_vmm_present": "1"}, output("system_profiler-vm.txt"))
    assert (section.has_metal, section.is_virtual, section.chip, section.gpu_cores) == (False, True, None, None)


def test_a_profiler_that_did_not_answer_leaves_metal_unknown():
    section = apple.section(values("m2"), None)
    assert (section.has_metal, section.gpu_cores, section.chip) == (None, None, "Apple M2 Pro")


def test_the_older_wording_of_metal():
    assert apple.has_metal(output("system_profiler-amd.txt"))


@pytest.mark.skipif(sys.platform == "darwin", reason="on a Mac it is looked at")
def test_elsewhere_it_is_absent():
    found = apple.probe()
    assert (found.status, found.record) == ("absent", None)


def test_what_the_silicon_is():
    assert macos.hardware(values("m2"), "arm64") == "arm64"
    assert macos.hardware(values("rosetta"), "x86_64") == "arm64"
    assert macos.hardware(values("intel"), "x86_64") == "x86_64"
    assert macos.is_rosetta(values("rosetta"), "x86_64") is True
    assert macos.is_rosetta(values("m2"), "arm64") is False
    assert macos.is_rosetta(values("intel"), "x86_64") is False


def test_the_processor():
    silicon, intel = macos.cpu(values("m2")), macos.cpu(values("intel"))
    assert (silicon.model, silicon.physical_cores, silicon.flags, silicon.is_virtual) == (
        "Apple M2 Pro",
        12,
        None,
        False,
    )
    assert {"avx2", "avx", "sse4_1"} <= set(intel.flags)
    assert (intel.physical_cores, intel.logical_cores, intel.usable_cores) == (6, 12, 12.0)


def test_memory():
    found = macos.memory(values("m2"), output("vm_stat.txt"))
    assert found.total_bytes == 32 * 1024**3
    assert found.available_bytes == 520000 * 16384
    assert (found.swap_total_bytes, found.swap_free_bytes) == (2048 * 2**20, int(1947.5 * 2**20))


def test_memory_of_nothing_is_unknown():
    found = macos.memory({}, "")
    assert (found.total_bytes, found.available_bytes, found.swap_total_bytes) == (None, None, None)


def test_the_version():
    assert macos.parse_sw_vers(output("sw_vers.txt"))["ProductVersion"] == "14.5"


def test_graphics_cards_of_an_intel_mac():
    found = macos.displays(output("system_profiler-amd.txt"))
    assert [(d.vendor, d.device, d.name) for d in found] == [
        ("8086", "3e9b", "Intel UHD Graphics 630"),
        ("1002", "7340", "AMD Radeon Pro 5500M"),
    ]
    assert macos.displays(output("system_profiler-vm.txt")) == ()


@given(st.text(max_size=120))
def test_any_text_never_raises(text):
    apple.section(apple.parse_sysctl(text), text)
    macos.memory({"vm.swapusage": text, "hw.memsize": text}, text)
    macos.displays("Chipset Model: x\n" + text)
    macos.cpu({"hw.logicalcpu": text, "machdep.cpu.features": text})
    desktop.parse_cpuinfo(text)


def test_what_py_cpuinfo_prints():
    assert desktop.parse_cpuinfo('{"brand_raw": " AMD EPYC 9654 ", "count": 4}') == "AMD EPYC 9654"
    assert desktop.parse_cpuinfo('{"brand_raw": 7}') is None
