"""Waiting until the index workers have finished everything: lag 0, as the broker tells it."""

import time

from confluent_kafka import KafkaException

from streams.clients import await_kafka
from streams.errors import LookalikeError
from streams.groups import hash_of, our_groups
from streams.lag import lag
from streams.settings import Settings
from workers.demo.console import Console, bar
from workers.local.state import log_file

STALLED_AFTER = 120.0
"""Seconds without a single event finished; the first batch of a full-size model on a slow CPU takes about 30."""


def wait_until_indexed(
    settings: Settings, events: int, voice: Console, *, stalled_after: float = STALLED_AFTER
) -> float:
    """Wait until the lag of `events` published events is 0; the seconds that it took.

    Raises LookalikeError with the worker's log file where it does not fall any more.
    """
    started = moved = time.monotonic()
    least = events
    while (left := _lag(settings)) != 0:
        now = time.monotonic()
        if left is not None and left < least:
            least, moved = left, now
        if now - moved > stalled_after:
            raise LookalikeError(
                f"the index worker has finished nothing for {stalled_after:.0f} s, with {least} of {events} events "
                f"to go; see {log_file(settings, 'index-1')}"
            )
        voice.live(f"{bar(events - min(least, events), events)} lag {least} of {events} events")
        time.sleep(0.15)
    return time.monotonic() - started


def _lag(settings: Settings) -> int | None:
    """Events that the index group has not finished; None where there is no such group, or no answer."""
    try:
        groups = our_groups(await_kafka(settings), settings)
        index = [group for group in groups if hash_of(settings, group)]
        return sum(each.lag for each in lag(settings, index)) if index else None
    except KafkaException:  # a broker that is being restarted; where it stays away, await_kafka says so
        return None
