"""The commands that ``plan`` prints for this machine do what ``install`` does with the user's settings of pip, and show no login."""

import shlex
import subprocess
import sys

import pytest

from ptsetup.install import Settings, as_shown
from ptsetup.install.printed import as_typed, without_login
from ptsetup.install.settings import out_of_sight
from tests.loopback import wheel
from tests.plan.described import planned

SETTINGS = Settings(
    index_url="https://me:s3cret@host.example/simple",
    find_links=("/srv/wheels", "https://me:s3cret@host.example/page"),
    constraints=("/etc/constraints.txt",),
    cert="/etc/company.pem",
    proxy="http://me:s3cret@proxy.example:3128",
)
FAMILY = (
    "uv",
    "pip",
    "install",
    "--python",
    "py",
    "--no-deps",
    "--no-config",
    "--index-url",
    "https://x/whl/cpu",
    "torch==2",
)
REST = ("uv", "pip", "install", "--python", "py", "torch==2", "pandas")
DEFAULT = ("uv", "pip", "install", "--python", "py", "--no-deps", "--no-config", "torch==2")
PIP_DEFAULT = ("py", "-m", "pip", "install", "--no-deps", "--isolated", "torch==2")
PIP_REST = ("py", "-m", "pip", "install", "torch==2", "pandas")


@pytest.mark.parametrize(
    ("command", "added"),
    [
        (FAMILY, ()),
        (DEFAULT, ("--default-index", "https://host.example/simple")),
        (
            REST,
            ("--no-config", "--find-links", "/srv/wheels", "--find-links", "https://host.example/page",
             "--constraint", "/etc/constraints.txt", "--default-index", "https://host.example/simple"),
        ),
        (PIP_REST, ()),
        (
            PIP_DEFAULT,
            ("--cert", "/etc/company.pem", "--proxy", "http://proxy.example:3128", "--index-url", "https://host.example/simple"),
        ),
    ],
    ids=["family", "family of the default index", "the rest", "pip, the rest", "pip, family of the default index"],
)  # fmt: skip
def test_what_is_added_to_a_command(command, added):
    typed = as_typed(command, SETTINGS)
    place = 5 if command[0] == "uv" else 4
    assert typed == (*command[:place], *added, *command[place:])


def test_without_an_index_none_is_named():
    typed = as_typed(REST, Settings(is_without_index=True, index_url="https://host.example/simple", find_links=("/w",)))
    assert "--default-index" not in typed
    assert {"--no-index", "--find-links"} <= set(typed)


def test_no_login_is_shown_and_it_is_said_that_there_is_one():
    shown = as_shown(planned("torch", "pandas"), SETTINGS)
    assert "s3cret" not in str(shown)
    assert any("login" in note for note in shown.warnings)
    assert any(
        "SSL_CERT_FILE=/etc/company.pem and HTTPS_PROXY=http://proxy.example:3128" in note for note in shown.warnings
    )


def test_without_settings_a_plan_is_shown_as_it_is_but_for_the_configuration_of_uv_that_is_merged_already():
    made = planned("torch", "pandas")
    shown = as_shown(made, Settings())
    assert shown.warnings == made.warnings
    assert shown.commands[0] == made.commands[0]
    assert [word for word in shown.commands[1] if word not in made.commands[1]] == ["--no-config"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the stand-in wheels are Linux wheels")
def test_the_lines_that_are_printed_install_what_install_would(world):
    """In a shell of its own, in which nothing names the user's index but the lines themselves."""
    world.offer("2.14.1+cpu")
    world.default.add("simple/pandas", wheel(world.wheels, "pandas", "2.0", files={"pandas.py": ""}))
    argv = [word for word in world.argv("torch==2.14.1", "pandas", "--format", "shell") if word != "--no-prove"]
    argv[argv.index("install")] = "plan"
    login = {"PIP_INDEX_URL": world.default.url.replace("://", "://me:s3cret@") + "/simple"}
    told = subprocess.run(argv, capture_output=True, text=True, env={**world.env, **login}, check=True)
    assert "s3cret" not in told.stdout + told.stderr
    env = {name: value for name, value in world.env.items() if not name.startswith("PIP_")}
    for line in told.stdout.splitlines():
        words = shlex.split(line)
        words[:1] = [sys.executable, "-m", "uv"] if words[0] == "uv" else words[:1]
        subprocess.run(words, env=env, check=True, capture_output=True)
    assert world.installed().items() >= {"torch": "2.14.1+cpu", "pandas": "2.0", "filelock": "3.0"}.items()


@pytest.mark.parametrize("password", ["s3cret", "bare@s3cret", "bare/s3cret"])
def test_of_a_password_with_bare_signs_nothing_is_left(password):
    address = f"https://me:{password}@host.example:8443/simple"
    assert without_login(address) == "https://host.example:8443/simple"
    assert out_of_sight(["uv", "--index-url", address], is_uv=True) == (["uv"], {"UV_DEFAULT_INDEX": address})


def test_a_port_and_a_sign_in_the_path_are_no_login():
    address = "https://host.example:8443/simple/a@b"
    assert without_login(address) == address
    assert out_of_sight(["uv", "--index-url", address], is_uv=True)[1] == {}
