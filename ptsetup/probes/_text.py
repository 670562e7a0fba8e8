"""Numbers and pairs in the kernel's text files; whatever stands there, nothing here raises."""

import re

_WHOLE = {10: re.compile(r"[+-]?[0-9]{1,19}", re.ASCII), 16: re.compile(r"(?:0[xX])?[0-9a-fA-F]{1,16}", re.ASCII)}
_LARGEST = 2**63 - 1


def whole(text: str | None, base: int = 10) -> int | None:
    """The integer that a text is, spaces around it ignored; None when it is none, or does not fit into 64 bits."""
    text = (text or "").strip()
    if not _WHOLE[base].fullmatch(text):
        return None
    number = int(text, base)
    return number if abs(number) <= _LARGEST else None


def kibibytes(text: str | None) -> int | None:
    """Bytes of ``24684092 kB``."""
    number = whole((text or "").removesuffix("kB"))
    return number * 1024 if number is not None and 0 <= number <= _LARGEST // 1024 else None


def cores_in(text: str | None) -> int | None:
    """How many numbers a list such as ``0-3,8`` names; None when it is no such list."""
    total = 0
    for part in (text or "").strip().split(","):
        first, _, last = part.partition("-")
        start, end = whole(first), whole(last) if last else whole(first)
        if start is None or end is None or not 0 <= start <= end:
            return None
        total += end - start + 1
    return total if total <= 1_000_000 else None


def pairs(text: str | None, separator: str = ":") -> dict[str, str]:
    """``key: value`` lines; the first of a key stays."""
    found: dict[str, str] = {}
    for line in (text or "").splitlines():
        key, mark, value = line.partition(separator)
        if mark:
            found.setdefault(key.strip(), value.strip())
    return found
