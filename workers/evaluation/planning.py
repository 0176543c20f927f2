"""How many days an experiment needs to find a difference of a given size, from the variance of recorded days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, log
from statistics import NormalDist

import numpy as np
from scipy.stats import linregress  # type: ignore[import-untyped]  # it ships no types

from workers.evaluation.anytime import widths
from workers.evaluation.config import EvaluationConfig
from workers.evaluation.exact_sums import DayStats, merge_days
from workers.evaluation.intervals import effective_users, standard_error
from workers.evaluation.replicates import ReplicatedFigure, missing_evidence, random_to_best, replicate_figures
from workers.evaluation.slices import ALL

POWER = 0.8
ONE_LOOK = NormalDist().inv_cdf(0.975)
_LONGEST = 366
"""Days; beyond a year nobody waits, and nothing recorded says how users come back."""


@dataclass(frozen=True)
class Growth:
    """How a figure becomes surer with the days: its variance is that of one day times days ** slope."""

    value: float
    variance: float
    slope: float
    """-1 where each day brings other users; nearer to 0 where the same ones come back."""
    users: float
    """Effective users of one day."""

    def error(self, days: int) -> float:
        """The standard error of the difference of two halves of the users, after so many days."""
        return float(2 * np.sqrt(self.variance * days**self.slope))  # each half has twice the variance of all


@dataclass(frozen=True)
class Needed:
    """Days until a relative difference is found with 80 % power; None where a year is not enough."""

    one_look: int | None
    """Looked at once, on that day."""
    every_look: int | None
    """Looked at as often as one likes, with the confidence sequence."""
    growth: Growth


def plan(by_day: Sequence[DayStats], choice: EvaluationConfig, effect: float) -> Mapping[str, Needed]:
    """By figure, the days that an even split of all users needs to find a difference of `effect` of the figure.

    The variance is measured on the first 1, 2, 4, … of these days together, so that users who come back count as what
    they are; a power of the days is fitted through it. Without figures that lack evidence on all days together.
    """
    lengths = sorted(
        {1 << power for power in range(len(by_day).bit_length()) if 1 << power <= len(by_day)} | {len(by_day)}
    )
    looks = [replicate_figures(merge_days(by_day[:length]), choice).get(ALL, {}) for length in lengths]
    names = [str(each) for each in choice.measures]
    names += [random_to_best(each) for each in choice.measures if each.name == "nDCG"]
    found = {}
    for name in names:
        series = [(length, look[name]) for length, look in zip(lengths, looks, strict=True) if name in look]
        if series and missing_evidence(series[-1][1], choice.minimum_evidence) is None:
            growth = _growth(series)
            found[name] = Needed(_days(growth, effect, every=False), _days(growth, effect, every=True), growth)
    return found


def _growth(series: Sequence[tuple[int, ReplicatedFigure]]) -> Growth:
    """A power of the days through the variance of each length; of one length, as if each day brought other users."""
    told = []
    for length, figure in series:
        users = effective_users(figure.counts)
        error = standard_error(figure.values, users)
        if 0 < error < inf:
            told.append((log(length), 2 * log(error)))
    length, last = series[-1]
    slope = float(linregress(*zip(*told, strict=True)).slope) if len(told) > 1 else -1.0
    slope = min(0.0, max(-1.0, slope))
    users = effective_users(last.counts)
    variance = standard_error(last.values, users) ** 2 / length**slope
    return Growth(float(last.values[0]), variance, slope, users * length**slope)


def _days(growth: Growth, effect: float, *, every: bool) -> int | None:
    """The first day on which the difference is as many standard errors as are needed."""
    wanted, certain = abs(effect * growth.value), NormalDist().inv_cdf(POWER)
    for days in range(1, _LONGEST):
        users = growth.users * days**-growth.slope
        if wanted >= ((widths(users / 2) if every else ONE_LOOK) + certain) * growth.error(days):
            return ceil(days)
    return None
