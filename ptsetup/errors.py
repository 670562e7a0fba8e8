"""The errors that a user can meet, each with a way out."""


class PtsetupError(Exception):
    """What was tried and seen (``message``) and what to do next (``hint``)."""

    exit_code = 3

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Stopped(KeyboardInterrupt):
    """A signal asked only us to end (``kill``, a closed terminal, a time limit); after Ctrl-C our children have got it, too."""


class SnapshotError(PtsetupError):
    """A Snapshot could not be read: not JSON, wrong types, or an unknown schema."""


class NoSnapshot(SnapshotError):  # noqa: N818 - like InstallFailed
    """What was given in place of a Snapshot is something else, readable as that."""

    exit_code = 2


class WheelIndexError(PtsetupError):
    """wheels_index.json is missing, damaged, or of an unknown schema."""


class TargetError(PtsetupError):
    """The target interpreter was not found or does not answer."""


class RequestError(PtsetupError):
    """What was asked for on the command line cannot be understood."""

    exit_code = 2


class InstallFailed(PtsetupError):  # noqa: N818 - STYLE.md names it so, and it reads well where it is caught
    """The installer stopped, or what it installed did not prove right."""
