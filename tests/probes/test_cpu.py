"""The processor: model, flags, cores, what of them is granted."""

import pytest

from ptsetup.probes import cpu
from tests.probes.trees import output, reasons, tree


def topology(pairs):
    return {f"{cpu.CPUS}/cpu{n}/topology/thread_siblings_list": f"{siblings}\n" for n, siblings in pairs.items()}


def test_a_hybrid_desktop(tmp_path):
    files = {
        "/proc/cpuinfo": output("cpuinfo-x86.txt"),
        f"{cpu.CPUS}/online": "0-5\n",
        **topology({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3", 4: "4", 5: "5"}),
        "/sys/devices/cpu_core/cpus": "0-3\n",
        "/sys/devices/cpu_atom/cpus": "4-5\n",
        "/sys/devices/system/node/online": "0\n",
        "/proc/self/status": "Name:\tpython\nCpus_allowed_list:\t0-3\n",
    }
    found = cpu.cpu(tree(tmp_path, files), 2.5)
    assert found.model == "13th Gen Intel(R) Core(TM) i9-13900K"
    assert {"avx2", "fma"} <= set(found.flags)
    assert (found.physical_cores, found.logical_cores, found.affinity_cores, found.usable_cores) == (4, 6, 4, 2.5)
    assert (found.performance_cores, found.efficiency_cores, found.numa_nodes) == ("0-3", "4-5", 1)
    assert found.is_virtual is False


def test_arm_is_named_by_its_core_and_no_flag_tells_of_a_hypervisor(tmp_path):
    found = cpu.cpu(tree(tmp_path, {"/proc/cpuinfo": output("cpuinfo-arm.txt")}))
    assert found.model == "Neoverse V2"
    assert "sve2" in found.flags
    assert found.is_virtual is None
    assert found.logical_cores == 1


def test_an_unknown_arm_core_is_named_by_its_numbers():
    block = {"CPU implementer": "0x99", "CPU part": "0x123"}
    assert cpu.model(block) == "Arm implementer 0x99 part 0x123"


def test_rosetta_is_seen_behind_a_linux_machine():
    assert cpu.is_translated(cpu.first_block(output("cpuinfo-rosetta.txt")))
    assert not cpu.is_translated(cpu.first_block(output("cpuinfo-x86.txt")))


def test_nothing_to_read_is_unknown_with_reasons(tmp_path):
    looked = tree(tmp_path, {})
    found = cpu.cpu(looked)
    assert (found.model, found.flags, found.logical_cores, found.usable_cores, found.physical_cores) == (None,) * 5
    assert reasons(looked)["host.cpu.model"] == "absent"
    assert reasons(looked)["host.cpu.affinity_cores"] == "absent"
    assert reasons(looked)["host.cpu.physical_cores"] == "absent"


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"processor\n:::\n", b"flags\t:\n", b"\0" * 50])
def test_garbage_is_unknown(tmp_path, content):
    files = {"/proc/cpuinfo": content, f"{cpu.CPUS}/online": content, "/proc/self/status": content}
    files |= {f"{cpu.CPUS}/cpu0/topology/thread_siblings_list": content, "/sys/devices/system/node/online": content}
    found = cpu.cpu(tree(tmp_path, files))
    assert (found.model, found.flags, found.affinity_cores, found.logical_cores) == (None,) * 4


def test_two_sockets_of_cores_without_threads(tmp_path):
    files = {f"{cpu.CPUS}/online": "0-1\n", "/sys/devices/system/node/online": "0-1\n", **topology({0: "0", 1: "1"})}
    found = cpu.cpu(tree(tmp_path, files))
    assert (found.physical_cores, found.numa_nodes) == (2, 2)
