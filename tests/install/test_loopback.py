"""``ptsetup install`` as a person calls it, against indexes on loopback. The wheels are small stand-ins, installed by real uv and pip."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from ptsetup import index
from ptsetup.install import journal, refusals
from ptsetup.install.settings import Settings, arguments, environment, out_of_sight
from tests.install.world import LINUX, torch_wheel
from tests.loopback import QUIET, login, serve, wheel

needs_311 = pytest.mark.skipif(sys.version_info < (3, 11), reason="torch 2.15.0 needs Python 3.11")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in wheels are Linux wheels")


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_torch_comes_from_its_index_and_the_rest_from_the_default_index(world, installer):
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    world.offer("2.14.1+cpu")
    done = world.install("torch==2.14.1", "--installer", installer)
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "filelock": "3.0"}.items()
    assert not any("filelock" in path for path in world.pytorch.asked)
    assert "Done: torch 2.14.1+cpu" in done.stdout


def test_what_is_right_already_is_left_alone_and_no_index_is_asked(world):
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    before, asked = world.files(), len(world.pytorch.asked)
    done = world.install("torch==2.14.1")
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "Nothing to do")
    assert (world.files(), len(world.pytorch.asked)) == (before, asked)


def test_what_is_named_beside_a_torch_that_is_right_is_installed_and_torch_is_left_alone(world):
    world.offer("2.14.1+cpu", requires=("filelock", "optree>=1; extra == 'optree'"))
    assert world.install("torch==2.14.1").returncode == 0
    for name in ("optree", "pandas"):
        world.default.add(f"simple/{name}", wheel(world.wheels, name, "2.0", files={f"{name}.py": ""}))
    asked, stamp = len(world.pytorch.asked), (world.site / "torch" / "version.py").stat()
    done = world.install("torch[optree]==2.14.1", "pandas>=1")
    assert done.returncode == 0, done.stderr
    assert "Replaces" not in done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "optree": "2.0", "pandas": "2.0"}.items()
    # no index of the family is asked, and not a file of it is written anew
    assert (len(world.pytorch.asked), (world.site / "torch" / "version.py").stat().st_ino) == (asked, stamp.st_ino)
    assert "Nothing to do" in world.install("torch[optree]==2.14.1", "pandas>=1").stdout
    assert "Nothing to do" not in world.install("torch==2.14.1", "pandas>=3").stdout


def test_a_torch_without_what_it_requires_is_not_right(world):
    """As a run leaves it that was killed between torch and its dependencies."""
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    whole = world.files()
    for path in (world.site / "filelock.py", *(world.site / "filelock-3.0.dist-info").iterdir()):
        path.unlink()
    (world.site / "filelock-3.0.dist-info").rmdir()
    done = world.install("torch==2.14.1")
    assert done.returncode == 0, done.stderr
    assert "Nothing to do" not in done.stdout
    assert world.files() == whole


def test_what_a_killed_run_has_left_goes_though_all_is_right(world):
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    right = world.files()
    journal.keep(str(world.site))
    done = world.install("torch==2.14.1")
    assert (done.returncode, "Nothing to do" in done.stdout) == (0, True)
    assert world.files() == right


def test_companions_of_another_build_are_replaced_with_it(world):
    for tag in ("cpu", "cu126"):
        world.offer(f"2.14.1+{tag}")
        world.pytorch.add(
            f"whl/{tag}/torchvision",
            wheel(
                world.wheels,
                "torchvision",
                f"0.29.1+{tag}",
                files={"torchvision/__init__.py": f"__version__ = '0.29.1+{tag}'\n"},
                requires=("torch==2.14.1",),
                tag=LINUX,
            ),
        )
    assert world.install("torch==2.14.1", "torchvision").returncode == 0
    done = world.install("torch==2.14.1", "--backend", "cu126")
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cu126", "torchvision": "0.29.1+cu126"}.items()


def test_a_wrong_build_is_replaced(world):
    world.offer("2.14.1+cpu")
    world.offer("2.14.1+cu126")
    assert world.install("torch==2.14.1").returncode == 0
    done = world.install("torch==2.14.1", "--backend", "cu126")
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.14.1+cu126"
    assert "Replaces torch 2.14.1+cpu" in done.stderr


CONFUSIONS = [
    lambda url: {"PIP_EXTRA_INDEX_URL": f"{url}/simple"},
    lambda url: {"UV_EXTRA_INDEX_URL": f"{url}/simple", "UV_INDEX_STRATEGY": "unsafe-best-match"},
    lambda url: {"UV_INDEX": f"evil={url}/simple"},
    lambda url: {"PIP_FIND_LINKS": f"{url}/simple/torch"},
]


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("settings", CONFUSIONS, ids=["pip extra", "uv extra", "uv index", "pip find-links"])
def test_a_hostile_index_supplies_nothing_of_the_family(world, settings, installer):
    """The accident of December 2022: another index offers the names of the family under higher versions."""
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    with serve() as hostile:
        for server in (hostile, world.default):
            server.add("simple/torch", torch_wheel(world.folder / "evil", "99.0", body="raise SystemExit('evil')\n"))
            for name in ("pytorch-triton-rocm", "torchvision"):
                server.add(
                    f"simple/{name}",
                    wheel(world.folder / "evil", name, "99.0", files={f"{name.replace('-', '_')}_evil.py": ""}),
                )
        world.pytorch.add(
            "whl/cpu/torch", torch_wheel(world.wheels, "2.14.1+cpu", requires=("filelock", "pytorch-triton-rocm>=3"))
        )
        world.pytorch.add(
            "whl/cpu/pytorch-triton-rocm",
            wheel(world.wheels, "pytorch-triton-rocm", "3.1.0", files={"triton_good.py": ""}),
        )
        done = world.install("torch==2.14.1", "--installer", installer, **settings(hostile.url))
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "pytorch_triton_rocm": "3.1.0"}.items()
    assert not list(world.site.glob("*evil*"))


def test_credentials_of_the_configured_index_reach_it_and_are_never_shown(world):
    world.offer("2.14.1+cpu")
    world.default.wants_login = login("user", "s3cret")
    address = world.default.url.replace("http://", "http://user:s3cret@") + "/simple"
    done = world.install("torch==2.14.1", PIP_INDEX_URL=address)
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("version", "cuda"),
    [pytest.param("2.15.0", "13.2", marks=needs_311, id="its own"), pytest.param("2.14.1", "13.0", id="the same")],
)
def test_a_build_of_the_default_index_comes_from_the_users_index(world, version, cuda):
    """Where a mirror is configured, nothing may be asked of the public index (here there is no way to it: the proxy refuses).

    Of 2.14.1 both indexes have the build for CUDA 13.0: the user's stands in for the PyTorch index, which is out of reach.
    """
    files = {
        "torch/__init__.py": "",
        "torch/version.py": f"__version__ = '{version}'\ndebug = False\ncuda = '{cuda}'\nhip = None\nxpu = None\n",
    }
    found = wheel(world.wheels, "torch", version, files=files, requires=("filelock",), tag=LINUX)
    world.default.add("simple/torch", found)
    subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    for installer in ("uv", "pip"):
        words = (f"torch=={version}", "--installer", installer, "--backend", f"cu{cuda.replace('.', '')}")
        argv = world.argv(*words)
        at = argv.index("--mirror")
        done = subprocess.run(
            [*argv[:at], *argv[at + 2 :]],
            capture_output=True,
            text=True,
            env={**world.env, "HTTPS_PROXY": "http://127.0.0.1:9", "PIP_RETRIES": "0"},
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        assert world.installed().items() >= {"torch": version, "filelock": "3.0"}.items()
        for name in ("torch", f"torch-{version}.dist-info"):
            shutil.rmtree(world.site / name)


def test_an_environment_without_pip_is_refused_to_pip(world):
    world.offer("2.14.1+cpu")
    done = world.install("torch==2.14.1", "--installer", "pip")
    assert (done.returncode, "has no pip" in done.stderr, "ensurepip" in done.stderr) == (3, True, True)


def test_constraints_of_pip_are_honoured(world):
    world.offer("2.14.1+cpu")
    world.offer("2.13.0+cpu")
    constraints = world.folder / "constraints.txt"
    constraints.write_text("torch<2.14\n")
    done = world.install(PIP_CONSTRAINT=str(constraints))
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.13.0+cpu"


@pytest.mark.parametrize("fault", [QUIET, 500, b"<html><a href='/login'>sign in</a></html>", b"x" * (21 * 1024 * 1024)])
def test_an_index_out_of_reach_is_asked_once_and_a_wheel_at_hand_is_taken(world, fault):
    world.pytorch.faults["*"] = fault
    torch_wheel(world.folder / "wheelhouse-é", "2.13.0+cpu")
    torch_wheel(world.folder / "wheelhouse-é", "2.12.0+cpu")
    torch_wheel(world.folder / "wheelhouse-é", "2.14.1+cu126")
    done = world.install(PIP_FIND_LINKS=str(world.folder / "wheelhouse-é"))
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.13.0+cpu"
    assert "out of reach" in done.stderr
    assert len(world.pytorch.asked) == 1


def test_without_any_wheel_one_error_names_the_host_and_three_ways_out(world):
    world.pytorch.faults["*"] = QUIET
    done = world.install()
    assert done.returncode == 3
    assert "127.0.0.1" in done.stderr
    assert all(way in done.stderr for way in ("--mirror", "--find-links", "another network"))
    assert world.installed() == {}


@needs_311
def test_an_announced_build_that_is_not_there_gives_way_to_the_next_best(world):
    world.offer("2.14.1+cpu")
    done = world.install()
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.14.1+cpu"
    assert "2.15.0+cpu is not on the index" in done.stderr


def test_a_mirror_that_has_an_old_release_only(world):
    """Many newer ones are known of: the page is read once, and all that it lacks is passed over."""
    oldest = {10: "2.0.1", 11: "2.0.1", 12: "2.2.0", 13: "2.5.0"}.get(sys.version_info.minor, "2.10.0")
    world.offer(f"{oldest}+cpu")
    done = world.install()
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == f"{oldest}+cpu"
    assert world.pytorch.asked.count("whl/cpu/torch") <= 3
    assert done.stderr.count("is not on the index") == 1


def test_a_wheel_whose_hash_differs_is_refused_and_nothing_is_changed(world):
    world.offer("2.14.1+cpu")
    world.pytorch.wrong_hashes = True
    before = world.files()
    done = world.install("torch==2.14.1")
    assert done.returncode == 3
    assert world.files() == before


def with_hash(world, file: str, digest: str):
    """An index whose PyTorch index is the loopback one, and which knows that hash of one of its wheels."""
    data = json.loads(index.locate().read_bytes())
    data["origin_url"] = f"{world.pytorch.url}/whl"
    project, version, python_tag, abi, platform = file.removesuffix(".whl").split("-")
    known = [row for row in data["files"] if row[0] not in ("torch", "torchvision")]
    data["files"] = [*known, [project, version, python_tag, abi, platform, "pytorch", file, "whl/cpu", digest]]
    path = world.folder / "index.json"
    path.write_text(json.dumps(data))
    return path


def without_mirror(argv):
    position = argv.index("--mirror")
    return [*argv[:position], *argv[position + 2 :]]


@pytest.mark.parametrize("project", ["torch", "torchvision"])
def test_a_page_that_gives_another_hash_than_the_known_one_is_refused_before_anything_is_fetched(world, project):
    """The installer would take the wheel: it agrees with its page."""
    version = {"torch": "2.14.1+cpu", "torchvision": "0.29.1+cpu"}
    world.offer(version["torch"])
    vision = wheel(world.wheels, "torchvision", version["torchvision"], files={"torchvision.py": ""}, tag=LINUX)
    world.pytorch.add("whl/cpu/torchvision", vision)
    file = f"{project}-{version[project]}-{LINUX}.whl"
    own = hashlib.sha256((world.wheels / file).read_bytes()).hexdigest()
    before = world.files()
    for digest, code in (("0" * 64, 3), (own, 0)):
        argv = without_mirror(
            world.argv("torch==2.14.1", "torchvision", "--index", str(with_hash(world, file, digest)))
        )
        done = subprocess.run(
            argv, capture_output=True, text=True, env=world.env, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == code, done.stderr
        if code:
            assert f"127.0.0.1:{world.pytorch.url.rpartition(':')[2]} gives another sha256 for {file}" in done.stderr
            assert world.files() == before
            assert not [path for path in world.pytorch.asked if path.endswith(".whl")]
    assert world.installed()["torch"] == "2.14.1+cpu"


def test_the_hash_of_a_mirrors_page_is_the_users_to_trust(world):
    world.offer("2.14.1+cpu")
    file = f"torch-2.14.1+cpu-{LINUX}.whl"
    done = world.install("torch==2.14.1", "--index", str(with_hash(world, file, "0" * 64)))
    assert done.returncode == 0, done.stderr


def test_when_a_dependency_is_missing_the_old_torch_is_back(world):
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    before = world.files()
    world.offer("2.13.0+cpu", requires=("filelock", "no-such-package-at-all"))
    done = world.install("torch==2.13.0")
    assert done.returncode == 3
    assert "The old state is back" in done.stderr
    assert world.files() == before


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["Ctrl-C", "kill", "closed terminal"]
)
def test_an_interrupted_installation_puts_everything_back(world, number):
    """Ctrl-C reaches the installer as well; the others reach ptsetup alone, which ends it."""
    world.offer("2.13.0+cpu")
    assert world.install("torch==2.13.0").returncode == 0
    before = world.files()
    world.offer("2.14.1+cpu")
    world.default.add("simple/late", wheel(world.wheels, "late", "1.0", files={"late.py": ""}))
    world.pytorch.hold = "files/whl/cpu/torch/torch-2.14.1"
    running = subprocess.Popen(
        world.argv("torch==2.14.1"),
        env=world.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert world.pytorch.held.wait(60)
    os.killpg(running.pid, number) if number == signal.SIGINT else running.send_signal(number)
    _, errors = running.communicate()
    assert running.returncode == 130, errors
    assert b"Traceback" not in errors
    assert world.files() == before


def test_a_run_that_was_killed_is_put_right_by_the_next(world):
    world.offer("2.13.0+cpu")
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.13.0").returncode == 0
    journal.keep(str(world.site))
    for path in (world.site / "torch").glob("*.py"):
        path.unlink()
    done = world.install("torch==2.14.1")
    assert done.returncode == 0, done.stderr
    assert "cut off" in done.stderr
    assert world.installed()["torch"] == "2.14.1+cpu"
    assert not (world.site / journal.FOLDER).exists()


def test_a_failed_proof_puts_the_old_state_back(world):
    world.offer("2.13.0+cpu")
    assert world.install("torch==2.13.0").returncode == 0
    before = world.files()
    world.offer("2.14.1+cpu", body="raise ImportError('broken on purpose')\n")
    argv = [word for word in world.argv("torch==2.14.1") if word != "--no-prove"]
    done = subprocess.run(argv, capture_output=True, text=True, env=world.env, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 3
    assert "broken on purpose" in done.stderr
    assert world.files() == before


def test_a_dry_run_shows_the_commands_and_changes_nothing(world):
    world.offer("2.14.1+cpu")
    before = world.files()
    done = world.install("torch==2.14.1", "--dry-run")
    assert done.returncode == 0
    assert "--no-deps" in done.stdout
    assert world.files() == before


def test_a_folder_of_wheels_is_enough(world):
    torch_wheel(world.folder / "mine", "2.13.0+cpu")
    done = world.install("--find-links", str(world.folder / "mine"))
    assert done.returncode == 0, done.stderr
    assert world.pytorch.asked == []
    done = world.install("--find-links", str(world.folder / "home"))
    assert (done.returncode, "holds no torch wheel" in done.stderr) == (3, True)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_mirror_in_a_folder(world, installer):
    """Written as a path, or as an address; what it does not have gives way to what it has."""
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    tree = world.folder / "a mirror ü"
    (tree / "cpu" / "torch").mkdir(parents=True)
    made = torch_wheel(tree / "cpu" / "torch", "2.13.0+cpu")
    link = made.name.replace("+", "%2B")
    (tree / "cpu" / "torch" / "index.html").write_text(f"<html><body><a href='{link}'>{made.name}</a></body></html>")
    argv = world.argv("--installer", installer)
    for written in (str(tree), tree.as_uri()):
        argv[argv.index("--mirror") + 1] = written
        done = subprocess.run(
            argv, env=world.env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.13.0+cpu"
    argv[argv.index("--mirror") + 1] = (world.folder / "nothing").as_uri()
    done = subprocess.run(argv, env=world.env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, "is out of reach" in done.stderr) == (3, True), done.stdout


def test_a_torch_behind_the_one_that_counts_is_in_nobodys_way(world):
    """In the user's own folder, which an environment sees that sees the system's packages."""
    world.offer("2.14.1+cpu")
    other = world.folder / "other"
    with zipfile.ZipFile(torch_wheel(world.folder / "old", "2.13.0+cpu")) as archive:
        archive.extractall(other)
    (world.site / "more.pth").write_text(f"{other}\n")
    assert world.install("torch==2.14.1").returncode == 0
    done = world.install("torch==2.14.1")
    assert (done.returncode, "Nothing to do" in done.stdout) == (0, True), done.stderr


def test_a_second_install_into_the_same_environment_is_refused(world):
    from ptsetup.install import refusals

    world.offer("2.14.1+cpu")
    with refusals.lock(str(world.prefix)):
        done = world.install("torch==2.14.1")
    assert (done.returncode, "Another ptsetup install" in done.stderr) == (3, True)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_and_a_plain_locale_are_no_trouble(world, closed):
    world.offer("2.14.1+cpu")
    argv = " ".join(f"'{word}'" for word in world.argv("torch==2.14.1"))
    done = subprocess.run(
        ["sh", "-c", f"{argv} {closed}"],
        capture_output=True,
        text=True,
        env={**world.env, "LC_ALL": "C", "PYTHONUTF8": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert world.installed()["torch"] == "2.14.1+cpu"


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_damaged_torch_of_the_same_version_is_repaired(world, installer):
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1", "--installer", installer).returncode == 0
    whole = (world.site / "torch" / "__init__.py").read_bytes()
    folder = world.site / "torch" / "lib"
    folder.mkdir()
    (world.site / "torch" / "version.py").write_text("__version__ = '2.14.1+cu999'\n")
    (world.site / "torch" / "__init__.py").unlink()
    done = world.install("torch==2.14.1", "--installer", installer)
    assert done.returncode == 0, done.stderr
    assert (world.site / "torch" / "__init__.py").read_bytes() == whole
    assert "2.14.1+cpu" in (world.site / "torch" / "version.py").read_text()


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_mirror_with_a_login(world, installer):
    """Its password reaches the mirror and is in nobody's sight."""
    if installer == "pip":
        subprocess.run([world.python, "-m", "ensurepip"], check=True, capture_output=True)
    world.offer("2.14.1+cpu")
    world.pytorch.wants_login = login("user", "s3cret")
    mirror = world.pytorch.url.replace("http://", "http://user:s3cret@") + "/whl"
    done = world.install("torch==2.14.1", "--installer", installer, "--mirror", mirror)
    assert done.returncode == 0, done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    assert world.installed()["torch"] == "2.14.1+cpu"


