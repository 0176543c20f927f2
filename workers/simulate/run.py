"""A market goes by: its records are published at their times, or as fast as Kafka takes them."""

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException, Message

from schemas.listing import ListingEvent
from streams.clients import await_kafka, producer, send
from streams.errors import LookalikeError
from streams.publish import Delivered, Publisher
from streams.settings import Settings
from streams.topics import CREATED, INTERACTIONS, UPDATED
from workers.simulate.draws import Ints
from workers.simulate.ids import Names
from workers.simulate.inventory import DAY
from workers.simulate.market import Market, Trace
from workers.simulate.serialise import Interactions, Record, listing_events
from workers.simulate.shelf import EVENTS
from workers.simulate.truth import Truth

_QUEUE_KB = 65_536
"""What waits to be sent, at most."""
_DELIVERY_MS = 30_000  # as other publishers wait
_KEPT_MS = 85 * 86_400_000  # days that a record of the past is sure to be kept, of 90
_NAP = 0.5  # s: while it waits for a time to come, confirmations are read


@dataclass(frozen=True)
class Pace:
    """`speed` simulated seconds go by in one; None: as fast as they go. `skip` days are gone through unpublished."""

    speed: float | None = None
    skip: int = 0
    listings: bool = True


@dataclass
class Counts:
    """What has gone by so far: events by their place in EVENTS, and listings that came in."""

    events: Ints = field(default_factory=lambda: np.zeros(len(EVENTS), np.int64))
    listings: int = 0

    def of(self, event: str) -> int:
        """How many of one kind."""
        return int(self.events[EVENTS.index(event)])


class Sender:
    """Sends raw interactions by request id, counted only when Kafka has confirmed them.

    Not through `InteractionPublisher`: making a model of each record first would take most of the time.
    """

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.named(INTERACTIONS)
        self._producer = producer(settings, delivery_timeout_ms=_DELIVERY_MS, queue_buffering_max_kbytes=_QUEUE_KB)
        self.delivered = Delivered()

    def send(self, at: int, key: str, value: bytes) -> None:
        """Queue a record of what happened `at` (microseconds since 1970); blocks while the queue is full."""
        timestamp = _record_time(at, time.time_ns() // 1_000_000)
        try:
            send(self._producer, self._topic, value, key, timestamp_ms=timestamp, on_delivery=self._on_delivery)
        except KafkaException as error:
            self._on_delivery(error.args[0])
        self._producer.poll(0)

    def wait(self, seconds: float) -> None:
        """Let time go by."""
        self._producer.poll(min(seconds, _NAP))

    def close(self) -> Delivered:
        """Wait until every record is confirmed or has failed."""
        while self._producer.flush(0.5):
            pass
        return self.delivered

    def _on_delivery(self, error: KafkaError | None, _message: Message | None = None) -> None:
        if error is None:
            self.delivered.published += 1
            return
        self.delivered.fail(error)


class Run:
    """Publishes a market; `counts` can be read at any time, also after an interruption."""

    def __init__(self, market: Market, names: Names, pace: Pace, truth: Truth | None = None) -> None:
        self.market = market
        self._names, self._pace, self._truth = names, pace, truth
        self._interactions = Interactions(market, names)
        self.counts = Counts()

    def through(self, progress: Callable[[int, str], None]) -> None:
        """Go through it and publish nothing."""
        for trace in self.market.hours():
            self._note(trace, progress)

    def hidden_truth(self) -> dict[str, Any] | None:
        """The truth about what has gone by, as a document; None if the run was given none to fill in."""
        return None if self._truth is None else self._truth.document(self._names)

    def publish(self, settings: Settings, progress: Callable[[int, str], None]) -> list[Delivered]:
        """Publish all of it; `progress` is told how many shelves there were, and the day. Ends when all is confirmed.

        Returns what became of the interactions and of the listings' events; it ends early where one of them failed.
        Interrupted, it waits for what is on its way, and raises the interruption again.
        """
        _check_topics(settings)
        sender, publisher, started = Sender(settings), Publisher(settings), time.monotonic()
        try:
            for trace in self.market.hours():
                self._note(trace, progress)
                if sender.delivered.failed or publisher.delivered.failed:
                    break
                if trace.day.number >= self._pace.skip:
                    for item in self._due(trace):
                        self._await(item[0], sender, started)
                        if len(item) == 3:
                            sender.send(*item)
                        else:
                            publisher.publish(item[1])
        finally:
            delivered = [sender.close(), publisher.close()]
        return delivered

    def _due(self, trace: Trace) -> Iterator[Record | tuple[int, ListingEvent]]:
        """What is to be published of an hour, by its times."""
        listings = listing_events(trace.hour, self.market, self._names) if self._pace.listings else []
        return heapq.merge(self._interactions.of(trace.hour), listings, key=itemgetter(0))

    def _note(self, trace: Trace, progress: Callable[[int, str], None]) -> None:
        if self._truth is not None:
            self._truth.add(trace)
        self.counts.events[0] += len(trace.hour.shelves.at)
        self.counts.events += np.bincount(trace.hour.actions.kind, minlength=len(EVENTS))
        self.counts.listings += len(trace.hour.created)
        progress(self.counts.of("shelf"), f", day {trace.day.number + 1} of {self.market.setup.days}")

    def _await(self, at: int, sender: Sender, started: float) -> None:
        """Until the time has come, where time is to go by; the days that are skipped take none."""
        if self._pace.speed is None:
            return
        begin = self.market.setup.midnight + self._pace.skip * DAY
        due = started + (at - begin) / 1_000_000 / self._pace.speed
        while (left := due - time.monotonic()) > 0:
            sender.wait(left)


def _record_time(at: int, now: int) -> int:
    """The time of a record (ms since 1970): when it happened, so that the recorder takes it for what it is.

    But not so old that the topic lets go of it at once (it keeps 90 days), nor later than `now`, which Kafka refuses.

    >>> _record_time(5_000_000_000, now=10_000_000), _record_time(20_000_000_000, now=10_000_000)
    (5000000, 10000000)
    """
    return min(max(at // 1_000, now - _KEPT_MS), now)


def _check_topics(settings: Settings) -> None:
    """Raises ServiceUnavailable where Kafka is away, LookalikeError where a topic is missing."""
    there = await_kafka(settings).list_topics(timeout=10).topics
    for name in map(settings.named, (CREATED, UPDATED, INTERACTIONS)):
        if name not in there:
            raise LookalikeError(f"topic {name} is missing; `lookalike topics create` creates it")
