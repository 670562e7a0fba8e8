"""PT924 to PT928: how the processes of a distributed run find each other."""

import re
from collections.abc import Iterator

from ptsetup.rules._case import Case
from ptsetup.rules._rule import Finding, Fix, rule
from ptsetup.rules._ways import fact
from ptsetup.rules.pt9_distributed import is_multi_node

NOT_RESOLVED = (
    r"network addresses of \(.{0,120}\) cannot be retrieved \(gai error",
    r"gai error: -?\d+|socket\.gaierror|name or service not known|temporary failure in name resolution",
    r"unable to resolve hostname to a \(local\) address",
)
HARMLESS = r"errno: 97\b"


@rule(
    "PT924",
    "hostname-not-resolvable",
    "warning",
    "The host's own name leads to no usable address",
    needs=("host.network|messages",),
    layer=79,
    says=(*NOT_RESOLVED, HARMLESS),
)
def hostname(case: Case) -> Iterator[Finding]:
    """What is wrong
        The name of this machine does not resolve, or only to 127.x. Distributed runs use it to find each other.

    Why it matters
        torchrun hangs or says "gai error"; Gloo falls back to loopback, and other machines cannot connect. ("errno: 97"
        alone only says that there is no IPv6.)

    See it yourself
        getent hosts $(hostname)

    Fix
        Put the name into /etc/hosts: with 127.0.1.1 for one machine, with its real address for several. Or give
        addresses: torchrun --rdzv-endpoint IP:PORT --local-addr IP.

    Sources
        pytorch/pytorch#150532, #131691, #85300, #73656, nyu-systems/Grendel-GS#9
    """
    hit = case.heard(hostname)
    network = case.snapshot.host.network if case.snapshot.host else None
    addresses = network.hostname_addresses if network else None
    name = (network.hostname if network else None) or "this host"
    is_unresolved = addresses == ()
    is_loopback = bool(addresses) and all(a.startswith("127.") or a == "::1" for a in addresses or ())
    is_told = case.said(*NOT_RESOLVED) is not None and _speaks_of_ranks(case)
    if not (
        is_unresolved or (is_loopback and is_multi_node(case)) or is_told or (hit and re.search(HARMLESS, hit.match[0]))
    ):
        return
    is_run = bool(case.env("MASTER_ADDR") or case.env("WORLD_SIZE")) or len(case.gpus) > 1
    listed = ", ".join(addresses or ()) or "none"
    resolved = (fact(case, "host.network.hostname_addresses", listed, "getaddrinfo"),)
    is_note = not is_told and not (is_unresolved and is_run) and not (is_loopback and is_multi_node(case))
    yield Finding(
        message=f"The name {name} does not resolve."
        if is_unresolved
        else f"The name {name} leads only to {', '.join(addresses or ())}, which other machines cannot reach."
        if is_loopback
        else "A name in the distributed run does not resolve."
        if is_told
        else "There is no IPv6 here (errno 97); by itself that is harmless.",
        subject="host name",
        evidence=(
            *(resolved if is_unresolved or is_loopback else ()),
            *([hit.evidence] if hit else []),
        ),
        fixes=_named_host(case, is_loopback=is_loopback),
        severity="note" if is_note else "warning",
        certainty="certain" if is_unresolved or is_loopback else "likely",
    )


def _named_host(case: Case, *, is_loopback: bool) -> tuple[Fix, ...]:
    """The name in /etc/hosts: 127.0.1.1 does for one machine; several need the real address, in place of that one."""
    if not is_multi_node(case):
        line = 'echo "127.0.1.1 $(hostname)" | sudo tee -a /etc/hosts'
        return (
            Fix(text="Put the name into /etc/hosts.", shell=line, systems=("linux",)),
            Fix(text="Or, on one machine, start with: torchrun --standalone.", kind="none"),
        )
    own = "$(hostname -I | cut -d' ' -f1)"
    drop = r"""sudo sed -i "/^127\..*[[:space:]]$(hostname)\b/d" /etc/hosts && """ if is_loopback else ""
    return (
        Fix(
            text="Put the name into /etc/hosts with the address that the other machines reach.",
            shell=f'{drop}echo "{own} $(hostname)" | sudo tee -a /etc/hosts',
            systems=("linux",),
        ),
        Fix(
            text="Or give addresses in place of names: torchrun --rdzv-endpoint IP:29500 --local-addr IP.", kind="none"
        ),
    )


