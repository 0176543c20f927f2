"""Lineage: checks that a group's committed offsets belong to the present log and the present collections.

Checked at the start of a worker and at every assignment, by the metadata of the commits, and periodically while it
runs: a topic can be recreated, a log can lose its end, a collection can be dropped.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka
from streams.errors import UsageError
from streams.lag import Commit
from streams.log_identity import Identity, Mark, difference, leader_epochs, marks_at, topic_ids
from streams.settings import Settings
from streams.topic_reader import offsets
from workers.indexer.partition_offsets import PartitionOffsets, partition_offsets

REBUILD = "stop the index workers and start one with --rebuild, which reads the log again from its start"
_Number = tuple[str, int]
_Found = Mapping[_Number, Mapping[int, Mark]]


@dataclass(frozen=True)
class ForeignOffset:
    """A partition whose committed offset belongs to another log."""

    partition: PartitionOffsets
    why: str


def lineage_problem(
    places: Sequence[PartitionOffsets], foreign: Sequence[ForeignOffset], store: str, group: str
) -> str | None:
    """Why the group can't continue, in one line with the remedy; None if log and store are its own."""
    if foreign:
        first, more = foreign[0], f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
        return (
            f"{first.partition}{more}, in group {group}: {first.why}; what the log holds below that offset may never "
            "have been read; stop the index workers and start one with --accept-offsets, which begins there at the "
            "earliest record, then run `lookalike audit`"
        )
    other = [place for place in places if is_of_another_store(place, store)]
    if other:
        return (
            f"the collections are not those that group {group} has written to (their ids are {store}, and were "
            f"{other[0].identity.store}): they were dropped and made anew, or restored from a backup, while "
            f"{other[0].topic} partition {other[0].partition} is read up to {other[0].committed}; {REBUILD}"
        )
    return None


def is_of_another_store(place: PartitionOffsets, store: str) -> bool:
    """Whether the group has indexed some of this partition into other collections than `store`."""
    known = place.identity.store
    return place.has_progress and bool(known and store and known != store)


def foreign_offsets(settings: Settings, client: AdminClient, places: Sequence[PartitionOffsets]) -> list[ForeignOffset]:
    """The partitions, in order, whose offsets belong to another log: events may be missed. Raises KafkaException,
    SlowDown."""
    ids, found = _read_current(settings, client, places)
    return _foreign([place for place in sorted(places) if place.has_progress], ids, found)


class Lineage:
    """The lineage of one worker's partitions and collections. One call at a time, from any thread."""

    def __init__(self, settings: Settings, group: str, store: str, read_store: Callable[[], str]) -> None:
        self._settings, self._group, self._store, self._read_store = settings, group, store, read_store
        self._epochs: dict[_Number, int | None] = {}
        self._before: Mapping[_Number, Commit] = {}

    def adopt(self, wanted: Iterable[_Number]) -> dict[_Number, Commit]:
        """The group's commits of these partitions, each with the identity of the present log.

        Raises UsageError if a log or the store is another; ServiceUnavailable, SlowDown and KafkaException if a
        service is unavailable: then nothing is known.
        """
        client = await_kafka(self._settings)
        places = partition_offsets(client, self._settings, self._group, sorted(wanted))
        epochs = leader_epochs(client, [each.topic_partition for each in places])
        ids, found = _read_current(self._settings, client, places)
        others = _foreign([place for place in places if place.has_progress], ids, found)
        if why := lineage_problem(places, others, self._store, self._group):
            raise UsageError(why)
        adopted = {
            place.topic_partition: Commit(place.committed, self._adopted(place, ids, found))
            for place in places
            if place.committed is not None
        }
        self._epochs, self._before = epochs, adopted
        return adopted

    def watch(self, now: Mapping[_Number, Commit]) -> None:
        """Check again while the worker runs, at the commits `now`; compares the last records if the leader changed.

        Raises as `adopt`.
        """
        if (store := self._read_store()) != self._store:
            raise UsageError(
                f"the collections are not those that group {self._group} writes to (their ids are {store}, and were "
                f"{self._store}): they were dropped and made anew, or restored from a backup; {REBUILD}",
            )
        client, wanted = await_kafka(self._settings), sorted(now)
        epochs = leader_epochs(client, wanted)
        firsts, ends = offsets(client, wanted, OffsetSpec.earliest()), offsets(client, wanted, OffsetSpec.latest())
        places = [
            PartitionOffsets(
                *each, now[each].offset, firsts[each], ends[each], self._since_before(each, now[each].identity)
            )
            for each in wanted
        ]
        moved = [
            place for place in places if epochs.get(place.topic_partition) != self._epochs.get(place.topic_partition)
        ]
        ids = topic_ids(client, {place.topic for place in places})
        found = _read_current(self._settings, client, moved)[1] if moved else {}
        if why := lineage_problem(places, _foreign(places, ids, found), self._store, self._group):
            raise UsageError(why)
        self._epochs, self._before = epochs, now

    def _adopted(self, place: PartitionOffsets, ids: Mapping[str, str], found: _Found) -> Identity:
        """The identity for the next commits; a commit without marks (an old one, or made by hand) is accepted."""
        marks = (
            (place.identity.marks or tuple(found.get(place.topic_partition, {}).values())) if place.has_progress else ()
        )
        return Identity(ids[place.topic], marks, self._store)

    def _since_before(self, number: _Number, known: Identity) -> Identity:
        """`known` with the marks of the previous check too: the end of the log may have been lost between the two."""
        before = self._before.get(number)
        marks = {*known.marks, *(before.identity.marks if before else ())}
        return Identity(known.topic_id, tuple(sorted(marks)), known.store)


def _read_current(
    settings: Settings, client: AdminClient, places: Sequence[PartitionOffsets]
) -> tuple[dict[str, str], _Found]:
    """The ids of the topics, and the marks of the records now at the offsets of the known marks."""
    wanted: dict[_Number, list[int]] = {}
    for place in places:
        if place.committed is not None:
            before = [mark.offset for mark in place.identity.marks] or [place.committed - 1]
            wanted[place.topic_partition] = [offset for offset in before if place.first <= offset < place.end]
    return topic_ids(client, {place.topic for place in places}), marks_at(settings, wanted)


def _foreign(places: Iterable[PartitionOffsets], ids: Mapping[str, str], found: _Found) -> list[ForeignOffset]:
    said = (
        (place, difference(place.identity, ids[place.topic], found.get(place.topic_partition, {}))) for place in places
    )
    return [ForeignOffset(place, why) for place, why in said if why is not None]
