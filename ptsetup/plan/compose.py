"""Writes a Plan down: the answer, reasons, warnings, what was rejected."""

from collections.abc import Sequence

from ptsetup import compat
from ptsetup.facts import replace
from ptsetup.index import Build
from ptsetup.plan import cautions
from ptsetup.plan.context import Context
from ptsetup.plan.machine import Card
from ptsetup.plan.pins import commands_of, footprint, others_of, requirements_of
from ptsetup.plan.records import Device, Option, Plan, Rejection
from ptsetup.plan.serving import UNCONFIRMED_GFX
from ptsetup.plan.verdict import Fit, No, cuda_of
from ptsetup.plan.wanted import version_of


def describe_build(torch: str, backend: str, platform: str | None = None) -> str:
    """``2.14.1 for CUDA 12.6``."""
    cuda = compat.cuda_of_tag(backend)
    if cuda:
        return f"{torch} for CUDA {cuda[0]}.{cuda[1]}"
    if backend.startswith("rocm"):
        return f"{torch} for ROCm {backend[4:]}"
    if backend == "xpu":
        return f"{torch} for Intel GPUs"
    return f"{torch} with MPS" if (platform or "") == "macos_arm64" else f"{torch} for the CPU"


def chosen(
    context: Context, best: Fit, fits: Sequence[Fit], misfits: Sequence[tuple[Build, No]], devices: tuple[Device, ...]
) -> Plan:
    """Outcome ``install``."""
    build, machine = best.build, context.machine
    requirements = requirements_of(context, best)
    served = {(card.vendor, card.index): service for card, service in best.services}
    size = footprint(context, build, requirements[0])
    return Plan(
        outcome="install",
        headline=_headline(context, best, devices),
        backend=build.backend,
        torch=None if context.wanted.is_pre else build.torch,
        local=requirements[0].version,
        platform=machine.platform,
        python_tag=machine.python_tag,
        python=context.python,
        origin=build.origin,
        status=None if context.wanted.is_pre else build.status,
        index_url=requirements[0].index_url,
        requirements=requirements,
        others=others_of(context, build),
        commands=commands_of(context, requirements, others_of(context, build), build),
        reasons=_reasons(context, best, misfits, devices),
        warnings=cautions.of(context, best),
        rejected=_rejected(best, fits, _told(context, misfits)),
        devices=tuple(replace(d, service=served.get((d.vendor, d.index))) if d.problem is None else d for d in devices),
        cuda=build.cuda if compat.family(build.backend) == "cuda" else None,
        support=best.support,
        download_bytes=size[0],
        installed_bytes=size[1],
        size_of=size[2],
        index_date=context.index.date,
    )


def with_advice(plan: Plan, advice: tuple[Option, ...]) -> Plan:
    """The plan with its advice."""
    advised: Plan = replace(plan, advice=advice)
    return advised


def refusal(
    context: Context,
    headline: str,
    options: tuple[Option, ...],
    misfits: Sequence[tuple[Build, No]],
    devices: tuple[Device, ...] = (),
    *,
    outcome: str = "refuse",
) -> Plan:
    """Outcome ``refuse`` or ``choose``: no build is taken."""
    return Plan(
        outcome="choose" if outcome == "choose" else "refuse",
        headline=headline,
        platform=context.machine.platform,
        python_tag=context.machine.python_tag,
        python=context.python,
        warnings=context.machine.notes,
        rejected=group(misfits),
        options=options,
        devices=devices,
        index_date=context.index.date,
    )


def _headline(context: Context, best: Fit, devices: tuple[Device, ...]) -> str:
    name = (
        f"the newest nightly of {' and '.join(context.wanted.specifiers)}"
        if context.wanted.is_pre
        else f"torch {best.build.torch}"
    )
    what = describe_build(name, best.build.backend, best.build.platform if best.services else None)
    idle = [device for device in devices if device.problem]
    if compat.family(best.build.backend) == "cpu" and idle and context.wanted.backend is None and not best.services:
        return f"{what}: {idle[0].name} cannot be used, {idle[0].problem}."
    return what


def _reasons(
    context: Context, best: Fit, misfits: Sequence[tuple[Build, No]], devices: tuple[Device, ...]
) -> tuple[str, ...]:
    machine, build = context.machine, best.build
    lines = [f"{_newest(context, best, misfits)} {_purpose(context, best)}"]
    if best.support == "minor-version":
        cuda = cuda_of(build) or (0, 0)
        lines.append(
            f"driver {machine.driver_text} runs CUDA {cuda[0]}.{cuda[1]} by minor-version compatibility; "
            "code that is compiled at run time from newer PTX may need a newer driver"
        )
    if any(service == "ptx" for _, service in best.services):
        lines.append("its kernels are compiled from PTX at first use, which takes minutes once")
    lines += [f"{named(d)}: {d.problem}" for d in devices if d.problem]
    if build.origin == "default":
        lines.append("it is what the default package index itself carries")
    return (*lines, *machine.notes)


def named(device: Device) -> str:
    """An accelerator with what decides about its kernels: ``GTX 1080 Ti (6.1)``, ``gfx1103``."""
    return f"{device.name} ({device.detail})" if device.detail and device.detail not in device.name else device.name


