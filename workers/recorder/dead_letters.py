"""Dead letters of interactions: raw as they came, with the same headers as a listing's, confirmed before the commit."""

import os
import socket
import threading
from collections.abc import Iterable
from typing import cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from schemas.dead_letter import DeadLetter, Reason
from streams.clients import producer, send
from streams.dead_letters import encode_dead_letter
from streams.errors import BadMessage, Broken, SlowDown
from streams.listing_codec import Record
from streams.record_headers import RawHeaders
from streams.refusals import delivery_failure
from streams.settings import Settings
from streams.topics import INTERACTION_DEAD_LETTER
from workers.recorder import metrics

_log = structlog.get_logger(__name__)

RejectedRecord = tuple[Record, BadMessage]


class DeadLetterProducer:
    """Sends letters; for one thread."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.named(INTERACTION_DEAD_LETTER)
        self._producer = producer(settings, message_timeout_ms=10_000)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._failure: Broken | SlowDown | None = None

    def send(self, bad: Iterable[RejectedRecord], abandoned: threading.Event) -> None:
        """Send letters and wait until Kafka has confirmed all; at least once each.

        Raises SlowDown where one was refused or not confirmed: then all of them are to be sent again. Raises Broken
        where Kafka will never take one.
        """
        self._failure = None
        for record, why in bad:
            letter = DeadLetter(
                source=record.source, reason=cast("Reason", why.reason), error=why.error, worker=self._worker
            )
            _log.warning("dead_letter", reason=why.reason, error=why.error, source=letter.source.model_dump())
            value, headers = encode_dead_letter(record, letter)
            self._produce(value, record.key, headers)
        while len(self._producer) and not abandoned.is_set():
            self._producer.poll(0.1)
        if self._failure is not None:
            raise self._failure
        if len(self._producer):
            raise SlowDown(f"Kafka has not confirmed dead letters in {self._topic}: no answer")

    def count(self, bad: Iterable[RejectedRecord]) -> None:
        """Count letters whose records are done."""
        for _, why in bad:
            metrics.DEAD_LETTERS.labels(why.reason).inc()

    def close(self) -> None:
        """Let go of what is unconfirmed; its records are not committed."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _produce(self, value: bytes | None, key: bytes | None, headers: RawHeaders) -> None:
        try:
            send(self._producer, self._topic, value, key, headers=headers, on_delivery=self._confirmed)
        except KafkaException as error:
            raise delivery_failure(self._topic, error.args[0]) from error
        self._producer.poll(0)

    def _confirmed(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None and not isinstance(self._failure, Broken):
            self._failure = delivery_failure(self._topic, error)
