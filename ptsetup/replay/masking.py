"""Masks user names, host names, home folders, addresses, ids and serials: by field, and in texts by whole words and segments."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from ptsetup.facts import Record, Snapshot
from ptsetup.inside.parts import urls

SharedT = TypeVar("SharedT", bound=Record)

_ROOTS = r"(?:/(?:var|usr|export|data|nfs|net))?/home|/Users|(?:/mnt)?/[a-z]/Users|(?:file:///)?\b[A-Za-z]:[\\/]+Users"

_HOME = re.compile(
    rf"(?:(?<=file://)|(?<![\w.~/\\-]))(?:{_ROOTS})[\\/]+"
    # a name with spaces (Windows) is told by the backslash behind it
    r"((?:(?<=\\)[^/\\:;\"'<>|\n]+(?=\\))|[^/\\:;,)\"'<>|\s]*[^/\\:;,)\"'<>|\s.])"
)

_UUID = re.compile(
    r"(?<![\w-])((?:GPU|MIG|MIG-GPU)-)?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})((?:/\d+){0,2})(?![\w-])"
)

_SHORT_ID = re.compile(r"(?<![\w-])(GPU|MIG)-([0-9a-fA-F]{4,8}(?:-[0-9a-fA-F]{1,4})*)(?![\w-])")
"""CUDA_VISIBLE_DEVICES may hold the first digits of an id only."""

_SERIAL = re.compile(r"(\bserial(?:[ _-]?(?:number|no))?\"?\s*[:=]\s*[\"']?)([\w-]+)", re.IGNORECASE)

_MAC = re.compile(r"(?<![\w:])[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}(?![\w:])")

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)

_TELLS_NOTHING = frozenset((
    "user", "users", "runner", "ubuntu", "debian", "fedora", "centos", "admin", "administrator", "default", "public", "shared",
    "guest", "nobody", "root", "linuxbrew", "ec2-user", "vscode", "jovyan", "localhost", "localdomain", "host", "node",
    "server", "vm", "linux", "windows", "macos", "docker", "wsl", "container", "python", "pytorch", "torch", "conda", "nvidia",
    "cuda", "gpu", "cpu", "amd", "intel", "apple", "error", "warning", "home", "local", "lib", "bin", "opt", "tmp", "the",
    "and", "not", "for", "with", "from", "are", "no", "is", "in", "on",
))  # fmt: skip
"""Names that tell nothing of a person or a machine, or that are words of every error text."""

_MASKED = re.compile(r"~|USER|HOST(?:-\d+)?|ADDRESS|(?:GPU|MIG|UUID)-\d+")

_PRIVATE_ENDINGS = (".local", ".lan", ".internal", ".intranet", ".corp", ".home", ".private", ".localdomain", ".arpa")

_HOST_VARIABLES = re.compile(r"(?i)MASTER_ADDR|\w*_HOST|\w*HOSTNAME|\w*_PROXY")
"""Variables whose value names hosts, public or not."""

_LOOPBACK = re.compile(r"127\.[\d.]+|::1|0\.0\.0\.0|::|localhost")


def shared(record: SharedT, snapshot: Snapshot) -> SharedT:
    """A record (the Snapshot itself, a report on it) with what ``masker`` masks. Keys and numbers stay as they are."""
    mask = masker(snapshot)
    return msgspec.convert(_walk(msgspec.to_builtins(record), mask), type=type(record))


def masker(snapshot: Snapshot) -> Callable[[str], str]:
    """The function that masks a text of this Snapshot.

    A home folder becomes ``~``; user and host names, addresses and ids become words, the same word for the same thing.
    A name is replaced only where it stands as a whole word or a whole segment of a path, never inside a word.
    """
    texts = list(_texts(msgspec.to_builtins(snapshot)))
    own_home = _own_home(snapshot)
    ids = _Ids(snapshot)
    users = _Words((user, "USER") for user in _users(snapshot, texts))
    addresses = _Words((address, "ADDRESS") for address in _addresses(snapshot))
    # a host's name may go on with its domain
    hosts = _Words(_hosts(snapshot, texts), behind=r"(?:\.[A-Za-z][\w-]*)*")

    def mask(text: str) -> str:
        text = urls.clean_prose(text)
        text = _HOME.sub("~", own_home.sub("~", text) if own_home else text)
        text = ids.mask(_SERIAL.sub(r"\1SERIAL", text))
        return hosts.mask(addresses.mask(users.mask(text)))

    return mask


class _Words:
    """Words and what stands in their place."""

    def __init__(self, rows: Iterable[tuple[str, str]], behind: str = "") -> None:
        self._words: dict[str, str] = {}
        for word, label in rows:
            self._words.setdefault(word, label)
        longest_first = sorted(self._words, key=lambda word: (-len(word), word))
        alternatives = "|".join(map(re.escape, longest_first))
        # folders that torch and pytest make bear the user's name behind a word of their own
        front = r"(?:(?<=torchinductor_)|(?<=pytest-of-)|(?<![\w-])(?<!\w\.))"
        self._pattern = re.compile(rf"{front}({alternatives}){behind}(?![\w-])") if alternatives else None

    def mask(self, text: str) -> str:
        """The text with its words replaced."""
        return self._pattern.sub(lambda match: self._words[match[1]], text) if self._pattern else text


class _Ids:
    """Ids of GPUs and other things, numbered: those of NVML's GPUs by their order."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._numbers: dict[str, dict[str, int]] = {}
        self._odd: dict[str, str] = {}
        gpus = (snapshot.nvidia.gpus if snapshot.nvidia else None) or ()
        mig = [device for gpu in gpus for device in gpu.mig_devices or ()]
        seen = (snapshot.torch.devices if snapshot.torch else None) or ()
        for kind, devices in (("GPU", gpus), ("MIG", mig), ("GPU", seen)):
            for device in devices:
                if device.uuid:
                    self._learn(kind, device.uuid)
        self._odd_words = _Words(self._odd.items())

    def _learn(self, kind: str, text: str) -> None:
        match = _UUID.fullmatch(text)
        label = f"{kind}-{self._number(kind, match[2] if match else text)}"
        if match is None and text != label:
            # a field holds an id of a form of its own
            self._odd[text] = label

    def _number(self, kind: str, body: str) -> int:
        numbers = self._numbers.setdefault(kind, {})
        return numbers.setdefault(body.lower(), len(numbers))

    def mask(self, text: str) -> str:
        """The text with every id replaced."""
        text = _UUID.sub(self._whole, self._odd_words.mask(text))
        text = _SHORT_ID.sub(self._short, text)
        return _MAC.sub("MAC", text)

    def _whole(self, match: "re.Match[str]") -> str:
        if match[2].lower() == SECURE_BOOT_NAMESPACE:
            return match[0]
        prefix = (match[1] or "").rstrip("-")
        known = next((kind for kind, numbers in self._numbers.items() if match[2].lower() in numbers), None)
        kind = known or ("MIG" if prefix.startswith("MIG") else prefix) or "UUID"
        number = self._number(kind, match[2])
        # torch names a GPU without the prefix; both must stay comparable
        return f"{prefix or kind}-{number}" if prefix or kind == "UUID" else str(number)

    def _short(self, match: "re.Match[str]") -> str:
        start = match[2].lower()
        fitting = [n for body, n in self._numbers.get(match[1], {}).items() if body.startswith(start)]
        return f"{match[1]}-{fitting[0] if len(fitting) == 1 else self._number(match[1], start)}"


