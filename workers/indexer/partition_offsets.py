"""The offsets of the partitions of the listing topics: committed, first and end of the log."""

from dataclasses import dataclass, field

from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.lag import commits
from streams.log_identity import Identity
from streams.settings import Settings
from streams.topic_reader import offsets, partitions
from streams.topics import LISTING_TOPICS


@dataclass(frozen=True, order=True)
class PartitionOffsets:
    """The offsets of a partition: the group's committed one, the first of the log, and the next to be written."""

    topic: str
    partition: int
    committed: int | None
    first: int
    end: int
    identity: Identity = field(default=Identity(), compare=False)
    """The identity of the log that the committed offset belongs to, as far as the commit has it."""

    @property
    def valid(self) -> bool:
        """Whether the committed offset is within the log, so that no record was missed."""
        return self.committed is not None and self.first <= self.committed <= self.end

    @property
    def has_progress(self) -> bool:
        """Whether the committed offset is past the first record of the log."""
        return self.committed is not None and self.committed > self.first

    @property
    def topic_partition(self) -> tuple[str, int]:
        """The topic and the partition number."""
        return self.topic, self.partition

    def __str__(self) -> str:
        what = "nothing is committed" if self.committed is None else f"committed {self.committed}"
        return f"{self.topic} partition {self.partition}: {what}, the log has {self.first} to {self.end}"


def read_partition_offsets(client: AdminClient, settings: Settings, group: str) -> list[PartitionOffsets]:
    """The present offsets of every partition of the listing topics."""
    return partition_offsets(client, settings, group, partitions(client, settings, LISTING_TOPICS))


def partition_offsets(
    client: AdminClient, settings: Settings, group: str, wanted: list[tuple[str, int]]
) -> list[PartitionOffsets]:
    """The present offsets of these partitions."""
    committed = commits(settings, group, wanted)  # first, or it could be past an end that was requested before
    firsts, ends = offsets(client, wanted, OffsetSpec.earliest()), offsets(client, wanted, OffsetSpec.latest())
    return [
        PartitionOffsets(*each, said.offset, firsts[each], ends[each], said.identity)
        if (said := committed.get(each))
        else PartitionOffsets(*each, None, firsts[each], ends[each])
        for each in wanted
    ]
