"""Intervals and p-values that hold however often somebody looks, and whenever he stops."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log, sqrt

from workers.evaluation.intervals import Interval, standard_error
from workers.evaluation.shelves import Floats

ALPHA = 0.05
"""How likely the interval is to miss what is true at any time at all."""
TUNED_FOR = 1_000
"""The sequence is narrowest, for its kind, at so many effective users; there it is 1.55 times a usual interval."""


def _mixing(alpha: float = ALPHA) -> float:
    """The squared width of the normal mixture that is narrowest at TUNED_FOR users, by their approximation."""
    certainty = -2 * log(alpha)
    return (certainty + log(certainty) + 1) / TUNED_FOR


def widths(users: float) -> float:
    """How many standard errors the sequence is wide to either side at so many users.

    The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 2024), by Robbins' normal mixture.

    >>> round(widths(1_000), 2), round(widths(100), 2), round(widths(100_000), 2)
    (3.04, 3.76, 3.58)
    """
    if users <= 0:
        return inf
    spent = users * _mixing()
    return sqrt(2 * (spent + 1) / spent * log(sqrt(spent + 1) / ALPHA))


def sequence_interval(values: Floats, users: float) -> Interval:
    """The sequence's interval at this look, of `values` (replicates + 1,) as `intervals.interval` takes them."""
    error = standard_error(values, users)
    wide = widths(users) * error if error < inf else inf
    return Interval(float(values[0]) - wide, float(values[0]) + wide)


def p_value(values: Floats, users: float) -> float:
    """That the truth is 0: the smallest error rate at which the sequence's interval leaves 0 out; 1 where none does.

    >>> import numpy as np
    >>> draws = np.random.default_rng(1).normal(0, 1, 400)
    >>> p_value(np.concatenate(([0.0], draws)), 1_000), p_value(np.concatenate(([6.0], 6 + draws)), 1_000) < 1e-5
    (1.0, True)
    """
    error = standard_error(values, users)
    if users <= 0 or not 0 < error < inf:
        return 1.0
    spent = users * _mixing()
    distance = (float(values[0]) / error) ** 2
    return min(1.0, sqrt(spent + 1) * exp(-distance * spent / (2 * (spent + 1))))


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p-value, corrected for how many there are (Holm, 1979): below a level, whatever depends on what, one false
    finding among all is no likelier than the level.

    >>> holm([0.01, 0.04, 0.03]), holm([0.9, 0.6])
    ([0.03, 0.06, 0.06], [1.0, 1.0])
    """
    corrected, least = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected
