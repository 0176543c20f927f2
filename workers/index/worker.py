"""One index worker as a process: load the model, prepare the collections, run the app until a signal or a failure."""

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from prometheus_client import start_http_server

from streams.failures import Broken, CommandFailed, SlowDown
from streams.settings import Settings
from streams.topics import LISTING_TOPICS, check
from workers.index.app import IndexApp, group_of, make_app
from workers.index.limits import Capacity, ImageLimits
from workers.index.pipeline import Pipeline
from workers.models.encoder import Device, SiglipEncoder
from workers.models.folder import find_model, read_recipe
from workers.models.protocol import ImageEncoder
from workers.vectors.client import answering, connect
from workers.vectors.collection import live, prepare
from workers.vectors.store import Store

GRACE_SECONDS = 15.0
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
    ready_file: Path | None = None
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"


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
    if chosen.metrics_port is not None:
        start_http_server(chosen.metrics_port, addr=chosen.metrics_host)
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
    index = IndexApp(make_app(settings, encoder.recipe.hash12), settings)
    index.pipeline = Pipeline(settings, encoder, store, index.fail, chosen.limits, chosen.capacity)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    index.pipeline.start()
    await index.app.start()
    _log.info("started", group=group_of(settings, encoder.recipe.hash12), collection=store.collections.listings)
    waits: dict[str, asyncio.Task[Any]] = {
        "stopped": asyncio.create_task(stop.wait()),
        "assigned": asyncio.create_task(_tell_ready(index, chosen.ready_file)),
        "crashed": asyncio.create_task(index.app.wait_until_stopped()),
    }
    try:
        ends: list[asyncio.Future[Any]] = [waits["stopped"], waits["crashed"], index.failure]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        started = time.monotonic()
        await index.close(GRACE_SECONDS)
        await index.app.stop()
        for task in waits.values():
            task.cancel()
        _log.info("ended", seconds=round(time.monotonic() - started, 1))
    if index.failure.done():
        index.failure.result()
    if not stop.is_set():
        raise Broken(f"the Faust app ended by itself: {index.app.crash_reason!r}")


async def _tell_ready(index: IndexApp, ready_file: Path | None) -> None:
    await index.assigned.wait()
    if ready_file is not None:
        await asyncio.to_thread(ready_file.touch)


def _check_topics(settings: Settings) -> None:
    """Wait a while for the topics to be created, by whoever starts everything at once, then insist on them."""
    listing_topics = {settings.named(name) for name in LISTING_TOPICS}
    deadline = time.monotonic() + TOPICS_SECONDS
    while True:
        wrong = [each for each in check(settings) if each.name in listing_topics and not each.ok]
        if not wrong:
            return
        if any(each.partitions for each in wrong) or time.monotonic() > deadline:
            raise CommandFailed(f"topic {wrong[0].name}: {wrong[0].problem}", 2)
        time.sleep(0.2)
