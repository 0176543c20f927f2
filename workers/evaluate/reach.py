"""How far the records reach: by the newest of them, whatever the wall clock says."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from workers.record.files import days
from workers.record.scan import collect, scan

NEWEST = 100
"""The time of the hundredth newest event counts, so that a few from devices whose clock is ahead move nothing."""


def reached(folder: Path) -> datetime | None:
    """The time of the hundredth newest event of a folder, of fewer the oldest; None where nothing is recorded.

    It reads one column of the newest days, of as many as are needed for a hundred events.
    """
    newest = pl.Series("at", [], dtype=pl.Datetime("us", "UTC"))
    for name in reversed(days(folder)):
        newest = newest.append(_newest(folder, date.fromisoformat(name), NEWEST - len(newest)))
        if len(newest) == NEWEST:
            break
    oldest = newest.min()
    return oldest if isinstance(oldest, datetime) else None


def _newest(folder: Path, day: date, count: int) -> pl.Series:
    """The times of the newest events of a day, so many at most."""
    times = collect(lambda: scan(folder, day, day + timedelta(days=1), ("at",)).top_k(count, by="at"))
    return times["at"]
