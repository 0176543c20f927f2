"""Many sites at once whose anchor is better or worse than live from the start: the lead is learnt as in the product."""

import numpy as np
from numpy.typing import NDArray

from workers.decision.anchor_lead import PREFIXES, SETTLE_DAYS, upper_bound
from workers.decision.e_detector import BETS

from .streams_of_days import VALUES

Floats = NDArray[np.float64]


class LearningDetectors:
    """One detector a site, counts (sites, CODES) a day; the margin of each follows its own first days."""

    def __init__(self, sites: int) -> None:
        self._log_m = np.full((sites, len(BETS)), -np.inf)
        self._margin = np.zeros(sites)
        self._count, self._sum, self._squares = np.zeros(sites), np.zeros(sites), np.zeros(sites)
        self._day = 0
        self._tables = self._of_margins()

    def _of_margins(self) -> Floats:
        """(sites, CODES, bets): the logarithm of the factor of each value."""
        return np.log1p(np.array(BETS) * (VALUES[None, :, None] - self._margin[:, None, None]))

    def after(self, counts: NDArray[np.integer]) -> Floats:
        """Take a day in; the levels after it."""
        factors = np.einsum("sc,scb->sb", counts, self._tables)
        self._log_m = factors + np.logaddexp(0.0, self._log_m)
        self._day += 1
        if self._day > SETTLE_DAYS:
            self._count += counts.sum(axis=1)
            self._sum += counts @ VALUES
            self._squares += counts @ VALUES**2
        if self._day - SETTLE_DAYS in PREFIXES:
            bound = upper_bound(self._count, self._sum, self._squares)
            self._margin = np.minimum(self._margin, bound)
            self._tables = self._of_margins()
        level: Floats = np.exp(np.minimum(self._log_m, 700.0)).mean(axis=1)
        return level
