"""Events of the retry topic that are not due yet, in the order in which they will be. Pure; the clock is passed in."""

import heapq
import itertools
from dataclasses import dataclass

from streams.codec import Record
from streams.retry import first_source, was_put_back
from workers.index.change import Received
from workers.index.limits import Capacity

_Event = tuple[object, ...]


@dataclass(slots=True)
class _Entry:
    received: Received | None
    """None where it does not wait any longer."""
    event: _Event
    bytes: int


class Waiting:
    """A bounded number of events: their offsets are begun, so no commit passes them; they take no `Room`.

    The bound is kept by whoever adds (see `Later`): `add` never refuses, for what was read must be kept.
    """

    def __init__(self, capacity: Capacity) -> None:
        self._most, self._most_bytes = capacity.waiting, capacity.waiting_bytes
        self._heap: list[tuple[float, int, _Entry]] = []
        self._numbers = itertools.count()
        self._by_event: dict[_Event, _Entry] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_event)

    @property
    def full(self) -> bool:
        """Whether no more should be read."""
        return len(self) >= self._most or self._bytes >= self._most_bytes

    @property
    def roomy(self) -> bool:
        """Whether it is less than half full, so that reading may go on."""
        return len(self) < self._most / 2 and self._bytes < self._most_bytes / 2

    @property
    def next_due(self) -> float | None:
        """When the first is due; None where none waits."""
        self._drop_gone()
        return self._heap[0][0] if self._heap else None

    def add(self, received: Received, due: float) -> Received | None:
        """Wait until `due`; returns the earlier copy of the very same event that this one takes the place of.

        After a restart what lies behind the committed offset is read again, and what was put back then is put back
        twice. Of two copies one is enough, and the later one in the log is kept: the other may be finished.
        """
        record = received.record
        event = _event(record)
        entry = _Entry(received, event, record.size)
        earlier = self._by_event.get(event)
        replaced = self._leave(earlier) if earlier else None
        self._by_event[event] = entry
        self._bytes += entry.bytes
        heapq.heappush(self._heap, (due, next(self._numbers), entry))
        return replaced

    def take_due(self, now: float) -> list[Received]:
        """All that are due, the longest due first; they wait no longer."""
        due: list[Received] = []
        while (first := self.next_due) is not None and first <= now:
            received = self._leave(heapq.heappop(self._heap)[2])
            if received is not None:
                due.append(received)
        return due

    def forget(self) -> None:
        """Let go of what belongs to partitions that are no longer ours."""
        for entry in list(self._by_event.values()):
            if entry.received and entry.received.watermark.closed:
                self._leave(entry)
        self._heap = [each for each in self._heap if each[2].received]
        heapq.heapify(self._heap)

    def _leave(self, entry: _Entry) -> Received | None:
        received, entry.received = entry.received, None
        if received is not None:
            del self._by_event[entry.event]
            self._bytes -= entry.bytes
        return received

    def _drop_gone(self) -> None:
        while self._heap and self._heap[0][2].received is None:
            heapq.heappop(self._heap)


def _event(record: Record) -> _Event:
    """What makes two records copies of one event: the bytes count too, for headers can be written by anyone."""
    return (first_source(record).order, was_put_back(record).refetch, record.key, record.value)
