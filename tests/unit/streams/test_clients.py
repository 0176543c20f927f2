"""`send` waits while the local queue is full, serves confirmations meanwhile, and lets Kafka's errors through.

librdkafka's mock cluster, inside the producer, stands for the brokers.
"""

import contextlib
import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from streams.clients import ANY_PARTITION, producer, reader, send
from streams.settings import Settings

ONE_BROKER = Settings(kafka="127.0.0.1:1", kafka_config={"test.mock.num.brokers": "1"})
NO_BROKER = Settings(kafka="127.0.0.1:1")


class Deliveries:
    """What Kafka said of each record, in the order of the reports, and on which threads."""

    def __init__(self) -> None:
        self.placed: list[Message] = []
        self.errors: list[int] = []
        self.threads: set[int] = set()

    def report(self, error: KafkaError | None, message: Message) -> None:
        self.threads.add(threading.get_ident())
        if error is None:
            self.placed.append(message)
        else:
            self.errors.append(error.code())


def small_queue(settings: Settings, **more: Any) -> Producer:
    return producer(settings, queue_buffering_max_messages=2, **more)


def test_more_records_than_the_queue_holds_are_all_delivered() -> None:
    """Thirty records through a queue of two: `produce` alone would raise BufferError at the third."""
    client, seen = small_queue(ONE_BROKER), Deliveries()
    for number in range(30):
        send(client, "t", b"%d" % number, "one key", on_delivery=seen.report)
    assert client.flush(30) == 0
    assert [each.value() for each in seen.placed] == [b"%d" % number for number in range(30)]
    assert seen.threads == {threading.get_ident()}


def test_it_waits_as_long_as_kafka_is_unavailable() -> None:
    """Until earlier records have failed for good, which makes room; each of them is reported once."""
    client, seen = small_queue(NO_BROKER, message_timeout_ms=300), Deliveries()
    for number in range(3):
        send(client, "t", b"%d" % number, None, on_delivery=seen.report)
    assert KafkaError._MSG_TIMED_OUT in seen.errors  # before the third was queued
    client.flush(10)
    assert seen.errors == [KafkaError._MSG_TIMED_OUT] * 3


def test_partition_timestamp_and_headers_are_those_given() -> None:
    """And without them the key decides, and the time is the present one; read back from the mock broker."""
    client = small_queue(ONE_BROKER)
    headers: list[tuple[str, bytes | None]] = [("source-topic", b"x"), ("empty", None)]
    send(client, "t", None, b"k", headers=headers, partition=3, timestamp_ms=1_234)
    send(client, "t", b"v", b"k", partition=ANY_PARTITION)
    assert client.flush(30) == 0
    (broker,) = client.list_topics(timeout=10).brokers.values()
    with contextlib.closing(reader(Settings(kafka=f"{broker.host}:{broker.port}"))) as consumer:
        consumer.assign([TopicPartition("t", partition, 0) for partition in (0, 3)])
        found = [each for each in consumer.consume(4, timeout=10) if each.error() is None]
    second, first = sorted(found, key=lambda each: each.partition() or 0)
    assert (first.partition(), first.timestamp()[1], first.value(), first.key()) == (3, 1_234, None, b"k")
    assert first.headers() == headers
    assert (second.value(), second.headers()) == (b"v", None)
    assert second.timestamp()[1] > 1_700_000_000_000


def test_a_record_that_is_too_large_raises() -> None:
    """The caller decides what becomes of it; nothing is queued and nothing is reported."""
    client, seen = small_queue(ONE_BROKER), Deliveries()
    with pytest.raises(KafkaException) as raised:
        send(client, "t", bytes(9_000_000), None, on_delivery=seen.report)
    assert raised.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert client.flush(10) == 0
    assert not seen.errors
    assert not seen.placed
