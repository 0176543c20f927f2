"""Topics with other settings than their own, for a time."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams.clients import admin
from streams.settings import Settings


@contextmanager
def configured(settings: Settings, topic: str, config: Mapping[str, str]) -> Iterator[None]:
    """A topic with these settings, for the time of the block."""
    before = _described(settings, topic)
    _alter(settings, topic, config)
    try:
        yield
    finally:
        _alter(settings, topic, {name: before[name] for name in config})


def _described(settings: Settings, topic: str) -> dict[str, str]:
    client, resource = admin(settings), ConfigResource(ResourceType.TOPIC, settings.named(topic))
    entries = client.describe_configs([resource])[resource].result(timeout=20)
    return {name: str(entry.value) for name, entry in entries.items()}


def _alter(settings: Settings, topic: str, config: Mapping[str, str]) -> None:
    client = admin(settings)
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in config.items()]
    resource = ConfigResource(ResourceType.TOPIC, settings.named(topic), incremental_configs=entries)
    client.incremental_alter_configs([resource])[resource].result(timeout=20)
