"""The Faust app: a thin shell that hands records to the pipeline and commits its watermarks.

Faust's own acknowledgements are never used (docs/decisions): its arithmetic can pass an unfinished event. So there is
nothing for it to commit, and the offset that is committed is ours: the lowest that is not finished.
"""

import asyncio
import contextlib
import time
from typing import Any

import faust
import structlog
from confluent_kafka import KafkaException
from faust.types import TP

from schemas.source import Source
from streams.codec import Record
from streams.failures import Broken, CommandFailed
from streams.lag import lag as group_lag
from streams.retry import was_put_back
from streams.settings import Settings
from streams.topics import LISTING_TOPICS, RETRY
from workers.index.again import longest_wait
from workers.index.assignment import Assignment
from workers.index.broker import broker_options
from workers.index.change import Received
from workers.index.health import Seen
from workers.index.later import Later, Tap
from workers.index.lease import Lease
from workers.index.limits import Capacity, Endings
from workers.index.liveness import needs_lag, stalled
from workers.index.offsets import check_offsets
from workers.index.pipeline import Pipeline
from workers.index.transport import Transport
from workers.index.waiting import Waiting

COMMIT_SECONDS = 0.5
WATCH_SECONDS = 15.0
SESSION_SECONDS = 10.0
"""A killed worker keeps its partitions for so long."""
REVOKE_SECONDS = 5.0
"""For the write in hand when partitions are taken away; well within the session timeout."""

_log = structlog.get_logger(__name__)


def group_of(settings: Settings, hash12: str) -> str:
    """The consumer group of a model's index workers."""
    return settings.named(f"lookalike-index-{hash12}")


