"""``ptsetup index update`` against an index on loopback, well and ill."""

import json
import os
import re
import subprocess
import sys
import threading
import types

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptsetup import index
from ptsetup.index import pages
from ptsetup.index.refresh import refresh
from ptsetup.index.verify import verify
from tests.loopback import QUIET, TRICKLE, login, serve, wheel

JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "torch-2.15.0+cu130-cp312-cp312-manylinux_2_28_x86_64.whl"


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
    assert "Announced" not in (build.note or "")
    assert verify(cached(tmp_path / "cache")) == ()
    row = cached(tmp_path / "cache").files[-1]
    # a mirror's folders say nothing about those of the index itself
    assert (row.file, row.folder, len(row.sha256)) == (WHEEL, None, 64)


def test_folders_are_taken_from_the_index_itself_and_never_lead_out_of_it(server):
    own = msgspec.structs.replace(index.load(), origin_url=f"{server.url}/whl")
    server.faults["whl/cu130/torch"] = (
        f"<html><a href='/whl/cu130/{WHEEL}'>x</a>"
        f"<a href='/whl/a/%2e%2e/%2e%2e/{WHEEL.replace('cp312', 'cp313')}'>y</a>"
        f"<a href='http://elsewhere/whl/cu130/{WHEEL.replace('cp312', 'cp314')}'>z</a></html>"
    ).encode()
    done = refresh(
        own,
        today="2026-12-01",
        pages_of=lambda tag, project: (f"{server.url}/whl/{tag}/{project}/",),
        tags=("cu130",),
        origin=server.url,
    )
    found = done.index.files_of("torch", "2.15.0+cu130")
    assert [(row.python_tag, row.folder) for row in found] == [("cp312", "whl/cu130"), ("cp313", None), ("cp314", None)]


def test_a_release_that_was_never_heard_of_is_added_and_what_is_not_seen_is_kept(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path, "2.16.0+cu130"))
    assert update(server.url, tmp_path / "cache").returncode == 0
    wheels = cached(tmp_path / "cache")
    assert wheels.releases[-1].version == "2.16.0"
    build = wheels.build("2.16.0", "cu130", "linux_x86_64")
    assert build.arch_level == "inferred"
    assert build.note == "Read from the live index; what is compiled in is taken over from 2.15.0."
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
    assert "not used: cu130" in done.stderr


@pytest.mark.parametrize("fault", [500, QUIET, "cut", TRICKLE])
def test_an_index_that_does_not_answer_is_asked_once_and_told(server, tmp_path, fault):
    server.faults["*"] = fault
    done = update(server.url, tmp_path / "cache", "--tag", "cu132", "--timeout", "0.5")
    assert done.returncode == 3
    assert "out of reach: 127.0.0.1" in done.stderr
    assert len(server.asked) == 1
    assert cached(tmp_path / "cache") is None


def test_nobody_is_waited_for_longer_than_the_deadline(server, monkeypatch):
    """A header that comes a byte at a time is within any timeout of a socket: what is looked at is how long we would wait."""
    waited = []

    class Event(threading.Event):
        def wait(self, timeout=None):
            waited.append(timeout)
            return super().wait(0.01)

    server.faults["*"] = TRICKLE
    monkeypatch.setattr(pages, "threading", types.SimpleNamespace(Event=Event, Thread=threading.Thread))
    page = pages.fetch(f"{server.url}/whl/cpu/torch/")
    assert (page.answer, page.detail.endswith("did not answer within 3 s")) == ("unreachable", True)
    assert waited[0] <= pages.REACH_S + 1


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (403, "absent"),
        (404, "absent"),
        (410, "absent"),
        (401, "unreachable"),
        (500, "unreachable"),
        (503, "unreachable"),
    ],
)
def test_what_a_code_means(server, code, answer):
    """The PyTorch index answers 403 for what it does not have."""
    server.faults["*"] = code
    page = pages.fetch(f"{server.url}/whl/cpu/torch/")
    assert (page.answer, str(code) in page.detail) == (answer, True)


