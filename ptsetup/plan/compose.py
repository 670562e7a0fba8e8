"""Writes a Plan down: requirements with their sources, commands, reasons, what was rejected."""

from collections.abc import Sequence

from packaging.requirements import Requirement as Named
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ptsetup import compat
from ptsetup.facts import Record, Snapshot, replace
from ptsetup.index import Build, WheelFile, WheelIndex
from ptsetup.plan.judge import MAKERS, UNCONFIRMED_GFX, Fit, No, cuda_of, full_version
from ptsetup.plan.machine import Card, Machine
from ptsetup.plan.records import Device, Option, Plan, Rejection, Request, Requirement
from ptsetup.plan.wanted import ONE_BUILD, Wanted, version_of


class Context(Record, frozen=True, kw_only=True):
    """Everything that a plan is made from."""

    snapshot: Snapshot
    request: Request
    index: WheelIndex
    machine: Machine
    wanted: Wanted

    @property
    def python(self) -> str:
        """The target interpreter as commands name it."""
        target = self.snapshot.target
        return (target.executable if target else None) or "python"


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
    requirements = _requirements(context, best)
    served = {(card.vendor, card.index): service for card, service in best.services}
    size = _footprint(context, build, requirements[0])
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
        others=_others(context, build),
        commands=_commands(context, requirements, _others(context, build), build.backend),
        reasons=_reasons(context, best, misfits, devices),
        warnings=_warnings(context, best),
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
    newest = "the newest torch" + (f" that satisfies {wanted.text}" if wanted.is_pinned else "")
    # a package that goes with few releases, and so decides, has to be named
    is_held_back = any(
        no.kind == "companion"
        and version_of(build.torch) > version_of(best.build.torch)
        and compat.family(build.backend) == compat.family(best.build.backend)
        for build, no in misfits
    )
    verb = "exist" if len(wanted.companions) > 1 else "exists"
    return f"{newest} beside which {' and '.join(wanted.companions)} {verb}," if is_held_back else newest


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
    how = {"cuda": f" and driver {machine.driver_text}", "rocm": "", "xpu": "", "cpu": f" on macOS {machine.macos}"}
    if any(card.vendor == "nvidia" and card.capability is None for card, _ in best.services):
        return f"that driver {machine.driver_text} can run, for {names} and Python {machine.python}"
    return f"with code for {names}{how[compat.family(best.build.backend)]}, Python {machine.python}"


def _names(cards: Sequence[Card]) -> str:
    counted: dict[str, int] = {}
    for card in cards:
        counted[card.label] = counted.get(card.label, 0) + 1
    return " and ".join(f"{count} x {label}" if count > 1 else label for label, count in counted.items())


def _warnings(context: Context, best: Fit) -> tuple[str, ...]:
    build = best.build
    lines = []
    if build.status == "announced" and not context.wanted.is_pre:
        lines.append(
            f"{build.torch}+{build.backend} is announced for the PyTorch index but was not seen there on {context.index.date}; "
            "install asks the index first"
        )
    if build.numpy_abi == "numpy1-only":
        lines.append(f"torch {build.torch} was built for NumPy 1: numpy<2 goes with it")
    lines += _older_audio(context, best)
    if any(card.capability == (7, 5) for card, _ in best.services) and version_of(build.torch) >= version_of("2.7"):
        lines.append(
            "torch.compile is doubtful on a Turing GPU: by one source Triton left it out from 3.3 on; all else runs"
        )
    if not best.services and compat.family(build.backend) != "cpu":
        lines.append(
            f"nothing here can use a build for {MAKERS[compat.family(build.backend)]}: it was asked for and runs on the CPU until "
            "that changes"
        )
    if context.machine.is_jetson:
        lines.append("not yet confirmed in practice on a Jetson board; NVIDIA's JetPack wheels are the tried way")
    if any(card.capability is None and card.vendor == "nvidia" for card, _ in best.services):
        lines.append("the compute capability of the GPU is not known, so its kernels could not be checked")
    return tuple(lines)


