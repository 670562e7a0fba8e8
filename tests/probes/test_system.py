"""Which system this is: distribution, C library, container, WSL, Jetson, security settings."""

import pytest

from ptsetup.probes import system
from tests.probes.trees import reasons, tree

UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.3 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'


def test_os_release_is_read_with_its_quotes(tmp_path):
    names = system.os_release(tree(tmp_path, {"/etc/os-release": UBUNTU + "# note\nODD='it\\'s'\n"}))
    assert names["VERSION_ID"] == "24.04"
    assert names["ID_LIKE"] == "debian"
    assert names["ODD"] == "it's"


def test_os_release_of_the_second_place_is_read(tmp_path):
    assert system.os_release(tree(tmp_path, {"/usr/lib/os-release": "ID=arch\n"}))["ID"] == "arch"


def test_no_os_release_is_absent(tmp_path):
    looked = tree(tmp_path, {})
    assert system.os_release(looked) == {}
    assert reasons(looked) == {"host.distribution": "absent"}


def test_glibc_is_what_the_interpreter_says(tmp_path):
    looked = tree(tmp_path, {"/lib/ld-musl-x86_64.so.1": ""})
    assert (system.libc(looked, "glibc 2.36").name, system.libc(looked, "glibc 2.36").version) == ("glibc", "2.36")


def test_musl_is_known_by_its_loader(tmp_path):
    assert system.libc(tree(tmp_path, {"/lib/ld-musl-x86_64.so.1": ""}), "").name == "musl"


def test_neither_loader_is_unknown(tmp_path):
    looked = tree(tmp_path, {"/lib/": ""})
    assert system.libc(looked, "") is None
    assert reasons(looked) == {"host.libc": "failed"}


def test_the_version_that_the_loader_of_musl_prints():
    assert system.parse_musl("musl libc (x86_64)\nVersion 1.2.4\nDynamic Program Loader\n") == "1.2.4"
    assert system.parse_musl("") is None


DISK_ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
OVERLAY_ROOT = "600 500 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/x\n"


