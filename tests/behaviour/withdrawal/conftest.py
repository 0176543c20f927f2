"""A catalogue of its own, with a worker: what is erased has no end that was told, unlike everywhere else."""

from collections.abc import Iterator

import pytest

from catalogue import Catalogue, catalogue
from program import IndexWorker, index_worker
from streams.settings import Settings


@pytest.fixture(scope="package")
def shop(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """On Milvus Lite."""
    with catalogue(stack, tmp_path_factory.mktemp("withdrawn")) as made:
        yield made


@pytest.fixture(scope="package")
def worker(shop: Catalogue) -> Iterator[IndexWorker]:
    """An index worker on it."""
    yield from _worker(shop)


@pytest.fixture(scope="package")
def real(stack: Settings, standalone: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """On a Milvus standalone, with an index worker."""
    with catalogue(stack, tmp_path_factory.mktemp("withdrawn"), milvus=standalone) as made:
        for _ in _worker(made):
            yield made


@pytest.fixture(params=["lite", "standalone"])
def either(request: pytest.FixtureRequest) -> Catalogue:
    """On both, one after the other: for what the servers do."""
    if request.param == "standalone":
        return request.getfixturevalue("real")  # type: ignore[no-any-return]
    request.getfixturevalue("worker")
    return request.getfixturevalue("shop")  # type: ignore[no-any-return]


def _worker(shop: Catalogue) -> Iterator[IndexWorker]:
    with index_worker(shop.settings, "--device", "cpu") as running:
        yield running
        assert running.process.poll() is None, running.log()
        assert not running.events("waiting")
        assert running.terminate() == 0, running.log()
