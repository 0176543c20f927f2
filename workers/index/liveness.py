"""Liveness from progress: a worker that has work and gets none of it done is broken, and must be started again.

`lag` here is the one of `streams.lag`, so what people see and what this decides by can't differ.
"""

from dataclasses import dataclass

STALL_SECONDS = 240.0
"""Longer than any one event may take: four attempts of 20 s to fetch its picture, with the waits between them."""


@dataclass(frozen=True)
class Progress:
    """What was seen of a worker; times are of `time.monotonic()`."""

    in_hand: int
    taken_at: float
    """When the last record was taken in, or the partitions were assigned."""
    progress_at: float
    """When the last event was finished, or the first of those in hand was taken in."""
    away_since: float | None = None
    """Since when Milvus or Kafka has been away; None while both are there."""
    away: str = ""
    """What is away: milvus, kafka, or the group (the worker is not surely a member of it)."""


def needs_lag(now: float, seen: Progress) -> bool:
    """Whether the broker must be asked for the lag: nothing is in hand, and nothing has come for long."""
    return seen.in_hand == 0 and now - seen.taken_at > STALL_SECONDS


def stalled(now: float, seen: Progress, lag: int = 0) -> str | None:
    """Why the worker is stuck, in one sentence; None while it is not.

    While something outside is away, waiting is right. `lag` is that of the worker's own partitions.
    """
    if seen.away_since is not None:
        return None
    if seen.in_hand and now - seen.progress_at > STALL_SECONDS:
        return f"{seen.in_hand} events are in hand and none was finished for {now - seen.progress_at:.0f} s"
    if needs_lag(now, seen) and lag:
        return f"{lag} records wait in Kafka and none was fetched for {now - seen.taken_at:.0f} s"
    return None
