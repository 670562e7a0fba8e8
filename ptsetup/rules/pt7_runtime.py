"""PT702, PT705 and PT717: what the host needs, and forbids, so that a container gets a GPU."""

from collections.abc import Iterator

from ptsetup.rules import _containers, _nvidia, _speech
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact


def _program(case: Case, name: str) -> bool | None:
    """The program is installed; None when nobody looked for it."""
    programs = case.snapshot.host.programs if case.snapshot.host else None
    return next((bool(p.path) for p in programs or () if p.name == name), None)


NO_TOOLKIT = (
    r"could not select device driver",
    r"unknown (?:or invalid )?runtime(?: specified| name)?:? \"?nvidia",
    r"failed to discover GPU vendor from CDI",
    r"nvidia-container-(?:cli|runtime)(?:-hook)?['\"]?:? (?:command |executable file )?not found",
    r"nvidia-container-cli: (?:initialization|mount|detection|device|container|ldcache|permission|mknod) error",
    (
        r"\b(?:missing|without|lacks?|forgot\w*|had no|did(?: not|n['o]?t) (?:have|install)|not installed|needed to "
        r"install)\b[^.;\n]{0,30}\bnvidia[- ](?:container[- ](?:toolkit|runtime)|docker2?)\b"
    ),
    rf"\binstall(?:ing|ed)?\b[^.;\n]{{0,24}}\bnvidia[- ](?:container[- ](?:toolkit|runtime)|docker2?)\b[^.;\n]{{0,40}}\b{_speech.FIXED}",
    r"(?:docker|podman)\b.{0,60}unknown flag: --gpus|unknown flag: --gpus",
    r"failed to (?:create|initialize) NVIDIA device nodes|error running hook #?\d.{0,200}nvidia-container-(?:cli|runtime)",
)

NO_SMI = r"exec: \W{0,2}nvidia-smi\W{0,3}: executable file not found"
ASKED = r"--gpus\b|--runtime[= ]?nvidia"
"""The runtime was asked for the GPU and put none of the driver's programs into the container."""


@rule(
    "PT702",
    "container-toolkit-missing",
    "error",
    "The host lacks the NVIDIA container toolkit",
    needs=("host.programs|messages",),
    hides=("PT701", "PT501", "PT536", "PT705"),
    layer=29,
    says=NO_TOOLKIT,
)
def no_toolkit(case: Case) -> Iterator[Finding]:
    """What is wrong
        Docker knows no way to hand over NVIDIA GPUs: the NVIDIA container toolkit is not installed on the host, or
        docker was not told of it.

    Why it matters
        "could not select device driver with capabilities: [[gpu]]"; no container gets a GPU.

    See it yourself
        nvidia-ctk --version
        docker info | grep -i runtimes

    Fix
        Install nvidia-container-toolkit on the host, register it with docker, restart docker. Rootless docker needs
        no-cgroups in the toolkit's configuration.

    Sources
        NVIDIA/nvidia-docker#1352, hiyouga/LlamaFactory#5268, OpenBMB/XAgent#273; container toolkit, install guide
    """
    hit = case.heard(no_toolkit) or (case.said(NO_SMI) if case.said(ASKED) else None)
    nvidia, host = case.snapshot.nvidia, case.snapshot.host
    is_bare = _program(case, "docker") and _program(case, "nvidia-ctk") is False and not case.is_container
    is_bare = is_bare and bool(nvidia and nvidia.has_nvidia_runtime is False) and not (host and host.cdi_specs)
    if not hit and not (is_bare and case.has_nvidia_device):
        return
    yield Finding(
        message="Docker on the host cannot hand over NVIDIA GPUs: the container toolkit is missing or not registered."
        if hit
        else "Docker is here without the NVIDIA container toolkit: containers will get no GPU.",
        subject="nvidia-container-toolkit",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "host.programs", "docker, no nvidia-ctk", "PATH")] if is_bare else []),
        ),
        fixes=_bring_toolkit(case, _containers.HOST if case.is_container or hit else "here"),
        severity="error" if hit else "note",
        certainty="likely" if hit and not is_bare else "certain",
    )


TOOLKIT_GUIDE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"


def _bring_toolkit(case: Case, where: str) -> tuple[Fix, ...]:
    """Install and register it; another way of registering where docker runs without root."""
    host = case.snapshot.host
    tool = "docker" if not (host and host.container == "podman") else "podman"
    install = _nvidia.install(
        case, dict.fromkeys(("apt", "dnf", "pacman", "zypper"), ("nvidia-container-toolkit",))
    ) or (("sudo", "apt", "install", "nvidia-container-toolkit"),)
    configure = (
        ("sudo", "nvidia-ctk", "runtime", "configure", f"--runtime={tool}"),
        ("sudo", "systemctl", "restart", tool),
    )
    return (
        Fix(
            text="Install the NVIDIA container toolkit (where the package is not found, with NVIDIA's repository: "
            f"{TOOLKIT_GUIDE}), and register it.",
            commands=(*install, *configure),
            systems=("linux",),
            where=where,
        ),
        Fix(
            text="Where docker runs without root, register it in the user's own settings.",
            shell='nvidia-ctk runtime configure --runtime=docker --config="$HOME/.config/docker/daemon.json"'
            " && systemctl --user restart docker"
            " && sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place",
            systems=("linux",),
            where=where,
        ),
    )


CDI_TEXTS = (
    r"unresolvable CDI devices? ?(?P<device>\S+)",
    r"CDI (?:device injection failed|registry has errors)",
    r"(?:stat|lstat|open) (?P<path>/\S*lib(?:nvidia|cuda)\S*\.so\.(?P<version>\d{3}\.[\d.]*\d)): no such file",
)


