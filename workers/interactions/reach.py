"""How far the records reach: by the newest of them whose time can be true, whatever the wall clock says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from schemas.interaction import AHEAD
from workers.interactions.layout import days
from workers.interactions.scan import collect, scan

NEWEST = 100
"""The time of the hundredth newest event counts, so that a few from devices whose clock is ahead move nothing."""
FIRST_DAY, LAST_DAY = date(2011, 1, 1), date(2200, 1, 1)
"""Kafka is of 2011; days outside are of a clock that is wrong, and date arithmetic would come to its ends."""
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Reach:
    """Which of the recorded days can be true."""

    until: datetime
    """As `latest_event_time`."""
    days: tuple[date, ...]
    """In order."""
    ignored: tuple[str, ...]
    """Days later than the records that say so, or before there were any: left out of everything."""

    def ignored_message(self) -> str:
        """What is ignored, in one line; empty if nothing is."""
        if not self.ignored:
            return ""
        shown = ", ".join(self.ignored[:3]) + (", …" if len(self.ignored) > 3 else "")
        return (
            f"{len(self.ignored)} days of recorded interactions are ignored: {shown}; a wrong clock wrote them, for "
            "they lie beyond the times at which Kafka took their records in"
        )


def reach(folder: Path) -> Reach | None:
    """How far the records of a folder reach, and which days count; None where nothing is recorded."""
    until = latest_event_time(folder)
    if until is None:
        return None
    there = list(map(date.fromisoformat, days(folder)))
    last = (until + AHEAD).date()
    good = {day for day in there if FIRST_DAY <= day <= last}
    # Beyond the hundredth newest event there may be true ones: their days are there, and never count as today.
    good |= _true_days(folder, [day for day in there if last < day < LAST_DAY])
    return Reach(until, tuple(sorted(good)), tuple(day.isoformat() for day in there if day not in good))


def latest_event_time(folder: Path) -> datetime | None:
    """The time of the hundredth newest event of a folder, of fewer the oldest; None where nothing is recorded.

    Events later than their own records in Kafka, by more than clocks differ, do not count. It reads two columns of the
    newest days, of as many as are needed for a hundred events.
    """
    newest = pl.Series("at", [], dtype=pl.Datetime("us", "UTC"))
    there = [day for day in map(date.fromisoformat, reversed(days(folder))) if FIRST_DAY <= day < LAST_DAY]
    for some in _growing(there):
        newest = newest.append(_newest(folder, some, NEWEST)).sort(descending=True).head(NEWEST)
        if len(newest) == NEWEST:
            break
    oldest = newest.min()
    return oldest if isinstance(oldest, datetime) else None


def _growing(newest_first: Sequence[date]) -> Iterator[Sequence[date]]:
    """One day, then as many as before and as many again: thousands of days of a wrong clock cost a few readings."""
    first, count = 0, 1
    while first < len(newest_first):
        yield newest_first[first : first + count]
        first, count = first + count, 2 * count


def _newest(folder: Path, some: Sequence[date], count: int) -> pl.Series:
    """The times of the newest events of days, so many at most."""
    return collect(lambda: _true(folder, some).top_k(count, by="at"))["at"]


def _true_days(folder: Path, some: Sequence[date]) -> set[date]:
    """Those of the days that have an event which is no later than its record."""
    if not some:
        return set()
    return set(collect(lambda: _true(folder, some).select(pl.col("at").dt.date().unique()))["at"])


def _true(folder: Path, some: Sequence[date]) -> pl.LazyFrame:
    told = scan(folder, min(some), max(some) + _DAY, ("at", "recorded_at"))
    return told.filter(pl.col("recorded_at").is_null() | (pl.col("at") <= pl.col("recorded_at") + AHEAD))