def _older_audio(context: Context, best: Fit) -> list[str]:
    """The last torchaudio: it goes beside newer torches without having been compiled for them."""
    audio = dict(best.companions).get("torchaudio")
    first = next((r.version for r in context.index.releases if audio in r.torchaudio), None)
    if (
        first is None
        or context.wanted.is_pre
        or version_of(first).release[:2] >= version_of(best.build.torch).release[:2]
    ):
        return []
    return [f"torchaudio ended with {audio}: it was compiled beside torch {first} and asks for no certain one"]


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
            backends=tuple(sorted({b.backend for b in builds}, key=tag_order)),
            count=len(builds),
        )
        for (kind, reason), builds in rows.items()
    ]
    return tuple(
        sorted(found, key=lambda r: (ORDER.index(r.kind), tuple(-n for n in version_of(r.torch[0]).release), r.reason))
    )


def tag_order(backend: str) -> tuple[str, tuple[int, ...]]:
    """Sort key of backend tags: by family, then by number."""
    digits = compat.cuda_of_tag(backend) or compat.version_tuple(backend.lstrip("rocmxpu"))
    return compat.family(backend), digits


def _requirements(context: Context, best: Fit) -> tuple[Requirement, ...]:
    build = best.build
    pins = [("torch", build.torch), *best.companions]
    return tuple(_requirement(context, name, version, build) for name, version in pins)


def _requirement(context: Context, name: str, version: str, build: Build) -> Requirement:
    url = index_url(context, build)
    extras = context.wanted.extras.get(name, "")
    if context.wanted.is_pre:
        return Requirement(name=name, pin=f"{name}{extras}", index_url=url)
    file = _file(context, name, version, build)
    local = full_version(version, build)
    if file is not None:
        local = file.version
    elif name in ONE_BUILD or (name != "torch" and build.platform == "linux_aarch64"):
        # without a local part the pin takes what the page of the tag has, whether its name carries one or not
        local = version
    return Requirement(
        name=name,
        pin=f"{name}{extras}=={version if name in ONE_BUILD else local}",
        version=local,
        index_url=url,
        file=file.file if file else None,
        url=_file_url(context, file) if file else None,
        sha256=file.sha256 if file else None,
        size_bytes=file.size_bytes if file else None,
    )


def _file(context: Context, name: str, version: str, build: Build) -> WheelFile | None:
    """The wheel for this interpreter. Some aarch64 wheels carry no local version: then the folder tells whose build they are."""
    local = full_version(version, build)
    rows = (*context.index.files_of(name, local), *(context.index.files_of(name, version) if local != version else ()))
    fitting = [
        row
        for row in rows
        if row.origin == build.origin
        and (row.version == local or (row.folder or "").endswith(f"/{build.backend}"))
        and _fits_python(row, context.machine.python_tag)
        and compat.platform_of_tag(row.platform) == build.platform
    ]
    # of rebuilds the last one, as installers choose
    return max(fitting, key=lambda row: (row.version == local, row.build_number), default=None)


def _fits_python(row: WheelFile, python_tag: str | None) -> bool:
    return row.python_tag == "py3" or (row.abi if row.abi.endswith("t") else row.python_tag) == python_tag


def index_url(context: Context, build: Build) -> str | None:
    """The page tree that a build comes from; None for the user's default index."""
    request, index = context.request, context.index
    if request.index_url:
        return request.index_url
    if request.find_links or (build.origin == "default" and not request.mirror and not context.wanted.is_pre):
        return None
    folder = f"nightly/{build.backend}" if context.wanted.is_pre else build.backend
    named = next((mirror for mirror in index.mirrors if mirror.name == request.mirror), None)
    if named is not None:
        return named.per_tag.replace("{tag}", folder)
    return f"{(request.mirror or index.origin_url).rstrip('/')}/{folder}"


def _file_url(context: Context, file: WheelFile) -> str | None:
    if file.folder is None or context.request.index_url or context.request.find_links or context.request.mirror:
        return None
    root = context.index.origin_url.removesuffix("/").removesuffix("/whl")
    return f"{root}/{file.folder}/{file.file}".replace("+", "%2B")


