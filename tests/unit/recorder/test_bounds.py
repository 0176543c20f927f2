"""Which times of events the recorder takes: bounded by their own record's time, and that by the clock."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from schemas.interaction import AHEAD, ATTRIBUTION
from workers.evaluation.shelves import USUAL
from workers.recorder.time_bounds import MAX_DAYS_PER_BATCH, MAX_EVENT_DELAY, MAX_RECORD_AGE, out_of_bounds

NOW = datetime(2026, 11, 25, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


def _refused(after: timedelta) -> bool:
    at = np.array([_ms(NOW + after) * 1_000])
    return bool(out_of_bounds(at, np.array([_ms(NOW)]), _ms(NOW)))


def test_the_bounds_are_those_that_are_stated() -> None:
    """Ahead by minutes, back by the attribution windows and the lateness; a moment more is refused."""
    assert USUAL.longest == ATTRIBUTION
    assert not _refused(AHEAD)
    assert not _refused(-MAX_EVENT_DELAY)
    assert _refused(AHEAD + SECOND)
    assert _refused(-MAX_EVENT_DELAY - SECOND)


@pytest.mark.parametrize("year", [1, 1969, 2027, 9999])
def test_absurd_years_are_refused_in_words(year: int) -> None:
    """Whatever a device writes: no arithmetic comes to its end."""
    at = (datetime(year, 12, 31, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    found = out_of_bounds(np.array([at]), np.array([_ms(NOW)]), _ms(NOW))
    assert "its record's time in Kafka" in found[0]


@pytest.mark.parametrize("recorded", [-1, 0, 2**63 - 1, -(2**63), _ms(NOW + timedelta(hours=2))])
def test_a_records_own_time_is_bounded_by_the_clock(recorded: int) -> None:
    """A record without a time, of 1970, or of the end of all numbers vouches for nothing."""
    found = out_of_bounds(np.array([_ms(NOW) * 1_000]), np.array([recorded]), _ms(NOW))
    assert "the recorder's clock" in found[0]


def test_random_times_open_few_days() -> None:
    """Whatever events and records say, the days that are taken are bounded."""
    chance = np.random.default_rng(1)
    recorded = _ms(NOW) - chance.integers(0, _ms(NOW), 400_000)
    at = recorded * 1_000 + chance.integers(-60 * 86_400_000_000, 60 * 86_400_000_000, 400_000)
    refused = out_of_bounds(at, recorded, _ms(NOW))
    taken = np.delete(at, list(refused)) // 86_400_000_000
    assert 300 < np.unique(taken).size <= MAX_DAYS_PER_BATCH == MAX_RECORD_AGE.days + MAX_EVENT_DELAY.days + 2
