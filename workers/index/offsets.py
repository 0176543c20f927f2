"""Where a group goes on in each partition: never guessed. What is missing or out of range is said, and ends the worker.

A client's own policies (`earliest`, `latest`) move a group whose offset is gone without a word, and what lay between
was never indexed.
"""

from dataclasses import dataclass

import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.clients import await_kafka
from streams.failures import CommandFailed
from streams.lag import committed_offsets
from streams.read import offsets
from streams.settings import Settings
from streams.topics import LISTING_TOPICS

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, order=True)
class Place:
    """A partition as the broker has it: the group's committed offset, the log's first, and the next to be written."""

    topic: str
    partition: int
    committed: int | None
    first: int
    end: int

    @property
    def valid(self) -> bool:
        """Whether the group can go on here without having missed anything."""
        return self.committed is not None and self.first <= self.committed <= self.end

    def __str__(self) -> str:
        what = "nothing is committed" if self.committed is None else f"committed {self.committed}"
        return f"{self.topic} partition {self.partition}: {what}, the log has {self.first} to {self.end}"


def is_fresh(places: list[Place]) -> bool:
    """Whether the group never began: it may begin at the earliest, and has missed nothing."""
    return all(place.committed is None for place in places)


def problem(places: list[Place], group: str) -> str | None:
    """Why the group can't go on, in one line with the remedy; None where it can.

    A compaction's gap or a transaction's marker is inside the log, and no problem.
    """
    wrong = sorted(place for place in places if not place.valid)
    if not wrong:
        return None
    first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    began = any(place.committed is not None for place in places if place.topic == first.topic)
    if first.committed is None and began:
        why = "the partition count grew, and listings moved between partitions"
        remedy = "stop the publishers, let the lag fall to 0, stop the workers, grow, start one with --accept-offsets"
    elif first.committed is None:
        why = "the topic was made anew, and what was in the old one may have been missed"
        remedy = "start one worker with --accept-offsets to begin at its earliest record"
    else:
        why = "records were deleted, or the topic was made anew, and events may have been missed"
        remedy = "start one worker with --accept-offsets to begin at the earliest record that is left"
    return f"{first}{more}, in group {group}: {why}; {remedy}, then run `lookalike audit`"


def read_places(client: AdminClient, settings: Settings, group: str) -> list[Place]:
    """Every partition of the listing topics, as the broker has it now."""
    there = client.list_topics(timeout=10).topics
    found = [(topic, number) for topic in map(settings.named, LISTING_TOPICS) for number in there[topic].partitions]
    committed = committed_offsets(settings, group, found)
    firsts, ends = offsets(client, found, OffsetSpec.earliest()), offsets(client, found, OffsetSpec.latest())
    return [Place(*each, committed.get(each), firsts[each], ends[each]) for each in found]


def check_offsets(settings: Settings, group: str) -> str | None:
    """As `problem`, asked of the broker."""
    return problem(read_places(await_kafka(settings), settings, group), group)


def begin(settings: Settings, group: str, *, accept: bool = False) -> None:
    """Give the group its place in every partition before a worker joins it.

    A fresh group begins at the earliest, which is committed at once: from then on an offset that is missing means
    something. With `accept`, what is missing or out of range begins at the earliest too.
    Raises CommandFailed (1) where the group can't go on, (3) where Kafka is away.
    """
    client = await_kafka(settings)
    places = read_places(client, settings, group)
    wrong = [place for place in places if not place.valid]
    if wrong and (accept or is_fresh(places)):
        _commit_first(client, group, wrong)
        places = read_places(client, settings, group)
    if why := problem(places, group):
        raise CommandFailed(why)


def _commit_first(client: AdminClient, group: str, places: list[Place]) -> None:
    partitions = [TopicPartition(place.topic, place.partition, place.first) for place in places]
    request = [ConsumerGroupTopicPartitions(group, partitions)]
    try:
        result = client.alter_consumer_group_offsets(request, request_timeout=10)[group].result()
    except KafkaException as error:  # another worker has begun meanwhile, and is in the group
        _log.info("offsets_not_altered", group=group, error=error.args[0].str())
        return
    if refused := [each for each in result.topic_partitions if each.error is not None]:
        _log.info("offsets_not_altered", group=group, error=str(refused[0].error))
    for place in places:
        if place.committed is not None:
            _log.warning("begins_at_the_earliest", place=str(place), remedy="run `lookalike audit`")
