"""A measure with and without a release on the same days: what a new app version, layout or policy itself has changed.

Compared within day, category and surface, so that a season, a mix or a model that decays is on both sides alike. Who
takes a release first is not like who takes it last: what set the same users apart before it came is taken off.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.decision.evidence_units import OWN_ORDER, strata_of
from workers.decision.signals import Change
from workers.evaluation.measures import Measure
from workers.evaluation.rankings import as_shown
from workers.evaluation.shelves import Shelves

Floats = NDArray[np.float64]
_LEAST_UNITS = 100
"""Units (a user on a day in a stratum) with, and as many without; fewer say nothing."""


@dataclass(frozen=True)
class Comparison:
    """Values of the shelves after a turn, each with what its user had before; nan where that is not known."""

    rows: NDArray[np.intp]
    """The shelves that have the measure, as rows of `after`."""
    cell: NDArray[np.int64]
    """Of each, its day and stratum as one number."""
    user: NDArray[np.intp]
    """Numbered from 0."""
    value: Floats
    earlier: Floats

    @classmethod
    def of(cls, before: Shelves, after: Shelves, measure: str) -> "Comparison":
        """Prepare the comparison of any release among the shelves `after`."""
        rows, value = _measured(after, measure)
        _, strata = strata_of(after)
        days = after.day[rows].astype(np.int64)
        cell = (days - days.min(initial=0)) * (int(strata.max(initial=0)) + 1) + strata[rows]
        old_rows, old = _measured(before, measure)
        users, index = np.unique(before.user[old_rows], return_inverse=True)
        means = np.bincount(index, old, len(users)) / np.maximum(np.bincount(index, minlength=len(users)), 1)
        user = after.user[rows]
        at = np.minimum(np.searchsorted(users, user), max(len(users) - 1, 0))
        known = users[at] == user if len(users) else np.zeros(len(user), np.bool_)
        earlier = np.full(len(user), np.nan)
        earlier[known] = means[at[known]]
        return cls(rows, cell, np.unique(user, return_inverse=True)[1].ravel(), value, earlier)

    def beside(self, had: NDArray[np.bool_]) -> Change | None:
        """`before` without it, `after` with it, on the same days; None if they were never side by side.

        `had` says of each shelf after the turn whether it had the release.
        """
        has = had[self.rows]
        now = _contrast(self.cell, self.user, has, self.value)
        if now is None:
            return None
        difference, error, without = now
        known = ~np.isnan(self.earlier)
        apart = _contrast(self.cell[known], self.user[known], has[known], self.earlier[known])
        if apart is not None:
            difference, error = difference - apart[0], float(np.hypot(error, apart[1]))
        return Change(before=without, after=without + difference, error=error)


def _measured(shelves: Shelves, measure: str) -> tuple[NDArray[np.intp], Floats]:
    """The visible shelves in the live model's own order that have the measure, and its values."""
    rows = np.flatnonzero(shelves.visible & np.isin(shelves.drawn, OWN_ORDER))
    value = Measure.parse(measure).of(as_shown(shelves.pick(rows)))
    there = ~np.isnan(value)
    return rows[there], value[there]


def _contrast(
    cell: NDArray[np.int64], user: NDArray[np.intp], has: NDArray[np.bool_], value: Floats
) -> tuple[float, float, float] | None:
    """With minus without, its standard error, and the level without; cells weigh by what they can tell.

    One unit for a user in a cell: shelves of one user are not independent.
    """
    users = int(user.max(initial=0)) + 1
    found, index = np.unique((cell * 2 + has) * users + user, return_inverse=True)
    count = np.bincount(index.ravel(), minlength=len(found))
    mean = np.bincount(index.ravel(), value, len(found)) / np.maximum(count, 1)
    side, cells = found // users % 2, int(cell.max(initial=0)) + 1
    n, total = (
        np.stack([np.bincount(found[side == each] // users // 2, weights, cells) for each, weights in enumerate(pair)])
        for pair in ((None, None), (mean[side == 0], mean[side == 1]))
    )
    both = (n > 0).all(axis=0)
    if (n[:, both].sum(axis=1) < _LEAST_UNITS).any():
        return None
    n, total = n[:, both], total[:, both]
    weight = n[0] * n[1] / n.sum(axis=0)
    level = total / n
    without = float((weight * level[0]).sum() / weight.sum())
    difference = float((weight * (level[1] - level[0])).sum() / weight.sum())
    return difference, float(mean.std() / np.sqrt(weight.sum())), without
