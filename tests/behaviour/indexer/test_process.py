"""The index worker as a process: what it tells of itself, and what it leaves behind when it is killed."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from catalogue import Catalogue, catalogue, next_prefix
from program import IndexWorker, failed, index_worker, run
from streams.settings import Settings
from streams.topics import LISTING_PARTITIONS, create
from workers.indexer.config import Capacity


@pytest.fixture(scope="module")
def own(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue whose worker is this module's."""
    with catalogue(stack, tmp_path_factory.mktemp("pictures")) as made:
        yield made


@pytest.fixture(scope="module")
def lone(own: Catalogue) -> Iterator[IndexWorker]:
    """A worker that serves its health on any free port."""
    with index_worker(own.settings, "--device", "cpu", "--metrics-port", "0") as running:
        yield running


def page(lone: IndexWorker, path: str = "/health") -> str:
    """What it serves, found through its ready file."""
    address = json.loads(lone.ready_file.read_text())["health"]
    with urllib.request.urlopen(address.replace("/health", path), timeout=10) as found:
        return str(found.read().decode())


def test_health(own: Catalogue, lone: IndexWorker) -> None:
    """Who it is, what it owns, and that it runs; metrics beside it on the same port."""
    own.index(own.event(own.new_id(), 1, image_urls=[own.picture(1)]))
    told: dict[str, Any] = json.loads(page(lone))
    assert told["state"] == "running"
    assert told["partitions"] == list(range(LISTING_PARTITIONS))
    assert told["model"] == own.model_id
    assert told["collection"].startswith(own.settings.named("listings_"))
    assert told["seconds_since_progress"] <= told["seconds_up"]
    assert 'lookalike_outcomes_total{outcome="indexed"}' in page(lone, "/metrics")


def test_nothing_survives_a_kill(lone: IndexWorker) -> None:
    """SIGKILL: its decoder processes end by themselves."""
    decoders = psutil.Process(lone.process.pid).children(recursive=True)
    assert len(decoders) == Capacity().decoders
    lone.kill()
    _, alive = psutil.wait_procs(decoders, timeout=5)
    assert not alive


def test_a_data_folder_that_cannot_be_made(stack: Settings, tmp_path: Path) -> None:
    """One line that names the folder, and no traceback."""
    own = stack.model_copy(update={"prefix": next_prefix()})
    create(own)
    (tmp_path / "file").write_text("no folder")
    data = str(tmp_path / "file" / "data")
    key = "a key that nobody guesses"
    ended = run(own, "worker", "index", "--device", "cpu", LOOKALIKE_DATA=data, LOOKALIKE_HASH_KEY=key)
    assert str(tmp_path / "file") in failed(ended, 1)


def test_a_start_that_fails_half_way(stack: Settings, tmp_path: Path) -> None:
    """The cause is said last, and no traceback of what could not be ended hides it."""
    own = stack.model_copy(update={"prefix": next_prefix(), "data": tmp_path})
    create(own)
    (tmp_path / "faust").write_text("no folder")
    assert str(tmp_path / "faust") in failed(run(own, "worker", "index", "--device", "cpu"), 1)
