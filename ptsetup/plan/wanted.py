"""What was asked for, parsed: specifiers per package, backend tag, and what the user's constraints add."""

import functools
import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ptsetup.errors import RequestError
from ptsetup.facts import Record
from ptsetup.index import WheelIndex
from ptsetup.plan.needs import limited_names
from ptsetup.plan.records import Request

COMPANIONS = ("torchvision", "torchaudio", "torchtext", "torchcodec")

ONE_BUILD = frozenset(("torchtext",))
"""Companions without GPU code: the page of every tag has the same wheels, named ``+cpu`` or without a local part (pytorch/text#1320)."""

EXTRAS: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {"dynamo": ("jinja2",), "opt-einsum": ("opt-einsum",), "optree": ("optree",), "pyyaml": ("pyyaml",)},
    "torchvision": {"gdown": ("gdown",), "scipy": ("scipy",)},
    "torchcodec": {"dev": ("numpy", "pytest", "pillow")},
}
"""Extras with what they bring (Requires-Dist of the wheels: torch 1.13.1 to 2.13.0, torchvision 0.29.2, torchcodec 0.17.0).

Others are refused: an installer passes over an extra that it does not know with a line of warning, and whoever wrote ``torch[cuda]``
or ``torch[gpu]`` would take the build that he got for the one that he meant.
"""

FAMILY = frozenset(
    (
        "torch",
        *COMPANIONS,
        "torchtriton",
        "pytorch-triton",
        "pytorch-triton-rocm",
        "pytorch-triton-xpu",
        "triton-rocm",
        "triton-xpu",
    )
)
"""Packages that only the PyTorch index may supply: the accident of December 2022 was one of these names on the default index."""


def is_family(name: str) -> bool:
    """A package that only the PyTorch index may supply; ROCm's own lie there, too."""
    return name in FAMILY or name == "rocm" or name.startswith("rocm-sdk")


@functools.lru_cache(maxsize=4096)
def version_of(text: str) -> Version:
    """A parsed version; its local part is dropped."""
    return Version(text.partition("+")[0])


NUMPY_1 = ("1.26.4", "1.25.2", "1.24.4", "1.23.5", "1.22.4", "1.21.6", "1.19.5")
"""The last patch release of each NumPy line that a torch of the index can meet."""


class Wanted(Record, frozen=True, kw_only=True):
    """The request, ready to be compared with builds."""

    specifiers: dict[str, SpecifierSet]
    """Family package -> specifiers without local parts; ``torch`` is always there."""
    extras: dict[str, tuple[str, ...]]
    """Family package -> the extras asked for, sorted."""
    others: tuple[str, ...]
    backend: str | None
    """None: to be chosen."""
    constraints: dict[str, SpecifierSet] = {}
    numpy: SpecifierSet = SpecifierSet()
    """What is asked of NumPy, by the request and by constraints."""
    limits: dict[str, SpecifierSet] = {}
    """What is asked of the packages that some torch requires with a limit of its own (``triton``)."""
    nightly: str | None = None
    """With ``--pre``: the newest release, whose tags the nightlies have."""
    absent: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()

    @property
    def companions(self) -> tuple[str, ...]:
        """The companions asked for."""
        return tuple(name for name in COMPANIONS if name in self.specifiers)

    def bracket(self, name: str) -> str:
        """``[optree]`` behind the name of a package, or nothing."""
        extras = self.extras.get(name)
        return f"[{','.join(extras)}]" if extras else ""

    @property
    def is_pre(self) -> bool:
        """Nightlies are asked for."""
        return self.nightly is not None

    @property
    def takes_numpy_1(self) -> bool:
        """Some NumPy before 2 satisfies what is asked of NumPy."""
        return self._takes_numpy(NUMPY_1, is_new=False)

    @property
    def takes_numpy_2(self) -> bool:
        """Some NumPy from 2 on does."""
        return self._takes_numpy(("2.0.0", "2.99.0"), is_new=True)

    def _takes_numpy(self, samples: tuple[str, ...], *, is_new: bool) -> bool:
        # a version that is named may be one that no sample stands for
        named = [v for part in self.numpy if (v := _readable(part.version.removesuffix(".*"))) is not None]
        tried = [*map(version_of, samples), *(version for version in named if (version.major >= 2) is is_new)]
        return any(self.numpy.contains(version, prereleases=True) for version in tried)

    @property
    def narrowed(self) -> str:
        """Only what narrows the versions, as a person would write it."""
        return " ".join(f"{name}{spec}" for name, spec in self.specifiers.items() if str(spec))

    @property
    def text(self) -> str:
        """As a person would write it: ``torch>=2.12 torchvision``."""
        return " ".join(f"{name}{spec}" for name, spec in self.specifiers.items())

    def takes(self, version: str) -> bool:
        """That torch satisfies what was asked for."""
        return self.specifiers["torch"].contains(version_of(version), prereleases=True)

    def can_be_had(self, name: str, version: str) -> bool:
        """No list of wheels at hand is given, or that one is in it; ``version`` is as the file names it."""
        return not self.only or f"{name}=={version}" in self.only

    def is_allowed(self, name: str, version: str) -> bool:
        """The user's constraints let that version in."""
        spec = self.constraints.get(name)
        return spec is None or spec.contains(version_of(version), prereleases=True)


