"""The one definition of lag: records that a group has not finished, as the broker tells it.

`lag` is the end of the log minus the committed offset, and 0 where no record is left between them: a transaction
marker at the end of a log is an offset that no reader ever gets, so `end - committed` alone would stay at 1 for ever.
Of it `waiting` is lag on purpose, and `due` is what a worker should do (docs/decisions/2026-11-26-lag-on-purpose.md).
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka, reader
from streams.groups import hash_of, our_groups, topics_of
from streams.log_identity import Identity, difference, metadata_of, read_identity, topic_ids
from streams.settings import Settings
from streams.stale_groups import GroupActivity, stale_groups
from streams.topic_reader import PartitionId, offsets, partitions
from streams.topics import INTERACTIONS, LISTING_TOPICS, RETRY
from streams.waiting_events import oldest_unread, waiting_events

# For some seconds after a broker has started, or while a group moves to another one.
_COORDINATOR_COMES = {
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
}


_FIRST_MS = 946_684_800_000
"""2000-01-01, long before Kafka: an earlier time is a publisher's zero, and no age."""


def age(timestamp: int, now: float) -> float | None:
    """Seconds from a record's time (ms since 1970) to `now` (s), at least 0; None if no clock gives such a time.

    >>> age(1_700_000_000_000, 1_700_000_007.5), age(0, 1_700_000_000.0), age(-1, 1_700_000_000.0)
    (7.5, None, None)
    """
    return None if timestamp < _FIRST_MS else max(0.0, round(now - timestamp / 1_000, 3))


@dataclass(frozen=True)
class PartitionLag:
    """The lag of one group on one partition.

    `oldest_unread_seconds` is the age of the first unfinished record; None if there is none, or if it has no time that
    a clock gives.
    """

    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int
    oldest_unread_seconds: float | None
    waiting: int = 0
    """Of `lag`, events that were put back on purpose and are not due yet: their image host is away."""
    due: int = 0
    """Of `lag`, what a worker should do now. The rest is finished, behind something that waits."""
    stale: bool = False
    """Whether the group was left behind by a change of the model: its lag is nobody's work."""


@dataclass(frozen=True)
class TotalLag:
    """The lag of all groups that are in use."""

    total: int
    waiting: int
    due: int


def total_lag(found: Iterable[PartitionLag]) -> TotalLag:
    """The sums, without the stale groups."""
    counted = [each for each in found if not each.stale]
    return TotalLag(*(sum(getattr(each, name) for each in counted) for name in ("lag", "waiting", "due")))


def shares(behind: int, ahead: int, waiting: int) -> tuple[int, int]:
    """Of `behind` records, of which `ahead` are finished: how many wait on purpose, and how many are due.

    >>> shares(1_000, 600, 300), shares(10, 8, 5), shares(10, 12, 0)
    ((300, 100), (2, 0), (0, 0))
    """
    unfinished = max(0, behind - ahead)
    held = min(waiting, unfinished)
    return held, unfinished - held


@dataclass(frozen=True)
class Commit:
    """An offset that a group has committed, and whose log it said that it belongs to."""

    offset: int
    identity: Identity


def lag(
    settings: Settings, groups: list[str] | None = None, only: Collection[PartitionId] | None = None
) -> list[PartitionLag]:
    """The lag of `groups`, or of every group of ours; of all their partitions, or of these alone.

    Raises ServiceUnavailable where Kafka is away or a topic of theirs is gone, KafkaException where Kafka stops
    answering on the way: no answer is not 0.
    """
    client = await_kafka(settings)
    found: list[PartitionLag] = []
    at: dict[str, int] = {}
    for group in our_groups(client, settings) if groups is None else groups:
        places, last = _group_lag(client, settings, group, only)
        found += places
        if hash_of(settings, group) is not None:
            at[group] = last
    if len(at) < 2:
        return found
    signs = {group: GroupActivity(members(client, [group]), last) for group, last in at.items()}
    stale = stale_groups(signs, time.time())
    return [replace(each, stale=each.group in stale) for each in found]


def _group_lag(
    client: AdminClient, settings: Settings, group: str, only: Collection[PartitionId] | None
) -> tuple[list[PartitionLag], int]:
    """Also when the group last committed, as far as it says it."""
    own = partitions(client, settings, topics_of(settings, group))
    others = partitions(client, settings, (*LISTING_TOPICS, INTERACTIONS), gone="left out")
    said = commits(settings, group, {*own, *others})
    committed = {place: each.offset for place, each in said.items()}
    topics = {topic for topic, _ in (*own, *committed)}
    places = sorted(place for place in {*own, *others} if place[0] in topics and (only is None or place in only))
    starts, ends = offsets(client, places, OffsetSpec.earliest()), offsets(client, places, OffsetSpec.latest())
    ids = topic_ids(client, {topic for topic, _ in places})
    # Of a topic that was made anew nothing is done, whatever the number says.
    anew = {place for place in places if place in said and difference(said[place].identity, ids[place[0]], {})}
    read_from = {
        place: starts[place] if place in anew else max(committed.get(place) or 0, starts[place]) for place in places
    }
    behind = {place: offset for place, offset in read_from.items() if ends[place] > offset}
    oldest = oldest_unread(settings, behind)
    now, retry = time.time(), settings.named(RETRY)
    put_back = {place: (read_from[place], ends[place]) for place in oldest if place[0] == retry}
    waiting = waiting_events(settings, put_back, round(now * 1_000))
    found: list[PartitionLag] = []
    for place in places:
        left = ends[place] - read_from[place] if place in oldest else 0
        ahead = said[place].identity.ahead if committed.get(place) == read_from[place] and place not in anew else 0
        found.append(
            PartitionLag(
                group,
                *place,
                committed.get(place),
                ends[place],
                left,
                age(oldest[place], now) if place in oldest else None,
                *shares(left, ahead, waiting.get(place, 0)),
            )
        )
    return found, max((each.identity.at for each in said.values()), default=0)


def committed_offsets(
    settings: Settings, group: str, places: Iterable[PartitionId], seconds: float = 15.0
) -> dict[PartitionId, int]:
    """What a group has committed of these partitions; no entry where nothing is. As `commits`."""
    return {place: each.offset for place, each in commits(settings, group, places, seconds).items()}


def commits(
    settings: Settings, group: str, places: Iterable[PartitionId], seconds: float = 15.0
) -> dict[PartitionId, Commit]:
    """What a group has committed of these partitions, and what it said beside; no entry where nothing is.

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
    return {
        (each.topic, each.partition): Commit(each.offset, read_identity(metadata_of(each)))
        for each in found
        if each.offset >= 0
    }


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
    described = client.describe_consumer_groups(groups, request_timeout=10) if groups else {}
    return sum(len(done.result().members) for done in described.values())