def test_names_that_cannot_be_and_other_projects_on_a_page_are_left_out(server, tmp_path):
    server.faults["whl/cu130/torch"] = (
        b"<html><a href='javascript:alert(1)//torch-2.16.0+cu130-cp312-cp312-win_amd64.whl'>x</a>"
        b"<a href='evil-1.0-py3-none-any.whl'>evil-1.0-py3-none-any.whl</a>"
        b"<a href='torch-99999.0+cu130-cp312-cp312-win_amd64.whl'>y</a>"
        b"<a href='torch-2.16.0+cu126-cp312-cp312-win_amd64.whl'>z</a>"
        b"<a href='torch-4.0.0+cu130-cp312-cp312-win_amd64.whl'>a major release that cannot be next</a>"
        b"<a href='torch-02.16.0+cu130-cp312-cp312-win_amd64.whl'>another spelling</a>"
        b"<a href='torch-2.16.0.post1+cu130-cp312-cp312-win_amd64.whl'>no release</a>"
        b"<a href='torch-2.16.0+cu130-cp39999-cp39999-win_amd64.whl'>no Python</a>"
        b"<a href='torch-2.16.0+cu130-py2.py3-none-win_amd64.whl'>not the family's form</a>"
        b"<a href='torch-2.16.0+cu130-cp312-cp312-musllinux_1_2_x86_64.whl'>no platform of ours</a>"
        b"<a href='Torch-2.16.0+cu130-cp312-cp312-win_amd64.whl'>not the name</a>"
        b"<a data-yanked='' href='torch-2.16.0+cu130-cp313-cp313-win_amd64.whl'>withdrawn</a>"
        b"<a href='ftp://x/torch-2.16.0+cu130-cp314-cp314-win_amd64.whl'>another scheme</a>"
        b"<a href='torch-2.16.0+cu130-cp314-cp314-win_amd64.whl'>torch-2.14.0+cu130-cp314-cp314-win_amd64.whl</a>"
        b"<a href='torch-2.16.0+cu130-cp312-cp312-win_amd64.whl#sha256=nothex'>torch-2.16.0+cu130-cp312-cp312-win_amd64.whl</a></html>"
    )
    assert update(server.url, tmp_path / "cache").returncode == 0
    new = [row for row in cached(tmp_path / "cache").files if row.version.startswith(("2.16", "99999"))]
    assert [(row.file, row.sha256) for row in new] == [("torch-2.16.0+cu130-cp312-cp312-win_amd64.whl", None)]


def test_a_json_page_is_read_with_hashes_and_sizes(server, tmp_path):
    """PEP 691: what is yanked or malformed in it is left out."""
    rows = [
        {"filename": WHEEL, "url": f"/whl/cu130/{WHEEL}", "hashes": {"sha256": "ab" * 32}, "size": 7},
        {
            "filename": WHEEL.replace("cp312", "cp313"),
            "url": "a/" + WHEEL.replace("cp312", "cp313"),
            "hashes": {},
            "yanked": "bad",
        },
        {
            "filename": WHEEL.replace("cp312", "cp314"),
            "url": "a/" + WHEEL.replace("cp312", "cp314"),
            "hashes": {"sha256": 3},
            "size": -1,
        },
    ]
    server.faults["whl/cu130/torch"] = (JSON, json.dumps({"meta": {"api-version": "1.1"}, "files": rows}).encode())
    assert update(server.url, tmp_path / "cache").returncode == 0
    found = cached(tmp_path / "cache").files_of("torch", "2.15.0+cu130")
    assert [(row.python_tag, row.folder, row.sha256, row.size_bytes) for row in found] == [
        ("cp312", None, "ab" * 32, 7),
        ("cp314", None, None, None),
    ]


@pytest.mark.parametrize(
    "body", [b"{}", b'{"files": 3}', b'{"files": [1]}', b'{"files": [', b"[" * 100_000, b'{"files":' + b"[" * 100_000]
)
def test_json_that_is_no_index_changes_nothing(server, tmp_path, body):
    server.faults["whl/cu130/torch"] = (JSON, body)
    done = update(server.url, tmp_path / "cache")
    assert (done.returncode, cached(tmp_path / "cache")) == (1, None)
    assert "no package index" in done.stderr


