"""When an event whose image host is away is tried again, and when it has been tried enough. Pure."""

from streams.retry import PutBack
from workers.images.hosts import HostAway
from workers.index.limits import Endings


def next_try(before: PutBack, away: HostAway, endings: Endings, *, now: float, chance: float) -> PutBack | None:
    """What is said of an event that is put back after it was `before`; None where it was put back often enough.

    `now` is the time in seconds since 1970, `chance` between 0 and 1 spreads the delays. What a host asked for
    (Retry-After) counts where it is longer than our own delay. An event that waits only because its host delivers
    slowly is never given up.
    """
    delays = endings.retry_delays
    if before.tries >= len(delays) and not (away.crowded and delays):
        return None
    own = delays[min(before.tries, len(delays) - 1)]
    asked = min(away.retry_after or 0.0, endings.longest_wait)
    seconds = max(own, asked) * (1 + endings.jitter * chance)
    # Kept waiting by others, it still has its last try when its host goes away after all.
    last = len(delays) - 1 if away.crowded else len(delays)
    return PutBack(
        attempts=before.attempts + away.attempts,
        tries=max(before.tries, min(before.tries + 1, last)),
        not_before=round((now + seconds) * 1_000),
        refetch=before.refetch,
    )


def longest_wait(endings: Endings) -> float:
    """Seconds that any event of ours waits at most; a record that asks for more was not written by us."""
    return max(endings.longest_wait, *endings.retry_delays, 0.0) * (1 + endings.jitter)
