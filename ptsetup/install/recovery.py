"""An installation that was cut off (killed, no power): noticed by the next one, and put right."""

import os
from collections.abc import Callable

from ptsetup.facts import Snapshot
from ptsetup.install import journal, refusals, transaction
from ptsetup.install.already import folders
from ptsetup.probes import cut_off

Log = Callable[[str], None]


def was_cut_off(snapshot: Snapshot) -> bool:
    """An installation into the target was begun and neither ended nor rolled back; no installer is at work any more."""
    target = snapshot.target
    if target is None or target.running_installs:
        return False
    return any(journal.left_behind(site) is not None for site in folders(target))


def recover(snapshot: Snapshot, log: Log) -> None:
    """Bring the old state back.

    Raises:
        InstallFailed: another installation holds the environment.
    """
    target = snapshot.target
    if target is None or target.prefix is None:
        return
    with refusals.lock(target.prefix):
        log("An earlier installation was cut off: its old state is put back first.")
        for site in folders(target):
            transaction.put_right(site, lambda detail, _: log(f"rolled back: {detail}"))


def forget(snapshot: Snapshot) -> None:
    """All is right as it is: the old state is not needed.

    Raises:
        InstallFailed: another installation holds the environment: the old state is its own way back.
    """
    target = snapshot.target
    sites = [site for site in (folders(target) if target else ()) if os.path.isdir(os.path.join(site, cut_off.FOLDER))]  # noqa: PTH112, PTH118
    if target is None or target.prefix is None or not os.access(target.prefix, os.W_OK):
        return
    if not sites and not os.path.lexists(os.path.join(target.prefix, cut_off.LOCK_NAME)):  # noqa: PTH118 - a text
        return
    with refusals.lock(target.prefix):
        for site in sites:
            journal.discard(site)