def _newest(context: Context, best: Fit, misfits: Sequence[tuple[Build, No]]) -> str:
    wanted = context.wanted
    if wanted.is_pre:
        return f"nightlies have the backend tags of {wanted.nightly}: the one"
    # what holds torch back has to be named
    holding = {
        no.kind
        for build, no in misfits
        if version_of(build.torch) > version_of(best.build.torch)
        and compat.family(build.backend) == compat.family(best.build.backend)
    }
    clauses = [f"that satisfies {wanted.narrowed}"] if wanted.narrowed else []
    clauses += ["that your pip constraints let in"] if "constraint" in holding else []
    limits = " ".join(f"{name}{spec}" for name, spec in wanted.limits.items())
    clauses += [f"that goes with {limits or 'what your pip constraints ask for'}"] if "requires" in holding else []
    unnamed = [name for name in wanted.companions if not str(wanted.specifiers[name])]
    if "companion" in holding and unnamed:
        clauses.append(f"beside which {' and '.join(unnamed)} exist{'' if len(unnamed) > 1 else 's'}")
    newest = " ".join(("the newest torch", " and ".join(clauses))).rstrip()
    return f"{newest}," if "companion" in holding and unnamed else newest


def _told(context: Context, misfits: Sequence[tuple[Build, No]]) -> Sequence[tuple[Build, No]]:
    """The builds that say something about the request: with nightlies only those of the newest release."""
    wanted = context.wanted
    if not wanted.is_pre:
        return misfits
    return [(build, no) for build, no in misfits if build.torch == wanted.nightly and build.origin == "pytorch"]


def _purpose(context: Context, best: Fit) -> str:
    machine = context.machine
    names = _names([card for card, _ in best.services])
    if not names:
        return f"for Python {machine.python} on this system" + (", as asked for" if context.wanted.backend else "")
    driver = f" and driver {machine.driver_text}" if machine.driver_text else ""
    how = {"cuda": driver, "rocm": "", "xpu": "", "cpu": f" on macOS {machine.macos}"}
    if any(card.vendor == "nvidia" and card.capability is None for card, _ in best.services):
        able = f"that driver {machine.driver_text} can run, for" if machine.driver_text else "for"
        return f"{able} {names} and Python {machine.python}"
    return f"with code for {names}{how[compat.family(best.build.backend)]}, Python {machine.python}"


def _names(cards: Sequence[Card]) -> str:
    counted: dict[str, int] = {}
    for card in cards:
        counted[card.label] = counted.get(card.label, 0) + 1
    return " and ".join(f"{count} x {label}" if count > 1 else label for label, count in counted.items())


def _rejected(best: Fit, fits: Sequence[Fit], misfits: Sequence[tuple[Build, No]]) -> tuple[Rejection, ...]:
    taken = best.build
    newer = [(build, no) for build, no in misfits if version_of(build.torch) >= version_of(taken.torch)]
    lower = [(fit.build, _why_not(best, fit)) for fit in fits if fit is not best]
    older = [
        (build, No("older", f"is older than {taken.torch}"))
        for build, _ in misfits
        if version_of(build.torch) < version_of(taken.torch)
    ]
    return group([*newer, *lower, *older])


def _why_not(best: Fit, fit: Fit) -> No:
    if version_of(fit.build.torch) < version_of(best.build.torch):
        return No("older", f"is older than {best.build.torch}")
    if best.is_native and not fit.is_native:
        return No("rank", "would compile its kernels from PTX at first use")
    if best.support == "full" and fit.support == "minor-version":
        return No("rank", "is carried by this driver through minor-version compatibility only")
    if fit.build.arch_level == UNCONFIRMED_GFX and fit.build.gfx:
        return No("rank", "works too, but what code it holds is known from a build script only")
    if fit.build.backend == best.build.backend:
        return No("rank", "is the same build from another index")
    return No("rank", f"works too; {best.build.backend} is preferred")


ORDER = (
    "system",
    "request",
    "backend",
    "constraint",
    "absent",
    "driver",
    "gpu",
    "python",
    "libc",
    "macos",
    "companion",
    "numpy",
    "requires",
    "idle",
    "rank",
    "vendor",
    "older",
)
"""In this order rejections are listed: what a person can act on comes first."""


def group(judged: Sequence[tuple[Build, No]]) -> tuple[Rejection, ...]:
    """Compress: one row per fact, with the versions and tags that it ruled out."""
    rows: dict[tuple[str, str], list[Build]] = {}
    for build, no in judged:
        rows.setdefault((no.kind, no.reason), []).append(build)
    found = [
        Rejection(
            kind=kind,
            reason=reason,
            torch=tuple(sorted({b.torch for b in builds}, key=version_of, reverse=True)),
            backends=tuple(sorted({b.backend for b in builds}, key=compat.tag_order)),
            count=len(builds),
        )
        for (kind, reason), builds in rows.items()
    ]
    return tuple(
        sorted(found, key=lambda r: (ORDER.index(r.kind), tuple(-n for n in version_of(r.torch[0]).release), r.reason))
    )
