"""The partition assignment: watermarks, and the commits of their offsets, which also renew the lease.

A partition is committed only after the log of its committed offset has been identified: another worker may have
committed that offset for a log that no longer exists.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from streams.lag import Commit
from streams.listing_codec import Record
from streams.log_identity import Identity, mark_of
from streams.watermark import Watermark
from workers.indexer.lease import Lease
from workers.indexer.recent_records import RecentRecords

PartitionId = tuple[str, int]
"""A topic and a partition number; Faust's own `TP` is one."""


class Assignment:
    """The watermarks of the current assignment. Used on the event loop only."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._watermarks: dict[PartitionId, Watermark] = {}
        self._recent_records: dict[PartitionId, RecentRecords] = {}
        self._identified: dict[PartitionId, Commit] = {}
        """The commit of each partition at the time of the assignment, with the identity of its log."""
        self._committed: dict[PartitionId, tuple[int, int]] = {}
        """The offset, and the number of records from it on that are finished already."""
        self.number = 0
        """The number of assignments so far; tells an answer for an earlier assignment apart."""

    @property
    def partitions(self) -> set[PartitionId]:
        """The assigned partitions."""
        return set(self._watermarks)

    @property
    def unidentified(self) -> set[PartitionId]:
        """The assigned partitions whose log has not been identified yet."""
        return self.partitions - self._identified.keys()

    def watermark(self, partition: PartitionId) -> Watermark | None:
        """The watermark of a partition; None if it is not assigned."""
        return self._watermarks.get(partition)

    def begin(self, partitions: Iterable[PartitionId]) -> None:
        """Start a new assignment of exactly these partitions."""
        self.close(self._watermarks)
        self._watermarks = {partition: Watermark() for partition in partitions}
        self._recent_records = {partition: RecentRecords() for partition in self._watermarks}
        self._committed, self._identified = {}, {}
        self.number += 1
        self._lease.renew(time.monotonic())

    def identify(self, number: int, found: Mapping[PartitionId, Commit]) -> None:
        """Set the commits that were found for assignment `number` and checked against the log; enables committing.

        Ignored if `number` is not the current assignment.
        """
        if number == self.number:
            self._identified = {partition: each for partition, each in found.items() if partition in self._watermarks}
            for partition, each in self._identified.items():
                self._recent_records[partition].came_before(each.identity.marks)

    def record_started(self, partition: PartitionId, record: Record) -> None:
        """Remember a record that was started: it may become the last one before the committed offset."""
        self._recent_records[partition].add(mark_of(record))

    def progress(self) -> dict[PartitionId, Commit]:
        """The committable offset and the log identity of each identified partition."""
        offsets = {partition: self._watermarks[partition].committable for partition in self._identified}
        return {
            partition: Commit(each.offset if offset is None else offset, self._identity(partition, offset))
            for partition, each in self._identified.items()
            for offset in [offsets[partition]]
        }

    def release(self, partitions: Iterable[PartitionId]) -> None:
        """These partitions are being revoked: start no further write."""
        for partition in partitions:
            if mark := self._watermarks.get(partition):
                mark.release()

    def close(self, partitions: Iterable[PartitionId]) -> None:
        """These partitions are revoked: whatever finishes later is ignored."""
        self.release(partitions)
        for partition in partitions:
            if mark := self._watermarks.get(partition):
                mark.close()

    async def commit(self, consumer: Any) -> None:
        """Commit the offset of each partition. An error that can't be retried ends the app, and so the process.

        `_commit` of Faust's consumer is not public: its version is pinned, and a test covers it.
        """
        asked_at, assigned = time.monotonic(), consumer.assignment()
        ours = {
            partition
            for partition in self._identified
            if partition in assigned and not self._watermarks[partition].closed
        }
        due = self._lease.due  # then unchanged offsets are committed again: that proves the membership too
        done = {
            partition: (offset, self._watermarks[partition].ahead_of(offset))
            for partition in ours
            if (offset := self._watermarks[partition].committable) is not None
        }
        news = {partition: said for partition, said in done.items() if due or said != self._committed.get(partition)}
        # What the group had committed before: committing it again changes nothing, and renews the lease of a worker
        # that has received no record yet. Once for each partition, so that every commit has the identity of its log.
        news |= {
            partition: (self._identified[partition].offset, 0)
            for partition in ours - self._committed.keys() - done.keys()
        }
        if due and not news and ours:
            least = min(ours)
            news = {least: self._committed[least]}
        at = round(time.time() * 1_000)
        said = {
            partition: (offset, replace(self._identity(partition, offset), ahead=ahead, at=at).text())
            for partition, (offset, ahead) in news.items()
        }
        if said and await consumer._commit(said):
            self._committed |= news
            self._lease.renew(asked_at)

    def _identity(self, partition: PartitionId, offset: int | None) -> Identity:
        known = self._identified[partition]
        marks = self._recent_records[partition].before(known.offset if offset is None else offset)
        return Identity(known.identity.topic_id, marks, known.identity.store)
