"""From a request to a Plan that can be carried out now: asks the index first, and falls back on wheels that lie at hand."""

from collections.abc import Callable

from ptsetup import compat
from ptsetup.errors import InstallFailed
from ptsetup.facts import Snapshot, replace
from ptsetup.index import WheelIndex
from ptsetup.index.pages import Page
from ptsetup.install.reach import Wheel, ask, fitting, newest_on, wheels_in
from ptsetup.install.settings import Settings
from ptsetup.plan import Plan, Request, Requirement, plan

Log = Callable[[str], None]

TRIES = 12
"""At most so many announced builds are asked for before we give up on the index."""


UNASKED = Page(answer="unreachable", detail="pip is configured to ask no index (no-index)")

OutOfReach = Callable[[Plan, Page, Request], Plan]
"""What to do where the index for a Plan (of that Request) cannot be asked."""


def prepare(snapshot: Snapshot, request: Request, index: WheelIndex, settings: Settings, log: Log) -> Plan:
    """The Plan, checked against what can be had: the live index, or the wheels in the user's folders when it is out of reach.

    Raises:
        InstallFailed: the index is out of reach and no wheel at hand satisfies the request; or its page gives another hash for a
            wheel than the one that is known.
        RequestError: the request cannot be read.
    """
    if request.find_links:
        return from_folder(snapshot, request, index, request.find_links)

    def out_of_reach(made: Plan, reached: Page, request: Request) -> Plan:
        return _fall_back(snapshot, request, index, settings, made, reached)

    if settings.is_without_index and not request.mirror and not request.index_url:
        # what the user named for torch may be asked all the same
        made = plan(snapshot, request, index)
        return out_of_reach(made, UNASKED, request) if _address(made) else made
    return _checked(snapshot, request, index, settings, out_of_reach, log=log)[0]


def only_beside(made: Plan) -> Plan:
    """Of a Plan whose family is there already: the command for what was named beside it, from the user's default index."""
    why = f"torch {made.name} is there already; what is lacking beside it is installed"
    rest: Plan = replace(
        made, commands=made.commands[1:], reasons=(why,), download_bytes=None, installed_bytes=None, size_of=None
    )
    return rest


def confirm(snapshot: Snapshot, request: Request, index: WheelIndex, settings: Settings) -> Plan:
    """The Plan; where it rests on an announced build or a nightly, the live index is asked, and the next best taken if it is not there.

    Raises:
        InstallFailed: the folder that was named holds no torch wheel for this Python and system.
        RequestError: the request cannot be read.
    """
    if request.find_links:
        return from_folder(snapshot, request, index, request.find_links)

    def out_of_reach(made: Plan, reached: Page, _: Request) -> Plan:
        told: Plan = replace(made, warnings=(*made.warnings, f"it could not be asked now: {reached.detail}"))
        return told

    made, reached = _checked(snapshot, request, index, settings, out_of_reach, is_doubted_only=True)
    if reached is None:
        return made
    warnings = tuple(warning for warning in made.warnings if "announced" not in warning)
    reasons = (*made.reasons, f"{reached.detail} has it (asked just now)")
    seen: Plan = replace(made, status="seen", warnings=warnings, reasons=reasons)
    return seen


