"""Which days are to be closed as evidence, and what their shelves come to as units."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from workers.decision.evidence_store import Day
from workers.decision.evidence_units import EVIDENCE, evidence_days
from workers.evaluation.reader import Days
from workers.evaluation.shelves import day_of

MAX_AGE = timedelta(days=120)
"""Older days are not closed: no log keeps interactions for so long, so they are of a clock that is wrong."""
_AT_ONCE = 14
"""Days whose actions are in memory at one time."""


def days_to_close(recorded: Sequence[date], last: date | None, reached: datetime) -> list[date]:
    """The days to be closed, oldest first: those `recorded` that follow the `last` closed one and have matured.

    `reached` is the time of events up to which the record is whole (`whole.whole_until`).

    >>> from datetime import UTC
    >>> days_to_close([date(2026, 9, 1), date(2026, 9, 2)], None, datetime(2026, 9, 5, tzinfo=UTC))
    [datetime.date(2026, 9, 1)]
    """
    oldest = (reached - MAX_AGE).date()
    return [
        day
        for day in sorted(recorded)
        if oldest <= day <= reached.date() and (last is None or day > last) and EVIDENCE.is_mature(day_of(day), reached)
    ]


def day_evidence(folder: Path, days: Sequence[date]) -> Iterator[list[Day]]:
    """The evidence of each of these days, as many lists as days; some of them are empty."""
    for first in range(0, len(days), _AT_ONCE):
        some = days[first : first + _AT_ONCE]
        reading = Days.of(folder, some[0], some[-1] + timedelta(days=1), EVIDENCE)
        for day in some:
            yield evidence_days(reading.read(day))
