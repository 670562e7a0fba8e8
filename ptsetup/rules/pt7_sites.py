"""PT713 to PT716: Jetson boards, virtual GPUs, batch systems and Kubernetes."""

import re
from collections.abc import Iterator

from ptsetup import compat
from ptsetup.facts import Jetson
from ptsetup.rules import _containers, _nvidia, _speech, _words
from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import another_build, fact

ROOT_CAN = r"\bas root\b[^.;\n]{0,40}\b(?:finds?|sees?|works?|true|fine)\b[^.;\n]{0,40}\b(?:other|normal|ordinary|my) (?:own )?user\b"
"""As root the GPU is found, as another user it is not: permissions, whatever the board."""

JETPACK_CUDA = {4: 10, 5: 11, 6: 12, 7: 13}
"""Major version of CUDA in each JetPack generation: 10.2, 11.4, 12.x, 13.0 (forums.developer.nvidia.com/t/291658 for 5; public
set-up notes of boards for the others)."""

L4T_JETPACK = {32: 4, 35: 5, 36: 6, 38: 7}
"""Release of Linux for Tegra -> JetPack generation (the same notes)."""


@rule(
    "PT713",
    "jetson-generic-wheel",
    "error",
    "A server build of torch on a Jetson board",
    needs=("host.jetson",),
    hides=("PT401", "PT501", "PT502", "PT60", "PT536", "PT402", "PT404", "PT806"),
    layer=59,
)
def jetson(case: Case) -> Iterator[Finding]:
    """What is wrong
        The Jetson's GPU and driver are of another kind than those of servers. The usual aarch64 wheels hold no code for
        it (before CUDA 13.2), or no CUDA at all, and want a desktop driver.

    Why it matters
        torch.cuda.is_available() is False, or kernels fail.

    See it yourself
        cat /etc/nv_tegra_release
        python -c "import torch; print(torch.__version__, torch.version.cuda)"

    Fix
        Install the torch that NVIDIA builds for this JetPack, or use an image of jetson-containers. With JetPack 7 and a
        CUDA 13.2 wheel the usual one may do.

    Sources
        pinokiocomputer/pinokio#1027, dusty-nv/jetson-inference#1932, dusty-nv/jetson-containers#1495; torch/cuda/__init__.py
    """
    host = case.snapshot.host
    board = host.jetson if host else None
    hit = case.said(r"no kernel image is available")
    if case.said(ROOT_CAN):
        return  # the same build finds it as root
    is_vendors = re.search(r"\+?nv\d|\.nv|\+g?nv", case.torch_version or "") is not None
    if board is None or is_vendors or (_nvidia.works(case) and not hit):
        return
    kind = _kind_of_build(case, board)
    if kind is None:
        return
    name, pack = _names(board)
    have = f"torch {case.torch_version}" if case.torch_version else "The installed torch"
    built = f", built for CUDA {case.cuda_build}," if case.cuda_build else ""
    is_failing = _is_blind(case) and not hit
    yield Finding(
        title="torch is a build without CUDA, not one for this Jetson" if kind == "cpu" else None,
        message=f"{have} is a build for the CPU, not one for this board ({name}, {pack})."
        if kind == "cpu"
        else f"{have}{built} is not made for this board ({name}, {pack}).",
        subject=name,
        evidence=(
            fact(case, "host.jetson", f"{name}, {pack}", "/etc/nv_tegra_release"),
            *(
                [fact(case, "target.wheel.version", case.torch_version, "torch/version.py")]
                if case.torch_version
                else []
            ),
            *([hit.evidence] if hit else []),
            *([fact(case, "torch.is_cuda_available", "False", "torch")] if is_failing else []),
        ),
        fixes=_for_this_board(),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if kind in ("cpu", "generic", "other") else "likely",
    )


def _is_blind(case: Case) -> bool:
    return bool(case.snapshot.torch and case.snapshot.torch.is_cuda_available is False)


def _names(board: Jetson) -> tuple[str, str]:
    """The board and its system: ``Orin Nano``, ``JetPack 6.2``."""
    pack = f"JetPack {board.jetpack}" if board.jetpack else f"L4T {board.l4t}" if board.l4t else "JetPack"
    return board.model or "Jetson", pack


FAILS = (
    r"no kernel image is available",
    r"NVIDIA driver on your system is too old|CUDA driver version is insufficient",
    _nvidia.NO_DRIVER,
)
"""What a build for servers says on a board, whose driver is of another kind."""


SAID_GENERIC = (
    (
        rf"\b(?:generic|manylinux|pypi|server|desktop|standard|usual|plain|default|cpu[- ]only|(?:py)?torch|wheels?)\b{_speech.CLAUSE}"
        rf"\b(?:has no|{_speech.NOT} (?:\w+ )?(?:support|have|see|us|come|work|includ|ship)\w*|without|lacks|only supports?)\b"
        rf"{_speech.CLAUSE}\b(?:cuda|gpu|cpu)\b"
    ),
    r"\bonly supports? cpu\b",
)
"""A person has found out that the build has nothing for the board."""


