"""Records of a comparison with kept runs."""

from ptsetup.facts import Record


class Quantity(Record, frozen=True, kw_only=True):
    """One quantity, before and after."""

    key: str
    verdict: str
    """``same``, ``slower``, ``faster``, ``unsure`` (beyond the limit, but too few kept runs), ``noisy``."""
    ratio: float
    """Time after over time before, by medians of medians: above 1 is slower."""
    limit: float | None = None
    """The ratio beyond which it may be called slower."""
    low: float | None = None
    """Lower limit of the bootstrap's 95 % interval; None where the ratio stayed within the limit."""
    clock: str = "wall"
    """``wall`` or ``cpu``."""


class Comparison(Record, frozen=True, kw_only=True):
    """A run against kept ones of the same machine class."""

    headline: str
    runs_before: int
    runs_after: int
    versions_before: dict[str, str] = {}
    versions_after: dict[str, str] = {}
    quantities: tuple[Quantity, ...] = ()

    @property
    def is_slower(self) -> bool:
        """Something became slower."""
        return any(one.verdict == "slower" for one in self.quantities)
