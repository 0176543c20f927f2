"""Reading topics from their beginning to the end they had when the reading began."""

import time
from collections.abc import Iterator
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from schemas.source import Source
from streams.clients import await_kafka, reader
from streams.codec import Record
from streams.failures import SlowDown
from streams.settings import Settings


def read_all(settings: Settings, *topics: str, stall_seconds: float = 15.0) -> Iterator[Record]:
    """Every committed record of `topics` (names without prefix), by partition in order; ends at the ends.

    Raises CommandFailed (exit 3) where Kafka is away, SlowDown where it stops answering on the way.
    """
    there = await_kafka(settings).list_topics(timeout=10).topics
    places = [
        (name, partition)
        for name in map(settings.named, topics)
        if name in there
        for partition in there[name].partitions
    ]
    consumer = reader(settings)
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
    waiting, last = set(places), time.monotonic()
    try:
        while waiting:
            messages = consumer.consume(5_000, timeout=0.05)
            if messages:
                last = time.monotonic()
            elif time.monotonic() - last > stall_seconds:
                raise SlowDown(f"Kafka at {settings.kafka} sent nothing for {stall_seconds:.0f} s")
            for message in messages:
                failure = message.error()
                if failure is None:
                    yield record_of(message)
                elif failure.code() == KafkaError._PARTITION_EOF:
                    waiting.discard((str(message.topic()), int(message.partition() or 0)))
                else:
                    raise KafkaException(failure)
    finally:
        consumer.close()


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
