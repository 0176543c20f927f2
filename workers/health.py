"""`/health` and `/metrics` of a worker without an event loop, served by a thread of their own."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.failures import CommandFailed

Look = Callable[[], dict[str, Any]]
"""The document of now; its `state` is starting, running, waiting or stalled."""


class HealthServer:
    """Serves until `close`; port 0 is any free one. Raises CommandFailed (1) where it can't be listened on."""

    def __init__(self, host: str, port: int, look: Look) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(look))
        except OSError as error:
            raise CommandFailed(
                f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def address(self) -> str:
        """Where `/health` is."""
        host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1"}.get(str(self._server.server_address[0]))  # noqa: S104 - compared
        return f"http://{host or self._server.server_address[0]!s}:{self._server.server_address[1]}/health"

    def start(self) -> Self:
        """Begin; returns at once."""
        self._thread.start()
        return self

    def close(self) -> None:
        """End the thread."""
        self._server.shutdown()
        self._server.server_close()


def _handler(look: Look) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path == "/health":
                found = look()
                status = 503 if found["state"] == "stalled" else 200
                self._answer(status, "application/json", json.dumps(found).encode())
            else:
                self._answer(404, "text/plain", b"/health or /metrics\n")

        def log_message(self, *_: object) -> None:
            """Nothing: it is asked every few seconds."""

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
