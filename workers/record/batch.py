"""What is in hand: records that were read and are not in a file, by partition, and where their ranges begin."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import Message


@dataclass
class Batch:
    """Records of one topic by partition, in order."""

    messages: dict[int, list[Message]] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    """Of each partition the offset after the range before: transaction markers at its end belong to this range."""
    records: int = 0
    size: int = 0
    """Bytes of values."""
    begun_at: float = field(default_factory=time.monotonic)
    """When its first record was taken in, by `time.monotonic()`."""

    def take(self, partition: int, messages: Sequence[Message], first: int) -> None:
        """Take in records of a partition whose next offset is `first`, where it has none here yet."""
        if not self.records:
            self.begun_at = time.monotonic()
        self.messages.setdefault(partition, []).extend(messages)
        self.first.setdefault(partition, first)
        self.records += len(messages)
        self.size += sum(map(len, messages))

    def drop(self, partitions: Sequence[int]) -> None:
        """Let go of partitions that are no longer ours."""
        for partition in partitions:
            dropped = self.messages.pop(partition, [])
            self.first.pop(partition, None)
            self.records -= len(dropped)
            self.size -= sum(map(len, dropped))

    def ends(self) -> dict[int, int]:
        """For each partition the offset after its last record: what is committed once the batch is in place."""
        return {partition: int(each[-1].offset() or 0) + 1 for partition, each in self.messages.items()}