SECURE_BOOT_NAMESPACE = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""Part of the name of a variable that every EFI firmware has."""


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)


def _home_path(snapshot: Snapshot) -> str | None:
    disks = (snapshot.host.disks if snapshot.host else None) or ()
    return next((disk.path for disk in disks if disk.role == "home" and len(disk.path.strip("/\\~")) > 1), None)


def _own_home(snapshot: Snapshot) -> "re.Pattern[str] | None":
    """The home folder wherever it lies, at the start of a path."""
    home = _home_path(snapshot)
    if home is None or home.startswith("~"):
        return None
    return re.compile(rf"(?:(?<=file://)|(?<![\w.~/\\-])){re.escape(home.rstrip('/'))}(?![\w.-])")


def _users(snapshot: Snapshot, texts: list[str]) -> list[str]:
    """User names: by home folders, by the owners of processes."""
    found = {match[1] for text in texts for match in _HOME.finditer(text)}
    home = _home_path(snapshot)
    if home:
        found.add(re.split(r"[\\/]", home.rstrip("/\\"))[-1])
    gpus = (snapshot.nvidia.gpus if snapshot.nvidia else None) or ()
    found |= {process.user or "" for gpu in gpus for process in gpu.processes or ()}
    return sorted(_telling(found, snapshot))


def _telling(names: Iterable[str], snapshot: Snapshot) -> set[str]:
    """Those that name somebody: neither everyday words nor packages that are installed."""
    target = snapshot.target
    packages = {row.name for row in (target.distributions if target else None) or ()}
    return {
        name for name in names if name and name.lower() not in _TELLS_NOTHING | packages and not _MASKED.fullmatch(name)
    }


def _hosts(snapshot: Snapshot, texts: list[str]) -> list[tuple[str, str]]:
    """Host names and their words: this machine's full and short name, those in variables, private ones in URLs."""
    network = snapshot.host.network if snapshot.host else None
    own = (network.hostname or "") if network else ""
    names = [own, own.partition(".")[0]]
    for name, value in (snapshot.env or {}).items():
        if _HOST_VARIABLES.fullmatch(name):
            names += [_host_of(part) for part in re.split(r"[,\s]+", value)]
    names += [host for text in texts for url in _URL.findall(text) if is_private(host := _host_of(url), own)]
    pip = snapshot.target.pip if snapshot.target else None
    names.append(_host_of(pip.proxy) if pip and pip.proxy else "")
    telling = _telling(names, snapshot)
    others = [n for n in dict.fromkeys(names[2:]) if n in telling and n not in names[:2] and not _LOOPBACK.fullmatch(n)]
    mine = [(name, "HOST") for name in names[:2] if name in telling and not _LOOPBACK.fullmatch(name)]
    return [*mine, *((name, f"HOST-{number}") for number, name in enumerate(others, 1))]


