"""The failure policy: retry delays, stall timeout, and the limits on dead letters that end a worker."""

from dataclasses import dataclass

STALL_SECONDS = 240.0
"""Longer than any one event may take: four attempts of 20 s to fetch its picture, with the waits between them."""


@dataclass(frozen=True)
class FailurePolicy:
    """What happens to events that can't be processed now, or ever."""

    retry_delays: tuple[float, ...] = (10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 21_600.0)
    """Seconds until an event whose host is unavailable is retried, growing; after the last it is a dead letter: 8.6
    hours in all, a night's outage of a host, and well below the seven days that the retry topic keeps."""
    young_seconds: float = 900.0
    """An event is young for so long after its record's timestamp: it may have overtaken its picture on the way."""
    young_delays: tuple[float, ...] = (5.0, 20.0, 60.0)
    """Seconds until a picture that is not there yet (404, 403, 202, an empty body, HTML) is looked for again; after the
    last, or if the event is not young, it is a dead letter."""
    jitter: float = 0.2
    """Up to this share is added to a delay, so that events requeued together are not retried together."""
    longest_wait: float = 21_600.0
    """Seconds; a host that asks us to wait longer (Retry-After) is asked again after this."""
    stall_seconds: float = STALL_SECONDS
    """The longest that a worker may have work and finish none of it; then it ends, to be restarted."""
    max_consecutive_dead_letters: int = 100
    """Consecutive dead letters, of ten parties at least, that end the worker; 0: no limit. Bad messages come one by one
    or from one party; a bad release gives them to all."""
    max_dead_letter_ratio: float = 0.5
    """The share of dead letters among the last `dead_letter_window` results that ends the worker; 0: no limit."""
    dead_letter_window: int = 400
    """Long enough that 200 dead letters are half of it: a seller's folder of bad pictures is shorter."""
