"""Whether what was recorded is of the log that is there: by the topic's id, kept beside the files, and the last rows.

Files are named by offsets, which belong to one log. Those of another one get another topic in their names, so that no
offset of the new log is taken for recorded.
"""

import time
from collections.abc import Collection, Mapping
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
from confluent_kafka import KafkaException

from streams.clients import admin
from streams.errors import BadMessage, Broken
from streams.interactions import decode_interaction
from streams.listing_codec import Record
from streams.log_identity import MARKS, records_at, topic_ids
from streams.settings import Settings
from workers.interactions.damaged_files import find_damage
from workers.interactions.layout import LOGS, data_files, file_name
from workers.interactions.locks import DAYS, REWRITE, hold_lock
from workers.process import atomic_write

_WATCH_SECONDS = 10.0
_TELLING = ("offset", "recorded_at", "event", "request_id", "event_id")
REMEDY = (
    "what the log holds below the offset that is recorded may never have been; start one recorder with "
    "--accept-offsets, which keeps those files under another name and records all that the log has"
)

RowIdentity = tuple[int, str, str, str | None]
"""What tells a recorded row: its record's time in milliseconds, what it is, the ids of its shelf and of itself."""


def row_identity(record: Record) -> RowIdentity | None:
    """As it is recorded; None if it can't be read: then what was recorded at its place is another."""
    try:
        event = decode_interaction(record)
    except BadMessage:
        return None
    return (record.source.timestamp, getattr(event, "event", ""), event.request_id, getattr(event, "event_id", None))


class RecordedLog:
    """The log of one topic as a folder knows it; used on one thread."""

    def __init__(self, settings: Settings, folder: Path, topic: str) -> None:
        self._settings, self._folder, self._topic = settings, folder, topic
        self._path = folder / LOGS / topic
        self._admin = admin(settings)
        self._due = 0.0

    def differences(self, inside: Mapping[int, tuple[int, int]]) -> dict[int, str]:
        """By partition, how its log differs from the one that is recorded; `inside` has where each log begins and ends.

        Raises KafkaException, SlowDown where Kafka does not say.
        """
        ours, theirs = self._known(), topic_ids(self._admin, [self._topic])[self._topic]
        if ours and theirs and ours != theirs:
            return dict.fromkeys(inside, f"the topic was made anew: its id is {theirs}, and was {ours}")
        rows = {
            partition: {offset: row for offset, row in found.items() if first <= offset < end}
            for partition, (first, end) in inside.items()
            if (found := self._last_rows(partition))
        }
        there = records_at(self._settings, {(self._topic, partition): each for partition, each in rows.items()})
        return {
            partition: f"the log lost its end and grew again: at offset {offset} is another record than was recorded"
            for partition, each in rows.items()
            for offset, row in each.items()
            if (record := there[self._topic, partition].get(offset)) and row_identity(record) != row
        }

    def write_topic_id(self) -> None:
        """Write down which log is recorded from now on. Raises KafkaException."""
        theirs = topic_ids(self._admin, [self._topic])[self._topic]
        if theirs and theirs != self._known():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            atomic_write.write_text(self._path, theirs, durable=True)

    def check_topic(self) -> None:
        """Look again, every 10 s, whether the topic is still the one. Raises Broken where it is another."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _WATCH_SECONDS
        ours = self._known()
        try:
            theirs = topic_ids(self._admin, [self._topic], seconds=2.0)[self._topic]
        except KafkaException:
            return  # it is away, or the topic is just being made
        if ours and theirs and ours != theirs:
            raise Broken(f"{self._topic}: the topic was made anew: its id is {theirs}, and was {ours}; {REMEDY}")

    def set_aside(self, partitions: Collection[int]) -> None:
        """Files of these partitions are of another log: their names say so from now on; readers read them as before."""
        name = f"{self._topic}~{blake2b(f'{self._known()} {time.time_ns()}'.encode(), digest_size=4).hexdigest()}"
        with hold_lock(self._folder, REWRITE), hold_lock(self._folder, DAYS):
            for each in data_files(self._folder):
                if each.topic == self._topic and each.partition in partitions:
                    each.path.rename(each.path.with_name(file_name(name, each.partition, each.first, each.last)))

    def _known(self) -> str:
        return self._path.read_text() if self._path.exists() else ""

    def _last_rows(self, partition: int) -> dict[int, RowIdentity]:
        """The last rows of a partition, by offset; none where its last files can't be read."""
        theirs = [
            each for each in data_files(self._folder) if each.topic == self._topic and each.partition == partition
        ]
        last = max((each.last for each in theirs), default=0)
        found = dict[int, RowIdentity]()
        for each in theirs:  # a range has a file in each of its days
            if each.last == last and find_damage(each.path) is None:
                rows = pq.read_table(each.path, columns=list(_TELLING), partitioning=None)[-MARKS:]
                for offset, at, *ids in zip(*(rows.column(name).to_pylist() for name in _TELLING), strict=True):
                    found[offset] = (round(at.timestamp() * 1_000), *ids)
        return dict(sorted(found.items())[-MARKS:])
