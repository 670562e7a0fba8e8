"""``ptsetup plan``: choose the build for this or a described machine, with reasons."""

from collections.abc import Callable
from typing import Any

import click

from ptsetup.commands import _options
from ptsetup.terminal import Terminal

SYSTEMS = click.Choice(["linux", "windows", "macos"])
ARCHITECTURES = click.Choice(["x86_64", "aarch64", "arm64", "s390x"])


def request_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What is asked for: shared by plan and install."""
    options = (
        click.argument("packages", nargs=-1, metavar="[PACKAGES]..."),
        click.option(
            "--backend",
            default="auto",
            metavar="TAG|auto",
            help="Take a build by its tag (cpu, cu126, rocm7.2, xpu); auto chooses.",
        ),
        click.option("--pre", "is_pre", is_flag=True, help="Take the newest nightly."),
        click.option("--index-url", metavar="URL", help="Take the torch family from this index."),
        click.option(
            "--mirror",
            metavar="NAME|URL",
            help="Take it from a mirror of the PyTorch index; ptsetup index show names some.",
        ),
        click.option("--find-links", metavar="DIR|URL", help="Take it from a folder or page of wheels."),
        _options.index_file,
        _options.python("to install into"),
        click.option(
            "--gpu",
            "gpus",
            multiple=True,
            metavar="GPU",
            help="Describe a GPU by its name, capability (8.6) or target (gfx1100); a small number picks one of this machine. Repeatable.",
        ),
        click.option("--os", "system", type=SYSTEMS, help="Describe a machine: its system."),
        click.option("--os-version", metavar="VERSION", help="Its version of macOS, Windows or the distribution."),
        click.option("--arch", type=ARCHITECTURES, help="Its processor."),
        click.option("--libc", metavar="glibc-2.35|musl-1.2", help="Its C library."),
        click.option("--python-version", metavar="3.12", help="Its Python."),
        click.option(
            "--driver", metavar="580.95.05", help="Its NVIDIA driver; none is installed unless this is given."
        ),
        click.option("--wsl", "is_wsl", is_flag=True, help="It is WSL2: the driver is the Windows driver."),
        click.option("--jetson", "is_jetson", is_flag=True, help="It is a Jetson board."),
        click.option(
            "--from",
            "snapshot_file",
            metavar="FILE|-",
            help="Plan for the machine of a Snapshot (ptsetup snapshot --output FILE); - is stdin.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@request_options
@click.option(
    "--installer",
    type=click.Choice(["auto", "uv", "pip"]),
    default="auto",
    help="Which installer the commands are for; auto: uv.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "requirements", "shell"]),
    default="text",
    help="How to print it.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show every build that was ruled out.")
@click.pass_context
def command(ctx: click.Context, /, form: str, verbose: bool, **options: Any) -> None:
    """Choose the PyTorch build for this machine, or for a described one, and say why every other was ruled out.

    With --os, --driver and their like nothing of this machine is used. Exit codes: 0 a build fits, 1 none or several do, 2 wrong use,
    3 could not work.
    """
    from ptsetup import index
    from ptsetup.render import plan as render

    terminal: Terminal = ctx.obj
    wheels = index.load(options["index_file"])
    request = request_for(options)
    snapshot = snapshot_for(options, wheels, terminal)
    check_picks(options, snapshot, wheels)
    is_here = snapshot.origin == "probe" and not options["snapshot_file"]
    made = _made(snapshot, request, wheels, is_here=is_here, is_to_type=form != "requirements")
    if form == "json":
        terminal.result_bytes(render.as_json(made))
    elif form == "requirements":
        terminal.result(render.as_requirements(made))
    elif form == "shell":
        terminal.result(render.as_shell(made))
    else:
        terminal.result(render.as_text(made, terminal.style, width=terminal.width, is_verbose=verbose))
    ctx.exit(0 if made.outcome == "install" else 1)


def picks(gpus: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers after --gpu that pick a GPU of this machine; from three digits on it is a name (``4090``)."""
    return tuple(int(gpu) for gpu in gpus if gpu.isdigit() and len(gpu) < 3)


def _made(snapshot: Any, request: Any, wheels: Any, *, is_here: bool, is_to_type: bool) -> Any:
    """The plan; for this machine with the commands that ``install`` would run with the user's settings, where they are to be typed."""
    if not is_here and not request.find_links:
        from ptsetup.plan import plan

        return plan(snapshot, request, wheels)
    from ptsetup import install

    pip = snapshot.target.pip if snapshot.target else None
    settings = install.Settings.of(_with_login(snapshot) if is_here else pip)
    made = install.confirm(snapshot, request, wheels, settings)
    return install.as_shown(made, settings) if is_here and is_to_type else made


def _with_login(snapshot: Any) -> Any:
    """The settings of pip; with credentials, which no Snapshot holds, where they name something that may ask for some."""
    pip = snapshot.target.pip if snapshot.target else None
    # a second look costs a child: a folder asks for no login
    places = (pip.index_url, pip.proxy, *pip.find_links) if pip else ()
    if pip is None or not any(place and not place.startswith(("/", "file:")) for place in places):
        return pip
    from ptsetup.probes import pip_settings

    return pip_settings.read(snapshot.target.executable) or pip


def described_by(options: dict[str, Any]) -> Any:
    """The Description in the options; bare numbers after --gpu pick a GPU and describe nothing."""
    from ptsetup.plan.describe import Description

    return Description(
        system=options["system"],
        os_version=options["os_version"],
        arch=options["arch"],
        libc=options["libc"],
        python_version=options["python_version"],
        driver=options["driver"],
        gpus=tuple(gpu for gpu in options["gpus"] if not picks((gpu,))),
        is_wsl=options["is_wsl"],
        is_jetson=options["is_jetson"],
    )


def snapshot_for(options: dict[str, Any], wheels: Any, terminal: Terminal) -> Any:
    """The Snapshot to plan for: read, described, or taken of this machine (torch is not imported for that)."""
    from ptsetup.errors import RequestError, SnapshotError

    described = described_by(options)
    if options["python"] and (described.is_given or options["snapshot_file"]):
        raise RequestError(
            "--python names an interpreter of this machine, and another machine is described beside it.",
            hint="Say which Python that machine has: --python-version 3.12.",
        )
    if options["snapshot_file"]:
        from ptsetup import replay

        if described.is_given:
            raise RequestError("--from and a description were given together.", hint="Give one of them.")
        from ptsetup.commands import _input

        snapshot = replay.load(_input.content(options["snapshot_file"], terminal))
        if not snapshot.has_facts:
            raise SnapshotError(
                "This Snapshot holds no facts, so nothing can be planned for that machine.",
                hint="Take it again there: ptsetup snapshot --output FILE",
            )
        return snapshot
    if described.is_given:
        from ptsetup.plan.describe import describe

        return describe(described, wheels)
    from ptsetup import probes

    return probes.take(options["python"], with_torch=False, progress=terminal.progress)


def check_picks(options: dict[str, Any], snapshot: Any, wheels: Any) -> None:
    """A bare number after --gpu picks a GPU that is there: else a GPU would be left idle without a word.

    Raises:
        RequestError: it stands beside a description, or no GPU has that number.
    """
    from ptsetup.errors import RequestError
    from ptsetup.plan.machine import numbers, view

    picked = picks(options["gpus"])
    if not picked:
        return
    if described_by(options).is_given:
        raise RequestError(
            f"--gpu {picked[0]} picks a GPU by its number, and a machine is described beside it.",
            hint="Describe the GPU by its name (GeForce RTX 4090), its capability (8.9) or its target (gfx1100).",
        )
    cards = view(snapshot, wheels).cards
    for pick in picked:
        if pick not in numbers(cards):
            seen = ", ".join(f"{n} ({card.label})" for n, card in zip(numbers(cards), cards, strict=True)) or "none"
            raise RequestError(
                f"There is no GPU {pick} here; seen: {seen}.", hint="Name one of these numbers, or leave --gpu out."
            )


def request_for(options: dict[str, Any]) -> Any:
    """The Request in the options."""
    from ptsetup.commands import _places
    from ptsetup.plan import Request

    places = _places.checked(options)
    return Request(
        packages=tuple(options["packages"]) or ("torch",),
        backend=options["backend"].lower(),
        gpus=picks(options["gpus"]),
        is_pre=options["is_pre"],
        index_url=places.index_url,
        mirror=places.mirror,
        find_links=places.find_links,
        installer="pip" if options.get("installer") == "pip" else "uv",
    )
