"""A Plan for people (text), for programs (JSON), for pip (requirements) and for the shell."""

import re
import shlex
import textwrap
from collections.abc import Callable, Sequence

import msgspec

from ptsetup.plan import Option, Plan, Rejection, Requirement
from ptsetup.render.shell import quoted

Style = Callable[..., str]

HEIGHT = 24
"""Lines of a screen: so many are filled at most, as far as the rows of "not taken" decide."""

SHOWN = (2, 6)
"""Rows of "not taken" in the short form: at least and at most."""


def as_json(plan: Plan) -> bytes:
    """One document with a schema number."""
    return masked(msgspec.json.format(msgspec.json.encode(plan), indent=2).decode()).encode() + b"\n"


def masked(text: str) -> str:
    """Without the user and password of addresses: a screen gets pasted. The shell form keeps them, since it is to be run."""
    if "://" not in text:
        return text
    from ptsetup.index import web

    return web.hidden(text)


def as_shell(plan: Plan) -> str:
    """The exact commands, one a line; a comment where there is none."""
    if plan.outcome != "install":
        return "".join(f"# {line}\n" for line in (plan.headline, *(option.text for option in plan.options)))
    return "".join(quoted(command) + "\n" for command in plan.commands)


def as_requirements(plan: Plan) -> str:
    """A requirements file for plain pip. A known wheel stands there by its address with its hash, which pip checks.

    One file has one index. With that of PyTorch named in it, packages that only the user's default index has are left to a second
    call, which a comment shows: an extra index beside it could supply torch as well.
    """
    if plan.outcome != "install":
        return as_shell(plan)
    first = plan.commands[0] if plan.commands else ()
    lines = [f"# {plan.headline} (Python {plan.python_tag}, {plan.platform})"]
    # pip takes option lines apart as a POSIX shell would, on Windows as well: a bare backslash or space would be lost
    named = [(name, first[first.index(name) + 1]) for name in ("--index-url", "--find-links") if name in first]
    source = [f"{name} {shlex.quote(value)}" for name, value in named]
    lines += source + (["--pre"] if "--pre" in first else [])
    lines += [_requirement_line(requirement) for requirement in plan.requirements]
    is_one_index = any(line.startswith("--index-url") for line in source)
    beside = [other for other in plan.others if is_one_index and not _is_numpy(other)]
    lines += [other for other in plan.others if other not in beside]
    if beside:
        lines.append(f"# then, from your default index: pip install {quoted(beside)}")
    return "\n".join(lines) + "\n"


def _is_numpy(requirement: str) -> bool:
    """The PyTorch index carries NumPy, and its limit has to stand beside torch and torchvision."""
    return re.match(r"numpy(?![\w.-])", requirement) is not None


def _requirement_line(requirement: Requirement) -> str:
    if requirement.url and requirement.sha256:
        # with its extras
        return f"{requirement.pin.partition('==')[0]} @ {requirement.url}#sha256={requirement.sha256}"
    known = f"  # sha256 {requirement.sha256}" if requirement.sha256 else ""
    return requirement.pin + known


def as_text(plan: Plan, style: Style, *, width: int = 80, is_verbose: bool = False) -> str:
    """One screen: the answer, why, what to type, what was not taken, and what would open more."""
    body = _install(plan) if plan.outcome == "install" else _ways(plan)
    lines = [*wrap(plan.headline, width, "", ""), ""]
    for label, text in body:
        first = f"  {label:<10}"
        lines += wrap(text, width, first, " " * 12) if label or text else [""]
    advice = [line for option in plan.advice for line in wrap(option.text, width, "  ", "  ")]
    advice = ["", *advice] if plan.outcome == "install" and advice else []
    if is_verbose or plan.outcome == "install":
        room = None if is_verbose else HEIGHT - len(lines) - len(advice)
        lines += _not_taken(plan.rejected, width, room)
    lines += advice
    lines[0] = style(lines[0], bold=True)
    return masked("\n".join(lines)) + "\n"


def _install(plan: Plan) -> list[tuple[str, str]]:
    # what the headline says already is not said twice
    reasons = [
        reason
        for reason in plan.reasons
        if reason.partition(": ")[2].rstrip(".") not in plan.headline or ": " not in reason
    ]
    rows = [("because" if not position else "", reason) for position, reason in enumerate(reasons)]
    rows += [("command" if not position else "then", quoted(command)) for position, command in enumerate(plan.commands)]
    rows.append(("download", _sizes(plan)))
    rows += [("note", warning) for warning in plan.warnings]
    return rows


def _sizes(plan: Plan) -> str:
    parts = [f"about {gigabytes(plan.download_bytes)}" if plan.download_bytes else "size not known"]
    if plan.installed_bytes:
        parts.append(f"{gigabytes(plan.installed_bytes)} on disk")
    if plan.size_of and plan.size_of != plan.torch:
        parts.append(f"the sizes of {plan.size_of}")
    if plan.requirements and plan.requirements[0].sha256:
        parts.append("sha256 known")
    return ", ".join(parts)


def gigabytes(count: int) -> str:
    """``2.6 GB``, ``190 MB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _ways(plan: Plan) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for number, option in enumerate(plan.options, 1):
        rows += _way(number, option)
    rows += [("note", warning) for warning in plan.warnings]
    return rows


def _way(number: int, option: Option) -> list[tuple[str, str]]:
    rows = [(f"{number}.", option.text)]
    if option.command:
        rows.append(("", quoted(option.command)))
    return rows


def _not_taken(rejected: Sequence[Rejection], width: int, room: int | None) -> list[str]:
    """What was ruled out and why, in so many lines if that can be; None: all of it."""
    if not rejected:
        return []
    lines = ["", "  not taken"]
    for position, row in enumerate(rejected):
        text = f"{_range(row.torch)}  {_tags(row.backends, is_verbose=room is None)}: {row.reason}"
        wrapped = wrap(text, width, "    ", "      ")
        is_last = position == len(rejected) - 1
        is_full = room is not None and len(lines) + len(wrapped) + (not is_last) > room
        if room is not None and (position >= SHOWN[1] or (position >= SHOWN[0] and is_full)):
            return [*lines, _rest(rejected[position:])]
        lines += wrapped
    return lines


def _rest(rows: Sequence[Rejection]) -> str:
    builds = sum(row.count for row in rows)
    return f"    {builds} more build{_s(builds)}, {len(rows)} more reason{_s(len(rows))} (-v)"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _range(versions: Sequence[str]) -> str:
    return versions[0] if len(versions) == 1 else f"{versions[-1]} to {versions[0]}"


def _tags(backends: Sequence[str], *, is_verbose: bool) -> str:
    if is_verbose or len(backends) <= 4:
        return ", ".join(backends)
    return f"{', '.join(backends[:3])} and {len(backends) - 3} more"


def wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    """Wrapped under its column; nothing is cut, and long words stay whole."""
    return textwrap.wrap(
        text,
        max(width, len(first) + 20),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]
