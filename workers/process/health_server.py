"""The health server: `/health` and `/metrics` for a process without an event loop, on a thread of its own."""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import CommandFailed
from workers.process.request_origin import REMEDY, AllowedHosts, allowed_hosts

REQUEST_SECONDS = 10.0
"""From the start of a connection to the end of its answer: a slow client holds its thread no longer."""
CONNECTIONS = 64
"""At once, each with a thread; a further one takes the place of the oldest."""
Look = Callable[[], dict[str, Any]]
"""Returns the present health document; its `state` is starting, running, waiting or stalled."""


class HealthServer:
    """Serves until `close`; port 0 is any free one. `named`: further host names that it accepts.

    Raises CommandFailed (1) if the address can't be bound.
    """

    def __init__(self, host: str, port: int, look: Look, named: Collection[str] = ()) -> None:
        try:
            self._server = _Server((host, port), _handler(look, allowed_hosts(host, named)))
        except OSError as error:
            raise CommandFailed(
                f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def address(self) -> str:
        """The URL of `/health`."""
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


class _Server(ThreadingHTTPServer):
    """One request for each connection; a connection that is too old, or one too many, is shut down."""

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._begun: dict[socket.socket, float] = {}
        """The open connections, the oldest first, with their start times."""
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            surplus = list(self._begun)[: max(0, 1 + len(self._begun) - CONNECTIONS)]
            self._begun[request] = time.monotonic()
            self._end(surplus)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called by the serving thread every half second."""
        oldest = time.monotonic() - REQUEST_SECONDS
        with self._lock:
            self._end([each for each, begun in self._begun.items() if begun < oldest])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is not logged."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _end(self, connections: list[socket.socket]) -> None:
        for each in connections:  # whose threads see the end of their requests, and close them
            del self._begun[each]
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _handler(look: Look, hosts: AllowedHosts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if refusal := hosts.refusal_of({name.lower(): value for name, value in self.headers.items()}):
                self._answer(refusal.status, "text/plain", f"{refusal.detail}; {REMEDY}\n".encode())
            elif self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path == "/health":
                found = look()
                status = 503 if found["state"] == "stalled" else 200
                self._answer(status, "application/json", json.dumps(found).encode())
            else:
                self._answer(404, "text/plain", b"/health or /metrics\n")

        def log_message(self, *_: object) -> None:
            """No log: requests come every few seconds."""

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
