"""The environment's old state, kept until the new one is proved; and the way back."""

import csv
import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterable

from ptsetup.facts import Record

FOLDER = ".ptsetup-backup"
"""In site-packages, on the same file system: hard links cost next to nothing. Installers ignore the name."""


class Kept(Record, frozen=True, kw_only=True):
    """The old state."""

    site: str
    before: tuple[str, ...]
    """dist-info folders that were there."""
    saved: tuple[str, ...] = ()
    """Those whose files are kept."""


def dist_infos(site: str) -> tuple[str, ...]:
    """Names of the dist-info folders of a site-packages folder, sorted."""
    try:
        return tuple(sorted(path.name for path in pathlib.Path(site).iterdir() if path.name.endswith(".dist-info")))
    except OSError:
        return ()


def project_of(dist_info: str) -> str:
    """Normalised project name of ``Foo_Bar-1.0.dist-info``."""
    return re.sub(r"[-_.]+", "-", dist_info.rpartition(".dist-info")[0].rpartition("-")[0]).lower()


def begin(site: str, projects: Iterable[str]) -> Kept:
    """Keep the files of the projects that may be replaced, as hard links, with a journal for a run that is cut off."""
    wanted = set(projects)
    before = dist_infos(site)
    saved = tuple(name for name in before if project_of(name) in wanted)
    backup = pathlib.Path(site) / FOLDER
    kept = Kept(site=site, before=before, saved=saved)
    if not saved:
        return kept
    backup.mkdir(exist_ok=True)
    (backup / "journal.json").write_text(json.dumps({"before": before, "saved": saved}), encoding="utf-8")
    for name in saved:
        for relative in _files(site, name):
            _keep(pathlib.Path(site), backup, relative)
    return kept


def _keep(site: pathlib.Path, backup: pathlib.Path, relative: str) -> None:
    source = site / relative
    if not source.is_file():
        return
    goal = backup / "files" / _inside(relative)
    goal.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, goal)
    except OSError:
        # another file system or one without hard links
        shutil.copy2(source, goal)


def _inside(relative: str) -> str:
    """RECORD may point out of site-packages (../../../bin/torchrun): keep that below the backup folder."""
    return relative.replace("../", "__up__/")


def _outside(relative: str) -> str:
    return relative.replace("__up__/", "../")


def _files(site: str, dist_info: str) -> list[str]:
    """Files of a distribution by its RECORD; its own folder where that is missing. Absolute paths are not ours to touch."""
    record = pathlib.Path(site) / dist_info / "RECORD"
    try:
        with record.open(encoding="utf-8", newline="") as file:
            names = [row[0] for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error):
        folder = pathlib.Path(site) / dist_info
        names = [str(path.relative_to(site)) for path in folder.rglob("*") if path.is_file()]
    return [name.replace("\\", "/") for name in names if not pathlib.PurePath(name).is_absolute() and _is_inside(name)]


def _is_inside(name: str) -> bool:
    """Scripts lie up to four levels above site-packages, inside the environment; nothing further is believed."""
    return (
        name.replace("\\", "/").count("../") <= 4 and ".." not in pathlib.PurePosixPath(name.replace("../", "")).parts
    )


def roll_back(kept: Kept) -> tuple[str, ...]:
    """Put the old state back: remove what came, restore what went. Returns what could not be restored."""
    site = pathlib.Path(kept.site)
    now = dist_infos(kept.site)
    for name in now:
        if name not in kept.before or name in kept.saved:
            _remove(site, name)
    _restore(site, site / FOLDER)
    end(kept)
    return tuple(name for name in kept.before if not (site / name).is_dir())


def _remove(site: pathlib.Path, dist_info: str) -> None:
    folders: set[pathlib.Path] = set()
    for relative in _files(str(site), dist_info):
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
    """Remove a folder that is empty but for byte code, and its parents likewise, up to site-packages."""
    while folder != site and site in folder.parents:
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def _restore(site: pathlib.Path, backup: pathlib.Path) -> None:
    files = backup / "files"
    if not files.is_dir():
        return
    for path in files.rglob("*"):
        if path.is_dir():
            continue
        goal = site / _outside(path.relative_to(files).as_posix())
        goal.parent.mkdir(parents=True, exist_ok=True)
        path.replace(goal)


def end(kept: Kept) -> None:
    """The new state is proved, or the old one is back: the kept files go."""
    shutil.rmtree(pathlib.Path(kept.site) / FOLDER, ignore_errors=True)


def interrupted(site: str) -> Kept | None:
    """What a run that was killed has left; None when there is nothing."""
    journal = pathlib.Path(site) / FOLDER / "journal.json"
    try:
        data = json.loads(journal.read_text(encoding="utf-8"))
        return Kept(site=site, before=tuple(map(str, data["before"])), saved=tuple(map(str, data["saved"])))
    except (OSError, ValueError, KeyError, TypeError):
        return None
