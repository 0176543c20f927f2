"""What is told of a figure: its value, its interval and what it rests on, or that there is not enough evidence."""

from __future__ import annotations

from dataclasses import dataclass

from workers.evaluation.intervals import Interval


@dataclass(frozen=True)
class Figure:
    """A figure that may be shown."""

    value: float
    interval: Interval
    shelves: int
    """How many it is of; of a figure by place or age of the listing, how many items."""
    users: float
    """The effective number of users: of so many equally active ones it would be as sure."""
    effective: float | None = None
    """The effective sample size of the weights, in items acted on, where there are weights."""
    outside: float | None = None
    """The share of the weight outside the support: at places of which it is not known how much they are looked at."""
    anytime: Interval | None = None
    """Of a difference: the interval that holds at all looks together, however many there are."""


@dataclass(frozen=True)
class NotEnoughEvidence:
    """Not enough evidence for a figure: of what, how much there is, how much is needed.

    >>> str(NotEnoughEvidence("shelves", 37, 100))
    'not enough evidence: 37 of 100 shelves, 63 missing'
    """

    of: str
    have: float
    need: float

    def __str__(self) -> str:
        # Rounded so that what is missing never looks like nothing.
        have = int(self.have)
        return f"not enough evidence: {have:,} of {self.need:,.0f} {self.of}, {self.need - have:,.0f} missing"


Estimate = Figure | NotEnoughEvidence


@dataclass(frozen=True)
class MinimumEvidence:
    """The least evidence that a figure is shown for."""

    users: float = 30
    """Effective users."""
    shelves: int = 100
    clicks: int = 5
    """Items acted on on randomised shelves, at each of two places that are compared: with fewer, replicates of the
    bootstrap have none (e^-5 of them, with five)."""
    effective: float = 50
    """Effective sample size of the weights."""
    outside: float = 0.02
    """The most of the weight that may lie outside the support: so much too low may a corrected figure be."""
