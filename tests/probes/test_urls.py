"""What of an address may be told."""

import json
import os
import re

import pytest

from ptsetup.index import pages, web
from ptsetup.inside.parts import urls
from ptsetup.probes import environ
from tests.probes.targets import looked

ADDRESSES = [
    ("https://user:S3CRET@host/simple", "https://host/simple"),
    ("https://S3CRET@host/simple", "https://host/simple"),
    ("https://user:p@S3CRET@host/simple", "https://host/simple"),
    ("https://user:p/S3CRET@host/simple", "https://host/simple"),
    ("HTTPS://user:S3CRET@host/simple", "HTTPS://host/simple"),
    ("git+ssh://git:S3CRET@host/x@v1", "git+ssh://host/x@v1"),
    ("https://host:8443/simple/@scope/x", "https://host:8443/simple/@scope/x"),
    ("https://host/x.whl?X-Amz-Signature=S3CRET&a=1#sha256=00", "https://host/x.whl#sha256=00"),
    ("https://conda.anaconda.org/t/S3CRET/conda-forge", "https://conda.anaconda.org/t/***/conda-forge"),
    ("https://dl.cloudsmith.io/S3CRET/we/us/python/simple/", "https://dl.cloudsmith.io/***/we/us/python/simple/"),
    ("https://dl.cloudsmith.io/public/we/us/", "https://dl.cloudsmith.io/public/we/us/"),
    ("https://host/S3CRETaBcD0123456789/simple", "https://host/***/simple"),
    ("https://download.pytorch.org/whl/nightly/cu130", "https://download.pytorch.org/whl/nightly/cu130"),
    ("file:///home/x/0123456789abcdef0123456789/w", "file:///home/x/0123456789abcdef0123456789/w"),
    ("torch @ git+https://S3CRET@host/a/b@v1", "torch @ git+https://host/a/b@v1"),
    ("user:S3CRET@proxy:3128", "proxy:3128"),
    ("user:a@S3CRET@proxy:3128", "proxy:3128"),
    ("torch>=2,<3; python_version < '3.13'", "torch>=2,<3; python_version < '3.13'"),
]


@pytest.mark.parametrize(("text", "told"), ADDRESSES)
def test_an_address(text, told):
    assert urls.clean(text) == told
    assert environ.harmless(f"{text} {text}") == f"{told} {told}"


@pytest.mark.parametrize("proxy", ["S3CRET@proxy:3128", "u:S3CRET@proxy:3128", "http://S3CRET@proxy:3128"])
def test_a_proxy(proxy):
    assert urls.clean_proxy(proxy).removeprefix("http://") == "proxy:3128"
    assert environ.take({"HTTPS_PROXY": proxy})["HTTPS_PROXY"].removeprefix("http://") == "proxy:3128"
    assert web.host_of(proxy) == "proxy:3128"


@pytest.mark.parametrize("address", [text for text, _ in ADDRESSES if "://" in text and " " not in text])
def test_the_host_that_a_message_names(address):
    if not address.startswith("file:"):
        assert re.fullmatch(r"[a-z.]+(?::8443)?", web.host_of(address))


def test_a_login_is_taken_at_the_last_at_sign():
    """As pip and uv do it."""
    assert web.without_login("HTTP://user:p@ss@host/x") == ("HTTP://host/x", "Basic dXNlcjpwQHNz")


def test_no_piece_of_a_password_is_repeated():
    page = pages.fetch("http://user:S3/CRET@host.invalid/x")
    assert page.answer == "unreachable"
    assert not any(piece in page.detail for piece in ("S3", "CRET", "user"))
    assert "S3CRET" not in pages.fetch("ftp://user:S3CRET@host/x").detail


def test_no_secret_of_metadata_and_constraints_enters_a_snapshot(tmp_path):
    info = tmp_path / "torch-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 2.1\nRequires-Dist: numpy @ https://u:S3CRET@h/numpy.whl\n"
    )
    (info / "direct_url.json").write_text(json.dumps({"url": "https://u:p@S3CRET@h/x"}))
    constraints = tmp_path / "c.txt"
    constraints.write_text("torch @ https://u:S3CRET@h/torch.whl\n")
    target = looked(pythonpath=[tmp_path], cwd=tmp_path, PIP_CONSTRAINT=constraints, PIP_CONFIG_FILE=os.devnull)
    assert target.pip.constraint_lines == ("torch @ https://h/torch.whl",)
    assert "S3CRET" not in repr(target)
