"""What a company's pip.conf says is honoured with uv as well: index, proxy, certificates, wheels, constraints."""

import contextlib
import pathlib
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ptsetup.install.settings import Settings, environment
from tests.install.world import World, torch_wheel
from tests.loopback import Index, login, serve, wheel

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in wheels are Linux wheels")


def configured(world: World, lines: str, *, installer: str) -> dict[str, str]:
    """The variables of a person whose settings stand in pip.conf alone."""
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    file = pathlib.Path(world.env["HOME"]) / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text(f"[global]\n{lines}\n")
    return {name: value for name, value in world.env.items() if not name.startswith(("PIP_", "NO_PROXY"))}


def run(
    world: World, env: dict[str, str], *options: str, mirror: str | None = None
) -> "subprocess.CompletedProcess[str]":
    argv = world.argv("torch==2.14.1", *options)
    if mirror is not None:
        argv[argv.index("--mirror") + 1] = mirror
    return subprocess.run(argv, capture_output=True, text=True, env=env, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("scheme", ["http://", "", "user:s3cret@"], ids=["scheme", "none", "login"])
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_index_and_proxy_of_pip_conf(world, installer, scheme):
    """Nobody answers at either host: only the proxy can have done so. pip lets a proxy be written without its scheme."""
    with serve() as proxy:
        proxy.add("whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu"))
        proxy.add("simple/filelock", wheel(world.wheels, "filelock", "3.0", files={"filelock.py": ""}))
        env = configured(
            world,
            f"index-url = http://127.0.0.2:1/simple\nproxy = {scheme}{proxy.url.removeprefix('http://')}",
            installer=installer,
        )
        done = run(world, env, "--installer", installer, mirror="http://127.0.0.3:1/whl")
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()


@contextlib.contextmanager
def encrypted(world: World, *usage: str) -> Iterator[tuple[Index, str]]:
    """(An index over https, the certificate of the company that signed its own)."""
    key, cert, authority = world.folder / "key.pem", world.folder / "cert.pem", world.folder / "authority.pem"
    names = world.folder / "names"
    names.write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n")
    new, sign = ["req", "-newkey", "rsa:2048", "-nodes"], ["x509", "-req", "-days", "2", "-CAcreateserial"]
    for arguments in (
        [
            *new,
            "-x509",
            "-days",
            "2",
            "-subj",
            "/CN=A company",
            *usage,
            "-keyout",
            f"{authority}.key",
            "-out",
            authority,
        ],
        [*new, "-subj", "/CN=localhost", "-keyout", key, "-out", f"{cert}.asked"],
        [
            *sign,
            "-in",
            f"{cert}.asked",
            "-CA",
            authority,
            "-CAkey",
            f"{authority}.key",
            "-extfile",
            names,
            "-out",
            cert,
        ],
    ):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with serve(context) as index:
        # pip 24.2 stumbles over the number of a host on Python 3.13
        index.url = index.url.replace("127.0.0.1", "localhost")
        yield index, str(authority)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.parametrize(
    ("installer", "usage"), [("uv", ()), ("pip", ("-addext", "keyUsage=critical,keyCertSign"))], ids=["uv", "pip"]
)
def test_certificate_of_pip_conf(world, installer, usage):
    """Many companies' certificates do not say what they may be used for; pip wants that from Python 3.13 on, uv and we do not."""
    with encrypted(world, *usage) as (index, cert):
        index.add("whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu"))
        index.add("simple/filelock", wheel(world.wheels, "filelock", "3.0", files={"filelock.py": ""}))
        env = configured(world, f"index-url = {index.url}/simple\ncert = {cert}", installer=installer)
        done = run(world, env, "--installer", installer, mirror=f"{index.url}/whl")
        assert done.returncode == 0, done.stderr
        assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_host_that_the_user_trusts_needs_no_certificate(world, installer):
    with encrypted(world) as (index, _):
        index.add("whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu"))
        index.add("simple/filelock", wheel(world.wheels, "filelock", "3.0", files={"filelock.py": ""}))
        lines = f"index-url = {index.url}/simple\ntrusted-host = localhost"
        env = configured(world, lines, installer=installer)
        done = run(world, env, "--installer", installer, mirror=f"{index.url}/whl")
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_folder_of_certificates(world, installer):
    """For pip a folder is as good as a file; its names are hashes, which ``openssl rehash`` gives."""
    with encrypted(world, "-addext", "keyUsage=critical,keyCertSign") as (index, cert):
        folder = world.folder / "certificates"
        folder.mkdir()
        shutil.copy(cert, folder)
        subprocess.run(["openssl", "rehash", folder], check=True, capture_output=True)
        index.add("whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu"))
        index.add("simple/filelock", wheel(world.wheels, "filelock", "3.0", files={"filelock.py": ""}))
        env = configured(world, f"index-url = {index.url}/simple\ncert = {folder}", installer=installer)
        done = run(world, env, "--installer", installer, mirror=f"{index.url}/whl")
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_a_certificate_that_is_not_trusted_is_no_way_in(world):
    with encrypted(world) as (index, _):
        index.add("whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu"))
        done = run(world, configured(world, "", installer="uv"), mirror=f"{index.url}/whl")
    assert done.returncode == 3
    assert "certificate verify failed" in done.stderr.lower()
    assert world.installed() == {}