@rule(
    "PT705",
    "cdi-spec-missing-or-stale",
    "error",
    "The description of the GPUs for containers is missing or stale",
    needs=("host.cdi_specs|nvidia.cdi_driver_version|messages",),
    hides=("PT701", "PT501", "PT536"),
    layer=29,
    says=CDI_TEXTS,
)
def cdi(case: Case) -> Iterator[Finding]:
    """What is wrong
        Containers get GPUs by a CDI specification (nvidia.yaml) that lists the driver's files. It is missing, or it was
        written for another driver version and names files that are gone.

    Why it matters
        The container does not start ("unresolvable CDI devices", "no such file"), or it has no GPU.

    See it yourself
        nvidia-ctk cdi list
        grep -m1 -o "libcuda.so.[0-9.]*" /etc/cdi/nvidia.yaml /var/run/cdi/nvidia.yaml

    Fix
        Write it anew: the service nvidia-cdi-refresh does it at each start of the machine.

    Sources
        NVIDIA container toolkit documentation, cdi-support
    """
    hit = case.heard(cdi)
    nvidia, host = case.snapshot.nvidia, case.snapshot.host
    written = nvidia.cdi_driver_version if nvidia else None
    loaded = nvidia.kernel_module_version if nvidia else None
    is_stale = bool(written and loaded and written != loaded)
    is_missing = bool(host and host.cdi_specs == () and _program(case, "nvidia-ctk") and _program(case, "podman"))
    if not (hit or is_stale or (is_missing and not case.is_container and loaded)):
        return
    write = ("sudo", "nvidia-ctk", "cdi", "generate", "--output=/var/run/cdi/nvidia.yaml")
    yield Finding(
        message=f"The CDI specification was written for driver {written}, and {loaded} is loaded."
        if is_stale
        else "The CDI specification of the GPUs is missing or names files that are gone."
        if hit
        else "There is no CDI specification: podman cannot hand over the GPUs.",
        subject="nvidia.yaml",
        evidence=(
            *([hit.evidence] if hit else []),
            *([fact(case, "nvidia.cdi_driver_version", written, "nvidia.yaml")] if is_stale else []),
            *(_nvidia.driver_fact(case) if is_stale else ()),
            *([fact(case, "host.cdi_specs", "none", "/etc/cdi, /var/run/cdi")] if is_missing and not hit else []),
        ),
        fixes=(
            Fix(
                text="Write it anew.",
                commands=(write,),
                systems=("linux",),
                where=_containers.HOST if case.is_container or hit else "here",
            ),
            Fix(
                text="Have it written at every start of the machine.",
                commands=(("sudo", "systemctl", "enable", "--now", "nvidia-cdi-refresh"),),
                systems=("linux",),
                where=_containers.HOST if case.is_container or hit else "here",
            ),
        ),
        severity="error" if hit or is_stale else "note",
        certainty="certain" if is_stale or is_missing else "likely",
    )


DENIED = r"failed to initialize NVML: insufficient permissions"


@rule(
    "PT717",
    "selinux-blocks-gpu",
    "error",
    "SELinux keeps the container from the GPU",
    needs=("host.container", "nvidia.nvml.init_rc|messages"),
    hides=("PT511", "PT701", "PT704", "PT501", "PT513"),
    layer=22,
    says=(DENIED,),
)
def selinux(case: Case) -> Iterator[Finding]:
    """What is wrong
        The device files are in the container and everybody may open them, but SELinux forbids it to containers.

    Why it matters
        "Failed to initialize NVML: Insufficient Permissions" inside, while the host is well.

    See it yourself
        getenforce
        sudo ausearch -m avc -ts recent | grep nvidia

    Fix
        Start the container with --security-opt=label=disable (or a policy that allows the GPU).

    Sources
        NVIDIA container toolkit documentation, troubleshooting
    """
    hit = case.heard(selinux)
    host = case.snapshot.host
    if host is None or not case.is_container or _nvidia.works(case) or host.is_selinux_enforcing is False:
        return
    is_denied = _nvidia.nvml_code(case) == 4 or bool(hit)
    closed = [n for n in _nvidia.gpu_nodes(case) if n.mode and not n.mode.endswith("6")]
    is_enforcing = host.is_selinux_enforcing or _nvidia.distribution(case) == "dnf" or host.container == "podman"
    if not is_denied or closed or not is_enforcing:
        return
    tool = host.container if host.container in ("docker", "podman") else "podman"
    gpus = ("--device", "nvidia.com/gpu=all") if tool == "podman" else ("--gpus", "all")
    yield Finding(
        message="SELinux keeps this container from the device files of the GPU.",
        subject="SELinux",
        evidence=(
            *([fact(case, "nvidia.nvml.init_rc", 4, "NVML")] if _nvidia.nvml_code(case) == 4 else []),
            *(
                [fact(case, "host.is_selinux_enforcing", "enforcing", "/sys/fs/selinux/enforce")]
                if host.is_selinux_enforcing
                else []
            ),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text='Start the container with "--security-opt=label=disable"; this shows that it works.',
                commands=((tool, "run", "--rm", "--security-opt=label=disable", *gpus, "ubuntu", "nvidia-smi"),),
                where=_containers.HOST,
            ),
        ),
        certainty="certain" if host.is_selinux_enforcing and _nvidia.gpu_nodes(case) else "likely",
    )


RULES = (no_toolkit, cdi, selinux)
