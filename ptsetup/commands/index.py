"""``ptsetup index``: show, verify or update the index of wheels."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ptsetup.terminal import Terminal

if TYPE_CHECKING:
    from ptsetup.index import WheelIndex


@click.group()
def command() -> None:
    """Show, verify or update the index of wheels that plans are made from."""


@command.command()
@click.argument("version", required=False)
@click.option("--index", "index_file", metavar="FILE", help="Another wheels_index.json.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.pass_obj
def show(terminal: Terminal, version: str | None, index_file: str | None, form: str) -> None:
    """All releases with their builds, or one VERSION in detail."""
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
            f"The index knows no torch {version}.",
            hint=f"The newest is {wheels.releases[-1].version}; ptsetup index show lists all.",
        )
    if form == "json":
        terminal.result_bytes(render.one_as_json(wheels, wanted))
    else:
        terminal.result(render.one_as_text(wheels, wanted, terminal.width))


@command.command()
@click.argument("file", required=False)
@click.pass_context
def verify(ctx: click.Context, file: str | None) -> None:
    """Check FILE (or the index in use): types, and values that no index can hold. Exit code 1 when something is wrong."""
    from ptsetup import index
    from ptsetup.index.verify import verify as problems_of

    terminal: Terminal = ctx.obj
    wheels, source = index.find(file)
    problems = problems_of(wheels)
    for problem in problems:
        terminal.result(f"{problem}\n")
    verdict = f"{len(problems)} problems" if problems else "sound"
    terminal.result(
        f"{source.path} ({source.kind}, of {wheels.date}, sha256 {index.digest(source.path)[:16]}): {verdict}\n"
    )
    ctx.exit(1 if problems else 0)


@command.command()
@click.option("--mirror", metavar="NAME|URL", help="Read a mirror in place of the PyTorch index.")
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    help="Only this backend tag (repeatable); else those of the newest releases.",
)
@click.option("--proxy", metavar="URL", help="Go through this proxy (else those of the environment).")
@click.option("--cert", metavar="FILE", help="Certificates to trust (else those of the system).")
@click.pass_context
def update(ctx: click.Context, mirror: str | None, tags: tuple[str, ...], proxy: str | None, cert: str | None) -> None:
    """Read the pages of each tag, add what is new, and keep a copy in the user's cache."""
    import datetime as dt

    from ptsetup import index
    from ptsetup.errors import WheelIndexError
    from ptsetup.index import pages, refresh

    terminal: Terminal = ctx.obj
    wheels, _ = index.find()
    wanted = tags or refresh_tags(wheels)
    origin, page_of = _pages(wheels, mirror)
    done = refresh.refresh(
        wheels,
        today=dt.datetime.now(dt.timezone.utc).date().isoformat(),
        page_of=page_of,
        tags=wanted,
        origin=origin,
        through=pages.opener(proxy=proxy, cert=cert),
        log=terminal.log,
    )
    for problem in done.problems:
        terminal.log(f"not used: {problem}")
    if done.is_unreachable:
        raise WheelIndexError(
            f"The index is out of reach: {done.problems[0]}.",
            hint="Nothing was changed. Ways out: a mirror (--mirror NAME, see ptsetup index show), a proxy (--proxy URL), another network.",
        )
    if done.index is wheels:
        terminal.result("Nothing usable was seen; the index in use stays as it is.\n")
        ctx.exit(1)
    path = index.cache_path()
    index.save(done.index, path)
    terminal.result(f"{done.files} new wheels, {done.builds} builds new or confirmed; kept in {path}\n")


def refresh_tags(wheels: "WheelIndex") -> tuple[str, ...]:
    """The tags of the three newest releases: older pages do not change any more."""
    from ptsetup.plan.compose import tag_order

    newest = {release.version for release in wheels.releases[-3:]}
    return tuple(
        sorted({b.backend for b in wheels.builds if b.torch in newest and b.origin == "pytorch"}, key=tag_order)
    )


def _pages(wheels: "WheelIndex", mirror: str | None) -> tuple[str, Callable[[str, str], str]]:
    """(What was read, (tag, project) -> address)."""
    named = next((m for m in wheels.mirrors if m.name == mirror), None)
    if named is not None and not named.is_pep503:
        return named.base, lambda tag, _project: named.per_tag.replace("{tag}", tag)
    template = named.per_tag if named is not None else f"{(mirror or wheels.origin_url).rstrip('/')}/{{tag}}"
    return template.replace(
        "{tag}", ""
    ), lambda tag, project: f"{template.replace('{tag}', tag).rstrip('/')}/{project}/"
