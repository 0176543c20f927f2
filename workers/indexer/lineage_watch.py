"""Watches the lineage of the assigned partitions: at once, for nothing is committed before, and every 15 s."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

from streams.errors import ServiceUnavailable, SlowDown
from workers.indexer.assignment import Assignment
from workers.indexer.lineage import Lineage

WATCH_SECONDS = 15.0
_AGAIN_SECONDS = 0.5
"""The interval until it is known: without a commit the lease ends after some seconds."""
_AWAY = 3
"""The exit status for a service that can't be reached."""

_log = structlog.get_logger(__name__)


class LineageWatch:
    """Runs on the event loop, except for the requests; `fail` ends the worker."""

    def __init__(self, lineage: Lineage, assignment: Assignment, fail: Callable[[BaseException], None]) -> None:
        self._lineage, self._assignment, self._fail = lineage, assignment, fail
        self._assigned = asyncio.Event()

    def assigned(self) -> None:
        """There is a new assignment."""
        self._assigned.set()

    async def run(self) -> None:
        """Check until cancelled; ends the worker if a log or the collections are others."""
        while True:
            pause = _AGAIN_SECONDS if self._assignment.unidentified else WATCH_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._assigned.wait(), pause)
            self._assigned.clear()
            try:
                await self._check()
            except (SlowDown, KafkaException, ServiceUnavailable) as away:
                _log.info("lineage_not_known", error=str(away))
            except Exception as error:  # noqa: BLE001 - Faust would restart the task and not end the worker
                self._fail(error)

    async def _check(self) -> None:
        if self._assignment.unidentified:
            number = self._assignment.number
            found = await asyncio.to_thread(self._lineage.adopt, self._assignment.partitions)
            self._assignment.identify(number, found)
        elif done := self._assignment.progress():
            await asyncio.to_thread(self._lineage.watch, done)
