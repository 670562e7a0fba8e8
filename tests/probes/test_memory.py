"""Memory, control groups of both versions, limits, shared memory."""

import pytest

from ptsetup.probes import memory
from tests.probes.trees import output, reasons, tree

GIB = 1024**3


def test_meminfo_in_bytes():
    found = memory.parse_meminfo(output("meminfo.txt"))
    assert found.total_bytes == 65728372 * 1024
    assert found.available_bytes == 48000000 * 1024
    assert (found.swap_total_bytes, found.swap_free_bytes) == (8388604 * 1024, 8000000 * 1024)
    assert (found.commit_limit_bytes, found.commit_used_bytes) == (41252788 * 1024, 23456789 * 1024)


def test_an_old_kernel_without_memavailable():
    assert memory.parse_meminfo("MemFree: 10 kB\n").available_bytes == 10240


def test_no_meminfo_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert memory.memory(looked) is None
    assert reasons(looked) == {"host.memory": "absent"}


def v2(path, **files):
    return {f"/sys/fs/cgroup{path}/{name.replace('__', '.')}": content for name, content in files.items()}


def test_version_2_takes_the_tightest_limit_on_the_way_up(tmp_path):
    files = {
        "/proc/self/cgroup": "0::/job/step\n",
        "/sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        **v2("/job", memory__max=f"{4 * GIB}\n", cpu__max="150000 100000\n"),
        **v2(
            "/job/step",
            memory__max="max\n",
            memory__current=f"{GIB}\n",
            memory__events="low 0\noom 3\noom_kill 2\n",
            cpu__max="max 100000\n",
            cpu__stat="usage_usec 5\nnr_periods 9\nnr_throttled 4\n",
        ),
    }
    found = memory.cgroup(tree(tmp_path, files))
    assert (found.version, found.memory_max_bytes, found.is_memory_limited) == (2, 4 * GIB, True)
    assert (found.memory_current_bytes, found.oom_kills) == (GIB, 2)
    assert (found.cpu_quota_cores, found.throttled_periods) == (1.5, 4)


def test_version_2_without_limits(tmp_path):
    files = {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cgroup.controllers": "memory\n"}
    found = memory.cgroup(tree(tmp_path, files))
    assert (found.memory_max_bytes, found.is_memory_limited, found.cpu_quota_cores) == (None, False, None)


def test_a_path_that_a_namespace_hides_falls_back_to_the_mount(tmp_path):
    files = {
        "/proc/self/cgroup": "0::/../../kubepods/pod1\n",
        "/sys/fs/cgroup/cgroup.controllers": "memory\n",
        "/sys/fs/cgroup/memory.max": "1073741824\n",
    }
    assert memory.cgroup(tree(tmp_path, files)).memory_max_bytes == GIB


def test_version_1(tmp_path):
    root = "/sys/fs/cgroup"
    files = {
        "/proc/self/cgroup": "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n",
        f"{root}/memory/docker/abc/memory.limit_in_bytes": f"{2 * GIB}\n",
        f"{root}/memory/docker/abc/memory.usage_in_bytes": f"{GIB}\n",
        f"{root}/memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
        f"{root}/memory/memory.limit_in_bytes": "9223372036854771712\n",
        f"{root}/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "200000\n",
        f"{root}/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000\n",
        f"{root}/cpu,cpuacct/docker/abc/cpu.stat": "nr_periods 10\nnr_throttled 7\n",
    }
    found = memory.cgroup(tree(tmp_path, files))
    assert (found.version, found.memory_max_bytes, found.is_memory_limited) == (1, 2 * GIB, True)
    assert (found.memory_current_bytes, found.oom_kills) == (GIB, 1)
    assert (found.cpu_quota_cores, found.throttled_periods) == (2.0, 7)


def test_version_1_without_limits(tmp_path):
    files = {
        "/proc/self/cgroup": "5:memory:/\n4:cpu:/\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    found = memory.cgroup(tree(tmp_path, files))
    assert (found.is_memory_limited, found.memory_max_bytes, found.cpu_quota_cores) == (False, None, None)


def test_no_control_group_is_absent(tmp_path):
    looked = tree(tmp_path, {"/proc/self/cgroup": ""})
    assert memory.cgroup(looked) is None
    assert reasons(looked) == {"host.cgroup": "absent"}


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("150000 100000", 1.5),
        ("max 100000", None),
        ("-1 100000", None),
        ("1 0", None),
        ("", None),
        (None, None),
        ("x y", None),
    ],
)
def test_a_quota(text, cores):
    assert memory.quota_of(text) == cores


def test_limits():
    found = memory.parse_limits(output("limits.txt"))
    assert (found.nofile_soft, found.nofile_hard, found.memlock_soft_bytes, found.nproc_soft) == (
        1024,
        1048576,
        -1,
        256816,
    )


def test_limits_of_garbage_are_unknown():
    found = memory.parse_limits("Max open files\nMax processes  x  y\n")
    assert (found.nofile_soft, found.nproc_soft) == (None, None)


def test_shared_memory_and_what_was_left_there(tmp_path):
    files = {f"{memory.SHM}/{name}": "" for name in ("nccl-abc", "torch_1_2", "sem.other", "torch_é x")}
    looked = tree(tmp_path, files)
    (tmp_path / "dev" / "shm").chmod(0o1777)
    found = memory.shared_memory(looked)
    assert found.leftovers == ("nccl-abc", "torch_1_2", "torch_é x")
    assert found.mode == "1777"
    assert 0 < found.free_bytes <= found.total_bytes


def test_no_shared_memory_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert memory.shared_memory(looked) is None
    assert reasons(looked) == {"host.shm": "absent"}


def test_at_most_a_hundred_leftovers_are_listed(tmp_path):
    looked = tree(tmp_path, {f"{memory.SHM}/nccl-{n:03}": "" for n in range(120)})
    assert len(memory.shared_memory(looked).leftovers) == 100
