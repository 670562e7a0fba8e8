"""The Host section on Windows; pure functions that make facts of what Windows' own calls and programs said."""

import functools
import os
import re
import struct
import sys
import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from ptsetup import run
from ptsetup.facts import Cpu, Host, Memory, PciDevice, Program, Record, Unknown
from ptsetup.probes import _text, _win32, deadlines, desktop
from ptsetup.probes._tree import Tree

CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
FILE_SYSTEM = r"SYSTEM\CurrentControlSet\Control\FileSystem"
SECURE_BOOT = r"SYSTEM\CurrentControlSet\Control\SecureBoot\State"
PROCESSOR = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"

DLLS = ("vcruntime140", "vcruntime140_1", "msvcp140", "libomp140.x86_64")

MACHINES = {0x014C: "x86", 0x8664: "x86_64", 0xAA64: "arm64", 0x01C4: "arm"}
"""IMAGE_FILE_MACHINE of winnt.h."""

FEATURES = {10: "sse2", 13: "sse3", 36: "ssse3", 37: "sse4_1", 38: "sse4_2", 39: "avx", 40: "avx2", 41: "avx512f"}
"""PF_ constants of winnt.h -> the name that the Linux kernel has for the feature."""

SSSE3 = 36

QUESTION = (
    "$ErrorActionPreference='Stop';"
    "$v=Get-CimInstance Win32_VideoController|Select-Object Name,PNPDeviceID,DriverVersion;"
    "$s=Get-CimInstance Win32_ComputerSystem|Select-Object Manufacturer,Model,NumberOfProcessors;"
    "$p=@(Get-CimInstance Win32_Processor|Select-Object NumberOfCores,NumberOfLogicalProcessors);"
    "[Console]::OutputEncoding=[Text.Encoding]::UTF8;"
    "@{video=@($v);system=$s;processors=$p}|ConvertTo-Json -Depth 3 -Compress"
)

VSWHERE = r"Microsoft Visual Studio\Installer\vswhere.exe"

NOT_HERE = ("cgroup", "limits", "shm", "kernel_log", "services", "loader_cache", "package_versions", "device_nodes")
"""Facts that this system does not have, or that are not read here."""


class Cim(Record, frozen=True, kw_only=True):
    """What CIM said of this machine."""

    devices: tuple[PciDevice, ...] = ()
    driver_versions: dict[str, str] = {}
    """PNP id -> version of the display driver."""
    is_virtual: bool | None = None
    physical_cores: int | None = None
    logical_cores: int | None = None


def host(
    env: Mapping[str, str], *, deadline_scale: float = 1.0, is_online: bool = False
) -> tuple[Host, tuple[Unknown, ...]]:
    """The section, and the reasons for what is missing in it."""
    tree = Tree()
    net = desktop.start_network(tree, env, is_online=is_online, deadline_scale=deadline_scale)
    cim = ask_cim(deadline_scale)
    if cim is None:
        tree.note("host.pci", "failed", "PowerShell did not answer Get-CimInstance Win32_VideoController.")
    build = str(_win32.registry(CURRENT_VERSION, "CurrentBuildNumber") or "")
    secure = _win32.registry(SECURE_BOOT, "UEFISecureBootEnabled")
    native = _win32.native_machine()
    machine = env.get("PROCESSOR_ARCHITECTURE")
    for fact in NOT_HERE:
        tree.note(f"host.{fact}", "unsupported", "Not read on Windows.")
    found = Host(
        system="windows",
        version=version_of(sys_version(), build),
        pretty_name=pretty_name(str(_win32.registry(CURRENT_VERSION, "ProductName") or "Windows"), build),
        machine=machine_name(machine),
        hardware_machine=MACHINES.get(native or 0) or machine_name(env.get("PROCESSOR_ARCHITEW6432") or machine),
        container="none",
        wsl=0,
        is_virtual=cim.is_virtual if cim else None,
        is_longpaths_enabled=_win32.registry(FILE_SYSTEM, "LongPathsEnabled") == 1,
        is_secure_boot=None if secure is None else secure == 1,
        dlls=dlls(env.get("SYSTEMROOT") or r"C:\Windows"),
        pci=cim.devices if cim else None,
        pci_source="CIM" if cim else None,
        cpu=_cpu(tree, cim, deadline_scale),
        memory=memory(_win32.memory_status()),
        programs=(*_compilers(tree, env, deadline_scale), desktop.nvcc(tree, env)),
        network=net(),
    )
    return found, tuple(tree.unknowns)


