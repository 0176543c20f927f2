"""The recorder: a plain consumer of `interactions`, from the group to the files, in one place.

    consume ▸ batch ▸ (threads) read ▸ (a thread) letters ▸ forget ▸ stage ▸ seal ▸ place ▸ commit

Why it is not a loop of consume, write, commit: reading and writing take longer than consuming, so they run beside it;
and a partition may be taken away at any moment, while the disk is full. So there is one batch in hand and one being
written; whoever loses a partition finishes or abandons both before the next owner may write, by a lock in the folder.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from operator import methodcaller

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from streams.errors import Broken
from streams.settings import Settings
from workers.recorder import metrics
from workers.recorder.batch import Batch
from workers.recorder.consumer import InteractionConsumer
from workers.recorder.options import BatchLimits
from workers.recorder.partitions import OwnedPartitions
from workers.recorder.writer import Writer

_TAKE = 1_000  # records in a call: some 2 ms in which no other thread has the interpreter
_POLL_SECONDS = 0.05  # the longest that records which have come, or a batch that is written, wait to be seen
_SETTLE_SECONDS = 10.0
"""So long a partition that is taken away waits for the batch that is being written, before that is abandoned."""
_AGAIN_SECONDS = 1.0
_ENOUGH = 0.5  # of a full batch
_PATIENCE_SECONDS = 10.0
"""So long a full batch waits before the partitions are paused: that throws away what was fetched ahead. A rebalance
waits for it too; a member may be silent for 300 s."""

_partition = methodcaller("partition")
_log = structlog.get_logger(__name__)


class Recorder:
    """One member of the group; everything on the thread that calls `step`, but for the writing."""

    def __init__(self, settings: Settings, writer: Writer, holdings: OwnedPartitions, bounds: BatchLimits) -> None:
        self._bounds, self._writer, self._holdings = bounds, writer, holdings
        self._batch = Batch(self._writer.parse)
        self._pool = ThreadPoolExecutor(1, "record-write")
        self._writing: tuple[Batch, Future[bool]] | None = None
        self._abandoned = threading.Event()
        self._failure: BaseException | None = None
        self._full = False
        self._take_over_at = 0.0
        self.progress_at = time.monotonic()
        """When the last batch was in place, or nothing was in hand."""
        self.beat_at = time.monotonic()
        self._intake = InteractionConsumer(settings, holdings.reached_end)
        self._topic, self._consumer = self._intake.topic, self._intake.consumer
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    @property
    def partitions(self) -> list[int] | None:
        """The partitions that are ours to write; None before the first assignment."""
        return self._holdings.partitions

    @property
    def in_flight(self) -> int:
        """Records that are read and not in a file."""
        return self._batch.records + (self._writing[0].records if self._writing else 0)

    @property
    def unavailable(self) -> str | None:
        """What is waited for; None while nothing is."""
        return self._writer.unavailable or self._intake.unavailable

    def fail(self, failure: BaseException) -> None:
        """Something beside us has failed: the next step raises it. From any thread."""
        self._failure = failure

    def step(self) -> None:
        """Do what can be done within some hundred milliseconds. Raises Broken where it can't go on."""
        self.beat_at = time.monotonic()
        if self._failure is not None:
            raise Broken(f"{type(self._failure).__name__}: {self._failure}") from self._failure
        self._finished()
        if time.monotonic() >= self._take_over_at and self._holdings.awaiting_lock:
            self._take_over_at = time.monotonic() + _AGAIN_SECONDS
            self._holdings.take_over(self._consumer)
        if self._writing is None:
            if self._due(time.monotonic()):
                self.write()
        elif self._share() >= 1:
            self._hold()
            return
        self._intake.check_kafka()
        if self._intake.unavailable is None:
            self._holdings.check_topic()
        self._take(self._intake.poll(_TAKE, _POLL_SECONDS))
        metrics.IN_FLIGHT.set(self.in_flight)

    def write(self) -> None:
        """Begin to write what is in hand; to be called only while nothing is being written."""
        if self._batch.records:
            batch, self._batch = self._batch, Batch(self._writer.parse)
            batch.finish()
            self._abandoned.clear()
            self._writing = (batch, self._pool.submit(self._writer.write, batch, self._abandoned))

    def finish_writing(self, seconds: float, *, commit: bool = True) -> None:
        """Wait for the batch that is being written; abandon it after `seconds`, and wait for that."""
        if self._writing is not None:
            try:
                self._writing[1].result(seconds)
            except TimeoutError:
                self._abandoned.set()
                self._writing[1].exception()
            self._finished(commit=commit, wait=True)

    def close(self, seconds: float) -> None:
        """Put what is in hand in place and commit it, within `seconds`; what is not is read again."""
        deadline = time.monotonic() + seconds
        self.finish_writing(max(0.0, deadline - time.monotonic()))
        self.write()
        self.finish_writing(max(0.0, deadline - time.monotonic()))
        self.leave()

    def leave(self) -> None:
        """Leave the group as it is; what is in hand is dropped. Safe after a failure."""
        self._abandoned.set()
        self._pool.shutdown(wait=True)
        self._batch = Batch(self._writer.parse)
        self._writing = None
        self._consumer.close()
        self._holdings.release(self._holdings.partitions or [])
        self._writer.close()

    def drained(self) -> bool:
        """Whether all that the log had when the partitions were taken over is in place; writes what is in hand."""
        if not self._holdings.at_end():
            return False
        if self._writing is None and self._batch.records:
            self.write()
        return self.in_flight == 0

    def _due(self, now: float) -> bool:
        old = now - self._batch.started_at >= self._bounds.seconds
        return self._batch.records > 0 and (old or self._share() >= _ENOUGH)

    def _share(self) -> float:
        """How full the batch in hand is; 1 and above is full."""
        return max(self._batch.records / self._bounds.records, self._batch.size / self._bounds.size)

    def _hold(self) -> None:
        """A batch is full and another is being written: take nothing in, stay a member of the group."""
        self._batch.finish()
        if self._writing is not None and not self._full:
            try:
                self._writing[1].exception(_PATIENCE_SECONDS)
            except TimeoutError:
                self._pause(full=True)
            return
        time.sleep(_POLL_SECONDS)
        self._take(self._intake.poll(1, 0.0))

    def _pause(self, *, full: bool) -> None:
        if full != self._full:
            places = [TopicPartition(self._topic, each) for each in self._holdings.partitions or []]
            (self._consumer.pause if full else self._consumer.resume)(places)
            self._full = full

    def _finished(self, *, commit: bool = True, wait: bool = False) -> None:
        """Commit the batch that was written, where it was; raises what its writing raised."""
        if self._writing is None:
            if not self.in_flight:
                self.progress_at = time.monotonic()
            return
        batch, future = self._writing
        if not future.done():
            return
        self._writing = None
        done = future.result()
        self._pause(full=False)
        self.progress_at = time.monotonic()
        if done and commit:
            self._commit(batch.ends(), wait=wait)

    def _commit(self, ends: dict[int, int], *, wait: bool) -> None:
        """Say to others how far it is. What can't be committed now is with the next batch; the files are the truth."""
        places = [TopicPartition(self._topic, each, end) for each, end in ends.items() if self._holdings.holds(each)]
        if not places:
            return
        try:
            if wait:
                self._consumer.commit(offsets=places, asynchronous=False)
            else:
                self._consumer.commit(offsets=places, asynchronous=True)
        except KafkaException as error:
            _log.warning("not_committed", error=error.args[0].str())

    def _take(self, messages: list[Message]) -> None:
        for number, each in groupby(messages, _partition):
            run, partition = list(each), number or 0
            first = self._holdings.next_offset(partition)
            if first is None:
                continue  # it went away meanwhile
            if (run[0].offset() or 0) < first:
                run = [message for message in run if (message.offset() or 0) >= first]
            if run:
                self._batch.add(partition, run, first)
                self._holdings.mark_read(partition, (run[-1].offset() or 0) + 1)

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        consumer.assign([])
        self._holdings.assigned({place.partition for place in places})
        self._take_over_at = 0.0

    def _on_revoke(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        """What is being written is finished and committed, or abandoned; what is in hand is dropped."""
        self._part_with([place.partition for place in places], commit=True)

    def _on_lost(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        """Not ours any more: nothing is committed. What is sealed stays, and the next owner goes on after it."""
        self._part_with([place.partition for place in places], commit=False)

    def _part_with(self, partitions: list[int], *, commit: bool) -> None:
        self.finish_writing(_SETTLE_SECONDS, commit=commit)
        self._batch.drop(partitions)
        self._holdings.release(partitions)
        self._full = False
