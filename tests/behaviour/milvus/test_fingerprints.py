"""A model's fingerprint beside its collections: kept once, compared ever after, and gone with them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from pymilvus import MilvusClient

from schemas.fingerprint import Fingerprint
from streams.errors import LookalikeError, UsageError
from streams.settings import Settings
from workers.milvus.client import connect
from workers.milvus.collection import Collections, all_models, collection_names, fingerprint_collection, live, prepare
from workers.milvus.fingerprints import ensure_fingerprint, read_fingerprint

MODEL, OTHER = "told@0123456789ab", "rival@0123456789ab"
MINE = Fingerprint(np.asarray([0.6, 0.8, 0, 0], np.float32), np.asarray([0, 0, 0.8, 0.6], np.float32))
THEIRS = Fingerprint(np.asarray([0.8, 0.6, 0, 0], np.float32), np.asarray([0, 0.1, 0.8, 0.6], np.float32))


@pytest.fixture
def collections(settings: Settings) -> Collections:
    """Without a fingerprint, as those of an earlier release."""
    return collection_names(settings, MODEL)


def test_the_first_is_kept(settings: Settings, client: MilvusClient, collections: Collections) -> None:
    """Whoever comes then is compared with it: the same goes on, another one is refused with both figures."""
    assert read_fingerprint(client, settings, MODEL) is None
    ensure_fingerprint(client, settings, collections, MINE)
    found = read_fingerprint(client, settings, MODEL)
    assert found is not None
    assert found.text is not None
    assert np.array_equal(found.picture, MINE.picture)
    assert MINE.text is not None
    assert np.array_equal(found.text, MINE.text)
    ensure_fingerprint(client, settings, collections, MINE)
    with pytest.raises(UsageError, match=r"cosine 0\.9600 for the fixed picture, 0\.9950 for the") as refused:
        ensure_fingerprint(client, settings, collections, THEIRS)
    assert "\n" not in str(refused.value)
    assert all(each in str(refused.value) for each in (MODEL, collections.listings, "go back to", "index anew"))
    again = read_fingerprint(client, settings, MODEL)
    assert again is not None
    assert np.array_equal(again.picture, MINE.picture)
    client.delete(name := fingerprint_collection(settings, MODEL), filter='kind in ["picture", "text"]')
    assert read_fingerprint(client, settings, MODEL) is None  # as a worker leaves it that was killed before it wrote
    ensure_fingerprint(client, settings, collections, THEIRS)
    assert client.has_collection(name)
    assert read_fingerprint(client, settings, MODEL) is not None


def test_another_model_has_its_own(settings: Settings, client: MilvusClient, collections: Collections) -> None:
    """And a model without texts keeps a picture's vector alone."""
    ensure_fingerprint(client, settings, collections, MINE)
    other = collection_names(settings, OTHER)
    ensure_fingerprint(client, settings, other, Fingerprint(np.asarray([1, 0], np.float32)))
    found = read_fingerprint(client, settings, OTHER)
    assert found is not None
    assert found.text is None
    ensure_fingerprint(
        client, settings, other, Fingerprint(np.asarray([1, 0], np.float32), np.asarray([0, 1], np.float32))
    )
    with pytest.raises(LookalikeError, match="no text to compare"):
        ensure_fingerprint(client, settings, other, Fingerprint(np.asarray([0, 1], np.float32)))
    with pytest.raises(LookalikeError, match=r"cosine 0\.0000"):
        ensure_fingerprint(client, settings, other, replace(MINE, text=None))


def test_it_goes_with_the_collection(settings: Settings, client: MilvusClient) -> None:
    """A collection that was dropped is filled anew: what filled the one before counts no more."""
    made = prepare(client, settings, MODEL, 4)
    ensure_fingerprint(client, settings, made, MINE)
    assert prepare(client, settings, MODEL, 4) == made
    assert read_fingerprint(client, settings, MODEL) is not None
    assert (all_models(client, settings), live(client, settings)) == ([made], made)
    client.drop_alias(settings.named("listings"))
    client.drop_collection(made.listings)
    prepare(client, settings, MODEL, 4)
    assert read_fingerprint(client, settings, MODEL) is None


def test_several_workers_at_once(server: Settings, settings: Settings, client: MilvusClient) -> None:
    """Begin together with an empty Milvus, and agree."""
    clients = [connect(server) for _ in range(4)]

    def begin(one: MilvusClient) -> None:
        ensure_fingerprint(one, settings, prepare(one, settings, MODEL, 4), MINE)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, clients))
    assert read_fingerprint(client, settings, MODEL) is not None
    with pytest.raises(LookalikeError, match="the least is"):
        ensure_fingerprint(client, settings, collection_names(settings, MODEL), THEIRS)
    for each in clients:
        each.close()
