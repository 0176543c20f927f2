"""The health server: `/health` and `/metrics` of a process on one port, served by threads of its own."""

import contextlib
import json
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.errors import LookalikeError
from workers.process.reachable_url import reachable_url
from workers.process.request_origin import REMEDY, AllowedHosts, allowed_hosts

REQUEST_SECONDS = 10.0
"""From the start of a connection to the end of its answer: a slow client holds its thread no longer."""
CONNECTIONS = 64
"""At once, each with a thread; a further one evicts the oldest: half-open ones must not use up the descriptors."""
HealthReport = Callable[[], dict[str, Any]]
"""Returns the present health document; its `state` is starting, running, waiting or stalled. Called by any thread. If
it blocks, or raises an OSError, `/health` does not answer; other errors are printed as well."""


class HealthServer:
    """Serves from `start` to `close`; port 0 is any free one. `named`: further host names that it accepts.

    `/health` answers 503 if the state is stalled, else 200. Raises LookalikeError if the address can't be bound.
    """

    def __init__(self, host: str, port: int, report: HealthReport, named: Collection[str] = ()) -> None:
        self._host = host
        try:
            self._server = _Server(host, port, _handler(report, allowed_hosts(host, named)))
        except OSError as error:
            raise LookalikeError(
                f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def address(self) -> str:
        """The URL of `/health`."""
        return f"{reachable_url(self._host, self._server.server_port)}/health"

    def start(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening and end the thread; takes up to half a second."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """One request for each connection; a connection that is too old, or one too many, is shut down."""

    daemon_threads = True
    request_queue_size = CONNECTIONS

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._started_at: dict[socket.socket, float] = {}
        """The open connections, the oldest first, with their start times."""
        self._lock = threading.Lock()
        addresses = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)  # noqa: S104 - as asked for
        # IPv4 first: `localhost` has both.
        self.address_family, _, _, _, address = min(addresses, key=lambda each: each[0] != socket.AF_INET)
        super().__init__((str(address[0]), port), handler)

    def server_bind(self) -> None:
        """Bind without the name lookup of `HTTPServer`, which may take seconds."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            surplus = list(self._started_at)[: max(0, 1 + len(self._started_at) - CONNECTIONS)]
            self._started_at[request] = time.monotonic()
            self._end(surplus)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._started_at.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called by the serving thread every half second."""
        oldest = time.monotonic() - REQUEST_SECONDS
        with self._lock:
            self._end([connection for connection, started in self._started_at.items() if started < oldest])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is not logged."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def _end(self, connections: list[socket.socket]) -> None:
        """Shut down connections; their threads then see the end of the request, and close them."""
        for connection in connections:
            del self._started_at[connection]
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _handler(report: HealthReport, hosts: AllowedHosts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if refusal := hosts.refusal_of({name.lower(): value for name, value in self.headers.items()}):
                self._answer(refusal.status, "text/plain", f"{refusal.detail}; {REMEDY}\n".encode())
            elif path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif path == "/health":
                document = report()
                status = 503 if document["state"] == "stalled" else 200
                self._answer(status, "application/json", json.dumps(document).encode())
            else:
                self._answer(404, "text/plain", b"/health or /metrics\n")

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """No log: requests come every few seconds."""

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    return Handler
