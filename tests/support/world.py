"""The index workers' own planner, fold, guard, settler and writer on a log, a store and a Kafka that are plain values.

What is real here is what decides; what is a value is what lies outside. Each step of a worker is taken by hand, so a
test can kill it, or move its partitions, between any two of them.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from changes import received_record
from schemas.order import Order
from schemas.outcome import Done
from schemas.source import Source
from streams.errors import BadMessage
from streams.keyed_hash import HashKey
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import RetryState, first_source, requeue_headers
from streams.takedowns import Takedowns
from streams.topics import CREATED, LISTING_TOPICS, RETRY, UPDATED
from streams.watermark import Watermark
from workers.images.circuit_breaker import HostUnavailable
from workers.indexer.config import Capacity
from workers.indexer.fold import Fold
from workers.indexer.in_flight import InFlight
from workers.indexer.lease import Lease
from workers.indexer.messages import Queues, Write
from workers.indexer.pending_event import PendingEvent, ReceivedRecord
from workers.indexer.planner import Planner
from workers.indexer.removals import Removals
from workers.indexer.settler import Settler
from workers.indexer.shared import Shared
from workers.indexer.stages import Stages
from workers.indexer.writer import Writer
from workers.milvus.row import Known, Row, Tombstone
from workers.operations.audit.oracle import Event, Listing, Report, event_of, judge, stored_of

PARTITIONS = 2
GOOD, OTHER, BAD = "file:///good", "file:///other", "file:///bad"
Place = tuple[str, int]


class Killed(Exception):
    """The process ends here."""


class NothingTakenDown:
    """In place of the follower of takedowns."""

    def require(self) -> Takedowns:
        return Takedowns(lambda: HashKey("nobody was erased"))

    sync = require


class Kept:
    """The store: rows and tombstones. `deadly` kills whoever writes next, after the first half of the write."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.graves: dict[str, Tombstone] = {}
        self.deadly = False

    def known(self, listing_ids: Iterable[str], **_: Any) -> dict[str, Known]:
        return {each: Known(self.rows.get(each), self.graves.get(each)) for each in listing_ids}

    def upsert(self, rows: Sequence[Row]) -> dict[str, BadMessage]:
        self.rows.update({row["listing_id"]: row for row in rows})
        self._killed(rows)
        return {}

    def delete_with_tombstone(self, tombstones: Sequence[Tombstone]) -> None:
        self.graves.update({grave["listing_id"]: grave for grave in tombstones})
        self._killed(tombstones)
        for grave in tombstones:
            self.rows.pop(grave["listing_id"], None)

    def _killed(self, written: Sequence[object]) -> None:
        if self.deadly and written:
            self.deadly = False
            raise Killed


