"""The recall of a collection, also of an empty one."""

import numpy as np
import pytest
from pymilvus import MilvusClient

from rows import row
from servers import await_true
from streams.settings import Settings
from workers.milvus.collection import Collections, prepare
from workers.milvus.recall import recall, sample
from workers.milvus.store import Store

MODEL, ROWS = "recall@0123456789ab", 100


@pytest.fixture
def collections(client: MilvusClient, settings: Settings) -> Collections:
    """Of this test alone."""
    return prepare(client, settings, MODEL, 4)


def test_an_empty_collection_has_no_recall(client: MilvusClient, collections: Collections) -> None:
    """It is not known, and no error."""
    drawn = sample(client, collections)
    assert (drawn.ids, len(drawn.vectors)) == ((), 0)
    assert recall(client, collections, drawn) is None


def test_a_filter_that_no_row_meets(client: MilvusClient, collections: Collections) -> None:
    """As where no listing is older than the promotion of the model."""
    vectors = np.random.default_rng(1).normal(size=(ROWS, 4))
    Store(client, collections).upsert([row(f"r{number}", list(map(float, at))) for number, at in enumerate(vectors)])
    await_true(lambda: len(sample(client, collections, "listed_at >= 0").ids) > 1)  # bounded consistency
    assert sample(client, collections, "listed_at < 0").ids == ()
    assert recall(client, collections, sample(client, collections)) == 1.0
