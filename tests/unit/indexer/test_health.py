"""What `/health` says, and when it says that a worker is to be replaced."""

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from awaiting import eventually
from streams.errors import CommandFailed
from workers.indexer import health
from workers.indexer.availability import Absence
from workers.indexer.health import CONNECTIONS, HealthState, WorkerIdentity, health_report, serve
from workers.indexer.liveness import Progress
from workers.process import health_server as threads
from workers.process.failure_policy import STALL_SECONDS

NOW = 10_000.0
LONG_AGO = NOW - STALL_SECONDS - 1
WHO = WorkerIdentity("small@0123456789ab", "listings_small_0123456789ab", NOW - 60)
BUSY = HealthState(Progress(7, NOW, NOW - 2), [0, 1], 0)


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        (BUSY, "running", None),
        (replace(BUSY, partitions=None), "starting", None),
        (replace(BUSY, partitions=[]), "running", None),
        (HealthState(Progress(7, NOW, LONG_AGO), [0], 0), "stalled", "7 events are in hand"),
        (HealthState(Progress(0, LONG_AGO, LONG_AGO), [0], 5), "stalled", "5 records wait in Kafka"),
        (
            HealthState(
                Progress(7, NOW, LONG_AGO, (Absence("milvus", NOW - 90, "code 1"), Absence("kafka", NOW - 5))), [0], 0
            ),
            "waiting",
            "milvus has been away for 90 s (code 1); kafka has been away for 5 s",
        ),
    ],
)
def test_state(seen: HealthState, state: str, why: str | None) -> None:
    """More workers than partitions leave one idle, and that is running; waiting is not being stuck."""
    found = health_report(NOW, WHO, seen)
    assert found["state"] == state
    assert found["why"] is None if why is None else why in found["why"]


def test_what_the_person_on_call_reads() -> None:
    """The names are what dashboards build on."""
    assert health_report(NOW, WHO, BUSY) == {
        "state": "running",
        "why": None,
        "in_hand": 7,
        "waiting": 0,
        "seconds_since_progress": 2.0,
        "partitions": [0, 1],
        "model": "small@0123456789ab",
        "collection": "listings_small_0123456789ab",
        "seconds_up": 60.0,
    }


def get(address: str | urllib.request.Request) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(address, timeout=5) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_one_port() -> None:
    """`/health` is 200 or 503, `/metrics` is what Prometheus reads; both on any free port."""

    async def scenario() -> None:
        now = time.monotonic()
        seen = HealthState(Progress(7, now, now), [0, 1], 0)
        runner, address = await serve("127.0.0.1", 0, WHO, lambda: seen)
        status, body = await asyncio.to_thread(get, address)
        assert (status, json.loads(body)["model"]) == (200, WHO.model)
        status, body = await asyncio.to_thread(get, address.replace("/health", "/metrics"))
        assert status == 200
        assert "lookalike_events_in_hand" in body
        seen = HealthState(Progress(7, now, now - STALL_SECONDS - 1), [0], 0)
        status, body = await asyncio.to_thread(get, address)
        assert (status, json.loads(body)["state"]) == (503, "stalled")
        await runner.cleanup()

    asyncio.run(scenario())


@pytest.mark.parametrize("begun", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"])
def test_half_a_request(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """Nothing, half a header, half of a second one: the connection ends, and no byte that drips in buys new time."""
    monkeypatch.setattr(health, "REQUEST_SECONDS", 0.3)

    async def scenario() -> None:
        runner, address = await serve("127.0.0.1", 0, WHO, lambda: BUSY)
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)
        writer.write(begun)

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while begun:
                    await asyncio.sleep(0.05)
                    writer.write(b"x")
                    await writer.drain()

        dripping = asyncio.create_task(drip())
        with contextlib.suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 20)
        dripping.cancel()
        writer.close()
        await runner.cleanup()

    asyncio.run(scenario())


def test_many_half_open_connections() -> None:
    """They hold a bounded number of descriptors, and a whole request is answered beside them."""

    async def scenario() -> None:
        now = time.monotonic()
        runner, address = await serve("127.0.0.1", 0, WHO, lambda: HealthState(Progress(7, now, now), [0], 0))
        port, half = urlsplit(address).port, list[asyncio.StreamWriter]()
        for _ in range(5 * CONNECTIONS):
            half.append((await asyncio.open_connection("127.0.0.1", port))[1])
            half[-1].write(b"GET /health HT")
        assert (await asyncio.to_thread(get, address))[0] == 200
        assert runner.server is not None
        assert len(runner.server.connections) <= CONNECTIONS
        for each in half:
            each.close()
        await runner.cleanup()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(scenario())


@pytest.fixture
def threaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a worker's that has no event loop, with a short time."""
    monkeypatch.setattr(threads, "REQUEST_SECONDS", 0.3)
    with contextlib.closing(threads.HealthServer("127.0.0.1", 0, lambda: {"state": "running"}).start()) as server:
        yield urlsplit(server.address).port or 0


@pytest.mark.parametrize("begun", [b"", b"GET /health HT", b"GET /health HTTP/1.1\r\nX: y\r\n"])
def test_half_a_request_to_a_thread(threaded: int, begun: bytes) -> None:
    """The same of the workers that have no event loop."""
    with socket.create_connection(("127.0.0.1", threaded), timeout=0.1) as half:
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


def test_many_half_open_connections_to_threads(capfd: pytest.CaptureFixture[str]) -> None:
    """They hold a bounded number of threads, and a whole request is answered beside them; nothing is printed."""
    before = threading.active_count()
    server = threads.HealthServer("127.0.0.1", 0, lambda: {"state": "running"}).start()
    with contextlib.closing(server), contextlib.ExitStack() as stack:
        for _ in range(5 * threads.CONNECTIONS):
            address = ("127.0.0.1", urlsplit(server.address).port)
            half = stack.enter_context(socket.create_connection(address, timeout=20))
            half.sendall(b"GET /health HT")
        assert get(server.address)[0] == 200
        eventually(lambda: threading.active_count() <= before + threads.CONNECTIONS + 1, "the other threads ended")
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("name", "value", "status"), [("Host", "evil.example", 421), ("Origin", "http://evil", 403)])
def test_strangers(threaded: int, name: str, value: str, status: int) -> None:
    """A name that is not ours, and a page of another site, get nothing of either kind of worker."""

    async def scenario() -> None:
        runner, address = await serve("127.0.0.1", 0, WHO, lambda: BUSY)
        for each in (address, f"http://127.0.0.1:{threaded}/metrics"):
            found, said = await asyncio.to_thread(get, urllib.request.Request(each, headers={name: value}))
            assert found == status
            assert "lookalike_" not in said
        await runner.cleanup()

    asyncio.run(scenario())


def test_a_port_in_use() -> None:
    """One line that says which, and what to try."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandFailed, match=rf"127\.0\.0\.1:{port} can't be listened on: .*--metrics-port"):
            asyncio.run(serve("127.0.0.1", port, WHO, lambda: BUSY))
