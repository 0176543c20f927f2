"""confluent-kafka's own clients with the operator's settings, and `send`, which waits while a queue is full."""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from streams.errors import UsageError, unreachable
from streams.record_headers import RawHeaders
from streams.settings import Settings
from streams.tls import kafka_config
from streams.unreachable import connection_failure, is_no_answer, unresolved_host

Client = TypeVar("Client")
OnDelivery = Callable[[KafkaError | None, Message], None]
"""Called once for each queued record, by the thread that polls: None if Kafka has confirmed it, else why not."""

_log = logging.getLogger(__name__)


def client_config(settings: Settings, **more: Any) -> dict[str, Any]:
    """The configuration of every client: where the brokers are, what the operator added, and `more`."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": "lookalike",
        "logger": _log,
        **kafka_config(settings),
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


ANY_PARTITION = -1
"""The partition is chosen by the key; librdkafka's `RD_KAFKA_PARTITION_UA`."""

_FULL_QUEUE_POLL_SECONDS = 0.1


def send(
    client: Producer,
    topic: str,
    value: bytes | None,
    key: str | bytes | None,
    *,
    headers: RawHeaders = [],  # noqa: B006 - read only
    partition: int = ANY_PARTITION,
    timestamp_ms: int = 0,
    on_delivery: OnDelivery | None = None,
) -> None:
    """Queue a record for `topic`, the name that Kafka knows; blocks while the local queue is full.

    While it blocks it serves confirmations: `on_delivery` of earlier records may run on the caller's thread. With a
    producer without a delivery timeout it blocks for as long as Kafka is unavailable. A timestamp of 0 is the present
    time. Raises KafkaException if the record can't be queued at all, for example because it is too large.
    """
    pairs = cast("list[tuple[str, str | bytes | None]]", headers)
    while True:
        try:
            client.produce(topic, value, key, partition, on_delivery, timestamp=timestamp_ms, headers=pairs)
        except BufferError:
            client.poll(_FULL_QUEUE_POLL_SECONDS)
        else:
            return


def admin(settings: Settings) -> AdminClient:
    """An admin client."""
    return _made(lambda config: AdminClient(config), client_config(settings))


def _made(make: Callable[[dict[str, Any]], Client], config: dict[str, Any]) -> Client:
    try:
        return make(config)
    except KafkaException as error:
        raise UsageError(f"LOOKALIKE_KAFKA_CONFIG: {error.args[0].str()}") from None


def await_kafka(settings: Settings, seconds: float = 10.0) -> AdminClient:
    """An admin client whose brokers answered within `seconds`; raises ServiceUnavailable where none did.

    Asked for twice: what the addresses in the settings say of the brokers, and then a broker itself, under the name by
    which it wants to be reached. That name may lead nowhere from here, and all that is asked later would be unanswered.
    """
    errors: list[KafkaError] = []
    config = client_config(settings) | {"error_cb": errors.append, "log_level": 0}  # the error says it all
    client = _made(lambda config: AdminClient(config), config)
    deadline = time.monotonic() + seconds
    while not _answers(client, deadline):
        if time.monotonic() >= deadline:
            client.poll(0.0)  # what went wrong is told here
            why, remedy = (
                connection_failure(errors),
                "start the local stack with `lookalike up`, or set LOOKALIKE_KAFKA",
            )
            if (host := unresolved_host(errors)) and host not in settings.kafka:
                remedy = "the broker asks to be reached under that name (its advertised.listeners): let it resolve here"
            raise unreachable("Kafka", settings.kafka, remedy, why) from None
    return client


def _answers(client: AdminClient, deadline: float) -> bool:
    """Whether a broker answers; waits for that, for some seconds and not much beyond the deadline."""
    try:
        client.list_topics(timeout=max(0.1, min(2.0, deadline - time.monotonic())))
        wait = max(0.5, min(5.0, deadline - time.monotonic()))
        listed = client.list_consumer_groups(request_timeout=wait).result()
    except KafkaException as error:
        return not is_no_answer(error.args[0])
    # One error for each broker that does not answer; of several brokers one answer is enough.
    return bool(listed.valid) or not listed.errors or not all(map(is_no_answer, listed.errors))
