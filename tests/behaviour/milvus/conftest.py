"""The same suite on both servers: Milvus Lite and a Milvus standalone."""

from collections.abc import Iterator

import pytest
from pymilvus import MilvusClient

from catalogue import next_prefix
from streams.settings import Settings
from workers.milvus.client import connect
from workers.milvus.collection import prepare
from workers.milvus.store import Store

MODEL = "tiny@0123456789ab"


@pytest.fixture(scope="package", params=["lite", "standalone"])
def server(request: pytest.FixtureRequest) -> Settings:
    """Settings that lead to one of the two servers."""
    if request.param == "lite":
        stack: Settings = request.getfixturevalue("stack")
        return stack
    return Settings(milvus=request.getfixturevalue("standalone"))


@pytest.fixture(scope="package")
def client(server: Settings) -> Iterator[MilvusClient]:
    """pymilvus' own client of it."""
    made = connect(server)
    yield made
    made.close()


@pytest.fixture
def settings(server: Settings) -> Settings:
    """Settings with names that no other test has."""
    return server.model_copy(update={"prefix": next_prefix()})


@pytest.fixture(scope="package")
def store(server: Settings, client: MilvusClient) -> Store:
    """A store of vectors of four numbers; tests keep apart by listing ids."""
    settings = server.model_copy(update={"prefix": next_prefix()})
    return Store(client, prepare(client, settings, MODEL, 4))
