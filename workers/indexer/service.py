"""The index worker's process: loads the model, prepares the collections, runs the app until a signal or a failure.

Kafka: listing-created, -updated, -retry ─► faust/app ─► pipeline ─► Milvus: rows and tombstones of one model
         ▲ committed offsets ◄── assignment ◄──┘            │
         └ listing-indexed, listing-dead-letter, -retry ◄───┘ reporter
Beside them: lineage_watch (is it still the same log?), lease (is the partition still ours?), health (/health).
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import structlog

from schemas.fingerprint import Fingerprint
from streams.clients import await_kafka
from streams.errors import Broken, CollectionGone, LookalikeError, SlowDown, UsageError
from streams.groups import index_group
from streams.hash_key_pin import catalogue_key
from streams.redaction import shown_address
from streams.settings import Settings
from streams.topics import NEEDED_BY_WORKERS, check
from workers.images.fingerprint import fingerprint_of
from workers.indexer.config import IndexerOptions
from workers.indexer.faust.app import IndexApp, make_app
from workers.indexer.first_failure import FirstFailure
from workers.indexer.health import WorkerIdentity, report_by_loop
from workers.indexer.lease import Lease
from workers.indexer.lineage import REBUILD, Lineage
from workers.indexer.partition_offsets import read_partition_offsets
from workers.indexer.pipeline import Pipeline
from workers.indexer.start_offsets import set_start_offsets
from workers.milvus.client import as_command_failure, connect
from workers.milvus.collection import collection_names, exists, identity, live, prepare
from workers.milvus.fingerprints import ensure_fingerprint
from workers.milvus.store import Store
from workers.models.encoder import SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.protocol import ImageEncoder
from workers.process.health_server import HealthServer
from workers.process.ready_file import write_ready_file
from workers.process.shutdown import end_within, stop_event

_EXIT_SECONDS = 1.0
"""The part of the grace time reserved for the exit of the interpreter."""
TOPICS_SECONDS = 10.0
_log = structlog.get_logger(__name__)


def run_worker(settings: Settings, options: IndexerOptions) -> None:
    """Run until SIGTERM or Ctrl-C, then stop cleanly.

    Raises UsageError for a model or a hash key that can't be used, an encoder other than the one that filled the
    collection, or topics that differ, ServiceUnavailable for services that are unavailable, LookalikeError for a later
    failure (the supervisor starts the worker again).
    """
    _check_topics(settings)
    catalogue_key(settings, make=True)
    folder = find_model(options.model or settings.model)
    encoder = SiglipEncoder(folder, read_recipe(folder), device=options.device, batch_size=options.batch_size)
    run_with(settings, options, encoder, encoder.dimensions, fingerprint_of(encoder))


def run_with(
    settings: Settings,
    options: IndexerOptions,
    encoder: ImageEncoder,
    dimensions: int,
    fingerprint: Fingerprint | None = None,
) -> None:
    """`run_worker` with any encoder; one without a fingerprint is compared with none."""
    group, model_id = index_group(settings, encoder.recipe.hash12), encoder.recipe.model_id
    if not options.rebuild:
        _require_store(settings, model_id, group)
    store = open_store(settings, model_id, dimensions, fingerprint)
    with as_command_failure(settings):
        store_id = identity(store.client, store.collections)
    set_start_offsets(settings, group, store_id, accept=options.accept_offsets, rebuild=options.rebuild)
    lineage = Lineage(settings, group, store_id, lambda: identity(store.client, store.collections))
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        asyncio.run(_run(settings, options, encoder, store, lineage))
    except (Broken, SlowDown) as broken:
        raise LookalikeError(f"the index worker stopped: {broken}") from broken
    except OSError as error:
        where = error.filename or settings.data
        raise LookalikeError(f"the index worker can't use {where}: {error.strerror or error}") from error


def _require_store(settings: Settings, model_id: str, group: str) -> None:
    """Refuse to create missing collections for a group that has read something: it has written to them."""
    with as_command_failure(settings):
        client, collections = connect(settings), collection_names(settings, model_id)
        if exists(client, collections):
            return
    begun = [place for place in read_partition_offsets(await_kafka(settings), settings, group) if place.has_progress]
    if begun:
        first = begun[0]
        raise UsageError(
            f"Milvus at {shown_address(settings.milvus)} lacks {collections.listings} or {collections.tombstones}, "
            f"which group {group} has written to: it has read {first.topic} partition {first.partition} up to "
            f"{first.committed}. They were dropped, or LOOKALIKE_MILVUS is not where they are; nothing was made; if "
            f"they are gone, {REBUILD}",
        )


def open_store(settings: Settings, model_id: str, dimensions: int, fingerprint: Fingerprint | None = None) -> Store:
    """The store of a model's collections, created if they are missing; warns if another model is live.

    Raises UsageError if another encoder filled them, ServiceUnavailable if Milvus is unavailable.
    """
    client = connect(settings)
    with as_command_failure(settings):
        collections = prepare(client, settings, model_id, dimensions)
        if fingerprint is not None:
            ensure_fingerprint(client, settings, collections, fingerprint)
        try:
            current = live(client, settings)
        except CollectionGone as error:  # others read by the alias; what is written here goes to the collection by name
            _log.warning("alias_moved", error=str(error))
            current = None
    if current is not None and current.listings != collections.listings:
        _log.warning("another_model_is_live", live=current.model_id, indexing_into=collections.listings)
    return Store(client, collections)


async def _run(
    settings: Settings, options: IndexerOptions, encoder: ImageEncoder, store: Store, lineage: Lineage
) -> None:
    """Wire the worker and run it until a signal or a failure; raises the failure."""
    began_at, stop, lease, failure = time.monotonic(), stop_event(), Lease(), FirstFailure()
    pipeline = Pipeline(settings, options, encoder, store, lease, failure.report)
    app = make_app(settings, encoder.recipe.hash12)
    index = IndexApp(app, settings, options, lineage, pipeline, lease, failure)
    identity = WorkerIdentity(encoder.recipe.model_id, store.collections.listings, began_at)
    server = None
    if options.metrics.port is not None:
        report = report_by_loop(identity, index.health_state)
        server = HealthServer(options.metrics.host, options.metrics.port, report, settings.allowed_hosts).start()
        index.start_lag_metrics()
    health = None if server is None else server.address
    pipeline.start()
    waits: list[asyncio.Future[Any]] = [
        asyncio.create_task(app.start()),
        asyncio.create_task(stop.wait()),
        asyncio.create_task(app.wait_until_stopped()),
        asyncio.create_task(_report_ready(index, options.process.ready_file, health)),
    ]
    started, stopped, crashed, _ = waits
    try:
        await asyncio.wait([started, stopped, failure.future], return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
            in_flight = options.capacity.max_in_flight
            _log.info("started", group=app.conf.id, into=store.collections.listings, in_hand=in_flight)
        await asyncio.wait([stopped, crashed, failure.future], return_when=asyncio.FIRST_COMPLETED)
    finally:
        grace = options.process.grace
        end_within(grace, lambda: 0 if stop.is_set() and not failure.reported else 1)
        await _close(index, server, waits, grace, failing=sys.exc_info()[0] is not None or failure.reported)
    if failure.reported:
        failure.future.result()
    if not stop.is_set():
        raise Broken(await asyncio.to_thread(index.end_reason))


async def _close(
    index: IndexApp,
    server: HealthServer | None,
    waits: list[asyncio.Future[Any]],
    grace: float,
    *,
    failing: bool,
) -> None:
    """Close everything within `grace` seconds; an error while it is `failing` is logged only."""
    began = time.monotonic()
    try:
        await index.close(grace - _EXIT_SECONDS)
    except Exception as error:  # while failing, whatever it is follows from the failure that `_run` reports
        if not failing:
            raise
        _log.warning("not_closed", error=repr(error))
    if server is not None:
        await asyncio.to_thread(server.close)
    for task in waits:
        task.cancel()
    _log.info("ended", seconds=round(time.monotonic() - began, 1))


async def _report_ready(index: IndexApp, ready_file: Path | None, health: str | None) -> None:
    await index.assigned.wait()
    await asyncio.to_thread(write_ready_file, ready_file, health)


def _check_topics(settings: Settings) -> None:
    """Wait up to `TOPICS_SECONDS` for the topics to be created, then require them (UsageError)."""
    needed = {settings.named(name) for name in NEEDED_BY_WORKERS}
    deadline = time.monotonic() + TOPICS_SECONDS
    while True:
        wrong = [each for each in check(settings) if each.name in needed and each.serious and not each.ok]
        if not wrong:
            return
        if any(each.partitions for each in wrong) or time.monotonic() > deadline:
            raise UsageError(f"topic {wrong[0].name}: {wrong[0].problem}")
        time.sleep(0.2)
