"""``ptsetup index update`` against an index on loopback, well and ill."""

import os
import re
import subprocess
import sys

import pytest

from ptsetup import index
from tests.loopback import QUIET, serve, wheel


@pytest.fixture
def server():
    with serve() as served:
        yield served


def update(url: str, cache, *more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "XDG_CACHE_HOME": str(cache), "no_proxy": "127.0.0.1"}
    argv = [sys.executable, "-m", "ptsetup", "index", "update", "--mirror", f"{url}/whl", "--tag", "cu130", *more]
    return subprocess.run(argv, capture_output=True, text=True, env=env, check=False)


def cached(cache):
    file = cache / "ptsetup" / "wheels_index.json"
    return index.load(str(file)) if file.exists() else None


def torch_wheel(folder, version="2.15.0+cu130", tag="cp312-cp312-manylinux_2_28_x86_64"):
    return wheel(folder, "torch", version, files={"torch/__init__.py": ""}, tag=tag)


def test_an_announced_build_that_is_there_becomes_a_seen_one(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path))
    done = update(server.url, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    build = cached(tmp_path / "cache").build("2.15.0", "cu130", "linux_x86_64", "pytorch")
    assert (build.status, build.pythons) == ("seen", ("cp312",))
    row = cached(tmp_path / "cache").files[-1]
    assert (row.file, row.folder, len(row.sha256)) == (
        "torch-2.15.0+cu130-cp312-cp312-manylinux_2_28_x86_64.whl",
        "files/whl/cu130/torch"[6:],
        64,
    )


def test_a_release_that_was_never_heard_of_is_added_and_what_is_not_seen_is_kept(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path, "2.16.0+cu130"))
    assert update(server.url, tmp_path / "cache").returncode == 0
    wheels = cached(tmp_path / "cache")
    assert wheels.releases[-1].version == "2.16.0"
    assert wheels.build("2.16.0", "cu130", "linux_x86_64").arch_level == "inferred"
    assert wheels.build("2.14.1", "cu126", "linux_x86_64") is not None


@pytest.mark.parametrize(
    "fault",
    [
        403,
        404,
        b"<html><body><a href='/login'>Please sign in</a></body></html>",
        b"\x00\xff garbage",
        b"<html>" + b"x" * (50 * 1024 * 1024),
    ],
    ids=["403", "404", "login page", "garbage", "50 MB"],
)
def test_a_page_that_is_no_index_changes_nothing(server, tmp_path, fault):
    server.faults["*"] = fault
    done = update(server.url, tmp_path / "cache")
    assert done.returncode == 1
    assert cached(tmp_path / "cache") is None
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("fault", [500, QUIET, "cut"])
def test_an_index_that_does_not_answer_is_asked_once_and_told(server, tmp_path, fault):
    server.faults["*"] = fault
    done = update(server.url, tmp_path / "cache")
    assert done.returncode == 3
    assert "out of reach: 127.0.0.1" in done.stderr
    assert len(server.asked) == 1
    assert cached(tmp_path / "cache") is None


def test_names_that_cannot_be_and_other_projects_on_a_page_are_left_out(server, tmp_path):
    server.faults["whl/cu130/torch"] = (
        b"<html><a href='javascript:alert(1)//torch-2.16.0+cu130-cp312-cp312-win_amd64.whl'>x</a>"
        b"<a href='evil-1.0-py3-none-any.whl'>evil-1.0-py3-none-any.whl</a>"
        b"<a href='torch-99999.0+cu130-cp312-cp312-win_amd64.whl'>y</a>"
        b"<a href='torch-2.16.0+cu126-cp312-cp312-win_amd64.whl'>z</a>"
        b"<a href='torch-2.16.0+cu130-cp312-cp312-win_amd64.whl#sha256=nothex'>torch-2.16.0+cu130-cp312-cp312-win_amd64.whl</a></html>"
    )
    assert update(server.url, tmp_path / "cache").returncode == 0
    new = [row for row in cached(tmp_path / "cache").files if row.version.startswith(("2.16", "99999"))]
    assert [(row.file, row.sha256) for row in new] == [("torch-2.16.0+cu130-cp312-cp312-win_amd64.whl", None)]


def test_an_interrupted_write_leaves_the_old_copy(tmp_path):
    from ptsetup.errors import WheelIndexError

    target = tmp_path / "folder"
    target.write_text("a file where a folder should be")
    with pytest.raises(WheelIndexError, match="cannot be written"):
        index.save(index.load(str(index.locate())), target / "wheels_index.json")
    assert list(tmp_path.iterdir()) == [target]


def test_show_and_verify(tmp_path):
    def ptsetup(*argv):
        return subprocess.run(
            [sys.executable, "-m", "ptsetup", "index", *argv], capture_output=True, text=True, check=False
        )

    assert "2.15.0" in ptsetup("show").stdout
    assert "cu126" in ptsetup("show", "2.14.1").stdout
    assert ptsetup("show", "9.9").returncode == 2
    assert ptsetup("verify").returncode == 0
    broken = tmp_path / "broken.json"
    broken.write_bytes(re.sub(rb'"date": ?"', b'"date": "x', index.locate().read_bytes(), count=1))
    done = ptsetup("verify", str(broken))
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "date")
