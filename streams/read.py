"""Reading topics from their beginning to the end they had when the reading began."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.source import Source
from streams.clients import await_kafka, reader
from streams.codec import Record
from streams.failures import SlowDown
from streams.settings import Settings

Place = tuple[str, int]
Keep = Callable[[str, bytes | None], bool]
"""Whether a record is wanted, by its topic (with prefix) and key: asked before anything is made of it."""
_LEADERLESS = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
"""What a topic says for a moment after it was made, or while a broker takes over."""


def read_all(
    settings: Settings, *topics: str, keep: Keep = lambda _topic, _key: True, stall_seconds: float = 15.0
) -> Iterator[Record]:
    """Every committed record of `topics` (names without prefix) that `keep` wants, by partition in order.

    Ends at the ends that the topics have now, so that a topic which goes on growing is not followed for ever. Raises
    CommandFailed (exit 3) where Kafka is away, SlowDown where it stops answering on the way.
    """
    client = await_kafka(settings)
    places = partitions(client, settings, topics)
    starts, ends = offsets(client, places, OffsetSpec.earliest()), offsets(client, places, OffsetSpec.latest())
    waiting = {place: end for place, end in ends.items() if end > starts[place]}
    # From offsets, not from "the beginning": librdkafka would ask for that itself, and takes half a second to.
    consumer = reader(settings, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(*place, starts[place]) for place in waiting])
    last = time.monotonic()
    try:
        while waiting:
            messages = consumer.consume(5_000, timeout=0.05)
            if messages:
                last = time.monotonic()
            elif time.monotonic() - last > stall_seconds:
                raise SlowDown(f"Kafka at {settings.kafka} sent nothing for {stall_seconds:.0f} s")
            for message in messages:
                if _wanted(message, waiting, keep):
                    yield record_of(message)
    finally:
        consumer.close()


def read_at(settings: Settings, source: Source) -> Record | None:
    """The record that came from `source`; None where it is gone, by retention, compaction or with its topic."""
    record = record_at(settings, source)
    return record if record is not None and record.source == source else None


def record_at(settings: Settings, source: Source, seconds: float = 10.0) -> Record | None:
    """Whatever record lies at the place of `source`; None where there is none."""
    client, place = await_kafka(settings), (source.topic, source.partition)
    try:
        start = offsets(client, [place], OffsetSpec.earliest())[place]
        end = offsets(client, [place], OffsetSpec.latest())[place]
    except KafkaException:
        return None  # no such topic or partition
    if not start <= source.offset < end:
        return None
    consumer = reader(settings, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(*place, source.offset)])
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            for message in consumer.consume(1, timeout=0.5):
                failure = message.error()
                if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
                record = record_of(message) if failure is None else None
                return record if record is not None and record.source.offset == source.offset else None
    finally:
        consumer.close()
    raise SlowDown(f"Kafka at {settings.kafka} sent nothing for {seconds:.0f} s")


def _wanted(message: Message, waiting: dict[Place, int], keep: Keep) -> bool:
    """Whether a message is before the end of its partition and wanted; what reaches an end is waited for no more."""
    place, failure = (str(message.topic()), cast("int", message.partition())), message.error()
    if failure is not None:
        if failure.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(failure)
        waiting.pop(place, None)
        return False
    end, offset = waiting.get(place, 0), cast("int", message.offset())
    if offset >= end - 1:
        waiting.pop(place, None)
    return offset < end and keep(place[0], _bytes(message.key()))


def partitions(client: AdminClient, settings: Settings, topics: Iterable[str]) -> list[Place]:
    """The partitions of `topics` (names without prefix); none of a topic that is not there."""
    there = client.list_topics(timeout=10).topics
    names = [name for name in map(settings.named, topics) if name in there]
    return [(name, partition) for name in names for partition in there[name].partitions]


def offsets(client: AdminClient, places: list[Place], spec: OffsetSpec) -> dict[Place, int]:
    """Where each partition begins or, for readers of committed records, ends. Raises KafkaException."""
    wanted = {TopicPartition(*place): spec for place in places}
    if not wanted:
        return {}
    deadline = time.monotonic() + 10
    while True:
        futures = client.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=10)
        try:
            return {(each.topic, each.partition): done.result().offset for each, done in futures.items()}
        except KafkaException as error:
            if error.args[0].code() not in _LEADERLESS or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def record_of(message: Message) -> Record:
    """A confluent-kafka message as a plain value."""
    source = Source(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        timestamp=int(message.timestamp()[1]),
    )
    pairs = cast("list[tuple[str, str | bytes | None]]", message.headers() or [])
    return Record(
        source, _bytes(message.key()), _bytes(message.value()), tuple((name, _bytes(value)) for name, value in pairs)
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
