"""The lag metrics of a worker's own partitions, for autoscalers: asked of the broker every 15 s."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog
from confluent_kafka import KafkaException

from streams.errors import LookalikeError, SlowDown
from streams.lag import PartitionLag, lag
from streams.settings import Settings
from workers.indexer import metrics
from workers.indexer.assignment import Assignment

WATCH_SECONDS = 15.0

_log = structlog.get_logger(__name__)


class LagMonitor:
    """Runs on the event loop, except for the requests. Without an answer there is no figure: unknown is not 0."""

    def __init__(self, settings: Settings, group: str, assignment: Assignment) -> None:
        self._settings, self._group, self._assignment = settings, group, assignment
        self._assignment_changed = asyncio.Event()

    def changed(self) -> None:
        """The assignment changed: clear the metrics, for another worker may report these partitions now."""
        show_lag([])
        self._assignment_changed.set()

    async def run(self) -> None:
        """Update the metrics until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._assignment_changed.wait(), WATCH_SECONDS)
            self._assignment_changed.clear()
            number, places = self._assignment.number, self._assignment.partitions
            try:
                found = await asyncio.to_thread(lag, self._settings, [self._group], places) if places else []
            except (LookalikeError, SlowDown, KafkaException) as away:
                _log.info("lag_not_known", error=str(away))
                found = []
            if number == self._assignment.number:
                show_lag(found)


def show_lag(found: Iterable[PartitionLag]) -> None:
    """Set the metrics of these partitions, and remove those of all others."""
    metrics.LAG_DUE.clear()
    metrics.LAG_WAITING.clear()
    for each in found:
        place = (each.topic, str(each.partition))
        metrics.LAG_DUE.labels(*place).set(each.due)
        metrics.LAG_WAITING.labels(*place).set(each.waiting)
