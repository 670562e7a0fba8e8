"""An installation by ptsetup that was cut off (killed, no power): what it kept for the way back lies there still."""

import os
import sys

from ptsetup.facts import Target

FOLDER = ".ptsetup-backup"
"""In site-packages; ``install`` keeps there what stood in the environment before it."""

JOURNAL = "journal.json"
"""In that folder; it goes first when an installation has ended well or was rolled back."""

LOCK_NAME = ".ptsetup.lock"
"""In the prefix of the environment; an installation holds it from before the journal is written until after it has gone."""


def sites(target: Target) -> tuple[str, ...]:
    """The folders of packages whose installation was begun, neither ended nor rolled back, and is not at work."""
    places = dict.fromkeys(path for path in (target.purelib, target.platlib) if path)
    found = tuple(site for site in places if os.path.isfile(os.path.join(site, FOLDER, JOURNAL)))  # noqa: PTH113, PTH118 - texts
    return () if found and target.prefix and is_held(target.prefix) else found


def is_held(prefix: str) -> bool:
    """An installation is at work: another process, or this one, holds the lock."""
    try:
        file = open(os.path.join(prefix, LOCK_NAME), "r+b")  # noqa: PTH118, PTH123, SIM115 - closed below
    except OSError:
        return False
    with file:
        return not take(file.fileno(), is_shared=True)


def take(descriptor: int, *, is_shared: bool = False) -> bool:
    """Whether the lock could be taken, at once; closing the file gives it back. Those who only look take it beside each other."""
    try:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
