"""Gathering what an audit judges: the offsets that are committed, what is stored, the log, the dead letters.

In this order, so that a catalogue which goes on changing is judged fairly. What lies below the committed offsets was
finished before anything else was read, so its row is there to be read. What a row shows was published before it was
read, so its event is there to be read. A letter was confirmed before its offset was committed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from confluent_kafka.admin import OffsetSpec

from schemas.source import Source
from streams.clients import await_kafka
from streams.dead_letters import read_dead_letters
from streams.errors import BadMessage
from streams.history import listing_history, listing_of
from streams.lag import committed_offsets, members
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import first_source
from streams.settings import Settings
from streams.topic_reader import PartitionId, offsets, partitions
from streams.topics import LISTING_TOPICS
from workers.milvus.collection import Collections
from workers.milvus.row import Known
from workers.milvus.scans import all_rows, all_tombstones
from workers.milvus.store import Store
from workers.operations.audit.notebook import Notebook
from workers.operations.audit.oracle import Event, Stored, event_of, stored_of

Progress = Callable[[str, int], None]
"""Told what is being read, and how much of it has been."""

_AT_ONCE = 1_000
Item = TypeVar("Item")


@dataclass(frozen=True)
class Subject:
    """What is audited: one model's collections, the group of its index workers, all listings or some."""

    settings: Settings
    store: Store
    group: str
    only: Collection[str] | None = None

    @property
    def collections(self) -> Collections:
        """Where its rows and tombstones are."""
        return self.store.collections


@dataclass(frozen=True)
class Borders:
    """How far everything had come when the audit began, and how many workers there were."""

    committed: dict[PartitionId, int]
    ends: dict[PartitionId, int]
    workers: int

    def pending(self, place: Source) -> bool:
        """Whether the record at this place was not finished."""
        return place.offset >= self.committed.get((place.topic, place.partition), 0)

    def within(self, place: Source) -> bool:
        """Whether a record can have been at this place."""
        return 0 <= place.offset < self.ends.get((place.topic, place.partition), 0)


def gather(subject: Subject, notes: Notebook, progress: Progress) -> Borders:
    """Read everything into `notes`. Raises ServiceUnavailable and SlowDown where Kafka or Milvus is away."""
    settings = subject.settings
    client = await_kafka(settings)
    places = partitions(client, settings, LISTING_TOPICS)
    committed, workers = committed_offsets(settings, subject.group, places), members(client, [subject.group])
    for count, stored in _counted(_stored(subject)):
        notes.add_stored(stored)
        progress("rows and tombstones", count)
    ends = offsets(client, places, OffsetSpec.latest())
    borders = Borders(committed, ends, workers)
    for count, chunk in _counted(listing_history(settings, subject.only)):
        notes.add_events(event_in(record, borders) for record in chunk)
        progress("records of the log", count)
    model = subject.collections.model_id
    for count, found in _counted(read_dead_letters(settings)):
        # A letter of another model's workers says nothing of this one.
        notes.add_letters(each.dead_letter.source for each in found if each.dead_letter.model in ("", model))
        progress("dead letters", count)
    return borders


def event_in(record: Record, borders: Borders) -> tuple[str, Event]:
    """What counts of a record, and the listing that it is counted under."""
    source = first_source(record)
    try:
        event = event_of(decode_listing(record), source)
    except BadMessage:
        event = event_of(None, source)
    return listing_of(record.key), replace(event, pending=borders.pending(record.source))


def _stored(subject: Subject) -> Iterator[tuple[str, Stored]]:
    if subject.only is not None:
        yield from ((each, stored_of(known)) for each, known in subject.store.known(subject.only).items())
        return
    client = subject.store.client
    for rows in all_rows(client, subject.collections):
        yield from ((row["listing_id"], stored_of(Known(row))) for row in rows)
    for tombstones in all_tombstones(client, subject.collections):
        yield from ((grave["listing_id"], stored_of(Known(None, grave))) for grave in tombstones)


def _counted(items: Iterable[Item]) -> Iterator[tuple[int, list[Item]]]:
    """Some items at a time, and how many there have been."""
    count, rest = 0, iter(items)
    while chunk := list(islice(rest, _AT_ONCE)):
        count += len(chunk)
        yield count, chunk
