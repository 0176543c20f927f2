"""How the evaluator fares, judged by what it last did."""

from dataclasses import dataclass
from typing import Any

STALL_SECONDS = 600.0
"""Longer than any day takes to be read while nothing is away."""


@dataclass(frozen=True)
class HealthState:
    """What is known of an evaluator; times are of `time.monotonic()`."""

    started: bool
    unavailable: str | None
    beat_at: float
    round_at: float
    """When the last round ended well."""
    model: str | None
    until: str | None


def health_report(now: float, seen: HealthState) -> dict[str, Any]:
    """What the person on call wants to know; `state` is starting, running, waiting or stalled.

    >>> health_report(900.0, HealthState(True, None, 100.0, 100.0, "m@1", "2026-11-25"))["why"]
    'nothing was read for 800 s'
    """
    state, why = "running" if seen.started else "starting", seen.unavailable
    if now - seen.beat_at > STALL_SECONDS:
        state, why = "stalled", f"nothing was read for {now - seen.beat_at:.0f} s"
    elif seen.unavailable is not None:
        state = "waiting"
    return {
        "state": state,
        "why": why,
        "model": seen.model,
        "until": seen.until,
        "seconds_since_round": round(now - seen.round_at, 1),
    }
