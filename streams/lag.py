"""The one definition of lag: records that a group has not finished, as the broker tells it.

`lag` is the end of the log minus the committed offset, and 0 where no record is left between them: a transaction
marker at the end of a log is an offset that no reader ever gets, so `end - committed` alone would stay at 1 for ever.
"""

import time
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka, reader
from streams.read import Place, offsets
from streams.settings import Settings
from streams.topics import INTERACTIONS, LISTING_TOPICS

# For some seconds after a broker has started, or while a group moves to another one.
_COORDINATOR_COMES = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR,
}  # fmt: skip


@dataclass(frozen=True)
class PartitionLag:
    """The lag of one group on one partition; `oldest_unread_seconds` is the age of the first unfinished record."""

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    oldest_unread_seconds: float | None


def our_groups(client: AdminClient, settings: Settings) -> list[str]:
    """The consumer groups of this catalogue, by name."""
    listed = client.list_consumer_groups(request_timeout=10).result()
    return sorted(group.group_id for group in listed.valid if group.group_id.startswith(settings.named("lookalike-")))


def lag(settings: Settings, groups: list[str] | None = None) -> list[PartitionLag]:
    """The lag of `groups`, or of every group of ours; raises CommandFailed (exit 3) where Kafka is away."""
    client = await_kafka(settings)
    found: list[PartitionLag] = []
    for group in our_groups(client, settings) if groups is None else groups:
        found += _group_lag(client, settings, group)
    return found


def _group_lag(client: AdminClient, settings: Settings, group: str) -> list[PartitionLag]:
    committed = committed_offsets(client, group)
    topics = {topic for topic, _ in committed}
    if group.startswith(settings.named("lookalike-index-")):
        topics |= {settings.named(topic) for topic in LISTING_TOPICS}
    if group in (settings.named("lookalike-record"), settings.named("lookalike-evaluate")):
        topics.add(settings.named(INTERACTIONS))
    there = client.list_topics(timeout=10).topics
    places = [(topic, partition) for topic in sorted(topics & set(there)) for partition in there[topic].partitions]
    starts, ends = offsets(client, places, OffsetSpec.earliest()), offsets(client, places, OffsetSpec.latest())
    read_from = {place: max(committed.get(place) or 0, starts[place]) for place in places}
    behind = {place: offset for place, offset in read_from.items() if ends[place] > offset}
    oldest = oldest_unread(settings, behind)
    now = time.time()
    return [
        PartitionLag(
            group, *place, committed.get(place), ends[place],
            ends[place] - read_from[place] if place in oldest else 0,
            max(0.0, round(now - oldest[place] / 1_000, 3)) if place in oldest else None,
        )
        for place in places
    ]  # fmt: skip


def committed_offsets(client: AdminClient, group: str, seconds: float = 15.0) -> dict[Place, int]:
    """What a group has committed; no entry where nothing is.

    Waits for a coordinator that is starting or moving; raises KafkaException where it has not come after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = client.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
            break
        except KafkaException as error:
            if error.args[0].code() not in _COORDINATOR_COMES or time.monotonic() > deadline:
                raise
        time.sleep(0.2)
    return {(each.topic, each.partition): each.offset for each in result.topic_partitions if each.offset >= 0}


def members(client: AdminClient, groups: list[str]) -> int:
    """How many consumers are in these groups."""
    described = client.describe_consumer_groups(groups) if groups else {}
    return sum(len(done.result().members) for done in described.values())


def oldest_unread(settings: Settings, behind: dict[Place, int], seconds: float = 10.0) -> dict[Place, int]:
    """The timestamp (ms) of the first record at or after each given offset; no entry where none is left to read."""
    if not behind:
        return {}
    consumer = reader(settings, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(*place, offset) for place, offset in behind.items()])
    waiting, oldest = set(behind), dict[Place, int]()
    deadline = time.monotonic() + seconds
    try:
        while waiting and time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=0.05):
                place = (str(message.topic()), int(message.partition() or 0))
                failure = message.error()
                if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
                if place in waiting and failure is None:
                    oldest[place] = message.timestamp()[1]
                waiting.discard(place)
        # A partition that did not answer in time is counted as behind: silence is no proof of being done.
        return oldest | {place: int(time.time() * 1_000) for place in waiting}
    finally:
        consumer.close()