def _readable(text: str) -> Version | None:
    try:
        return version_of(text)
    except InvalidVersion:
        return None


def parse(request: Request, index: WheelIndex, constraint_lines: tuple[str, ...] = ()) -> Wanted:
    """The request as specifiers.

    Raises:
        RequestError: a requirement cannot be read, names a URL or a part of torch, two ask for different builds, or the tag is not
            known.
    """
    specifiers: dict[str, SpecifierSet] = {}
    extras: dict[str, tuple[str, ...]] = {}
    others: list[str] = []
    numpy = SpecifierSet()
    limits: dict[str, SpecifierSet] = {}
    tags = {request.backend} - {"auto"}
    for text in request.packages or ("torch",):
        requirement = _requirement(text)
        name = canonicalize_name(requirement.name)
        if name not in ("torch", *COMPANIONS):
            _refuse_part_of_torch(name, text)
            others.append(str(requirement))
            if name == "numpy":
                numpy &= requirement.specifier
            elif str(requirement.specifier):
                limits[name] = limits.get(name, SpecifierSet()) & requirement.specifier
            continue
        spec, local = _without_local(requirement.specifier, text)
        tags |= {local} if local else set()
        specifiers[name] = specifiers.get(name, SpecifierSet()) & spec
        extras[name] = tuple(sorted({*extras.get(name, ()), *_known_extras(name, requirement.extras)}))
    specifiers.setdefault("torch", SpecifierSet())
    if request.is_pre and any(str(spec) for spec in specifiers.values()):
        raise RequestError(
            "--pre takes the newest nightly, and a version was named with it.", hint="Leave one of the two out."
        )
    _known_mirror(request, index)
    constraints = _constraints(constraint_lines)
    ordered = {name: specifiers[name] for name in ("torch", *COMPANIONS) if name in specifiers}
    return Wanted(
        specifiers=ordered,
        extras=extras,
        others=tuple(others),
        backend=_one_tag(tags, index),
        constraints=constraints,
        numpy=numpy & constraints.get("numpy", SpecifierSet()),
        limits={name: spec for name, spec in limits.items() if name in limited_names(index)} if limits else {},
        nightly=index.releases[-1].version if request.is_pre else None,
        absent=frozenset(request.absent),
        only=frozenset(request.only),
    )


def _refuse_part_of_torch(name: str, text: str) -> None:
    """What a build brings along by itself; asked for by name it would be looked up on the default index, where anybody may own it."""
    if is_family(name):
        raise RequestError(
            f"{text!r} is no package to ask for: the torch that needs it brings the one that belongs to it.",
            hint="Leave it out.",
        )