def test_addresses_with_a_login_become_variables():
    secret, plain = "https://u:s3cret@host.example/simple", "https://host.example/simple"
    argv = ["x", "--isolated", "--index-url", secret, "--find-links", secret, "--find-links", plain, "torch==1"]
    kept = ["--find-links", plain, "torch==1"]
    assert out_of_sight(argv, is_uv=True) == (["x", *kept], {"UV_DEFAULT_INDEX": secret, "UV_FIND_LINKS": secret})
    assert out_of_sight(argv, is_uv=False) == (["x", *kept], {"PIP_INDEX_URL": secret, "PIP_FIND_LINKS": secret})
    assert out_of_sight(["x", "--isolated", "--index-url", plain], is_uv=False) == (
        ["x", "--isolated", "--index-url", plain],
        {},
    )


def test_the_password_of_the_index_is_in_no_argument_of_the_installer():
    """Arguments can be read by everybody (``ps``)."""
    settings = Settings(
        index_url="https://user:s3cret@host.example/simple", proxy="http://user:s3cret@proxy.example:3128"
    )
    for is_uv in (True, False):
        words = arguments(settings, is_uv=is_uv, is_family=False, is_default=True)
        assert not any("s3cret" in word for word in words)
    assert environment(settings, {}, is_default=True)["UV_DEFAULT_INDEX"] == settings.index_url
    assert "UV_DEFAULT_INDEX" not in environment(settings, {}, is_default=False)


