"""Installed packages that are compiled against torch: where torch changes, they have to change with it."""

import re

from packaging.requirements import InvalidRequirement, Requirement

from ptsetup.facts import Distribution, Snapshot, replace
from ptsetup.index import WheelIndex
from ptsetup.plan import COMPANIONS, Plan, Request, plan

_TAG = re.compile(r"cpu|xpu|cu\d+|rocm[\d.]+")


def with_companions(snapshot: Snapshot, request: Request, index: WheelIndex) -> tuple[Request, str | None]:
    """(The request, with the installed companions that would not fit the planned torch; what to say where no build of them does).

    Raises:
        RequestError: the request cannot be read.
    """
    made = plan(snapshot, request, index)
    unfit = tuple(name for name in unfit_beside(made, snapshot) if made.outcome == "install")
    if not unfit:
        return request, None
    wider = replace(request, packages=(*request.packages, *unfit))
    if plan(snapshot, wider, index).outcome == "install":
        return wider, None
    return request, f"{' and '.join(unfit)} will not fit torch {made.local}, and no build of it does: uninstall it."


def unfit_beside(made: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Installed companions that are no part of the plan, and of another backend or made for another torch."""
    installed = (snapshot.target.distributions if snapshot.target else None) or ()
    planned = {requirement.name for requirement in made.requirements}
    return tuple(
        dict.fromkeys(
            d.name for d in installed if d.name in COMPANIONS and d.name not in planned and not _fits(d, made)
        )
    )


def _fits(companion: Distribution, made: Plan) -> bool:
    local = (companion.version or "").partition("+")[2]
    if _TAG.fullmatch(local) and local != made.backend:
        return False
    return all(_allows(text, made.torch) for text in companion.requires or ())


def _allows(text: str, torch: str | None) -> bool:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return True
    return requirement.name != "torch" or torch is None or requirement.specifier.contains(torch, prereleases=True)
