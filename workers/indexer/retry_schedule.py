"""The retry schedule: when an event is retried, and when it is given up. Pure."""

from schemas.source import Source
from streams.retry_headers import RetryState
from workers.images.circuit_breaker import HostUnavailable
from workers.process.failure_policy import FailurePolicy


def schedule_retry(
    before: RetryState, away: HostUnavailable, policy: FailurePolicy, *, now: float, chance: float
) -> RetryState | None:
    """The next retry state of an event whose image host is unavailable; None if its retries are exhausted.

    `now` is the time in seconds since 1970, `chance` between 0 and 1 gives the jitter. A host's Retry-After counts if
    it is longer than our own delay. An event that waits only because its host is overloaded is never given up.
    """
    delays = policy.retry_delays
    if before.tries >= len(delays) and not (away.overloaded and delays):
        return None
    delay = delays[min(before.tries, len(delays) - 1)]
    asked = min(away.retry_after or 0.0, policy.longest_wait)
    seconds = max(delay, asked) * (1 + policy.jitter * chance)
    # After waiting for an overloaded host, it still has its last retry if the host becomes unavailable.
    last = len(delays) - 1 if away.overloaded else len(delays)
    return RetryState(
        attempts=before.attempts + away.attempts,
        tries=max(before.tries, min(before.tries + 1, last)),
        looks=before.looks,
        not_before=round((now + seconds) * 1_000),
        refetch=before.refetch,
    )


def schedule_picture_retry(
    before: RetryState, source: Source, policy: FailurePolicy, *, now: float, chance: float, asked: float = 0.0
) -> RetryState | None:
    """The next retry state of an event whose picture is not there yet; None if it is not young, or out of retries.

    The age counts from the record's first timestamp, which its publisher wrote; so `looks` bounds the retries as well.
    A replayed dead letter keeps its first timestamp. `asked` is the host's Retry-After in seconds, bounded by
    `young_seconds`.
    """
    delays = policy.young_delays
    if before.looks >= len(delays) or not abs(now - source.timestamp / 1_000) < policy.young_seconds:
        return None
    delay = delays[before.looks] * (1 + policy.jitter * chance)
    seconds = max(delay, min(asked, policy.young_seconds, policy.longest_wait))
    return RetryState(
        attempts=before.attempts + 1,
        tries=before.tries,
        looks=before.looks + 1,
        not_before=round((now + seconds) * 1_000),
        refetch=before.refetch,
    )


def longest_wait(policy: FailurePolicy) -> float:
    """The longest delay of any event, in seconds; a record with a longer one was not written by us."""
    return max(policy.longest_wait, *policy.retry_delays, *policy.young_delays, 0.0) * (1 + policy.jitter)
