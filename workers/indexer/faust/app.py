"""The Faust app: a thin layer that passes records to the pipeline and commits its watermarks.

Faust's own acknowledgements are never used (docs/decisions): they can commit past an unfinished event. So Faust has
nothing to commit; the committed offset is the lowest unfinished one of our watermark.
"""

import asyncio
import contextlib
import time
from typing import Any

import faust
import structlog
from confluent_kafka import KafkaException
from faust.types import TP

from schemas.source import Source, record_time
from streams.errors import Broken, LookalikeError
from streams.groups import index_group
from streams.listing_codec import Record
from streams.retry_headers import first_source, retry_state
from streams.settings import Settings
from streams.topics import LISTING_TOPICS, RETRY
from workers.indexer.assignment import Assignment
from workers.indexer.backlog import LagMonitor
from workers.indexer.config import IndexerOptions
from workers.indexer.delay_queue import DelayQueue
from workers.indexer.delayed_delivery import DelayedDelivery, PauseControl
from workers.indexer.faust.client_options import broker_options
from workers.indexer.faust.transport import Transport
from workers.indexer.first_failure import FirstFailure
from workers.indexer.health import HealthState
from workers.indexer.lease import Lease
from workers.indexer.lineage import Lineage
from workers.indexer.lineage_watch import LineageWatch
from workers.indexer.pending_event import ReceivedRecord
from workers.indexer.pipeline import Pipeline
from workers.indexer.progress_watch import ProgressWatch
from workers.indexer.retry_schedule import longest_wait
from workers.indexer.start_offsets import check_offsets

COMMIT_SECONDS = 0.5
SESSION_SECONDS = 10.0
"""The session timeout: a killed worker keeps its partitions for so long."""
REVOKE_SECONDS = 5.0
"""The time that a write in progress has when partitions are revoked; well within the session timeout."""

_log = structlog.get_logger(__name__)


def make_app(settings: Settings, hash12: str) -> faust.App:
    """The Faust app with our settings; the reason is beside each."""
    app = faust.App(
        index_group(settings, hash12),
        **broker_options(settings),
        datadir=settings.data / "faust",
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="none",  # `set_start_offsets` has committed one for every partition: never guessed
        consumer_metadata_max_age_ms=30_000,  # a new partition is noticed after so long
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=3.0,
        # While Milvus is unavailable no record is taken, for hours if need be; that must not end the membership.
        broker_max_poll_interval=86_400.0,
        broker_max_poll_records=500,
        broker_commit_interval=3_600.0,  # Faust has nothing to commit
        consumer_group_instance_id=None,
        stream_buffer_maxsize=512,
        stream_wait_empty=False,  # else a revocation can wait for ever for events in flight
        stream_processing_timeout=86_400.0,  # `liveness` tells waiting from a stall
        topic_allow_declare=False,  # `lookalike topics create` creates topics, with the right policies
        topic_disable_leader=True,
        web_enabled=False,
        # 1 keeps co-partitioned assignment: equal partition numbers of the three topics go to one worker.
        table_standby_replicas=1,
    )
    app.transport = Transport(app.conf.broker_consumer, app)
    return app


