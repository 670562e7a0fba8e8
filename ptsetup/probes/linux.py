"""The Host section on Linux: children first, files beside them, answers last."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ptsetup.facts import Host, PciDevice, Unknown
from ptsetup.probes import (
    bus,
    cpu,
    disks,
    kernel,
    libraries,
    memory,
    network,
    nodes,
    programs,
    services,
    system,
    users,
)
from ptsetup.probes._tree import Tree

T = TypeVar("T")


def host(
    env: Mapping[str, str],
    *,
    root: str = "/",
    deadline_scale: float = 1.0,
    is_online: bool = False,
    libc: str | None = None,
) -> tuple[Host, tuple[Unknown, ...]]:
    """The section, and the reasons for what is missing in it. Never raises."""
    return _Look(Tree(root), env, deadline_scale, is_online, libc).take()


class _Look:
    """One look at a Linux machine."""

    def __init__(self, tree: Tree, env: Mapping[str, str], scale: float, is_online: bool, libc: str | None) -> None:
        self.tree, self.env, self.scale, self.is_online, self.libc = tree, env, scale, is_online, libc

    def of(self, fact: str, call: Callable[[], T]) -> T | None:
        """What a reader returns; None, with the reason, when it raises: one bad file costs one fact."""
        try:
            return call()
        except Exception as problem:  # noqa: BLE001 - a reader that fails must not cost the others
            self.tree.note(f"host.{fact}", "failed", f"{type(problem).__name__}: {problem}"[:300])
            return None

    def take(self) -> tuple[Host, tuple[Unknown, ...]]:
        """The section, and the reasons for what is missing in it."""
        tree = self.tree
        for fact in ("dlls", "is_longpaths_enabled"):
            tree.note(f"host.{fact}", "unsupported", "Only Windows has it.")
        release = tree.line("/proc/sys/kernel/osrelease", "host.kernel")
        wsl = self.of("wsl", lambda: system.wsl(tree, release))
        pci = self.of("pci", lambda: bus.devices(tree))
        modules = self.of("kernel_modules", lambda: kernel.loaded(tree))
        has_nvidia = _has_nvidia(tree, pci, modules, wsl)
        waiting = self._start(has_nvidia)
        host = self._fields(release, wsl, pci, modules)
        answers = {fact: self.of(fact, finish) for fact, finish in waiting.items()}
        fields: dict[str, Any] = {**host, **answers}
        return Host(**fields), tuple(tree.unknowns)

    def _start(self, has_nvidia: bool) -> dict[str, Callable[[], Any]]:
        """Start what answers later: fact -> what waits for it."""
        tree, env, scale = self.tree, self.env, self.scale
        packages = self.of(
            "package_versions", lambda: libraries.start_packages(tree, has_rpm_use=has_nvidia, deadline_scale=scale)
        )
        starts: dict[str, Callable[[], Callable[[], Any]]] = {
            "network": lambda: network.start(tree, env, is_online=self.is_online, deadline_scale=scale),
            "device_nodes": lambda: nodes.start(tree, deadline_scale=scale),
            "programs": lambda: programs.start(tree, env, deadline_scale=scale),
            "kernel_log": lambda: kernel.start_log(tree, has_journal_use=has_nvidia, deadline_scale=scale),
        }
        if has_nvidia and packages is not None:
            starts["services"] = lambda: services.start(tree, packages, deadline_scale=scale)
        else:
            starts["services"] = lambda: tuple
        waiting = {fact: self.of(fact, start) for fact, start in starts.items()}
        if packages is not None:
            waiting["package_versions"] = packages
        return {fact: finish for fact, finish in waiting.items() if finish is not None}

    def _fields(
        self, release: str | None, wsl: int | None, pci: tuple[PciDevice, ...] | None, modules: tuple[str, ...] | None
    ) -> dict[str, Any]:
        """The facts that files tell at once."""
        tree, env = self.tree, self.env
        names = self.of("distribution", lambda: system.os_release(tree)) or {}
        machine = _machine(tree)
        hardware = self.of("hardware_machine", lambda: _hardware(tree, machine))
        cgroup = self.of("cgroup", lambda: memory.cgroup(tree))
        processor = self.of("cpu", lambda: cpu.cpu(tree, cgroup.cpu_quota_cores if cgroup else None))
        files = self.of("kernel_modules_available", lambda: kernel.files(tree, release))
        return {
            "system": "linux",
            "version": names.get("VERSION_ID"),
            "distribution": names.get("ID"),
            "distribution_like": tuple(names.get("ID_LIKE", "").split()),
            "pretty_name": names.get("PRETTY_NAME") or names.get("NAME"),
            "kernel": release,
            "machine": machine,
            "hardware_machine": hardware,
            "is_rosetta": hardware == "aarch64" and machine == "x86_64",
            "libc": self.of("libc", lambda: system.libc(tree, self.libc)),
            "container": self.of("container", lambda: system.container(tree, env)),
            "wsl": wsl,
            "is_virtual": self.of(
                "is_virtual", lambda: system.is_virtual(tree, processor.flags if processor else None)
            ),
            "jetson": self.of("jetson", lambda: system.jetson(tree)),
            "is_secure_boot": self.of("is_secure_boot", lambda: system.is_secure_boot(tree)),
            "is_selinux_enforcing": self.of("is_selinux_enforcing", lambda: system.is_selinux_enforcing(tree)),
            "kernel_command_line": self.of("kernel_command_line", lambda: system.command_line(tree)),
            "iommu_groups": self.of("iommu_groups", lambda: bus.iommu_count(tree)),
            "pci": pci,
            "pci_source": "sysfs" if pci is not None else None,
            "cpu": processor,
            "memory": self.of("memory", lambda: memory.memory(tree)),
            "cgroup": cgroup,
            "limits": self.of("limits", lambda: memory.limits(tree)),
            "shm": self.of("shm", lambda: memory.shared_memory(tree)),
            "kernel_modules": modules,
            "kernel_modules_available": None if files is None else tuple(files),
            "kernel_modules_unsigned": None
            if files is None
            else self.of("kernel", lambda: kernel.unsigned(tree, files)),
            "loader_cache": self.of("loader_cache", lambda: libraries.loader_cache(tree, machine)),
            "cdi_specs": self.of("cdi_specs", lambda: libraries.cdi_specs(tree)),
            "group_ids": self.of("group_ids", lambda: users.group_ids(tree)),
            "user_groups": self.of("user_groups", lambda: users.user_groups(tree)),
            "has_user_name": self.of("has_user_name", lambda: users.user_name(tree) is not None),
            "inductor_cache_problem": self.of(
                "inductor_cache_problem",
                lambda: disks.inductor_problem(env, root=tree.root or "/", deadline_scale=self.scale),
            ),
            "nccl_config": self.of("nccl_config", lambda: libraries.nccl_config(tree, env)),
        }


def _has_nvidia(
    tree: Tree, pci: tuple[PciDevice, ...] | None, modules: tuple[str, ...] | None, wsl: int | None
) -> bool:
    """NVIDIA's hardware or driver is here, so that its services and the journal are worth a child."""
    on_bus = any(device.vendor == "10de" for device in pci or ())
    return on_bus or "nvidia" in (modules or ()) or (tree.is_dir("/proc/driver/nvidia") and not wsl)


def _machine(tree: Tree) -> str | None:
    """What system calls say (``uname -m``); of a folder that stands for a machine, what its kernel was built for."""
    if tree.is_real and sys.platform != "win32":
        return os.uname().machine
    return tree.line("/proc/sys/kernel/arch", "host.machine")


def _hardware(tree: Tree, machine: str | None) -> str | None:
    """What the silicon is: the kernel's own machine behind a personality of 32 bits, Arm behind Rosetta."""
    block = cpu.first_block(tree.text("/proc/cpuinfo", limit=16384) or "")
    if cpu.is_translated(block):
        return "aarch64"
    if machine in ("i386", "i586", "i686") and "lm" in (cpu.flags(block) or ()):
        return "x86_64"
    return tree.line("/proc/sys/kernel/arch") or machine
