"""`/health` and `/metrics` on one port, served by the worker's own event loop: a blocked loop does not answer."""

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import workers.indexer.metrics  # noqa: F401 - what `/metrics` serves
from streams.errors import CommandFailed
from workers.indexer.availability import Absence
from workers.indexer.liveness import Progress, stalled
from workers.process.failure_policy import STALL_SECONDS
from workers.process.request_origin import REMEDY, allowed_hosts

REQUEST_SECONDS = 10.0
"""From the start of a connection, or the last answer, to the last byte of a request's header."""
CONNECTIONS = 64
"""At once; a further one takes the place of the oldest: half-open ones must not use up the worker's descriptors."""


@dataclass(frozen=True)
class HealthState:
    """The state of a worker; `partitions` is None before the first assignment."""

    progress: Progress
    partitions: list[int] | None
    lag: int
    """Of its own partitions, found twice with nothing fetched between: see `liveness.stalled_twice`. Else 0."""
    stall_seconds: float = STALL_SECONDS
    """The longest that work may make no progress."""
    delayed: int = 0
    """Events of the retry topic that are not due yet: their lag is intended."""


@dataclass(frozen=True)
class WorkerIdentity:
    """The constant facts of a worker."""

    model: str
    collection: str
    started_at: float
    """`time.monotonic()`."""


def health_report(now: float, worker: WorkerIdentity, state_now: HealthState) -> dict[str, Any]:
    """The document of `/health`; its `state` is starting, running, waiting or stalled.

    Waiting (for Milvus or Kafka) is healthy: a restart would not help.
    """
    progress, why = state_now.progress, None
    if why := stalled(now, progress, state_now.lag, state_now.stall_seconds):
        state = "stalled"
    elif progress.absences:
        state, why = "waiting", "; ".join(_absence_text(now, each) for each in progress.absences)
    else:
        state = "starting" if state_now.partitions is None else "running"
    return {
        "state": state,
        "why": why,
        "in_hand": progress.in_flight,
        "waiting": state_now.delayed,
        "seconds_since_progress": round(now - progress.progress_at, 1),
        "partitions": state_now.partitions,
        "model": worker.model,
        "collection": worker.collection,
        "seconds_up": round(now - worker.started_at, 1),
    }


def _absence_text(now: float, absence: Absence) -> str:
    because = f" ({absence.why})" if absence.why else ""
    return f"{absence.service} has been away for {now - absence.since:.0f} s{because}"


async def serve(
    host: str, port: int, worker: WorkerIdentity, state_now: Callable[[], HealthState], named: Collection[str] = ()
) -> tuple[web.AppRunner, str]:
    """Begin to serve; returns what `cleanup` ends, and the address of `/health`. Port 0 is any free one.

    Raises CommandFailed (1) where the address can't be listened on.
    """

    async def health(_request: web.Request) -> web.Response:
        report = health_report(time.monotonic(), worker, state_now())
        return web.json_response(report, status=503 if report["state"] == "stalled" else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    hosts = allowed_hosts(host, named)

    @web.middleware
    async def own_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if refusal := hosts.refusal_of(headers):
            return web.Response(status=refusal.status, text=f"{refusal.detail}; {REMEDY}\n")
        return await handler(request)

    app = web.Application(middlewares=[own_requests])
    app.add_routes([web.get("/health", health), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=REQUEST_SECONDS)

    async def stop_listening(_app: web.Application) -> None:
        if listening is not None:
            listening.close()

    listening: asyncio.Server | None = None
    app.on_shutdown.append(stop_listening)
    await runner.setup()
    server = cast("web.Server", runner.server)

    def connection() -> asyncio.Protocol:
        for oldest in server.connections[: max(0, 1 + len(server.connections) - CONNECTIONS)]:
            oldest.force_close()
        return server()

    try:
        listening = await asyncio.get_running_loop().create_server(connection, host, port)
    except OSError as error:
        await runner.cleanup()
        raise CommandFailed(
            f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
        ) from None
    bound = listening.sockets[0].getsockname()[1]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return runner, f"http://{f'[{reached}]' if ':' in reached else reached}:{bound}/health"