def test_the_requirements_of_a_plan_install_with_plain_pip(world):
    """Pins, index line and all; dependencies of torch stand on the PyTorch index, too, so one index is enough."""
    world.pytorch.add(
        "whl/cpu/filelock", wheel(world.wheels, "filelock", "3.1", files={"filelock.py": "GOOD = True\n"})
    )
    world.offer("2.14.1+cpu")
    argv = [*world.argv("--format", "requirements", "torch==2.14.1", "six")]
    argv[3] = "plan"
    argv.remove("--no-prove")
    written = subprocess.run(argv, capture_output=True, text=True, env=world.env, check=True, stdin=subprocess.DEVNULL)
    file = world.folder / "requirements file.txt"
    file.write_text(written.stdout)
    assert "# then, from your default index: pip install six" in written.stdout
    before = len(world.default.asked)
    pip = [sys.executable, "-m", "pip", "--python", world.python, "--disable-pip-version-check", "install", "-r", file]
    done = subprocess.run(pip, capture_output=True, text=True, env=world.env, check=False)
    assert done.returncode == 0, done.stderr
    assert (world.site / "torch" / "version.py").is_file()
    assert world.default.asked[before:] == []


def test_the_requirements_of_a_plan_from_a_folder_name_it_so_that_pip_finds_it(world):
    """Option lines are taken apart by pip as by a shell: a folder with a space, and on Windows each backslash, needs quotes."""
    folder = world.folder / "my wheels"
    torch_wheel(folder, "2.14.1+cpu", requires=())
    argv = [*world.argv("--format", "requirements", "torch==2.14.1", "--find-links", str(folder))]
    argv[3] = "plan"
    argv.remove("--no-prove")
    written = subprocess.run(argv, capture_output=True, text=True, env=world.env, check=True, stdin=subprocess.DEVNULL)
    file = world.folder / "requirements.txt"
    file.write_text(written.stdout)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        world.python,
        "--disable-pip-version-check",
        "install",
        "--no-index",
    ]
    done = subprocess.run([*pip, "-r", file], capture_output=True, text=True, env=world.env, check=False)
    assert done.returncode == 0, done.stderr
    assert world.installed()["torch"] == "2.14.1+cpu"


