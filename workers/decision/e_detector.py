"""An e-detector: how strongly a run of days says that a bounded figure has risen above its margin, at any time.

The argument, step by step; the source is Shin, Ramdas & Rinaldo, "E-detectors: a nonparametric framework for sequential
change detection" (arXiv 2203.03532, 2022).

1. *A day's factor.* A day has units x_1 … x_n in [-1, 1], one a user. With a bet b, 0 < b < 1 / (1 + margin), fixed
   beforehand, the day's factor is L = (1 + b (x_1 - margin)) … (1 + b (x_n - margin)), never negative.
2. *The null.* Given the past and what befalls everybody on that day (who comes, season, release), units are
   independent, and the mean of their conditional expectations m_1 … m_n is at most `margin`. Single users may prefer
   whatever they like, and keep to it: by independence E[L | past] = (1 + b (m_1 - margin)) … (1 + b (m_n - margin)),
   and by the inequality of arithmetic and geometric means that is at most (1 + b (mean of m - margin))^n <= 1.
3. *From any day on.* So the product of the factors of days j … t is a nonnegative supermartingale that starts at 1 (an
   e-process), for each j. Their sum over j = 1 … t is the Shiryaev-Roberts e-detector, and needs no memory of j:
   M_t = L_t (M_{t-1} + 1). A mean over several bets, weights fixed beforehand, is an e-detector again.
4. *False alarms.* E[M_t | past] <= M_{t-1} + 1: so M_t - t is a supermartingale, and E[M_N] <= E[N] for N cut at any T.
   Let N be the first day with M_N >= A. Cut at T: A P(N <= T) <= E[M_min(N,T)] <= E[min(N,T)] <= T. The chance of a
   false alarm within T days is at most T / A, and as T grows, A <= E[N]: the mean run until a false alarm is at least
   A days, whatever the traffic, however often one looks.

Days without units are no days here: nothing is multiplied and nothing added, so the calendar's run is only longer.
What would break step 2 is a shock that hits the difference itself, for all users of a day alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Each is best against a mean of about itself times the units' variance: from half a per cent to large."""


def log_factors(units: Floats, margin: float, bets: Sequence[float] = BETS) -> Floats:
    """The logarithm of a day's factor, one for each bet (step 1 above); zeros for a day without units.

    Raises ValueError for a unit outside [-1, 1], or a bet that could lose more than everything.
    """
    if units.size and not (np.abs(units) <= 1.0).all():  # also false for nan
        raise ValueError("a unit must lie in [-1, 1]")
    if not all(0.0 < bet * (1.0 + margin) < 1.0 for bet in bets):
        raise ValueError(f"each bet must lie between 0 and 1 / (1 + margin), the margin is {margin}")
    # Sorted: the sum is the same to the last digit in whatever order the units came.
    centred = np.sort(units) - margin
    return np.array([np.log1p(bet * centred).sum() for bet in bets])


@dataclass(frozen=True)
class Detector:
    """The state of a Shiryaev-Roberts mixture: per bet the logarithm of its M; -inf before the first day."""

    log_m: tuple[float, ...]
    days: int = 0

    @classmethod
    def fresh(cls, bets: Sequence[float] | Floats = BETS) -> "Detector":
        """Before any day."""
        return cls((-np.inf,) * len(bets))

    def after(self, factors: Floats, share: float = 1.0) -> "Detector":
        """One day later, given `log_factors` of it: M = L (M + share) for each bet (step 3 above).

        Several detectors side by side share the 1 of a day that is added: their sum is an e-detector again.
        """
        begun = np.logaddexp(np.log(share), self.log_m)
        return Detector(tuple(float(each) for each in factors + begun), self.days + 1)

    @property
    def e_value(self) -> float:
        """M, the mean over the bets: compare it with the run length in days that was chosen."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.log_m).mean())


@dataclass(frozen=True)
class Run:
    """What the days so far come to."""

    e_values: tuple[float, ...]
    """M after each day."""
    alarm_index: int | None
    """Index of the first day on which M reached the run length."""
    change_index: int | None
    """Index of the day from which the units speak the loudest: the likely change. None without days."""


def run(factors: Sequence[Floats | None], run_length: float, shares: Sequence[float] | None = None) -> Run:
    """Follow days in order, each given by its `log_factors`, None where it has no units.

    `run_length`, in days, is what M is held against; `shares` is of each day what is added, 1 if it is not given.
    """
    state: Detector | None = None
    levels: list[float] = []
    for number, each in enumerate(factors):
        if each is not None:
            state = (state or Detector.fresh(each)).after(each, 1.0 if shares is None else shares[number])
        levels.append(state.e_value if state else 0.0)
    if state is None:
        return Run(tuple(levels), None, None)
    alarm = next((day for day, level in enumerate(levels) if level >= run_length), None)
    known = [(day, each) for day, each in enumerate(factors) if each is not None]
    from_each_day = np.cumsum(np.array([each for _, each in known])[::-1], axis=0)[::-1]
    start = known[int(np.argmax(np.logaddexp.reduce(from_each_day, axis=1)))][0]
    return Run(tuple(levels), alarm, start)
