"""How a container is started with its GPUs, for each runtime."""

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Fix

HOST = "on the host"


def with_gpus(case: Case) -> tuple[Fix, ...]:
    """Start the container with its GPUs; the command shows in a small image that it works."""
    kind = case.snapshot.host.container if case.snapshot.host else None
    ways = {
        "docker": Fix(
            text='Start the container with "--gpus all" (compose: deploy.resources.reservations.devices); this shows that it works.',
            commands=(("docker", "run", "--rm", "--gpus", "all", "ubuntu", "nvidia-smi"),),
            where=HOST,
        ),
        "podman": Fix(
            text='Start the container with "--device nvidia.com/gpu=all"; this shows that it works.',
            commands=(("podman", "run", "--rm", "--device", "nvidia.com/gpu=all", "ubuntu", "nvidia-smi"),),
            where=HOST,
        ),
        "kubernetes": Fix(
            text="Ask for a GPU in the pod's specification (resources, limits).", shell='nvidia.com/gpu: "1"', where=HOST
        ),
        "apptainer": Fix(
            text='Start the container with "--nv".',
            commands=(("apptainer", "exec", "--nv", "docker://ubuntu", "nvidia-smi"),),
            where=HOST,
        ),
        "lxc": Fix(text="Pass the device files /dev/nvidia* and the driver's libraries into the container.", where=HOST),
    }  # fmt: skip
    return (ways.get(kind or "", ways["docker"]),)


def with_amd(case: Case) -> tuple[Fix, ...]:
    """Start the container with the device files of AMD GPUs."""
    kind = case.snapshot.host.container if case.snapshot.host else None
    tool = kind if kind in ("docker", "podman") else "docker"
    if kind == "apptainer":
        return (Fix(text='Start the container with "--rocm".', where=HOST),)
    return (
        Fix(
            text="Start the container with the GPU's device files and the host's group render; this shows that it works.",
            shell=f"{tool} run --rm --device /dev/kfd --device /dev/dri --group-add $(getent group render | cut -d: -f3) "
            "rocm/rocm-terminal rocminfo",
            where=HOST,
        ),
    )