def nightly(world, version, tag):
    world.pytorch.add(f"whl/nightly/{tag}/torch", torch_wheel(world.wheels, version))
    filelock = wheel(world.wheels, "filelock", "3.1", files={"filelock.py": "GOOD = True\n"})
    world.pytorch.add(f"whl/nightly/{tag}/filelock", filelock)


@needs_311
def test_a_nightly_is_named_by_what_the_page_has_and_installed_whole_from_there(world):
    nightly(world, "2.16.0.dev20261119+cpu", "cpu")
    nightly(world, "2.16.0.dev20261120+cpu", "cpu")
    done = world.install("--pre")
    assert done.returncode == 0, done.stderr
    assert world.installed().items() >= {"torch": "2.16.0.dev20261120+cpu", "filelock": "3.1"}.items()
    assert "has 2.16.0.dev20261120+cpu (asked just now)" in done.stdout + done.stderr
    assert world.default.asked == []


@needs_311
def test_a_nightly_page_without_a_wheel_for_this_python_is_no_promise(world):
    world.pytorch.pages["whl/nightly/cpu/torch"] = []
    done = world.install("--pre", "--dry-run")
    assert (done.returncode, "No nightly of torch" in done.stdout) == (3, True), done.stderr
    assert "take 2.15.0 for the CPU in place of a nightly" in done.stdout