def _speaks_of_ranks(case: Case) -> bool:
    """The text is about a distributed run, not about a download."""
    return (
        case.said(r"torchrun|rendezvous|c10d|socket\.cpp|init_process_group|MASTER_ADDR|gloo|nccl|TCPStore") is not None
    )


IN_USE = (
    r"server socket has failed to listen.{0,120}port: ?(?P<port>\d+)",
    r"server socket has failed to (?:listen|bind)",
    r"EADDRINUSE.{0,80}|errno: 98\b.{0,60}address already in use",
    r"(?:TCPStore|rendezvous|MASTER_PORT|DistNetworkError|torchrun).{0,160}address already in use",
)


@rule(
    "PT925",
    "master-port-in-use",
    "error",
    "The port of the distributed run is taken",
    needs=("host.network|messages",),
    layer=80,
    says=IN_USE,
)
def port(case: Case) -> Iterator[Finding]:
    """What is wrong
        Rank 0 listens on MASTER_PORT (29500 by default), and another program has it: mostly a run that did not end.

    Why it matters
        "The server socket has failed to listen ... EADDRINUSE".

    See it yourself
        ss -ltnp | grep 29500

    Fix
        Take another port, or let torchrun find a free one; end the stale run.

    Sources
        reproduced
    """
    hit = case.heard(port)
    network = case.snapshot.host.network if case.snapshot.host else None
    is_taken = bool(network and network.is_master_port_free is False)
    rank = case.env("RANK") or case.env("NODE_RANK")
    is_ours = bool(case.env("MASTER_PORT") or case.env("WORLD_SIZE")) and rank in (None, "0")
    if not hit and not (is_taken and is_ours):
        return
    number = (hit.match.groupdict().get("port") if hit else None) or case.env("MASTER_PORT") or "29500"
    yield Finding(
        message=f"Port {number} is taken by another program.",
        subject=f"port {number}",
        evidence=(
            *([fact(case, "host.network.is_master_port_free", "no", "bind")] if is_taken else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="Let torchrun find a free port.", shell="torchrun --standalone --nproc-per-node=gpu train.py"),
            Fix(text="See who has it, and end a stale run.", shell=f"ss -ltnp | grep :{number}", systems=("linux",)),
        ),
        severity="error" if hit else "warning",
        certainty="certain" if is_taken else "likely",
    )


@rule(
    "PT926",
    "rendezvous-variables-missing",
    "error",
    "The program was not started by a launcher",
    needs=("messages",),
    layer=80,
    says=(
        r"environment variable (?P<name>RANK|WORLD_SIZE|MASTER_ADDR|MASTER_PORT|LOCAL_RANK) expected, but not set",
        r"KeyError: ['\"](?P<name>LOCAL_RANK|RANK|WORLD_SIZE)['\"]",
    ),
)
def no_launcher(case: Case) -> Iterator[Finding]:
    """What is wrong
        init_process_group reads RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, which a launcher sets; it was started
        without one.

    Why it matters
        "environment variable RANK expected, but not set".

    See it yourself
        env | grep -E "^(RANK|WORLD_SIZE|MASTER_)"

    Fix
        Start it with torchrun.

    Sources
        torch/distributed/rendezvous.py; reproduced
    """
    hit = case.heard(no_launcher)
    if hit is None:
        return
    yield Finding(
        message=f"{hit.match['name']} is not set: the program was started without torchrun.",
        subject=hit.match["name"],
        evidence=(hit.evidence,),
        fixes=(
            Fix(
                text="Start it with torchrun.", shell="torchrun --standalone --nproc-per-node=gpu train.py", kind="none"
            ),
        ),
        certainty="likely",
    )