def test_a_certificate_file_that_is_not_there_is_told(world):
    world.offer("2.14.1+cpu")
    done = run(world, configured(world, "cert = /nowhere/ca.pem", installer="uv"))
    assert (done.returncode, "/nowhere/ca.pem, cannot be read" in done.stderr) == (3, True)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_wheels_and_constraints_of_pip_conf(world, installer):
    """The dependency lies in a folder only, in two versions; the constraint takes the older."""
    world.offer("2.14.1+cpu")
    house = world.folder / "wheelhouse ü"
    for version in ("3.1", "3.2"):
        wheel(house, "filelock", version, files={"filelock.py": ""})
    constraints = world.folder / "constraints.txt"
    constraints.write_text("filelock<3.2\n")
    lines = f"index-url = {world.default.url}/nothing\nfind-links = {house.as_uri()}\nconstraint = {constraints}"
    done = run(world, configured(world, lines, installer=installer), "--installer", installer)
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.1"}.items()


def test_with_no_index_only_wheels_at_hand_are_taken(world):
    """Nobody is asked, not even the PyTorch index; here a proxy would tell."""
    house = world.folder / "house"
    torch_wheel(house, "2.13.0+cpu")
    wheel(house, "filelock", "3.0", files={"filelock.py": ""})
    lines = f"no-index = true\nfind-links = {house}"
    with serve() as proxy:
        env = configured(world, f"{lines}\nproxy = {proxy.url}", installer="uv")
        argv = world.argv()
        at = argv.index("--mirror")
        done = subprocess.run(
            [*argv[:at], *argv[at + 2 :]],
            capture_output=True,
            text=True,
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        assert (proxy.asked, "no-index" in done.stderr) == ([], True)
    assert world.installed().items() >= {"torch": "2.13.0+cpu", "filelock": "3.0"}.items()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="torch 2.15.0 needs Python 3.11")
def test_a_plan_asks_through_a_proxy_with_its_login(world):
    """An announced build is asked for before it is promised."""
    with serve() as proxy:
        proxy.add("whl/cpu/torch", torch_wheel(world.wheels, "2.15.0+cpu"))
        env = configured(world, f"proxy = {proxy.url.replace('//', '//me:s3cret@')}", installer="uv")
        argv = [*world.argv()[:3], "plan", "--python", str(world.python), "--backend", "cpu"]
        done = subprocess.run(
            [*argv, "--mirror", "http://127.0.0.3:1/whl"],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "asked just now" in " ".join(done.stdout.split()), done.stdout + done.stderr
        assert proxy.proxy_logins == [login("me", "s3cret")]


def test_a_proxy_that_refuses_is_named(world):
    with serve() as proxy:
        proxy.faults["*"] = 407
        env = configured(world, f"proxy = {proxy.url}", installer="uv")
        done = run(world, env, mirror="http://torch.localhost/whl")
    assert done.returncode == 3
    assert f"through the proxy {proxy.url.removeprefix('http://')} answered 407" in done.stderr


@pytest.mark.parametrize("is_address", [True, False], ids=["address", "home"])
def test_a_wheelhouse_is_found_however_it_is_written(world, is_address):
    house = pathlib.Path(world.env["HOME"]) / "wheels-é"
    torch_wheel(house, "2.13.0+cpu")
    written = house.as_uri() if is_address else f"~/{house.name}"
    world.pytorch.faults["*"] = 500
    done = world.install(PIP_FIND_LINKS=written)
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.13.0+cpu"
    again = world.install("--find-links", written, "--dry-run")
    assert (again.returncode, "2.13.0" in again.stdout) == (0, True), again.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PIP_PYTHON", "{other}/bin/python"), ("PIP_DRY_RUN", "1"), ("PIP_TARGET", "{other}"), ("PIP_PREFIX", "{other}")],
)
def test_no_variable_of_pip_leads_elsewhere(world, variable, value):
    world.offer("2.14.1+cpu")
    other = world.folder / "other"
    for place in (world.prefix, other):
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    before = sorted(other.rglob("*"))
    done = world.install("torch==2.14.1", "--installer", "pip", **{variable: value.format(other=other)})
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()
    assert sorted(other.rglob("*")) == before


def test_what_a_user_forbids_or_grants_reaches_the_installer_and_nothing_else():
    settings = Settings()
    kept = {"PIP_TIMEOUT", "PIP_ONLY_BINARY", "UV_OFFLINE", "UV_LINK_MODE", "UV_INDEX_CORP_PASSWORD", "HOME"}
    lost = {
        "PIP_PYTHON",
        "PIP_TARGET",
        "UV_INDEX",
        "UV_CONFIG_FILE",
        "UV_WORKING_DIR",
        "UV_INDEX_STRATEGY",
        "PYTHONPATH",
    }
    assert environment(settings, dict.fromkeys(kept | lost, "x"), is_default=True).keys() & (kept | lost) == kept