def _kind_of_build(case: Case, board: Jetson) -> str | None:
    """What the installed torch is: for the ``cpu``, ``generic`` (NVIDIA's packages for servers), for an ``other`` CUDA than
    the JetPack's, with a ``tag`` of the usual index, or one that ``fails``; None: nothing speaks against it, or it may do.
    """
    generation = (compat.version_tuple(board.jetpack or "") or (0,))[0] or L4T_JETPACK.get(
        (compat.version_tuple(board.l4t or "") or (0,))[0], 0
    )
    cuda, own = compat.version_tuple(case.cuda_build or "")[:2], JETPACK_CUDA.get(generation)
    if generation >= 7 and cuda >= (13, 2):
        return None
    requires = (case.wheel.requires if case.wheel else None) or ()
    kinds = (
        ("cpu", case.family == "cpu" or case.said(_nvidia.NOT_COMPILED, *_words.WITHOUT_CUDA) is not None),
        ("generic", any(text.startswith("nvidia-") for text in requires)),
        ("other", bool(cuda and own and cuda[0] != own)),
        ("tag", case.said(r"satisfies the requirement torch==[\d.]+\+cu\d+") is not None),
        ("tag", bool(re.search(r"\+(?:cu\d+|cpu)$", case.torch_version or ""))),
        ("said", case.said(*SAID_GENERIC) is not None),
        ("fails", _is_blind(case) or case.said(*FAILS) is not None),
    )
    return next((kind for kind, is_so in kinds if is_so), None)


def _for_this_board() -> tuple[Fix, ...]:
    image = Fix(
        text="Or use an image of the project jetson-containers, which finds the one for this board.",
        shell="git clone https://github.com/dusty-nv/jetson-containers && bash jetson-containers/install.sh && "
        "jetson-containers run $(autotag l4t-pytorch)",
        systems=("linux",),
    )
    return (another_build("Install the torch that NVIDIA builds for this JetPack."), image)


LICENSE_STATES = {2: "unlicensed", 3: "unlicensed, restricted", 4: "unlicensed, expired"}
NOT_LICENSED = (
    r"CUDA_ERROR_DEVICE_NOT_LICENSED|cudaErrorDeviceNotLicensed",
    r"device (?:is )?not (?:properly )?licensed|not licensed\b.{0,20}(?:vGPU|grid)|Failed to acquire license",
    r"License Status\s*: Unlicensed",
    *_words.NO_LICENCE,
    (
        r"\b(?:vgpu|grid)\b[^;\n]{0,60}\b(?:without|no|missing|expired|invalid|lacks)\b (?:an? |the |valid "
        r")*licen[cs]e|\bunlicensed (?:vgpu|grid)|\blicen[cs]e\b[^;\n]{0,30}"
        r"\b(?:expired|not (?:acquired|available|valid))\b[^;\n]{0,30}\b(?:vgpu|grid)\b"
    ),
)


