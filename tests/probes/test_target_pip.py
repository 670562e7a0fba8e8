"""What pip and uv are configured with, against what pip itself says (``pip config debug`` is the judge of the order)."""

import os
import pathlib
import subprocess
import sys

import pytest

from ptsetup.probes import pip_settings
from tests.probes.targets import environment, looked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the places of the files are those of Linux")


@pytest.fixture
def home(tmp_path):
    """A home folder and a system configuration of their own."""
    folder = tmp_path / "home"
    folder.mkdir()
    return {"HOME": str(folder), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """An environment with pip, whose site file may be written."""
    folder = tmp_path_factory.mktemp("pip") / "env"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder


def write(path, text):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def config(variables, python=sys.executable, **more):
    return looked(python=python, **{**variables, **more}).pip


def test_nothing_is_configured(home):
    pip = config(home)
    assert (pip.index_url, pip.extra_index_urls, pip.find_links, pip.constraints) == (None, (), (), ())
    assert (pip.no_index, pip.proxy, pip.problems) == (False, None, ())
    assert set(pip.sources.values()) <= {"/etc/pip.conf"}, (
        "only the file of the machine itself, which no variable moves"
    )


def test_a_file_of_the_user(home):
    file = write(f"{home['HOME']}/.config/pip/pip.conf", """[global]
index-url = https://mirror.example/simple
extra-index-url =
    https://one.example/simple
    https://two.example/simple
find_links = /wheels https://wheels.example/
no-index = yes
cert = ~/ca.pem
proxy = http://proxy.example:3128
""")  # fmt: skip
    pip = config(home)
    assert pip.index_url == "https://mirror.example/simple"
    assert pip.extra_index_urls == ("https://one.example/simple", "https://two.example/simple")
    assert pip.find_links == ("/wheels", "https://wheels.example/")
    assert (pip.no_index, pip.cert, pip.proxy) == (True, f"{home['HOME']}/ca.pem", "http://proxy.example:3128")
    assert pip.sources["index-url"] == str(file)


def test_credentials_are_taken_out(home):
    text = "[global]\nindex-url = https://user:secret@mirror.example/simple\nproxy = me:secret@proxy.example:3128\n"
    write(f"{home['HOME']}/.config/pip/pip.conf", text)
    extra = "https://tok:secret@a.example/ https://b.example/"
    pip = config(home, PIP_EXTRA_INDEX_URL=extra, PIP_FIND_LINKS="https://x:secret@c.example/")
    assert "secret" not in str(pip)
    assert pip.index_url == "https://mirror.example/simple"
    assert pip.proxy == "proxy.example:3128"
    assert pip.extra_index_urls == ("https://a.example/", "https://b.example/")


def test_for_an_installation_they_are_kept(home, monkeypatch):
    """The installer needs them; this way leads into no Snapshot."""
    for name, value in {**home, "PIP_INDEX_URL": "https://user:secret@mirror.example/simple"}.items():
        monkeypatch.setenv(name, value)
    assert pip_settings.read(sys.executable).index_url == "https://user:secret@mirror.example/simple"


FILES = ("etc/pip/pip.conf", "home/.pip/pip.conf", "home/.config/pip/pip.conf")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_later_file_wins(home, tmp_path, count):
    for name in FILES[:count]:
        write(tmp_path / name, f"[global]\nindex-url = https://{name.replace('/', '-')}.example/\n")
    assert config(home).sources["index-url"] == str(tmp_path / FILES[count - 1])


def test_the_site_file_of_the_environment_wins_over_the_user_s(home, tmp_path, venv):
    write(tmp_path / FILES[2], "[global]\nindex-url = https://user.example/\nproxy = http://user.example\n")
    site = write(venv / "pip.conf", "[global]\nindex-url = https://site.example/\n")
    pip = config(home, venv / "bin/python")
    assert (pip.index_url, pip.proxy) == ("https://site.example/", "http://user.example")
    assert pip.pip_version is not None
    site.unlink()
    assert config(home, venv / "bin/python").index_url == "https://user.example/"


def test_the_section_of_the_command_and_the_variables(home, tmp_path):
    write(
        tmp_path / FILES[2], "[install]\nindex-url = https://install.example/\n[download]\nproxy = http://no.example\n"
    )
    write(tmp_path / FILES[0], "[global]\nindex-url = https://global.example/\n")
    assert config(home).index_url == "https://install.example/"
    assert config(home).proxy is None
    pip = config(home, PIP_INDEX_URL="https://variable.example/")
    assert (pip.index_url, pip.sources["index-url"]) == ("https://variable.example/", "PIP_INDEX_URL")
    assert config(home, PIP_INDEX_URL="").index_url == "https://install.example/", "empty means not given"


def test_a_named_file_stands_for_the_user_s(home, tmp_path):
    write(tmp_path / FILES[0], "[global]\nproxy = http://global.example\n")
    write(tmp_path / FILES[2], "[global]\nindex-url = https://user.example/\nfind-links = /user\n")
    named = write(tmp_path / "mine.conf", "[global]\nindex-url = https://named.example/\n")
    pip = config(home, PIP_CONFIG_FILE=named)
    assert (pip.index_url, pip.find_links, pip.proxy) == ("https://named.example/", (), "http://global.example")


def test_no_files_at_all(home, tmp_path):
    write(tmp_path / FILES[2], "[global]\nindex-url = https://user.example/\n")
    assert config(home, PIP_CONFIG_FILE=os.devnull).index_url is None
    assert (
        config(home, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL="https://x.example/").index_url == "https://x.example/"
    )


@pytest.mark.parametrize(
    "text", ["no section\n", "[global\n", "[global]\nindex-url\n", "[global]\na=1\na=2\n", "\x00\xff"]
)
def test_a_damaged_file_is_told(home, tmp_path, text):
    file = write(tmp_path / FILES[2], text)
    pip = config(home, PIP_PROXY="http://proxy.example")
    assert pip.problems[0].startswith(f"{file}: ")
    assert pip.proxy == "http://proxy.example"


def test_uv(home):
    pip = config(
        home,
        UV_DEFAULT_INDEX="company=https://company.example/simple",
        UV_EXTRA_INDEX_URL="https://extra.example/simple",
        UV_FIND_LINKS="/a,/b",
        UV_NO_INDEX="1",
    )
    assert pip.index_url == "https://company.example/simple"
    assert pip.extra_index_urls == ("https://extra.example/simple",)
    assert (pip.find_links, pip.no_index) == (("/a", "/b"), True)
    assert pip.sources["index-url"] == "UV_DEFAULT_INDEX"
    assert (
        config(home, UV_DEFAULT_INDEX="https://uv.example/", PIP_INDEX_URL="https://pip.example/").index_url
        == "https://pip.example/"
    )


def test_constraints_of_the_torch_family(home, tmp_path):
    write(tmp_path / "more.txt", "torchaudio == 2.9.0\n-c constraints.txt\n")
    file = write(tmp_path / "constraints.txt", """# a comment
torch<=2.14.1  # why
torchvision==0.29.1 --hash=sha256:00
numpy<3 ; python_version < "3.13"
nvidia-cudnn-cu12==9.5.1.17
torch-geometric==2.6
requests==2.0
-c more.txt
""")  # fmt: skip
    pip = config(home, PIP_CONSTRAINT=f"{file} https://host.example/c.txt /nowhere.txt")
    assert pip.constraints == (str(file), "https://host.example/c.txt", "/nowhere.txt")
    expected = (
        "torch<=2.14.1",
        "torchvision==0.29.1",
        'numpy<3 ; python_version < "3.13"',
        "nvidia-cudnn-cu12==9.5.1.17",
    )
    assert pip.constraint_lines[:4] == expected
    assert "torchaudio == 2.9.0" in pip.constraint_lines
    assert not any("geometric" in line or "requests" in line for line in pip.constraint_lines)


def test_wheels_in_local_folders(home, tmp_path):
    folder = tmp_path / "Räder und mehr"
    folder.mkdir()
    names = ["torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", "triton-3.8.0-cp311-cp311-linux_x86_64.whl"]
    for name in [
        *names,
        "torch_geometric-2.6-py3-none-any.whl",
        "torch-2.13.0.tar.gz",
        "requests-2.0-py3-none-any.whl",
    ]:
        write(folder / name, "")
    from urllib.parse import quote

    pip = config(home, PIP_FIND_LINKS=f"file://{quote(str(folder))} https://host.example/ /nowhere")
    assert list(pip.find_links_wheels) == names


KEYS = {"index_url": "index-url", "find_links": "find-links", "cert": "cert", "proxy": "proxy"}


def test_pip_itself_sees_the_same(home, tmp_path, venv):
    """The real pip of the environment lists its configuration; ours must hold the same values."""
    write(tmp_path / FILES[0], "[global]\nindex-url = https://global.example/\ncert = /global.pem\n")
    write(tmp_path / FILES[1], "[global]\nindex-url = https://old.example/\nproxy = http://old.example\n")
    write(tmp_path / FILES[2], "[global]\nindex-url = https://new.example/\n[install]\nfind-links = /install\n")
    site = write(venv / "pip.conf", "[global]\nfind-links = /site\n")
    python = venv / "bin/python"
    done = subprocess.run(
        [str(python), "-m", "pip", "config", "list"],
        env=environment(**home),
        capture_output=True,
        text=True,
        check=True,
    )
    site_conf = dict(line.split("=", 1) for line in done.stdout.splitlines())
    pip = config(home, python)
    site.unlink()
    for field, key in KEYS.items():
        wanted = site_conf.get(f"install.{key}") or site_conf.get(f"global.{key}")
        value = getattr(pip, field)
        assert repr(value[0] if isinstance(value, tuple) else value) == wanted, key


UV_TOML = """# a comment with "quotes"
no-index = false  # not this
find-links = [
    "/räder",  # the first
    'https://wheels.example/',
]
[pip]
extra-index-url = ["https://user:secret@pip.example/simple"]
[[index]]
name = "company"
url = "https://company.example/simple"
default = true
[[index]]
url = "https://more.example/simple"
[[index]]
url = "https://only-when-named.example/simple"
explicit = true
"""


def test_files_of_uv(home, tmp_path):
    file = write(f"{home['HOME']}/.config/uv/uv.toml", UV_TOML)
    pip = config(home, cwd=tmp_path)
    assert pip.index_url == "https://company.example/simple"
    assert pip.extra_index_urls == ("https://more.example/simple", "https://pip.example/simple")
    assert pip.find_links == ("/räder", "https://wheels.example/")
    assert pip.no_index is False
    assert pip.sources["index-url"] == str(file)


def test_what_pip_is_told_and_variables_beat_the_files_of_uv(home, tmp_path):
    write(f"{home['HOME']}/.config/uv/uv.toml", UV_TOML)
    assert config(home, cwd=tmp_path, PIP_INDEX_URL="https://pip.example/").index_url == "https://pip.example/"
    assert config(home, cwd=tmp_path, UV_DEFAULT_INDEX="https://uv.example/").index_url == "https://uv.example/"
    assert config(home, cwd=tmp_path, UV_NO_CONFIG="1").index_url is None


def test_the_project_above_the_current_folder(home, tmp_path):
    text = (
        "[project]\nname = 'x'\nindex-url = 'https://no.example/'\n[tool.uv]\nindex-url = 'https://project.example/'\n"
    )
    file = write(tmp_path / "project/pyproject.toml", text)
    folder = tmp_path / "project/deep/er"
    folder.mkdir(parents=True)
    pip = config(home, cwd=folder)
    assert (pip.index_url, pip.sources["index-url"]) == ("https://project.example/", str(file))
    write(tmp_path / "project/deep/uv.toml", "index-url = 'https://nearer.example/'\n")
    assert config(home, cwd=folder).index_url == "https://nearer.example/"


def test_escapes_in_strings_of_toml(home, tmp_path):
    write(tmp_path / "uv.toml", r"""find-links = ["C:\\wheels", 'D:\wheels', "with \"quotes\""]""")
    assert config(home, cwd=tmp_path).find_links == ("C:\\wheels", "D:\\wheels", 'with "quotes"')


def test_a_named_file_of_uv_stands_alone(home, tmp_path):
    write(f"{home['HOME']}/.config/uv/uv.toml", UV_TOML)
    named = write(tmp_path / "named.toml", 'find-links = "/named"\n')
    pip = config(home, cwd=tmp_path, UV_CONFIG_FILE=named)
    assert (pip.find_links, pip.index_url) == (("/named",), None)


@pytest.mark.parametrize(
    "text", ["[", "index-url =", "index-url = [", "[[index]]\nurl = 5\n", "\x00", "[[index]]\n" * 500, "index-url = 'a"]
)
def test_damaged_files_of_uv(home, tmp_path, text):
    write(tmp_path / "uv.toml", text)
    assert config(home, cwd=tmp_path).index_url is None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the standard library reads TOML since Python 3.11")
def test_a_real_reader_of_toml_agrees():
    import tomllib

    told = tomllib.loads(UV_TOML)
    assert told["find-links"] == ["/räder", "https://wheels.example/"]
    assert [one["url"] for one in told["index"] if one.get("default")] == ["https://company.example/simple"]
