"""The user's pip configuration as arguments and variables for uv and pip: index, wheels, certificates, proxy, constraints.

Only what is named here reaches the installer. Extra indexes never do: a package of the torch family that an extra index offers
under a higher version would win (the accident of December 2022).
"""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from ptsetup.facts import PipConfig, Record
from ptsetup.index.web import holds_login, host_of

DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME")
"""Variables beside those of pip and uv that would lead an installer into another environment."""

PASSED = re.compile(
    r"PIP_(?:CACHE_DIR|NO_CACHE_DIR|CLIENT_CERT|TRUSTED_HOST|(?:DEFAULT_)?TIMEOUT|RETRIES|RESUME_RETRIES|KEYRING_PROVIDER|ONLY_BINARY"
    r"|NO_BINARY|PREFER_BINARY|REQUIRE_HASHES|REQUIRE_VIRTUALENV|BREAK_SYSTEM_PACKAGES|(?:NO_)?COMPILE|USE_(?:FEATURE|DEPRECATED)"
    r"|PROGRESS_BAR|QUIET|VERBOSE|NO_COLOR|NO_WARN_SCRIPT_LOCATION|ROOT_USER_ACTION|LOG)"
    r"|UV_(?:CACHE_DIR|NO_CACHE|LINK_MODE|CONCURRENT_\w+|HTTP_\w+|REQUEST_TIMEOUT|LOCK_TIMEOUT|NATIVE_TLS|SYSTEM_CERTS|INSECURE_HOST"
    r"|KEYRING_PROVIDER|CREDENTIALS_DIR|INDEX_\w+_(?:USERNAME|PASSWORD)|OFFLINE|NO_PROGRESS|COMPILE_BYTECODE\w*|NO_BINARY\w*"
    r"|ONLY_BINARY\w*|NO_BUILD\w*|REQUIRE_HASHES|EXCLUDE_NEWER|BREAK_SYSTEM_PACKAGES)"
)
"""Variables of pip and uv that reach them: how to connect, what to keep, how much to say, what a user forbids. All others would change
what is installed, from where, or into which environment (PIP_PYTHON, PIP_TARGET, UV_INDEX ...); ours stand in arguments instead."""

RETRIES = "1"
"""A host that does not answer is told after one retry, not after minutes."""


class Settings(Record, frozen=True, kw_only=True):
    """What the user configured, with credentials, for one installation; never written down."""

    index_url: str | None = None
    find_links: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    cert: str | None = None
    proxy: str | None = None
    is_without_index: bool = False
    trusted_hosts: tuple[str, ...] = ()
    """Hosts, with or without a port, that may answer without a certificate."""

    @classmethod
    def of(cls, pip: PipConfig | None) -> "Settings":
        """The settings of a target's configuration."""
        if pip is None:
            return cls()
        return cls(
            index_url=pip.index_url,
            find_links=tuple(place(text) for text in pip.find_links),
            constraints=tuple(path for path in pip.constraints if os.path.isfile(path)),  # noqa: PTH113 - may also be a URL
            cert=pip.cert,
            # pip lets the scheme out, others do not
            proxy=f"http://{pip.proxy}" if pip.proxy and "://" not in pip.proxy else pip.proxy,
            is_without_index=pip.no_index,
            trusted_hosts=pip.trusted_hosts,
        )

    def trusts(self, url: str) -> bool:
        """The host of that address may answer without a certificate."""
        host = host_of(url)
        return host in self.trusted_hosts or host.rpartition(":")[0] in self.trusted_hosts


def place(text: str) -> str:
    """A folder of wheels as a path, however it is written (``~/wheels``, ``file:///a%20b``); an address on the network as it is."""
    if text.lower().startswith("file://"):
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return url2pathname(urlsplit(text).path)
    return text if "://" in text else os.path.expanduser(text)  # noqa: PTH111 - a text


def address(text: str) -> str:
    """An index that lies in a folder, written as a path, as an address; a name or an address as it is."""
    path = os.path.expanduser(text)  # noqa: PTH111 - a text
    if "://" in text or not {os.sep, "/"} & set(text) or not os.path.isdir(path):  # noqa: PTH112 - never raises
        return text
    return pathlib.Path(os.path.abspath(path)).as_uri()  # noqa: PTH100 - no link is resolved


def asks_default_index(command: Sequence[str]) -> bool:
    """The command names no source of its own: it asks the user's default index."""
    return not {"--index-url", "--no-index"} & set(command)


def environment(settings: Settings, env: Mapping[str, str], *, is_default: bool) -> dict[str, str]:
    """Variables for the installer. The user's index stands here, not among the arguments: those can be read by everybody (``ps``).

    Args:
        settings: the user's.
        env: that of ptsetup.
        is_default: the user's default index is asked.
    """
    kept = {name: value for name, value in env.items() if _may_pass(name)}
    kept |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    kept.setdefault("UV_HTTP_RETRIES", RETRIES)
    kept.setdefault("PIP_RETRIES", RETRIES)
    if settings.index_url and is_default:
        kept |= {"PIP_INDEX_URL": settings.index_url, "UV_DEFAULT_INDEX": settings.index_url}
    if settings.cert:
        kept["SSL_CERT_DIR" if os.path.isdir(settings.cert) else "SSL_CERT_FILE"] = settings.cert  # noqa: PTH112
    if settings.proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        kept |= dict.fromkeys((*names, *map(str.lower, names)), settings.proxy)
    return kept


def _may_pass(name: str) -> bool:
    if name.startswith(("PIP_", "UV_")):
        return PASSED.fullmatch(name) is not None
    return name not in DROPPED


def arguments(settings: Settings, *, is_uv: bool, is_family: bool, is_default: bool) -> tuple[str, ...]:
    """What is added to a command of the plan: for the torch family only how to connect, for its dependencies also where from.

    The family asks the user's own folders only where nothing else may be asked (pip's no-index).
    """
    # the command for the family says --no-config itself
    found: list[str] = ["--no-config"] if is_uv and not is_family else []
    if not is_uv:
        found += ["--cert", settings.cert] if settings.cert else []
        found += ["--retries", RETRIES]
    for host in settings.trusted_hosts:
        found += ["--allow-insecure-host" if is_uv else "--trusted-host", host]
    if is_family and not (is_default and settings.is_without_index):
        return tuple(found)
    found += ["--no-index"] if settings.is_without_index else []
    for folder in settings.find_links:
        found += ["--find-links", folder]
    for path in settings.constraints:
        found += ["--constraint", path]
    return tuple(found)


VARIABLES = {"--index-url": ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"), "--find-links": ("UV_FIND_LINKS", "PIP_FIND_LINKS")}
"""Options that may hold a password, with the variables of uv and of pip that say the same."""


def out_of_sight(argv: Sequence[str], *, is_uv: bool) -> tuple[list[str], dict[str, str]]:
    """(The command without addresses that hold a login, the variables that name these): arguments can be read by everybody (``ps``)."""
    kept: list[str] = []
    variables: dict[str, str] = {}
    words = iter(argv)
    for word in words:
        value = next(words, "") if word in VARIABLES else ""
        if not holds_login(value):
            kept += [word, value] if word in VARIABLES else [word]
            continue
        name = VARIABLES[word][0 if is_uv else 1]
        # uv lists with commas, pip with blanks
        variables[name] = f"{variables[name]}{',' if is_uv else ' '}{value}" if name in variables else value
    # pip does not look at variables then; ours hold nothing else that the option keeps out
    return [word for word in kept if not (variables and word == "--isolated")], variables
