"""Holding back what is not due yet, while everything else flows: a timer around `Waiting`, and a hand on the tap."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from workers.index import metrics
from workers.index.change import Received
from workers.index.waiting import Waiting

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Tap:
    """How reading the retry topic is stopped and begun again; what was fetched before still comes."""

    close: Callable[[], None]
    open: Callable[[], None]


class Later:
    """Takes records that are not due; hands each to `go` when it is. Everything on one event loop."""

    def __init__(self, waiting: Waiting, go: Callable[[Received], Awaitable[None]], tap: Tap) -> None:
        self._waiting, self._go, self._tap = waiting, go, tap
        self._shut = False
        self._changed = asyncio.Event()

    def add(self, received: Received, seconds: float) -> None:
        """Wait `seconds`; where too much waits already, its topic is read no further for now."""
        earlier = self._waiting.add(received, time.monotonic() + seconds)
        if earlier is not None:
            earlier.watermark.finish(earlier.record.source.offset)
        if self._waiting.full:
            self._tap.close()  # each time: a rebalance opens it
            if not self._shut:
                _log.warning("retries_paused", waiting=len(self._waiting))
            self._shut = True
        self._changed.set()

    @property
    def holds_back(self) -> bool:
        """Whether anything waits: then its topic is behind on purpose."""
        return self._shut or len(self._waiting) > 0

    def forget(self) -> None:
        """Let go of what belongs to partitions that are no longer ours (their watermarks are closed)."""
        self._waiting.forget()
        self._changed.set()

    async def run(self) -> None:
        """Hand on what becomes due, for ever."""
        while True:
            self._changed.clear()
            for received in self._waiting.take_due(time.monotonic()):
                # The stages' times are those of this try.
                await self._go(replace(received, at=time.monotonic()))
            metrics.WAITING.set(len(self._waiting))
            self._open()
            due = self._waiting.next_due
            wait = None if due is None else max(0.0, due - time.monotonic())
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def _open(self) -> None:
        if self._shut and self._waiting.roomy:
            self._tap.open()
            self._shut = False
            _log.info("retries_resumed", waiting=len(self._waiting))
