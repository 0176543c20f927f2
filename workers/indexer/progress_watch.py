"""Watches the progress of a worker: ends it when it is stalled, and knows its lag for `/health`."""

import asyncio
import time
from collections.abc import Callable

from confluent_kafka import KafkaException

from streams.errors import Broken, LookalikeError, SlowDown
from streams.lag import lag
from streams.settings import Settings
from streams.topics import RETRY
from workers.indexer.assignment import Assignment
from workers.indexer.delayed_delivery import DelayedDelivery
from workers.indexer.liveness import Progress, Reading, needs_lag, stalled_twice

WATCH_SECONDS = 15.0


class ProgressWatch:
    """Runs on the event loop, except for the requests; `on_failure` ends the worker."""

    def __init__(
        self,
        settings: Settings,
        group: str,
        assignment: Assignment,
        delayed: DelayedDelivery,
        progress: Callable[[], Progress],
        stall_seconds: float,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._settings, self._group, self._assignment, self._delayed = settings, group, assignment, delayed
        self._progress, self._stall_seconds, self._on_failure = progress, stall_seconds, on_failure
        self.lag = 0
        """The lag of the assigned partitions if the worker is stalled, else 0."""

    async def run(self) -> None:
        """Watch until cancelled; reports a Broken when the worker has work and finishes none of it."""
        before: Reading | None = None
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._stall_seconds / 4))
            reading = await self._reading()
            why = stalled_twice(before, reading, self._stall_seconds)
            self.lag = reading.lag if why else 0
            if why:
                self._on_failure(Broken(why))
            before = reading

    async def _reading(self) -> Reading:
        """The lag and the progress of now; progress is read last."""
        lag_now = 0
        if needs_lag(time.monotonic(), self._progress(), self._stall_seconds):
            lag_now = await asyncio.to_thread(self._own_lag)
        return Reading(time.monotonic(), self._progress(), lag_now)

    def _own_lag(self) -> int:
        """The lag of the assigned partitions; 0 if Kafka does not answer, for then waiting is right.

        While delivery is paused or delayed, the retry topic does not count: its lag is intended.
        """
        try:
            partitions = lag(self._settings, [self._group])
        except (LookalikeError, SlowDown, KafkaException):
            return 0
        assigned = self._assignment.partitions
        delayed_topic = self._settings.named(RETRY) if self._delayed.paused else None
        return sum(
            each.lag for each in partitions if (each.topic, each.partition) in assigned and each.topic != delayed_topic
        )
