"""What the log still has of a listing, and when each of these records will have expired."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from confluent_kafka.admin import ConfigResource, ResourceType
from pydantic import ValidationError

from schemas.outcome import Outcome
from streams.clients import await_kafka
from streams.dead_letters import parse_dead_letter
from streams.errors import BadMessage
from streams.listing_codec import Record, decode_listing
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import CREATED, DEAD_LETTER, INDEXED, RETRY, UPDATED

LOGGED = (CREATED, UPDATED, RETRY, INDEXED, DEAD_LETTER)
_COMPACTED = (CREATED, UPDATED)


@dataclass
class Traces:
    """A listing's records, by topic (without prefix), and the highest version that any of them says; -1 without one."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    version: int = -1

    def partitions(self, topic: str) -> set[int]:
        """Where its records of a topic lie: on two partitions, where publishers place keys differently."""
        return {each.source.partition for each in self.records.get(topic, ())}


def traces_of(settings: Settings, listing_id: str) -> Traces:
    """Everything that the topics have under a listing's id."""
    found, key = Traces(), listing_id.encode()
    names = {settings.named(topic): topic for topic in LOGGED}
    for record in read_all(settings, *LOGGED, keep=lambda _, each: each == key):
        topic = names[record.source.topic]
        found.records.setdefault(topic, []).append(record)
        found.version = max(found.version, _version(topic, record))
    return found


def _version(topic: str, record: Record) -> int:
    try:
        if topic == INDEXED:
            return Outcome.model_validate_json(record.value or b"").version
        letter = parse_dead_letter(record) if topic == DEAD_LETTER else None
        return decode_listing(record if letter is None else letter.event).version
    except (BadMessage, ValidationError):
        return -1


def expiries(settings: Settings, traces: Traces) -> list[dict[str, object]]:
    """Per topic: how many records there are, and when the last of them will have expired, as the broker is set up.

    Kafka drops, or compacts, whole segments some minutes after that; the nulls themselves go last.
    """
    client = await_kafka(settings)
    resources = {topic: ConfigResource(ResourceType.TOPIC, settings.named(topic)) for topic in LOGGED}
    described = client.describe_configs(list(resources.values()))
    told: list[dict[str, object]] = []
    for topic, resource in resources.items():
        config = {
            name: int(entry.value)
            for name, entry in described[resource].result().items()
            if name in _TIMES and entry.value is not None
        }
        records = traces.records.get(topic, [])
        content = [each for each in records if topic not in _COMPACTED or each.value is not None]
        nulls = [each for each in records if topic in _COMPACTED and each.value is None]
        told.append(
            {
                "topic": settings.named(topic),
                "records": len(content),
                "gone_by": _by(content, _kept_ms(topic, config)),
                "nulls": len(nulls),
                "nulls_gone_by": _by(nulls, _kept_ms(topic, config) + config["delete.retention.ms"]),
            }
        )
    return told


_TIMES = ("max.compaction.lag.ms", "delete.retention.ms", "retention.ms", "segment.ms")


def _kept_ms(topic: str, config: dict[str, int]) -> int:
    """The longest that a record is kept: until its segment is closed and old enough."""
    if topic in _COMPACTED:
        return config["max.compaction.lag.ms"]
    return config["retention.ms"] + config["segment.ms"]


def _by(records: list[Record], milliseconds: int) -> str | None:
    if not records:
        return None
    last = max(each.source.timestamp for each in records) + milliseconds
    try:
        return datetime.fromtimestamp(last / 1_000, UTC).isoformat(timespec="minutes")
    except (OverflowError, ValueError):
        return "never"  # the topic is set to keep everything
