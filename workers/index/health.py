"""`/health` and `/metrics` on one port, served by the worker's own event loop: a loop that is stuck does not answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import workers.index.metrics  # noqa: F401 - what `/metrics` serves
from streams.failures import CommandFailed
from workers.index.liveness import Progress, stalled


@dataclass(frozen=True)
class Seen:
    """What a worker knows of itself; `partitions` is None before the first assignment."""

    progress: Progress
    partitions: list[int] | None
    lag: int
    """Of its own partitions, where it was asked for: see `liveness.needs_lag`."""


@dataclass(frozen=True)
class Who:
    """What a worker is, from its start to its end."""

    model: str
    collection: str
    started_at: float
    """`time.monotonic()`."""


def document(now: float, who: Who, seen: Seen) -> dict[str, Any]:
    """What the person on call wants to know; `state` is starting, running, waiting or stalled.

    Waiting (for Milvus or Kafka) is well: to be started again would help nobody.
    """
    progress, why = seen.progress, None
    if why := stalled(now, progress, seen.lag):
        state = "stalled"
    elif progress.away_since is not None:
        state, why = "waiting", f"{progress.away} has been away for {now - progress.away_since:.0f} s"
    else:
        state = "starting" if seen.partitions is None else "running"
    return {
        "state": state,
        "why": why,
        "in_hand": progress.in_hand,
        "seconds_since_progress": round(now - progress.progress_at, 1),
        "partitions": seen.partitions,
        "model": who.model,
        "collection": who.collection,
        "seconds_up": round(now - who.started_at, 1),
    }


async def serve(host: str, port: int, who: Who, seen: Callable[[], Seen]) -> tuple[web.AppRunner, str]:
    """Begin to serve; returns what `cleanup` ends, and the address of `/health`. Port 0 is any free one.

    Raises CommandFailed (1) where the address can't be listened on.
    """

    async def health(_request: web.Request) -> web.Response:
        found = document(time.monotonic(), who, seen())
        return web.json_response(found, status=503 if found["state"] == "stalled" else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/health", health), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise CommandFailed(
            f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
        ) from None
    bound = runner.addresses[0][1]
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not bound
    return runner, f"http://{f'[{reached}]' if ':' in reached else reached}:{bound}/health"