def test_a_mirror_with_one_flat_page_per_tag(server, tmp_path):
    """The + of local versions as an entity, other tags on the page, and each page asked for once."""
    server.faults["whl/cu130"] = (
        f"<html><pre><a href='../files/{WHEEL}'>{WHEEL[:30]}..</a>\n".replace("+", "&#43;")
        + "<a href='torchvision-0.29.2%2Bcu130-cp312-cp312-win_amd64.whl'>torchvision</a>"
        "<a href='torch-2.15.0%2Bcu132-cp312-cp312-win_amd64.whl'>another tag</a></pre></html>"
    ).encode()
    done = update(server.url, tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    wheels = cached(tmp_path / "cache")
    assert [row.file for row in wheels.files_of("torch", "2.15.0+cu130")] == [WHEEL]
    assert [row.python_tag for row in wheels.files_of("torchvision", "0.29.2+cu130")] == ["cp312"]
    assert wheels.files_of("torch", "2.15.0+cu132") == ()
    assert server.asked.count("whl/cu130") == 1


def test_a_known_hash_is_not_replaced_by_what_a_page_says(server, tmp_path):
    known = next(row for row in index.load().files_of("torch", "2.13.0+cu126") if row.sha256)
    page = f"<html><a href='{known.file}#sha256={'0' * 64}'>{known.file}</a></html>"
    server.faults["whl/cu126/torch"] = page.encode()
    done = update(server.url, tmp_path / "cache", "--tag", "cu126")
    assert done.returncode == 0, done.stderr
    assert f"{known.file}: the page gives another sha256" in done.stderr
    assert known in cached(tmp_path / "cache").files_of("torch", "2.13.0+cu126")


def test_a_host_that_falls_silent_keeps_what_was_read_before_and_is_asked_no_more(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path))
    server.faults["whl/cu132/torch"] = QUIET
    done = update(server.url, tmp_path / "cache", "--tag", "cu132", "--tag", "xpu", "--timeout", "0.5")
    assert done.returncode == 0, done.stderr
    assert "cu132/torch: 127.0.0.1" in done.stderr
    assert "the tags after cu132 were not asked for" in done.stderr
    assert not any(path.startswith("whl/xpu") for path in server.asked)
    assert cached(tmp_path / "cache").build("2.15.0", "cu130", "linux_x86_64", "pytorch").status == "seen"
    assert cached(tmp_path / "cache").build("2.15.0", "cu132", "linux_x86_64", "pytorch").status == "announced"


def test_triton_and_companions_of_a_tag_are_read_as_well(server, tmp_path):
    server.add("whl/rocm7.2/torch", torch_wheel(tmp_path, "2.15.0+rocm7.2"))
    server.add(
        "whl/rocm7.2/torchaudio",
        wheel(tmp_path, "torchaudio", "2.12.0+rocm7.2", files={}, tag="cp312-abi3-manylinux_2_28_x86_64"),
    )
    server.add(
        "whl/rocm7.2/triton-rocm", wheel(tmp_path, "triton-rocm", "3.9.0", files={}, tag="cp313-cp313t-linux_x86_64")
    )
    assert update(server.url, tmp_path / "cache", "--tag", "rocm7.2").returncode == 0
    rows = {(c.project, c.version, c.backend): c for c in cached(tmp_path / "cache").companions}
    assert rows["torchaudio", "2.12.0", "rocm7.2"].pythons == ("cp312", "cp313", "cp314", "cp315")
    assert rows["triton-rocm", "3.9.0", "rocm7.2"].pythons == ("cp313t",)


def test_what_was_updated_today_is_used_and_said(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path))
    assert update(server.url, tmp_path / "cache").returncode == 0
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    argv = [sys.executable, "-m", "ptsetup", "index", "show"]
    shown = subprocess.run(argv, capture_output=True, text=True, env=env, check=True).stdout
    assert f"last read from {server.url}/whl" in shown
    assert "cached: " in shown


@pytest.mark.parametrize(
    ("argv", "told"),
    [(("--mirror", "nowhere"), "No mirror is called nowhere"), (("--tag", "cuda"), "cuda is no backend tag")],
)
def test_a_mirror_or_a_tag_that_cannot_be_is_wrong_use(server, tmp_path, argv, told):
    done = update(server.url, tmp_path / "cache", *argv)
    assert done.returncode == 2
    assert told in done.stderr
    assert server.asked == []