class World:
    """The log, the store, the letters, what is committed, and the workers that own the partitions."""

    def __init__(self) -> None:
        self.log: dict[Place, list[Record]] = {(topic, p): [] for topic in LISTING_TOPICS for p in range(PARTITIONS)}
        self.committed: dict[Place, int] = defaultdict(int)
        self.store = Kept()
        self.letters: set[Source] = set()
        self.written: dict[str, Order] = {}
        self.events: dict[str, dict[Source, tuple[Event, list[Source]]]] = defaultdict(dict)
        """Of each listing the events by their first place, and where their copies lie."""
        self.workers = [Worker(self), Worker(self)]
        for number in range(PARTITIONS):
            self.workers[number].assign(number)

    def publish(
        self,
        listing_id: str,
        value: bytes | None,
        topic: str = UPDATED,
        timestamp: int = 1_000,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> Record:
        """A record at the end of the log."""
        place = (topic, sum(listing_id.encode()) % PARTITIONS)
        records = self.log[place]
        source = Source(topic=topic, partition=place[1], offset=2 * len(records), timestamp=timestamp)  # with gaps
        records.append(Record(source, listing_id.encode(), value, headers))
        return records[-1]

    def change(self, listing_id: str, version: int, status: str, url: str, topic: str, timestamp: int) -> None:
        """An event as a publisher writes it."""
        event = {"listing_id": listing_id, "version": version, "status": status, "title": "t", "image_urls": [url]}
        record = self.publish(listing_id, json.dumps(event).encode(), topic, timestamp)
        seen = event_of(decode_listing(record), record.source)
        self._account(record, replace(seen, able=status != "on_sale" or url != BAD))

    def nonsense(self, listing_id: str) -> None:
        """What nobody can read."""
        record = self.publish(listing_id, b"{")
        self._account(record, Event(record.source, None))

    def copy(self, record: Record, *, refetch: bool = False) -> None:
        """An event once more, as a replay, a repair, a refetch or a host that was away puts it back."""
        headers = tuple(requeue_headers(record, RetryState(refetch=refetch)))
        copy = self.publish((record.key or b"").decode(), record.value, RETRY, 2_000, headers)
        self.events[(record.key or b"").decode()][first_source(copy)][1].append(copy.source)

    def _account(self, record: Record, event: Event) -> None:
        self.events[(record.key or b"").decode()][record.source] = (event, [record.source])

    def report(self) -> Report:
        """What the oracle says of all that has happened."""
        report = Report()
        for listing_id, events in self.events.items():
            seen = [
                replace(event, lettered=first in self.letters, pending=any(map(self._pending, places)))
                for first, (event, places) in events.items()
            ]
            stored = stored_of(self.store.known([listing_id])[listing_id])
            report.add(judge(Listing(listing_id, seen, stored, written=self.written.get(listing_id))))
        return report

    def _pending(self, source: Source) -> bool:
        return source.offset >= self.committed[source.topic, source.partition]

    def move(self, number: int) -> None:
        """A partition number goes to the other worker."""
        old, new = self.workers if number in self.workers[0].owned else self.workers[::-1]
        old.revoke(number)
        new.assign(number)

    def kill(self, worker: "Worker") -> None:
        """SIGKILL, and another process takes its place."""
        fresh = Worker(self)
        for number in worker.owned:
            fresh.assign(number)
        self.workers[self.workers.index(worker)] = fresh

    def drain(self) -> None:
        """Until nothing more happens."""
        while any(worker.drain() for worker in self.workers):
            pass


class Worker:
    """One worker's parts, step by step."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owned: set[int] = set()
        self.dead = False
        self.marks: dict[Place, Watermark] = {}
        self.read: dict[Place, int] = {}
        self.drawing: list[tuple[PendingEvent, str | None]] = []
        """The pictures in work, and the hash that the row had."""
        self.unconfirmed: list[Callable[[], None]] = []
        self._room = InFlight(10_000)
        self.queues, self._fold = Queues(), Fold()
        stages: Any = Stages(Capacity(idle_wait_seconds=0), lambda _: None)
        lease = Lease(lambda: 0.0)
        lease.renew(0.0)
        store: Any = world.store
        reporter: Any = self
        pictures: Any = self
        self._settler = Settler(self._fold, reporter, self.queues)
        follower: Any = NothingTakenDown()
        shared = Shared(stages, self.queues, self._fold, store, self._settler, follower, lease)
        self._planner, self._writer = Planner(shared, pictures), Writer(shared, Removals(shared))

    def assign(self, number: int) -> None:
        self.owned.add(number)
        for topic in LISTING_TOPICS:
            self.marks[topic, number] = Watermark()
            self.read[topic, number] = self.world.committed[topic, number]

    def revoke(self, number: int) -> None:
        for topic in LISTING_TOPICS:
            self.marks[topic, number].release()
        self.commit()
        for topic in LISTING_TOPICS:
            self.marks.pop((topic, number)).close()
        self.owned.discard(number)
        self._settler.drop_revoked()

    def take(self, place: Place) -> bool:
        """The next record of a partition; False where there is none."""
        for record in self.world.log[place]:
            if record.source.offset >= self.read[place]:
                self.read[place] = record.source.offset + 1
                assert self.marks[place].begin(record.source.offset)
                self.queues.inbox.put(received_record(record, self.marks[place], self._room))
                return True
        return False

    def plan(self) -> bool:
        if self.queues.inbox.empty():
            return False
        self._planner.step()
        return True

    def draw(self, number: int, *, away: bool = False) -> None:
        """A picture is fetched, decoded and encoded, or can't be, or its host is away."""
        change, known_hash = self.drawing.pop(number)
        url = change.event.image_urls[0]
        if not (change.is_owned and self._fold.holds(change)):
            self._settler.reschedule(change)
        elif away:
            self._settler.requeue(change, HostUnavailable("its host is away"))
        elif url == BAD:
            self._settler.dead_letter(change, BadMessage("image-missing", "gone"))
        else:
            vector = None if url == known_hash else np.ones(1, np.float32)
            self.queues.writes.put(Write(change, url, vector))

    def write(self) -> bool:
        """A batch; where the store is deadly, the worker dies of it."""
        if self.queues.writes.empty():
            return False
        try:
            self._writer.step()
        except Killed:
            self.dead = True
            self.world.kill(self)
        return not self.dead

    def confirm(self) -> bool:
        """Kafka has what was sent."""
        told, self.unconfirmed = self.unconfirmed, []
        for each in told:
            each()
        return bool(told)

    def commit(self) -> None:
        for place, mark in self.marks.items():
            if (offset := mark.committable) is not None:
                assert offset >= self.world.committed[place]
                self.world.committed[place] = offset

    def drain(self) -> bool:
        """Everything that can be done now; whether there was anything."""
        busy = False
        for place in self.marks:
            while self.take(place):
                busy = True
        while not self.dead and (self.plan() or self.write() or self.confirm() or self.drawing):
            busy = True
            if self.drawing:
                self.draw(0)
        if not self.dead:
            self.commit()
        return busy

    # What the planner asks of the pictures, and the settler of the reporter.

    def submit(self, change: PendingEvent, known_hash: str | None) -> None:
        self.drawing.append((change, known_hash))

    def outcome(self, change: PendingEvent, done: Done, **_: Any) -> None:
        if done in ("indexed", "metadata", "removed"):
            written = self.world.written
            written[change.listing_id] = max(change.order, written.get(change.listing_id, change.order))
        self.unconfirmed.append(change.received.finish)

    def count_success(self, _stage: str, _site: str = "") -> None:
        pass

    def dead_letter(self, received: ReceivedRecord, *_: Any) -> None:
        first = first_source(received.record)

        def confirmed() -> None:
            self.world.letters.add(first)
            received.finish()

        self.unconfirmed.append(confirmed)

    def requeue(self, change: PendingEvent, _away: HostUnavailable) -> None:
        def confirmed() -> None:
            self.world.copy(change.received.record)
            change.received.finish()

        self.unconfirmed.append(confirmed)


TOPICS = (CREATED, UPDATED)
