"""The smallest change to a request that lets a build work: one thing is given up, and all else stays as it was asked for."""

import itertools
from collections.abc import Iterator

from packaging.requirements import Requirement as Named
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ptsetup.facts import Record, replace
from ptsetup.plan.compose import describe_build
from ptsetup.plan.context import Context
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.records import Option
from ptsetup.plan.survey import best
from ptsetup.plan.verdict import Fit
from ptsetup.plan.wanted import Wanted

MOST = 3
"""More changes than these at once are no small change; then all pins go together."""


class Change(Record, frozen=True, kw_only=True):
    """One thing that is given up."""

    kind: str
    """``version`` (of a package), ``package`` (left out), ``backend``, ``constraint`` (of pip's), ``numpy``, ``limit`` (of a package
    that torch requires, such as ``triton``), ``nightly``."""
    name: str = ""


class Loosened(Record, frozen=True, kw_only=True):
    """A request with something given up, and the build that it opens."""

    changes: tuple[Change, ...]
    wanted: Wanted
    fit: Fit


def smallest(
    context: Context, machine: Machine, wanted: Wanted, cards: tuple[Card, ...], *, is_backend_kept: bool = False
) -> tuple[Loosened, ...]:
    """Every way to give up as little as possible; () when even giving up everything opens nothing."""
    changes = [c for c in _changes(wanted) if not (is_backend_kept and c.kind == "backend")]
    for count in range(1, min(len(changes), MOST) + 1):
        found = [way for some in _combinations(changes, count) if (way := _try(context, machine, wanted, cards, some))]
        if found:
            return tuple(_without_needless(found))
    everything = tuple(change for change in changes if change.kind != "package")
    way = _try(context, machine, wanted, cards, everything) if len(everything) > MOST else None
    return (way,) if way else ()


def _combinations(changes: list[Change], count: int) -> Iterator[tuple[Change, ...]]:
    for some in itertools.combinations(changes, count):
        # what is left out needs no version
        left_out = {change.name for change in some if change.kind == "package"}
        if not any(change.kind == "version" and change.name in left_out for change in some):
            yield some


def _without_needless(found: list[Loosened]) -> list[Loosened]:
    """A package is not left out where another version of it would do."""
    freed = {change.name for way in found for change in way.changes if change.kind == "version"}
    return [way for way in found if not any(c.kind == "package" and c.name in freed for c in way.changes)]


def _changes(wanted: Wanted) -> Iterator[Change]:
    yield from (Change(kind="version", name=name) for name, spec in wanted.specifiers.items() if str(spec))
    if wanted.backend is not None:
        yield Change(kind="backend")
    if wanted.is_pre:
        yield Change(kind="nightly")
    if not wanted.takes_numpy_1:
        yield Change(kind="numpy")
    yield from (Change(kind="limit", name=name) for name in wanted.limits)
    yield from (Change(kind="constraint", name=name) for name in wanted.constraints if name != "numpy")
    yield from (Change(kind="package", name=name) for name in wanted.companions)


def _try(
    context: Context, machine: Machine, wanted: Wanted, cards: tuple[Card, ...], changes: tuple[Change, ...]
) -> Loosened | None:
    for change in changes:
        wanted = _given_up(wanted, change)
    fit = best(machine, wanted, context.index, cards)
    return Loosened(changes=changes, wanted=wanted, fit=fit) if fit else None


def _given_up(wanted: Wanted, change: Change) -> Wanted:
    specifiers = wanted.specifiers
    if change.kind == "version":
        loose: Wanted = replace(wanted, specifiers={**specifiers, change.name: SpecifierSet()})
    elif change.kind == "package":
        loose = replace(wanted, specifiers={name: spec for name, spec in specifiers.items() if name != change.name})
    elif change.kind == "backend":
        loose = replace(wanted, backend=None)
    elif change.kind == "nightly":
        loose = replace(wanted, nightly=None)
    elif change.kind == "numpy":
        loose = replace(wanted, numpy=SpecifierSet())
    elif change.kind == "limit":
        loose = replace(wanted, limits={name: spec for name, spec in wanted.limits.items() if name != change.name})
    else:
        kept = {name: spec for name, spec in wanted.constraints.items() if name != change.name}
        loose = replace(wanted, constraints=kept)
    return loose


def option(context: Context, way: Loosened, wanted: Wanted) -> Option:
    """The way as a person reads it, with the command that takes it."""
    build = way.fit.build
    return Option(
        kind="request",
        text=f"take {describe_build(_name(way), build.backend, build.platform)}{_given_up_in_words(way, wanted)}",
        torch=None if way.wanted.is_pre else build.torch,
        backend=build.backend,
        command=command_for(context, way),
    )


