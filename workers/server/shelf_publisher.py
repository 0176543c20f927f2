"""Shelves on their way to Kafka: bounded, never waited for, and counted where they don't arrive."""

import threading
from typing import Self

import structlog

from schemas.interaction import Shelf
from streams.interactions import InteractionPublisher
from streams.settings import Settings
from workers.server import metrics

QUEUE = 10_000
"""Shelves that wait for Kafka, at most: of 3 kB each 30 MB, and 200 s at 50 a second."""
_QUEUE_KB = 65_536
_POLL_SECONDS = 0.1
_LINGER_MS = 100
"""Nobody waits for a shelf's record: at 50 a second one request to Kafka in place of five."""

_log = structlog.get_logger(__name__)


class ShelfPublisher:
    """Takes shelves from any thread; what Kafka has not confirmed `within` so many seconds is given up and counted."""

    def __init__(self, settings: Settings, *, within: float = 300.0, queue: int = QUEUE) -> None:
        self._publisher = InteractionPublisher(
            settings,
            delivery_seconds=within,
            queue_buffering_max_messages=queue,
            queue_buffering_max_kbytes=_QUEUE_KB,
            linger_ms=_LINGER_MS,
        )
        self.recorded = 0
        self.unrecorded = 0
        self.problem = ""
        """Why the last one was not recorded; empty where it was."""
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._poll, name="shelf-publisher", daemon=True)

    def start(self) -> Self:
        """Begin to listen for what Kafka confirms."""
        self._thread.start()
        return self

    @property
    def waiting(self) -> int:
        """Shelves that Kafka has not confirmed yet."""
        return self._publisher.waiting

    def enqueue(self, shelf: Shelf) -> None:
        """Send a shelf; never blocks, never raises."""
        if not self._publisher.offer(shelf, self._on_delivery):
            self._on_delivery("the queue is full")

    def close(self, seconds: float = 5.0) -> None:
        """Wait up to `seconds` for what is on its way; what is not confirmed then is counted, and said."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(5.0)
        self._publisher.close(seconds)
        if left := self.waiting:
            metrics.UNRECORDED.inc(left)
            self.unrecorded += left
        if self.unrecorded:
            _log.warning("shelves_not_recorded", count=self.unrecorded, problem=self.problem)

    def _on_delivery(self, problem: str) -> None:
        with self._lock:
            self.problem = problem
            if problem:
                self.unrecorded += 1
                metrics.UNRECORDED.inc()
            else:
                self.recorded += 1
                metrics.RECORDED.inc()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._publisher.poll(_POLL_SECONDS)
            metrics.WAITING.set(self.waiting)