@pytest.mark.parametrize(
    ("files", "env", "container"),
    [
        ({}, {}, "none"),
        ({"/.dockerenv": ""}, {}, "docker"),
        ({"/.dockerenv": "", "/proc/self/mountinfo": OVERLAY_ROOT}, {}, "docker"),
        ({"/.dockerenv": "", "/proc/self/mountinfo": DISK_ROOT}, {}, "none"),
        ({"/run/.containerenv": ""}, {}, "podman"),
        ({"/.singularity.d/": ""}, {}, "apptainer"),
        ({}, {"APPTAINER_CONTAINER": "/x.sif"}, "apptainer"),
        ({"/.dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"/run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({"/run/systemd/container": "systemd-nspawn\n"}, {}, "other"),
        ({"/run/systemd/container": "wsl\n"}, {}, "none"),
        ({"/proc/1/cgroup": "12:memory:/docker/0123abcd\n"}, {}, "docker"),
        ({"/proc/1/cgroup": "0::/kubepods.slice/pod1\n"}, {}, "kubernetes"),
        ({"/proc/self/cgroup": "0::/user.slice/user-1000.slice/session-2.scope\n"}, {}, "none"),
        ({"/proc/self/cgroup": "0::/machine.slice/libpod-1.scope\n"}, {}, "podman"),
        ({"/proc/1/cgroup": b"\xff\x00garbage"}, {}, "none"),
    ],
)
def test_the_container(tmp_path, files, env, container):
    assert system.container(tree(tmp_path, files), env) == container


@pytest.mark.parametrize(
    ("kernel", "files", "wsl"),
    [
        ("6.8.0-60-generic", {}, 0),
        ("4.4.0-19041-Microsoft", {}, 1),
        ("5.15.167.4-microsoft-standard-WSL2", {}, 2),
        ("5.10.0-microsoft-own", {"/dev/dxg": ""}, 2),
        ("6.6.1-own", {"/dev/dxg": "", "/usr/lib/wsl/lib/": ""}, 2),
        (None, {}, 0),
    ],
)
def test_wsl(tmp_path, kernel, files, wsl):
    assert system.wsl(tree(tmp_path, files), kernel) == wsl


@pytest.mark.parametrize(
    ("text", "l4t", "jetpack"),
    [
        ("# R35 (release), REVISION: 3.1, GCID: 32827747, BOARD: t186ref\n", "35.3.1", "5.1.1"),
        ("# R36 (release), REVISION: 4.0, GCID: 37537400\n", "36.4.0", "6.1"),
        ("# R99 (release), REVISION: 1.2\n", "99.1.2", None),
        ("garbage", None, None),
    ],
)
def test_a_jetson_by_its_release_file(tmp_path, text, l4t, jetpack):
    files = {"/etc/nv_tegra_release": text, "/proc/device-tree/model": b"NVIDIA Jetson AGX Orin\0"}
    board = system.jetson(tree(tmp_path, files))
    assert (board.l4t, board.jetpack, board.model) == (l4t, jetpack, "NVIDIA Jetson AGX Orin")


def test_a_jetson_by_its_device_tree_alone(tmp_path):
    files = {"/proc/device-tree/compatible": b"nvidia,p3737-0000+p3701-0000\0nvidia,tegra234\0"}
    assert system.jetson(tree(tmp_path, files)) is not None


def test_no_jetson_is_absent(tmp_path):
    looked = tree(tmp_path, {"/proc/device-tree/compatible": b"raspberrypi,4\0"})
    assert system.jetson(looked) is None
    assert reasons(looked) == {"host.jetson": "absent"}


@pytest.mark.parametrize(
    ("data", "value", "reason"),
    [
        (b"\x06\0\0\0\x01", True, None),
        (b"\x06\0\0\0\x00", False, None),
        (b"\x06\0\0\0", None, "failed"),
        (b"\x06\0\0\0\x07", None, "failed"),
        (None, None, "absent"),
    ],
)
def test_secure_boot(tmp_path, data, value, reason):
    looked = tree(tmp_path, {} if data is None else {system.SECURE_BOOT: data})
    assert system.is_secure_boot(looked) is value
    assert reasons(looked).get("host.is_secure_boot") == reason


@pytest.mark.parametrize(
    ("files", "value", "reason"),
    [
        ({"/sys/fs/selinux/enforce": "1"}, True, None),
        ({"/sys/fs/selinux/enforce": "0"}, False, None),
        ({"/proc/filesystems": "nodev\tsysfs\n"}, False, None),
        ({"/proc/filesystems": "nodev\tselinuxfs\n", "/proc/self/attr/current": "container_t\0"}, None, "absent"),
        ({}, None, "absent"),
    ],
)
def test_selinux(tmp_path, files, value, reason):
    looked = tree(tmp_path, files)
    assert system.is_selinux_enforcing(looked) is value
    assert reasons(looked).get("host.is_selinux_enforcing") == reason


def test_only_telling_words_of_the_command_line_are_kept():
    text = (
        "BOOT_IMAGE=/vmlinuz root=UUID=0-1 ro quiet iommu=pt amd_iommu=on pci=noacs nvidia-drm.modeset=1 nvidia.NVreg_X=1 "
        "modprobe.blacklist=nouveau rd.driver.blacklist=nouveau nouveau.modeset=0 systemd.unified_cgroup_hierarchy=0 "
        "ds=nocloud;s=http://user:password@10.0.0.1/ inst.ks=http://x/secret -- iommu=off"
    )
    assert system.keep_words(text) == (
        "iommu=pt amd_iommu=on pci=noacs nvidia-drm.modeset=1 nvidia.NVreg_X=1 modprobe.blacklist=nouveau "
        "rd.driver.blacklist=nouveau nouveau.modeset=0 systemd.unified_cgroup_hierarchy=0"
    )


@pytest.mark.parametrize(
    ("files", "flags", "value"),
    [
        ({}, ("fpu", "hypervisor"), True),
        ({"/sys/class/dmi/id/sys_vendor": "ASUS\n"}, ("fpu",), False),
        ({"/sys/class/dmi/id/product_name": "KVM Virtual Machine\n"}, None, True),
        (
            {"/sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "/sys/class/dmi/id/product_name": "g5.xlarge\n"},
            ("fp",),
            True,
        ),
        ({"/sys/hypervisor/type": "xen\n"}, None, True),
        ({}, None, None),
    ],
)
def test_a_virtual_machine(tmp_path, files, flags, value):
    assert system.is_virtual(tree(tmp_path, files), flags) is value
