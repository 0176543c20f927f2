"""What lies behind a committed offset, as its records tell it: since when, and what waits on purpose."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streams.clients import reader
from streams.retry_headers import event_of, retry_state
from streams.settings import Settings
from streams.topic_reader import PartitionId, record_of

_FETCH_BYTES = 1_048_576
"""Of a partition at a time; with `_QUEUED_KB` it bounds what a look at a long log takes of a worker's memory."""
_QUEUED_KB = 16_384


def oldest_unread(
    settings: Settings, behind: Mapping[PartitionId, int], seconds: float = 10.0
) -> dict[PartitionId, int]:
    """The timestamp (ms) of the first record at or after each given offset; no entry where none is left to read."""
    oldest = dict[PartitionId, int]()

    def first(place: PartitionId, message: Message) -> bool:
        oldest[place] = message.timestamp()[1]
        return False

    silent = _read(settings, behind, first, seconds, {})
    # A partition that did not answer in time is counted as behind: silence is no proof of being done.
    return oldest | {place: int(time.time() * 1_000) for place in silent}


def waiting_events(
    settings: Settings, behind: Mapping[PartitionId, tuple[int, int]], now_ms: int, seconds: float = 10.0
) -> dict[PartitionId, int]:
    """How many events of `listing-retry`, between an offset and the end, wait for their time; of copies one counts.

    What is not read within `seconds` counts as none of them: that it waits is not known.
    """
    found: dict[PartitionId, set[int]] = {place: set() for place in behind}

    def look(place: PartitionId, message: Message) -> bool:
        record = record_of(message)
        if retry_state(record).not_before > now_ms:
            found[place].add(hash(event_of(record)))
        return record.source.offset < behind[place][1] - 1

    more = {"fetch_message_max_bytes": _FETCH_BYTES, "queued_max_messages_kbytes": _QUEUED_KB}
    _read(settings, {place: start for place, (start, _) in behind.items()}, look, seconds, more)
    return {place: len(events) for place, events in found.items()}


def _read(
    settings: Settings,
    starts: Mapping[PartitionId, int],
    take: Callable[[PartitionId, Message], bool],
    seconds: float,
    more: Mapping[str, Any],
) -> set[PartitionId]:
    """Hand on each record until `take` has enough of its partition, or its end is reached; returns the others.

    Raises KafkaException.
    """
    left = set(starts)
    if not left:
        return left
    deadline = time.monotonic() + seconds
    with closing(reader(settings, auto_offset_reset="earliest", **more)) as consumer:
        consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
        while left and time.monotonic() < deadline:
            for message in consumer.consume(500, timeout=0.05):
                place, failure = (str(message.topic()), int(message.partition() or 0)), message.error()
                if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
                if place in left and (failure is not None or not take(place, message)):
                    left.remove(place)
    return left
