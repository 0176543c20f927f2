"""The server of `/health` and `/metrics`: what it answers, to whom, and that half-open connections can't exhaust it."""

import contextlib
import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

import workers.indexer.metrics  # noqa: F401 - a metric to look for
from awaiting import eventually
from streams.errors import LookalikeError
from workers.process import health_server
from workers.process.health_server import CONNECTIONS, HealthServer

RUNNING: dict[str, Any] = {"state": "running"}


@contextlib.contextmanager
def serving(document: dict[str, Any], host: str = "127.0.0.1") -> Iterator[HealthServer]:
    """A server on any free port."""
    with contextlib.closing(HealthServer(host, 0, lambda: document).start()) as server:
        yield server


def get(address: str | urllib.request.Request) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(address, timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_one_port() -> None:
    """`/health` is 200 or 503, `/metrics` is what Prometheus reads, nothing else is there."""
    document = {"state": "running", "model": "m@1"}
    with serving(document) as server:
        status, body = get(server.address)
        assert (status, json.loads(body)) == (200, document)
        status, body = get(server.address.replace("/health", "/metrics"))
        assert status == 200
        assert "lookalike_events_in_hand" in body
        document["state"] = "stalled"
        status, body = get(server.address)
        assert (status, json.loads(body)["state"]) == (503, "stalled")
        assert get(urllib.request.Request(server.address, method="HEAD")) == (503, "")
        assert get(server.address.replace("/health", "/"))[0] == 404
        port = urlsplit(server.address).port or 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "localhost", "::1", "::"])
def test_addresses(host: str) -> None:
    """The address that it reports leads to it, also over IPv6."""
    if ":" in host and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with serving(RUNNING, host) as server:
        assert get(server.address)[0] == 200


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as trial:
        trial.bind(("::1", 0))
        return True
    return False


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nX: y\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT",
    ],
)
def test_half_a_request(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Nothing, half a header, half of a second one: the connection ends, and no byte that drips in buys new time."""
    monkeypatch.setattr(health_server, "REQUEST_SECONDS", 0.3)
    with serving(RUNNING) as server:
        address = ("127.0.0.1", urlsplit(server.address).port or 0)
        with socket.create_connection(address, timeout=0.1) as half:
            half.sendall(begun)
            until, ended = time.monotonic() + 20, False
            while not ended and time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    try:
                        ended = not half.recv(1)
                        half.sendall(b"x" if begun else b"")
                    except ConnectionError:
                        ended = True
            assert ended


def test_many_half_open_connections(capfd: pytest.CaptureFixture[str]) -> None:
    """They hold a bounded number of threads and descriptors; a whole request is answered beside them, in silence."""
    before = threading.active_count()
    with serving(RUNNING) as server, contextlib.ExitStack() as stack:
        for _ in range(5 * CONNECTIONS):
            address = ("127.0.0.1", urlsplit(server.address).port)
            half = stack.enter_context(socket.create_connection(address, timeout=20))
            half.sendall(b"GET /health HT")
        assert get(server.address)[0] == 200
        eventually(lambda: threading.active_count() <= before + CONNECTIONS + 1, "the other threads ended")
    assert capfd.readouterr().err == ""


def test_a_report_that_times_out_is_not_answered(capfd: pytest.CaptureFixture[str]) -> None:
    """The connection ends without an answer, and nothing is printed."""

    def report() -> dict[str, Any]:
        raise TimeoutError

    with (
        contextlib.closing(HealthServer("127.0.0.1", 0, report).start()) as server,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        urllib.request.urlopen(server.address, timeout=5)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("name", "value", "status"), [("Host", "evil.example", 421), ("Origin", "http://evil", 403)])
@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_strangers(name: str, value: str, status: int, path: str) -> None:
    """A Host that is not ours, and a page of another site, get nothing."""
    with serving(RUNNING) as server:
        address = server.address.replace("/health", path)
        found, body = get(urllib.request.Request(address, headers={name: value}))
        assert found == status
        assert "lookalike_" not in body
        assert "running" not in body


def test_a_port_in_use() -> None:
    """One line that says which, and what to try."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(LookalikeError, match=rf"127\.0\.0\.1:{port} can't be listened on: .*--metrics-port"):
            HealthServer("127.0.0.1", port, lambda: RUNNING)
