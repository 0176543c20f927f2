"""Publishing listing events: keyed, idempotent, and counted only when Kafka has confirmed them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message

from schemas.listing import ListingEvent
from streams.clients import producer
from streams.codec import encode_listing
from streams.failures import unreachable
from streams.settings import Settings
from streams.topics import CREATED, UPDATED


@dataclass
class Delivered:
    """What became of the records given to a publisher; `errors` keeps the first few reasons."""

    published: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)


class Publisher:
    """Sends listing events to the topic that their `event` names; `close` waits until all are confirmed."""

    def __init__(self, settings: Settings, *, delivery_seconds: float = 30.0) -> None:
        self._settings = settings
        self._producer = producer(settings, delivery_timeout_ms=int(delivery_seconds * 1_000))
        self.delivered = Delivered()

    def publish(self, event: ListingEvent) -> None:
        """Queue `event`; blocks while the queue is full. Its delivery is counted later, in `delivered`."""
        self._send(event.event, event.listing_id, encode_listing(event), [])

    def remove(self, listing_id: str, version: int) -> None:
        """Remove a listing by null value, in both topics: left in one alone, a rebuild would bring it back."""
        for topic in (CREATED, UPDATED):
            self._send(topic, listing_id, None, [("version", str(version).encode())])

    def close(self, progress: Callable[[int], None] = lambda _left: None) -> Delivered:
        """Wait until every record is confirmed or has failed.

        Raises CommandFailed (exit 3) where Kafka confirmed none at all.
        """
        while left := self._producer.flush(0.5):
            progress(left)
        if self.delivered.failed and not self.delivered.published:
            raise unreachable(
                "Kafka",
                self._settings.kafka,
                f"nothing was delivered ({self.delivered.errors[0]}); is the stack up, and are the topics created?",
            )
        return self.delivered

    def _send(self, topic: str, key: str, value: bytes | None, headers: list[tuple[str, str | bytes | None]]) -> None:
        while True:
            try:
                self._producer.produce(
                    self._settings.named(topic), value, key, headers=headers, on_delivery=self._on_delivery
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered.published += 1
            return
        self.delivered.failed += 1
        if len(self.delivered.errors) < 10:
            self.delivered.errors.append(error.str())
