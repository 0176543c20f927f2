"""A running server of shelves, and rows for it: vectors of pictures, as the model makes them, or plain directions."""

import contextlib
import json
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from awaiting import eventually
from started import Started
from streams.settings import Settings
from workers.local.environment import child_environment
from workers.milvus.client import connect
from workers.milvus.collection import Collections, prepare
from workers.milvus.row import Row
from workers.milvus.store import Store


class Server:
    """A process of `lookalike serve` on a free port, and a client of it."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="serve-")
        self._ready, self._log = Path(self._folder.name) / "ready", Path(self._folder.name) / "log"
        told = ("serve", "--port", "0", "--device", "cpu", "--ready-file", str(self._ready), *arguments)
        self.process = Started(*told, environment=child_environment(settings), out=self._log, errors=self._log)
        self.client = httpx.Client(timeout=30)

    def await_ready(self, seconds: float = 120.0) -> None:
        """Wait until it answers."""
        eventually(lambda: self._ready.exists() or self.process.poll() is not None, "serve ready", seconds=seconds)
        assert self.process.poll() is None, self.log()
        self.client.base_url = httpx.URL(json.loads(self._ready.read_text())["health"].removesuffix("/health"))

    def similar(self, listing_id: str, headers: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        """A shelf by a listing."""
        answer = self.client.get(f"/v1/listings/{listing_id}/similar", params=options, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def health(self) -> dict[str, Any]:
        """What it says of itself."""
        found: dict[str, Any] = self.client.get("/health").json()
        return found

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def terminate(self, seconds: float = 30.0) -> int:
        """SIGTERM, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        """Whatever it is doing, it ends now."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        self._folder.cleanup()


@contextlib.contextmanager
def server(settings: Settings, *arguments: str) -> Iterator[Server]:
    """A server for the time of the block."""
    started = Server(settings, *arguments)
    try:
        started.await_ready()
        yield started
    finally:
        started.close()


def ids(shelf: dict[str, Any]) -> list[str]:
    """The listings of an answer, in order."""
    return [each["listing_id"] for each in shelf["items"]]


def stocked(settings: Settings, model_id: str, dimensions: int, rows: Sequence[Row]) -> Collections:
    """The collections of a model with these rows, visible to bounded reads; live where none was."""
    client = connect(settings)
    try:
        collections = prepare(client, settings, model_id, dimensions)
        store = Store(client, collections)
        for start in range(0, len(rows), 1_000):
            assert store.upsert(rows[start : start + 1_000]) == {}
        # A bounded read may be five seconds behind.
        eventually(lambda: _visible(client, collections.listings, len(rows)), f"{len(rows)} rows")
        return collections
    finally:
        client.close()


def _visible(client: Any, collection: str, count: int) -> bool:
    found = client.query(collection, 'listing_id >= ""', output_fields=["count(*)"], consistency_level="Bounded")
    return bool(found[0]["count(*)"] == count)
