"""The one definition of lag: records that a group has not finished, as the broker tells it.

`lag` is the end of the log minus the committed offset, and 0 where no record is left between them: a transaction
marker at the end of a log is an offset that no reader ever gets, so `end - committed` alone would stay at 1 for ever.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka, reader
from streams.read import Place, offsets, partitions
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
    every = partitions(client, settings, (*LISTING_TOPICS, INTERACTIONS))
    committed = committed_offsets(settings, group, every)
    topics = {topic for topic, _ in committed}
    if group.startswith(settings.named("lookalike-index-")):
        topics |= {settings.named(topic) for topic in LISTING_TOPICS}
    if group in (settings.named("lookalike-record"), settings.named("lookalike-evaluate")):
        topics.add(settings.named(INTERACTIONS))
    places = sorted(place for place in every if place[0] in topics)
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


def committed_offsets(
    settings: Settings, group: str, places: Iterable[Place], seconds: float = 15.0
) -> dict[Place, int]:  # fmt: skip
    """What a group has committed of these partitions; no entry where nothing is.

    Asked by a consumer of the group that never joins it: librdkafka's admin client ends the process, by a null pointer,
    where the group's coordinator is still loading (its issue 5040). Waits for a coordinator that is starting or moving;
    raises KafkaException where it has not come after `seconds`.
    """
    wanted = [TopicPartition(*place) for place in places]
    if not wanted:
        return {}
    consumer = reader(settings, group_id=group)
    try:
        found = _committed(consumer, wanted, seconds)
    finally:
        consumer.close()
    return {(each.topic, each.partition): each.offset for each in found if each.offset >= 0}


def _committed(consumer: Consumer, wanted: list[TopicPartition], seconds: float) -> list[TopicPartition]:
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = consumer.committed(wanted, timeout=max(0.1, deadline - time.monotonic()))
            failure = next((each.error for each in found if each.error is not None), None)
        except KafkaException as error:
            found, failure = [], error.args[0]
        if failure is None:
            return found
        if failure.code() not in _COORDINATOR_COMES or time.monotonic() > deadline:
            raise KafkaException(failure)
        time.sleep(0.2)


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