def sys_version() -> tuple[int, ...]:
    """Major, minor, build by the interpreter."""
    version: Any = getattr(sys, "getwindowsversion", lambda: (0, 0, 0))()
    return tuple(version)[:3]


def version_of(version: tuple[int, ...], build: str) -> str | None:
    """``10.0.22631``; the build by the registry, since an old manifest makes Windows lie to a program."""
    numbers = [*map(str, version[:2]), build or str(version[2] if len(version) > 2 else 0)]
    return ".".join(numbers) if version and version[0] else None


def pretty_name(product: str, build: str) -> str:
    """The product's name; that of Windows 11 still stands as 10 in the registry."""
    number = _text.whole(build)
    is_eleven = number is not None and number >= 22000 and "Server" not in product
    return product.replace("Windows 10", "Windows 11") if is_eleven else product


def machine_name(text: str | None) -> str | None:
    """``x86_64`` of ``AMD64``, ``arm64`` of ``ARM64``."""
    name = (text or "").lower()
    return {"amd64": "x86_64", "x86": "x86", "arm64": "arm64"}.get(name, name or None)


def dlls(root: str) -> dict[str, str | None]:
    """Version of each runtime library in System32; None: it is absent."""
    found = {}
    for name in DLLS:
        path = f"{root}\\System32\\{name}.dll"
        block = _win32.version_block(path)
        found[name] = None if block is None else file_version(block)
    return found


def file_version(block: bytes) -> str | None:
    """``14.38.33135.0`` of a VS_FIXEDFILEINFO; None when it bears no signature."""
    if len(block) < 16 or struct.unpack_from("<I", block)[0] != 0xFEEF04BD:
        return None
    high, low = struct.unpack_from("<II", block, 8)
    return f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"


def memory(numbers: tuple[int, ...] | None) -> Memory | None:
    """Of GlobalMemoryStatusEx: the page file's total is the commit limit (RAM and page file)."""
    if numbers is None or len(numbers) < 4:
        return None
    total, free, commit, commit_free = numbers[:4]
    return Memory(
        total_bytes=total,
        available_bytes=free,
        commit_limit_bytes=commit,
        commit_used_bytes=max(0, commit - commit_free),
    )


def ask_cim(deadline_scale: float = 1.0) -> Cim | None:
    """Ask CIM through PowerShell, once in the life of this process, whichever probe comes first; None: no answer."""
    with _ASKING:
        return _ask_cim(deadline_scale)


_ASKING = threading.Lock()


@functools.lru_cache(maxsize=1)
def _ask_cim(deadline_scale: float) -> Cim | None:
    command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", QUESTION]
    done = run.run(command, deadline_s=deadlines.CIM_S * deadline_scale)
    return parse_cim(done.stdout) if done.is_ok else None


def parse_cim(text: str) -> Cim | None:
    """The JSON that ``QUESTION`` prints; None when it is none."""
    try:
        data = msgspec.json.decode(text.lstrip("\ufeff").strip().encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    if not isinstance(data, dict):
        return None
    video = [row for row in _rows(data.get("video")) if isinstance(row.get("PNPDeviceID"), str)]
    devices = [device for row in video if (device := pci_device(row)) is not None]
    processors = _rows(data.get("processors"))
    system = next(iter(_rows(data.get("system"))), {})
    return Cim(
        devices=tuple(devices),
        driver_versions={
            str(r["PNPDeviceID"]): r["DriverVersion"] for r in video if isinstance(r.get("DriverVersion"), str)
        },
        is_virtual=is_virtual(str(system.get("Manufacturer") or ""), str(system.get("Model") or "")),
        physical_cores=_sum(processors, "NumberOfCores"),
        logical_cores=_sum(processors, "NumberOfLogicalProcessors"),
    )


def _rows(value: object) -> list[dict[str, Any]]:
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, dict)]