def _known_mirror(request: Request, index: WheelIndex) -> None:
    names = [mirror.name for mirror in index.mirrors]
    mirror = request.mirror
    if mirror is not None and mirror not in names and not mirror.startswith(("http://", "https://", "file://")):
        raise RequestError(
            f"No mirror is named {mirror!r}.",
            hint=f"Known are {', '.join(names)}; any other by its address (https://...).",
        )


def _requirement(text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as problem:
        first = str(problem).splitlines()[0]
        raise RequestError(
            f"{text!r} is no requirement: {first}", hint="Write it as pip does: torch, torch==2.7.1, 'torch>=2.12'."
        ) from None
    if requirement.url:
        raise RequestError(
            f"{text!r} names a URL.", hint="Name a version; for wheels of your own use --find-links FOLDER."
        )
    if requirement.marker is not None:
        # it would have to be judged for the target; dropped, it would install what was not asked for
        raise RequestError(
            f"{text!r} carries a condition.",
            hint="Name what you want on this machine: torch, torch==2.7.1, 'torch>=2.12'.",
        )
    return requirement


def _known_extras(name: str, extras: set[str]) -> list[str]:
    """The extras by their normal names.

    Raises:
        RequestError: the package has no such extra.
    """
    known = EXTRAS.get(name, {})
    found = [str(canonicalize_name(extra)) for extra in extras]
    for extra in sorted(found):
        if extra not in known:
            of_a_build = re.match(r"cuda|cu\d|gpu|cpu|rocm|hip|xpu|mps", extra) is not None
            build = (
                "The build is chosen by what the machine has, or by its tag: --backend cu126 (or cpu, rocm7.2, xpu)."
            )
            there = f"It has {', '.join(known)}; name" if known else "Name"
            raise RequestError(
                f"{name} has no extra {extra!r}.", hint=build if of_a_build else f"{there} other packages beside it."
            )
    return found


def _without_local(specifier: SpecifierSet, text: str) -> tuple[SpecifierSet, str | None]:
    """``==2.7.1+cu118`` -> (``==2.7.1``, ``cu118``)."""
    local: str | None = None
    parts = []
    for part in specifier:
        base, _, tail = part.version.partition("+")
        local = tail or local
        parts.append(f"{part.operator}{base}")
        try:
            Version(base.removesuffix(".*"))
        except InvalidVersion:
            raise RequestError(
                f"{text!r} holds no version that can be compared.", hint="Use == or a range, as in 'torch>=2.12'."
            ) from None
    return SpecifierSet(",".join(parts)), local


def _one_tag(tags: set[str], index: WheelIndex) -> str | None:
    if not tags:
        return None
    if len(tags) > 1:
        raise RequestError(
            f"Two builds are asked for at once: {' and '.join(sorted(tags))}.", hint="Name one backend tag."
        )
    tag = next(iter(tags))
    known = {build.backend for build in index.builds}
    if tag not in known:
        newest = sorted({b.backend for b in index.builds if b.torch == index.releases[-1].version})
        raise RequestError(
            f"No build has the backend tag {tag!r}.",
            hint=f"The newest release has {', '.join(newest)}; ptsetup index show lists all, and auto chooses.",
        )
    return tag


def _constraints(lines: tuple[str, ...]) -> dict[str, SpecifierSet]:
    """Constraints on the family; lines that are no requirement (options, comments, URLs) are pip's business."""
    found: dict[str, SpecifierSet] = {}
    for line in lines:
        text = re.sub(r"(^|\s)#.*$", "", line).strip()
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if requirement.url or requirement.marker is not None:
            continue
        spec, _ = _without_local(requirement.specifier, text)
        found[name] = found.get(name, SpecifierSet()) & spec
    return found
