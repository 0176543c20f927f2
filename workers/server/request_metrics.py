"""Counting and timing each request, by its route and never by its path."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workers.server import metrics


class RequestMetrics:
    """ASGI middleware that counts and times requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, started = 500, time.perf_counter()

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            metrics.REQUESTS.labels(route, str(status)).inc()
            metrics.SECONDS.labels(route).observe(time.perf_counter() - started)
