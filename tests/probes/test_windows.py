"""Windows: what its calls and programs return, made into facts; the calls themselves need Windows."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import _win32, windows
from tests.probes.trees import output


def test_display_devices_of_a_desktop():
    cim = windows.parse_cim(output("cim-desktop.json"))
    assert [(d.vendor, d.device, d.name, d.driver) for d in cim.devices] == [
        ("1002", "164e", "AMD Radeon(TM) Graphics", "31.0.21029.1006"),
        ("10de", "2684", "NVIDIA GeForce RTX 4090", "32.0.15.8120"),
    ]
    assert (cim.physical_cores, cim.logical_cores, cim.is_virtual) == (16, 32, False)


def test_one_device_is_no_list_in_powershell_s_json():
    cim = windows.parse_cim("\ufeff" + output("cim-one.json") + "\r\n")
    assert [(d.vendor, d.device) for d in cim.devices] == [("8086", "56a0")]
    assert (cim.physical_cores, cim.is_virtual) == (4, True)


def test_a_session_without_a_card():
    cim = windows.parse_cim(output("cim-remote.json"))
    assert (cim.devices, cim.logical_cores, cim.is_virtual) == ((), None, None)


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "7", '{"video": 3, "processors": "x", "system": []}'])
def test_no_answer_or_an_odd_one_raises_nothing(text):
    cim = windows.parse_cim(text)
    if cim is not None:
        assert (cim.devices, cim.is_virtual) == ((), None)


def block(major, minor, build, revision):
    return struct.pack("<IIII", 0xFEEF04BD, 0x10000, major << 16 | minor, build << 16 | revision) + bytes(36)


def test_the_version_of_a_file():
    assert windows.file_version(block(14, 38, 33135, 0)) == "14.38.33135.0"
    assert windows.file_version(b"") is None
    assert windows.file_version(bytes(52)) is None


def test_memory_is_promised_up_to_the_commit_limit():
    found = windows.memory((32 << 30, 8 << 30, 40 << 30, 10 << 30))
    assert (found.total_bytes, found.available_bytes) == (32 << 30, 8 << 30)
    assert (found.commit_limit_bytes, found.commit_used_bytes) == (40 << 30, 30 << 30)
    assert windows.memory(None) is None


@pytest.mark.parametrize(
    ("version", "build", "text"),
    [((10, 0, 9200), "22631", "10.0.22631"), ((10, 0, 19045), "", "10.0.19045"), ((0, 0, 0), "", None)],
)
def test_the_build_is_the_registry_s(version, build, text):
    assert windows.version_of(version, build) == text


@pytest.mark.parametrize(
    ("product", "build", "name"),
    [
        ("Windows 10 Pro", "22631", "Windows 11 Pro"),
        ("Windows 10 Pro", "19045", "Windows 10 Pro"),
        ("Windows Server 2025 Datacenter", "26100", "Windows Server 2025 Datacenter"),
        ("Windows 10 Pro", "x", "Windows 10 Pro"),
    ],
)
def test_windows_11_calls_itself_10(product, build, name):
    assert windows.pretty_name(product, build) == name


def test_machines():
    assert windows.machine_name("AMD64") == "x86_64"
    assert windows.machine_name("ARM64") == "arm64"
    assert windows.machine_name(None) is None
    assert windows.MACHINES[0xAA64] == "arm64"


def test_where_the_compiler_lies():
    path = windows.cl_path(r"C:\VS\2022", "14.44.35207")
    assert path == r"C:\VS\2022\VC\Tools\MSVC\14.44.35207\bin\Hostx64\x64\cl.exe"
    assert windows.cl_path(r"C:\VS\2022", None) is None


@given(st.text(max_size=100))
def test_any_text_never_raises(text):
    windows.parse_cim(text)
    windows.pci_device({"PNPDeviceID": text, "Name": text})
    windows.pretty_name(text, text)
    windows.is_virtual(text, text)


@given(st.binary(max_size=60))
def test_any_version_block_never_raises(data):
    windows.file_version(data)
    windows.file_version(struct.pack("<I", 0xFEEF04BD) + data)


@pytest.mark.skipif(sys.platform == "win32", reason="there they answer")
def test_elsewhere_the_calls_answer_none():
    assert _win32.registry("x", "y") is None
    assert _win32.memory_status() is None
    assert _win32.native_machine() is None
    assert _win32.has_feature(40) is None
    assert _win32.version_block("x") is None


@pytest.mark.parametrize(
    ("present", "flags"),
    [
        ({10, 13}, None),
        ({10, 13, 36, 37, 38}, ("sse2", "sse3", "ssse3", "sse4_1", "sse4_2")),
        ({10, 13, 36, 37, 38, 39, 40}, ("sse2", "sse3", "ssse3", "sse4_1", "sse4_2", "avx", "avx2")),
    ],
    ids=["an old kernel", "no AVX", "AVX2"],
)
def test_a_kernel_that_does_not_know_a_feature_says_nothing_of_it(present, flags):
    """Its answer is False then, whatever the processor has: that must not become a processor without AVX2."""
    assert windows.flags_of({number: number in present for number in windows.FEATURES}) == flags


def test_without_the_call_no_feature_is_known():
    assert windows.flags_of(dict.fromkeys(windows.FEATURES)) is None
