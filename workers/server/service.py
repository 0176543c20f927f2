"""The server as a process: model and clients first, then a socket, then answers until it is asked to stop."""

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
from workers.server.answerer import Answerer, Dependencies
from workers.server.answerer import AnswerOptions as Rules
from workers.server.api import ApiConfig, ApiDependencies, make_app
from workers.server.connections import protocol
from workers.server.file_descriptors import BACKLOG, places_for
from workers.server.fingerprint_check import Agreement
from workers.server.health import HealthState, health_report
from workers.server.interaction_intake import InteractionIntake
from workers.server.limits import BoundedExecutor, Unavailable
from workers.server.live_collection import Live
from workers.server.options import ServerOptions
from workers.server.picture_executor import PictureExecutor
from workers.server.policy import Policy
from workers.server.query_encoder import Encoders
from workers.server.shelf_publisher import ShelfPublisher
from workers.server.sockets import address_of, listen

_KEY_SECONDS = 2.0
TAKEDOWNS_SECONDS = 10.0
"""How long the start waits for what was taken down; without it the server runs, and says 503."""
LOOK_SECONDS = 1.0
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
        self._began_at, self._settings, self._chosen = time.monotonic(), settings, chosen
        key = _key(settings)
        self._follower = TakedownFollower(settings, key=key).start()
        self._searcher = Searcher(settings, seconds=MILVUS_SECONDS)
        self._live = Live(self._searcher.live)
        self._anchor = self._find_anchor()
        limits = ImageLimits(
            bytes=chosen.limits.picture_bytes,
            pixels=chosen.limits.picture_pixels,
            decode_seconds=chosen.limits.decode_seconds,
            formats=settings.image_formats,
        )
        agreement = Agreement(self._searcher.fingerprint)
        self._encoders = Encoders((settings.model, *chosen.models), limits, agreement, PICTURE_THREADS, chosen.device)
        self._require_agreement()
        self._outbox = ShelfPublisher(settings, within=chosen.record_within).start()
        self._crew = BoundedExecutor(THREADS, chosen.limits.at_once)
        self._pictures = PictureExecutor(PICTURE_THREADS, chosen.limits.encoded_at_once)
        self._texts = BoundedExecutor(TEXT_THREADS, chosen.limits.encoded_at_once)
        self._answerer = Answerer(
            Dependencies(self._searcher, self._live, self._follower, key, self._outbox),
            Rules(chosen.shares, self._anchor, chosen.stale_seconds),
        )
        self._away = ""
        """Why nobody knew what is live, the last time that was asked."""
        self._differs = ""
        """Why pictures and texts could not be asked for, the last time that was looked at."""
        self._seen = self._look()

    async def run(self, listening: socket.socket) -> None:
        """Answer until a signal comes; raises LookalikeError where takedowns can't be followed with our hash key."""
        chosen, stop = self._chosen, stop_event()
        with contextlib.suppress(SlowDown):
            await asyncio.to_thread(self._follower.require, seconds=TAKEDOWNS_SECONDS)
        intake = InteractionIntake(self._settings, chosen.limits).start()
        parts = ApiDependencies(
            self._answerer,
            self._encoders,
            intake,
            self._crew,
            self._pictures,
            self._texts,
            lambda: health_report(self._seen),
        )
        hosts = allowed_hosts(chosen.host, self._settings.allowed_hosts)
        token, formats = self._settings.serve_token.get_secret_value(), self._settings.image_formats
        terms = ApiConfig(Policy.by_default(chosen.shelf, chosen.limits.most), chosen.limits, token, hosts, formats)
        places = places_for(chosen.limits.connections)
        config = uvicorn.Config(
            make_app(parts, terms),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=int(chosen.process.grace * 0.6),
            http=protocol(places),
            backlog=BACKLOG,
            log_level="error",  # its warnings are about requests: whoever sends bad ones must not fill the disk
        )
        server = _Quiet(config)
        await asyncio.to_thread(self._look_again)
        gc.collect()
        gc.freeze()  # a collection that walks all of torch takes 0.6 s, and every request waits for it
        listen(listening)
        tasks: list[asyncio.Task[Any]] = [
            asyncio.create_task(server.serve([listening])),
            asyncio.create_task(stop.wait()),
            asyncio.create_task(self._keep_looking()),
        ]
        try:
            self._tell_ready(listening)
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

    def close(self) -> None:
        """Give what is on its way to Kafka a last chance, and let go of everything."""
        gc.unfreeze()
        self._crew.close()
        self._pictures.close()
        self._texts.close()
        self._outbox.close()
        self._encoders.close()
        self._follower.close()
        self._searcher.close()
        _log.info("ended", recorded=self._outbox.recorded, unrecorded=self._outbox.unrecorded)

    async def _keep_looking(self) -> None:
        """Know how the parts fare, without making anybody wait who asks; ends where takedowns can't be followed."""
        while self._follower.failure is None:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self._look_again)

    def _look_again(self) -> None:
        self._seen = self._look()
        metrics.TAKEDOWNS_AGE.set(self._seen.takedowns_age)

    def _look(self) -> HealthState:
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
            recorded=self._outbox.recorded,
            unrecorded=self._outbox.unrecorded,
            waiting=self._outbox.waiting,
            kafka=self._outbox.problem,
            seconds_up=time.monotonic() - self._began_at,
        )

    def _require_agreement(self) -> None:
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

    def _tell_ready(self, listening: socket.socket) -> None:
        address = address_of(listening)
        _log.info("started", address=address, docs=f"{address}/docs", model=self._seen.model)
        write_ready_file(self._chosen.process.ready_file, f"{address}/health")
