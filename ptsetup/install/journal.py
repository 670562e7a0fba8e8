"""What stood in an environment before an installation: kept as hard links beside it, with a journal for a run that is cut off.

The copies lie in site-packages, on the same file system: hard links cost next to nothing. Installers ignore the name of the folder.
"""

import csv
import itertools
import json
import os
import pathlib
import posixpath
import re
import shutil
from collections.abc import Iterable

from ptsetup.facts import Record
from ptsetup.probes.cut_off import FOLDER, JOURNAL


class Kept(Record, frozen=True, kw_only=True):
    """The old state."""

    site: str
    files: dict[str, dict[str, str]]
    """dist-info or egg-info (or what belongs to none, see ``unowned``) -> its files, each with the name of the copy."""
    entries: tuple[str, ...] = ()
    """Every name in the folder of packages."""

    def copy_of(self, dist_info: str, file: str) -> pathlib.Path | None:
        """The copy of one file of a distribution's own folder."""
        name = self.files.get(dist_info, {}).get(f"{dist_info}/{file}")
        return pathlib.Path(self.site) / FOLDER / name if name is not None else None

    def copy_of_record(self, info: str) -> pathlib.Path | None:
        """The copy of what tells whether a distribution is still the same: RECORD, PKG-INFO, or an egg-info that is a file."""
        alone = self.files.get(info, {}).get(info)
        if alone is not None:
            return pathlib.Path(self.site) / FOLDER / alone
        return self.copy_of(info, record_of(info))


def record_of(info: str) -> str:
    """The file of a dist-info or egg-info folder that a new installation writes anew."""
    return "PKG-INFO" if info.endswith(".egg-info") else "RECORD"


def dist_infos(site: str | os.PathLike[str]) -> tuple[str, ...]:
    """Names of the dist-info and egg-info folders (and files) of a folder of packages, sorted."""
    return tuple(name for name in names(site) if name.endswith((".dist-info", ".egg-info")))


UNOWNED = ".unowned"

LEFTOVERS = ("torch", "torchgen", "functorch", "torchvision", "torchvision.libs", "torchaudio", "torchtext", "triton")
"""Folders of the family that may lie there without a dist-info: of an installer that was killed, or copied by hand."""


def unowned(site: str, owned: Iterable[str]) -> dict[str, list[str]]:
    """Name -> files of those folders of the family that belong to no distribution: an installer writes over them."""
    heads = {file.partition("/")[0] for file in owned}
    folders = [name for name in LEFTOVERS if name not in heads and (pathlib.Path(site) / name).is_dir()]
    return {f"{name}{UNOWNED}": _below(site, name) for name in folders}


def _below(site: str | os.PathLike[str], name: str) -> list[str]:
    return [path.relative_to(site).as_posix() for path in (pathlib.Path(site) / name).rglob("*") if path.is_file()]


def names(site: str | os.PathLike[str]) -> tuple[str, ...]:
    """What a folder of packages holds, sorted; () when it cannot be read."""
    try:
        return tuple(sorted(path.name for path in pathlib.Path(site).iterdir() if path.name != FOLDER))
    except OSError:
        return ()


def keep(site: str) -> Kept:
    """Keep every distribution's files. The journal comes last: what has none is no old state and can be thrown away.

    The copies lie in one folder: making and removing thousands of folders costs more than linking the files.

    Raises:
        OSError: the folder cannot be written, or is full; nothing is left behind.
    """
    discard(site)
    backup = pathlib.Path(site) / FOLDER
    entries = names(site)
    files: dict[str, dict[str, str]] = {}
    numbers = itertools.count()
    try:
        backup.mkdir()
        owned = {info: files_of(site, info) for info in dist_infos(site)}
        for info, listed in {**owned, **unowned(site, itertools.chain(*owned.values()))}.items():
            files[info] = {}
            for relative in listed:
                copy = f"{next(numbers)}"
                if _link(os.path.join(site, relative), os.path.join(backup, copy)):  # noqa: PTH118 - thousands of texts
                    files[info][relative] = copy
        _write(backup / JOURNAL, json.dumps({"files": files, "entries": entries}))
    except BaseException:
        discard(site)
        raise
    return Kept(site=site, files=files, entries=entries)


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
        return Kept(
            site=site, files={info: dict(rows) for info, rows in data["files"].items()}, entries=tuple(data["entries"])
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
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
    """Give a distribution its old files again, and keep the copies (this may be cut off, too). Returns those that could not be restored."""
    site, backup = pathlib.Path(kept.site), pathlib.Path(kept.site) / FOLDER
    lost = []
    for relative, copy in kept.files[dist_info].items():
        goal = site / relative
        if _is_same(backup / copy, goal):
            continue
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            goal.unlink(missing_ok=True)
            is_back = _link(str(backup / copy), str(goal))
        except OSError:
            is_back = False
        lost += [] if is_back else [relative]
    return lost


def _is_same(copy: pathlib.Path, goal: pathlib.Path) -> bool:
    try:
        return goal.samefile(copy)
    except OSError:
        return False


def _link(source: str, goal: str) -> bool:
    """Another name for a file, or a copy on a file system without hard links; False when there is no such file."""
    if not os.path.isfile(source):  # noqa: PTH113 - thousands of texts
        return False
    try:
        os.link(source, goal)
    except OSError:
        shutil.copy2(source, goal)
    return True


def files_of(site: str | os.PathLike[str], dist_info: str) -> list[str]:
    """Files of a distribution by its RECORD; its own folder where that is missing. Absolute paths are not ours to touch."""
    folder = pathlib.Path(site) / dist_info
    if dist_info.endswith(".egg-info"):
        return [name for name in _files_of_egg(site, dist_info) if _is_near(name)]
    try:
        with (folder / "RECORD").open(encoding="utf-8", newline="") as file:
            found = [row[0] for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error):
        found = [str(path.relative_to(site)) for path in folder.rglob("*") if path.is_file()]
    return [name.replace("\\", "/") for name in found if not pathlib.PurePath(name).is_absolute() and _is_near(name)]


def _files_of_egg(site: str | os.PathLike[str], egg_info: str) -> list[str]:
    """By installed-files.txt, else by top_level.txt, as uv removes them; of a file (distutils) only itself."""
    folder = pathlib.Path(site) / egg_info
    if folder.is_file():
        return [egg_info]
    own = _below(site, egg_info)
    lines = _lines(folder / "installed-files.txt")
    if lines:
        paths = (posixpath.normpath(f"{egg_info}/{line}") for line in lines)
        return list(dict.fromkeys((*own, *(path for path in paths if not path.startswith("/")))))
    heads = [head for head in _lines(folder / "top_level.txt") if re.fullmatch(r"\w+", head)]
    return own + [file for head in heads for file in (*_below(site, head), f"{head}.py")]


def _lines(path: pathlib.Path) -> list[str]:
    try:
        return [
            line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
        ]
    except OSError:
        return []


def _is_near(name: str) -> bool:
    """Scripts lie up to four levels above the folder of packages, inside the environment; nothing further is believed."""
    return (
        name.replace("\\", "/").count("../") <= 4 and ".." not in pathlib.PurePosixPath(name.replace("../", "")).parts
    )
