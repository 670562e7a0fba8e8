"""What is looked at before anything is changed: rights, room, and who else is at work."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from ptsetup.errors import InstallFailed
from ptsetup.facts import Disk, Snapshot
from ptsetup.plan import Plan
from ptsetup.probes.cut_off import LOCK_NAME, take

SPARE_BYTES = 200 * 1000 * 1000
"""Left free on every file system beside what the build itself takes."""


def check(snapshot: Snapshot, plan: Plan) -> None:
    """Refuse what cannot end well.

    Raises:
        InstallFailed: externally managed Python, no write access, too little disk, another installer at work; each with its way out.
    """
    target = snapshot.target
    if target is None:
        return
    if target.is_externally_managed:
        raise InstallFailed(
            f"{target.executable} belongs to the operating system, which asks installers to leave it alone.",
            hint="Make an environment and install into it: python3 -m venv .venv && ptsetup install --python .venv",
        )
    if target.is_writable is False:
        raise InstallFailed(
            f"{target.purelib} cannot be written by this user.",
            hint="Make an environment of your own: python3 -m venv .venv && ptsetup install --python .venv",
        )
    if plan.commands and plan.commands[0][1:3] == ("-m", "pip") and target.has_pip is False:
        raise InstallFailed(
            f"{target.prefix} has no pip.",
            hint=f"Leave out --installer pip (uv needs none), or give it one: {target.executable} -m ensurepip",
        )
    if target.running_installs:
        numbers = ", ".join(map(str, target.running_installs))
        raise InstallFailed(
            f"Another installer is at work in {target.prefix} (process {numbers}).",
            hint="Wait until it has ended, then try again.",
        )
    _room(snapshot, plan)


def _room(snapshot: Snapshot, plan: Plan) -> None:
    disks = {disk.role: disk for disk in (snapshot.host.disks if snapshot.host else None) or ()}
    needs: dict[object, tuple[int, Disk, list[str]]] = {}
    is_pip = bool(plan.commands) and plan.commands[0][1:3] == ("-m", "pip")
    for role, size in _takes(plan, is_pip=is_pip):
        disk = disks.get(role)
        if disk is None or not size or disk.free_bytes is None:
            continue
        key = disk.device if disk.device is not None else disk.path
        before, _, roles = needs.get(key, (0, disk, []))
        # uv links from its cache into the target where both lie on one file system: counted once
        needs[key] = (before + size if is_pip else max(before, size), disk, [*roles, role])
    for size, disk, roles in needs.values():
        if disk.free_bytes is not None and disk.free_bytes < size + SPARE_BYTES:
            raise InstallFailed(
                f"Too little room for torch {plan.name}: it takes about {size / 1e9:.1f} GB, and {disk.path} ({', '.join(roles)}) "
                f"has {disk.free_bytes / 1e9:.1f} GB free.",
                hint=_more_room(roles),
            )


def _takes(plan: Plan, *, is_pip: bool) -> tuple[tuple[str, int | None], ...]:
    """Role of a folder -> bytes.

    uv unpacks the download, while it comes, into its cache (seen with a TMPDIR of 1 MB); pip writes it into the folder for temporary
    files and unpacks it from there. A wheel in a folder at hand is not downloaded.
    """
    if not is_pip:
        return ("target", plan.installed_bytes), ("uv_cache", plan.installed_bytes)
    is_at_hand = "--find-links" in plan.commands[0] and not any("://" in word for word in plan.commands[0])
    return ("target", plan.installed_bytes), ("temp", None if is_at_hand else plan.download_bytes)


def _more_room(roles: list[str]) -> str:
    if roles == ["temp"]:
        return "Point TMPDIR to a folder on a larger disk."
    if roles == ["uv_cache"]:
        return "Free room with `uv cache clean`, or point UV_CACHE_DIR to a larger disk."
    return "Free some room there (`uv cache clean`, `pip cache purge`), or make the environment on a larger disk."


@contextlib.contextmanager
def lock(prefix: str) -> Iterator[None]:
    """Hold the environment for one installation.

    Raises:
        InstallFailed: another ptsetup holds it.
    """
    path = pathlib.Path(prefix) / LOCK_NAME
    try:
        file = path.open("a+b")
    except OSError as problem:
        raise InstallFailed(
            f"{path} cannot be written: {problem.strerror}.",
            hint="Make an environment of your own: python3 -m venv .venv",
        ) from None
    with file:
        # who held it removes the file when it is done: one that is gone by now locks nothing
        if not take(file.fileno()) or not _is_at(path, file.fileno()):
            raise InstallFailed(
                f"Another ptsetup install is at work in {prefix}.", hint="Wait until it has ended, then try again."
            )
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()


def _is_at(path: pathlib.Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False
