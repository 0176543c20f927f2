"""Publishing interactions: keyed by the request id of their shelf, users as keyed hashes, counted once confirmed."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message

from schemas.interaction import Event, interaction
from streams.clients import producer, send
from streams.errors import BadMessage
from streams.keyed_hash import HashKey
from streams.listing_codec import Record, bad_record
from streams.publish import Delivered
from streams.refusals import delivery_error_text
from streams.settings import Settings
from streams.topics import INTERACTIONS

Told = Callable[[str], None]
"""Gets "" once Kafka has confirmed an event, or why it has not."""


def pseudonym(key: HashKey, user_id: str) -> str:
    """What stands for a user in every record: a keyed hash, 64 hexadecimal digits; never the id itself.

    `key` is `streams.hash_key_pin.catalogue_key(settings, make=True)`: the same on every machine, or one user becomes
    two.
    """
    return key.of(f"user:{user_id}")


def encode_interaction(event: Event) -> bytes:
    """An interaction as the JSON that `decode_interaction` reads."""
    return event.model_dump_json(exclude_none=True).encode()


def decode_interaction(record: Record) -> Event:
    """The interaction in `record`; raises BadMessage (deserialize, schema)."""
    if record.value is None:
        raise BadMessage("schema", "a record without a value says nothing")
    try:
        return interaction(record.value)
    except Exception as error:  # noqa: BLE001 - whatever the parser raises, the record alone is bad
        raise bad_record(error) from None


class InteractionPublisher:
    """Sends interactions to their topic; `close` waits until all are confirmed or have failed.

    Its methods may be called from any thread.
    """

    def __init__(self, settings: Settings, *, delivery_seconds: float = 30.0, **more: Any) -> None:
        self._topic = settings.named(INTERACTIONS)
        self._producer = producer(settings, delivery_timeout_ms=int(delivery_seconds * 1_000), **more)
        self.delivered = Delivered()
        self._lock = threading.Lock()

    def publish(self, event: Event) -> None:
        """Queue `event`; blocks while the queue is full. Its delivery is counted later, in `delivered`."""
        self._queue(partial(send, self._producer), event, lambda _: None)

    def offer(self, event: Event, told: Told = lambda _: None) -> bool:
        """Queue `event` without ever blocking; False where the queue is full, as it is when Kafka has long been away.

        What is not taken is counted nowhere: the caller says what became of it. `told` is called once for what is
        taken, by whichever thread polls.
        """
        try:
            self._queue(self._producer.produce, event, told)
        except BufferError:
            return False
        return True

    def _queue(self, produce: Callable[..., None], event: Event, told: Told) -> None:
        delivered = partial(self._on_delivery, told=told)
        try:
            produce(self._topic, encode_interaction(event), event.request_id, on_delivery=delivered)
        except KafkaException as error:
            delivered(error.args[0])
        self._producer.poll(0)

    def poll(self, seconds: float = 0.0) -> None:
        """Serve confirmations; to be called now and then where nothing is published for a while."""
        self._producer.poll(seconds)

    @property
    def waiting(self) -> int:
        """How many are queued and neither confirmed nor failed."""
        return len(self._producer)

    def close(self, seconds: float = 60.0) -> Delivered:
        """Wait up to `seconds` for confirmations; what is unconfirmed then counts as failed."""
        if left := self._producer.flush(seconds):
            self.delivered.failed += left
            self.delivered.errors.append(f"{left} were not confirmed within {seconds:.0f} s")
        return self.delivered

    def _on_delivery(self, error: KafkaError | None, _message: Message | None = None, *, told: Told) -> None:
        with self._lock:
            if error is None:
                self.delivered.published += 1
            else:
                self.delivered.fail(error)
        told("" if error is None else delivery_error_text(error))
