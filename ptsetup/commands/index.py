"""``ptsetup index``: show, verify or update the index of wheels."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ptsetup.commands import _options
from ptsetup.terminal import Terminal

if TYPE_CHECKING:
    from ptsetup.index import WheelIndex


@click.group()
def command() -> None:
    """Show, verify or update the index of wheels that plans are made from."""


@command.command(short_help="All releases with their builds, or one in detail.")
@click.argument("version", required=False)
@_options.index_file
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.pass_obj
def show(terminal: Terminal, version: str | None, index_file: str | None, form: str) -> None:
    """Show all releases with their builds, or one VERSION in detail."""
    from ptsetup import index
    from ptsetup.errors import RequestError
    from ptsetup.render import index as render

    wheels, source = index.find(index_file)
    if version is None:
        terminal.result_bytes(render.all_as_json(wheels)) if form == "json" else terminal.result(
            render.all_as_text(wheels, source, terminal.width)
        )
        return
    wanted = version.partition("+")[0]
    if wheels.release(wanted) is None:
        raise RequestError(
            f"The index knows no release {version!r} of torch.",
            hint=f"The newest is {wheels.releases[-1].version}; ptsetup index show lists all.",
        )
    if form == "json":
        terminal.result_bytes(render.one_as_json(wheels, wanted))
    else:
        terminal.result(render.one_as_text(wheels, wanted, terminal.width))


@command.command(short_help="Check an index of wheels for what cannot be.")
@click.argument("file", required=False)
@click.pass_context
def verify(ctx: click.Context, file: str | None) -> None:
    """Check FILE (or the index in use): types, and values that no index can hold. Exit code 1 when something is wrong."""
    from ptsetup import index
    from ptsetup.errors import WheelIndexError
    from ptsetup.index.verify import verify as problems_of
    from ptsetup.render import index as render

    terminal: Terminal = ctx.obj
    source = None if file else index.find()[1]
    path = source.path if source else str(file)
    data = index.read(path)
    try:
        wheels = index.parse(data, path)
        problems = problems_of(wheels)
    except WheelIndexError as damage:
        wheels, problems = None, (damage.message,)
    told = render.verified_as_text(wheels, problems, path, source, index.digest(path), terminal.width)
    terminal.result(told)
    ctx.exit(1 if problems else 0)


@command.command(short_help="Add what the PyTorch index has today.")
@click.option(
    "--mirror", metavar="NAME|URL", help="Read a mirror in place of the PyTorch index; ptsetup index show names some."
)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Only this backend tag (repeatable); else those of the newest releases.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=3.0,
    metavar="S",
    help="Seconds until the first answer.",
)
@click.option("--proxy", metavar="URL", help="Go through this proxy (else those of the environment).")
@click.option("--cert", metavar="FILE", help="Certificates to trust (else those of the system).")
@click.pass_context
def update(
    ctx: click.Context,
    mirror: str | None,
    tags: tuple[str, ...],
    timeout: float,
    proxy: str | None,
    cert: str | None,
) -> None:
    """Read the pages of each tag, add what is new, and keep a copy in the user's cache."""
    import datetime as dt

    from ptsetup import index
    from ptsetup.errors import WheelIndexError
    from ptsetup.index import refresh, web
    from ptsetup.index.verify import verify as problems_of

    terminal: Terminal = ctx.obj
    wheels, _ = index.find()
    wanted = _tags(wheels, tags)
    origin, pages_of = _pages(wheels, mirror)
    done = refresh.refresh(
        wheels,
        today=dt.datetime.now(dt.timezone.utc).date().isoformat(),
        pages_of=pages_of,
        tags=wanted,
        origin=origin,
        through=web.opener(proxy=proxy, cert=cert),
        reach_s=timeout,
        log=terminal.log,
    )
    if done.is_unreachable:
        raise WheelIndexError(
            f"The index is out of reach: {done.problems[0]}.",
            hint="Nothing was changed. Ways out: a mirror (--mirror NAME, see ptsetup index show), a proxy (--proxy URL), another network.",
        )
    for problem in done.problems[:SHOWN]:
        terminal.log(f"not used: {problem}")
    if len(done.problems) > SHOWN:
        terminal.log(f"not used: {len(done.problems) - SHOWN} more")
    if done.index is wheels:
        terminal.result("Nothing usable was seen; the index in use stays as it is.\n")
        ctx.exit(1)
    unsound = problems_of(done.index)
    if unsound:
        raise WheelIndexError(
            f"What {origin} shows does not fit into an index: {unsound[0]}.",
            hint="Nothing was changed. Try another mirror.",
        )
    path = index.cache_path()
    index.save(done.index, path)
    terminal.result(
        f"{_count(done.files, 'new wheel')}, {_count(done.builds, 'build')} new or confirmed.\nKept in {path}\n"
    )


SHOWN = 12
"""So many problems are told one by one."""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _tags(wheels: "WheelIndex", asked: tuple[str, ...]) -> tuple[str, ...]:
    """The tags asked for, else those of the three newest releases: older pages do not change any more."""
    from ptsetup.compat import tag_order
    from ptsetup.errors import RequestError
    from ptsetup.index.verify import BACKEND

    newest = {release.version for release in wheels.releases[-3:]}
    usual = sorted({b.backend for b in wheels.builds if b.torch in newest and b.origin == "pytorch"}, key=tag_order)
    wrong = next((tag for tag in asked if not BACKEND.fullmatch(tag)), None)
    if wrong is not None:
        raise RequestError(f"{wrong} is no backend tag.", hint=f"Tags of the newest releases: {', '.join(usual)}.")
    return tuple(dict.fromkeys(asked)) or tuple(usual)


def _pages(wheels: "WheelIndex", mirror: str | None) -> tuple[str, Callable[[str, str], tuple[str, ...]]]:
    """(What is read, (tag, project) -> addresses of its page: one per project, or the flat page of the tag)."""
    from ptsetup.errors import RequestError
    from ptsetup.index.web import without_login

    named = next((m for m in wheels.mirrors if m.name == mirror), None)
    if mirror and named is None and not mirror.startswith(("http://", "https://", "file://")):
        known = ", ".join(m.name for m in wheels.mirrors)
        raise RequestError(f"No mirror is called {mirror}.", hint=f"Known: {known}; or give its address.")
    template = named.per_tag if named is not None else f"{(mirror or wheels.origin_url).rstrip('/')}/{{tag}}"

    def pages_of(tag: str, project: str) -> tuple[str, ...]:
        flat = f"{template.replace('{tag}', tag).rstrip('/')}/"
        if named is not None and not named.is_pep503:
            return (flat,)
        # mirrors change their layout; the index itself has a page per project
        return (f"{flat}{project}/", flat) if mirror else (f"{flat}{project}/",)

    # it is kept in the index and shown
    return without_login(template.replace("{tag}", "").rstrip("/"))[0], pages_of
