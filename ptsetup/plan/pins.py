"""What a plan installs, and how: exact pins with their wheels and pages, the other requirements, the commands, the room they take."""

from packaging.requirements import Requirement as Named
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ptsetup import compat
from ptsetup.index import Build, WheelFile
from ptsetup.index.tags import platform_of_tag
from ptsetup.plan.context import Context
from ptsetup.plan.records import Requirement
from ptsetup.plan.verdict import Fit, full_version
from ptsetup.plan.wanted import EXTRAS, ONE_BUILD


def requirements_of(context: Context, best: Fit) -> tuple[Requirement, ...]:
    """The torch and the companions of a build, pinned, with the wheel for this interpreter where it is known."""
    build = best.build
    pins = [("torch", build.torch), *best.companions]
    return tuple(_requirement(context, name, version, build) for name, version in pins)


def _requirement(context: Context, name: str, version: str, build: Build) -> Requirement:
    url = index_url(context, build)
    extras = "" if _comes_whole(context, build) else context.wanted.bracket(name)
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
        and platform_of_tag(row.platform) == build.platform
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


def others_of(context: Context, build: Build) -> tuple[str, ...]:
    """The other requirements; a build made for NumPy 1 keeps NumPy 2 out where anything would bring it or has brought it."""
    wanted, target = context.wanted, context.snapshot.target
    others = (*wanted.others, *_by_extras(context, build))
    if build.numpy_abi != "numpy1-only" or not wanted.takes_numpy_2:
        return others
    named = [Named(other) for other in others]
    if any(canonicalize_name(one.name) == "numpy" for one in named):
        return tuple(_below_2(one) for one in named)
    installed = [d for d in (target.distributions or ()) if d.name == "numpy"] if target else []
    has_new = any(compat.at_least(d.version, "2") for d in installed)
    return (*others, "numpy<2") if has_new or NEED_NUMPY & set(wanted.companions) else others


def _by_extras(context: Context, build: Build) -> tuple[str, ...]:
    """What the extras of a build bring that comes whole from one index: that has not all of them, the user's own index does."""
    extras = context.wanted.extras.items() if _comes_whole(context, build) else ()
    found = [package for name, asked in extras for extra in asked for package in EXTRAS[name][extra]]
    return tuple(dict.fromkeys(found))


def _comes_whole(context: Context, build: Build) -> bool:
    """With all that it requires, by one command."""
    return needs_one_index(build.backend) or context.wanted.is_pre


NEED_NUMPY = frozenset(("torchvision", "torchtext"))
"""Companions that require NumPy, without a limit: the newest would come with them."""


def _below_2(requirement: Named) -> str:
    if canonicalize_name(requirement.name) == "numpy":
        requirement.specifier &= SpecifierSet("<2")
    return str(requirement)


def commands_of(
    context: Context, requirements: tuple[Requirement, ...], others: tuple[str, ...], build: Build
) -> tuple[tuple[str, ...], ...]:
    """First the torch family, alone, from its own index; then its dependencies, from the user's default index.

    The second command finds the family installed and satisfied, so that no other index is ever asked for it.
    """
    pins = tuple(requirement.pin for requirement in requirements)
    head, source = _installer(context), _source(context, requirements[0])
    # variables and a file of the user may name an extra index: the family is asked for without them
    alone = ("--isolated",) if context.request.installer == "pip" else ("--no-config",)
    if _comes_whole(context, build) and source[:1] == ("--index-url",):
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


def footprint(context: Context, build: Build, torch: Requirement) -> tuple[int | None, int | None, str | None]:
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
