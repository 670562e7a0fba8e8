"""An installation as a transaction: what stood there is kept until the new is proved, and comes back when it is not."""

import contextlib
import pathlib
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator

from ptsetup.errors import InstallFailed
from ptsetup.install import journal
from ptsetup.install.already import closure, project
from ptsetup.install.journal import Kept
from ptsetup.plan import is_family

Told = Callable[[str, float], None]
"""Hears what was rolled back, and how long that took in seconds."""


@contextlib.contextmanager
def over(site: str, told: Told) -> Iterator[None]:
    """Whatever ends the block early (an error, Ctrl-C), the folder of packages is as it was before it.

    Raises:
        InstallFailed: the old state cannot be kept (no room, no right); nothing was changed.
    """
    put_right(site, told)
    try:
        kept = journal.keep(site)
    except OSError as problem:
        raise InstallFailed(
            f"What is installed in {site} cannot be kept for the way back: {problem.strerror}.",
            hint="Nothing was changed. Free some room there, or make a new environment: python -m venv .venv",
        ) from None
    try:
        yield
    except BaseException:
        started = time.monotonic()
        with undisturbed():
            _tell(told, roll_back(kept), started)
        raise
    with undisturbed():
        journal.discard(site)


def put_right(site: str, told: Told) -> bool:
    """Bring back the old state of an installation that was cut off (killed, no power); False when there was none.

    Only the torch family and what it requires are touched: other packages may have come since.
    """
    left = journal.left_behind(site)
    if left is None:
        journal.discard(site)
        return False
    started = time.monotonic()
    with undisturbed():
        _tell(told, roll_back(left, only=_touched(left)), started)
    return True


def _tell(told: Told, lost: tuple[str, ...], started: float) -> None:
    detail = "the environment is as it was before"
    if lost:
        detail += f"; not restored: {', '.join(lost[:4])}{f' and {len(lost) - 4} more' if len(lost) > 4 else ''}"
    told(detail, time.monotonic() - started)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C must not leave the environment half restored; it takes seconds at most."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _touched(kept: Kept) -> frozenset[str]:
    """The torch family, and what it requires now or required before."""
    now = {project(name): pathlib.Path(kept.site) / name / "METADATA" for name in journal.dist_infos(kept.site)}
    before = {project(name): copy for name in kept.files if (copy := kept.copy_of(name, "METADATA")) is not None}
    # what has no METADATA (an egg-info, a folder without a distribution) counts by its name
    named = frozenset(name for name in map(project, kept.files) if is_family(name))
    return closure(now) | closure(before) | named


def roll_back(kept: Kept, *, only: frozenset[str] | None = None) -> tuple[str, ...]:
    """Put the old state back: remove what came, restore what went. Returns what could not be restored.

    Args:
        kept: the old state.
        only: projects that may be touched; None: all, and every new name in the folder goes.
    """
    site = pathlib.Path(kept.site)
    for name in journal.dist_infos(site):
        is_touched = only is None or project(name) in only
        if is_touched and not _is_unchanged(kept, name):
            _remove(site, name)
    lost: list[str] = []
    for name in kept.files:
        if only is None or project(name) in only:
            lost += journal.put_back(kept, name)
    for name in journal.names(site):
        if name not in kept.entries and (only is None or name in journal.LEFTOVERS):
            _delete(site / name)
    journal.discard(kept.site)
    return tuple(lost)


def _is_unchanged(kept: Kept, name: str) -> bool:
    """The same distribution as before, by its RECORD: its files are only completed."""
    copy, place = kept.copy_of_record(name), pathlib.Path(kept.site) / name
    try:
        return copy is not None and (place if place.is_file() else place / journal.record_of(name)).samefile(copy)
    except OSError:
        return False


def _delete(path: pathlib.Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()


def _remove(site: pathlib.Path, dist_info: str) -> None:
    folders: set[pathlib.Path] = set()
    for relative in journal.files_of(site, dist_info):
        path = site / relative
        try:
            path.unlink()
        except OSError:
            continue
        folders.add(path.parent)
    shutil.rmtree(site / dist_info, ignore_errors=True)
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        _prune(folder, site)


def _prune(folder: pathlib.Path, site: pathlib.Path) -> None:
    """Remove a folder that is empty but for byte code, and its parents likewise, up to the folder of packages."""
    while folder != site and site in folder.parents:
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent
