"""The partitions that are ours: how far each is done, committed again and again, which proves that they still are."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException

from streams.failures import CommandFailed
from streams.lag import committed_offsets
from streams.settings import Settings
from streams.watermark import Watermark
from workers.index.lease import Lease

Place = tuple[str, int]
"""A topic and a partition number; Faust's own `TP` is one."""


class Assignment:
    """The watermarks of one assignment after another; everything on the event loop."""

    def __init__(self, settings: Settings, group: str, lease: Lease) -> None:
        self._settings, self._group, self._lease = settings, group, lease
        self._marks: dict[Place, Watermark] = {}
        self._committed: dict[Place, int] = {}
        self._before: dict[Place, int] = {}
        """What was committed when the partitions were assigned; read only where it is needed."""

    @property
    def places(self) -> set[Place]:
        """The partitions that were assigned last."""
        return set(self._marks)

    def watermark(self, place: Place) -> Watermark | None:
        """How far a partition is done; None where it is not ours."""
        return self._marks.get(place)

    def begin(self, places: Iterable[Place]) -> None:
        """These partitions are ours from now on, and no others."""
        self.close(self._marks)
        self._marks = {place: Watermark() for place in places}
        self._committed, self._before = {}, {}
        self._lease.renew(time.monotonic())

    def release(self, places: Iterable[Place]) -> None:
        """These partitions are being taken away: begin no further write."""
        for place in places:
            if mark := self._marks.get(place):
                mark.release()

    def close(self, places: Iterable[Place]) -> None:
        """These partitions are gone: nothing that finishes counts any more."""
        self.release(places)
        for place in places:
            if mark := self._marks.get(place):
                mark.close()

    async def commit(self, consumer: Any) -> None:
        """Commit how far each partition is done; an error that can't be retried ends the app, and so the process.

        `_commit` of Faust's consumer is not public: pinned, and held by a test.
        """
        ours, asked_at = consumer.assignment(), time.monotonic()
        due = self._lease.due  # then what was committed before is committed again: that too proves that we are a member
        news = {
            place: offset
            for place, mark in self._marks.items()
            if place in ours and (offset := mark.committable) is not None
            and (due or offset != self._committed.get(place))
        }  # fmt: skip
        if due and not news and ours:
            news = await self._as_committed(min(ours))
        if news and await consumer._commit(news):
            self._committed |= news
            self._lease.renew(asked_at)

    async def _as_committed(self, place: Place) -> dict[Place, int]:
        """What the group had committed of `place` before us: to commit it again changes nothing, and proves the lease
        of a worker that has been given no record yet."""
        if place not in self._before:
            try:
                found = await asyncio.to_thread(committed_offsets, self._settings, self._group, list(self._marks))
            except (CommandFailed, KafkaException):
                return {}  # Kafka is away: then the lease ends, as it should
            self._before = {each: found[each] for each in self._marks if each in found}
        return {place: self._before[place]} if place in self._before and place in self._marks else {}