@rule(
    "PT714",
    "vgpu-unlicensed",
    "error",
    "The virtual GPU has no licence",
    needs=("nvidia.gpus|nvidia.cuda.init_rc|messages",),
    hides=("PT513", "PT523", "PT536"),
    layer=27,
    says=NOT_LICENSED,
)
def vgpu(case: Case) -> Iterator[Finding]:
    """What is wrong
        This virtual machine has a part of a GPU (vGPU), for which the guest needs a licence, and it has none.

    Why it matters
        CUDA is refused (code 102), or becomes slow some minutes after the start.

    See it yourself
        nvidia-smi -q | grep -i -A2 license

    Fix
        Give the guest its client configuration token and start the service nvidia-gridd.

    Sources
        nvml.h, licence states; CUDA driver API, error 102
    """
    hit = case.heard(vgpu)
    code = _nvidia.cuda_code(case)
    bare = [gpu for gpu in case.gpus if gpu.virtualization_mode == 2 and gpu.license_state in LICENSE_STATES]
    if not bare and code != 102 and not hit:
        return
    gpu = bare[0] if bare else None
    named = gpu.name if gpu and gpu.name else "The virtual GPU"
    state = LICENSE_STATES[gpu.license_state or 2] if gpu else "unlicensed"
    is_refused = code == 102 or (gpu is not None and gpu.license_state in (3, 4))
    yield Finding(
        message=f"{named} is {state}: CUDA is refused or slowed down.",
        subject=named,
        evidence=(
            *([_nvidia.gpu_fact(case, gpu, "license_state", state)] if gpu else []),
            *([fact(case, "nvidia.cuda.init_rc", 102, "cuInit")] if code == 102 else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(
                text="Put the client configuration token into /etc/nvidia/ClientConfigToken, then start the licence service.",
                commands=(("sudo", "systemctl", "restart", "nvidia-gridd"), ("nvidia-smi", "-q", "-d", "COMPUTE")),
                systems=("linux",),
            ),
            Fix(
                text="Put the client configuration token into the folder of the vGPU client, then restart its service.",
                commands=(
                    ("net", "stop", "NVDisplay.ContainerLocalSystem"),
                    ("net", "start", "NVDisplay.ContainerLocalSystem"),
                ),
                systems=("windows",),
            ),
        ),
        severity="error" if is_refused or hit else "warning",
        certainty="certain" if bare or code == 102 else "likely",
    )


def _sees_no_gpu(case: Case) -> bool:
    """CUDA does not work and no GPU is listed, and somebody looked."""
    torch, nvidia = case.snapshot.torch, case.snapshot.nvidia
    looked = bool(torch and torch.is_cuda_available is False) or bool(nvidia and nvidia.nvml is not None)
    return looked and not _nvidia.works(case) and not case.gpus


@rule(
    "PT715",
    "slurm-job-without-gpu",
    "error",
    "The batch job was given no GPU",
    needs=("env",),
    hides=("PT501", "PT504", "PT536", "PT650", "PT510", "PT511"),
    layer=39,
)
def slurm(case: Case) -> Iterator[Finding]:
    """What is wrong
        This process runs in a Slurm job that asked for no GPU; or on the cluster's login node, which has none.

    Why it matters
        The GPUs of the node are hidden from the job, or are not there.

    See it yourself
        env | grep -E "SLURM_(JOB|STEP)_GPUS|SLURM_JOB_ID|CUDA_VISIBLE_DEVICES"

    Fix
        Ask for one: srun --gres=gpu:1, or "#SBATCH --gres=gpu:1" in the job script.

    Sources
        Slurm documentation, gres.conf and generic resources
    """
    job, cluster = case.env("SLURM_JOB_ID"), case.env("SLURM_CLUSTER_NAME")
    # a list of numbers in the first three (0 is the first GPU), a count in the last one
    listed = any(case.env(name) for name in ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "CUDA_VISIBLE_DEVICES"))
    if not (job or cluster) or listed or case.env("SLURM_GPUS_ON_NODE") not in (None, "", "0"):
        return
    if not _sees_no_gpu(case) or case.family == "cpu" or case.snapshot.origin == "report":
        return
    yield Finding(
        message=f"Slurm job {job} was given no GPU."
        if job
        else f"This is a node of the cluster {cluster} outside of any job.",
        subject="Slurm",
        evidence=(
            fact(case, "env.SLURM_JOB_ID", job, "the environment")
            if job
            else fact(case, "env.SLURM_CLUSTER_NAME", cluster, "the environment"),
            fact(case, "env.SLURM_JOB_GPUS", "not set", "the environment"),
        ),
        fixes=(
            Fix(text="Ask for a GPU.", commands=(("srun", "--gres=gpu:1", "--pty", "bash"),), systems=("linux",)),
            Fix(text="In a job script.", shell="#SBATCH --gres=gpu:1", systems=("linux",)),
        ),
        severity=_nvidia.wanted(case, "error"),
        certainty="certain" if job else "likely",
    )


@rule(
    "PT716",
    "k8s-pod-without-gpu-request",
    "error",
    "The pod did not ask for a GPU",
    needs=("env",),
    hides=("PT501", "PT536", "PT701"),
    layer=29,
)
def pod(case: Case) -> Iterator[Finding]:
    """What is wrong
        The process runs in a Kubernetes pod without a limit for nvidia.com/gpu. Or it sees all GPUs without having asked
        for any, because the image sets NVIDIA_VISIBLE_DEVICES=all.

    Why it matters
        Without a request there is no GPU; or GPUs are used that belong to others.

    See it yourself
        kubectl get pod $HOSTNAME -o jsonpath='{.spec.containers[*].resources}'

    Fix
        Put nvidia.com/gpu: 1 under resources.limits of the container.

    Sources
        github.com/NVIDIA/k8s-device-plugin
    """
    host = case.snapshot.host
    is_pod = bool(case.env("KUBERNETES_SERVICE_HOST")) or bool(host and host.container == "kubernetes")
    if not is_pod or case.snapshot.origin == "report" or case.family == "cpu":
        return
    has_all = case.env("NVIDIA_VISIBLE_DEVICES") == "all" and len(case.gpus) > 1
    nodes = host.device_nodes if host else None
    has_none = nodes is not None and not _nvidia.gpu_nodes(case) and _sees_no_gpu(case)
    if not has_all and not (has_none and case.family == "cuda"):
        return
    yield Finding(
        message="This pod sees every GPU of the node without having asked for them."
        if has_all
        else "This pod has no GPU: its specification asks for none.",
        subject="pod",
        evidence=(
            fact(case, "env.NVIDIA_VISIBLE_DEVICES", "all", "the environment")
            if has_all
            else fact(case, "host.device_nodes", "no /dev/nvidia*", "ls /dev"),
            fact(case, "host.container", "kubernetes", "KUBERNETES_SERVICE_HOST"),
        ),
        fixes=(
            Fix(
                text="Ask for a GPU in the pod's specification.",
                shell='resources: {limits: {nvidia.com/gpu: "1"}}',
                where=_containers.HOST,
            ),
        ),
        severity="note" if has_all else "error",
        certainty="certain" if has_all else "likely",
    )


RULES = (jetson, vgpu, slurm, pod)
