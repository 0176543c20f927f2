"""How the server fares, as one document: decided from values, asked of the parts by `server`."""

from dataclasses import dataclass
from typing import Any

from streams.takedown_follower import STALE_SECONDS


@dataclass(frozen=True)
class HealthState:
    """What the server knows of itself."""

    model: str | None
    """The live model; None where nobody can say, and `problem` says why."""
    problem: str
    unencoded: str | None
    """Why pictures and texts can't be asked for; None if they can, or if no model is known to be live."""
    anchor: str | None
    takedowns: int
    takedowns_age: float
    stale_seconds: float
    recorded: int
    unrecorded: int
    waiting: int
    kafka: str
    """Why the last shelf was not recorded; empty where it was."""
    seconds_up: float


def health_report(seen: HealthState) -> dict[str, Any]:
    """`state` is running; degraded: it answers, but not all or not recorded; waiting: it can't answer now."""
    waiting, degraded = [], []
    if seen.model is None:
        waiting.append(seen.problem)
    if seen.takedowns_age > seen.stale_seconds:
        waiting.append("it is not known what was taken down")
    elif seen.takedowns_age > STALE_SECONDS:
        degraded.append(f"takedowns are as they were {seen.takedowns_age:.0f} s ago: Kafka does not answer")
    if seen.kafka:
        degraded.append(f"shelves are not recorded: {seen.kafka}")
    if seen.unencoded:
        degraded.append(f"pictures and texts can't be asked for: {seen.unencoded}")
    state = "waiting" if waiting else "degraded" if degraded else "running"
    age = seen.takedowns_age
    return {
        "state": state,
        "why": waiting + degraded,
        "model": seen.model,
        "encodes": seen.model is not None and not seen.unencoded,
        "anchor": seen.anchor,
        "takedowns": {"count": seen.takedowns, "age_seconds": None if age == float("inf") else round(age, 1)},
        "shelves": {
            "recorded": seen.recorded,
            "unrecorded": seen.unrecorded,
            "waiting": seen.waiting,
            "problem": seen.kafka or None,
        },
        "seconds_up": round(seen.seconds_up, 1),
    }
