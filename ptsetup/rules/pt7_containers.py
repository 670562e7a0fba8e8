"""PT7xx: containers. Limits stand in pt7_limits, WSL in pt7_wsl, boards and batch systems in pt7_sites."""

import re
from collections.abc import Iterator

from ptsetup.rules import (
    _containers,
    _contrast,
    _nvidia,
    _speech,
    pt5_health,
    pt7_limits,
    pt7_runtime,
    pt7_sites,
    pt7_wsl,
)
from ptsetup.rules._case import Case, Hit
from ptsetup.rules._rule import Evidence, Finding, Fix, rule
from ptsetup.rules._ways import fact

BANNER = r"the NVIDIA driver was not detected|failed to detect NVIDIA driver version"
"""What NVIDIA's images print when they are started without GPUs."""

NO_KFD = r"unable to open /dev/kfd.{0,30}no such file"
"""What rocminfo says in a container that got no AMD GPU."""

NO_GPUS = r"No CUDA GPUs are available"

NOT_INSIDE = (
    BANNER,
    _nvidia.NO_DRIVER,
    r"nvidia-smi['\"]?:? (?:is |are |were )?(?:command )?not found|nvidia-smi: executable file not found",
    r"nvidia-smi\W{1,4}(?:(?:did|does) ?n[o']?t|is not|isn't) work",
    r"nvidia-smi['\"\\]*: executable file not found",
    r"executable file not found in \$PATH.{0,40}nvidia-smi",
    r"libcuda\.so\.1: cannot open shared object file",
    r"libnvidia-ml\.so\S*.{0,40}(?:not found|cannot open|no such file)|could(?: not|n't) find libnvidia-ml|NVML shared library not found",
    r"no CUDA-capable device is detected",
    r"nvidia-smi\W{0,3} (?:is|was) (?:missing|absent|not(?=\W*$|[,.;] ))",
    (
        r"nvidia-smi\W{0,3} (?:isn['\u2019]?t|is not|does ?n[o'\u2019]?t|does not|wasn['\u2019]?t) "
        r"(?:there|present|available|exist\w*|found|in\b|on\b|installed)"
    ),
    r"\b(?:no|without|lacks|missing) `?nvidia-smi\b(?! (?:output|problem|error))",
    r"\bcan['\u2019]?t initialize NVML",
    NO_KFD,
)


OPTION = (
    r"(?:--gpus?(?: all)?|--device\b.{0,12}(?:nvidia|kfd|dri)\S*"
    r"|--runtime[= ]?nvidia|nvidia runtime|--nv\b|--rocm\b|deploy\W{1,3}resources|nvidia\.com/gpu|gpu (?:passthrough"
    r"|pass-through|reservation|flag|option|resources?))"
)
SAID_BARE = (
    (
        rf"\b(?:forgot(?:ten)?|without|missing|omitted|lacks?|lacked|no|left out|{_speech.NOT} (?:\w+ )?(?:pass|us|add|set|giv|specif"
        rf"|includ|request|have|ask)\w*)\b"
        rf"(?:[^.;\n]|\.(?=\w)){{0,30}}?{OPTION}"
    ),
    (
        rf"\b(?:had to|needed to|needs? to|should have|must|solved by|fixed by|after|by) (?:add|pass|us|set|specify|request)\w*"
        rf"\b(?:[^.;\n]|\.(?=\w)){{0,30}}?{OPTION}"
    ),
    rf"\b(?:add|pass|us|sett|request)ing\b(?:[^.;\n]|\.(?=\w)){{0,30}}?{OPTION}(?:[^.;\n]|\.(?=\w)){{0,40}}?\b{_speech.FIXED}",
)
"""A person tells how the container was started, or what has helped."""

