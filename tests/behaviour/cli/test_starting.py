"""Processes that are started before Kafka answers."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from awaiting import eventually
from catalogue import next_prefix
from faults.ground import Ground, ground
from started import Started
from streams.topics import create
from workers.local.environment import child_environment

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Kafka and Milvus Lite, with a way to Kafka that can be held."""
    with ground(tmp_path_factory.mktemp("ground")) as made:
        yield made


@pytest.mark.parametrize("kind", ["index", "record", "evaluate"])
def test_a_worker_that_is_started_before_kafka_answers(servers: Ground, tmp_path: Path, kind: str) -> None:
    """Each waits for it, and begins when it does: whoever starts everything at once need not know an order."""
    own = servers.settings.model_copy(update={"prefix": next_prefix(), "data": tmp_path})
    create(own)
    proxy, ready, log = servers.kafka_proxy, tmp_path / "ready", tmp_path / "log"
    proxy.hold()
    arguments = ("worker", kind, "--ready-file", str(ready))
    started = Started(*arguments, environment=child_environment(servers.through_proxies(own)), out=log, errors=log)
    try:
        process = psutil.Process(started.pid)
        eventually(
            lambda: any(each.raddr and each.raddr.port == proxy.port for each in process.net_connections("tcp")),
            "it asks Kafka",
        )
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(2)  # nothing answers, and it does not give up
        assert not ready.exists()
        proxy.heal()
        eventually(lambda: ready.exists() or started.poll() is not None, "it begins", seconds=90)
        assert started.poll() is None, log.read_text()
    finally:
        proxy.heal()
        started.kill()
