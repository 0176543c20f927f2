"""Publishing listing events: keyed, idempotent, and counted only when Kafka has confirmed them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.listing import ListingEvent
from streams.clients import producer
from streams.codec import Record, encode_listing
from streams.failures import unreachable
from streams.retry import ERASES, Headers, PutBack, first_source, put_back
from streams.settings import Settings
from streams.topics import CREATED, RETRY, UPDATED

_BUFFER_KB = 131_072
"""What waits to be sent, at most: a flood of large records must not fill the memory."""


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
        self._producer = producer(
            settings, delivery_timeout_ms=int(delivery_seconds * 1_000), queue_buffering_max_kbytes=_BUFFER_KB
        )
        self.delivered = Delivered()

    def publish(self, event: ListingEvent) -> None:
        """Queue `event`; blocks while the queue is full. Its delivery is counted later, in `delivered`."""
        self._send(event.event, event.listing_id, encode_listing(event), [])

    def remove(self, listing_id: str, version: int) -> None:
        """Remove a listing by null value, in both topics: left in one alone, a rebuild would bring it back."""
        for topic in (CREATED, UPDATED):
            self._send(topic, listing_id, None, [("version", str(version).encode())])

    def erase(self, topic: str, listing_id: str, version: int, partitions: Collection[int]) -> None:
        """A null with the mark of an erasure, on each of `partitions`, or on the key's own where there are none."""
        headers: Headers = [("version", str(version).encode()), (ERASES, b"1")]
        for partition in partitions or (-1,):
            self._send(topic, listing_id, None, headers, partition)

    def put_back(self, record: Record, said: PutBack) -> None:
        """Put an event back through `listing-retry`, raw as it came, where the owner of its partition reads it."""
        partition = first_source(record).partition
        self._send(RETRY, record.key, record.value, put_back(record, said), partition=partition)

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

    def _send(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: Headers, partition: int = -1
    ) -> None:
        pairs = cast("list[tuple[str, str | bytes | None]]", headers)
        while True:
            try:
                self._producer.produce(
                    self._settings.named(topic), value, key, partition, self._on_delivery, headers=pairs
                )
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                self._on_delivery(error.args[0])
                return
            else:
                self._producer.poll(0)
                return

    def _on_delivery(self, error: KafkaError | None, _message: Message | None = None) -> None:
        if error is None:
            self.delivered.published += 1
            return
        self.delivered.failed += 1
        if len(self.delivered.errors) < 10:
            self.delivered.errors.append(error.str())
