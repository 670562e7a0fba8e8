"""Linux: distribution, C library, container, WSL, Jetson, virtual machine, security settings."""

import os
import re
import sys
from collections.abc import Mapping

from ptsetup import run
from ptsetup.facts import Jetson, Libc
from ptsetup.probes import deadlines
from ptsetup.probes._tree import Tree

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

JETPACK = {
    "32.6.1": "4.6",
    "32.7.1": "4.6.1",
    "32.7.2": "4.6.2",
    "32.7.3": "4.6.3",
    "32.7.4": "4.6.4",
    "32.7.5": "4.6.5",
    "32.7.6": "4.6.6",
    "35.1.0": "5.0.2",
    "35.2.1": "5.1",
    "35.3.1": "5.1.1",
    "35.4.1": "5.1.2",
    "35.5.0": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.2": "5.1.5",
    "36.3.0": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "38.2.0": "7.0",
    "38.4.0": "7.1",
    "39.2.0": "7.2",
}
"""Linux for Tegra -> JetPack: release notes of Jetson Linux, as public installers for these boards tabulate them."""

COMMAND_LINE_WORDS = frozenset((
    "iommu", "intel_iommu", "amd_iommu", "pci", "nomodeset", "nomodule", "noapic", "selinux", "enforcing", "lsm", "lockdown",
    "isolcpus", "nohz_full", "maxcpus", "nr_cpus", "nosmt", "numa", "numa_balancing", "hugepages", "hugepagesz",
    "default_hugepagesz", "transparent_hugepage", "mitigations", "init_on_alloc", "swiotlb", "swapaccount", "cgroup_enable",
    "cgroup_disable", "cgroup_no_v1", "unified_cgroup_hierarchy", "pcie_aspm", "pcie_acs_override", "blacklist",
    "module_blacklist", "amdgpu", "amdkfd", "radeon", "i915", "xe",
))  # fmt: skip
"""Words of the kernel's command line that are kept. The rest may hold addresses and passwords (network installs, clouds)."""

COMMAND_LINE_STARTS = ("nvidia", "nouveau", "nova", "vfio")

_IN_CGROUP = (
    ("kubernetes", ("kubepods", "kubelet")),
    ("docker", ("/docker/", "/docker-", "/docker\n")),
    ("podman", ("libpod",)),
    ("lxc", ("/lxc/", "/lxc.", "lxc.payload")),
    ("other", ("containerd", "/machine.slice/", "/actions_job/", "buildkit")),
)

_DISK = r"/dev/(?:root|[a-z]+\d*|nvme\d+n\d+(?:p\d+)?|mmcblk\d+p\d+)"

_BY_NAME = {"docker": "docker", "podman": "podman", "lxc": "lxc", "lxc-libvirt": "lxc", "oci": "other"}

_VIRTUAL_DMI = (
    r"qemu|kvm|vmware|virtualbox|innotek|bochs|xen|amazon ec2|google compute|virtual machine|openstack|bhyve|parallels|nutanix"
    r"|digitalocean|hetzner vserver|alibaba cloud ecs"
)


def os_release(tree: Tree) -> dict[str, str]:
    """The pairs of /etc/os-release; {} when there is none (noted for ``host.distribution``)."""
    text = tree.text("/etc/os-release")
    if text is None:
        text = tree.text("/usr/lib/os-release", "host.distribution")
    return parse_os_release(text or "")


def parse_os_release(text: str) -> dict[str, str]:
    """``KEY="value"`` lines of os-release, quotes and escapes removed."""
    found = {}
    for line in text.splitlines():
        key, mark, value = line.strip().partition("=")
        if mark and re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
            value = value.strip()
            if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[key] = re.sub(r"\\(.)", r"\1", value)
    return found


def libc(tree: Tree, own: str | None = None) -> Libc | None:
    """The C library: what this interpreter says (``own``, ``glibc 2.36``), else the loaders that are there."""
    own = _own_libc() if own is None and tree.is_real else own
    name, _, version = (own or "").partition(" ")
    if name == "glibc":
        return Libc(name="glibc", version=version.strip() or None)
    loader = _musl_loader(tree)
    if loader is not None:
        return Libc(name="musl", version=_musl_version(tree, loader))
    tree.note("host.libc", "failed", "The interpreter names no glibc, and no loader of musl is in /lib.")
    return None


def _own_libc() -> str:
    if sys.platform != "linux":
        return ""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""


def _musl_loader(tree: Tree) -> str | None:
    for folder in ("/lib", "/usr/lib"):
        for name in tree.names(folder) or ():
            if name.startswith("ld-musl-"):
                return f"{folder}/{name}"
    return None


def _musl_version(tree: Tree, loader: str) -> str | None:
    if not tree.is_real:
        return None
    # the loader of musl, called without a program, prints its version and fails
    return parse_musl(run.run([loader], deadline_s=deadlines.VERSION_S).stderr)


def parse_musl(text: str) -> str | None:
    """Version in what musl's loader prints."""
    match = re.search(r"^Version (\d[\w.]*)", text, re.MULTILINE)
    return match[1] if match else None


def container(tree: Tree, env: Mapping[str, str]) -> str:
    """``none``, ``docker``, ``podman``, ``kubernetes``, ``lxc``, ``apptainer`` or ``other``: the most specific sign wins."""
    if env.get("KUBERNETES_SERVICE_HOST") or tree.exists("/var/run/secrets/kubernetes.io"):
        return "kubernetes"
    if any(env.get(f"{name}_CONTAINER") for name in ("APPTAINER", "SINGULARITY")) or tree.exists("/.singularity.d"):
        return "apptainer"
    if tree.exists("/run/.containerenv"):
        return "podman"
    if tree.exists("/.dockerenv") and not is_booted_image(tree.text("/proc/self/mountinfo") or ""):
        return "docker"
    # systemd and the container managers leave their name here
    for name in (tree.line("/run/systemd/container"), env.get("container")):
        if name and name != "wsl":
            return _BY_NAME.get(name.strip().lower(), "other")
    return container_of_cgroup("\n".join(tree.text(f"/proc/{who}/cgroup") or "" for who in ("1", "self")))


