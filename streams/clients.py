"""confluent-kafka's own clients with the operator's settings, and nothing around them."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from streams.failures import CommandFailed, unreachable
from streams.settings import Settings

Client = TypeVar("Client")
_log = logging.getLogger(__name__)


def client_config(settings: Settings, **more: Any) -> dict[str, Any]:
    """The configuration of every client: where the brokers are, what the operator added, and `more`."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": "lookalike",
        "logger": _log,
        **settings.kafka_config,
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def producer(settings: Settings, **more: Any) -> Producer:
    """An idempotent producer that places keys as Java's clients do, so one listing stays on one partition."""
    defaults: dict[str, Any] = {
        "enable_idempotence": True,
        "partitioner": "murmur2_random",
        "compression_type": "lz4",
        "linger_ms": 5,
        "queue_buffering_max_messages": 200_000,
        "message_max_bytes": 8_000_000,  # a dead letter carries a source record of up to 5 MB and its headers
    }
    return _made(lambda config: Producer(config), client_config(settings, **defaults | more))


def reader(settings: Settings, group: str = "lookalike-reader", **more: Any) -> Consumer:
    """A consumer for looking at a log: it reads committed records only, reports the end, and commits nothing."""
    defaults: dict[str, Any] = {
        "group_id": settings.named(group),
        "enable_auto_commit": False,
        "enable_partition_eof": True,
        "auto_offset_reset": "error",
        "isolation_level": "read_committed",
        "fetch_message_max_bytes": 8_000_000,
        "fetch_wait_max_ms": 20,  # at the end of a log there is nothing to wait for
    }
    return _made(lambda config: Consumer(config), client_config(settings, **defaults | more))


def admin(settings: Settings) -> AdminClient:
    """An admin client."""
    return _made(lambda config: AdminClient(config), client_config(settings))


def _made(make: Callable[[dict[str, Any]], Client], config: dict[str, Any]) -> Client:
    try:
        return make(config)
    except KafkaException as error:
        raise CommandFailed(f"LOOKALIKE_KAFKA_CONFIG: {error.args[0].str()}", 2) from None


def await_kafka(settings: Settings, seconds: float = 10.0) -> AdminClient:
    """An admin client whose brokers answered within `seconds`; raises CommandFailed (exit 3) where none did."""
    client = admin(settings)
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.list_topics(timeout=max(0.1, min(2.0, deadline - time.monotonic())))
        except KafkaException:
            if time.monotonic() >= deadline:
                remedy = "start the local stack with `lookalike up`, or set LOOKALIKE_KAFKA"
                raise unreachable("Kafka", settings.kafka, remedy) from None
        else:
            return client
