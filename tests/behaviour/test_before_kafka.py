"""Each worker may be started before the broker, and before anybody has made the topics: it waits, and goes on."""

import contextlib
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from awaiting import eventually
from catalogue import Catalogue, next_prefix
from faults.proxy import Proxy
from interactions import send, session
from recording import Recording
from started import Started
from streams.reports import last_report
from streams.settings import Settings
from streams.topics import create
from workers.local.environment import child_environment
from workers.local.ports import free_port, kafka_address


class Broker:
    """An address at which nobody listens, and then Kafka."""

    def __init__(self, kafka: Settings) -> None:
        self.port = free_port()
        self._target = kafka_address(kafka).port
        self._asked = socket.create_server(("127.0.0.1", self.port))
        self._proxy: Proxy | None = None

    def comes_when_asked(self) -> None:
        """Let down whoever connects first, and listen from then on."""
        self._asked.settimeout(60)
        asking, _ = self._asked.accept()
        self._asked.close()
        asking.close()
        self._proxy = Proxy(self._target, self.port)
        self._proxy.start()

    def close(self) -> None:
        """Go away again."""
        self._asked.close()
        if self._proxy is not None:
            self._proxy.close()


@pytest.fixture
def broker(stack: Settings) -> Iterator[Broker]:
    """One that has not come yet."""
    made = Broker(stack)
    yield made
    made.close()


@contextlib.contextmanager
def working(settings: Settings, broker: Broker, *arguments: str) -> Iterator[None]:
    """A worker that was started before the broker and the topics, for the time of the block; it ends well."""
    ready, said = settings.data / "ready", settings.data / "log"
    early = settings.model_copy(update={"kafka": f"127.0.0.1:{broker.port}"})
    environment = child_environment(early)
    process = Started("worker", *arguments, "--ready-file", str(ready), environment=environment, out=said, errors=said)
    try:
        broker.comes_when_asked()
        create(settings)
        eventually(lambda: ready.exists() or process.poll() is not None, "the worker is at work", seconds=90)
        assert process.poll() is None, said.read_text()
        yield
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, said.read_text()
    finally:
        process.kill()
        process.wait(20)


@pytest.fixture
def settings(stack: Settings, tmp_path: Path) -> Settings:
    """Of a catalogue without topics, and an empty folder."""
    return stack.model_copy(update={"prefix": next_prefix(), "data": tmp_path, "image_roots": (tmp_path,)})


def test_an_index_worker(settings: Settings, broker: Broker) -> None:
    """It indexes what is published then."""
    with working(settings, broker, "index", "--device", "cpu"):
        shop = Catalogue(settings, settings.data)
        shop.index(shop.event("m1", 1, image_urls=[shop.picture(1)]))
        shop.close()


def test_a_recorder(settings: Settings, broker: Broker) -> None:
    """It records what is published then."""
    with working(settings, broker, "record", "--batch-seconds", "0.1"):
        send(settings, session("a"))
        Recording(settings).await_recorded()


def test_an_evaluator(settings: Settings, broker: Broker) -> None:
    """It reports what is recorded then."""
    with working(settings, broker, "evaluate", "--every", "1"):
        send(settings, session("a"))
        Recording(settings).once()
        eventually(lambda: last_report(settings) is not None, "a report")
