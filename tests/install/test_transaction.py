"""The way back: whatever is cut off, and when, the environment is as it was, or as it became; never something between."""

import os
import pathlib
import shutil
import signal
import threading

import pytest

from ptsetup.errors import InstallFailed
from ptsetup.install import journal, transaction


class CutOffError(BaseException):
    """Stands in for kill -9: nothing of ours runs after it."""


def distribution(site: pathlib.Path, name: str, version: str, files: dict[str, str], requires: str = "") -> None:
    info = f"{name}-{version}.dist-info"
    texts = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}"}
    texts[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*texts, f"{info}/RECORD"))
    for file, text in texts.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)


@pytest.fixture
def site(tmp_path):
    """An environment with torch and filelock 1, and one package that has nothing to do with them."""
    folder = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    files = {f"torch/m{n}.py": f"old {n}" for n in range(5)} | {"../../../bin/torchrun": "#!old"}
    distribution(folder, "torch", "2.13.0", files, "Requires-Dist: filelock\n")
    distribution(folder, "filelock", "1.0", {"filelock.py": "old"})
    distribution(folder, "other", "1.0", {"other.py": "mine"})
    return folder


def state(site: pathlib.Path) -> dict[str, str]:
    root = site.parents[2]
    return {
        str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file() and journal.FOLDER not in str(p)
    }


def replace_torch(site: pathlib.Path, *, is_half: bool = False) -> None:
    """What an installer does: the old goes, the new comes (some of it without a dist-info when it is killed)."""
    transaction._remove(site, "torch-2.13.0.dist-info")
    transaction._remove(site, "filelock-1.0.dist-info")
    if is_half:
        (site / "torch").mkdir()
        (site / "torch" / "m0.py").write_text("new 0")
        (site / "functorch").mkdir()
        return
    distribution(site, "torch", "2.14.1", {"torch/m0.py": "new 0", "torch/more/x.py": "new"}, "Requires-Dist: sympy\n")
    distribution(site, "sympy", "1.0", {"sympy/__init__.py": "new"})


def cut_at(monkeypatch, number: int) -> None:
    """The process ends at the nth change of a file."""
    count = iter(range(number))
    for owner, name in ((os, "link"), (os, "unlink"), (os, "rmdir"), (os, "mkdir"), (os, "replace")):
        real = getattr(owner, name)

        def counted(*args, _real=real, **options):
            if next(count, None) is None:
                raise CutOffError
            return _real(*args, **options)

        monkeypatch.setattr(owner, name, counted)


def told(_: str, __: float) -> None:
    """Nobody listens."""


def installed_in_vain(site: pathlib.Path, end: BaseException, *, is_half: bool = False, hears=told) -> None:
    """An installation that ends in an error."""
    with transaction.over(str(site), hears):
        replace_torch(site, is_half=is_half)
        (site / "left.pth").write_text("of an unfinished package")
        raise end


@pytest.mark.parametrize("is_half", [False, True])
def test_an_error_or_ctrl_c_brings_everything_back(site, is_half):
    before = state(site)
    with pytest.raises(KeyboardInterrupt):
        installed_in_vain(site, KeyboardInterrupt(), is_half=is_half)
    assert state(site) == before
    assert not (site / journal.FOLDER).exists()


def test_what_ends_well_stays_and_nothing_else_is_left(site):
    with transaction.over(str(site), told):
        replace_torch(site)
        after = state(site)
    assert state(site) == after
    assert not (site / journal.FOLDER).exists()


def outcome_of(monkeypatch, site: pathlib.Path, number: int, action) -> bool:
    """Whether an action was cut off at the nth change."""
    with monkeypatch.context() as patch:
        cut_at(patch, number)
        try:
            action(site)
        except CutOffError:
            return True
    return False


def keeping(site: pathlib.Path) -> None:
    journal.keep(str(site))


def going_back(site: pathlib.Path) -> None:
    transaction.put_right(str(site), told)


def ending(site: pathlib.Path) -> None:
    journal.discard(str(site))


def test_cut_off_while_the_old_is_kept_nothing_is_lost(site, monkeypatch):
    before, cuts = state(site), 0
    while outcome_of(monkeypatch, site, cuts, keeping):
        assert state(site) == before
        going_back(site)
        assert state(site) == before
        cuts += 1
    assert cuts > 10


@pytest.mark.parametrize("is_half", [False, True])
def test_cut_off_on_the_way_back_it_is_gone_on_with(site, monkeypatch, is_half, tmp_path):
    """Killed in mid-install, and again at every step of the repair."""
    before, cuts, root = state(site), 0, site.parents[2]
    journal.keep(str(site))
    replace_torch(site, is_half=is_half)
    shutil.copytree(root, tmp_path / "killed")
    while outcome_of(monkeypatch, site, cuts, going_back):
        going_back(site)
        assert state(site) == before, cuts
        shutil.rmtree(root)
        shutil.copytree(tmp_path / "killed", root)
        cuts += 1
    assert state(site) == before
    assert cuts > 10