def _checked(
    snapshot: Snapshot,
    request: Request,
    index: WheelIndex,
    settings: Settings,
    out_of_reach: OutOfReach,
    *,
    is_doubted_only: bool = False,
    log: Log | None = None,
) -> tuple[Plan, Page | None]:
    """(The best Plan whose wheels the live index has, the page that has them; None: no page was asked, or its words stand in the Plan).

    Args:
        snapshot: the machine.
        request: what is wanted.
        index: the wheels that are known.
        settings: how to connect.
        out_of_reach: what to do where the index does not answer.
        is_doubted_only: only announced builds and nightlies are asked for.
        log: is told of each build that is not there.
    """
    made = plan(snapshot, request, index)
    for _ in range(TRIES):
        address = _address(made)
        if address is None or (is_doubted_only and made.status != "announced" and not request.is_pre):
            return made, None
        reached = ask(address, "torch", settings)
        if reached.answer in ("unreachable", "refused"):
            return out_of_reach(made, reached, request), None
        nightly = _nightly(snapshot, reached) if request.is_pre else None
        if nightly is not None:
            return _told(made, nightly, reached), None
        lacking = _name(made) if request.is_pre or _is_absent(made, reached) else _lacking_companion(made, settings)
        if lacking is None:
            if not is_doubted_only:
                refuse_another_wheel(made.requirements[0], reached)
            return made, reached
        if log is not None:
            log(f"{lacking.partition('@')[0]} is not on the index ({reached.detail}); looking for the next best build.")
        others = _not_on(reached, made, index) if lacking == _name(made) and not request.is_pre else ()
        request = replace(request, absent=(*request.absent, lacking, *others))
        made = plan(snapshot, request, index)
    return made, None


def _address(made: Plan) -> str | None:
    """The index that is to be asked; None: there is none, or a flat page or the user's default index, which are the installer's to ask."""
    return made.index_url if made.outcome == "install" and "--index-url" in made.commands[0] else None


def _lacking_companion(made: Plan, settings: Settings) -> str | None:
    """The first companion that the page of the tag does not have, as ``Request.absent`` names it; None when all are there.

    Raises:
        InstallFailed: as ``refuse_another_wheel``.
    """
    for requirement in made.requirements[1:]:
        if requirement.index_url is None or requirement.version is None:
            continue
        page = ask(requirement.index_url, requirement.name, settings)
        if page.answer == "unreachable":
            return None
        refuse_another_wheel(requirement, page)
        public = requirement.version.partition("+")[0]
        starts = (f"{requirement.name}-{public}-", f"{requirement.name}-{public}+")
        if not any(link.file.startswith(starts) for link in page.links):
            return f"{requirement.name}-{public}+{made.backend}@{made.origin}"
    return None


def refuse_another_wheel(requirement: Requirement, page: Page) -> None:
    """Nothing is taken from a page of the PyTorch index that gives another hash for a wheel than the one that is known.

    The installer holds the wheel to the page; only we know that the page was another one. Mirrors and indexes that the user named
    are the user's to trust: of these no hash is known.

    Raises:
        InstallFailed: the hashes differ.
    """
    told = next((link.sha256 for link in page.links if link.file == requirement.file), None)
    if requirement.url is None or requirement.sha256 is None or told in (None, requirement.sha256):
        return
    raise InstallFailed(
        f"{page.detail} gives another sha256 for {requirement.file} than the one that is known: {told}, not {requirement.sha256}.",
        hint="Nothing was changed. Try another network. If you know that this wheel was built anew, name the page yourself: "
        f"--index-url {requirement.index_url}",
    )


def _nightly(snapshot: Snapshot, reached: Page) -> str | None:
    target = snapshot.target
    return newest_on(reached, "torch", target.python_tag if target else None, compat.platform_of(snapshot))


def _told(made: Plan, nightly: str, reached: Page) -> Plan:
    """With the version that the page has today."""
    told: Plan = replace(made, reasons=(*made.reasons, f"{reached.detail} has {nightly} (asked just now)"))
    return told


def _name(made: Plan) -> str:
    """As ``Request.absent`` names builds."""
    return f"{made.torch or 'nightly'}+{made.backend}@{made.origin}"


def _not_on(reached: Page, made: Plan, index: WheelIndex) -> tuple[str, ...]:
    """The other builds of that tag which the page does not have either: a mirror may have old ones only."""
    return tuple(
        f"{build.torch}+{build.backend}@{build.origin}"
        for build in index.builds
        if (build.backend, build.origin) == (made.backend, made.origin)
        and not _has(reached, build.torch, f"{build.torch}+{build.backend}")
    )


