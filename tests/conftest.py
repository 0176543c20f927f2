"""What all tests share: the real servers, each started once a process and only where a test asks for it."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from catalogue import Catalogue, catalogue
from program import IndexWorker, document, index_worker, run
from reaper import reap_at_end
from servers import kafka_and_lite, standalone_milvus
from streams.settings import Settings
from web import Web, web_server

# The usual run tries the same examples each time; `HYPOTHESIS_PROFILE=thorough` many more, other ones each time.
settings.register_profile("usual", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=1_000, stateful_step_count=80, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "usual"))
# In a run that a shell put into the background SIGINT is ignored, and so it would be in whatever a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
reap_at_end()


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # it ships no types
    """Each file to one of the processes that share the tests; the faults, which share their servers, as one file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return "tests/faults" if path.startswith("tests/faults/") else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """What `-n 2` deals the tests out by; each process has servers of its own."""
    return ByFile(config, log)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Apache Kafka and Milvus Lite."""
    with kafka_and_lite(tmp_path_factory.mktemp("stack")) as settings:
        yield settings


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a Milvus standalone server."""
    with standalone_milvus(tmp_path_factory.mktemp("standalone")) as uri:
        yield uri


@pytest.fixture(scope="session")
def web() -> Iterator[Web]:
    """A web server on loopback."""
    with web_server() as server:
        yield server


@pytest.fixture(scope="session")
def shop(stack: Settings, web: Web, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """The catalogue that most tests of the index worker share; they keep apart by listing ids."""
    folder = tmp_path_factory.mktemp("pictures")
    with catalogue(stack, folder, image_hosts=("*", web.host)) as made:
        yield made


@pytest.fixture(scope="session")
def worker(shop: Catalogue) -> Iterator[IndexWorker]:
    """An index worker on that catalogue; it must live through all tests and end cleanly."""
    with index_worker(shop.settings, "--device", "cpu") as running:
        yield running
        assert running.process.poll() is None, running.log()
        shop.every_event_has_its_end()
        document(run(shop.settings, "audit", "--json"))  # no test leaves behind what nothing explains
        assert not running.events("waiting")
        assert running.terminate() == 0, running.log()