class IndexApp:
    """One index worker: the Faust app, the pipeline, and the watermarks of the assigned partitions."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        options: IndexerOptions,
        lineage: Lineage,
        pipeline: Pipeline,
        lease: Lease,
        failure: FirstFailure,
    ) -> None:
        self.app, self.pipeline, self._lease, self._failure = app, pipeline, lease, failure
        self._settings, self._skips, policy = settings, options.skips, options.failure_policy
        self._longest_wait, self._stall_seconds = longest_wait(policy), policy.stall_seconds
        self.assigned = asyncio.Event()
        """Set at the first assignment."""
        self._assignment = Assignment(lease)
        self._lineage = LineageWatch(lineage, self._assignment, failure.report)
        self._lag_monitor = LagMonitor(settings, app.conf.id, self._assignment)
        pause_control = PauseControl(self._pause_retries, self._resume_retries)
        self._delayed = DelayedDelivery(DelayQueue(options.capacity), self._submit, pause_control)
        self._watch = ProgressWatch(
            settings,
            app.conf.id,
            self._assignment,
            self._delayed,
            pipeline.progress,
            policy.stall_seconds,
            failure.report,
        )
        topic = app.topic(*(settings.named(name) for name in LISTING_TOPICS), value_type=bytes, key_type=bytes)
        app.agent(topic, name="listings")(self._listings)
        on_assigned: Any = app.on_partitions_assigned  # Faust's signal types accept none of its own handlers
        on_revoked: Any = app.on_partitions_revoked
        on_assigned.connect(self._on_assigned)
        on_revoked.connect(self._on_revoked)
        for task in (self._commit_repeatedly, self._watch.run, self._deliver_due, self._lineage.run):
            app.task(task)

    def start_lag_metrics(self) -> None:
        """Report the lag of the assigned partitions as metrics; to be called before the app is started."""
        self.app.task(self._lag_monitor.run)

    async def _listings(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self._receive(event.message)
        except Exception as error:  # noqa: BLE001 - a restarted agent would not seek back: the process must end
            self._failure.report(error)

    async def _receive(self, message: Any) -> None:
        watermark = self._assignment.watermark(message.tp)
        if watermark is None:
            return  # left over from an earlier assignment; the new owner reads it
        skip = bool(self._skips) and (message.topic, message.partition, message.offset) in self._skips
        record, in_flight = _record(message), self.pipeline.in_flight
        source, retry = first_source(record), retry_state(record)
        # It waits outside of `in_flight`, so that all else can flow; its offset is begun, so that no commit passes it.
        if not skip and (seconds := min(retry.wait_seconds, self._longest_wait)):
            if watermark.begin(message.offset):
                self._assignment.record_started(message.tp, record)
                self._delayed.add(
                    ReceivedRecord(record, watermark, in_flight, time.monotonic(), source, retry), seconds
                )
            return
        await in_flight.acquire()
        if watermark.closed or not watermark.begin(message.offset):
            in_flight.release()
            return
        self._assignment.record_started(message.tp, record)
        self.pipeline.submit(ReceivedRecord(record, watermark, in_flight, time.monotonic(), source, retry, skip))

    async def _submit(self, received: ReceivedRecord) -> None:
        """Submit a record that became due; the planner drops it if its partition was revoked."""
        await self.pipeline.in_flight.acquire()
        self.pipeline.submit(received)

    async def _deliver_due(self) -> None:
        try:
            await self._delayed.run()
        except Exception as error:  # noqa: BLE001 - Faust would restart the task and lose its records
            self._failure.report(error)

    def _pause_retries(self) -> None:
        consumer: Any = self.app.consumer  # of our own transport
        consumer.pause_fetching(
            partition for partition in self._assignment.partitions if partition[0] == self._settings.named(RETRY)
        )

    def _resume_retries(self) -> None:
        consumer: Any = self.app.consumer
        consumer.resume_fetching()

    async def _on_assigned(self, _app: Any, assigned: set[TP], **_: Any) -> None:
        by_topic: dict[str, set[int]] = {}
        for partition in assigned:
            by_topic.setdefault(partition.topic, set()).add(partition.partition)
        if len({frozenset(partitions) for partitions in by_topic.values()}) > 1 or len(by_topic) not in (0, 3):
            self._failure.report(
                Broken(f"the listing topics' partitions differ: {by_topic}; see `lookalike topics check`")
            )
            return
        self._assignment.begin(assigned)
        self._lineage.assigned()
        self._lag_monitor.changed()
        self._drop_revoked()
        self.pipeline.set_owned_partitions(frozenset(partition.partition for partition in assigned))
        _log.info("assigned", partitions=sorted(next(iter(by_topic.values()), set())))
        self.assigned.set()

    async def _on_revoked(self, _app: Any, revoked: set[TP], **_: Any) -> None:
        self._assignment.release(revoked)
        self.pipeline.set_owned_partitions(frozenset(number for _, number in self._assignment.partitions - revoked))
        await asyncio.to_thread(self.pipeline.wait_written, REVOKE_SECONDS)
        await self._assignment.commit(self.app.consumer)
        self._assignment.close(revoked)
        self._lease.lose()
        self._lag_monitor.changed()
        self._drop_revoked()
        _log.info("revoked", partitions=len(revoked))

    def _drop_revoked(self) -> None:
        self._delayed.clear()
        self.pipeline.drop_revoked()

    async def _commit_repeatedly(self) -> None:
        while not self.app.should_stop:
            await asyncio.sleep(COMMIT_SECONDS)
            await self._assignment.commit(self.app.consumer)

    def health_state(self) -> HealthState:
        """What `/health` reports."""
        partitions = sorted({number for _, number in self._assignment.partitions}) if self.assigned.is_set() else None
        return HealthState(
            self.pipeline.progress(), partitions, self._watch.lag, self._stall_seconds, self._delayed.count
        )

    async def close(self, seconds: float) -> None:
        """Finish the writes in progress, commit them, leave the group; takes at most `seconds` in all."""
        deadline = asyncio.get_running_loop().time() + seconds
        await asyncio.to_thread(self.pipeline.stop, seconds / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                if not self.app.crashed:  # else the consumer's thread is gone, and would never answer
                    await self._assignment.commit(self.app.consumer)
                self._assignment.close(self._assignment.partitions)
                self._drop_revoked()
                await self.app.stop()

    def end_reason(self) -> str:
        """Why the Faust app ended by itself: usually an offset that is missing or out of range."""
        try:
            found = check_offsets(self._settings, self.app.conf.id)
        except (LookalikeError, KafkaException):
            found = None
        return found or f"the Faust app ended by itself: {self.app.crash_reason!r}"


def _record(message: Any) -> Record:
    timestamp = round(message.timestamp * 1_000) if message.timestamp else 0
    source = Source.model_construct(
        topic=message.topic, partition=message.partition, offset=message.offset, timestamp=record_time(timestamp)
    )
    headers = message.headers.items() if hasattr(message.headers, "items") else message.headers or ()
    return Record(source, message.key, message.value, tuple(headers))
