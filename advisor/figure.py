"""A number that knows where it came from.

Holds the value of a figure that is not exact arithmetic on exact inputs, its interval where it is
an estimate, its origin and its source. Units are the business of whoever holds the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """How a number got here, surest first."""

    MEASURED = "measured"
    """This program timed it on this machine."""

    REPORTED = "reported"
    """The driver, the kernel or the model file said it."""

    PUBLISHED = "published"
    """A catalog row, with its source."""

    ASSUMED = "assumed"
    """Nobody said it; `source` holds the reason for the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One value with its interval, its origin and its source."""

    value: float

    origin: Origin

    source: str
    """Who said it, or why it is assumed."""

    low: float | None = None
    """Lower end of the 80 % interval; ``None`` for what is exact as far as its origin goes."""

    high: float | None = None

    def __post_init__(self) -> None:
        """Refuse an interval that does not hold its value."""
        if (self.low is None) != (self.high is None):
            msg = "an interval has two ends"
            raise ValueError(msg)
        if (
            self.low is not None
            and self.high is not None
            and not self.low <= self.value <= self.high
        ):
            msg = f"{self.value} is not between {self.low} and {self.high}"
            raise ValueError(msg)


def weakest(*figures: Figure) -> Origin:
    """The origin an answer built on these figures may claim."""
    order = list(Origin)
    return max((figure.origin for figure in figures), key=order.index)
