"""What the time of year does: how the same days of earlier years stood against the days before them."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

from workers.decision.baseline import reference, shortfall
from workers.decision.evidence_store import Day
from workers.decision.signals import Season

YEAR = timedelta(days=364)
"""52 weeks, so that Saturdays are held against Saturdays; feasts that move by more are for `holidays` in the rules."""
MOST_YEARS = 3
"""Further back a marketplace was another one."""
LEAST_DAYS = 3
"""Of one model, before and after; fewer days tell nothing of a time of year."""

Span = tuple[date, date]
"""Days [since, until)."""


def season(within: Callable[[date, date], Sequence[Day]], before: Span, after: Span, measure: str) -> Season | None:
    """How much lower `measure` was after than before in earlier years, at the mix of categories and surfaces of before.

    `within` gives the closed observed days of all models in a span. A year counts where one model was live in both
    spans: a promotion in between moves the measure too. None where no year does. The error is that of the mean over the
    years, by their own errors or by how they differ, whichever is larger.
    """
    years = []
    for back in range(1, MOST_YEARS + 1):
        first, then = (within(since - back * YEAR, until - back * YEAR) for since, until in (before, after))
        if (drop := _drop(first, then, measure)) is not None:
            years.append(drop)
    if not years:
        return None
    drops, errors = np.array(years).T
    count = len(years)
    differ = float(drops.std(ddof=1)) / count**0.5 if count > 1 else 0.0
    return Season(expected=float(drops.mean()), error=max(float(np.sqrt((errors**2).sum())) / count, differ))


def _drop(before: Sequence[Day], after: Sequence[Day], measure: str) -> tuple[float, float] | None:
    """The relative drop and its standard error, of the model with the most days where several were live in both."""
    counts = {each.model: min(_days(before, each.model), _days(after, each.model)) for each in before}
    model = max(sorted(counts), key=counts.__getitem__, default="")
    if counts.get(model, 0) < LEAST_DAYS:
        return None
    against = reference([day for day in before if day.model == model], measure)
    if against is None or against.level <= 0:
        return None
    found = [shortfall(day, measure, against) for day in after if day.model == model]
    falls = [fall for fall in found if fall is not None]
    if len(falls) < LEAST_DAYS:
        return None
    error = float(np.hypot(against.spread / len(falls) ** 0.5, against.error))
    return float(np.mean(falls)) / against.level, error / against.level


def _days(days: Sequence[Day], model: str) -> int:
    return sum(day.model == model for day in days)
