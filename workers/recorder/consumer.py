"""What comes from Kafka: the group's consumer, which of its errors matter, and whether Kafka is away."""

import contextlib
import time
from collections.abc import Callable
from operator import methodcaller

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from streams.clients import client_config
from streams.errors import Broken
from streams.groups import RECORD
from streams.settings import Settings
from streams.topics import INTERACTIONS

_AGAIN_SECONDS = 1.0

_failure = methodcaller("error")
_log = structlog.get_logger(__name__)


class InteractionConsumer:
    """Commits nothing by itself; an offset that is gone is an error. Used on one thread."""

    def __init__(self, settings: Settings, reached_end: Callable[[int, int], None]) -> None:
        self.topic = settings.named(INTERACTIONS)
        self.unavailable: str | None = None
        """Why Kafka is thought to be away; None while it is not."""
        self._reached_end = reached_end
        self._look_at = 0.0
        config = client_config(
            settings,
            group_id=settings.named(RECORD),
            enable_auto_commit=False,
            auto_offset_reset="error",
            isolation_level="read_committed",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            enable_partition_eof=True,
            fetch_message_max_bytes=8_000_000,
            fetch_wait_max_ms=100,
            queued_max_messages_kbytes=131_072,
        )
        self.consumer = Consumer(config | {"error_cb": self._on_error})

    def poll(self, count: int, seconds: float) -> list[Message]:
        """Up to `count` records, and rebalances as they come. `reached_end(partition, offset)` is told of ends.

        Raises Broken where the consumer can't go on.
        """
        messages = self.consumer.consume(count, timeout=seconds)
        if not any(map(_failure, messages)):
            return messages
        for message in messages:
            failure = message.error()
            if failure is not None:
                self._judge(message, failure)
        return [message for message in messages if message.error() is None]

    def check_kafka(self) -> None:
        """At rest no record says that Kafka is back: it is asked."""
        if self.unavailable is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _AGAIN_SECONDS
        with contextlib.suppress(KafkaException):
            self.consumer.list_topics(self.topic, timeout=0.5)
            _log.info("back")
            self.unavailable = None

    def _judge(self, message: Message, failure: KafkaError) -> None:
        if failure.code() == KafkaError._PARTITION_EOF:
            self._reached_end(message.partition() or 0, message.offset() or 0)
            return
        if failure.code() == KafkaError._AUTO_OFFSET_RESET:
            raise Broken(
                f"{message.topic()} partition {message.partition()}: offset {message.offset()} is not in the log "
                f"({failure.str()}); start again: what is missing is said, with the remedy"
            )
        if failure.fatal():
            raise Broken(f"the consumer can't go on: {failure.str()}")
        if failure.code() in (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            raise Broken(failure.str())
        _log.warning("not_read", error=failure.str())

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.unavailable is None:
            self.unavailable = f"Kafka: {error.str()}"
            _log.warning("waiting", error=self.unavailable)
