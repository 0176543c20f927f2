"""The consumer groups of a catalogue: their names, and which topics each reads."""

import re

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streams.settings import Settings
from streams.topics import INTERACTIONS, LISTING_TOPICS

RECORD, EVALUATE = "lookalike-record", "lookalike-evaluate"
_INDEX = "lookalike-index-"
_HASH = re.compile(r"[0-9a-f]{12}")


def index_group(settings: Settings, hash12: str) -> str:
    """The group of a model's index workers."""
    return settings.named(f"{_INDEX}{hash12}")


def hash_of(settings: Settings, group: str) -> str | None:
    """The recipe hash in the name of an index workers' group; None if it is the name of none."""
    prefix = settings.named(_INDEX)
    rest = group.removeprefix(prefix)
    return rest if group.startswith(prefix) and _HASH.fullmatch(rest) else None


def topics_of(settings: Settings, group: str) -> tuple[str, ...]:
    """The topics, without prefix, that a group of ours reads; none if its name is no name of ours."""
    if hash_of(settings, group) is not None:
        return LISTING_TOPICS
    return (INTERACTIONS,) if group in map(settings.named, (RECORD, EVALUATE)) else ()


def list_groups(client: AdminClient) -> list[str]:
    """Every consumer group of the cluster. Raises KafkaException if a broker did not say which it has."""
    listed = client.list_consumer_groups(request_timeout=10).result()
    if listed.errors:
        raise KafkaException(listed.errors[0])
    return sorted(group.group_id for group in listed.valid)


def our_groups(client: AdminClient, settings: Settings) -> list[str]:
    """The groups whose names are as this catalogue makes them. Raises KafkaException as `list_groups` does."""
    return [group for group in list_groups(client) if topics_of(settings, group)]
