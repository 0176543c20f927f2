"""`/health` and `/metrics` of the recorder, by a thread of their own; judged by what the recorder last did."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

import workers.record.metrics  # noqa: F401 - what `/metrics` serves
from streams.failures import CommandFailed

STALL_SECONDS = 240.0
"""Longer than any batch takes to be written while nothing is away."""
BEAT_SECONDS = 60.0
"""Longer than the recorder's loop ever stands still, a rebalance included."""


@dataclass(frozen=True)
class Seen:
    """What is known of a recorder; times are of `time.monotonic()`."""

    in_hand: int
    partitions: list[int] | None
    away: str | None
    progress_at: float
    beat_at: float


def document(now: float, seen: Seen) -> dict[str, Any]:
    """What the person on call wants to know; `state` is starting, running, waiting or stalled.

    >>> document(100.0, Seen(3, [0], None, 90.0, 99.0))["state"]
    'running'
    >>> document(100.0, Seen(3, [0], None, 90.0, 30.0))["why"]
    'its loop has stood still for 70 s'
    """
    state, why = "starting" if seen.partitions is None else "running", seen.away
    if now - seen.beat_at > BEAT_SECONDS:
        state, why = "stalled", f"its loop has stood still for {now - seen.beat_at:.0f} s"
    elif seen.away is not None:
        state = "waiting"
    elif seen.in_hand and now - seen.progress_at > STALL_SECONDS:
        state = "stalled"
        why = f"{seen.in_hand} records are in hand and none was written for {now - seen.progress_at:.0f} s"
    return {
        "state": state, "why": why, "in_hand": seen.in_hand, "partitions": seen.partitions,
        "seconds_since_progress": round(now - seen.progress_at, 1),
    }  # fmt: skip


class HealthServer:
    """Serves until `close`; port 0 is any free one. Raises CommandFailed (1) where it can't be listened on."""

    def __init__(self, host: str, port: int, seen: Callable[[], Seen]) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(seen))
        except OSError as error:
            raise CommandFailed(
                f"{host}:{port} can't be listened on: {error.strerror or error}; choose another --metrics-port"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="record-health", daemon=True)

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


def _handler(seen: Callable[[], Seen]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest())
            elif self.path == "/health":
                found = document(time.monotonic(), seen())
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
