"""Collections and aliases: made where they are missing, the first alias set once, never moved by a worker."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from pymilvus import MilvusClient
from structlog.testing import capture_logs

from schemas.model import Recipe, model_name
from streams.errors import Broken, ServiceUnavailable
from streams.settings import Settings
from workers.indexer.service import open_store
from workers.local.ports import free_port
from workers.milvus.client import connect
from workers.milvus.collection import collection_names, live, prepare, resolve

FIRST, SECOND = "first@0123456789ab", "second@ba9876543210"


def test_before_the_first_worker(settings: Settings, client: MilvusClient) -> None:
    """No model is live, and that is no error."""
    assert resolve(client, settings.named("listings")) is None
    assert live(client, settings) is None


def test_the_first_model_becomes_live(settings: Settings, client: MilvusClient) -> None:
    """Its aliases are set; a second model gets its collections and leaves the aliases alone; repeated, all stays."""
    first = prepare(client, settings, FIRST, 4)
    assert live(client, settings) == first
    second = prepare(client, settings, SECOND, 8)
    assert second != first
    assert live(client, settings) == first
    assert prepare(client, settings, FIRST, 4) == first
    assert resolve(client, settings.named("tombstones")) == first.tombstones
    assert {first.listings, first.tombstones, second.listings, second.tombstones} <= set(client.list_collections())


def test_one_of_two_concurrent_workers_sets_the_alias(server: Settings, settings: Settings) -> None:
    """Both are ready afterwards, and agree on which model is live."""
    clients = [connect(server) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: prepare(clients[n], settings, (FIRST, SECOND)[n % 2], 4), range(4)))
    current = live(clients[0], settings)
    assert current in made
    assert [live(each, settings) for each in clients] == [current] * 4
    assert resolve(clients[0], settings.named("tombstones")) is not None
    for each in clients:
        each.close()


def test_an_alias_that_somebody_moved(settings: Settings, client: MilvusClient) -> None:
    """Is named as that by whoever reads by it; a worker, which writes by name, says so and goes on."""
    made = prepare(client, settings, FIRST, 4)
    other = settings.named("of_somebody_else")
    client.create_collection(other, dimension=2)
    client.alter_alias(other, settings.named("listings"))
    with pytest.raises(Broken, match=r"the alias \w+ points to \w+of_somebody_else, which is no model's collection"):
        live(client, settings)
    with capture_logs() as lines:
        store = open_store(settings, FIRST, 4)
    assert [each["event"] for each in lines] == ["alias_moved"]
    assert store.collections == made


def test_any_folder_name_makes_a_collection(settings: Settings, client: MilvusClient) -> None:
    """Names are reduced to letters, digits and `_`, which both servers take, and the model id can be told from them."""
    recipe = Recipe(
        name=model_name("Ünï-code v1.0/" + "a" * 90),
        weights="0" * 64,
        height=8,
        width=8,
        resample=3,
        rescale=1,
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    made = prepare(client, settings, recipe.model_id, 4)
    assert made == collection_names(settings, recipe.model_id)
    assert live(client, settings) == made
    assert made.listings.replace("_", "").isalnum()
    assert made.listings.isascii()


def test_plain_pymilvus_searches_by_the_alias(settings: Settings, client: MilvusClient) -> None:
    """Anyone may search `listings` with their own client, as the contract shows."""
    prepare(client, settings, FIRST, 4)
    found = client.search(settings.named("listings"), [[1.0, 0, 0, 0]], filter='status == "on_sale"', limit=10)
    assert list(found[0]) == []


def test_a_server_that_is_away() -> None:
    """One line with the address and what to try, exit status 3."""
    with pytest.raises(ServiceUnavailable, match=r"Milvus at .* can't be reached; .*lookalike up.*LOOKALIKE_MILVUS"):
        connect(Settings(milvus=f"http://127.0.0.1:{free_port()}"))
