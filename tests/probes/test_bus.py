"""The PCI bus: devices, their links and names; a bus that cannot be read is not an empty one."""

from ptsetup.probes import bus
from tests.probes.trees import Link, output, reasons, tree

GPU = {
    "class": "0x030000\n",
    "vendor": "0x10de\n",
    "device": "0x2684\n",
    "numa_node": "-1\n",
    "current_link_speed": "2.5 GT/s PCIe\n",
    "max_link_speed": "16.0 GT/s PCIe\n",
    "current_link_width": "8\n",
    "max_link_width": "16\n",
    "resource": "0xfb000000 0xfbffffff 0x40200\n0x7c00000000 0x7fffffffff 0x14220c\n0x0 0x0 0x0\n",
    "driver": Link("../../../bus/pci/drivers/nvidia"),
}


def device(bdf, **changes):
    return {f"{bus.DEVICES}/{bdf}/{name}": content for name, content in {**GPU, **changes}.items()}


def test_a_device_is_read_whole(tmp_path):
    (gpu,) = bus.devices(tree(tmp_path, {**device("0000:01:00.0"), "/usr/share/misc/pci.ids": output("pci.ids")}))
    assert (gpu.vendor, gpu.device, gpu.class_code, gpu.bdf) == ("10de", "2684", "030000", "0000:01:00.0")
    assert (gpu.driver, gpu.name, gpu.numa_node) == ("nvidia", "AD102 [GeForce RTX 4090]", None)
    assert (gpu.link_speed, gpu.link_speed_max) == ("2.5 GT/s PCIe", "16.0 GT/s PCIe")
    assert (gpu.link_width, gpu.link_width_max, gpu.bar1_bytes) == (8, 16, 16 * 1024**3)


def test_the_port_above_tells_how_wide_the_slot_is(tmp_path):
    port = "/sys/devices/pci0000:00/0000:00:01.0"
    files = {f"{port}/0000:01:00.0/{name}": content for name, content in GPU.items()}
    files[f"{port}/max_link_width"] = "4\n"
    files[f"{bus.DEVICES}/0000:01:00.0"] = Link(f"../../../devices{port.removeprefix('/sys/devices')}/0000:01:00.0")
    (gpu,) = bus.devices(tree(tmp_path, files))
    assert (gpu.slot_width, gpu.link_width_max) == (4, 16)


def test_only_displays_and_accelerators_are_listed(tmp_path):
    files = {
        **device("0000:00:1f.0", **{"class": "0x060100\n"}),
        **device("0000:02:00.0", **{"class": "0x030200\n", "numa_node": "1\n"}),
        **device("0000:03:00.0", **{"class": "0x120000\n"}),
        **device("0000:04:00.0", **{"class": "garbage"}),
        **device("0000:05:00.0", vendor=b"\xff\xfe"),
    }
    found = bus.devices(tree(tmp_path, files))
    assert [d.bdf for d in found] == ["0000:02:00.0", "0000:03:00.0"]
    assert found[0].numa_node == 1


def test_a_device_without_a_driver_or_with_nonsense_in_its_files(tmp_path):
    odd = device("0000:01:00.0", current_link_width="255\n", max_link_width="", numa_node="x", resource="0x1\n0x2 z\n")
    del odd[f"{bus.DEVICES}/0000:01:00.0/driver"]
    (gpu,) = bus.devices(tree(tmp_path, odd))
    assert (gpu.driver, gpu.link_width, gpu.link_width_max, gpu.numa_node, gpu.bar1_bytes) == (None,) * 5


def test_an_empty_bus_is_no_device(tmp_path):
    assert bus.devices(tree(tmp_path, {f"{bus.DEVICES}/": ""})) == ()


def test_a_kernel_without_pci_has_no_device(tmp_path):
    assert bus.devices(tree(tmp_path, {"/sys/bus/platform/": "", "/sys/bus/cpu/": ""})) == ()


def test_a_hidden_bus_is_unknown(tmp_path):
    for number, files in enumerate(({}, {"/sys/bus/": ""})):
        looked = tree(tmp_path / str(number), files)
        assert bus.devices(looked) is None
        assert reasons(looked) == {"host.pci": "absent"}


def test_a_name_is_that_of_the_vendor_s_own_device():
    data = output("pci.ids").encode()
    assert bus.name_in(data, "8086", "2684") == "a device with the same number of another maker"
    assert bus.name_in(data, "1002", "744c") == "Navi 31 [Radeon RX 7900 XT/7900 XTX/7900M]"
    # what stands below a device is no device
    assert bus.name_in(data, "10de", "1043") is None
    assert bus.name_in(data, "ffff", "0000") is None
    assert bus.name_in(b"", "10de", "2684") is None


def test_families_of_intel_without_the_list():
    assert "Battlemage" in bus.family("8086", "e20b")
    assert "Max" in bus.family("8086", "0bd5")
    assert "Lunar Lake" in bus.family("8086", "64a0")
    assert bus.family("8086", "3e9b") is None
    assert bus.family("10de", "e20b") is None


def test_iommu_units_are_counted(tmp_path):
    assert bus.iommu_count(tree(tmp_path / "a", {"/sys/class/iommu/dmar0/": "", "/sys/class/iommu/dmar1/": ""})) == 2
    assert bus.iommu_count(tree(tmp_path / "b", {"/sys/class/": ""})) == 0
    looked = tree(tmp_path / "c", {})
    assert bus.iommu_count(looked) is None
    assert reasons(looked) == {"host.iommu_groups": "absent"}
