"""Requests of strangers turned away before anything is done for them: by their `Host`, `Origin`, `Sec-Fetch-Site`."""

import time

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from workers.process.request_origin import REMEDY, AllowedHosts
from workers.server import metrics
from workers.server.responses import Problem

_LOG_SECONDS = 60.0
"""Between two lines about refused requests: whoever sends them must not fill the disk."""
_log = structlog.get_logger(__name__)


class OriginCheck:
    """ASGI middleware that refuses requests of other sites and of other hosts' names."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app, self._hosts = app, hosts
        self._logged_at = float("-inf")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        refusal = None
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._hosts.refusal_of(headers)
        if refusal is None:
            await self._app(scope, receive, send)
            return
        metrics.FOREIGN.labels(refusal.reason).inc()
        if time.monotonic() - self._logged_at >= _LOG_SECONDS:
            self._logged_at = time.monotonic()
            sent = {name: headers.get(name, "")[:200] for name in ("host", "origin")}
            _log.warning("request_refused", reason=refusal.reason, remedy=REMEDY, **sent)
        problem = Problem(reason=refusal.reason, detail=refusal.detail)
        await Response(problem.model_dump_json(), refusal.status, media_type="application/json")(scope, receive, send)
