"""The delay queue: events of the retry topic that are not due yet, by due time. Pure; the caller has the clock."""

import heapq
import itertools
from dataclasses import dataclass

from streams.retry_headers import event_of
from workers.indexer.config import Capacity
from workers.indexer.pending_event import ReceivedRecord

_Event = tuple[object, ...]


@dataclass(slots=True)
class _Entry:
    received: ReceivedRecord | None
    """None after it was removed."""
    event: _Event
    bytes: int


class DelayQueue:
    """A bounded priority queue. Offsets of its events are begun, so no commit passes them; they are not `InFlight`.

    The caller enforces the bound (see `DelayedDelivery`): `add` never refuses, for a record that was read must be kept.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._max_events, self._max_bytes = capacity.max_delayed, capacity.max_delayed_bytes
        self._heap: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()
        self._by_event: dict[_Event, _Entry] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_event)

    @property
    def full(self) -> bool:
        """Whether the bound is reached, so that reading must pause."""
        return len(self) >= self._max_events or self._bytes >= self._max_bytes

    @property
    def has_room(self) -> bool:
        """Whether it is less than half full, so that reading may resume."""
        return len(self) < self._max_events / 2 and self._bytes < self._max_bytes / 2

    @property
    def next_due(self) -> float | None:
        """The due time of the first event; None if the queue is empty."""
        self._drop_removed()
        return self._heap[0][0] if self._heap else None

    def add(self, received: ReceivedRecord, due: float) -> ReceivedRecord | None:
        """Queue an event until `due`; returns the earlier copy of the same event that it replaces.

        After a restart the records after the committed offset are read again, so an event may be requeued twice. One
        copy is enough; the later one in the log is kept, and the caller may finish the other.
        """
        record = received.record
        event = event_of(record)
        entry = _Entry(received, event, record.size)
        earlier = self._by_event.get(event)
        replaced = self._remove(earlier) if earlier else None
        self._by_event[event] = entry
        self._bytes += entry.bytes
        heapq.heappush(self._heap, (due, next(self._numbers), entry))
        return replaced

    def take_due(self, now: float) -> list[ReceivedRecord]:
        """Remove and return the events that are due, the earliest first."""
        due: list[ReceivedRecord] = []
        while (first := self.next_due) is not None and first <= now:
            received = self._remove(heapq.heappop(self._heap)[2])
            if received is not None:
                due.append(received)
        return due

    def clear(self) -> None:
        """Remove the events of revoked partitions."""
        for entry in list(self._by_event.values()):
            if entry.received and entry.received.watermark.closed:
                self._remove(entry)
        self._heap = [each for each in self._heap if each[2].received]
        heapq.heapify(self._heap)

    def _remove(self, entry: _Entry) -> ReceivedRecord | None:
        received, entry.received = entry.received, None
        if received is not None:
            del self._by_event[entry.event]
            self._bytes -= entry.bytes
        return received

    def _drop_removed(self) -> None:
        while self._heap and self._heap[0][2].received is None:
            heapq.heappop(self._heap)
