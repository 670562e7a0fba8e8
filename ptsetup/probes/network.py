"""What distributed training needs of the network: names, interfaces, RDMA, the rendezvous port (Linux; the rest by psutil)."""

import _socket  # what socket wraps; that makes its enumerations first, which takes eight times as long
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ptsetup.facts import Interface, Network
from ptsetup.probes import _text, deadlines
from ptsetup.probes._tree import Tree, clean

CLOCK_HOST = "download.pytorch.org"

CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")

DISTRIBUTED = ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK")

DEFAULT_PORT = 29500


class Answer:
    """The result of a call that may block for long, awaited no longer than its deadline; the thread is left behind then."""

    def __init__(self, call: Callable[[], Any], deadline_s: float) -> None:
        """Start the call in a thread that does not keep the process alive."""
        self._call, self._deadline_s, self._value = call, deadline_s, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._value = self._call()

    def get(self) -> tuple[bool, Any]:
        """(it came in time, its value)."""
        self._thread.join(self._deadline_s)
        return not self._thread.is_alive(), self._value


class Waiting:
    """What may block: name resolution, and with ``is_online`` the connections."""

    def __init__(
        self, hostname: str | None, env: Mapping[str, str], *, is_online: bool = False, deadline_scale: float = 1.0
    ) -> None:
        """Start all of it."""
        self.hostname, self.env = hostname, env
        limit = deadlines.CONNECT_S * deadline_scale + 0.5
        self._names = Answer(lambda: resolve(hostname), deadlines.RESOLVE_S * deadline_scale) if hostname else None
        self._master = Answer(lambda: reach_master(env), limit) if is_online else None
        self._clock = Answer(lambda: clock_offset(CLOCK_HOST), limit) if is_online else None

    def finish(self, tree: Tree, found: tuple[Interface, ...] | None, rdma: tuple[str, ...] | None) -> Network:
        """The record, as far as the answers came in time."""
        came, addresses = self._names.get() if self._names else (True, None)
        if not came:
            detail = f"The host name did not resolve within {deadlines.RESOLVE_S:g} s."
            tree.note("host.network.hostname_addresses", "timeout", detail)
        return Network(
            hostname=self.hostname,
            hostname_addresses=addresses if came else None,
            interfaces=found,
            rdma_devices=rdma,
            is_master_port_free=is_port_free(self.env),
            master_reachable=self._master.get()[1] if self._master else None,
            clock_offset_s=self._clock.get()[1] if self._clock else None,
            ca_files_missing=missing_ca_files(tree, self.env),
        )


def start(
    tree: Tree, env: Mapping[str, str], *, is_online: bool = False, deadline_scale: float = 1.0
) -> Callable[[], Network]:
    """Start what may block; the result is what waits for it. A folder that stands for a machine has no resolver."""
    hostname = host_name(tree)
    waiting = Waiting(hostname if tree.is_real else None, env, is_online=is_online, deadline_scale=deadline_scale)
    waiting.hostname = hostname
    return lambda: waiting.finish(tree, interfaces(tree), _rdma(tree))


def host_name(tree: Tree) -> str | None:
    """Name of this machine."""
    name = tree.line("/proc/sys/kernel/hostname", "host.network.hostname")
    return clean(name) if name else None


