"""The anchor's lead over live, learnt from the first days after promotion: what live is tested against.

Against an anchor that is five per cent worse, live may lose five per cent and still be level with it. So what is tested
is whether the anchor's lead has risen above what it was in the first days, at the upper end of a one-sided interval
(equivalently: above the lower end of live's own lead). An anchor that was *better* from the start is tested against the
margin of the policy as ever: that live is worse than it is worth an alarm.

The bound is learnt from some prefixes of the days, and the lowest one known so far counts from the day after it on: the
longer prefix is more exact, and the shorter one was there before a slow decay.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.decision.evidence_store import Day
from workers.decision.evidence_units import LEAD

Floats = NDArray[np.float64]

SETTLE_DAYS = 7
"""Days after promotion that teach nothing: people try what is new."""
PREFIXES = (28, 56, 112)
"""Days after these from which the lead is learnt."""
_ERRORS = 1.0
"""Standard errors from the mean to the bound: 84 %, one-sided. docs/measurements.md has what it costs and brings."""
_LEAST_UNITS = 200
"""Fewer teach nothing."""


def upper_bound(count: Floats, total: Floats, squares: Floats) -> Floats:
    """The upper end of the anchor's lead, given the number of units, their sum and the sum of their squares.

    Infinite if there are too few units. Elementwise.
    """
    n = np.maximum(count, 1.0)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0.0))
    return np.where(count >= _LEAST_UNITS, mean + _ERRORS * deviation / np.sqrt(n), np.inf)


def margins(days: Sequence[Day], margin: float) -> list[float]:
    """Of each day of one anchor, in order, the lead that it is tested against: never more than `margin`.

    It is known before the day: learnt from earlier ones only, so the test stays valid where the bound holds.
    """
    found, bound = list[float](), margin
    count = total = squares = 0.0
    for number, day in enumerate(days):
        found.append(bound)
        if number < SETTLE_DAYS:
            continue
        units = day.of(LEAD)
        count, total, squares = count + len(units), total + float(units.sum()), squares + float((units**2).sum())
        if number + 1 - SETTLE_DAYS in PREFIXES:
            bound = min(bound, float(upper_bound(np.array(count), np.array(total), np.array(squares))))
    return found


def learnt_lead(days: Sequence[Day]) -> float | None:
    """The anchor's mean lead in the shortest prefix, which a drop is measured from; None before it is over."""
    units = [day.of(LEAD) for day in days[SETTLE_DAYS : SETTLE_DAYS + PREFIXES[0]]]
    known = np.concatenate(units) if len(units) == PREFIXES[0] else np.zeros(0)
    return float(known.mean()) if len(known) >= _LEAST_UNITS else None