def _name(way: Loosened) -> str:
    return "the newest nightly" if way.wanted.is_pre else way.fit.build.torch


def on_purpose(context: Context, way: Loosened, wanted: Wanted) -> Option:
    """The same for the CPU build."""
    return Option(
        kind="cpu",
        text=f"use the CPU on purpose: {_name(way)}{_given_up_in_words(way, wanted)}",
        torch=None if way.wanted.is_pre else way.fit.build.torch,
        backend="cpu",
        command=command_for(context, way),
    )


def free(wanted: Wanted) -> Wanted:
    """Without any pin: of a version, a build or a constraint."""
    loose: Wanted = replace(
        wanted,
        specifiers={name: SpecifierSet() for name in wanted.specifiers},
        backend=None,
        constraints={},
        numpy=SpecifierSet(),
        limits={},
    )
    return loose


def _given_up_in_words(way: Loosened, wanted: Wanted) -> str:
    versions = dict(way.fit.companions)
    words = []
    for change in way.changes:
        name = change.name
        if change.kind == "version":
            instead = f" with {name} {versions[name]}" if name in versions else ""
            words.append(f"{instead} in place of {name}{wanted.specifiers[name]}")
        elif change.kind == "backend":
            words.append(f" in place of {wanted.backend}")
        elif change.kind == "nightly":
            words.append(" in place of a nightly")
        elif change.kind == "numpy":
            words.append(f" with numpy<2 in place of numpy{wanted.numpy}")
        elif change.kind == "limit":
            words.append(f" with its own {name} in place of {name}{wanted.limits[name]}")
        elif change.kind == "constraint":
            words.append(f" without the pip constraint {name}{wanted.constraints[name]}")
        else:
            words.append(f" without {name}")
    return ",".join(words)


def command_for(context: Context, way: Loosened) -> tuple[str, ...]:
    """The ``ptsetup install`` call for a loosened request; () where something outside the request has to change."""
    request = context.request
    # without its tag the request could be settled otherwise: the build that was found is named in its place
    is_tag_given_up = any(change.kind == "backend" for change in way.changes)
    backend = way.wanted.backend
    if is_tag_given_up and not any(card.vendor == "apple" for card, _ in way.fit.services):
        backend = way.fit.build.backend
    if any(change.kind == "constraint" for change in way.changes):
        return ()
    if any(change.kind == "numpy" for change in way.changes) and str(context.wanted.constraints.get("numpy", "")):
        return ()
    head = call(context, backend=backend)
    is_nightly = ("--pre",) if way.wanted.is_pre else ()
    picks = tuple(word for gpu in request.gpus for word in ("--gpu", str(gpu)))
    return (*head, *is_nightly, *picks, *_packages(context, way))


def call(context: Context, *, backend: str | None = None) -> tuple[str, ...]:
    """``ptsetup install`` for the same interpreter from the same source."""
    request, target = context.request, context.snapshot.target
    words = ["ptsetup", "install"]
    if target is not None and target.chosen_by == "--python" and target.executable:
        words += ["--python", target.executable]
    if backend is not None:
        words += ["--backend", backend]
    for option_name, value in (
        ("--index-url", request.index_url),
        ("--mirror", request.mirror),
        ("--find-links", request.find_links),
    ):
        words += [option_name, value] if value else []
    return tuple(words)


def _packages(context: Context, way: Loosened) -> tuple[str, ...]:
    """The packages as they were asked for, but with the version found where one was given up."""
    versions = {"torch": way.fit.build.torch, **dict(way.fit.companions)}
    freed = {change.name for change in way.changes if change.kind == "version"}
    unlimited = {change.name for change in way.changes if change.kind == "limit"}
    is_numpy_freed = any(change.kind == "numpy" for change in way.changes)
    packages = []
    for text in context.request.packages:
        named = Named(text)
        name = canonicalize_name(named.name)
        is_other_build = (
            name in versions and "+" in str(named.specifier) and context.wanted.backend != way.wanted.backend
        )
        if name in freed or is_other_build:
            extras = context.wanted.bracket(name)
            packages.append(f"{name}{extras}=={versions[name]}")
        elif name == "numpy" and is_numpy_freed:
            packages.append("numpy<2")
        elif name in unlimited:
            packages.append(named.name)
        elif name in versions or name not in context.wanted.specifiers:
            packages.append(text)
    return tuple(packages) or ("torch",)