def _sum(rows: list[dict[str, Any]], key: str) -> int | None:
    return sum(row[key] for row in rows if isinstance(row.get(key), int)) or None


def pci_device(row: Mapping[str, Any]) -> PciDevice | None:
    """The PCI device behind a video controller; None for those that are none (remote desktop, software)."""
    match = re.match(r"PCI\\VEN_([0-9A-Fa-f]{4})&DEV_([0-9A-Fa-f]{4})", str(row.get("PNPDeviceID") or ""))
    if not match:
        return None
    version = row.get("DriverVersion")
    return PciDevice(
        vendor=match[1].lower(),
        device=match[2].lower(),
        class_code="030000",
        driver=version if isinstance(version, str) else None,
        name=row["Name"] if isinstance(row.get("Name"), str) else None,
    )


def is_virtual(manufacturer: str, model: str) -> bool | None:
    """By maker and model of the machine; None when CIM says neither."""
    text = f"{manufacturer} {model}".strip()
    if not text:
        return None
    pattern = r"virtual machine|vmware|virtualbox|kvm|qemu|xen|hvm domu|amazon ec2|google compute|parallels|bochs"
    return re.search(pattern, text, re.IGNORECASE) is not None


def flags_of(answers: Mapping[int, bool | None]) -> tuple[str, ...] | None:
    """Features that IsProcessorFeaturePresent affirms; None where its answers tell nothing.

    A number is a place in a table that the kernel fills, and an older kernel leaves those from 36 on empty, whatever the processor has:
    without SSSE3, which every processor with AVX has, nothing is said of AVX.
    """
    if not answers.get(SSSE3):
        return None
    return tuple(FEATURES[number] for number in FEATURES if answers.get(number))


def _cpu(tree: Tree, cim: Cim | None, deadline_scale: float) -> Cpu:
    model = _win32.registry(PROCESSOR, "ProcessorNameString")
    name = model.strip() if isinstance(model, str) and model.strip() else desktop.model_by_cpuinfo(deadline_scale)
    answers = {number: _win32.has_feature(number) for number in FEATURES}
    flags = flags_of(answers)
    if flags is None:
        tree.note("host.cpu.flags", "unsupported", "This Windows does not tell of features newer than SSE3.")
    logical = (cim.logical_cores if cim else None) or os.cpu_count()
    return Cpu(
        model=name,
        flags=flags,
        physical_cores=cim.physical_cores if cim else None,
        logical_cores=logical,
        affinity_cores=os.cpu_count(),
        usable_cores=float(os.cpu_count() or 1),
        is_virtual=cim.is_virtual if cim else None,
    )


def _compilers(tree: Tree, env: Mapping[str, str], deadline_scale: float) -> tuple[Program, ...]:
    return (cl(tree, env, deadline_scale), *desktop.located(env, ("ninja", "g++", "clang++", "docker")))


def cl(tree: Tree, env: Mapping[str, str], deadline_scale: float) -> Program:
    """Microsoft's compiler: on PATH (a developer prompt), else what vswhere knows."""
    on_path = desktop.which(env, "cl")
    if on_path:
        return Program(name="cl", path=on_path, source="PATH")
    base = env.get("ProgramFiles(x86)") or r"C:\Program Files (x86)"
    command = [f"{base}\\{VSWHERE}", "-latest", "-products", "*", "-property", "installationPath", "-utf8"]
    needs = ["-requires", "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"]
    done = run.run([*command, *needs], deadline_s=deadlines.VSWHERE_S * deadline_scale)
    folder = next(iter(done.stdout.split("\n")), "").strip() if done.is_ok else ""
    if not folder:
        return Program(name="cl", source="vswhere", error=None if done.is_ok else "vswhere is not installed.")
    version = tree.line(f"{folder}\\VC\\Auxiliary\\Build\\Microsoft.VCToolsVersion.default.txt")
    return Program(name="cl", path=cl_path(folder, version), version=version, source="vswhere")


def cl_path(folder: str, version: str | None) -> str | None:
    """Where the compiler of that version of the tools lies."""
    return f"{folder}\\VC\\Tools\\MSVC\\{version}\\bin\\Hostx64\\x64\\cl.exe" if version else None
