"""Which times of events are taken: those near the record's own time in Kafka, which is near now. Pure.

`at` is what a device or a shop wrote; the record's time is what the producer's machine or the broker said.
"""

from datetime import timedelta

import numpy as np
import numpy.typing as npt

from schemas.interaction import AHEAD, ATTRIBUTION, LATENESS

MAX_EVENT_DELAY = ATTRIBUTION + LATENESS
"""An event may be so much older than its record."""
CLOCK_AHEAD = timedelta(hours=1)
"""A record may be so much younger than this machine's clock says; Kafka 4 itself refuses younger ones."""
MAX_RECORD_AGE = timedelta(days=400)
"""A record may be so old: `interactions` keeps them for 90 days, and an operator might keep them for a year."""
MAX_DAYS_PER_BATCH = (MAX_RECORD_AGE + CLOCK_AHEAD + AHEAD + MAX_EVENT_DELAY).days + 2
"""So no batch has events of more days than these, whatever its records say."""

Numbers = npt.NDArray[np.int64]


def out_of_bounds(at: Numbers, recorded: Numbers, now: int) -> dict[int, str]:
    """By row, why the time of an event is refused.

    `at` in microseconds since 1970; `recorded`, the records' times in Kafka, and `now` in milliseconds.

    >>> minute = 60_000
    >>> sorted(out_of_bounds(np.array([0, 20 * minute * 1_000]), np.array([0, 0]), now=minute))
    [1]
    """
    near = near_now(recorded, now)
    # A record's time may be any 64 bits: only what is near now is calculated with.
    after = at // 1_000 - np.where(near, recorded, 0)
    wrong = np.flatnonzero(~near | (after > _ms(AHEAD)) | (after < -_ms(MAX_EVENT_DELAY)))
    return {int(row): _why(int(after[row]), near=bool(near[row])) for row in wrong}


def near_now(recorded: Numbers, now: int) -> npt.NDArray[np.bool_]:
    """Which records' times are near this machine's clock; all in milliseconds."""
    return np.asarray((recorded >= now - _ms(MAX_RECORD_AGE)) & (recorded <= now + _ms(CLOCK_AHEAD)), np.bool_)


def _why(after: int, *, near: bool) -> str:
    if not near:
        return (
            f"the record's own time in Kafka is more than {MAX_RECORD_AGE.days} days before, or more than an hour "
            "after, the recorder's clock: one of the two clocks is wrong"
        )
    days = abs(after) / _ms(timedelta(days=1))
    if after > 0:
        return f"at: {days:,.2f} days after its record's time in Kafka, {_minutes(AHEAD)} minutes are taken"
    return f"at: {days:,.2f} days before its record's time in Kafka, {MAX_EVENT_DELAY.days} days are taken"


def _minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)
