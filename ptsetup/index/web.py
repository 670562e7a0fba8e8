"""How an index is asked: the user's proxy, certificates and login, and what a message may name of an address."""

import re
import sys
import urllib.parse
from typing import TYPE_CHECKING

from ptsetup.errors import WheelIndexError

if TYPE_CHECKING:
    from ssl import SSLContext
    from urllib.request import OpenerDirector


def opener(*, proxy: str | None = None, cert: str | None = None, is_trusted: bool = False) -> "OpenerDirector":
    """An opener with the user's proxy and certificates beside those of the environment.

    Args:
        proxy: for http and https.
        cert: a file or folder of certificates.
        is_trusted: the user said that the host needs no certificate (pip's ``trusted-host``).

    Raises:
        WheelIndexError: the certificates cannot be read.
    """
    import urllib.request

    handlers: list[urllib.request.BaseHandler] = []
    if proxy:
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    # from Python 3.13 on the default is strict about extensions that the certificates of many companies lack; uv is not
    if cert or is_trusted or sys.version_info >= (3, 13):
        context = _trusting(None if is_trusted else cert)
        if is_trusted:
            import ssl

            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _trusting(cert: str | None) -> "SSLContext":
    """A context that trusts a file of certificates, or a folder of them as pip allows; without either those of the system."""
    import os
    import ssl

    try:
        is_folder = cert is not None and os.path.isdir(cert)  # noqa: PTH112 - never raises
        context = ssl.create_default_context(cafile=None if is_folder else cert, capath=cert if is_folder else None)
    except OSError as problem:
        what = "holds no certificate" if isinstance(problem, ssl.SSLError) else f"cannot be read: {problem.strerror}"
        raise WheelIndexError(
            f"The file of trusted certificates, {cert}, {what}.",
            hint="Check --cert, the setting cert of pip (pip config list) and the variable PIP_CERT.",
        ) from None
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return context


_LOGIN = re.compile(r"(?:[^/\s]*@|[^/\s:@\[]+:(?!\d+(?:/|$))\S*@)")
"""``user:password@`` at the start of what follows the scheme, also with a bare ``@`` or ``/`` in the password."""


def host_of(url: str) -> str:
    """The host that a message may name: no credentials, no path (but that of a file). A proxy may be written without a scheme."""
    scheme, mark, rest = url.partition("://")
    if scheme.lower() == "file":
        return url
    return _LOGIN.sub("", rest if mark else url, count=1).partition("/")[0].partition("?")[0]


LOGIN = r"(?i)(?<=://)(?:[^/\s\"]*@|[^/\s:@\[\"]+:(?!\d+(?:[/\s\"]|$))[^\s\"]*@)"
"""The same in any text; what follows a colon and is a number is a port."""


def holds_login(text: str) -> bool:
    """An address with a user or a password is in it."""
    return re.search(LOGIN, text) is not None


def hidden(text: str, instead: str = "***@") -> str:
    """A text as it may be shown: ``instead`` stands for the user and password of each address, whatever the password holds."""
    return re.sub(LOGIN, instead, text)


def without_login(url: str) -> tuple[str, str | None]:
    """(The address without its user and password, the header of basic authentication that they make)."""
    import base64

    match = re.match(r"(https?://)([^/]*)@", url, re.IGNORECASE)
    if match is None:
        return url, None
    user, _, password = match[2].partition(":")
    login = f"{urllib.parse.unquote(user)}:{urllib.parse.unquote(password)}".encode()
    return match[1] + url[match.end() :], f"Basic {base64.b64encode(login).decode()}"


def by_proxy(url: str, through: "OpenerDirector") -> str:
    """`` (through the proxy HOST)`` where a request goes through one: else the index would be blamed for it."""
    import urllib.request

    scheme, host = url.partition("://")[0], host_of(url)
    for handler in getattr(through, "handlers", ()):
        address = getattr(handler, "proxies", {}).get(scheme)
        if address and not urllib.request.proxy_bypass(host):
            return f" through the proxy {host_of(address)}"
    return ""