@needs_311
def test_names_on_a_nightly_page_that_are_no_versions_are_passed_over(world):
    nightly(world, "2.16.0.dev20261119+cpu", "cpu")
    world.pytorch.add("whl/nightly/cpu/torch", torch_wheel(world.wheels, "latest"))
    done = world.install("--pre", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "has 2.16.0.dev20261119+cpu (asked just now)" in done.stdout


def test_what_another_installation_keeps_for_its_way_back_is_left_alone(world):
    """It is being proved: all looks right already, and yet its old state may be needed."""
    from ptsetup.install import refusals

    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    journal.keep(str(world.site))
    with refusals.lock(str(world.prefix)):
        done = world.install("torch==2.14.1")
    assert (done.returncode, "Another ptsetup install" in done.stderr) == (3, True), done.stdout
    assert journal.left_behind(str(world.site)) is not None


def test_an_installer_that_writes_elsewhere_is_not_believed(world):
    """A pip that says it is done and did nothing here (stands in for a wrapper of a company)."""
    world.offer("2.14.1+cpu")
    package = world.site / "pip"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text("print('Successfully installed torch')")
    (world.site / "pip-99.dist-info").mkdir()
    (world.site / "pip-99.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pip\nVersion: 99\n")
    done = world.install("torch==2.14.1", "--installer", "pip")
    assert (done.returncode, "but torch is not in" in done.stderr) == (3, True), done.stdout


@needs_311
def test_a_companion_that_the_index_does_not_have_leads_to_the_next_torch_that_has_one(world):
    for torch, vision in (("2.15.0+cpu", None), ("2.14.1+cpu", "0.29.1+cpu")):
        world.offer(torch)
        if vision:
            made = wheel(world.wheels, "torchvision", vision, files={"torchvision.py": ""}, tag=LINUX)
            world.pytorch.add("whl/cpu/torchvision", made)
    done = world.install("torch", "torchvision")
    assert done.returncode == 0, done.stderr
    installed = world.installed()
    assert (installed["torch"], installed["torchvision"]) == ("2.14.1+cpu", "0.29.1+cpu")
    assert "torchvision-0.29.2+cpu is not on the index" in done.stderr


def doctor(world, *options):
    argv = [sys.executable, "-m", "ptsetup", "doctor", "--python", str(world.python), "--no-import", *options]
    return subprocess.run(argv, capture_output=True, text=True, env=world.env, check=False, stdin=subprocess.DEVNULL)


def test_the_doctor_tells_of_an_installation_that_was_cut_off_and_install_mends_it(world):
    """Killed between the old torch and the new."""
    world.offer("2.14.1+cpu")
    assert world.install("torch==2.14.1").returncode == 0
    right = world.files()
    journal.keep(str(world.site))
    assert "PT225" in doctor(world).stdout
    shutil.rmtree(world.site / "torch")
    told = json.loads(doctor(world, "--format", "json").stdout)
    first = told["findings"][0]
    assert (first["code"], first["severity"]) == ("PT225", "error")
    assert all(
        finding["consequence_of"] == "PT225" for finding in told["findings"][1:] if finding["severity"] != "note"
    )
    assert first["fixes"][0]["shell"].startswith("ptsetup install")
    with refusals.lock(str(world.prefix)):
        assert "PT225" not in doctor(world).stdout, "an installation that is at work is not cut off"
    done = world.install("torch==2.14.1")
    assert (done.returncode, "old state is put back" in done.stderr) == (0, True)
    assert world.files() == right
    assert "PT225" not in doctor(world).stdout
