"""Liveness: a worker that has work and finishes none of it is stalled, and must be restarted.

`lag` is that of `streams.lag`, the same figure that people see.
"""

from dataclasses import dataclass

from workers.indexer.availability import Absence
from workers.process.failure_policy import STALL_SECONDS


@dataclass(frozen=True)
class Progress:
    """The progress of a worker; times are of `time.monotonic()`."""

    in_flight: int
    acquired_at: float
    """When the last record was accepted, the partitions were assigned, or the last unavailable service came back."""
    progress_at: float
    """When the last event was finished, the first of those in flight was accepted, or the last unavailable service came
    back: the stall timeout counts from there."""
    absences: tuple[Absence, ...] = ()
    """The unavailable services, the longest outage first."""


@dataclass(frozen=True)
class Reading:
    """Lag and progress at one moment: progress is read after the lag, so that records in between count as accepted."""

    at: float
    progress: Progress
    lag: int = 0
    """Of the worker's own partitions; 0 also if it was not requested, or is unknown."""


def needs_lag(now: float, seen: Progress, limit: float = STALL_SECONDS) -> bool:
    """Whether the lag must be requested: nothing is in flight, and nothing has arrived for `limit` seconds."""
    return seen.in_flight == 0 and now - seen.acquired_at > limit


def stalled(now: float, seen: Progress, lag: int = 0, limit: float = STALL_SECONDS) -> str | None:
    """Why the worker seems stalled, in one sentence; None if it does not.

    While a service is unavailable, waiting is right. `lag` is that of the worker's own partitions.
    """
    if seen.absences:
        return None
    if seen.in_flight and now - seen.progress_at > limit:
        return f"{seen.in_flight} events are in hand and none was finished for {now - seen.progress_at:.0f} s"
    if needs_lag(now, seen, limit) and lag:
        return f"{lag} records wait in Kafka and none was fetched for {now - seen.acquired_at:.0f} s"
    return None


def stalled_twice(before: Reading | None, now: Reading, limit: float = STALL_SECONDS) -> str | None:
    """Why the worker is stalled: two readings agree, and nothing was accepted or finished between them.

    One reading is no proof: a record may have reached Kafka just before the lag was read, and a process that was frozen
    finds old times when it continues.
    """
    if before is None or stalled(before.at, before.progress, before.lag, limit) is None:
        return None
    first, last = before.progress, now.progress
    if (first.acquired_at, first.progress_at, bool(first.in_flight)) != (
        last.acquired_at,
        last.progress_at,
        bool(last.in_flight),
    ):
        return None
    return stalled(now.at, last, now.lag, limit)
