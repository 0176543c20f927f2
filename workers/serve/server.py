"""The server as a process: model and clients first, then a socket, then answers until it is asked to stop."""

import asyncio
import contextlib
import gc
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from streams.failures import CommandFailed, SlowDown
from streams.follow import Follower
from streams.hash_key import read_hash_key
from streams.settings import Settings
from workers.images.limits import ImageLimits
from workers.index.ending import end_within, stop_on_signals
from workers.models.encoder import Device
from workers.ready import tell_ready
from workers.serve import metrics
from workers.serve.answerer import Answerer, Means
from workers.serve.answerer import Chosen as Rules
from workers.serve.drawing import Shares
from workers.serve.encoders import Encoders
from workers.serve.health import Seen, document
from workers.serve.http import Parts, Terms, make_app
from workers.serve.intake import Intake
from workers.serve.limits import Crew, Limits
from workers.serve.listening import address_of, listen
from workers.serve.live import Live
from workers.serve.outbox import Outbox
from workers.serve.policy import Policy
from workers.vectors.collection import Collections, named, names
from workers.vectors.searching import Searcher

TAKEDOWNS_SECONDS = 10.0
"""How long the start waits for what was taken down; without it the server runs, and says 503."""
LOOK_SECONDS = 1.0
MILVUS_SECONDS = 2.0
"""For any one call: whoever waits for a shelf has left by then."""
THREADS, ENCODING_THREADS = 8, 2
"""Threads wait for Milvus most of their time; of pictures one is decoded while another is in the model."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Chosen:
    """What the operator chose for this server, beyond the settings."""

    models: tuple[str, ...] = ()
    """Beside the one in the settings."""
    device: Device = "auto"
    defaults: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)
    shares: Shares = field(default_factory=Shares)
    anchor: str = ""
    stale_seconds: float = 3_600.0
    record_within: float = 300.0
    ready_file: Path | None = None
    grace: float = 15.0
    """Seconds from SIGTERM to the end of the process."""


def run_server(settings: Settings, chosen: Chosen, listening: socket.socket) -> None:
    """Serve on a bound socket until SIGTERM or Ctrl-C, then answer what is in work and end.

    Raises CommandFailed: 2 for a model, an anchor or a hash key that can't be used, 3 where Milvus is away.
    """
    with contextlib.closing(listening), contextlib.closing(_Server(settings, chosen)) as server:
        asyncio.run(server.run(listening))


class _Quiet(uvicorn.Server):
    """uvicorn without its own handling of signals: it would end the process by the signal before all is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Server:
    """Everything that runs, from its start to its end."""

    def __init__(self, settings: Settings, chosen: Chosen) -> None:
        self._began_at, self._settings, self._chosen = time.monotonic(), settings, chosen
        key = read_hash_key(settings, make=True)
        self._follower = Follower(settings).start()
        self._searcher = Searcher(settings, seconds=MILVUS_SECONDS)
        self._live = Live(self._searcher.live)
        self._anchor = self._find_anchor()
        limits = ImageLimits(bytes=chosen.limits.picture_bytes, pixels=chosen.limits.picture_pixels)
        self._encoders = Encoders((settings.model, *chosen.models), limits, chosen.device)
        self._outbox = Outbox(settings, within=chosen.record_within).start()
        self._crew = Crew(THREADS, chosen.limits.at_once)
        self._encoding = Crew(ENCODING_THREADS, chosen.limits.encoded_at_once)
        self._answerer = Answerer(
            Means(self._searcher, self._live, self._follower, key, self._outbox),
            Rules(chosen.shares, self._anchor, chosen.stale_seconds),
        )
        self._seen = self._look()

    async def run(self, listening: socket.socket) -> None:
        """Answer until a signal comes; raises CommandFailed where takedowns can't be followed with our hash key."""
        chosen, stop = self._chosen, stop_on_signals()
        with contextlib.suppress(SlowDown):
            await asyncio.to_thread(self._follower.require, seconds=TAKEDOWNS_SECONDS)
        intake = Intake(self._settings, chosen.limits).start()
        parts = Parts(self._answerer, self._encoders, intake, self._crew, self._encoding, lambda: document(self._seen))
        terms = Terms(chosen.defaults, chosen.limits, self._settings.serve_token.get_secret_value())
        config = uvicorn.Config(
            make_app(parts, terms), log_config=None, access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=int(chosen.grace * 0.6),
        )  # fmt: skip
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
            end_within(chosen.grace, lambda: 1)
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
        self._encoding.close()
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

    def _look(self) -> Seen:
        problem, model = "", None
        try:
            model = self._live.now().model_id
        except SlowDown as away:
            problem = str(away)
        return Seen(
            model=model, problem=problem, encodes=model is not None and self._encoders.knows(model),
            anchor=self._anchor.model_id if self._anchor else None, takedowns=self._follower.takedowns.count,
            takedowns_age=self._follower.age, stale_seconds=self._chosen.stale_seconds,
            recorded=self._outbox.recorded, unrecorded=self._outbox.unrecorded, waiting=self._outbox.waiting,
            kafka=self._outbox.problem, seconds_up=time.monotonic() - self._began_at,
        )  # fmt: skip

    def _find_anchor(self) -> Collections | None:
        given = self._chosen.anchor
        if not given:
            return None
        found = names(self._settings, given) if "@" in given else named(self._settings, given)
        if not self._searcher.there(found):
            raise CommandFailed(f"--anchor {given}: Milvus has no collection {found.listings}", 2)
        return found

    def _tell_ready(self, listening: socket.socket) -> None:
        address = address_of(listening)
        _log.info("started", address=address, docs=f"{address}/docs", model=self._seen.model)
        tell_ready(self._chosen.ready_file, f"{address}/health")
