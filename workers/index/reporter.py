"""Outcomes and dead letters: an event is finished when Kafka has confirmed the record that tells its end."""

import os
import queue
import socket
import time
from collections.abc import Callable
from typing import cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from schemas.dead_letter import DeadLetter, Reason
from schemas.outcome import Done, Outcome
from streams.clients import producer
from streams.dead_letters import MAX_BYTES
from streams.failures import BadMessage, Broken
from streams.settings import Settings
from streams.topics import DEAD_LETTER, INDEXED
from workers.index import metrics
from workers.index.change import Change, Received, first_source

_log = structlog.get_logger(__name__)
_RETRY_SECONDS = 1.0

Send = Callable[[], None]


class Reporter:
    """Tells each event's end, at least once; safe to use from several threads."""

    def __init__(self, settings: Settings, model_id: str) -> None:
        # Without a time limit: while Kafka is away nothing is finished, and nothing is lost.
        self._producer = producer(settings, message_timeout_ms=0)
        self._settings, self._model_id = settings, model_id
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._again: queue.SimpleQueue[Send] = queue.SimpleQueue()
        self._retry_at = 0.0

    def outcome(self, change: Change, done: Done, *, encoded: bool = False) -> None:
        """Tell what was done with a change; its offset is finished when that is confirmed."""
        visible_ms = time.time() * 1_000 - change.source.timestamp
        outcome = Outcome(
            listing_id=change.listing_id, version=change.event.version, outcome=done, model=self._model_id,
            encoded=encoded, source=change.source, event_to_visible_ms=round(max(0.0, visible_ms), 1),
            stages_ms=change.times.frozen(),
        )  # fmt: skip
        metrics.observe(outcome)
        self._send(INDEXED, change.listing_id, outcome.model_dump_json().encode(), [], change.received.finish)

    def dead_letter(self, received: Received, bad: BadMessage, change: Change | None = None) -> None:
        """Put a record that can't be done where people will look at it, raw as it came, then tell the outcome."""
        record = received.record
        letter = DeadLetter(
            source=first_source(record), reason=cast("Reason", bad.reason), error=bad.error,
            attempts=record.attempts + bad.attempts, worker=self._worker, model=self._model_id,
        )  # fmt: skip
        metrics.DEAD_LETTERS.labels(bad.reason).inc()
        _log.warning("dead_letter", reason=bad.reason, error=bad.error, source=letter.source.model_dump())
        value = record.value
        headers = letter.headers()
        if value is not None and len(value) > MAX_BYTES:
            headers, value = [*headers, ("value-bytes", str(len(value)).encode())], None
        told = received.finish if change is None else lambda: self.outcome(change, "refused")
        self._send(DEAD_LETTER, record.key, value, headers, told)

    def poll(self) -> None:
        """Serve what Kafka has confirmed, and send again what it refused; to be called often."""
        self._producer.poll(0)
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            for _ in range(self._again.qsize()):
                self._again.get()()

    def flush(self, seconds: float) -> int:
        """Wait for confirmations; returns how many records are still unconfirmed."""
        return int(self._producer.flush(seconds))

    def _send(
        self, topic: str, key: str | bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], told: Send
    ) -> None:
        def confirmed(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                told()
                return
            if error.fatal():
                raise Broken(f"the producer can't go on: {error.str()}")
            _log.warning("not_delivered", topic=topic, error=error.str())
            self._again.put(send)

        def send() -> None:
            while True:
                try:
                    self._producer.produce(
                        self._settings.named(topic), value, key,
                        headers=cast("list[tuple[str, str | bytes | None]]", headers), on_delivery=confirmed,
                    )  # fmt: skip
                except BufferError:
                    self._producer.poll(0.05)
                except KafkaException as error:
                    _log.warning("not_sent", topic=topic, error=str(error))
                    self._again.put(send)
                    return
                else:
                    return

        send()
