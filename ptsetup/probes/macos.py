"""The Host section on macOS: sw_vers, sysctl, vm_stat, xcrun; what they print is parsed by pure functions."""

import os
import re
import sys
from collections.abc import Mapping

from ptsetup import run
from ptsetup.facts import Cpu, Host, Limits, Memory, PciDevice, Program, Unknown, replace
from ptsetup.probes import _text, apple, deadlines, desktop, disks
from ptsetup.probes._tree import Tree

SYSCTL = (
    "hw.optional.arm64",
    "sysctl.proc_translated",
    "kern.hv_vmm_present",
    "machdep.cpu.brand_string",
    "machdep.cpu.features",
    "machdep.cpu.leaf7_features",
    "hw.physicalcpu",
    "hw.logicalcpu",
    "hw.memsize",
    "vm.swapusage",
    "kern.osrelease",
)

FLAGS = {"avx1.0": "avx", "sse4.1": "sse4_1", "sse4.2": "sse4_2"}
"""Names of features here -> the Linux kernel's."""

NOT_HERE = (
    "cgroup",
    "shm",
    "kernel_log",
    "services",
    "loader_cache",
    "package_versions",
    "device_nodes",
    "kernel_modules",
)


def host(
    env: Mapping[str, str], *, deadline_scale: float = 1.0, is_online: bool = False
) -> tuple[Host, tuple[Unknown, ...]]:
    """The section, and the reasons for what is missing in it."""
    tree = Tree()
    deadline = deadlines.SYSCTL_S * deadline_scale
    # an interpreter built against an old SDK is told 10.16 unless it asks so
    versions = run.Child(["/usr/bin/sw_vers"], deadline_s=deadline, env={**env, "SYSTEM_VERSION_COMPAT": "0"})
    pages = run.Child(["/usr/bin/vm_stat"], deadline_s=deadline)
    tools = run.Child(["/usr/bin/xcode-select", "-p"], deadline_s=deadline)
    net = desktop.start_network(tree, env, is_online=is_online, deadline_scale=deadline_scale)
    values = apple.sysctl(SYSCTL, deadline_scale)
    names = parse_sw_vers(versions.finish().stdout)
    machine = os.uname().machine if hasattr(os, "uname") else None
    for fact in NOT_HERE:
        tree.note(f"host.{fact}", "unsupported", "Not read on macOS.")
    has_tools = tools.finish().is_ok
    found = Host(
        system="macos",
        version=names.get("ProductVersion"),
        pretty_name=" ".join(filter(None, (names.get("ProductName"), names.get("ProductVersion")))) or None,
        kernel=values.get("kern.osrelease"),
        machine=machine,
        hardware_machine=hardware(values, machine),
        is_rosetta=is_rosetta(values, machine),
        container="none",
        wsl=0,
        is_virtual=None if "kern.hv_vmm_present" not in values else values["kern.hv_vmm_present"] == "1",
        pci=_pci(values, machine, deadline_scale, tree),
        pci_source="system_profiler",
        cpu=cpu(values),
        memory=memory(values, pages.finish().stdout),
        limits=_limits(),
        programs=(*_compilers(env, deadline, has_tools=has_tools), desktop.nvcc(tree, env)),
        inductor_cache_problem=disks.inductor_problem(env, deadline_scale=deadline_scale),
        network=net(),
    )
    return found, tuple(tree.unknowns)


def parse_sw_vers(text: str) -> dict[str, str]:
    """``ProductName:  macOS`` lines."""
    return _text.pairs(text)


def is_rosetta(values: Mapping[str, str], machine: str | None) -> bool:
    """This interpreter is x86_64 and runs translated on Apple silicon."""
    is_silicon = values.get("sysctl.proc_translated") == "1" or values.get("hw.optional.arm64") == "1"
    return machine == "x86_64" and is_silicon


def hardware(values: Mapping[str, str], machine: str | None) -> str | None:
    """``arm64`` on Apple silicon, whatever the interpreter is."""
    return "arm64" if values.get("hw.optional.arm64") == "1" or is_rosetta(values, machine) else machine


def cpu(values: Mapping[str, str]) -> Cpu:
    """The processor by sysctl's values."""
    features = (
        f"{values.get('machdep.cpu.features', '')} {values.get('machdep.cpu.leaf7_features', '')}".lower().split()
    )
    logical = _text.whole(values.get("hw.logicalcpu"))
    present = values.get("kern.hv_vmm_present")
    return Cpu(
        model=values.get("machdep.cpu.brand_string"),
        flags=tuple(FLAGS.get(name, name) for name in features) or None,
        physical_cores=_text.whole(values.get("hw.physicalcpu")),
        logical_cores=logical,
        affinity_cores=logical,
        usable_cores=float(logical) if logical else None,
        numa_nodes=1,
        is_virtual=None if present is None else present == "1",
    )


