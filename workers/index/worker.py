"""One index worker as a process: load the model, prepare the collections, run the app until a signal or a failure."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from streams.failures import Broken, CommandFailed, SlowDown
from streams.settings import Settings
from streams.topics import NEEDED_BY_WORKERS, check
from workers.images.limits import ImageLimits
from workers.index.app import IndexApp, group_of, make_app
from workers.index.ending import end_within, stop_on_signals
from workers.index.health import Who, serve
from workers.index.limits import Capacity, Endings
from workers.index.offsets import begin
from workers.index.pipeline import Pipeline
from workers.models.encoder import Device, SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.protocol import ImageEncoder
from workers.ready import tell_ready
from workers.vectors.client import answering, connect
from workers.vectors.collection import live, prepare
from workers.vectors.store import Store

_EXIT_SECONDS = 1.0
"""What is kept of the grace time for the interpreter's own end."""
TOPICS_SECONDS = 10.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Chosen:
    """What the operator chose for this worker, beyond the settings."""

    model: str = ""
    device: Device = "auto"
    batch_size: int = 32
    capacity: Capacity = Capacity()  # noqa: RUF009 - a frozen value
    limits: ImageLimits = ImageLimits()  # noqa: RUF009 - a frozen value
    endings: Endings = Endings()  # noqa: RUF009 - a frozen value
    ready_file: Path | None = None
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    accept_offsets: bool = False
    grace: float = 15.0
    """Seconds from SIGTERM to the end of the process."""


def run_worker(settings: Settings, chosen: Chosen) -> None:
    """Run until SIGTERM or Ctrl-C, then stop cleanly.

    Raises CommandFailed: 2 for a model that can't be used or topics that differ, 3 for services that are away, 1 for
    a failure on the way (the supervisor starts the worker again).
    """
    _check_topics(settings)
    folder = find_model(chosen.model or settings.model)
    encoder = SiglipEncoder(folder, read_recipe(folder), device=chosen.device, batch_size=chosen.batch_size)
    run_with(settings, chosen, encoder, encoder.dimensions)


def run_with(settings: Settings, chosen: Chosen, encoder: ImageEncoder, dimensions: int) -> None:
    """`run_worker` with any encoder."""
    store = open_store(settings, encoder.recipe.model_id, dimensions)
    begin(settings, group_of(settings, encoder.recipe.hash12), accept=chosen.accept_offsets)
    try:
        asyncio.run(_run(settings, chosen, encoder, store))
    except (Broken, SlowDown) as broken:
        raise CommandFailed(f"the index worker stopped: {broken}") from broken


def open_store(settings: Settings, model_id: str, dimensions: int) -> Store:
    """The store of a model's collections, made where they are missing; says so where another model is live."""
    client = connect(settings)
    with answering(settings):
        collections = prepare(client, settings, model_id, dimensions)
        current = live(client, settings)
    if current is not None and current.listings != collections.listings:
        _log.warning("another_model_is_live", live=current.model_id, indexing_into=collections.listings)
    return Store(client, collections)


async def _run(settings: Settings, chosen: Chosen, encoder: ImageEncoder, store: Store) -> None:
    began_at = time.monotonic()
    index = IndexApp(make_app(settings, encoder.recipe.hash12), settings, chosen.capacity, chosen.endings)
    index.pipeline = Pipeline(
        settings, encoder, store, index.fail, chosen.limits, chosen.capacity, chosen.endings, index.lease
    )
    stop = stop_on_signals()
    server, health = await _serve(chosen, Who(encoder.recipe.model_id, store.collections.listings, began_at), index)
    index.pipeline.start()
    waits: list[asyncio.Future[Any]] = [
        asyncio.create_task(index.app.start()),
        asyncio.create_task(stop.wait()),
        asyncio.create_task(_tell_ready(index, chosen.ready_file, health)),
        asyncio.create_task(index.app.wait_until_stopped()),
    ]
    started, stopped, _, crashed = waits
    try:
        await asyncio.wait([started, stopped, index.failure], return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
            group, in_hand = group_of(settings, encoder.recipe.hash12), chosen.capacity.in_hand
            _log.info("started", group=group, into=store.collections.listings, in_hand=in_hand)
        await asyncio.wait([stopped, crashed, index.failure], return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked_at = time.monotonic()
        end_within(chosen.grace, lambda: 0 if stop.is_set() and not index.failure.done() else 1)
        await index.close(chosen.grace - _EXIT_SECONDS)
        if server is not None:
            await server.cleanup()
        for task in waits:
            task.cancel()
        _log.info("ended", seconds=round(time.monotonic() - asked_at, 1))
    if index.failure.done():
        index.failure.result()
    if not stop.is_set():
        raise Broken(await asyncio.to_thread(index.why_ended))


async def _serve(chosen: Chosen, who: Who, index: IndexApp) -> tuple[web.AppRunner | None, str | None]:
    if chosen.metrics_port is None:
        return None, None
    return await serve(chosen.metrics_host, chosen.metrics_port, who, index.seen)


async def _tell_ready(index: IndexApp, ready_file: Path | None, health: str | None) -> None:
    await index.assigned.wait()
    await asyncio.to_thread(tell_ready, ready_file, health)


def _check_topics(settings: Settings) -> None:
    """Wait a while for the topics to be created, by whoever starts everything at once, then insist on them."""
    needed = {settings.named(name) for name in NEEDED_BY_WORKERS}
    deadline = time.monotonic() + TOPICS_SECONDS
    while True:
        wrong = [each for each in check(settings) if each.name in needed and each.serious and not each.ok]
        if not wrong:
            return
        if any(each.partitions for each in wrong) or time.monotonic() > deadline:
            raise CommandFailed(f"topic {wrong[0].name}: {wrong[0].problem}", 2)
        time.sleep(0.2)
