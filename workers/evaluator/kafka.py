"""What the broker tells of the work that evaluation rests on: what is unread, what was refused, how far all is."""

from collections.abc import Iterable
from datetime import datetime

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka, reader
from streams.groups import RECORD, hash_of, our_groups
from streams.lag import PartitionLag, lag
from streams.settings import Settings
from streams.topic_reader import offsets, partitions
from streams.topics import INTERACTION_DEAD_LETTER, INTERACTIONS


def oldest_due_age(found: Iterable[PartitionLag]) -> float | None:
    """The age (s) of the oldest record where something is due; 0 where nothing is, None without a group in use."""
    ages = [(each.oldest_unread_seconds or 0.0) if each.due else 0.0 for each in found if not each.stale]
    return max(ages) if ages else None


class KafkaStatus:
    """Asked anew each time; every method raises ServiceUnavailable where Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def recorder_lag(self) -> int:
        """Interactions that the recorder has not finished."""
        return sum(each.lag for each in lag(self._settings, [self._settings.named(RECORD)]))

    def index_lag_seconds(self) -> float | None:
        """The age of the oldest event that index workers should have done; 0 at rest, None where no group ever began.

        What waits for an image host that is away, and what a group of an earlier model left, says nothing of the index.
        """
        client = await_kafka(self._settings)
        groups = [group for group in our_groups(client, self._settings) if hash_of(self._settings, group)]
        found = lag(self._settings, groups) if groups else []
        return oldest_due_age(found)

    def refused_share(self, since: datetime) -> float | None:
        """Of the interactions published since then, the share that the recorder could not read; None without any."""
        client = await_kafka(self._settings)
        refused, published = (self._since(client, topic, since) for topic in (INTERACTION_DEAD_LETTER, INTERACTIONS))
        return refused / published if published else None

    def _since(self, client: AdminClient, topic: str, since: datetime) -> int:
        """How many records a topic has from that time of the broker's on."""
        places = partitions(client, self._settings, [topic])
        ends = offsets(client, places, OffsetSpec.latest())
        first = offsets(client, places, OffsetSpec.for_timestamp(int(since.timestamp() * 1_000)))
        # A negative offset: no record is as young.
        return sum(ends[place] - first[place] for place in places if first[place] >= 0)

    def commit(self, offsets_by_partition: dict[int, int], group: str) -> None:
        """Commit for `group` how far the figures are, so that any monitor shows what they do not know yet."""
        consumer = reader(self._settings, group)
        try:
            topic = self._settings.named(INTERACTIONS)
            places = [TopicPartition(topic, each, offset) for each, offset in sorted(offsets_by_partition.items())]
            if places:
                consumer.commit(offsets=places, asynchronous=False)
        finally:
            consumer.close()
