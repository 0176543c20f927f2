"""Start offsets: where a group continues in each partition. A missing or invalid offset is an error, never guessed.

A client's own reset policies (`earliest`, `latest`) move a group without notice, and the events in between would never
be indexed.
"""

import structlog
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.clients import await_kafka
from streams.errors import LookalikeError, UsageError
from streams.log_identity import Identity, topic_ids
from streams.settings import Settings
from workers.indexer.lineage import foreign_offsets, lineage_problem
from workers.indexer.partition_offsets import PartitionOffsets, read_partition_offsets

_log = structlog.get_logger(__name__)


def is_fresh(places: list[PartitionOffsets]) -> bool:
    """Whether the group has no committed offset: it may start at the earliest record, and has missed nothing."""
    return all(place.committed is None for place in places)


def offsets_problem(places: list[PartitionOffsets], group: str) -> str | None:
    """Why the group can't continue, in one line with the remedy; None if it can.

    A gap from compaction or a transaction marker is within the log, and no problem.
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


def check_offsets(settings: Settings, group: str) -> str | None:
    """As `offsets_problem`, asked of the broker."""
    return offsets_problem(read_partition_offsets(await_kafka(settings), settings, group), group)


def set_start_offsets(
    settings: Settings, group: str, store: str = "", *, accept: bool = False, rebuild: bool = False
) -> None:
    """Commit a start offset for every partition before a worker joins the group; `store` identifies its collections.

    A fresh group starts at the earliest record, which is committed at once: from then on a missing offset is an error.
    With `accept`, a partition whose offset is missing, out of range or of another log starts at the earliest record
    too; with `rebuild` every partition does.
    Raises LookalikeError if the group can't continue, UsageError if its offsets are of another log or another store
    (one line with the remedy), ServiceUnavailable if Kafka is unavailable.
    """
    client = await_kafka(settings)
    places = read_partition_offsets(client, settings, group)
    again = places if rebuild else [place for place in places if not place.valid and (accept or is_fresh(places))]
    if accept and not rebuild:
        again += [each.partition for each in foreign_offsets(settings, client, places) if each.partition not in again]
    if again and not _commit_first(client, group, again, store) and rebuild:
        raise UsageError(f"group {group} has members: stop the other index workers, and start with --rebuild again")
    if again:
        places = read_partition_offsets(client, settings, group)
    if why := lineage_problem(places, foreign_offsets(settings, client, places), store, group):
        raise UsageError(why)
    if why := offsets_problem(places, group):
        raise LookalikeError(why)


def _commit_first(client: AdminClient, group: str, places: list[PartitionOffsets], store: str) -> bool:
    """Commit the first offset of each partition if the group has no members; returns whether that was done."""
    ids = topic_ids(client, {place.topic for place in places})
    partitions = [
        TopicPartition(place.topic, place.partition, place.first, Identity(ids[place.topic], (), store).text())
        for place in places
    ]
    request = [ConsumerGroupTopicPartitions(group, partitions)]
    try:
        result = client.alter_consumer_group_offsets(request, request_timeout=10)[group].result()
    except KafkaException as error:  # another worker has begun meanwhile, and is in the group
        _log.info("offsets_not_altered", group=group, error=error.args[0].str())
        return False
    if refused := [each for each in result.topic_partitions if each.error is not None]:
        _log.info("offsets_not_altered", group=group, error=str(refused[0].error))
    for place in places:
        if place.committed is not None:
            _log.warning("begins_at_the_earliest", place=str(place), remedy="run `lookalike audit`")
    return not refused