def is_booted_image(mountinfo: str) -> bool:
    """The root is the root of a disk: a container's image was made into a virtual machine, and its mark was left there."""
    for line in mountinfo.splitlines():
        words = line.split()
        if len(words) > 8 and words[4] == "/" and "-" in words:
            kind, source = (*words[words.index("-") + 1 :], "", "")[:2]
            return words[3] == "/" and kind in ("ext4", "xfs") and re.fullmatch(_DISK, source) is not None
    return False


def container_of_cgroup(text: str) -> str:
    """The same by the paths in /proc/1/cgroup; a private namespace hides them, so that ``none`` is weak there."""
    text += "\n"
    return next((name for name, parts in _IN_CGROUP if any(part in text for part in parts)), "none")


def wsl(tree: Tree, kernel: str | None) -> int:
    """0, 1 or 2: by the kernel's name, and by the device of WSL2's GPUs where somebody built a kernel of his own."""
    name = (kernel or "").lower()
    if "microsoft" in name:
        return 2 if "wsl2" in name or "standard" in name or tree.exists("/dev/dxg") else 1
    return 2 if tree.exists("/dev/dxg") and tree.exists("/usr/lib/wsl") else 0


def is_virtual(tree: Tree, flags: tuple[str, ...] | None) -> bool | None:
    """A virtual machine: by the processor's flag, the firmware's maker, or a hypervisor's own folder."""
    if flags and "hypervisor" in flags:
        return True
    names = [tree.line(f"/sys/class/dmi/id/{name}") for name in ("sys_vendor", "product_name", "board_vendor")]
    known = [name for name in names if name]
    if any(re.search(_VIRTUAL_DMI, name, re.IGNORECASE) for name in known) or tree.line("/sys/hypervisor/type"):
        return True
    if not known and not flags:
        tree.note("host.is_virtual", "absent", "Neither processor flags nor firmware names can be read.")
        return None
    return False


def jetson(tree: Tree) -> Jetson | None:
    """The Tegra board, None (noted as absent) on anything else."""
    release = tree.text("/etc/nv_tegra_release", limit=4096)
    compatible = tree.data("/proc/device-tree/compatible", limit=4096) or b""
    if release is None and b"nvidia,tegra" not in compatible:
        tree.note("host.jetson", "absent", "Neither /etc/nv_tegra_release nor a Tegra in the device tree.")
        return None
    l4t = parse_tegra_release(release or "")
    return Jetson(l4t=l4t, jetpack=JETPACK.get(l4t or ""), model=tree.line("/proc/device-tree/model"))


def parse_tegra_release(text: str) -> str | None:
    """``35.3.1`` of ``# R35 (release), REVISION: 3.1, GCID: ...``."""
    match = re.search(r"R(\d+)\s*\(release\)\s*,\s*REVISION:\s*(\d+(?:\.\d+)?)", text)
    if not match:
        return None
    return f"{match[1]}.{match[2]}" if "." in match[2] else f"{match[1]}.{match[2]}.0"


def is_secure_boot(tree: Tree) -> bool | None:
    """Last byte of the firmware's variable; unknown where the firmware is hidden (containers) or is no EFI."""
    data = tree.data(SECURE_BOOT, "host.is_secure_boot", limit=64)
    if data is None:
        return None
    # four bytes of attributes, one of value
    if len(data) != 5 or data[4] > 1:
        tree.note("host.is_secure_boot", "failed", f"The firmware's variable has {len(data)} bytes, 5 are usual.")
        return None
    return data[4] == 1


def is_selinux_enforcing(tree: Tree) -> bool | None:
    """By /sys/fs/selinux/enforce; False where this kernel has no SELinux; unknown where a container hides it."""
    if tree.exists("/sys/fs/selinux/enforce"):
        value = tree.line("/sys/fs/selinux/enforce", "host.is_selinux_enforcing")
        return None if value is None else value == "1"
    kinds = tree.text("/proc/filesystems", "host.is_selinux_enforcing")
    if kinds is None:
        return None
    if "selinuxfs" not in kinds:
        return False
    label = tree.line("/proc/self/attr/current")
    tree.note(
        "host.is_selinux_enforcing", "absent", f"/sys/fs/selinux is hidden; this process is {label or 'unlabelled'}."
    )
    return None


def command_line(tree: Tree) -> str | None:
    """Words of /proc/cmdline that bear on GPUs, memory and security (``COMMAND_LINE_WORDS``)."""
    text = tree.text("/proc/cmdline", "host.kernel_command_line")
    return None if text is None else keep_words(text)


def keep_words(text: str) -> str:
    """Those words of a kernel command line that are kept, before the ``--`` that ends it."""
    words = text.split()
    words = words[: words.index("--")] if "--" in words else words
    return " ".join(word for word in words if _is_kept(word))


def _is_kept(word: str) -> bool:
    """One part of the parameter's name is a word that is kept: ``iommu=pt``, ``modprobe.blacklist=nouveau``, ``xe.force_probe``."""
    parts = word.partition("=")[0].replace("-", "_").split(".")
    return any(part in COMMAND_LINE_WORDS or part.startswith(COMMAND_LINE_STARTS) for part in parts)
