"""Days of evidence for thousands of sites at once: units of interleaved shelves, as counts of their few values.

A unit is a user's day: so many credits, of which the anchor's items got some. There are few such pairs, so a day of a
site is a row of counts, and the logarithm of its factor is counts × the product code's own logarithm of each pair.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.decision.e_detector import BETS, log_factors, run

Floats = NDArray[np.float64]

CREDITS = np.array([1, 2, 3, 4, 6])
_SHARES = np.array([0.66, 0.17, 0.08, 0.05, 0.04])
"""How many credits a user's day has: most click once."""
_FIRST = np.concatenate([[0], np.cumsum(CREDITS + 1)[:-1]])
CODES = int((CREDITS + 1).sum())
VALUES = np.concatenate([(2 * np.arange(c + 1) - c) / c for c in CREDITS])
"""(anchor - live) / (anchor + live) of each pair (credits, the anchor's)."""
TABLE = np.array([log_factors(np.array([value]), 0.0, BETS) for value in VALUES])

SHELVES, ACTED, A_USER = 10_000, 0.12, 1.1
"""Shelves a day, the share of them with any action, acting shelves a user and day."""


def units_a_day(interleaved: float) -> int:
    """Units that a share of interleaved shelves gives at 10,000 shelves a day."""
    return round(SHELVES * ACTED * interleaved / A_USER)


def chances(anchor: float) -> Floats:
    """The chance of each pair where a credit goes to the anchor with this chance."""
    from math import comb

    return np.concatenate(
        [
            share * np.array([comb(c, k) * anchor**k * (1 - anchor) ** (c - k) for k in range(c + 1)])
            for c, share in zip(CREDITS.tolist(), _SHARES, strict=True)
        ]
    )


@dataclass
class Detectors:
    """The mixture of one site a row; the same recursion as `Detector`, for many at once."""

    log_m: Floats

    @classmethod
    def fresh(cls, sites: int) -> "Detectors":
        """Before any day."""
        return cls(np.full((sites, len(BETS)), -np.inf))

    def after(self, counts: NDArray[np.integer]) -> Floats:
        """Take a day in, counts (sites, CODES); the levels after it."""
        self.log_m = counts @ TABLE + np.logaddexp(0.0, self.log_m)
        level: Floats = np.exp(np.minimum(self.log_m, 700.0)).mean(axis=1)
        return level


def checked() -> None:
    """That the recursion above is the product's, on a few days of one site."""
    draws, sites = np.random.default_rng(1), Detectors.fresh(1)
    days = [draws.multinomial(120, chances(0.52)) for _ in range(30)]
    levels = [float(sites.after(day[None])[0]) for day in days]
    theirs = run([log_factors(np.repeat(VALUES, day), 0.0, BETS) for day in days], 365.0).e_values
    np.testing.assert_allclose(levels, theirs, rtol=1e-9)


class Sites:
    """Sites where live is as good as the anchor and much else goes on; one row a site, one step a day."""

    def __init__(self, sites: int, units: int, seed: int, *, shock: float = 0.0, worse: float = 0.0) -> None:
        self._draws = np.random.default_rng(seed)
        self._sites, self._units, self._shock = sites, units, shock
        users = 3_000
        # Very uneven: a tenth of the users come on more than half of the user-days.
        weights = (1.0 + np.arange(users)) ** -0.8
        self._group = np.arange(users) % 2
        self._weights = weights / weights.sum()
        self._tastes = self._centred(self._draws.normal(0.0, 0.15, (sites, users)).astype(np.float32))
        # An anchor that earns so much less than live gets so much less than half of the credit.
        self._tastes += np.float32((1 - worse) / (2 - worse) - 0.5)
        # Each site has its own calendar: two holidays a year, campaigns of bots, a mix that moves, a new layout.
        self._offset = self._draws.integers(0, 365, sites)
        self._bots_from = self._draws.integers(0, 120, sites)
        self._turn = self._draws.integers(30, 400, sites)

    def _centred(self, tastes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Users keep their tastes for good; those of each group, as they come, are at par."""
        for group in (0, 1):
            own = self._group == group
            weights = self._weights[own] / self._weights[own].sum()
            tastes[:, own] -= (tastes[:, own] @ weights.astype(np.float32))[:, None]
        return tastes

    def day(self, number: int) -> NDArray[np.int64]:
        """Counts (sites, CODES) of a day."""
        season = (number + self._offset) % 365
        holiday = (season < 12) | ((season > 180) & (season < 187))
        size = self._draws.poisson(self._units * np.where(holiday, 2.2, 1.0))
        moved = number > self._turn
        site = np.repeat(np.arange(self._sites), size)
        user = self._users(moved[site])
        anchor = 0.5 + self._tastes[site, user] * np.where(holiday, 0.5, 1.0)[site]
        if number < 7:
            anchor -= 0.05  # what was just promoted is tried out
        if self._shock:
            anchor += self._draws.normal(0.0, self._shock, self._sites)[site]
        size_of = np.searchsorted(np.cumsum(_SHARES), self._draws.random(len(site)))
        # The new layout shows fewer items: fewer credits a day.
        size_of = np.where(moved[site] & (self._draws.random(len(site)) < 0.5), 0, np.minimum(size_of, 4))
        counts = self._counted(site, size_of, np.clip(anchor, 0.02, 0.98))
        return counts + self._bots(number)

    def _users(self, moved: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Who comes: after the mix has moved, the second group twice as often."""
        plain = np.cumsum(self._weights)
        tilted = np.cumsum(self._weights * np.where(self._group == 1, 2.0, 1.0))
        at = self._draws.random(len(moved))
        before = np.searchsorted(plain, at * plain[-1])
        after = np.searchsorted(tilted, at * tilted[-1])
        chosen: NDArray[np.intp] = np.minimum(np.where(moved, after, before), len(self._weights) - 1)
        return chosen

    def _counted(
        self, site: NDArray[np.intp], size_of: NDArray[np.intp], anchor: NDArray[np.floating]
    ) -> NDArray[np.int64]:
        size, won = CREDITS[size_of], np.zeros(len(site), np.intp)
        for place in range(int(CREDITS.max())):
            more = size > place
            won[more] += self._draws.random(int(more.sum())) < anchor[more]
        codes = site * CODES + _FIRST[size_of] + won
        return np.bincount(codes, minlength=self._sites * CODES).reshape(self._sites, CODES)

    def _bots(self, number: int) -> NDArray[np.int64]:
        """Ten days in 120 a campaign: a third as many units again, all six credits on whoever stands first."""
        there = (number - self._bots_from) % 120 < 10
        bots = np.where(there, self._units // 3, 0)
        first = self._draws.binomial(bots, 0.5)
        counts = np.zeros((self._sites, CODES), np.int64)
        counts[:, -1], counts[:, _FIRST[-1]] = first, bots - first
        return counts
