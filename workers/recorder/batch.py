"""What is in hand: records that were consumed and are not in a file, by partition, read piece by piece meanwhile."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from confluent_kafka import Message

from schemas.source import record_time
from workers.recorder.parsed_chunk import ParsedChunk

StartParsing = Callable[[Sequence[Message]], "Future[ParsedChunk]"]
"""Begins to read records of one partition, in a thread."""

_PIECE = 5_000  # records, some 5 MB: read in one go without much memory, and long enough to be worth a thread's turn


@dataclass
class PartitionBatch:
    """The records of one partition, in order."""

    first: int
    """The offset after the range before: transaction markers at its end belong to this range."""
    first_timestamp: int
    """The first record's time in Kafka, in milliseconds since 1970."""
    last_timestamp: int = 0
    """The last record's."""
    end: int = 0
    """The offset after the last record."""
    records: int = 0
    size: int = 0
    chunks: "list[Future[ParsedChunk]]" = field(default_factory=list)
    pending: list[Message] = field(default_factory=list)
    """The last records: so few that no piece was made of them yet."""


class Batch:
    """Records of one topic; for one thread, until it is whole."""

    def __init__(self, read: StartParsing) -> None:
        self._read = read
        self.parts: dict[int, PartitionBatch] = {}
        """By partition."""
        self.records = 0
        self.size = 0
        """Bytes of values."""
        self.started_at = time.monotonic()
        """When its first record was taken in, by `time.monotonic()`."""

    def add(self, partition: int, messages: Sequence[Message], first: int) -> None:
        """Take in records of a partition whose next offset is `first`, where it has none here yet."""
        if not self.records:
            self.started_at = time.monotonic()
        part = self.parts.get(partition)
        if part is None:
            part = self.parts[partition] = PartitionBatch(
                first, first_timestamp=record_time(messages[0].timestamp()[1])
            )
        part.pending.extend(messages)
        part.last_timestamp, part.end = record_time(messages[-1].timestamp()[1]), int(messages[-1].offset() or 0) + 1
        records, size = len(messages), sum(map(len, messages))
        part.records, part.size = part.records + records, part.size + size
        self.records, self.size = self.records + records, self.size + size
        if len(part.pending) >= _PIECE:
            self._begin(part)

    def finish(self) -> None:
        """No more is taken in: begin to read what is left."""
        for part in self.parts.values():
            if part.pending:
                self._begin(part)

    def drop(self, partitions: Sequence[int]) -> None:
        """Let go of partitions that are no longer ours."""
        for partition in partitions:
            part = self.parts.pop(partition, None)
            if part is not None:
                self.records -= part.records
                self.size -= part.size
                for piece in part.chunks:
                    piece.cancel()

    def ends(self) -> dict[int, int]:
        """For each partition the offset after its last record: what is committed once the batch is in place."""
        return {partition: part.end for partition, part in self.parts.items()}

    def _begin(self, part: PartitionBatch) -> None:
        part.chunks.append(self._read(part.pending))
        part.pending = []