def make_app(settings: Settings, hash12: str) -> faust.App:
    """The app, with the settings that DESIGN asks for; the reason stands beside each."""
    app = faust.App(
        group_of(settings, hash12),
        **broker_options(settings),
        datadir=settings.data / "faust",
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="none",  # `offsets.begin` has given every partition its place: nothing is guessed
        consumer_metadata_max_age_ms=30_000,  # so long a partition count that grew goes unseen
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=3.0,
        # While Milvus is away nothing is taken, for hours if need be, and the group must not be left for that.
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=500,
        broker_commit_interval=3_600.0,  # Faust has nothing to commit
        consumer_group_instance_id=None,
        stream_buffer_maxsize=512,
        stream_wait_empty=False,  # else a revocation can wait for ever on what is in flight
        stream_processing_timeout=86_400.0,  # waiting is our business; the liveness check tells it from a stall
        topic_allow_declare=False,  # `lookalike topics create` does that, with the right policies
        topic_disable_leader=True,
        web_enabled=False,
        # 1 keeps co-partitioned assignment: equal partition numbers of the three topics go to one worker.
        table_standby_replicas=1,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


class IndexApp:
    """One index worker: the app, its pipeline, and the watermarks of the partitions that are its own."""

    def __init__(self, app: faust.App, settings: Settings, capacity: Capacity, endings: Endings) -> None:
        self.app = app
        self.assigned = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pipeline: Pipeline
        self._settings, self._longest_wait = settings, longest_wait(endings)
        self._loop = asyncio.get_running_loop()
        self.lease = Lease()
        self._assignment = Assignment(settings, app.conf.id, self.lease)
        self._lag = 0
        topic = app.topic(*(settings.named(name) for name in LISTING_TOPICS), value_type=bytes, key_type=bytes)
        app.agent(topic, name="listings")(self._listings)
        assigned: Any = app.on_partitions_assigned  # Faust's signal types accept none of its own handlers
        revoked: Any = app.on_partitions_revoked
        assigned.connect(self._on_assigned)
        revoked.connect(self._on_revoked)
        app.task(self._commit_for_ever)
        app.task(self._watch_progress)
        self._later = Later(Waiting(capacity), self._go, Tap(self._hold_retries, self._let_retries_go))
        app.task(self._release)

    def fail(self, error: BaseException) -> None:
        """End the worker for `error`; from any thread. Only the first counts."""
        self._loop.call_soon_threadsafe(self._fail, error)

    async def _listings(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self._take(event.message)
        except Exception as error:  # noqa: BLE001 - a restarted agent would not seek back: the process must end
            self._fail(error)

    async def _take(self, message: Any) -> None:
        mark = self._assignment.watermark(message.tp)
        if mark is None:
            return  # left over from an assignment that is gone; its new owner reads it
        record, room = _record(message), self.pipeline.room
        # It waits outside of `room`, so that all else can flow; its offset is begun, so that no commit passes it.
        if seconds := min(was_put_back(record).wait_seconds, self._longest_wait):
            if mark.begin(message.offset):
                self._later.add(Received(record, mark, room, time.monotonic()), seconds)
            return
        await room.take()
        if mark.closed or not mark.begin(message.offset):
            room.give()
            return
        self.pipeline.take(Received(record, mark, room, time.monotonic()))

    async def _go(self, received: Received) -> None:
        """What has waited long enough goes on as everything else does."""
        await self.pipeline.room.take()
        if received.watermark.released:
            received.drop()
        else:
            self.pipeline.take(received)

    async def _release(self) -> None:
        try:
            await self._later.run()
        except Exception as error:  # noqa: BLE001 - Faust would restart the task, and what it held would be gone
            self._fail(error)

    def _hold_retries(self) -> None:
        consumer: Any = self.app.consumer  # of our own transport
        consumer.hold(place for place in self._assignment.places if place[0] == self._settings.named(RETRY))

    def _let_retries_go(self) -> None:
        consumer: Any = self.app.consumer
        consumer.let_go()

    async def _on_assigned(self, _app: Any, assigned: set[TP], **_: Any) -> None:
        by_topic: dict[str, set[int]] = {}
        for place in assigned:
            by_topic.setdefault(place.topic, set()).add(place.partition)
        if len({frozenset(partitions) for partitions in by_topic.values()}) > 1 or len(by_topic) not in (0, 3):
            self._fail(Broken(f"the listing topics' partitions differ: {by_topic}; see `lookalike topics check`"))
            return
        self._assignment.begin(assigned)
        self._forget()
        self.pipeline.own(frozenset(place.partition for place in assigned))
        _log.info("assigned", partitions=sorted(next(iter(by_topic.values()), set())))
        self.assigned.set()

    async def _on_revoked(self, _app: Any, revoked: set[TP], **_: Any) -> None:
        self._assignment.release(revoked)
        self.pipeline.own(frozenset(number for _, number in self._assignment.places - revoked))
        await asyncio.to_thread(self.pipeline.wait_written, REVOKE_SECONDS)
        await self._assignment.commit(self.app.consumer)
        self._assignment.close(revoked)
        self.lease.lose()
        self._forget()
        _log.info("revoked", partitions=len(revoked))

    def _forget(self) -> None:
        self._later.forget()
        self.pipeline.forget()

    async def _commit_for_ever(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._assignment.commit(self.app.consumer)

    async def _watch_progress(self) -> None:
        """End the worker when it has work and gets none of it done."""
        while not self.app.should_stop:
            await asyncio.sleep(WATCH_SECONDS)
            seen = self.pipeline.progress()
            self._lag = await asyncio.to_thread(self._own_lag) if needs_lag(time.monotonic(), seen) else 0
            if why := stalled(time.monotonic(), seen, self._lag):
                self._fail(Broken(why))

    def seen(self) -> Seen:
        """What `/health` tells."""
        partitions = sorted({number for _, number in self._assignment.places}) if self.assigned.is_set() else None
        return Seen(self.pipeline.progress(), partitions, self._lag)

    def _own_lag(self) -> int:
        # While something waits for its time, that topic is behind on purpose.
        behind = self._settings.named(RETRY) if self._later.holds_back else None
        places = {place for place in self._assignment.places if place[0] != behind}
        try:
            found = group_lag(self._settings, [self.app.conf.id])
        except (CommandFailed, KafkaException):
            return 0  # Kafka itself is away: then waiting is right
        return sum(each.lag for each in found if (each.topic, each.partition) in places)

    async def close(self, seconds: float) -> None:
        """Finish the writes in hand, commit what they finished, leave the group; `seconds` at most in all."""
        deadline = self._loop.time() + seconds
        await asyncio.to_thread(self.pipeline.stop, seconds / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                if not self.app.crashed:  # else the consumer's thread is gone, and would never answer
                    await self._assignment.commit(self.app.consumer)
                self._assignment.close(self._assignment.places)
                self._forget()
                await self.app.stop()

    def why_ended(self) -> str:
        """Why the Faust app ended by itself: most of all, an offset that is missing or out of range."""
        try:
            found = check_offsets(self._settings, self.app.conf.id)
        except (CommandFailed, KafkaException):
            found = None
        return found or f"the Faust app ended by itself: {self.app.crash_reason!r}"

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)


def _record(message: Any) -> Record:
    timestamp = round(message.timestamp * 1_000) if message.timestamp else 0
    source = Source.model_construct(
        topic=message.topic, partition=message.partition, offset=message.offset, timestamp=timestamp
    )
    headers = message.headers.items() if hasattr(message.headers, "items") else message.headers or ()
    return Record(source, message.key, message.value, tuple(headers))
