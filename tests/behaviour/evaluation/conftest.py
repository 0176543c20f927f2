"""A small market, recorded and indexed by two models."""

from collections.abc import Iterator

import pytest

from catalogue import next_prefix
from evaluated import placed, write
from judged import index, records
from streams.settings import Settings
from workers.interactions.layout import interactions_folder
from workers.milvus.client import connect


@pytest.fixture(scope="package")
def market(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Recorded two years ago, and indexed by a good and by a poor model, see `judged`."""
    data = tmp_path_factory.mktemp("evaluate")
    settings = stack.model_copy(update={"prefix": next_prefix(), "data": data})
    write(interactions_folder(settings), placed(list(records())))
    client = connect(settings)
    index(client, settings)
    yield settings
    client.close()
