"""Observed evidence: today's figures against the days after promotion, category by category. Weak, and labelled so.

Nothing is randomised here, so a season or a release moves it as well. A day's weather hits all users alike: units of a
day are not independent, and each day is one bet on one number, however many users it is of.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.decision.evidence_store import Day, Floats

BETS = (0.05, 0.1, 0.2, 0.4, 0.8)
OTHER = "other"
_LEAST_UNITS = 50
"""Of a stratum in the reference; smaller ones are taken together."""
_WIDTH = 3.0
"""A day counts as at most so many standard deviations of the reference's days, in either direction."""


@dataclass(frozen=True)
class Reference:
    """One measure as it was in the days after promotion."""

    level: float
    """Mean over the strata, by their share of the units."""
    spread: float
    """Standard deviation of a day's shortfall."""
    days: int
    shares: dict[str, float]
    means: dict[str, float]

    @property
    def error(self) -> float:
        """Standard error of the level, between days."""
        return float(self.spread / np.sqrt(self.days))


def reference(days: Sequence[Day], measure: str) -> Reference | None:
    """The reference of a measure; None where its days have no units, or are too few to tell their spread."""
    counts, sums = totals(days, measure)
    rest = {name for name, count in counts.items() if count < _LEAST_UNITS}
    for name in rest:
        counts[OTHER] = counts.get(OTHER, 0) + counts.pop(name)
        sums[OTHER] = sums.get(OTHER, 0.0) + sums.pop(name)
    total = sum(counts.values())
    if not total or len(days) < 2:
        return None
    shares = {name: count / total for name, count in counts.items()}
    means = {name: sums[name] / counts[name] for name in counts}
    level = sum(sums.values()) / total
    first = Reference(level, 0.0, len(days), shares, means)
    falls = [fall for fall in (shortfall(day, measure, first) for day in days) if fall is not None]
    # Never taken for steadier than half a per cent: a few equal days are no proof of it.
    spread = max(float(np.std(falls, ddof=1)) if len(falls) > 1 else 0.0, 0.005 * abs(level), 1e-9)
    return Reference(level, spread, len(days), shares, means)


def shortfall(day: Day, measure: str, against: Reference) -> float | None:
    """How much a day falls short of the reference at the reference's mix; None for a day that shows too little of it.

    Strata that the reference does not know (categories that are new) enter by their share of the day, against the
    reference's level: a model that has not learnt them is worse for it.
    """
    counts, sums = totals([day], measure)
    known = {name: against.shares[name] for name in counts if name in against.shares and name != OTHER}
    covered = sum(known.values())
    if covered < 0.5:
        return None
    within = sum(share * (against.means[name] - sums[name] / counts[name]) for name, share in known.items()) / covered
    rest = {name for name in counts if name not in known}
    total, new = sum(counts.values()), sum(counts[name] for name in rest)
    if not new:
        return float(within)
    level = against.means.get(OTHER, against.level) if against.shares.get(OTHER, 0) >= new / total else against.level
    return float((1 - new / total) * within + (level * new - sum(sums[name] for name in rest)) / total)


def bet_on(fall: float, against: Reference, slack: float) -> Floats:
    """A day as the one unit of a detector: its shortfall beyond `slack`, in spreads, cut to [-1, 1]."""
    return np.array([np.clip((fall - slack) / (_WIDTH * against.spread), -1.0, 1.0)])


def slack(against: Reference, least_effect: float) -> float:
    """The shortfall that is not held against the model: half of the least effect, or what the reference may be off."""
    return max(0.5 * least_effect * abs(against.level), 2.0 * against.error)


def totals(days: Sequence[Day], measure: str) -> tuple[dict[str, float], dict[str, float]]:
    """Units and their sum by stratum, of those that have the measure."""
    counts: dict[str, float] = {}
    sums: dict[str, float] = {}
    for day in days:
        values = day.of(measure)
        there = ~np.isnan(values)
        size = len(day.strata)
        found = np.bincount(day.codes[there], minlength=size)
        added = np.bincount(day.codes[there], weights=values[there], minlength=size)
        for name, count, value in zip(day.strata, found, added, strict=True):
            if count:
                counts[name] = counts.get(name, 0) + float(count)
                sums[name] = sums.get(name, 0.0) + float(value)
    return counts, sums
