"""Publishing listing events: keyed, idempotent, and counted only when Kafka has confirmed them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.listing import ListingEvent
from streams.clients import ANY_PARTITION, producer, send
from streams.errors import LookalikeError, ServiceUnavailable, unreachable
from streams.listing_codec import Record, encode_listing
from streams.record_headers import RawHeaders
from streams.refusals import delivery_error_text, is_refused
from streams.retry_headers import ERASURE_MARK, RetryState, first_source, requeue_headers
from streams.settings import Settings
from streams.topics import CREATED, RETRY, UPDATED

_BUFFER_KB = 131_072
"""What waits to be sent, at most: a flood of large records must not fill the memory."""

_REASONS = 10


@dataclass
class Delivered:
    """What became of the records given to a publisher; `errors` keeps the first few reasons."""

    published: int = 0
    failed: int = 0
    errors: list[str] = field(default_factory=list)
    refused: bool = False
    """Whether Kafka answered, and did not take one of them: then it is not away."""

    def failure(self, message: str) -> LookalikeError:
        """The error of a request some of whose records failed: ServiceUnavailable if Kafka has not answered."""
        return LookalikeError(message) if self.refused else ServiceUnavailable(message)

    def fail(self, error: KafkaError) -> None:
        """Count a record that was not confirmed."""
        self.failed += 1
        self.refused |= is_refused(error)
        if len(self.errors) < _REASONS:
            self.errors.append(delivery_error_text(error))


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
        headers: RawHeaders = [("version", str(version).encode()), (ERASURE_MARK, b"1")]
        for partition in partitions or (ANY_PARTITION,):
            self._send(topic, listing_id, None, headers, partition)

    def requeue(self, record: Record, said: RetryState, too_large: Callable[[], None] | None = None) -> None:
        """Put an event back through `listing-retry`, raw as it came, where the owner of its partition reads it.

        `too_large` is called if it is larger than the topic takes; that is then no failed delivery.
        """
        partition = first_source(record).partition
        self._send(RETRY, record.key, record.value, requeue_headers(record, said), partition, too_large)

    def close(self, progress: Callable[[int], None] = lambda _left: None) -> Delivered:
        """Wait until every record is confirmed or has failed.

        If Kafka confirmed none at all, raises LookalikeError if it refused them, ServiceUnavailable if it is away.
        """
        while left := self._producer.flush(0.5):
            progress(left)
        if self.delivered.failed and not self.delivered.published:
            if self.delivered.refused:
                raise LookalikeError(f"nothing was delivered: Kafka refused it: {self.delivered.errors[0]}")
            raise unreachable(
                "Kafka",
                self._settings.kafka,
                f"nothing was delivered ({self.delivered.errors[0]}); is the stack up, and are the topics created?",
            )
        return self.delivered

    def _send(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        headers: RawHeaders,
        partition: int = ANY_PARTITION,
        too_large: Callable[[], None] | None = None,
    ) -> None:
        delivered = self._on_delivery if too_large is None else partial(self._on_delivery, too_large=too_large)
        name = self._settings.named(topic)
        try:
            send(self._producer, name, value, key, headers=headers, partition=partition, on_delivery=delivered)
        except KafkaException as error:
            delivered(error.args[0])
        self._producer.poll(0)

    def _on_delivery(
        self, error: KafkaError | None, _message: Message | None = None, *, too_large: Callable[[], None] | None = None
    ) -> None:
        if error is None:
            self.delivered.published += 1
            return
        if too_large is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            too_large()
            return
        self.delivered.fail(error)