@rule(
    "PT927",
    "version-skew-across-ranks",
    "warning",
    "The machines of a run have different versions",
    needs=("messages",),
    layer=80,
    says=(
        r"mismatched? NCCL versions?|NCCL version mismatch|different NCCL version",
        r"NCCL WARN .{0,60}(?:version|protocol) mismatch|bootstrap.{0,40}version mismatch",
        r"(?:ranks?|nodes?) (?:have|use|run) different (?:torch|pytorch|nccl|cuda|driver) versions",
    ),
)
def skew(case: Case) -> Iterator[Finding]:
    """What is wrong
        The machines of a distributed run have different versions of torch, CUDA, NCCL, the driver or Python. One
        machine's Snapshot cannot show it; the message does.

    Why it matters
        The run hangs, fails, or computes with different kernels.

    See it yourself
        ptsetup snapshot > node1.json  (on each node, then compare the versions)

    Fix
        Install the same versions everywhere; best from one container image.

    Sources
        NCCL user guide, troubleshooting
    """
    hit = case.heard(skew)
    if hit is None:
        return
    yield Finding(
        message="The machines of this run do not have the same versions.",
        subject="versions",
        evidence=(hit.evidence,),
        fixes=(
            Fix(text="Take a Snapshot on each node and compare.", commands=(("ptsetup", "snapshot"),), kind="none"),
            Fix(text="Install the same versions everywhere, best from one container image.", kind="none"),
        ),
        certainty="likely",
    )


GIVEN_UP = r"DistNetworkError|DistStoreError|TimeoutError|RuntimeError.{0,120}(?:socket|connect)|timed out after|no route to host"
"""What torch says when it has stopped trying; single failed attempts are part of a normal start."""

UNREACHABLE = (
    r"client socket has (?:failed to connect.{0,160}(?:errno: ?1(?:10|11|13)\b|refused|no route)|timed out)",
    r"\[c10d\].{0,160}(?:errno: ?1(?:10|11|13)\b|connection (?:refused|timed out)|no route to host)",
    r"socket\.cpp.{0,200}(?:connection refused|connection timed out|no route to host)",
    r"NCCL WARN .{0,80}connect(?:ion)?.{0,40}(?:refused|timed out|no route to host)",
    r"errno: 113 - no route to host",
)


@rule(
    "PT928",
    "no-route-or-firewall",
    "error",
    "The machine of rank 0 cannot be reached",
    needs=("host.network.master_reachable|messages",),
    layer=79,
    says=UNREACHABLE,
)
def unreachable(case: Case) -> Iterator[Finding]:
    """What is wrong
        Nothing answers at MASTER_ADDR:MASTER_PORT: rank 0 is not started, the address is wrong, or a firewall is
        between. NCCL needs the high ports between the nodes as well.

    Why it matters
        "No route to host", "Connection refused" or a time-out; the run does not start.

    See it yourself
        nc -vz $MASTER_ADDR $MASTER_PORT

    Fix
        Start rank 0 first, use an address that the other nodes reach, open the ports between the nodes.

    Sources
        pytorch/pytorch#85300
    """
    hit = case.heard(unreachable)
    network = case.snapshot.host.network if case.snapshot.host else None
    is_dead = bool(network and network.master_reachable is False) and case.env("RANK") not in (None, "0")
    if not hit and not is_dead:
        return
    address = f"{case.env('MASTER_ADDR') or 'MASTER_ADDR'}:{case.env('MASTER_PORT') or '29500'}"
    known = case.env("MASTER_ADDR")
    test = f"nc -vz {known} {case.env('MASTER_PORT') or '29500'}" if known else "nc -vz $MASTER_ADDR $MASTER_PORT"
    yield Finding(
        message=f"Nothing answers at {address}." if is_dead or known else "The machine of rank 0 could not be reached.",
        subject=address,
        evidence=(
            *([fact(case, "host.network.master_reachable", "no", "connect")] if is_dead else []),
            *([hit.evidence] if hit else []),
        ),
        fixes=(
            Fix(text="Test the way to rank 0 from this machine.", shell=test, systems=("linux", "macos")),
            Fix(text="Start rank 0 first; open all ports between the nodes of the run.", kind="none"),
        ),
        severity="error" if is_dead or case.said(GIVEN_UP) else "note",
        certainty="certain" if is_dead else "likely",
    )


RULES = (hostname, port, no_launcher, skew, unreachable)
