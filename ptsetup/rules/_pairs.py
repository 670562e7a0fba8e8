"""Which torchvision and torchaudio belong to which torch: by their own metadata, else by the index."""

import re
from typing import Literal

from ptsetup import compat
from ptsetup.index import Release
from ptsetup.rules._case import Case

UNPINNED = {"torchvision": "0.29", "torchaudio": "2.11"}
"""From these versions on the metadata name a lower bound, or no torch at all."""

OLD_VISION = {"0.3": "1.1", "0.4": "1.3", "0.5": "1.4", "0.6": "1.5", "0.7": "1.6"}
"""torchvision minor -> torch minor before the index begins (table in torchvision's README; 0.4.0 went with 1.2)."""

AHEAD = 10
"""So many minor releases a report may be ahead of the index."""

FLOOR = {"torchvision": ((0, 29), "2.14"), "torchaudio": ((2, 11), "2.11")}
"""The oldest torch that those go with: torchvision 0.29 asks for 2.14; torchaudio 2.11 was built against 2.11."""


def is_released(version: str | None) -> bool:
    """A published release: no nightly, no build from source, none of another maker."""
    return bool(version and re.fullmatch(r"\d+(?:\.\d+)+(?:\+(?:cu\d+|cpu|xpu|rocm[\d.]+))?", version))


def is_plausible(case: Case, base: str) -> bool:
    """No slip of the hand: there is such a release of torch, or there may be one soon."""
    have = compat.version_tuple(base)[:2]
    newest = max((compat.version_tuple(release.version)[:2] for release in case.index.releases), default=have)
    return len(have) < 2 or (have[0] <= newest[0] and have[1] < max(newest[1], 13) + AHEAD)


def minor_of(version: str | None) -> str:
    """``2.14.1+cu126`` -> ``2.14``."""
    return ".".join(map(str, compat.version_tuple((version or "").partition("+")[0])[:2]))


def local_of(case: Case, name: str) -> str | None:
    """Backend tag of a companion by its version: ``cu126``, ``cpu``; None when it does not say."""
    companion = case.companion(name)
    return local_tag(f"+{companion.local}" if companion and companion.local else case.version_of(name))


def local_tag(version: str | None) -> str | None:
    """Backend tag in a version: ``2.14.1+cu126`` -> ``cu126``."""
    match = re.match(r"cu\d+|cpu|xpu|rocm[\d.]+", (version or "").partition("+")[2])
    return match[0] if match else None


def expected(case: Case, name: str) -> tuple[str, ...]:
    """Versions of the companion that belong to the installed torch, the best first; () when that is not known."""
    release = case.index.release(case.torch_base or "")
    return _listed(release, name) if release else ()


def _listed(release: Release, name: str) -> tuple[str, ...]:
    """Versions of the companion that were made for a release."""
    listed = {"torchvision": release.torchvision, "torchaudio": release.torchaudio, "torchtext": release.torchtext}
    return listed.get(name, ())


def last_with(case: Case, name: str) -> tuple[str, str] | None:
    """The last torch for which that companion was made, and its version; None when none is known."""
    made = [(release.version, listed[0]) for release in case.index.releases if (listed := _listed(release, name))]
    return max(made, key=lambda pair: compat.version_tuple(pair[0]), default=None)


def pinned_torch(case: Case, name: str) -> str | None:
    """The torch for which the installed companion was built: by its metadata, else by the index; None when unknown."""
    for dist in case.dists(name):
        for text in dist.requires or ():
            match = re.match(r"torch\s*\(?\s*==\s*([\w.+]+)", text)
            if match:
                return match[1]
    version = (case.version_of(name) or "").partition("+")[0]
    if compat.at_least(version, UNPINNED[name]):
        return f"{FLOOR[name][1]} or newer"
    for release in case.index.releases:
        if version in (release.torchvision if name == "torchvision" else release.torchaudio):
            return release.version
    return OLD_VISION.get(minor_of(version)) if name == "torchvision" else None


def has_other_minor(case: Case, name: str) -> Literal["minor", "patch", False] | None:
    """The companion belongs to a torch of another minor release, or to another patch of it; False: they fit; None: unknown."""
    pin = pinned_torch(case, name)
    if pin is None or case.version_of(name) is None:
        return None
    # A report may list two environments (pip's and conda's): the companion may belong to the other one's torch.
    others = [d.version for d in case.dists("torch") if d.version] if case.snapshot.origin == "report" else []
    answers = [_against(case, name, pin, have) for have in dict.fromkeys([case.torch_version, *others]) if have]
    return False if False in answers else next((answer for answer in answers if answer), None)


def _against(case: Case, name: str, pin: str, have: str) -> Literal["minor", "patch", False] | None:
    """The companion's torch against one that is installed."""
    base = have.partition("+")[0]
    if not is_plausible(case, base):
        return None
    if pin.endswith("or newer"):
        if not re.match(r"\d+\.\d+(?:\.\d+)?$", base):
            return None
        return "minor" if compat.at_least(base, pin.split(maxsplit=1)[0]) is False else False
    plain = pin.partition("+")[0]
    if plain == base:
        return False
    if not is_released(pin) or not is_released(have):
        is_old_nightly = ".dev" in have and minor_of(plain) != minor_of(base) and is_released(case.version_of(name))
        return "minor" if is_pinned_by_metadata(case, name) or is_old_nightly else None
    return "patch" if compat.version_tuple(plain)[:2] == compat.version_tuple(base)[:2] else "minor"


def is_pinned_by_metadata(case: Case, name: str) -> bool:
    """Its own metadata name one torch exactly."""
    return any(re.match(r"torch\s*\(?\s*==", text) for dist in case.dists(name) for text in dist.requires or ())