def memory(values: Mapping[str, str], vm_stat: str) -> Memory:
    """Main memory by hw.memsize, swap by vm.swapusage, available by vm_stat."""
    swap = swap_usage(values.get("vm.swapusage") or "")
    return Memory(
        total_bytes=_text.whole(values.get("hw.memsize")),
        available_bytes=available(vm_stat),
        swap_total_bytes=swap.get("total"),
        swap_free_bytes=swap.get("free"),
    )


def swap_usage(text: str) -> dict[str, int]:
    """``total = 2048.00M  used = 100.00M  free = 1948.00M`` in bytes."""
    units = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
    return {m[1]: int(float(m[2]) * units[m[3]]) for m in re.finditer(r"(\w+) = (\d{1,9}(?:\.\d+)?)([KMGT])", text)}


def available(text: str) -> int | None:
    """Free, inactive and speculative pages of vm_stat in bytes: what can be had without swapping."""
    size = re.search(r"page size of (\d{3,7}) bytes", text)
    rows = _text.pairs(text)
    counts = [_text.whole(rows.get(f"Pages {name}", "").rstrip(".")) for name in ("free", "inactive", "speculative")]
    if size is None or counts[0] is None:
        return None
    return int(size[1]) * sum(count for count in counts if count is not None)


def _pci(values: Mapping[str, str], machine: str | None, scale: float, tree: Tree) -> tuple[PciDevice, ...] | None:
    if hardware(values, machine) == "arm64":
        # Apple silicon drives no graphics card, not even an external one
        return ()
    done = run.run(["/usr/sbin/system_profiler", "SPDisplaysDataType"], deadline_s=deadlines.PROFILER_S * scale)
    if not done.is_ok:
        tree.note("host.pci", "timeout" if done.ending == "timeout" else "failed", "system_profiler did not answer.")
        return None
    return displays(done.stdout)


MAKERS = {"intel": "8086", "amd": "1002", "nvidia": "10de"}


def displays(text: str) -> tuple[PciDevice, ...]:
    """Graphics cards in the text of ``system_profiler SPDisplaysDataType``; the maker by its number, else by its name."""
    found = []
    for block in re.split(r"^\s*(?=Chipset Model:)", text, flags=re.MULTILINE)[1:]:
        rows = _text.pairs(block)
        maker = rows.get("Vendor", "")
        number = re.search(r"\(0x([0-9a-fA-F]{4})\)", maker)
        vendor = number[1].lower() if number else MAKERS.get(maker.split(" ")[0].lower())
        device = re.fullmatch(r"0x([0-9a-fA-F]{4})", rows.get("Device ID", ""))
        if vendor:
            name = rows.get("Chipset Model") or None
            code = device[1].lower() if device else ""
            found.append(PciDevice(vendor=vendor, device=code, class_code="030000", name=name))
    return tuple(found)


def _limits() -> Limits | None:
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Limits(
        nofile_soft=_limit(soft),
        nofile_hard=_limit(hard),
        memlock_soft_bytes=_limit(resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]),
        nproc_soft=_limit(resource.getrlimit(resource.RLIMIT_NPROC)[0]),
    )


def _limit(number: int) -> int:
    # no limit is the largest signed number here
    return -1 if number < 0 or number >= 2**63 - 1 else number


def _compilers(env: Mapping[str, str], deadline: float, *, has_tools: bool) -> tuple[Program, ...]:
    """Without Xcode's tools, /usr/bin/clang++ is a stub that opens a dialog: then nothing is called."""
    rest = desktop.located(env, ("ninja", "docker"))
    if not has_tools:
        error = "Xcode's command line tools are not installed (xcode-select -p fails)."
        return (Program(name="clang++", source="xcrun", error=error), *rest)
    done = run.run(["/usr/bin/xcrun", "--find", "clang++"], deadline_s=deadline)
    path = done.stdout.strip() if done.is_ok else ""
    found = Program(
        name="clang++", path=path or None, source="xcrun", error=None if path else done.stderr.strip()[:300]
    )
    if path:
        said = run.run([path, "--version"], deadline_s=deadline).stdout
        match = re.search(r"version (\d+(?:\.\d+)+)", said)
        found = replace(found, version=match[1] if match else None)
    return (found, *rest)
