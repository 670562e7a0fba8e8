"""PT929 and PT931: fast networks between machines."""

from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact


@rule(
    "PT929",
    "memlock-low-for-rdma",
    "warning",
    "The limit of locked memory is too low for RDMA",
    needs=("host.network.rdma_devices", "host.limits"),
    layer=81,
)
def memlock(case: Case) -> Iterator[Finding]:
    """What is wrong
        The machine has InfiniBand or RoCE devices, and a process may lock only little memory.

    Why it matters
        NCCL cannot register its buffers; it fails or falls back to slow sockets.

    See it yourself
        ulimit -l; ls /sys/class/infiniband

    Fix
        Make the limit unlimited: docker run --ulimit memlock=-1, or a line in limits.conf.

    Sources
        NVIDIA-NeMo/Speech#2455; NCCL user guide, troubleshooting
    """
    host = case.snapshot.host
    devices = host.network.rdma_devices if host and host.network else None
    limit = host.limits.memlock_soft_bytes if host and host.limits else None
    if not devices or limit is None or limit < 0:
        return
    container = Fix(
        text='Start the container with "--ulimit memlock=-1"; this shows the limit.',
        commands=(("docker", "run", "--rm", "--ulimit", "memlock=-1", "ubuntu", "bash", "-c", "ulimit -l"),),
        where="on the host",
    )
    line = Fix(
        text="Make it unlimited, then log in again.",
        shell='printf "* soft memlock unlimited\\n* hard memlock unlimited\\n" | sudo tee /etc/security/limits.d/memlock.conf',
        systems=("linux",),
    )
    yield Finding(
        message=f"{len(devices)} RDMA devices are here, and only {limit // 1024} KiB may be locked in memory.",
        subject="ulimit -l",
        evidence=(
            fact(case, "host.network.rdma_devices", ", ".join(devices[:4]), "/sys/class/infiniband"),
            fact(case, "host.limits.memlock_soft_bytes", f"{limit // 1024} KiB", "ulimit -l"),
        ),
        fixes=(container,) if case.is_container else (line,),
    )


@rule(
    "PT931",
    "nccl-aws-efa",
    "warning",
    "An EFA network, and no plugin for it",
    needs=("host.network.rdma_devices", "host.loader_cache"),
    layer=82,
)
def efa(case: Case) -> Iterator[Finding]:
    """What is wrong
        The machine has Amazon's network adapter EFA, and NCCL finds no plugin for it (libnccl-net.so).

    Why it matters
        NCCL falls back to sockets: far slower between machines.

    See it yourself
        fi_info -p efa; ldconfig -p | grep nccl-net

    Fix
        Install aws-ofi-nccl and put its folder on the loader's path.

    Sources
        NVIDIA/nccl#606
    """
    host = case.snapshot.host
    devices = host.network.rdma_devices if host and host.network else None
    mine = [name for name in devices or () if name.startswith(("efa", "rdmap"))]
    libraries = (host.loader_cache if host else None) or ()
    path = case.env("LD_LIBRARY_PATH") or ""
    if (
        not mine
        or any("nccl-net" in lib.soname for lib in libraries)
        or "aws-ofi-nccl" in path
        or case.env("NCCL_NET_PLUGIN")
    ):
        return
    yield Finding(
        message=f"EFA devices are here ({', '.join(mine[:3])}), and the loader finds no libnccl-net for them.",
        subject="EFA",
        evidence=(
            fact(case, "host.network.rdma_devices", ", ".join(mine[:3]), "/sys/class/infiniband"),
            fact(case, "host.loader_cache", "no libnccl-net", "ldconfig -p"),
        ),
        fixes=(
            Fix(
                text="Install aws-ofi-nccl (Amazon's EFA installer brings it) and put it on the loader's path.",
                shell="export LD_LIBRARY_PATH=/opt/amazon/ofi-nccl/lib:/opt/amazon/efa/lib:$LD_LIBRARY_PATH",
                systems=("linux",),
            ),
        ),
        certainty="likely",
    )


RULES = (memlock, efa)
