"""A plan for this machine as it is shown: its commands do what ``install`` does with the user's settings, and hold no login."""

from collections.abc import Sequence

from ptsetup.facts import replace
from ptsetup.index import web
from ptsetup.install.settings import Settings, arguments, asks_default_index
from ptsetup.plan import Plan


def as_shown(plan: Plan, settings: Settings) -> Plan:
    """The plan with commands that can be typed, and a note on what a command line cannot say."""
    commands = tuple(as_typed(command, settings) for command in plan.commands)
    # pip reads its configuration, login and all, by itself
    is_by_itself = commands == plan.commands and all(command[0] != "uv" for command in commands)
    notes = () if is_by_itself else _notes(plan, settings)
    shown: Plan = replace(plan, commands=commands, warnings=(*plan.warnings, *notes))
    return shown


def as_typed(command: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """One command. pip reads its own configuration, but for a call that is isolated from it; uv reads none of pip's."""
    is_uv, is_default = command[0] == "uv", asks_default_index(command)
    is_family = not {"--isolated", "--no-config"}.isdisjoint(command)
    if not is_uv and not (is_default and is_family):
        return tuple(command)
    place = command.index("install") + 1
    given = arguments(settings, is_uv=is_uv, is_family=is_family, is_default=is_default)
    words = [without_login(word) for word in given if word not in ("--retries", "1")]
    if not is_uv and settings.proxy:
        words += ["--proxy", without_login(settings.proxy)]
    if is_default and settings.index_url and not settings.is_without_index:
        words += ["--default-index" if is_uv else "--index-url", without_login(settings.index_url)]
    # behind --python and its value, where a plan has its own sources
    after = place + 2 if command[place : place + 1] == ("--python",) else place
    return (*command[:after], *words, *command[after:])


def without_login(text: str) -> str:
    """An address without user and password."""
    return web.hidden(text, "")


def _notes(plan: Plan, settings: Settings) -> tuple[str, ...]:
    is_uv = any(command[0] == "uv" for command in plan.commands)
    variables = {"SSL_CERT_FILE": settings.cert, "HTTPS_PROXY": settings.proxy} if is_uv else {}
    named = [f"{name}={without_login(value)}" for name, value in variables.items() if value]
    notes = [f"with your settings of pip, ptsetup install runs uv with {' and '.join(named)}"] if named else []
    secret = (settings.index_url, settings.proxy, *settings.find_links)
    if any(web.holds_login(text) for text in secret if text):
        notes.append("the login in your settings of pip is not printed; ptsetup install gives it to the installer")
    return tuple(notes)
