"""Intervals of the bootstrap over users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.shelves import Floats


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of a figure."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def log_interval(values: Floats, users: float) -> Interval:
    """The interval of a ratio above 0, as `interval` on the logarithm: what divides may be half or double.

    Replicates that are not above 0 are left out. An interval without ends where the estimate itself is not.
    """
    if not values[0] > 0:
        return Interval(-np.inf, np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = interval(np.log(values), users)
    return Interval(float(np.exp(found.low)), float(np.exp(found.high)))


def interval(values: Floats, users: float) -> Interval:
    """The interval of `values` (replicates + 1,): the estimate first, then what each replicate comes to.

    The estimate, give or take its standard deviation over the replicates times Student's t. `users` is the effective
    number of them: with so few, the replicates vary too little by (users - 1) / users, and t for the same.
    """
    error = standard_error(values, users)
    if not error < np.inf:
        return Interval(-np.inf, np.inf)
    wide = error * float(stdtrit(max(users - 1, 1.0), 0.975))
    return Interval(float(values[0]) - wide, float(values[0]) + wide)


def standard_error(values: Floats, users: float) -> float:
    """The standard deviation over the replicates, for so many users; infinite where fewer than two replicates have one.

    With few users the replicates vary too little, by (users - 1) / users.
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if len(drawn) < 2:
        return float("inf")
    return float(drawn.std(ddof=1) * np.sqrt(users / max(users - 1, 1.0)))


def effective_users(counts: Floats) -> float:
    """How many equally active users would be as much evidence: (sum of n)^2 / sum of n^2, of each user's n rows.

    `counts` (replicates + 1,) is how many rows there are, in each replicate. As weights are Poisson(1), the variance
    over replicates estimates the sum of squares, so that nothing needs to be kept of single users; by its own chance it
    is off by 1 / sqrt(2 replicates) of itself, or 4 % with 400.

    >>> from workers.evaluation.bootstrap import weights
    >>> drawn = weights(np.arange(200, dtype=np.uint64), 400)
    >>> 180 < effective_users(drawn.sum(axis=0).astype(float)) < 220
    True
    """
    spread = float(counts[1:].var(ddof=1)) if len(counts) > 2 else 0.0
    return float(counts[0] ** 2 / spread) if spread else 0.0