def _has(reached: Page, *versions: str | None) -> bool:
    return any(link.file.startswith(tuple(f"torch-{version}-" for version in versions)) for link in reached.links)


def _is_absent(made: Plan, reached: Page) -> bool:
    if reached.answer == "absent":
        return True
    # nightlies and foreign indexes are the installer's to resolve
    if made.local is None or made.status is None:
        return False
    return not _has(reached, made.local, made.torch)


def from_folder(snapshot: Snapshot, request: Request, index: WheelIndex, folder: str) -> Plan:
    """The Plan from the wheels that lie in a folder; a page of wheels is the installer's to read.

    Raises:
        InstallFailed: the folder holds no torch wheel for this Python and system.
        RequestError: the request cannot be read.
    """
    if folder.startswith(("http://", "https://")):
        return plan(snapshot, request, index)
    wheels = _at_hand(snapshot, (folder,))
    if not any(wheel.project == "torch" for wheel in wheels):
        target = snapshot.target
        raise InstallFailed(
            f"{folder} holds no torch wheel for {target.python_tag if target else 'this Python'} on this system.",
            hint="Check the folder; the files are named like torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl.",
        )
    return plan(snapshot, replace(request, only=_builds(wheels)), index)


def _at_hand(snapshot: Snapshot, folders: tuple[str, ...]) -> tuple[Wheel, ...]:
    target = snapshot.target
    return fitting(wheels_in(folders), target.python_tag if target else None, compat.platform_of(snapshot))


def _builds(wheels: tuple[Wheel, ...]) -> tuple[str, ...]:
    return tuple(sorted({f"{wheel.project}=={wheel.version}" for wheel in wheels}))


def _fall_back(
    snapshot: Snapshot, request: Request, index: WheelIndex, settings: Settings, made: Plan, reached: Page
) -> Plan:
    """The same build from the user's own index, else the newest fitting one among the wheels in the user's find-links folders."""
    same = _from_own_index(snapshot, request, index, settings, made, reached)
    if same is not None:
        return same
    for folder in settings.find_links:
        wheels = _at_hand(snapshot, (folder,))
        if not any(wheel.project == "torch" for wheel in wheels):
            continue
        local = plan(snapshot, replace(request, only=_builds(wheels), find_links=folder), index)
        if local.outcome == "install":
            newest = f"this is the newest fitting wheel in {folder}, online it would be {made.name}"
            note = f"the index is out of reach ({reached.detail}): {newest}"
            found: Plan = replace(local, warnings=(*local.warnings, note))
            return found
    raise InstallFailed(
        f"The index for torch {made.name} is out of reach: {reached.detail}, and no wheel at hand satisfies the request.",
        hint="Ways out: a mirror (--mirror NAME or --index-url URL), a folder of wheels (--find-links DIR), or another network or proxy.",
    )


def _from_own_index(
    snapshot: Snapshot, request: Request, index: WheelIndex, settings: Settings, made: Plan, reached: Page
) -> Plan | None:
    """A configured index (a company's mirror) often is in reach where the PyTorch index is not; of some builds it has the same."""
    if settings.index_url is None or settings.is_without_index or made.origin == "default":
        return None
    absent = (*request.absent, f"{made.torch}+{made.backend}@{made.origin}")
    other = plan(snapshot, replace(request, absent=absent), index)
    if (other.outcome, other.origin, other.torch, other.backend) != ("install", "default", made.torch, made.backend):
        return None
    page = ask(settings.index_url, "torch", settings)
    if page.answer != "there" or not any(link.file.startswith(f"torch-{other.torch}-") for link in page.links):
        return None
    note = f"the PyTorch index is out of reach ({reached.detail}): {page.detail} has the same build"
    found: Plan = replace(other, warnings=(*other.warnings, note))
    return found
