"""How far a partition is done: the lowest offset that is not finished is what may be committed."""

import threading
from collections import deque

from streams.errors import Broken


class Watermark:
    """The offsets in hand of one assigned partition; safe to use from several threads.

    Offsets begin in increasing order and finish in any. An offset that Kafka left out (compaction, a transaction
    marker) was never begun, so it holds nothing back. After `close` (the partition went to another worker) nothing
    that finishes counts any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: deque[int] = deque()
        self._finished: set[int] = set()
        self._first: int | None = None
        self._next = 0
        self._released = False
        self._closed = False

    def begin(self, offset: int) -> bool:
        """Take `offset` in hand; False where it was begun before, so that a record delivered twice is done once.

        Raises Broken for an offset below the first of this assignment: then the first was left over from an earlier
        one, and committing past it could lose what lies between.
        """
        with self._lock:
            if self._first is None:
                self._first = offset
            elif offset < self._first:
                raise Broken(f"offset {offset} came after the assignment had begun at {self._first}")
            elif offset < self._next:
                return False
            self._begun.append(offset)
            self._next = offset + 1
            return True

    def finish(self, offset: int) -> None:
        """Say that `offset` is done: written, superseded or dead-lettered."""
        with self._lock:
            if not self._begun or offset < self._begun[0]:
                return  # it was done before
            self._finished.add(offset)
            while self._begun and self._begun[0] in self._finished:
                self._finished.remove(self._begun.popleft())

    @property
    def committable(self) -> int | None:
        """The offset to commit: everything below it is finished. None before the first record and after `close`."""
        with self._lock:
            if self._closed or self._first is None:
                return None
            return self._begun[0] if self._begun else self._next

    def ahead_of(self, offset: int) -> int:
        """Of the offsets read so far, from a committable one on: how many need nothing more.

        They are finished, or Kafka left them out, and only a lower one that is not finished holds the commit back.
        """
        with self._lock:
            return max(0, self._next - offset - len(self._begun) + len(self._finished))

    @property
    def in_hand(self) -> int:
        """How many offsets are begun and not finished, or wait for a lower one that is not."""
        with self._lock:
            return len(self._begun)

    @property
    def released(self) -> bool:
        """Whether the partition is no longer ours to write to."""
        return self._released

    @property
    def closed(self) -> bool:
        """Whether the partition is no longer ours at all."""
        return self._closed

    def release(self) -> None:
        """The partition is being taken away: begin no further write; what is being written may still finish."""
        self._released = True

    def close(self) -> None:
        """The partition went to another worker: nothing that finishes counts, nothing may be committed."""
        with self._lock:
            self._closed = True
