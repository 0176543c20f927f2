"""What `/health` says, and when it says that a worker is to be replaced."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from streams.failures import CommandFailed
from workers.index.health import Seen, Who, document, serve
from workers.index.liveness import STALL_SECONDS, Progress

NOW = 10_000.0
LONG_AGO = NOW - STALL_SECONDS - 1
WHO = Who("small@0123456789ab", "listings_small_0123456789ab", NOW - 60)
BUSY = Seen(Progress(7, NOW, NOW - 2), [0, 1], 0)


@pytest.mark.parametrize(
    ("seen", "state", "why"),
    [
        (BUSY, "running", None),
        (replace(BUSY, partitions=None), "starting", None),
        (replace(BUSY, partitions=[]), "running", None),
        (Seen(Progress(7, NOW, LONG_AGO), [0], 0), "stalled", "7 events are in hand"),
        (Seen(Progress(0, LONG_AGO, LONG_AGO), [0], 5), "stalled", "5 records wait in Kafka"),
        (Seen(Progress(7, NOW, LONG_AGO, NOW - 90, "milvus"), [0], 0), "waiting", "milvus has been away for 90 s"),
    ],
)
def test_state(seen: Seen, state: str, why: str | None) -> None:
    """More workers than partitions leave one idle, and that is running; waiting is not being stuck."""
    found = document(NOW, WHO, seen)
    assert found["state"] == state
    assert found["why"] is None if why is None else why in found["why"]


def test_what_the_person_on_call_reads() -> None:
    """The names are what dashboards build on."""
    assert document(NOW, WHO, BUSY) == {
        "state": "running", "why": None, "in_hand": 7, "seconds_since_progress": 2.0, "partitions": [0, 1],
        "model": "small@0123456789ab", "collection": "listings_small_0123456789ab", "seconds_up": 60.0,
    }  # fmt: skip


def get(address: str) -> tuple[int, str]:
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
        seen = Seen(Progress(7, now, now), [0, 1], 0)
        runner, address = await serve("127.0.0.1", 0, WHO, lambda: seen)
        status, body = await asyncio.to_thread(get, address)
        assert (status, json.loads(body)["model"]) == (200, WHO.model)
        status, body = await asyncio.to_thread(get, address.replace("/health", "/metrics"))
        assert status == 200
        assert "lookalike_events_in_hand" in body
        seen = Seen(Progress(7, now, now - STALL_SECONDS - 1), [0], 0)
        status, body = await asyncio.to_thread(get, address)
        assert (status, json.loads(body)["state"]) == (503, "stalled")
        await runner.cleanup()

    asyncio.run(scenario())


def test_a_port_in_use() -> None:
    """One line that says which, and what to try."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(CommandFailed, match=rf"127\.0\.0\.1:{port} can't be listened on: .*--metrics-port"):
            asyncio.run(serve("127.0.0.1", port, WHO, lambda: BUSY))
