"""What of an address may be told: no user, no password, no token. Runs in the target and in ptsetup itself (Python 3.6 or newer)."""

import re

LOGIN = r"(?<=://)(?:[^/\s]*@|[^/\s:@\[]+:(?!\d+(?:[/\s]|$))\S*@)"
"""``user:password@``, also where the password holds a bare ``@`` or ``/`` (what follows a colon is no port then)."""

BARE_LOGIN = r"(?<![^\s,=])[^/\s@,=:]+:[^/\s,=]*@"
"""The same where no scheme is written, as of proxies."""

ADDRESS = r"(?i)\bhttps?://[^\s,;\"'<>|]+"

TOKENS = (
    (r"\?[^#]*", ""),
    (r"(?<=/t/)[^/#]+", "***"),
    (r"(?i)(?<=://dl\.cloudsmith\.io/)(?!public/|basic/)[^/#]+", "***"),
    (r"(?<=/)(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{20,}(?=[/#]|$)", "***"),
)
"""Queries (signed addresses), tokens of anaconda.org and Cloudsmith, and long words of letters and digits in a path: pattern, what stands there then."""


def clean(text: str) -> str:
    """The text with its addresses as they may be told."""
    return re.sub(BARE_LOGIN, "", clean_prose(text)) if "@" in text else clean_prose(text)


def clean_prose(text: str) -> str:
    """The same for a text in which a colon and an @ may mean something else: only addresses with a scheme are looked at."""
    if "://" not in text:
        return text
    return re.sub(ADDRESS, lambda match: without_tokens(match.group()), re.sub(LOGIN, "", text))


def without_tokens(address: str) -> str:
    for pattern, instead in TOKENS:
        address = re.sub(pattern, instead, address)
    return address


def clean_proxy(text: str) -> str:
    """A proxy's address, whose login may stand there without scheme and without a password."""
    return clean(re.sub(r"^[^/\s]*@", "", text))
