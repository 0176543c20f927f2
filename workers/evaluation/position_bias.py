"""Figures as they would be if every place were looked at: clicks over how much their place is looked at.

Two probabilities, never mixed: that an *item stood* at a place (a property of the draw, logged with each randomised
shelf) serves to learn the curve; that a *place is looked at* (the curve) serves to weigh what was acted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.intervals import effective_users
from workers.evaluation.shelf_statistics import PLACES
from workers.evaluation.shelves import Floats


@dataclass(frozen=True)
class Curve:
    """How much each place is looked at, the first one being 1; estimated from randomised shelves."""

    looked: Floats
    """(replicates + 1, PLACES); nan where it is not known, for want of evidence."""
    clicks: NDArray[np.int64]
    """(PLACES - 1,): of each pair of places, how many items were acted on at the one where they were fewer."""
    users: float = 0.0
    """The effective number of users of the randomised shelves."""


def examination(sums: Floats, least: int) -> Curve:
    """The curve of a stratum: `sums` (replicates + 1, columns) of `columns.curve_values`.

    A chain of ratios from place to place, as far as each has `least` items acted on at either place.
    """
    left, right, left_n, right_n = np.split(sums[:, :-1], 4, axis=1)
    clicks = np.minimum(left_n[0], right_n[0]).astype(np.int64)
    known = np.logical_and.accumulate(clicks >= max(least, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(known & (left > 0) & (right > 0), right / left, np.nan)
    looked: Floats = np.ones((len(sums), PLACES))
    with np.errstate(invalid="ignore"):
        looked[:, 1:] = np.cumprod(ratios, axis=1)
    return Curve(looked, clicks, effective_users(sums[:, -1]))


def unknown_curve(rows: int) -> Curve:
    """The curve where nothing was randomised: of the first place, that it is as much looked at as itself."""
    looked = np.full((rows, PLACES), np.nan)
    looked[:, 0] = 1
    return Curve(looked, np.zeros(PLACES - 1, np.int64))


@dataclass(frozen=True)
class Stratum:
    """What was gained and acted on at each place, (replicates + 1, PLACES + 1), where places are looked at alike."""

    gains: Floats
    acted: Floats
    curve: Curve


@dataclass(frozen=True)
class CorrectedSums:
    """Corrected sums of some shelves, each (replicates + 1,), and what they rest on."""

    ips: Floats
    """The sum of gain / looked: over the number of shelves it is the inverse-propensity-scored mean."""
    clipped: Floats
    """The same with no weight above the clip."""
    weight: Floats
    """The sum of 1 / looked over all that was acted on: `ips` / `weight` is self-normalised."""
    effective: float
    """(sum of weights)^2 / sum of squared weights, over items acted on (Kish, 1965)."""
    outside: float
    """The share of what was gained at places outside the curve; it is left out of all sums."""
    users: float
    """Of so many users the randomised shelves are as sure: those of each curve, by what it adds to the variance."""


def corrected_sums(strata: Sequence[Stratum], clip: float) -> CorrectedSums:
    """Inverse propensity scoring for position (Joachims, Swaminathan, Schnabel, 2017), stratum by stratum.

    With one stratum, three places looked at 1, 1/2, 1/4, one gain of 1 at each of the first two:

    >>> looked = np.tile([1, 0.5, 0.25, *[np.nan] * 7], (1, 1))
    >>> row = np.array([[1.0, 1.0, *[0.0] * 9]])
    >>> found = corrected_sums([Stratum(row, row, Curve(looked, np.zeros(9, np.int64)))], 10)
    >>> found.ips.tolist(), found.weight.tolist(), found.effective, found.outside
    ([3.0], [3.0], 1.8, 0.0)
    """
    rows = len(strata[0].gains)
    ips, clipped, weight, square, kept, all_of_it = np.zeros((6, rows))
    spread: list[tuple[float, float]] = []
    for stratum in strata:
        known = np.isfinite(stratum.curve.looked[0])
        looked = np.where(known, stratum.curve.looked, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            weights = np.where(known, 1 / looked, 0.0)
        gains, acted = stratum.gains[:, :PLACES], stratum.acted[:, :PLACES]
        mine = (gains * weights).sum(axis=1)
        spread.append((_variance(mine), stratum.curve.users))
        ips += mine
        clipped += (gains * np.minimum(weights, clip)).sum(axis=1)
        weight += (acted * weights).sum(axis=1)
        square += (acted * weights**2).sum(axis=1)
        kept += (gains * known).sum(axis=1)
        all_of_it += stratum.gains.sum(axis=1)
    effective = float(weight[0] ** 2 / square[0]) if square[0] else 0.0
    outside = float(1 - kept[0] / all_of_it[0]) if all_of_it[0] else 0.0
    return CorrectedSums(ips, clipped, weight, effective, max(outside, 0.0), _pooled(spread))


def _variance(values: Floats) -> float:
    """Over the replicates; 0 where there are too few."""
    drawn = values[1:][np.isfinite(values[1:])]
    return float(drawn.var(ddof=1)) if len(drawn) > 1 else 0.0


def _pooled(parts: Sequence[tuple[float, float]]) -> float:
    """The degrees of freedom of a sum of parts, each with its variance and its own (Satterthwaite, 1946).

    >>> _pooled([(1.0, 50.0), (1.0, 50.0), (0.0, 2.0)])
    100.0
    """
    below = sum(variance**2 / max(users, 1.0) for variance, users in parts)
    return sum(variance for variance, _ in parts) ** 2 / below if below else 0.0
