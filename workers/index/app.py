"""The Faust app: a thin shell that hands records to the pipeline and commits its watermarks.

Faust's own acknowledgements are never used (docs/decisions): its arithmetic can pass an unfinished event. So there is
nothing for it to commit, and the offset that is committed is ours: the lowest that is not finished.
"""

import asyncio
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
from streams.settings import Settings
from streams.topics import LISTING_TOPICS
from streams.watermark import Watermark
from workers.index.broker import broker_options
from workers.index.change import Received
from workers.index.liveness import needs_lag, stalled
from workers.index.pipeline import Pipeline
from workers.index.transport import Transport

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
        consumer_auto_offset_reset="earliest",
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

    def __init__(self, app: faust.App, settings: Settings) -> None:
        self.app = app
        self.assigned = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pipeline: Pipeline
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._marks: dict[TP, Watermark] = {}
        self._committed: dict[TP, int] = {}
        topic = app.topic(*(settings.named(name) for name in LISTING_TOPICS), value_type=bytes, key_type=bytes)
        app.agent(topic, name="listings")(self._listings)
        assigned: Any = app.on_partitions_assigned  # Faust's signal types accept none of its own handlers
        revoked: Any = app.on_partitions_revoked
        assigned.connect(self._on_assigned)
        revoked.connect(self._on_revoked)
        app.task(self._commit_for_ever)
        app.task(self._watch_progress)

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
        mark = self._marks.get(message.tp)
        if mark is None:
            return  # left over from an assignment that is gone; its new owner reads it
        await self.pipeline.room.take()
        if mark.closed or not mark.begin(message.offset):
            self.pipeline.room.give()
            return
        self.pipeline.take(Received(_record(message), mark, self.pipeline.room, time.monotonic()))

    async def _on_assigned(self, _app: Any, assigned: set[TP], **_: Any) -> None:
        by_topic: dict[str, set[int]] = {}
        for place in assigned:
            by_topic.setdefault(place.topic, set()).add(place.partition)
        if len({frozenset(partitions) for partitions in by_topic.values()}) > 1 or len(by_topic) not in (0, 3):
            self._fail(Broken(f"the listing topics' partitions differ: {by_topic}; see `lookalike topics check`"))
            return
        self._close(self._marks)
        self._marks = {place: Watermark() for place in assigned}
        self._committed = {}
        _log.info("assigned", partitions=sorted(next(iter(by_topic.values()), set())))
        self.assigned.set()

    async def _on_revoked(self, _app: Any, revoked: set[TP], **_: Any) -> None:
        marks = {place: mark for place, mark in self._marks.items() if place in revoked}
        for mark in marks.values():
            mark.release()
        await asyncio.to_thread(self.pipeline.wait_written, REVOKE_SECONDS)
        await self._commit()
        self._close(marks)
        _log.info("revoked", partitions=len(marks))

    def _close(self, marks: dict[TP, Watermark]) -> None:
        for mark in marks.values():
            mark.release()
            mark.close()
        self.pipeline.forget()

    async def _commit_for_ever(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    async def _watch_progress(self) -> None:
        """End the worker when it has work and gets none of it done."""
        while not self.app.should_stop:
            await asyncio.sleep(WATCH_SECONDS)
            seen, lag = self.pipeline.progress(), 0
            if needs_lag(time.monotonic(), seen):
                lag = await asyncio.to_thread(self._own_lag)
            if why := stalled(time.monotonic(), seen, lag):
                self._fail(Broken(why))

    def _own_lag(self) -> int:
        places = {(place.topic, place.partition) for place in self._marks}
        try:
            found = group_lag(self._settings, [self.app.conf.id])
        except (CommandFailed, KafkaException):
            return 0  # Kafka itself is away: then waiting is right
        return sum(each.lag for each in found if (each.topic, each.partition) in places)

    async def _commit(self) -> None:
        """Commit how far each partition is done. An error that can't be retried ends the app, and so the process."""
        marks = {place: mark.committable for place, mark in self._marks.items()}
        news = {
            place: offset
            for place, offset in marks.items()
            if offset is not None and offset != self._committed.get(place)
        }
        consumer: Any = self.app.consumer  # `_commit` is not public: pinned, and held by a test
        if news and await consumer._commit(news):
            self._committed |= news

    async def close(self, seconds: float) -> None:
        """Finish the writes in hand, commit what they finished, leave the group."""
        await asyncio.to_thread(self.pipeline.stop, seconds)
        await self._commit()
        self._close(self._marks)

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
