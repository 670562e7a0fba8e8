"""What stood in an environment before an installation: kept as hard links beside it, with a journal for a run that is cut off."""

import csv
import json
import os
import pathlib
import shutil

from ptsetup.facts import Record

FOLDER = ".ptsetup-backup"
"""In site-packages, on the same file system: hard links cost next to nothing. Installers ignore the name."""

JOURNAL = "journal.json"


class Kept(Record, frozen=True, kw_only=True):
    """The old state."""

    site: str
    before: tuple[str, ...]
    """dist-info folders that were there; their files are kept."""
    entries: tuple[str, ...] = ()
    """Every name in the folder of packages."""


def dist_infos(site: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the dist-info folders of a folder of packages, sorted."""
    return tuple(name for name in names(site) if name.endswith(".dist-info"))


def names(site: str | os.PathLike[str]) -> tuple[str, ...]:
    """What a folder of packages holds, sorted; () when it cannot be read."""
    try:
        return tuple(sorted(path.name for path in pathlib.Path(site).iterdir() if path.name != FOLDER))
    except OSError:
        return ()


def keep(site: str) -> Kept:
    """Keep every distribution's files. The journal comes last: what has none is no old state and can be thrown away.

    Raises:
        OSError: the folder cannot be written, or is full; nothing is left behind.
    """
    discard(site)
    kept = Kept(site=site, before=dist_infos(site), entries=names(site))
    backup = pathlib.Path(site) / FOLDER
    try:
        (backup / "files").mkdir(parents=True)
        for name in kept.before:
            for relative in files_of(site, name):
                _link(pathlib.Path(site) / relative, backup / "files" / _inside(relative))
        _write(backup / JOURNAL, json.dumps({"before": kept.before, "entries": kept.entries}))
    except BaseException:
        discard(site)
        raise
    return kept


def _write(path: pathlib.Path, text: str) -> None:
    unfinished = path.with_suffix(".new")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def left_behind(site: str) -> Kept | None:
    """What a run that was cut off has kept; None when there is nothing."""
    try:
        data = json.loads((pathlib.Path(site) / FOLDER / JOURNAL).read_text(encoding="utf-8"))
        return Kept(site=site, before=tuple(map(str, data["before"])), entries=tuple(map(str, data["entries"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def discard(site: str) -> None:
    """The old state is not needed any more. The journal goes first: half of the files would be no state to go back to."""
    backup = pathlib.Path(site) / FOLDER
    try:
        (backup / JOURNAL).unlink(missing_ok=True)
    except OSError:
        return
    shutil.rmtree(backup, ignore_errors=True)


def put_back(kept: Kept, dist_info: str) -> list[str]:
    """Give a distribution its old files again, and keep the copy (this may be cut off, too). Returns those that could not be restored."""
    site = pathlib.Path(kept.site)
    files = site / FOLDER / "files"
    lost = []
    for relative in files_of(files, dist_info):
        source, goal = files / _inside(relative), site / relative
        if not source.is_file() or _is_same(source, goal):
            continue
        try:
            goal.unlink(missing_ok=True)
            _link(source, goal)
        except OSError:
            lost.append(relative)
    return lost


def _is_same(source: pathlib.Path, goal: pathlib.Path) -> bool:
    try:
        return goal.samefile(source)
    except OSError:
        return False


def _link(source: pathlib.Path, goal: pathlib.Path) -> None:
    if not source.is_file():
        return
    goal.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, goal)
    except FileExistsError:
        # two distributions that record the same file
        return
    except OSError:
        # a file system without hard links
        shutil.copy2(source, goal)


def _inside(relative: str) -> str:
    """RECORD may point out of the folder (../../../bin/torchrun): kept below the backup."""
    return relative.replace("../", "__up__/")


def files_of(site: str | os.PathLike[str], dist_info: str) -> list[str]:
    """Files of a distribution by its RECORD; its own folder where that is missing. Absolute paths are not ours to touch."""
    folder = pathlib.Path(site) / dist_info
    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as file:
            found = [row[0] for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error):
        found = [str(path.relative_to(site)) for path in folder.rglob("*") if path.is_file()]
    return [name.replace("\\", "/") for name in found if not pathlib.PurePath(name).is_absolute() and _is_near(name)]


def _is_near(name: str) -> bool:
    """Scripts lie up to four levels above the folder of packages, inside the environment; nothing further is believed."""
    return (
        name.replace("\\", "/").count("../") <= 4 and ".." not in pathlib.PurePosixPath(name.replace("../", "")).parts
    )