STARTED = (
    r"\b(?:docker|podman|nerdctl) (?:container )?run\b",
    r"\bdocker[- ]compose(?: up|\.ya?ml)?\b",
    r"\b(?:singularity|apptainer) (?:exec|run|shell)\b",
)
SINGULARITY = r"\b(?:singularity|apptainer) (?:exec|run|shell)\b(?!.*--(?:nv|rocm))"
NONE_COUNTED = (
    r"device_count\(\)\W{0,12}(?:is |was |returns? |gives? |prints? |shows? |=+ ?)?0\b|GPUs? available\W{1,6}(?:0\b|\[\]|none\b|false\b)",
    r"list_physical_devices\(\W{0,2}GPU\W{1,8}(?:is |returns? |gives? |= ?)?(?:an empty list|empty|\[\])",
    r"list_physical_devices\(.{0,3}GPU.{0,6}\)\W*\[\]",
)
"""A framework counts no GPU."""
WITH_GPU = r"--gpus|--runtime[= ]?nvidia|--device|nvidia-docker|--nv\b|--nvccli|driver: nvidia|nvidia\.com/gpu"


@rule(
    "PT701",
    "container-without-gpu",
    "error",
    "The container was started without the GPU",
    needs=("host.container|messages",),
    hides=("PT501", "PT502", "PT504", "PT510", "PT512", "PT513", "PT536", "PT930", "PT801", "PT821", "PT650"),
    layer=30,
    says=NOT_INSIDE,
    is_starred=True,
)
def without_gpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        The container got neither the device files of the GPU nor the driver's libraries. The host may well have both.

    Why it matters
        On the host all works; inside, torch.cuda.is_available() is False without a warning.

    See it yourself
        ls /dev/nvidia* /dev/kfd /dev/dri
        cat /proc/driver/nvidia/version

    Fix
        Start the container with its GPUs: docker run --gpus all; podman run --device nvidia.com/gpu=all; apptainer exec
        --nv; for AMD --device /dev/kfd --device /dev/dri. The host needs the NVIDIA container toolkit (PT702). Install
        no driver inside.

    Sources
        NVIDIA container toolkit documentation (docker-specialized, cdi-support)
    """
    bare = (
        case.stated(*SAID_BARE) if case.snapshot.origin == "report" and (case.has_complaint or case.is_blind) else None
    )
    hit = bare or case.heard(without_gpu) or _is_started_bare(case)
    is_banner = hit is not None and re.search(BANNER, hit.match[0], re.IGNORECASE) is not None
    is_amd = hit is not None and re.search(NO_KFD, hit.match[0], re.IGNORECASE) is not None
    is_elsewhere = hit is not None and case.has_nvidia_device is False and not is_banner and not is_amd
    if _nvidia.works(case) or case.family == "cpu" or is_elsewhere:
        return
    is_inside = (
        case.is_container
        or bare is not None
        or (hit is not None and case.said(*_contrast.WORKS_OUTSIDE) is not None and _speaks_of_container(case))
        or (is_banner and not (case.snapshot.host and case.snapshot.host.container == "none"))
    )
    if not is_inside or (case.snapshot.host and case.snapshot.host.wsl and _has(case, "/dev/dxg")):
        return
    lacks = _lacks(case)
    if not lacks and hit is None:
        return
    family = "rocm" if is_amd else case.family or "cuda"
    is_seen = case.has_nvidia_device or bool(case.driver_version) or bool(family == "rocm" and _has_kfd_driver(case))
    yield Finding(
        message="This container was started without the GPU: "
        + (f"{lacks} not there" if lacks else "the driver is not to be seen inside")
        + (", though the host has one." if is_seen and lacks else "."),
        subject="container",
        evidence=(
            *([fact(case, "host.device_nodes", f"{lacks} absent", "ls /dev")] if lacks else []),
            *_host_facts(case),
            *([hit.evidence] if hit else []),
        ),
        fixes=_containers.with_amd(case) if family == "rocm" else _containers.with_gpus(case),
        severity="error" if hit or is_seen or case.expect in ("cuda", "rocm", "xpu") else "warning",
        certainty="certain" if lacks and is_seen else "likely",
    )


def _is_started_bare(case: Case) -> Hit | None:
    """The command with which a report started its container hands over no GPU, and torch finds none."""
    torch = case.snapshot.torch
    is_blind = bool(torch and torch.is_cuda_available is False)
    if case.snapshot.origin != "report":
        return None
    is_lost = is_blind or case.said(NO_GPUS, *_contrast.NO_GPU_SEEN) is not None
    outside = case.said(*_contrast.WORKS_OUTSIDE) if is_lost and _speaks_of_container(case) else None
    if outside and not case.said(*_contrast.LATER) and case.env("CUDA_VISIBLE_DEVICES") is None:
        return outside
    # whoever said so, the host's nvidia-smi lists a GPU, and nothing hides it
    none = case.said(NO_GPUS) if case.driver_version and case.env("CUDA_VISIBLE_DEVICES") is None else None
    bare = case.said(SINGULARITY)
    if bare and not is_blind and not case.said(WITH_GPU) and case.said(NO_GPUS, *NONE_COUNTED):
        return bare if case.env("CUDA_VISIBLE_DEVICES") is None else None
    if not is_blind:
        return none if case.is_container and not case.said(WITH_GPU) else None
    if bare or case.said(WITH_GPU):
        return bare
    return case.said(*STARTED)


def _speaks_of_container(case: Case) -> bool:
    return case.is_container or case.said(_contrast.CONTAINER) is not None


def _has(case: Case, path: str) -> bool | None:
    node = _nvidia.node(case, path)
    return node.exists if node else None


def _lacks(case: Case) -> str | None:
    """What a container for this build should have and lacks; None when it is there or nobody could look."""
    nodes = case.snapshot.host.device_nodes if case.snapshot.host else None
    if nodes is None or case.snapshot.origin == "report":
        return None
    if case.family == "rocm":
        return "/dev/kfd is" if _has(case, "/dev/kfd") is False else None
    if case.family == "xpu":
        return None if any(n.exists and n.path.startswith("/dev/dri/") for n in nodes) else "/dev/dri is"
    has_library = _nvidia.has_library(case)
    return "/dev/nvidiactl and libcuda.so.1 are" if _has(case, "/dev/nvidiactl") is False and not has_library else None


def _has_kfd_driver(case: Case) -> bool:
    host = case.snapshot.host
    return "amdgpu" in (host.kernel_modules or ()) if host else False


def _host_facts(case: Case) -> tuple[Evidence, ...]:
    host = case.snapshot.host
    kind = host.container if host else None
    inside = (fact(case, "host.container", kind, "cgroup, /.dockerenv"),) if kind and kind != "none" else ()
    return (*inside, *_nvidia.driver_fact(case))


CAPABILITIES = "NVIDIA_DRIVER_CAPABILITIES"


@rule(
    "PT703",
    "driver-capabilities-lack-compute",
    "error",
    "The container gets only some of the driver's libraries",
    needs=("env",),
    hides=("PT501", "PT536", "PT701"),
    layer=29,
)
def capabilities(case: Case) -> Iterator[Finding]:
    """What is wrong
        NVIDIA_DRIVER_CAPABILITIES chooses which of the driver's libraries come into the container. "compute" brings
        libcuda, "utility" NVML and nvidia-smi; one of the two is missing in the list. Unset means both.

    Why it matters
        nvidia-smi works inside and torch finds no driver, or the other way round.

    See it yourself
        echo $NVIDIA_DRIVER_CAPABILITIES

    Fix
        Start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility.

    Sources
        NVIDIA container toolkit documentation, docker-specialized
    """
    value = case.env(CAPABILITIES)
    names = {word.strip() for word in (value or "").split(",")}
    if not value or "all" in names or names >= {"compute", "utility"} or not case.is_container:
        return
    if _nvidia.works(case) and "compute" in names and _nvidia.nvml_code(case) in (0, None):
        return
    missing = "compute" if "compute" not in names else "utility"
    effect = "libcuda is left out" if missing == "compute" else "NVML and nvidia-smi are left out"
    kind = case.snapshot.host.container if case.snapshot.host else None
    tool = kind if kind in ("docker", "podman") else "docker"
    gpus = ("--gpus", "all") if tool == "docker" else ("--device", "nvidia.com/gpu=all")
    run = (tool, "run", "--rm", *gpus, "-e", f"{CAPABILITIES}=compute,utility", "ubuntu", "nvidia-smi")
    yield Finding(
        message=f"{CAPABILITIES}={value} lacks {missing}: {effect} of this container.",
        subject=CAPABILITIES,
        evidence=(fact(case, f"env.{CAPABILITIES}", value, "the environment"),),
        fixes=(
            Fix(
                text=f'Start the container with "-e {CAPABILITIES}=compute,utility"; this shows that it works.',
                commands=(run,),
                where=_containers.HOST,
            ),
        ),
        severity="error" if missing == "compute" and not _nvidia.works(case) else "warning",
    )


GONE = (
    r"\b(?:los(?:e|es|t|ing)|disappear\w*|vanish\w*)\b[^;\n]{0,40}\bgpus?\b[^;\n]{0,80}\b(?:daemon-reload|after "
    r"(?:a while|some|several|a few|\d+|hours|days)|(?:hours|days) later)"
    r"|\b(?:containers?|pods?)\b[^;\n]{0,60}\blos(?:e|es|t|ing)\b[^;\n]{0,30}\bgpus?\b|\bgpus?\b[^;\n]{0,40}"
    r"\b(?:lost|disappear\w*|vanish\w*)\b[^;\n]{0,40}\bdaemon-reload\b"
)
NVML_UNKNOWN = r"\bnvml\b\W{0,3}unknown error|failed to initiali[sz]e NVML: unknow|\bnvml\b.{0,24}\b(?:init\w*|fail\w*)\b.{0,24}\bunknow"


@rule(
    "PT704",
    "container-lost-gpu",
    "error",
    "A running container has lost its GPU",
    needs=("host.container|messages",),
    hides=("PT501", "PT504", "PT511", "PT513", "PT514", "PT536", "PT701"),
    layer=23,
    says=(NVML_UNKNOWN, GONE, r"GPU access blocked by the operating system"),
)
def lost(case: Case) -> Iterator[Finding]:
    """What is wrong
        The container had its GPU, and the kernel took the right away: a "systemctl daemon-reload" on the host, or an
        update of the container, rewrote the list of devices that its control group may use.

    Why it matters
        After hours of good work: "Failed to initialize NVML: Unknown Error". The host is well.

    See it yourself
        nvidia-smi
        ls -l /dev/nvidia*

    Fix
        Create the container anew. To prevent it: hand the devices over with CDI or --device, or let docker use the
        driver cgroupfs for its control groups.

    Sources
        NVIDIA container toolkit documentation, troubleshooting
    """
    hit = case.heard(lost) or _lost_in_words(case)
    code = _nvidia.nvml_code(case)
    refused = [node for node in _nvidia.gpu_nodes(case) if node.open_errno == 1]
    if _nvidia.works(case) or (case.snapshot.host and case.snapshot.host.container == "none"):
        return
    is_told = hit is not None and (
        _speaks_of_container(case) or case.snapshot.host is None or case.snapshot.host.container is None
    )
    is_wsl = bool(case.snapshot.host and case.snapshot.host.wsl)
    if is_wsl or not (is_told or (case.is_container and (refused or code in (17, 999)) and code != 0)):
        return
    prevent = Fix(
        text="To prevent it: give the device files the links that systemd looks for; or hand the devices over with CDI.",
        commands=(("sudo", "nvidia-ctk", "system", "create-dev-char-symlinks", "--create-all"),),
        where=_containers.HOST,
    )
    yield Finding(
        message="This container had its GPU and lost the right to it: the host rewrote the container's control group.",
        subject="container",
        evidence=(
            *([fact(case, "nvidia.nvml.init_rc", code, "NVML")] if code in (17, 999) else []),
            *(fact(case, "host.device_nodes", f"{node.path}: not permitted", "open") for node in refused[:1]),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Create the container anew (a restart of the same one is mostly enough).",
                kind="none",
                where=_containers.HOST,
            ),
            prevent,
        ),
        certainty="certain" if refused and case.is_container else "likely",
    )


def _lost_in_words(case: Case) -> Hit | None:
    """Of a report from inside a container: the GPU was there, and after a time, or after a reload of systemd, it is not.

    A GPU that drops off the bus is lost for the host too, and another matter (PT514).
    """
    if case.snapshot.origin != "report" or not _speaks_of_container(case) or case.said(*pt5_health.LOST, r"\bXid\b"):
        return None
    missing = (*_contrast.GONE, *_contrast.NO_GPU_SEEN)
    return case.said_both(missing, (*_contrast.LATER, _contrast.RELOADED))


RULES = tuple(
    sorted(
        (without_gpu, capabilities, lost, *pt7_runtime.RULES, *pt7_limits.RULES, *pt7_wsl.RULES, *pt7_sites.RULES),
        key=lambda member: member.code,
    )
)
"""The family PT7xx."""
