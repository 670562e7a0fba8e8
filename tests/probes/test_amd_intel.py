"""AMD by the KFD topology, Intel by the bus and the loader's cache."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptsetup.probes import amd, bus, intel
from tests.probes.test_bus import device
from tests.probes.test_libraries import X86, cache
from tests.probes.trees import output, plant

CARD = {"vendor": "0x1002\n", "device": "0x744c\n"}


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (90010, "gfx90a"),
        (90402, "gfx942"),
        (90008, "gfx908"),
        (90012, "gfx90c"),
        (90500, "gfx950"),
        (100300, "gfx1030"),
        (110000, "gfx1100"),
        (110501, "gfx1151"),
        (120001, "gfx1201"),
        (80003, "gfx803"),
        (0, None),
        (None, None),
        (-1, None),
        (10**9, None),
    ],
)
def test_the_target_s_name_has_hexadecimal_digits(version, name):
    assert amd.gfx_name(version) == name


@pytest.mark.parametrize(
    ("domain", "location", "bdf"),
    [
        (0, 33536, "0000:83:00.0"),
        (0, 0x0A1D, "0000:0a:03.5"),
        (1, 256, "0001:01:00.0"),
        (None, 256, "0000:01:00.0"),
        (0, None, None),
        (0, -1, None),
    ],
)
def test_the_bus_address_of_a_node(domain, location, bdf):
    assert amd.bdf(domain, location) == bdf


def nodes(*texts):
    return {f"{amd.NODES}/{number}/properties": text for number, text in enumerate(texts)}


def test_processors_are_no_gpus_and_memory_is_the_sum_of_video_banks(tmp_path):
    files = {
        "/sys/class/net/": "",
        **nodes(output("kfd-cpu.txt"), output("kfd-mi210.txt"), output("kfd-apu.txt")),
        f"{amd.NODES}/1/mem_banks/0/properties": "heap_type 2\nsize_in_bytes 68702699520\nflags 0\n",
        f"{amd.NODES}/1/mem_banks/1/properties": "heap_type 0\nsize_in_bytes 99\n",
        f"{amd.NODES}/1/name": "aldebaran\n",
        "/sys/module/amdgpu/version": "6.10.5\n",
        "/opt/rocm/.info/version": "6.4.1-83\n",
        "/dev/kfd": "",
    }
    found = amd.probe(root=plant(tmp_path, files))
    card, apu = found.record.gpus
    assert found.status == "found"
    assert (card.node, card.gfx, card.simd_count, card.memory_bytes) == (1, "gfx90a", 416, 68702699520)
    assert (card.bdf, card.is_apu, card.name) == ("0000:83:00.0", False, "aldebaran")
    assert (apu.gfx, apu.is_apu) == ("gfx1103", True)
    assert (found.record.kernel_driver_version, found.record.rocm_version, found.record.has_kfd) == (
        "6.10.5",
        "6.4.1-83",
        True,
    )


def test_a_node_is_named_by_its_card_on_the_bus(tmp_path):
    properties = output("kfd-mi210.txt").replace("90010", "110000").replace("33536", "256")
    files = {**nodes(properties), **device("0000:01:00.0", **CARD), "/usr/share/hwdata/pci.ids": output("pci.ids")}
    (gpu,) = amd.probe(root=plant(tmp_path, files)).record.gpus
    assert (gpu.gfx, gpu.name) == ("gfx1100", "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]")


def test_ten_nodes_stand_in_the_order_of_their_numbers(tmp_path):
    files = nodes(*[output("kfd-mi210.txt")] * 11)
    assert [gpu.node for gpu in amd.probe(root=plant(tmp_path, files)).record.gpus] == list(range(11))


def test_a_card_on_the_bus_without_the_compute_driver(tmp_path):
    found = amd.probe(root=plant(tmp_path, {"/sys/class/net/": "", **device("0000:01:00.0", **CARD)}))
    assert (found.status, found.record.gpus, found.record.has_kfd) == ("found", (), False)


def test_no_card_is_absent(tmp_path):
    found = amd.probe(root=plant(tmp_path, {"/sys/class/net/": "", f"{bus.DEVICES}/": ""}))
    assert (found.status, found.record.gpus) == ("absent", ())
    assert {u.path: u.reason for u in found.unknowns}["amd.rocm_version"] == "absent"


def test_without_sysfs_it_was_not_looked(tmp_path):
    found = amd.probe(root=str(tmp_path))
    assert (found.status, found.record) == ("skipped", None)


@pytest.mark.parametrize("content", [b"", b"\xff" * 30, b"simd_count x\ngfx_target_version y\n"])
def test_garbage_in_a_node_is_no_gpu(tmp_path, content):
    files = {"/sys/class/net/": "", f"{amd.NODES}/0/properties": content, f"{amd.NODES}/x/properties": content}
    assert amd.probe(root=plant(tmp_path, files)).record.gpus == ()


@given(st.text(max_size=60))
def test_any_properties_never_raise(text):
    amd.node(1, text)


INTEL = {"vendor": "0x8086\n", "device": "0x56a0\n"}


def test_an_intel_card_with_its_libraries(tmp_path):
    rows = [(X86, "libze_loader.so.1", "/usr/lib/libze_loader.so.1")]
    files = {
        **device("0000:03:00.0", **INTEL),
        **device("0000:04:00.0", **INTEL, **{"class": "0x120000\n"}),
        "/sys/class/net/": "",
        "/etc/ld.so.cache": cache(rows),
    }
    found = intel.probe(root=plant(tmp_path, files))
    (gpu,) = found.record.gpus
    assert (gpu.device, gpu.bdf, gpu.name) == ("56a0", "0000:03:00.0", "Arc A-Series (Alchemist)")
    assert found.record.level_zero_loader.path == "/usr/lib/libze_loader.so.1"
    assert found.record.level_zero_gpu is None
    assert {u.path: u.reason for u in found.unknowns}["intel.level_zero_gpu"] == "absent"


def test_no_intel_gpu_is_absent_and_a_hidden_bus_is_not(tmp_path):
    none = intel.probe(root=plant(tmp_path / "a", {"/sys/class/net/": "", f"{bus.DEVICES}/": ""}))
    assert (none.status, none.record.gpus) == ("absent", ())
    hidden = intel.probe(root=plant(tmp_path / "b", {"/sys/class/net/": ""}))
    assert (hidden.status, hidden.record.gpus) == ("failed", None)
    assert "intel.gpus" in {u.path for u in hidden.unknowns}
