"""The partitions that are ours to write: by the word of the group, and by a lock in the folder for whoever thaws."""

from collections.abc import Iterable
from pathlib import Path

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from workers.record import landing, metrics
from workers.record.begin import Place, begin_at, note_begun, recorded_up_to
from workers.record.locks import Lock, partition_lock

_SECONDS = 10.0
_log = structlog.get_logger(__name__)


class Holdings:
    """Which partitions are held, and how far each is read, recorded and there."""

    def __init__(self, folder: Path, topic: str, *, accept: bool = False) -> None:
        self._folder, self._topic, self._accept = folder, topic, accept
        self.wanted: set[int] = set()
        """Given to us by the group, and still held by another recorder, or not looked at yet."""
        self._locks: dict[int, Lock] = {}
        self._next: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._assigned = False
        self._told = set[int]()

    def given(self, partitions: set[int]) -> None:
        """The group gives us these, and no others; with none we are a member all the same."""
        self.wanted = partitions
        self._assigned = self._assigned or not partitions

    @property
    def partitions(self) -> list[int] | None:
        """Those that are held; None before the first were."""
        return sorted(self._locks) if self._assigned else None

    def holds(self, partition: int) -> bool:
        """Whether a partition is ours to write."""
        return partition in self._locks

    def next_offset(self, partition: int) -> int | None:
        """The offset after what was taken in; None where it is not held."""
        return self._next.get(partition)

    def taken(self, partition: int, offset: int) -> None:
        """A partition is taken in up to `offset`."""
        self._next[partition] = offset

    def reached_end(self, partition: int, offset: int) -> None:
        """There is no record before `offset` that was not given to us: at most a marker that no reader gets."""
        if partition in self._locks:
            self._seen[partition] = max(offset, self._seen.get(partition, 0))

    def at_end(self) -> bool:
        """Whether all is taken in that the log had when the partitions were taken over."""
        seen = all(max(self._next[each], self._seen.get(each, 0)) >= end for each, end in self._ends.items())
        return self._assigned and not self.wanted and seen

    def take_over(self, consumer: Consumer) -> None:
        """Take the partitions that are wanted and that no other recorder writes; then read on after their files.

        Raises Broken where one can't go on. Where Kafka does not answer they stay wanted, and are tried again.
        """
        locks = {each: Lock.take(self._folder, partition_lock(self._topic, each)) for each in sorted(self.wanted)}
        free = {each: lock for each, lock in locks.items() if lock is not None}
        try:
            starts, ends = self._starts(consumer, list(free)) if free else ({}, {})
        except BaseException as error:
            for lock in free.values():
                lock.close()
            if isinstance(error, KafkaException):
                _log.warning("not_taken_over", error=error.args[0].str())
                return
            raise
        self._locks |= free
        self._next |= starts
        self._ends |= ends
        self.wanted -= set(free)
        metrics.ELSEWHERE.set(len(self.wanted))
        if free:
            # Anew for all: it is where each is to be read on from, whatever was fetched ahead.
            consumer.assign([TopicPartition(self._topic, each, self._next[each]) for each in sorted(self._locks)])
            self._say_how_far(consumer, sorted(free))
            _log.info("taken_over", partitions=sorted(free))
        if self.wanted and self.wanted != self._told:
            _log.warning("held_elsewhere", partitions=sorted(self.wanted))
        self._told = set(self.wanted)
        self._assigned = True

    def let_go(self, partitions: Iterable[int]) -> None:
        """These are no longer ours: another may write them from now on."""
        for each in partitions:
            self.wanted.discard(each)
            self._next.pop(each, None)
            self._seen.pop(each, None)
            self._ends.pop(each, None)
            if lock := self._locks.pop(each, None):
                lock.close()

    def _say_how_far(self, consumer: Consumer, partitions: list[int]) -> None:
        """Commit what the files say: after a kill between file and commit the group knows less."""
        try:
            places = [TopicPartition(self._topic, each, self._next[each]) for each in partitions]
            consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            _log.warning("not_committed", error=error.args[0].str())

    def _starts(self, consumer: Consumer, partitions: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Where each goes on, and where its log ends now; what was sealed by whoever had it is placed before."""
        landing.finish(self._folder)
        recorded = recorded_up_to(self._folder, self._topic)
        found = consumer.committed([TopicPartition(self._topic, each) for each in partitions], timeout=_SECONDS)
        committed = {each.partition: each.offset for each in found if each.offset >= 0}
        starts, ends = dict[int, int](), dict[int, int]()
        for each in partitions:
            first, end = consumer.get_watermark_offsets(TopicPartition(self._topic, each), timeout=_SECONDS)
            place = Place(self._topic, each, recorded.get(each), committed.get(each), first, end)
            starts[each], ends[each] = begin_at(place, self._folder, accept=self._accept), end
            if starts[each] != place.recorded:
                if place.recorded is not None or place.committed is not None:
                    _log.warning("begins_elsewhere", place=str(place), at=starts[each])
                note_begun(self._folder, self._topic, each, starts[each])
        return starts, ends
