"""The server as a process: model and clients first, then the socket, then answers until it is asked to stop.

    request ─► Connection ─► OriginCheck ─► api ─► BoundedExecutor, PictureExecutor (threads)
               (slots)       (Host, Origin)           │
                                                      ▼
                 LiveCollection ◄── Answerer ──► QueryEncoders (picture, text)
                 (alias, 1 s)         │    └───► Searcher ─► Milvus
                 TakedownFollower ◄───┤
                 (Kafka, hidden)      └───► ShelfPublisher ─► Kafka `interactions`
                                            InteractionIntake ─► the same, for what visitors did

Once a second the state of all of these is read for /health (`_refresh_health`), so that nobody who asks waits.
"""

import asyncio
import contextlib
import gc
import socket
import time
from collections.abc import Generator
from typing import Any

import structlog
import uvicorn

from streams.errors import LookalikeError, SlowDown, UsageError
from streams.hash_key_pin import catalogue_key
from streams.keyed_hash import HashKey, read_hash_key
from streams.settings import Settings
from streams.takedown_follower import TakedownFollower
from workers.images.limits import ImageLimits
from workers.milvus.collection import Collections, collection_names, collections_named
from workers.milvus.fingerprints import REMEDY
from workers.milvus.searcher import Searcher
from workers.process.ready_file import write_ready_file
from workers.process.request_origin import allowed_hosts
from workers.process.shutdown import end_within, stop_event
from workers.server import metrics
from workers.server.answerer import Answerer, AnswerOptions, Dependencies
from workers.server.api import ApiConfig, ApiDependencies, make_app
from workers.server.connections import protocol
from workers.server.file_descriptors import BACKLOG, slots_for
from workers.server.fingerprint_check import FingerprintCheck
from workers.server.health import HealthState, health_report
from workers.server.interaction_intake import InteractionIntake
from workers.server.limits import BoundedExecutor, Unavailable
from workers.server.live_collection import LiveCollection
from workers.server.options import ServerOptions
from workers.server.picture_executor import PictureExecutor
from workers.server.policy import Policy
from workers.server.query_encoder import QueryEncoders
from workers.server.shelf_publisher import ShelfPublisher
from workers.server.sockets import address_of, listen

_KEY_SECONDS = 2.0
TAKEDOWNS_SECONDS = 10.0
"""How long the start waits for what was taken down; without it the server runs, and says 503."""
HEALTH_SECONDS = 1.0
MILVUS_SECONDS = 2.0
"""For any one call: whoever waits for a shelf has left by then."""
THREADS, PICTURE_THREADS, TEXT_THREADS = 8, 2, 2
"""Threads wait for Milvus most of their time; of pictures one is decoded while another is in the model."""
_log = structlog.get_logger(__name__)


def run_server(settings: Settings, chosen: ServerOptions, listening: socket.socket) -> None:
    """Serve on a bound socket until SIGTERM or Ctrl-C, then answer what is in work and end.

    Raises UsageError for a model, an anchor or a hash key that can't be used, or an encoder other than the one
    that filled the collection, ServiceUnavailable where Milvus is away.
    """
    with contextlib.closing(listening), contextlib.closing(_Server(settings, chosen)) as server:
        asyncio.run(server.run(listening))


def _key(settings: Settings) -> HashKey:
    """The catalogue's hash key; if Kafka is away its own, and the follower compares it when Kafka is back."""
    try:
        return catalogue_key(settings, make=True, seconds=_KEY_SECONDS)
    except UsageError:
        raise
    except LookalikeError:
        return read_hash_key(settings, make=True)


