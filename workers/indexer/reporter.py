"""The reporter: outcomes, dead letters and retries. An event is finished when Kafka has confirmed its record."""

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
from streams.clients import ANY_PARTITION, producer, send
from streams.dead_letters import MAX_BYTES, encode_dead_letter
from streams.errors import BadMessage, Broken
from streams.record_headers import RawHeaders
from streams.refusals import delivery_failure, needs_operator, refusal
from streams.retry_headers import RetryState, requeue_headers
from streams.settings import Settings
from streams.takedowns import Takedowns
from streams.topics import DEAD_LETTER, INDEXED, RETRY
from workers.images.circuit_breaker import HostUnavailable
from workers.images.responses import NotYet
from workers.indexer import metrics
from workers.indexer.availability import Availability
from workers.indexer.pending_event import PendingEvent, ReceivedRecord
from workers.indexer.retry_schedule import schedule_picture_retry, schedule_retry
from workers.process.dead_letter_limit import DeadLetterLimit, Stage
from workers.process.failure_policy import FailurePolicy
from workers.process.parties import party_of

_log = structlog.get_logger(__name__)
_POLL_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_AWAY_SECONDS = 10.0
"""After so long without a confirmation Kafka counts as unavailable: a broker that restarts is back sooner."""

Send = Callable[[], None]