def test_cut_off_at_the_end_the_new_stays(site, monkeypatch):
    """What is half thrown away must not be taken for an old state."""
    cuts = 0
    while True:
        journal.keep(str(site))
        is_cut = outcome_of(monkeypatch, site, cuts, ending)
        if is_cut and cuts:
            assert journal.left_behind(str(site)) is None
        if not is_cut:
            break
        before = state(site)
        going_back(site)
        assert state(site) == before
        cuts += 1
    assert cuts > 5


def test_packages_that_came_after_a_cut_off_run_are_left_alone(site):
    journal.keep(str(site))
    replace_torch(site, is_half=True)
    distribution(site, "flask", "1.0", {"flask.py": "came later"})
    transaction._remove(site, "other-1.0.dist-info")
    distribution(site, "other", "2.0", {"other.py": "came later"})
    assert transaction.put_right(str(site), told)
    now = state(site)
    assert now["lib/python3.12/site-packages/flask.py"] == "came later"
    assert now["lib/python3.12/site-packages/other.py"] == "came later"
    assert now["lib/python3.12/site-packages/torch/m0.py"] == "old 0"
    assert now["lib/python3.12/site-packages/filelock.py"] == "old"
    assert not (site / "functorch").exists()


def test_a_second_ctrl_c_does_not_stop_the_way_back(site):
    before = state(site)

    def impatient(_: str, __: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(ZeroDivisionError):
        installed_in_vain(site, ZeroDivisionError(), hears=impatient)
    assert state(site) == before
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    thread = threading.Thread(target=lambda: transaction.put_right(str(site), told))
    thread.start()
    thread.join()


def test_without_room_for_the_old_nothing_is_begun(site, monkeypatch):
    before = state(site)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(InstallFailed, match="No space left"), transaction.over(str(site), told):
        pytest.fail("it was begun")
    assert state(site) == before
    assert not (site / journal.FOLDER).exists()


def test_a_file_system_without_hard_links_keeps_copies(site, monkeypatch):
    def unsupported(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", unsupported)
    before = state(site)
    with pytest.raises(ZeroDivisionError):
        installed_in_vain(site, ZeroDivisionError())
    assert state(site) == before


def test_files_outside_the_environment_are_not_touched(site, tmp_path):
    """A RECORD that points far up, or anywhere, is not believed."""
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    distribution(site, "evil", "1.0", {"evil.py": "x"})
    record = site / "evil-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text() + f"{mine},,\n../../../../../../../../mine.txt,,\n../x/../../../mine.txt,,\n")
    transaction._remove(site, "evil-1.0.dist-info")
    assert mine.read_text() == "precious"


def legacy(site: pathlib.Path, version: str, *, is_listed: bool) -> None:
    """An installation of the time before dist-info: an egg-info that lists its files, or names the folders only."""
    info = site / f"torch-{version}-py3.12.egg-info"
    (site / "torch").mkdir()
    info.mkdir()
    (site / "torch" / "__init__.py").write_text(f"old {version}")
    (info / "PKG-INFO").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    (info / "top_level.txt").write_text("torch\n")
    if is_listed:
        (info / "installed-files.txt").write_text(
            "../torch/__init__.py\nPKG-INFO\ntop_level.txt\ninstalled-files.txt\n"
        )


@pytest.mark.parametrize("is_killed", [False, True], ids=["error", "kill -9"])
@pytest.mark.parametrize("kind", ["listed", "named", "without any"])
def test_what_has_no_dist_info_comes_back_as_well(tmp_path, kind, is_killed):
    """An egg-info, or a folder torch that belongs to no distribution: installers remove the one and write over the other."""
    site = tmp_path / "env" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    legacy(site, "1.13.1", is_listed=kind == "listed")
    if kind == "without any":
        shutil.rmtree(site / "torch-1.13.1-py3.12.egg-info")
    before = state(site)

    def replace(end: BaseException | None = None) -> None:
        shutil.rmtree(site / "torch")
        shutil.rmtree(site / "torch-1.13.1-py3.12.egg-info", ignore_errors=True)
        distribution(site, "torch", "2.14.1", {"torch/__init__.py": "new", "torch/m.py": "new"})
        if end is not None:
            raise end

    if is_killed:
        journal.keep(str(site))
        replace()
        assert transaction.put_right(str(site), told)
    else:
        with pytest.raises(InstallFailed), transaction.over(str(site), told):
            replace(InstallFailed("no"))
    assert state(site) == before


def test_an_egg_info_that_nobody_touched_keeps_its_files(site):
    """Nothing of it is removed for a moment, in which a kill would find it half."""
    legacy_info = site / "mine-1.0-py3.12.egg-info"
    legacy_info.mkdir()
    (legacy_info / "PKG-INFO").write_text("Name: mine\nVersion: 1.0\n")
    (legacy_info / "top_level.txt").write_text("mine\n")
    (site / "mine.py").write_text("mine")
    (site / "plain-1.0.egg-info").write_text("Name: plain\n")
    numbers = {
        path: path.stat().st_ino for path in (site / "mine.py", site / "plain-1.0.egg-info", legacy_info / "PKG-INFO")
    }
    with pytest.raises(KeyboardInterrupt):
        installed_in_vain(site, KeyboardInterrupt())
    assert numbers == {path: path.stat().st_ino for path in numbers}
