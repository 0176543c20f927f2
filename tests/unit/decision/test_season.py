"""What these days did in earlier years, told from the evidence that is kept."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from workers.decision.evidence_store import Day, Store
from workers.decision.evidence_units import DCG, NDCG
from workers.decision.seasonality import YEAR, season

BEFORE = (date(2026, 9, 1), date(2026, 9, 15))
AFTER = (date(2026, 10, 1), date(2026, 10, 8))
NUMBERS = range(-5, 45)
"""Days, counted from the first of BEFORE."""


def days(level: Callable[[int], float], *, years: int = 1, model: Callable[[int], str] = lambda _: "m@1") -> list[Day]:
    """Days around these spans, so many years earlier; 400 units each, of two strata."""
    found = []
    for number in NUMBERS:
        draws = np.random.default_rng([number + 5, years])
        codes = draws.integers(0, 2, 400).astype(np.int32)
        base = np.array([0.6, 0.3])[codes] * level(number)
        values = base[:, None] + draws.normal(0.0, 0.05, (400, 2))
        when = BEFORE[0] - years * YEAR + timedelta(days=number)
        found.append(Day("observed", model(number), "", when, (NDCG, DCG), ("bags", "shoes"), codes, values))
    return found


def within(*years: list[Day]) -> Callable[[date, date], list[Day]]:
    """As the store tells them."""
    everything = [day for each in years for day in each]
    return lambda since, until: [day for day in everything if since <= day.day < until]


def lower(number: int) -> float:
    """A fifth less in October."""
    return 0.8 if number >= 28 else 1.0


def test_a_fall_of_every_year() -> None:
    """Is told with its error, which is small, of one year and of two that agree."""
    one = season(within(days(lower)), BEFORE, AFTER, DCG)
    two = season(within(days(lower), days(lower, years=2)), BEFORE, AFTER, DCG)
    assert one is not None
    assert two is not None
    assert one.expected == pytest.approx(0.2, abs=0.02)
    assert two.expected == pytest.approx(0.2, abs=0.02)
    assert max(one.error, two.error) < 0.02


def test_a_year_in_which_nothing_fell() -> None:
    """None is told, and surely; a rise is a fall below 0."""
    flat = season(within(days(lambda _: 1.0)), BEFORE, AFTER, DCG)
    assert flat is not None
    assert abs(flat.expected) < 3 * flat.error < 0.03
    risen = season(within(days(lambda number: 1.3 if number >= 28 else 1.0)), BEFORE, AFTER, NDCG)
    assert risen is not None
    assert risen.expected == pytest.approx(-0.3, abs=0.03)


def test_years_that_differ() -> None:
    """Tell the season only as well as they agree."""
    told = season(within(days(lower), days(lambda _: 1.0, years=2)), BEFORE, AFTER, DCG)
    assert told is not None
    assert told.expected == pytest.approx(0.1, abs=0.02)
    assert told.error == pytest.approx(0.1, abs=0.02)


def test_what_tells_no_season() -> None:
    """No earlier year; one model before and another after; too few days of either."""
    assert season(within(), BEFORE, AFTER, DCG) is None
    assert season(within(days(lower, years=4)), BEFORE, AFTER, DCG) is None
    promoted = days(lower, model=lambda number: "m@1" if number < 20 else "m@2")
    assert season(within(promoted), BEFORE, AFTER, DCG) is None
    begun = days(lower, model=lambda number: "m@1" if number < 12 else "m@2")
    assert season(within(begun), BEFORE, AFTER, DCG) is None


def test_the_week_is_no_season() -> None:
    """Half as much at weekends: spans of whole weeks are not moved by it, as a year is 52 of them."""
    weekend = days(lambda number: 0.5 if (BEFORE[0] + timedelta(days=number)).weekday() > 4 else 1.0)
    told = season(within(weekend), BEFORE, AFTER, DCG)
    assert told is not None
    assert abs(told.expected) < 0.05


def test_the_store_tells_days_of_all_models(tmp_path: Path) -> None:
    """In the span and no others."""
    both = days(lower, model=lambda number: f"m@{number % 2}")
    with Store(tmp_path) as store:
        for day in both:
            store.close_day(day, datetime.now(UTC))
        since = BEFORE[0] - YEAR
        found = store.days_within("observed", since, since + timedelta(days=4))
        assert [(each.day, each.model) for each in found] == [
            (since + timedelta(days=number), f"m@{number % 2}") for number in range(4)
        ]
        assert store.days_within("concurrent", since, since + timedelta(days=4)) == []
