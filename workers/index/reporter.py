"""Outcomes and dead letters: an event is finished when Kafka has confirmed the record that tells its end."""

import os
import queue
import random
import socket
import time
from collections.abc import Callable
from typing import cast

import structlog
from confluent_kafka import KafkaError, KafkaException, Message

from schemas.dead_letter import DeadLetter, Reason
from schemas.outcome import Done, Outcome
from streams.clients import producer
from streams.dead_letters import MAX_BYTES, RawHeaders, written
from streams.failures import BadMessage, Broken
from streams.retry import first_source, put_back, was_put_back
from streams.settings import Settings
from streams.takedowns import Takedowns
from streams.topics import DEAD_LETTER, INDEXED, RETRY
from workers.images.hosts import HostAway
from workers.index import metrics
from workers.index.again import next_try
from workers.index.change import Change, Received
from workers.index.letter_limit import LetterLimit, Stage
from workers.index.limits import Endings

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_AWAY_SECONDS = 10.0
"""Silence that is no hiccup: a broker that restarts is back sooner."""

ANY_PARTITION = -1
"""By its key; librdkafka's `RD_KAFKA_PARTITION_UA`."""

Send = Callable[[], None]


class Reporter:
    """Tells each event's end, at least once; safe to use from several threads."""

    def __init__(
        self, settings: Settings, model_id: str, hidden: Takedowns, endings: Endings = Endings(),  # noqa: B008 - frozen
    ) -> None:  # fmt: skip
        self._hidden = hidden
        # Without a time limit: while Kafka is away nothing is finished, and nothing is lost.
        self._producer = producer(settings, message_timeout_ms=0)
        self._settings, self._model_id = settings, model_id
        self._endings, self._limit = endings, LetterLimit(endings)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._again: queue.SimpleQueue[Send] = queue.SimpleQueue()
        self._retry_at = 0.0
        self._confirmed_at = time.monotonic()

    def outcome(self, change: Change, done: Done, *, encoded: bool = False) -> None:
        """Tell what was done with a change; its offset is finished when that is confirmed."""
        if self._silent(change.received, change):
            return
        visible_ms = time.time() * 1_000 - change.source.timestamp
        outcome = Outcome(
            listing_id=change.listing_id, version=change.event.version, outcome=done, model=self._model_id,
            encoded=encoded, source=change.source, event_to_visible_ms=round(max(0.0, visible_ms), 1),
            stages_ms=change.times.frozen(),
        )  # fmt: skip
        metrics.observe(outcome)
        if done != "refused" and not encoded:  # what was encoded has counted when its pictures were decoded
            self._limit.good("done")
        self._send(INDEXED, change.listing_id, outcome.model_dump_json().encode(), [], change.received.finish)

    def good(self, stage: Stage) -> None:
        """Nothing was wrong with an event so far: what speaks against too many letters, long before its end."""
        self._limit.good(stage)

    def dead_letter(self, received: Received, bad: BadMessage, change: Change | None = None) -> None:
        """Put a record that can't be done where people will look at it, raw as it came, then tell the outcome.

        Raises Broken where that would be one letter too many (`LetterLimit`): then nothing is sent.
        """
        if self._silent(received, change):
            return
        self._limit.letter(bad.reason, bad.error)
        record = received.record
        letter = DeadLetter(
            source=first_source(record), reason=cast("Reason", bad.reason), error=bad.error,
            attempts=was_put_back(record).attempts + bad.attempts, worker=self._worker, model=self._model_id,
        )  # fmt: skip
        metrics.DEAD_LETTERS.labels(bad.reason).inc()
        _log.warning("dead_letter", reason=bad.reason, error=bad.error, source=letter.source.model_dump())
        value, headers = written(record, letter)
        told = received.finish if change is None else lambda: self.outcome(change, "refused")
        self._send(DEAD_LETTER, record.key, value, headers, told)

    def put_back(self, change: Change, away: HostAway) -> None:
        """Put an event whose image host is away into the retry topic; its offset is finished when that is confirmed.

        After the last of the delays it is dead-lettered (fetch-exhausted), with its attempts in all.
        """
        if self._silent(change.received, change):
            return
        record, before = change.received.record, was_put_back(change.received.record)
        said = next_try(before, away, self._endings, now=time.time(), chance=random.random())  # noqa: S311 - no secret
        if said is None or record.size > MAX_BYTES:
            why = f"{away}; tried {before.tries + 1} times over the retry delays"
            self.dead_letter(change.received, BadMessage("fetch-exhausted", why, attempts=away.attempts), change)
            return
        metrics.PUT_BACK.labels("crowded" if away.crowded else "away").inc()
        _log.info(
            "put_back", listing_id=change.listing_id, error=str(away), tries=said.tries, attempts=said.attempts,
            seconds=round(said.wait_seconds, 1), source=change.source.model_dump(),
        )  # fmt: skip
        # On its own partition number: whoever owns that owns the listing's other events too.
        self._send(
            RETRY, record.key, record.value, put_back(record, said), change.received.finish,
            partition=record.source.partition,
        )  # fmt: skip

    def _silent(self, received: Received, change: Change | None) -> bool:
        """Whether the event's listing was erased: then it is finished, and nothing is said that would hold its id."""
        if change is not None:
            erased = self._hidden.erased(change.listing_id, change.event.version)
        else:
            erased = self._hidden.erased_record(received.record)
        if erased:
            metrics.ERASED.inc()
            received.finish()
        return erased

    def step(self) -> None:
        """Serve what Kafka has confirmed, and send again what it refused; to be repeated on a thread of its own."""
        self._producer.poll(_POLL_SECONDS)
        if not len(self._producer) and self._again.empty():
            self._confirmed_at = time.monotonic()
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            for _ in range(self._again.qsize()):
                self._again.get()()

    @property
    def away_since(self) -> float | None:
        """`time.monotonic()` since when Kafka has confirmed nothing of what waits; None while it does."""
        silent = time.monotonic() - self._confirmed_at > _AWAY_SECONDS
        return self._confirmed_at if silent else None

    def flush(self, seconds: float) -> int:
        """Wait for confirmations; returns how many records are still unconfirmed."""
        return int(self._producer.flush(seconds))

    def _send(
        self, topic: str, key: str | bytes | None, value: bytes | None,
        headers: RawHeaders, told: Send, *, partition: int = ANY_PARTITION,
    ) -> None:  # fmt: skip
        def confirmed(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._confirmed_at = time.monotonic()
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
                        self._settings.named(topic), value, key, partition,
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