def test_the_login_in_a_mirrors_address_reaches_it_and_is_kept_nowhere(server, tmp_path):
    server.add("whl/cu130/torch", torch_wheel(tmp_path))
    server.wants_login = login("a user", "s3cret@x")
    done = update(server.url.replace("//", "//a%20user:s3cret%40x@"), tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    file = tmp_path / "cache" / "ptsetup" / "wheels_index.json"
    assert "s3cret" not in done.stdout + done.stderr + file.read_text()
    assert cached(tmp_path / "cache").updated_from == f"{server.url}/whl"
    server.wants_login = login("a user", "another")
    done = update(server.url.replace("//", "//a%20user:s3cret%40x@"), tmp_path / "cache")
    assert (done.returncode, "answered 401: it wants a login" in done.stderr) == (3, True)


def test_certificates_that_cannot_be_read_are_told(server, tmp_path):
    (tmp_path / "empty.pem").write_text("nothing\n")
    for name, told in (("missing.pem", "cannot be read"), ("empty.pem", "holds no certificate")):
        done = update(server.url, tmp_path / "cache", "--cert", str(tmp_path / name))
        assert (done.returncode, told in done.stderr, "--cert" in done.stderr) == (3, True, True)


def test_a_proxy_that_does_not_answer_is_named(tmp_path):
    """Else the index would be blamed for it."""
    with serve() as proxy:
        proxy.faults["*"] = 407
        done = update("http://index.invalid", tmp_path / "cache", "--proxy", proxy.url)
    assert done.returncode == 3
    assert f"index.invalid through the proxy {proxy.url[7:]} answered 407" in done.stderr


def test_a_page_that_takes_too_long_to_read_is_refused(server, monkeypatch):
    monkeypatch.setattr(pages, "PARSE_S", -1.0)
    server.faults["x"] = b"<html><a href='torch-2.15.0-cp312-cp312-win_amd64.whl'>x</a></html>"
    page = pages.fetch(f"{server.url}/x")
    assert (page.answer, page.links) == ("refused", ())
    assert "takes too long" in page.detail


@pytest.mark.parametrize("address", ["javascript:alert(1)", "ftp://x/y", "nowhere", ""])
def test_what_is_no_address_of_the_web_is_never_opened(address):
    assert pages.fetch(address).answer == "unreachable"


TEXTS = st.text() | st.lists(
    st.sampled_from(
        [
            "<html>",
            "<a ",
            "href=",
            "'",
            '"',
            ">",
            "</a>",
            "<!--",
            f"a/{WHEEL}",
            "#sha256=",
            "ab" * 32,
            "{",
            "&#43;",
            "//[x",
        ]
    ),
    max_size=30,
).map("".join)


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from(["text/html", JSON, ""]))
def test_any_text_is_an_index_page_or_none_and_what_it_lists_is_well_formed(text, kind):
    for link in pages.read_links(text, kind, "https://host/whl/cu130/torch/") or ():
        assert re.fullmatch(r"[^/\\]+\.whl", link.file)
        assert link.url.startswith(("https://", "http://", "file://"))
        assert link.sha256 is None or re.fullmatch("[0-9a-f]{64}", link.sha256)


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

    shown = ptsetup("show").stdout
    assert "2.15.0   2026-10-28  cpu*, cu130, cu132*, rocm7.2, rocm7.14, xpu (announced)" in shown
    detail = ptsetup("show", "2.15.0").stdout
    assert "torchaudio   2.11.0 (none for cu132, rocm7.14)" in detail
    assert "macos_arm64, macOS 14.0 or newer" in detail
    assert max(len(line) for line in (shown + detail).splitlines()[2:]) <= 80
    assert "Another table names gfx1150" in ptsetup("show", "2.10.0+rocm7.1").stdout
    assert ptsetup("show", "9.9").returncode == 2
    whole = json.loads(ptsetup("show", "--format", "json").stdout)
    assert (len(whole["builds"]), len(whole["companions"])) == (770, 1965)
    one = json.loads(ptsetup("show", "2.14.1", "--format", "json").stdout)
    assert {build["torch"] for build in one["builds"]} == {"2.14.1"}
    assert ("torchvision", "0.29.1", "cu126") in {(c["project"], c["version"], c["backend"]) for c in one["companions"]}
    sound = ptsetup("verify")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert "sound: 42 releases" in sound.stdout
    broken = tmp_path / "broken.json"
    broken.write_bytes(re.sub(rb'"date": ?"', b'"date": "x', index.locate().read_bytes(), count=1))
    done = ptsetup("verify", str(broken))
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "date")
    broken.write_bytes(index.locate().read_bytes()[:500_000])
    done = ptsetup("verify", str(broken))
    assert (done.returncode, "truncated" in done.stdout) == (1, True)
    assert ptsetup("verify", str(tmp_path / "missing.json")).returncode == 3
