"""Snapshot to JSON and back, and with names, addresses and ids masked for sharing."""

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from ptsetup.errors import SnapshotError
from ptsetup.facts import SCHEMA, Record, Snapshot

SharedT = TypeVar("SharedT", bound=Record)


def dump(snapshot: Snapshot) -> bytes:
    """The Snapshot as indented JSON, one document, UTF-8, with a final newline."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=2) + b"\n"


def load(data: bytes) -> Snapshot:
    """Read a Snapshot back.

    Raises:
        SnapshotError: not JSON, a field of the wrong type (its path is named), or an unknown schema.
    """
    try:
        head = msgspec.json.decode(data, type=dict)
    except msgspec.DecodeError as problem:
        raise SnapshotError(
            f"This is no Snapshot: {problem}.", hint="Make one with: ptsetup snapshot --output FILE"
        ) from None
    schema = head.get("schema")
    if schema != SCHEMA:
        raise SnapshotError(
            f"This Snapshot has schema {schema!r}; this ptsetup reads schema {SCHEMA}.",
            hint="Take it again with this version of ptsetup, or use the version that wrote it.",
        )
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except msgspec.ValidationError as problem:
        raise SnapshotError(
            f"This Snapshot has a wrong value: {problem}.", hint="Take it again: ptsetup snapshot"
        ) from None


def schema() -> bytes:
    """The JSON Schema of a Snapshot."""
    return msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Snapshot)), indent=2) + b"\n"


_HOME = re.compile(r"(?:/home|/Users|/usr/home|[A-Za-z]:[\\/]+Users|/mnt/[a-z]/Users)[\\/]+([^/\\:;\"'<>|\s]+)")
_HOME_WHOLE = re.compile(_HOME.pattern + r"(?=$|[/\\:;\"'<>|\s,)])")
_DEVICE_ID = re.compile(r"\b(GPU|MIG)-[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHARED_NAMES = frozenset({"", "root", "user", "runner", "ubuntu", "localhost", "public", "shared", "default", "admin"})
"""Names that tell nothing of a person or a machine."""


def shared(record: SharedT, snapshot: Snapshot) -> SharedT:
    """A record (the Snapshot itself, a report on it) with user and host names, home folders, addresses and device ids masked.

    By field and by segment of a path: a name is never replaced inside a word, and keys stay as they are.
    """
    mask = masker(snapshot)
    return msgspec.convert(_walk(msgspec.to_builtins(record), mask), type=type(record))


def masker(snapshot: Snapshot) -> Callable[[str], str]:
    """The function that masks a text of this Snapshot: a home folder becomes ``~``, names and ids become words."""
    users, hosts, addresses = _names(snapshot)
    ids: dict[str, str] = {}
    patterns = [
        (re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})(?![\w-])"), word)
        for names, word in ((users, "USER"), (hosts, "HOST"), (addresses, "ADDRESS"))
        if names
    ]

    def device_id(match: "re.Match[str]") -> str:
        return ids.setdefault(match[0], f"{match[1]}-masked-{len(ids)}")

    def mask(text: str) -> str:
        text = _DEVICE_ID.sub(device_id, _HOME_WHOLE.sub("~", text))
        for pattern, word in patterns:
            text = pattern.sub(word, text)
        return text

    return mask


def _names(snapshot: Snapshot) -> tuple[set[str], set[str], set[str]]:
    """User names (by home folders and by owners of processes), host names, network addresses."""
    text = msgspec.json.encode(snapshot).decode().replace("\\", "\\")
    users = {match[1] for match in _HOME.finditer(text)}
    gpus = (snapshot.nvidia.gpus if snapshot.nvidia else None) or ()
    users |= {process.user or "" for gpu in gpus for process in gpu.processes or ()}
    network = snapshot.host.network if snapshot.host else None
    hosts = {network.hostname or ""} if network else set()
    addresses = (
        {address for interface in (network.interfaces or ()) for address in interface.addresses} if network else set()
    )
    addresses |= set(network.hostname_addresses or ()) if network else set()
    known = {address for address in addresses if address.startswith("127.") or address == "::1"}
    return users - _SHARED_NAMES, hosts - _SHARED_NAMES, addresses - known - {""}


def _walk(value: object, mask: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, list | tuple):
        return [_walk(item, mask) for item in value]
    if isinstance(value, dict):
        return {key: _walk(item, mask) for key, item in value.items()}
    return value
