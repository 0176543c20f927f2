"""Dead letters of interactions: raw as they came, with the same headers as a listing's, confirmed before the commit."""

import os
import socket
import threading
from collections.abc import Iterable
from typing import cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from schemas.dead_letter import DeadLetter, Reason
from streams.clients import producer
from streams.codec import Record
from streams.dead_letters import written
from streams.failures import BadMessage, Broken, SlowDown
from streams.settings import Settings
from streams.topics import INTERACTION_LETTER
from workers.record import metrics

_log = structlog.get_logger(__name__)

Bad = tuple[Record, BadMessage]


class Letters:
    """Sends letters; for one thread."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.named(INTERACTION_LETTER)
        self._producer = producer(settings, message_timeout_ms=10_000)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._refused = ""

    def send(self, bad: Iterable[Bad], abandoned: threading.Event) -> None:
        """Send letters and wait until Kafka has confirmed all; at least once each.

        Raises SlowDown where one was refused or not confirmed: then all of them are to be sent again.
        """
        self._refused = ""
        for record, why in bad:
            letter = DeadLetter(
                source=record.source, reason=cast("Reason", why.reason), error=why.error, worker=self._worker
            )
            _log.warning("dead_letter", reason=why.reason, error=why.error, source=letter.source.model_dump())
            value, headers = written(record, letter)
            self._produce(value, record.key, cast("list[tuple[str, str | bytes | None]]", headers))
        while len(self._producer) and not abandoned.is_set():
            self._producer.poll(0.1)
        if self._refused or len(self._producer):
            raise SlowDown(f"Kafka: dead letters were not confirmed: {self._refused or 'no answer'}")

    def count(self, bad: Iterable[Bad]) -> None:
        """Count letters whose records are done."""
        for _, why in bad:
            metrics.DEAD_LETTERS.labels(why.reason).inc()

    def close(self) -> None:
        """Let go of what is unconfirmed; its records are not committed."""
        self._producer.purge()
        self._producer.flush(1.0)

    def _produce(self, value: bytes | None, key: bytes | None, headers: list[tuple[str, str | bytes | None]]) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, headers=headers, on_delivery=self._confirmed)
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                raise SlowDown(f"Kafka: {error.args[0].str()}") from error
            else:
                self._producer.poll(0)
                return

    def _confirmed(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            return
        if error.fatal():
            raise Broken(f"the producer can't go on: {error.str()}")
        self._refused = error.str()
