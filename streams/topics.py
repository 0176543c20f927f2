"""Every topic, declared once, and what creates or checks them."""

import time
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.clients import await_kafka
from streams.errors import LookalikeError, ServiceUnavailable, UsageError
from streams.settings import Settings
from streams.unreachable import is_no_answer

DAY_MS = 86_400_000
LISTING_PARTITIONS = 12
"""As many index workers as may share the work; growing it later would move keys between owners."""

CREATED, UPDATED, RETRY = "listing-created", "listing-updated", "listing-retry"
INDEXED, DEAD_LETTER, TAKEDOWN = "listing-indexed", "listing-dead-letter", "listing-takedown"
INTERACTIONS, INTERACTION_DEAD_LETTER = "interactions", "interaction-dead-letter"
REPORTS, RETRAIN = "evaluation-reports", "retrain-requested"
LISTING_TOPICS = (CREATED, UPDATED, RETRY)
"""What index workers read: equal partition counts and keys, so that one worker owns a listing."""


@dataclass(frozen=True)
class Topic:
    """A topic as it should be; `policy` is its cleanup policy, `config` what else is promised of it."""

    name: str
    partitions: int
    policy: str
    config: dict[str, str] = field(default_factory=dict)


def _kept(days: int, **config: str) -> dict[str, str]:
    return {"retention.ms": str(days * DAY_MS), **{name.replace("_", "."): value for name, value in config.items()}}


def _compacted() -> dict[str, str]:
    # A removal by null value must outlive the longest rebuild, or listing-created would bring the listing back. What
    # an event said before is gone a day later at the latest, also where little is published: erasure promises that.
    return {"delete.retention.ms": str(30 * DAY_MS), "max.compaction.lag.ms": str(DAY_MS)}


# Kafka drops whole segments: with one a day, a record is gone a day after its time at the latest.
TOPICS = (
    Topic(CREATED, LISTING_PARTITIONS, "compact", _compacted()),
    Topic(UPDATED, LISTING_PARTITIONS, "compact", _compacted()),
    # As much as a dead letter may hold, or it could not be put back.
    Topic(RETRY, LISTING_PARTITIONS, "delete", _kept(7, max_message_bytes="8000000", segment_ms=str(DAY_MS))),
    Topic(INDEXED, LISTING_PARTITIONS, "delete", _kept(7, segment_ms=str(DAY_MS))),
    # The raw bytes of the largest source record, and headers beside them.
    Topic(DEAD_LETTER, LISTING_PARTITIONS, "delete", _kept(30, max_message_bytes="8000000", segment_ms=str(DAY_MS))),
    # Read whole by everything that answers: small, and in one order.
    Topic(TAKEDOWN, 1, "compact", {"max.compaction.lag.ms": str(DAY_MS)}),
    Topic(INTERACTIONS, LISTING_PARTITIONS, "delete", _kept(90, segment_ms=str(DAY_MS))),
    Topic(INTERACTION_DEAD_LETTER, 1, "delete", _kept(30, max_message_bytes="8000000", segment_ms=str(DAY_MS))),
    # The last report of each model; one of many categories is larger than Kafka's usual megabyte.
    Topic(REPORTS, 1, "compact", {"max.message.bytes": "8000000"}),
    # One record a decision, keyed by its id: whoever trains reads it from the start and does each once.
    Topic(RETRAIN, 1, "delete", _kept(365)),
)
NEEDED_BY_WORKERS = (*LISTING_TOPICS, TAKEDOWN)
"""Without these, as they should be, no index worker starts."""


@dataclass(frozen=True)
class TopicReport:
    """What a topic is; `problem` says how it differs from what it should be, empty where it does not."""

    name: str
    partitions: int
    policy: str
    problem: str = ""
    serious: bool = True
    """Whether the problem may break the index; else a promise about how long something is kept is not held."""

    @property
    def ok(self) -> bool:
        """Whether the topic is as declared."""
        return not self.problem


def create(settings: Settings, seconds: float = 10.0) -> list[TopicReport]:
    """Create what is missing, then report on all; safe to repeat. Raises ServiceUnavailable where Kafka is away."""
    client = await_kafka(settings, seconds)
    there = client.list_topics(timeout=10).topics
    missing = [
        NewTopic(settings.named(topic.name), topic.partitions, config={"cleanup.policy": topic.policy, **topic.config})
        for topic in TOPICS
        if settings.named(topic.name) not in there
    ]
    for name, done in (client.create_topics(missing, request_timeout=20) if missing else {}).items():
        try:
            done.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was quicker
                message = f"topic {name} can't be created: {error.args[0].str()}"
                raise (ServiceUnavailable if is_no_answer(error.args[0]) else LookalikeError)(message) from None
    _await_seen(client, [each.topic for each in missing], seconds)
    return check(settings, client)


def _await_seen(client: AdminClient, names: list[str], seconds: float) -> None:
    """A broker that has created a topic may not list it for a moment; what is not listed then is told as missing."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not set(names) <= set(client.list_topics(timeout=10).topics):
        time.sleep(0.1)


def check(settings: Settings, client: AdminClient | None = None) -> list[TopicReport]:
    """How each topic differs from its declaration."""
    client = client or await_kafka(settings)
    there = client.list_topics(timeout=10).topics
    names = [settings.named(topic.name) for topic in TOPICS if settings.named(topic.name) in there]
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    described = client.describe_configs(resources, request_timeout=10) if resources else {}
    configs = {
        resource.name: {name: entry.value for name, entry in done.result().items()}
        for resource, done in described.items()
    }
    found = {name: (len(there[name].partitions), configs[name]) for name in names}
    listing_counts = {found[name][0] for name in map(settings.named, LISTING_TOPICS) if name in found}
    return [_compare(topic, found.get(settings.named(topic.name)), listing_counts, settings) for topic in TOPICS]


def await_topics(settings: Settings, *names: str, seconds: float = 10.0) -> None:
    """Wait a while for topics to be created, by whoever starts everything at once; UsageError where they lack.

    Raises ServiceUnavailable where Kafka is away.
    """
    client, deadline = await_kafka(settings), time.monotonic() + seconds
    while True:
        there = client.list_topics(timeout=10).topics
        missing = [name for name in map(settings.named, names) if name not in there]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise UsageError(f"topic {missing[0]} is missing; `lookalike topics create` creates it")
        time.sleep(0.2)


def _compare(
    topic: Topic, found: tuple[int, dict[str, str]] | None, listing_counts: set[int], settings: Settings
) -> TopicReport:
    name = settings.named(topic.name)
    if found is None:
        return TopicReport(name, 0, "", "missing; `lookalike topics create` creates it")
    partitions, config = found
    policy = config["cleanup.policy"]
    if policy != topic.policy:
        return TopicReport(name, partitions, policy, f"cleanup.policy is {policy}, should be {topic.policy}")
    if topic.name in LISTING_TOPICS and len(listing_counts) > 1:
        problem = f"listing topics have different partition counts {sorted(listing_counts)}; one listing, two owners"
        return TopicReport(name, partitions, policy, problem)
    if topic.name == TAKEDOWN and partitions != topic.partitions:
        return TopicReport(name, partitions, policy, "it must have one partition: only the first is read")
    differs = [
        f"{each} is {config.get(each)}, should be {value}"
        for each, value in topic.config.items()
        if config.get(each) != value
    ]
    return TopicReport(name, partitions, policy, "; ".join(differs), serious=False)
