"""Delayed delivery: a timer around `DelayQueue`, which pauses the retry topic while the queue is full."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from workers.indexer import metrics
from workers.indexer.delay_queue import DelayQueue
from workers.indexer.pending_event import ReceivedRecord

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class PauseControl:
    """Pauses and resumes reading of the retry topic. Records that are fetched already still arrive."""

    pause: Callable[[], None]
    resume: Callable[[], None]


class DelayedDelivery:
    """Holds records until they are due, then passes each to `deliver`. Used on one event loop only."""

    def __init__(
        self, queue: DelayQueue, deliver: Callable[[ReceivedRecord], Awaitable[None]], pause_control: PauseControl
    ) -> None:
        self._queue, self._deliver, self._pause_control = queue, deliver, pause_control
        self._topic_paused = False
        self._changed = asyncio.Event()

    def add(self, received: ReceivedRecord, seconds: float) -> None:
        """Hold a record for `seconds`; pauses the retry topic if the queue is full."""
        earlier = self._queue.add(received, time.monotonic() + seconds)
        if earlier is not None:
            earlier.finish_copy()
        if self._queue.full:
            self._pause_control.pause()  # each time: a rebalance opens it
            if not self._topic_paused:
                _log.warning("retries_paused", waiting=len(self._queue))
            self._topic_paused = True
        self._changed.set()

    @property
    def paused(self) -> bool:
        """Whether any record is held: then the lag of the retry topic is intended."""
        return self._topic_paused or len(self._queue) > 0

    @property
    def count(self) -> int:
        """How many events are held."""
        return len(self._queue)

    def clear(self) -> None:
        """Drop the records of revoked partitions (their watermarks are closed)."""
        self._queue.clear()
        self._changed.set()

    async def run(self) -> None:
        """Deliver records when they become due, until cancelled."""
        while True:
            self._changed.clear()
            for received in self._queue.take_due(time.monotonic()):
                # Stage times count from this delivery.
                await self._deliver(replace(received, received_at=time.monotonic()))
            metrics.WAITING.set(len(self._queue))
            self._resume_if_room()
            due = self._queue.next_due
            wait = None if due is None else max(0.0, due - time.monotonic())
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _resume_if_room(self) -> None:
        if self._topic_paused and self._queue.has_room:
            self._pause_control.resume()
            self._topic_paused = False
            _log.info("retries_resumed", waiting=len(self._queue))