class _Quiet(uvicorn.Server):
    """uvicorn without its own handling of signals: it would end the process by the signal before all is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Server:
    """Everything that runs, from its start to its end."""

    def __init__(self, settings: Settings, chosen: ServerOptions) -> None:
        self._started_at, self._settings, self._chosen = time.monotonic(), settings, chosen
        key = _key(settings)
        self._follower = TakedownFollower(settings, key=key).start()
        self._searcher = Searcher(settings, seconds=MILVUS_SECONDS)
        self._live = LiveCollection(self._searcher.live)
        self._anchor = self._find_anchor()
        limits = ImageLimits(
            bytes=chosen.limits.picture_bytes,
            pixels=chosen.limits.picture_pixels,
            decode_seconds=chosen.limits.decode_seconds,
            formats=settings.image_formats,
        )
        fingerprint_check = FingerprintCheck(self._searcher.fingerprint)
        self._encoders = QueryEncoders(
            (settings.model, *chosen.models), limits, fingerprint_check, PICTURE_THREADS, chosen.device
        )
        self._check_fingerprints()
        self._shelf_publisher = ShelfPublisher(settings, within=chosen.record_within).start()
        self._listing_executor = BoundedExecutor(THREADS, chosen.limits.at_once)
        self._picture_executor = PictureExecutor(PICTURE_THREADS, chosen.limits.encoded_at_once)
        self._text_executor = BoundedExecutor(TEXT_THREADS, chosen.limits.encoded_at_once)
        self._answerer = Answerer(
            Dependencies(self._searcher, self._live, self._follower, key, self._shelf_publisher),
            AnswerOptions(chosen.shares, self._anchor, chosen.stale_seconds),
        )
        self._away = ""
        """Why nobody knew what is live, the last time that was asked."""
        self._differs = ""
        """Why queries by picture and text were refused at the last check; empty if they were not."""
        self._health = self._read_health()

    async def run(self, listening: socket.socket) -> None:
        """Answer until a signal comes; raises LookalikeError where takedowns can't be followed with our hash key."""
        chosen, stop = self._chosen, stop_event()
        with contextlib.suppress(SlowDown):
            await asyncio.to_thread(self._follower.require, seconds=TAKEDOWNS_SECONDS)
        intake = InteractionIntake(self._settings, chosen.limits).start()
        server = _Quiet(self._uvicorn_config(intake))
        await asyncio.to_thread(self._refresh_health)
        gc.collect()
        gc.freeze()  # a collection that walks all of torch takes 0.6 s, and every request waits for it
        listen(listening)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(server.serve([listening])),
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._keep_refreshing()),
        ]
        try:
            self._announce(listening)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            end_within(chosen.process.grace, lambda: 1)
            server.should_exit = True
            await tasks[0]
            for task in tasks[1:]:
                task.cancel()
            await intake.close()
        if self._follower.failure is not None:
            raise self._follower.failure

    def _uvicorn_config(self, intake: InteractionIntake) -> uvicorn.Config:
        chosen, settings = self._chosen, self._settings
        dependencies = ApiDependencies(
            self._answerer,
            self._encoders,
            intake,
            self._listing_executor,
            self._picture_executor,
            self._text_executor,
            lambda: health_report(self._health),
        )
        config = ApiConfig(
            Policy.by_default(chosen.shelf, chosen.limits.most),
            chosen.limits,
            settings.serve_token.get_secret_value(),
            allowed_hosts(chosen.host, settings.allowed_hosts),
            settings.image_formats,
        )
        return uvicorn.Config(
            make_app(dependencies, config),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=int(chosen.process.grace * 0.6),
            http=protocol(slots_for(chosen.limits.connections)),
            backlog=BACKLOG,
            log_level="error",  # its warnings are about requests: whoever sends bad ones must not fill the disk
        )

    def close(self) -> None:
        """Send what is queued for Kafka, as far as it goes in time, and close everything."""
        gc.unfreeze()
        self._listing_executor.close()
        self._picture_executor.close()
        self._text_executor.close()
        self._shelf_publisher.close()
        self._encoders.close()
        self._follower.close()
        self._searcher.close()
        _log.info("ended", recorded=self._shelf_publisher.recorded, unrecorded=self._shelf_publisher.unrecorded)

    async def _keep_refreshing(self) -> None:
        """Read the state of all parts once a second; ends if takedowns can't be followed."""
        while self._follower.failure is None:
            await asyncio.sleep(HEALTH_SECONDS)
            await asyncio.to_thread(self._refresh_health)

    def _refresh_health(self) -> None:
        self._health = self._read_health()
        metrics.TAKEDOWNS_AGE.set(self._health.takedowns_age)

    def _read_health(self) -> HealthState:
        problem, model, away, unencoded = "", None, None, None
        try:
            live = self._live.now()
            unencoded = self._encoders.problem(live)
            model = live.model_id
        except SlowDown as failure:
            away = failure
            problem = str(away) if isinstance(away, Unavailable) else "Milvus does not answer; the log says why"
            if str(away) != self._away:
                _log.warning("milvus_away", error=str(away))
        self._away = "" if away is None else str(away)
        if unencoded and unencoded != self._differs:
            _log.warning("not_encoding", why=unencoded)
        self._differs = unencoded or ""
        return HealthState(
            model=model,
            problem=problem,
            unencoded=unencoded,
            anchor=self._anchor.model_id if self._anchor else None,
            takedowns=self._follower.takedowns.count,
            takedowns_age=self._follower.age,
            stale_seconds=self._chosen.stale_seconds,
            recorded=self._shelf_publisher.recorded,
            unrecorded=self._shelf_publisher.unrecorded,
            waiting=self._shelf_publisher.waiting,
            kafka=self._shelf_publisher.problem,
            seconds_up=time.monotonic() - self._started_at,
        )

    def _check_fingerprints(self) -> None:
        """Raise UsageError if another encoder than ours filled the collections that queries go to."""
        with contextlib.suppress(SlowDown):
            for each in (self._live.now(), *filter(None, (self._anchor,))):
                if self._encoders.knows(each.model_id) and (problem := self._encoders.problem(each)):
                    raise UsageError(f"{problem}; {REMEDY}")

    def _find_anchor(self) -> Collections | None:
        given = self._chosen.anchor
        if not given:
            return None
        found = collection_names(self._settings, given) if "@" in given else collections_named(self._settings, given)
        if not self._searcher.there(found):
            raise UsageError(f"--anchor {given}: Milvus has no collection {found.listings}")
        return found

    def _announce(self, listening: socket.socket) -> None:
        address = address_of(listening)
        _log.info("started", address=address, docs=f"{address}/docs", model=self._health.model)
        write_ready_file(self._chosen.process.ready_file, f"{address}/health")
