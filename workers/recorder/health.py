"""How the recorder fares, judged by what it last did."""

from dataclasses import dataclass
from typing import Any

STALL_SECONDS = 240.0
"""Longer than any batch takes to be written while nothing is away."""
BEAT_SECONDS = 60.0
"""Longer than the recorder's loop ever stands still, a rebalance included."""


@dataclass(frozen=True)
class HealthState:
    """What is known of a recorder; times are of `time.monotonic()`."""

    in_flight: int
    partitions: list[int] | None
    unavailable: str | None
    progress_at: float
    beat_at: float


def health_report(now: float, seen: HealthState) -> dict[str, Any]:
    """What the person on call wants to know; `state` is starting, running, waiting or stalled.

    >>> health_report(100.0, HealthState(3, [0], None, 90.0, 99.0))["state"]
    'running'
    >>> health_report(100.0, HealthState(3, [0], None, 90.0, 30.0))["why"]
    'its loop has stood still for 70 s'
    """
    state, why = "starting" if seen.partitions is None else "running", seen.unavailable
    if now - seen.beat_at > BEAT_SECONDS:
        state, why = "stalled", f"its loop has stood still for {now - seen.beat_at:.0f} s"
    elif seen.unavailable is not None:
        state = "waiting"
    elif seen.in_flight and now - seen.progress_at > STALL_SECONDS:
        state = "stalled"
        why = f"{seen.in_flight} records are in hand and none was written for {now - seen.progress_at:.0f} s"
    return {
        "state": state,
        "why": why,
        "in_hand": seen.in_flight,
        "partitions": seen.partitions,
        "seconds_since_progress": round(now - seen.progress_at, 1),
    }
