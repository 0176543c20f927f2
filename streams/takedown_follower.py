"""Following `listing-takedown`: the topic read whole, then followed, and proof that nothing of it was missed.

At rest no record comes, so silence proves nothing. Each second the broker is asked where the topic ends; what was read
up to there is known to be all. Whoever answers without that proof could show what was taken down: `require` refuses.
"""

import threading
import time
from collections.abc import Callable
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.takedown import Takedown
from streams.clients import reader
from streams.errors import LookalikeError, SlowDown, UsageError
from streams.hash_key_pin import other_key
from streams.keyed_hash import HashKey, read_hash_key
from streams.settings import Settings
from streams.takedowns import Takedowns
from streams.topic_reader import record_of
from streams.topics import TAKEDOWN

ASK_SECONDS = 1.0
"""How often the broker is asked where the topic ends."""
STALE_SECONDS = 30.0
"""So long after the last proof an answer may still be given: well within the 60 s that are promised."""
_POLL_SECONDS = 0.1
_AGAIN_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class TakedownFollower:
    """A thread that keeps `takedowns` as the topic is; `on_news` is told of what is taken down, on that thread."""

    def __init__(
        self,
        settings: Settings,
        on_news: Callable[[list[Takedown]], None] = lambda _: None,
        key: HashKey | None = None,
    ) -> None:
        self.takedowns = Takedowns(lambda: read_hash_key(settings))
        self.failure: LookalikeError | None = None
        """What ended it: another hash key than the one listings were erased with, or `key` is not the pinned one."""
        self._settings, self._on_news, self._key = settings, on_news, key
        self._place = TopicPartition(settings.named(TAKEDOWN), 0)
        self._proven_at = float("-inf")
        self._problem = "it has not been read yet"
        self._changed, self._wanted, self._stopping = threading.Condition(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-takedowns", daemon=True)

    def start(self) -> Self:
        """Begin; returns at once."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread; one that waits for a broker that is away is left to end by itself."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)

    @property
    def age(self) -> float:
        """Seconds since the last proof that nothing was missed; infinite before the first."""
        return time.monotonic() - self._proven_at

    def require(self, *, seconds: float = 1.0, stale: float = STALE_SECONDS) -> Takedowns:
        """What counts, whole and proven within `stale` seconds; waits up to `seconds` for it, else raises SlowDown."""
        self._await(lambda: self.age <= stale, seconds)
        return self.takedowns

    def sync(self, *, seconds: float = 5.0) -> Takedowns:
        """What counts, with all that Kafka had confirmed before this call; raises SlowDown where that takes longer."""
        now = time.monotonic()
        self._wanted.set()
        self._await(lambda: self._proven_at >= now, seconds)
        return self.takedowns

    def _await(self, proven: Callable[[], bool], seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self.failure is not None or proven(), seconds)
            if self.failure is not None:
                raise self.failure
            if not proven():
                raise SlowDown(f"what was taken down is not known: topic {self._place.topic}: {self._problem}")

    def _run(self) -> None:
        while not self._stopping.is_set():
            consumer = reader(self._settings, fetch_wait_max_ms=500, auto_offset_reset="error")
            try:
                self._follow(consumer)
            except KafkaException as error:
                missing = error.args[0].code() in (KafkaError._UNKNOWN_PARTITION, KafkaError.UNKNOWN_TOPIC_OR_PART)
                remedy = "; `lookalike topics create` creates it" if missing else ""
                self._problem = error.args[0].str() + remedy
                _log.warning("takedowns_not_read", error=self._problem)
            except LookalikeError as failure:
                with self._changed:
                    self.failure = failure
                    self._changed.notify_all()
                return
            finally:
                consumer.close()
            self._stopping.wait(_AGAIN_SECONDS)

    def _follow(self, consumer: Consumer) -> None:
        """Read the topic whole, and go on; whatever fails begins again from the start, for an undoing may be gone."""
        asked_at = time.monotonic()
        start, end = consumer.get_watermark_offsets(self._place, timeout=5.0)
        consumer.assign([TopicPartition(self._place.topic, 0, start)])
        whole, seen = Takedowns(lambda: read_hash_key(self._settings)), start
        while seen < end and not self._stopping.is_set():
            seen, _ = self._read(consumer, whole, seen, 0.02)
        if self._stopping.is_set():
            return
        self._tell(self.takedowns.take_over(whole))
        self._prove(asked_at)
        due = asked_at + ASK_SECONDS
        while not self._stopping.is_set():
            seen, news = self._read(consumer, self.takedowns, seen)
            self._tell(news)
            if seen >= end and asked_at > self._proven_at:
                self._prove(asked_at)
            if time.monotonic() >= due or (self._wanted.is_set() and self._proven_at >= asked_at):
                self._wanted.clear()
                asked_at = time.monotonic()
                due = asked_at + ASK_SECONDS
                _, end = consumer.get_watermark_offsets(self._place, timeout=5.0)
                if seen >= end:
                    self._prove(asked_at)

    def _read(
        self, consumer: Consumer, into: Takedowns, seen: int, seconds: float = _POLL_SECONDS
    ) -> tuple[int, list[Takedown]]:
        """Take in what has come: how far the topic is read then, and what is new."""
        news: list[Takedown] = []
        for message in consumer.consume(500, timeout=seconds):
            failure = message.error()
            if failure is None:
                entry = into.apply(record_of(message))
                news += [entry] if entry is not None else []
                seen = int(message.offset() or 0) + 1
            elif failure.code() == KafkaError._PARTITION_EOF:
                seen = max(seen, int(message.offset() or 0))  # past a marker that no reader ever gets
            else:
                raise KafkaException(failure)
        return seen, news

    def _tell(self, news: list[Takedown]) -> None:
        if self._key is not None and (other := other_key(self._key, self.takedowns.key_id)):
            raise UsageError(other)
        if news:
            self._on_news(news)

    def _prove(self, asked_at: float) -> None:
        with self._changed:
            self._proven_at, self._problem = asked_at, "Kafka has not answered since"
            self._changed.notify_all()