class Reporter:
    """Reports the end of each event at least once. Thread-safe."""

    def __init__(
        self,
        settings: Settings,
        model_id: str,
        takedowns: Takedowns,
        policy: FailurePolicy = FailurePolicy(),  # noqa: B008 - frozen
        availability: Availability | None = None,
    ) -> None:
        self._availability = availability or Availability()
        self._refusals: dict[str, str] = {}
        self._failure: Broken | None = None
        self._takedowns = takedowns
        # No delivery timeout: while Kafka is unavailable nothing is finished, and nothing is lost.
        self._producer = producer(settings, message_timeout_ms=0)
        self._settings, self._model_id = settings, model_id
        self._policy, self._limit = policy, DeadLetterLimit(policy)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"
        self._resend: queue.SimpleQueue[Send] = queue.SimpleQueue()
        self._retry_at = 0.0
        self._confirmed_at = time.monotonic()

    def outcome(self, pending: PendingEvent, done: Done, *, encoded: bool = False) -> None:
        """Publish the outcome of an event; its offset is finished when Kafka confirms."""
        if self._finish_if_erased(pending.received, pending):
            return
        visible_ms = time.time() * 1_000 - pending.source.timestamp
        outcome = Outcome(
            listing_id=pending.listing_id,
            version=pending.event.version,
            outcome=done,
            model=self._model_id,
            encoded=encoded,
            source=pending.source,
            event_to_visible_ms=round(max(0.0, visible_ms), 1),
            stages_ms=pending.times.frozen(),
        )
        metrics.observe(outcome)
        if done != "refused" and not encoded:  # what was encoded has counted when its pictures were decoded
            self._limit.good("done")
        self._send(INDEXED, pending.listing_id, outcome.model_dump_json().encode(), [], pending.received.finish)

    def count_success(self, stage: Stage, site: str = "") -> None:
        """Count an event that passed `stage`, for the dead-letter limit; long before the event ends.

        `site` is that of its pictures, if it was these that passed.
        """
        self._limit.good(stage, site)

    def dead_letter(self, received: ReceivedRecord, bad: BadMessage, pending: PendingEvent | None = None) -> None:
        """Publish a dead letter with the raw record, then the outcome.

        Raises Broken if that would exceed the `DeadLetterLimit`: then nothing is sent.
        """
        if self._finish_if_erased(received, pending):
            return
        record = received.record
        self._limit.bad(bad.reason, bad.error, party_of(record, bad.reason, pending.event if pending else None))
        dead_letter = DeadLetter(
            source=received.source,
            reason=cast("Reason", bad.reason),
            error=bad.error,
            attempts=received.retry.attempts + bad.attempts,
            worker=self._worker,
            model=self._model_id,
        )
        metrics.DEAD_LETTERS.labels(bad.reason).inc()
        _log.warning("dead_letter", reason=bad.reason, error=bad.error, source=dead_letter.source.model_dump())
        value, headers = encode_dead_letter(record, dead_letter)
        on_confirmed = received.finish if pending is None else lambda: self.outcome(pending, "refused")
        self._send(DEAD_LETTER, record.key, value, headers, on_confirmed)

    def requeue(self, pending: PendingEvent, away: HostUnavailable) -> None:
        """Put an event whose image host is unavailable on the retry topic; its offset is finished when Kafka confirms.

        After the last retry delay it is dead-lettered (fetch-exhausted) with the total of its attempts.
        """
        if self._finish_if_erased(pending.received, pending):
            return
        record, before = pending.received.record, pending.received.retry
        state = schedule_retry(before, away, self._policy, now=time.time(), chance=random.random())  # noqa: S311 - no secret
        if state is None or record.size > MAX_BYTES:
            why = f"{away}; tried {before.tries + 1} times over the retry delays"
            self.dead_letter(pending.received, BadMessage("fetch-exhausted", why, attempts=away.attempts), pending)
            return
        self._requeue(pending, state, "crowded" if away.overloaded else "away", str(away))

    def requeue_missing_picture(self, pending: PendingEvent, bad: NotYet) -> None:
        """Retry an event whose picture is not there yet: a few times while it is young, else it is dead-lettered."""
        if self._finish_if_erased(pending.received, pending):
            return
        record, before = pending.received.record, pending.received.retry
        state = schedule_picture_retry(
            before,
            pending.source,
            self._policy,
            now=time.time(),
            chance=random.random(),  # noqa: S311
            asked=bad.retry_after,
        )
        if state is None or record.size > MAX_BYTES:
            self.dead_letter(pending.received, bad, pending)
        else:
            self._requeue(pending, state, "not yet", bad.error)

    def _requeue(self, pending: PendingEvent, state: RetryState, why: str, error: str) -> None:
        record = pending.received.record
        metrics.PUT_BACK.labels(why).inc()
        _log.info(
            "put_back",
            listing_id=pending.listing_id,
            error=error,
            tries=state.tries,
            looks=state.looks,
            attempts=state.attempts,
            seconds=round(state.wait_seconds, 1),
            source=pending.source.model_dump(),
        )
        # On its own partition number, whose owner owns the other events of the listing too.
        self._send(
            RETRY,
            record.key,
            record.value,
            requeue_headers(record, state),
            pending.received.finish,
            partition=record.source.partition,
        )

    def _finish_if_erased(self, received: ReceivedRecord, pending: PendingEvent | None) -> bool:
        """Whether the listing was erased: then the event is finished without a record, which would hold the id."""
        if pending is not None:
            erased = self._takedowns.is_erased(pending.listing_id, pending.event.version)
        else:
            erased = self._takedowns.erased_record(received.record)
        if erased:
            metrics.ERASED.inc()
            received.finish()
        return erased

    def step(self) -> None:
        """Serve confirmations, and resend what Kafka refused; to be repeated on a thread of its own.

        Raises Broken if Kafka refused a record permanently.
        """
        self._producer.poll(_POLL_SECONDS)
        if self._failure is not None:
            raise self._failure
        if not len(self._producer) and self._resend.empty():
            self._confirmed_at = time.monotonic()
            self._refusals.clear()
        self._report_availability()
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            for _ in range(self._resend.qsize()):
                self._resend.get()()

    def _report_availability(self) -> None:
        """Report Kafka as unavailable if it confirms nothing, or refuses what an operator can allow (by topic)."""
        message = "; ".join(f"{topic}: {why}" for topic, why in self._refusals.items())
        if message or time.monotonic() - self._confirmed_at > _AWAY_SECONDS:
            self._availability.away("kafka", message or "no answer", since=self._confirmed_at)
        else:
            self._availability.back("kafka")

    def flush(self, seconds: float) -> int:
        """Wait for confirmations; returns how many records are still unconfirmed."""
        return int(self._producer.flush(seconds))

    def _send(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        headers: RawHeaders,
        on_confirmed: Send,
        *,
        partition: int = ANY_PARTITION,
    ) -> None:
        def confirmed(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._confirmed_at = time.monotonic()
                self._refusals.pop(topic, None)
                on_confirmed()
            else:
                self._refused(topic, error, attempt)

        def attempt() -> None:
            name = self._settings.named(topic)
            try:
                send(self._producer, name, value, key, headers=headers, partition=partition, on_delivery=confirmed)
            except KafkaException as error:
                self._refused(topic, error.args[0], attempt)

        attempt()

    def _refused(self, topic: str, error: KafkaError, attempt: Send) -> None:
        """Resend later; if Kafka will never accept it, `step` ends the worker, and nothing is lost."""
        name = self._settings.named(topic)
        if isinstance(failure := delivery_failure(name, error), Broken):
            self._failure = self._failure or failure
            return
        if needs_operator(error) and topic not in self._refusals:
            self._refusals[topic] = refusal(error)
            _log.warning("refused", topic=name, error=refusal(error))
        _log.debug("not_delivered", topic=name, error=error.str())
        self._resend.put(attempt)
