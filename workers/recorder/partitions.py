"""The partitions that are ours to write: by the word of the group, and by a lock in the folder for whoever thaws."""

from collections.abc import Iterable
from pathlib import Path

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.errors import Broken, SlowDown
from workers.interactions import staging
from workers.interactions.locks import Lock, partition_lock
from workers.interactions.progress import next_offsets, write_start_offset
from workers.recorder import metrics
from workers.recorder.lineage import REMEDY, RecordedLog
from workers.recorder.start_offset import PartitionProgress, resume_offset

_SECONDS = 10.0
_log = structlog.get_logger(__name__)


class OwnedPartitions:
    """Which partitions are held, and how far each is read, recorded and there."""

    def __init__(self, folder: Path, topic: str, log: RecordedLog, *, accept: bool = False) -> None:
        self._folder, self._topic, self._log, self._accept = folder, topic, log, accept
        self.awaiting_lock: set[int] = set()
        """Given to us by the group, and still held by another recorder, or not looked at yet."""
        self._locks: dict[int, Lock] = {}
        self._next: dict[int, int] = {}
        self._seen: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._assigned = False
        self._told = set[int]()

    def assigned(self, partitions: set[int]) -> None:
        """The group gives us these, and no others; with none we are a member all the same."""
        self.awaiting_lock = partitions
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

    def mark_read(self, partition: int, offset: int) -> None:
        """A partition is taken in up to `offset`."""
        self._next[partition] = offset

    def reached_end(self, partition: int, offset: int) -> None:
        """There is no record before `offset` that was not given to us: at most a marker that no reader gets."""
        if partition in self._locks:
            self._seen[partition] = max(offset, self._seen.get(partition, 0))

    def at_end(self) -> bool:
        """Whether all is taken in that the log had when the partitions were taken over."""
        seen = all(max(self._next[each], self._seen.get(each, 0)) >= end for each, end in self._ends.items())
        return self._assigned and not self.awaiting_lock and seen

    def take_over(self, consumer: Consumer) -> None:
        """Take the partitions that are wanted and that no other recorder writes; then read on after their files.

        Raises Broken where one can't go on. Where Kafka does not answer they stay wanted, and are tried again.
        """
        locks = {
            each: Lock.acquire(self._folder, partition_lock(self._topic, each)) for each in sorted(self.awaiting_lock)
        }
        free = {each: lock for each, lock in locks.items() if lock is not None}
        try:
            starts, ends = self._starts(consumer, list(free)) if free else ({}, {})
        except BaseException as error:  # whatever it is, the locks must not be left behind
            for lock in free.values():
                lock.release()
            if isinstance(error, KafkaException | SlowDown):
                _log.warning("not_taken_over", error=str(error))
                return
            raise
        self._locks |= free
        self._next |= starts
        self._ends |= ends
        self.awaiting_lock -= set(free)
        metrics.AWAITING_LOCK.set(len(self.awaiting_lock))
        if free:
            # Anew for all: it is where each is to be read on from, whatever was fetched ahead.
            consumer.assign([TopicPartition(self._topic, each, self._next[each]) for each in sorted(self._locks)])
            self._say_how_far(consumer, sorted(free))
            _log.info("taken_over", partitions=sorted(free))
        if self.awaiting_lock and self.awaiting_lock != self._told:
            _log.warning("held_elsewhere", partitions=sorted(self.awaiting_lock))
        self._told = set(self.awaiting_lock)
        self._assigned = True

    def check_topic(self) -> None:
        """Raises Broken where the topic is another than is recorded."""
        if self._locks:
            self._log.check_topic()

    def release(self, partitions: Iterable[int]) -> None:
        """These are no longer ours: another may write them from now on."""
        for each in partitions:
            self.awaiting_lock.discard(each)
            self._next.pop(each, None)
            self._seen.pop(each, None)
            self._ends.pop(each, None)
            if lock := self._locks.pop(each, None):
                lock.release()

    def _say_how_far(self, consumer: Consumer, partitions: list[int]) -> None:
        """Commit what the files say: after a kill between file and commit the group knows less."""
        try:
            places = [TopicPartition(self._topic, each, self._next[each]) for each in partitions]
            consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            _log.warning("not_committed", error=error.args[0].str())

    def _starts(self, consumer: Consumer, partitions: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Where each goes on, and where its log ends now; what was sealed by whoever had it is placed before."""
        staging.recover(self._folder)
        recorded = next_offsets(self._folder, self._topic)
        found = consumer.committed([TopicPartition(self._topic, each) for each in partitions], timeout=_SECONDS)
        committed = {each.partition: each.offset for each in found if each.offset >= 0}
        logs = {
            each: consumer.get_watermark_offsets(TopicPartition(self._topic, each), timeout=_SECONDS)
            for each in partitions
        }
        places = {
            each: PartitionProgress(self._topic, each, recorded.get(each), committed.get(each), *logs[each])
            for each in partitions
        }
        others = self._of_another_log(places)
        starts = dict[int, int]()
        for each, place in places.items():
            starts[each] = place.first if each in others else resume_offset(place, self._folder, accept=self._accept)
            if starts[each] != place.recorded or each in others:
                if place.recorded is not None or place.committed is not None:
                    _log.warning("begins_elsewhere", place=str(place), at=starts[each])
                write_start_offset(self._folder, self._topic, each, starts[each])
        self._log.write_topic_id()
        return starts, {each: end for each, (_, end) in logs.items()}

    def _of_another_log(self, places: dict[int, PartitionProgress]) -> set[int]:
        """The partitions whose files are of another log: set aside where that was asked for, else Broken."""
        begun = {each: place for each, place in places.items() if place.recorded is not None}
        differ = self._log.differences({each: (place.first, place.end) for each, place in begun.items()})
        differ = {each: why for each, why in differ.items() if (begun[each].recorded or 0) > begun[each].first}
        if differ and not self._accept:
            first = min(differ)
            more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
            raise Broken(f"{places[first]}{more}: {differ[first]}; {REMEDY}")
        beyond = {each for each, place in begun.items() if self._accept and (place.recorded or 0) > place.end}
        if others := differ.keys() | beyond:
            self._log.set_aside(others)
        return set(others)