def _host_of(text: str) -> str:
    """The host of a URL, or of ``host:port``; "" when there is none."""
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""
    start = text.lower().find(host)
    # urlsplit writes it in lower case
    return text[start : start + len(host)].strip(".*") if start >= 0 else ""


def is_private(host: str, own: str) -> bool:
    """A host that only a company or a household knows: without a domain, of a private ending, of this machine's domain."""
    name, domain = host.lower().rstrip("."), own.lower().partition(".")[2]
    if _LOOPBACK.fullmatch(name) or not name:
        return False
    is_number = re.fullmatch(r"[\d.]+|[0-9a-f:]*:[0-9a-f:]+", name) is not None
    is_same_domain = domain.count(".") >= 1 and (name == domain or name.endswith(f".{domain}"))
    return is_number or "." not in name or name.endswith(_PRIVATE_ENDINGS) or is_same_domain


def _addresses(snapshot: Snapshot) -> list[str]:
    network = snapshot.host.network if snapshot.host else None
    found = set(network.hostname_addresses or ()) if network else set()
    found |= {address for one in (network.interfaces or ()) for address in one.addresses} if network else set()
    return sorted(address for address in found if address and not _LOOPBACK.fullmatch(address) and address != "ADDRESS")


_FIXED = frozenset((
    "schema", "status", "reason", "origin", "probe", "source", "chosen_by", "system", "distribution", "machine", "hardware_machine",
    "container", "implementation", "platform_tag", "python_tag", "start_method", "kind", "via", "installer", "role", "stage",
    "build_kind", "rpath_kind", "pci_source", "kernel_module_flavor", "filesystem", "driver", "soname", "code", "slug",
    "severity", "outcome", "where", "device", "vendor", "answer", "verdict", "expect", "root",
))  # fmt: skip
"""Fields that hold one word of a fixed list: a person whose name is such a word must not change what they mean."""

_WORD = re.compile(r"[\w.+-]*")

_FACT = re.compile(
    r"(?:host|nvidia|amd|intel|apple|target|torch|bench|env|readings|messages|unknowns)(?:[.\[][\w.\[\]-]*)?"
)
"""The path of a fact, as ``target.pip.proxy``."""


def _is_fixed(field: str, text: str) -> bool:
    if field == "path":
        return _FACT.fullmatch(text) is not None
    return field in _FIXED and _WORD.fullmatch(text) is not None


def _walk(value: object, mask: Callable[[str], str], field: str = "") -> object:
    if isinstance(value, str):
        # this field holds a host's name, whatever it looks like
        if field == "hostname":
            return "HOST" if not _LOOPBACK.fullmatch(value) else value
        return value if _is_fixed(field, value) else mask(value)
    if isinstance(value, list | tuple):
        return [_walk(item, mask, field) for item in value]
    if isinstance(value, dict):
        return {key: _walk(item, mask, key) for key, item in value.items()}
    return value
