"""The installer: carries a Plan out as a transaction."""

from ptsetup.install.already import is_family_there, is_there
from ptsetup.install.carry import carry_out
from ptsetup.install.companions import with_companions
from ptsetup.install.prepare import confirm, only_beside, prepare
from ptsetup.install.printed import as_shown
from ptsetup.install.records import Outcome, Step
from ptsetup.install.recovery import forget, recover, was_cut_off
from ptsetup.install.settings import Settings

__all__ = [
    "Outcome",
    "Settings",
    "Step",
    "as_shown",
    "carry_out",
    "confirm",
    "forget",
    "is_family_there",
    "is_there",
    "only_beside",
    "prepare",
    "recover",
    "was_cut_off",
    "with_companions",
]
