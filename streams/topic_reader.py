"""Reading topics from their beginning to the end they had when the reading began."""

import time
from collections.abc import Callable, Iterable, Iterator
from operator import methodcaller
from typing import Literal, cast

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from schemas.source import Source, record_time
from streams.clients import await_kafka, reader
from streams.errors import ServiceUnavailable, SlowDown
from streams.listing_codec import Record
from streams.record_headers import name_of
from streams.redaction import shown_address
from streams.settings import Settings
from streams.topics import TOPICS

PartitionId = tuple[str, int]
Keep = Callable[[str, bytes | None], bool]
"""Whether a record is wanted, by its topic (with prefix) and key: asked before anything is made of it."""
_read_headers = methodcaller("headers")
"""Not `message.headers()`: CPython specialises that call, and then looks for no exception beside a result."""
_LEADER_CHANGES = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
)
"""What a partition answers for a moment after its topic was made, its leader changed or its broker restarted."""
_NO_SUCH_PLACE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)


def read_all(
    settings: Settings, *topics: str, keep: Keep = lambda _topic, _key: True, stall_seconds: float = 15.0
) -> Iterator[Record]:
    """Every committed record of `topics` (names without prefix) that `keep` wants, by partition in order.

    Ends at the ends that the topics have now, so that a topic which goes on growing is not followed for ever. Raises
    ServiceUnavailable where Kafka is away, SlowDown where it stops answering on the way.
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
                raise SlowDown(f"Kafka at {shown_address(settings.kafka)} sent nothing for {stall_seconds:.0f} s")
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
    except KafkaException as error:
        if error.args[0].code() not in _NO_SUCH_PLACE:
            raise
        return None
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
    raise SlowDown(f"Kafka at {shown_address(settings.kafka)} sent nothing for {seconds:.0f} s")


def _wanted(message: Message, waiting: dict[PartitionId, int], keep: Keep) -> bool:
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


def partitions(
    client: AdminClient, settings: Settings, topics: Iterable[str], *, gone: Literal["refused", "left out"] = "refused"
) -> list[PartitionId]:
    """The partitions of `topics` (names without prefix); none where the catalogue has no topics yet.

    Raises ServiceUnavailable for a topic that is gone, the others being there, unless it is to be left out: what it
    had can't be told.
    """
    there = client.list_topics(timeout=10).topics
    names = list(map(settings.named, topics))
    missing = [name for name in names if name not in there]
    if missing and gone == "refused" and any(settings.named(topic.name) in there for topic in TOPICS):
        raise ServiceUnavailable(
            f"topic {missing[0]} is gone, and what was in it can't be told; `lookalike topics create` makes a new one",
        )
    return [(name, partition) for name in names if name in there for partition in there[name].partitions]


def offsets(client: AdminClient, places: Iterable[PartitionId], spec: OffsetSpec) -> dict[PartitionId, int]:
    """Where each partition begins or, for readers of committed records, ends. Raises KafkaException."""
    return {place: found.offset for place, found in list_offsets(client, places, spec).items()}


def list_offsets(
    client: AdminClient, places: Iterable[PartitionId], spec: OffsetSpec, seconds: float = 10.0
) -> dict[PartitionId, ListOffsetsResultInfo]:
    """Offset and leader epoch of each partition.

    Waits while a leader changes, which librdkafka's admin client does not. Raises KafkaException if the broker does not
    answer within `seconds`, or refuses.
    """
    wanted = {TopicPartition(*place): spec for place in places}
    deadline = time.monotonic() + seconds
    while wanted:
        futures = client.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=seconds)
        try:
            return {(each.topic, each.partition): done.result() for each, done in futures.items()}
        except KafkaException as error:
            if error.args[0].code() not in _LEADER_CHANGES or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    return {}


def record_of(message: Message) -> Record:
    """A confluent-kafka message as a plain value."""
    source = Source(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        timestamp=record_time(message.timestamp()[1]),
    )
    return Record(source, _bytes(message.key()), _bytes(message.value()), _headers(message))


def _headers(message: Message) -> tuple[tuple[str, bytes | None], ...]:
    """The headers of a message; to be called once only.

    Where a name is not UTF-8, confluent-kafka returns a list with null pointers in it *and* sets an exception; the
    next call returns that list without one. Nothing of it may be touched, so the first such name is all that is known.
    """
    try:
        pairs = _read_headers(message) or ()
    except (SystemError, UnicodeDecodeError) as error:  # the one is caused by the other
        cause = error if isinstance(error, UnicodeDecodeError) else error.__cause__
        return ((name_of(cause.object if isinstance(cause, UnicodeDecodeError) else b"\xff"), None),)
    return tuple((name, _bytes(value)) for name, value in pairs)


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
