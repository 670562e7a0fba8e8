"""What this machine grants and how busy it is: threads by affinity and cgroup, pressure, and a spin test."""

import os
import pathlib
import platform
import time

PROC = pathlib.Path("/proc")
CGROUP = pathlib.Path("/sys/fs/cgroup")

SPIN_S = 0.03


def granted_threads(proc: pathlib.Path = PROC, cgroup: pathlib.Path = CGROUP) -> int:
    """Threads that may run at once: the affinity mask, cut by the quota of the cgroup (at least 1)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cpu_quota(proc, cgroup)
    return max(1, cores if quota is None else min(cores, int(quota + 1e-9)))


def cpu_quota(proc: pathlib.Path = PROC, cgroup: pathlib.Path = CGROUP) -> float | None:
    """CPUs granted by the tightest quota on the way up from our cgroup (v2 or v1); None: no quota."""
    found = []
    for line in _read(proc / "self" / "cgroup").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found += [_v2(folder) for folder in _upwards(cgroup, path)]
        elif "cpu" in controllers.split(","):
            found += [_v1(folder) for root in (cgroup / "cpu", cgroup / controllers) for folder in _upwards(root, path)]
    # a container often sees its own cgroup as the root, whatever /proc says
    found += [_v2(cgroup), _v1(cgroup / "cpu")]
    return min((quota for quota in found if quota is not None), default=None)


def _upwards(root: pathlib.Path, path: str) -> list[pathlib.Path]:
    parts = [part for part in path.split("/") if part and part != ".."]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _v2(folder: pathlib.Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0].isdigit() and words[1].isdigit() else None


def _v1(folder: pathlib.Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def pressure_us(proc: pathlib.Path = PROC) -> int | None:
    """Microseconds since start-up in which some task waited for a CPU (``some`` of /proc/pressure/cpu); None: not told."""
    for line in _read(proc / "pressure" / "cpu").splitlines():
        if line.startswith("some ") and "total=" in line:
            total = line.rpartition("total=")[2].strip()
            return int(total) if total.isdigit() else None
    return None


def spin(seconds: float = SPIN_S) -> float:
    """Wall over CPU seconds of a loop that only computes: 1.0 where nobody takes the CPU away."""
    wall, cpu = time.perf_counter(), time.thread_time()
    number = 1
    while time.thread_time() - cpu < seconds:
        for _ in range(2000):
            number = (number * 1103515245 + 12345) & 0x7FFFFFFF
    return (time.perf_counter() - wall) / (time.thread_time() - cpu)


def processor(proc: pathlib.Path = PROC) -> str:
    """The processor's name as the system tells it; its architecture where it tells none."""
    for line in _read(proc / "cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "cpu model") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