def _others(context: Context, build: Build) -> tuple[str, ...]:
    """The other requirements; a build made for NumPy 1 keeps NumPy 2 out where anything would bring it or has brought it."""
    wanted, target = context.wanted, context.snapshot.target
    if build.numpy_abi != "numpy1-only" or not wanted.takes_numpy_2:
        return wanted.others
    named = [Named(other) for other in wanted.others]
    if any(canonicalize_name(one.name) == "numpy" for one in named):
        return tuple(_below_2(one) for one in named)
    installed = [d for d in (target.distributions or ()) if d.name == "numpy"] if target else []
    has_new = any(compat.at_least(d.version, "2") for d in installed)
    return (*wanted.others, "numpy<2") if has_new or NEED_NUMPY & set(wanted.companions) else wanted.others


NEED_NUMPY = frozenset(("torchvision", "torchtext"))
"""Companions that require NumPy, without a limit: the newest would come with them."""


def _below_2(requirement: Named) -> str:
    if canonicalize_name(requirement.name) == "numpy":
        requirement.specifier &= SpecifierSet("<2")
    return str(requirement)


def _commands(
    context: Context, requirements: tuple[Requirement, ...], others: tuple[str, ...], backend: str
) -> tuple[tuple[str, ...], ...]:
    """First the torch family, alone, from its own index; then its dependencies, from the user's default index.

    The second command finds the family installed and satisfied, so that no other index is ever asked for it.
    """
    pins = tuple(requirement.pin for requirement in requirements)
    head, source = _installer(context), _source(context, requirements[0])
    # variables and a file of the user may name an extra index: the family is asked for without them
    alone = ("--isolated",) if context.request.installer == "pip" else ("--no-config",)
    if (needs_one_index(backend) or context.wanted.is_pre) and source[:1] == ("--index-url",):
        only = (*head, *alone, *source, *_again(context), *pins)
        return (only, (*head, *others)) if others else (only,)
    first = (*head, "--no-deps", *alone, *source, *_again(context), *pins)
    return first, (*head, *pins, *others)


def needs_one_index(backend: str) -> bool:
    """ROCm and XPU builds require triton variants that only the PyTorch index may supply, with versions that only the wheel tells.

    So they come with their dependencies from that one index; asked for later, those names would be looked up elsewhere. The same holds
    for nightlies, whose triton is a nightly, too.
    """
    return compat.family(backend) in ("rocm", "xpu")


def _installer(context: Context) -> tuple[str, ...]:
    if context.request.installer == "pip":
        return context.python, "-m", "pip", "install"
    return "uv", "pip", "install", "--python", context.python


def _again(context: Context) -> tuple[str, ...]:
    """Nightlies are asked for by name; what is installed already is replaced even where its version reads the same."""
    installed = context.snapshot.target.wheel if context.snapshot.target else None
    folders = (context.snapshot.target.torch_folders if context.snapshot.target else None) or ()
    flags = ("--pre",) if context.wanted.is_pre else ()
    if installed is None and not folders:
        return flags
    return (*flags, "--force-reinstall" if context.request.installer == "pip" else "--reinstall")


def _source(context: Context, requirement: Requirement) -> tuple[str, ...]:
    if context.request.find_links:
        return "--no-index", "--find-links", context.request.find_links
    if requirement.index_url is None:
        return ()
    mirror = next((m for m in context.index.mirrors if m.name == context.request.mirror), None)
    if mirror is not None and not mirror.is_pep503:
        return "--no-index", "--find-links", requirement.index_url
    return "--index-url", requirement.index_url


def _footprint(context: Context, build: Build, torch: Requirement) -> tuple[int | None, int | None, str | None]:
    """(Download, installed, the release that stands in for this one). What CPU builds require beside torch is small."""
    index, family = context.index, compat.family(build.backend)
    row = next((r for r in index.footprints if r.family == family and r.platform in (None, build.platform)), None)
    own = torch.size_bytes or _size_by_default_index(context, build)
    if row is None:
        return own, None, None
    if family == "cpu" and own is not None:
        return own, row.installed_bytes, None
    return row.download_bytes, row.installed_bytes, row.torch


def _size_by_default_index(context: Context, build: Build) -> int | None:
    """Size of the same release's torch wheel on the default index, where that is the same kind of build."""
    twin = context.index.build(build.torch, build.backend, build.platform, "default")
    file = _file(context, "torch", build.torch, twin) if twin is not None else None
    return file.size_bytes if file else None
