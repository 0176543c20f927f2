"""Whose log an offset belongs to: said beside each offset that is committed, so that another log is not read on from.

An offset is a bare number. A topic that was deleted and made anew, or a log that lost its tail and grew again (an
election of a replica that was behind), has other records below it, which nobody would ever read. So the metadata of
a commit says the topic's id and the last records before the offset, by their time and a hash.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import cast

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import reader
from streams.errors import SlowDown
from streams.listing_codec import Record
from streams.redaction import shown_address
from streams.settings import Settings
from streams.topic_reader import PartitionId, list_offsets, record_of

MARKS = 8
"""Records that a commit says: compaction may take some of them. In all some 400 bytes; Kafka takes 4,096."""
_NO_ID = ("", "None", "A" * 22)
"""As an old broker says it."""
_FETCH_BYTES = 65_536
"""For a few records; a batch comes whole, however large it is."""


@dataclass(frozen=True, order=True, slots=True)
class Mark:
    """A record of a log: where it stands, its time in ms since 1970, and a hash of its key and value."""

    offset: int
    timestamp: int
    digest: str


@dataclass(frozen=True)
class Identity:
    """What a commit says besides its offset; what it does not say is empty, and taken as it is."""

    topic_id: str = ""
    marks: tuple[Mark, ...] = ()
    """The last records before the offset, in order."""
    store: str = ""
    """Which collections the group had written to; empty for a group that writes to none."""
    ahead: int = 0
    """Records from the offset on that need nothing more: see `Watermark.ahead_of`."""
    at: int = 0
    """When it was committed, in ms since 1970 by the clock of who did; Kafka tells nobody."""

    def text(self) -> str:
        """As the metadata of a commit.

        >>> Identity("AbC", (Mark(7, 1_700_000_000_000, "0f"),)).text()
        '{"topic":"AbC","before":[[7,1700000000000,"0f"]]}'
        """
        said = {
            "topic": self.topic_id,
            "store": self.store,
            "before": [[each.offset, each.timestamp, each.digest] for each in self.marks],
            "ahead": self.ahead,
            "at": self.at,
        }
        return json.dumps({name: value for name, value in said.items() if value}, separators=(",", ":"))


def mark_of(record: Record) -> Mark:
    """The mark of a record; some 2 µs."""
    digest = blake2b(digest_size=8)
    for part in (record.key, record.value):
        digest.update(b"-" if part is None else b"%d:" % len(part) + part)
    return Mark(record.source.offset, record.source.timestamp, digest.hexdigest())


def read_identity(metadata: str | None) -> Identity:
    """What the metadata of a commit says; an empty one where it is none of ours, as after a reset by hand.

    What comes after it is not looked at: see `metadata_of`.

    >>> read_identity('{"topic":"AbC","ahead":3}').ahead, read_identity("by hand") == Identity()
    (3, True)
    """
    try:
        said, _ = json.JSONDecoder().raw_decode(metadata or "")
        marks = tuple(Mark(int(offset), int(time), str(digest)) for offset, time, digest in said.get("before", ()))
        numbers = (max(0, int(said.get(name) or 0)) for name in ("ahead", "at"))
        return Identity(str(said.get("topic") or ""), marks, str(said.get("store") or ""), *numbers)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return Identity()


def metadata_of(committed: TopicPartition) -> str:
    """What a commit says besides its offset, and perhaps a few bytes more.

    librdkafka copies the text without an end, and confluent-kafka reads on to the next zero byte: so whoever commits
    lets the text end with one, as confluent-kafka itself does.
    """
    try:
        return committed.metadata or ""
    except UnicodeDecodeError as error:
        return error.object.decode(errors="replace")


def difference(known: Identity, topic_id: str, found: Mapping[int, Mark]) -> str | None:
    """How the log that is there differs from the one that is known; None if nothing says that it does.

    `found` are the records that stand now where the known ones stood. One that is not there proves nothing: compaction
    takes records from anywhere.
    """
    if known.topic_id and topic_id and known.topic_id != topic_id:
        return f"the topic was made anew: its id is {topic_id}, and was {known.topic_id}"
    for mark in reversed(known.marks):
        there = found.get(mark.offset)
        if there is not None and there != mark:
            return f"the log lost its end and grew again: at offset {mark.offset} is another record than was read there"
    return None


def topic_ids(client: AdminClient, topics: Iterable[str], seconds: float = 10.0) -> dict[str, str]:
    """The id of each topic, of a broker that has ids. Raises KafkaException where a topic is not there."""
    names = sorted(set(topics))
    described = client.describe_topics(TopicCollection(names), request_timeout=seconds) if names else {}
    ids = {name: str(done.result().topic_id) for name, done in described.items()}
    return {name: "" if topic_id in _NO_ID else topic_id for name, topic_id in ids.items()}


def leader_epochs(client: AdminClient, places: Iterable[PartitionId]) -> dict[PartitionId, int | None]:
    """How often each partition had another leader, or the same one again: while it is equal, no tail was lost."""
    found = list_offsets(client, places, OffsetSpec.latest())
    return {place: each.leader_epoch for place, each in found.items()}


def marks_at(settings: Settings, wanted: Mapping[PartitionId, Iterable[int]]) -> dict[PartitionId, dict[int, Mark]]:
    """The marks of `records_at`."""
    found = records_at(settings, wanted)
    return {place: {offset: mark_of(record) for offset, record in each.items()} for place, each in found.items()}


def records_at(
    settings: Settings, wanted: Mapping[PartitionId, Iterable[int]], seconds: float = 10.0
) -> dict[PartitionId, dict[int, Record]]:
    """The records that stand at these offsets, which must be inside of the log; no entry where none is.

    Raises SlowDown where Kafka does not say within `seconds`, KafkaException.
    """
    offsets = {place: set(each) for place, each in wanted.items()}
    last = {place: max(each) for place, each in offsets.items() if each}
    found: dict[PartitionId, dict[int, Record]] = {place: {} for place in offsets}
    if not last:
        return found
    consumer = reader(settings, auto_offset_reset="earliest", fetch_message_max_bytes=_FETCH_BYTES)
    consumer.assign([TopicPartition(*place, min(offsets[place])) for place in last])
    deadline = time.monotonic() + seconds
    try:
        while last:
            if time.monotonic() > deadline:
                raise SlowDown(f"Kafka at {shown_address(settings.kafka)} sent nothing for {seconds:.0f} s")
            for message in consumer.consume(500, timeout=0.05):
                place = (str(message.topic()), cast("int", message.partition()))
                failure, offset = message.error(), cast("int", message.offset())
                if failure is not None and failure.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(failure)
                if failure is not None or offset >= last.get(place, 0):
                    last.pop(place, None)
                if failure is None and offset in offsets[place]:
                    found[place][offset] = record_of(message)
        return found
    finally:
        consumer.close()