def resolve(name: str) -> tuple[str, ...] | None:
    """Addresses of a name, () when it has none."""
    try:
        # as bytes: a text would load the tables of international names first
        found = _socket.getaddrinfo(name.encode() if name.isascii() else name, None, type=_socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def interfaces(tree: Tree) -> tuple[Interface, ...] | None:
    """Network interfaces by sysfs; addresses by the kernel's tables (IPv6) and by ioctl (IPv4, this machine only)."""
    names = tree.names("/sys/class/net", "host.network.interfaces")
    if names is None:
        return None
    v6 = addresses_v6(tree.text("/proc/net/if_inet6") or "")
    v4 = _addresses_v4(names) if tree.is_real else {}
    found = []
    for name in names:
        flags = _text.whole(tree.line(f"/sys/class/net/{name}/flags"), 16)
        if flags is not None:
            # IFF_UP 0x1, IFF_LOOPBACK 0x8
            found.append(
                Interface(
                    name=clean(name),
                    is_up=bool(flags & 0x1),
                    is_loopback=bool(flags & 0x8),
                    addresses=(*v4.get(name, ()), *v6.get(name, ())),
                )
            )
    return tuple(found)


def addresses_v6(text: str) -> dict[str, tuple[str, ...]]:
    """Interface -> addresses in /proc/net/if_inet6."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 6 and re.fullmatch(r"[0-9a-f]{32}", words[0]):
            found[words[5]] = (*found.get(words[5], ()), compressed(words[0]))
    return found


def compressed(digits: str) -> str:
    """32 hexadecimal digits as an IPv6 address is written."""
    return _socket.inet_ntop(_socket.AF_INET6, bytes.fromhex(digits))


def _addresses_v4(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The first IPv4 address of each interface (SIOCGIFADDR)."""
    found: dict[str, tuple[str, ...]] = {}
    if sys.platform == "win32":
        return found
    import fcntl

    handle = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        for name in names:
            request = os.fsencode(name)[:15].ljust(256, b"\0")
            try:
                answer = fcntl.ioctl(handle.fileno(), 0x8915, request)
            except OSError:
                continue
            found[name] = (_socket.inet_ntoa(answer[20:24]),)
    finally:
        handle.close()
    return found


def _rdma(tree: Tree) -> tuple[str, ...] | None:
    names = tree.names("/sys/class/infiniband")
    if names is None and tree.is_dir("/sys/class"):
        return ()
    return names if names is not None else tree.names("/sys/class/infiniband", "host.network.rdma_devices")


def is_port_free(env: Mapping[str, str]) -> bool | None:
    """MASTER_PORT can be bound here: tried only for rank 0 of a distributed run."""
    if not any(env.get(name) for name in DISTRIBUTED) or env.get("RANK") not in (None, "", "0"):
        return None
    port = _text.whole(env.get("MASTER_PORT") or str(DEFAULT_PORT))
    if port is None or not 0 < port < 65536:
        return None
    import socket

    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104 - as torch's store listens
        try:
            with socket.socket(family, socket.SOCK_STREAM) as listener:
                if os.name == "posix":
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((address, port))
        except OSError as problem:
            import errno

            if problem.errno == errno.EADDRINUSE:
                return False
            continue
        return True
    return None


def reach_master(env: Mapping[str, str]) -> bool | None:
    """MASTER_ADDR:MASTER_PORT accepts a connection: tried for ranks other than 0."""
    address, port = env.get("MASTER_ADDR"), _text.whole(env.get("MASTER_PORT") or str(DEFAULT_PORT))
    if not address or port is None or not 0 < port < 65536 or env.get("RANK") in (None, "", "0"):
        return None
    import socket

    try:
        with socket.create_connection((address, port), timeout=deadlines.CONNECT_S):
            return True
    except OSError:
        return False


def clock_offset(host: str, port: int = 80) -> float | None:
    """This clock minus the ``Date`` that a web server sends, in seconds; None when none answered."""
    import email.utils
    import http.client
    import time

    connection = http.client.HTTPConnection(host, port, timeout=deadlines.CONNECT_S)
    try:
        connection.request("HEAD", "/")
        date = connection.getresponse().getheader("Date")
        return round(time.time() - email.utils.parsedate_to_datetime(date or "").timestamp(), 1)
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return None
    finally:
        connection.close()


def missing_ca_files(tree: Tree, env: Mapping[str, str]) -> tuple[str, ...]:
    """``NAME=path`` of the certificate variables whose file does not exist."""
    set_ = ((name, env[name]) for name in CA_VARIABLES if env.get(name))
    return tuple(clean(f"{name}={path}") for name, path in set_ if not os.path.exists(tree.at(path)))  # noqa: PTH110 - a text
