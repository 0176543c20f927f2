"""The collections of a model: their schema, their names, and the aliases that say which model is live."""

import time
from dataclasses import dataclass

from pymilvus import CollectionSchema, DataType, MilvusClient
from pymilvus.exceptions import MilvusException
from pymilvus.milvus_client.index import IndexParams

from schemas.listing import CATEGORY_BYTES, TITLE_BYTES
from schemas.model import collection_suffix, model_id_of
from streams.settings import Settings
from workers.vectors.client import TIMEOUT_SECONDS, told_apart
from workers.vectors.row import VECTOR_FIELD

LISTINGS, TOMBSTONES = "listings", "tombstones"
HNSW = {"M": 16, "efConstruction": 200}
METRIC = "COSINE"
_MADE_WITHIN = 5.0  # seconds
_NO_ALIAS = {100, 1600}  # Milvus Lite's code, and Milvus'

# Milvus counts VARCHAR in bytes; a character of UTF-8 has at most four.
_TEXTS = {
    "status": 16, "category": CATEGORY_BYTES, "brand": 800, "currency": 8, "seller_id": 512, "title": TITLE_BYTES,
    "image_hash": 64,
}  # fmt: skip
_NUMBERS = ("version", "price_minor", "listed_at", "updated_at", "indexed_at")
_DOCUMENTS = ("attributes", "image_urls", "source")


@dataclass(frozen=True)
class Collections:
    """The two collections of one model; tombstones are kept per model, so that each has one writer."""

    model_id: str
    listings: str
    tombstones: str


def names(settings: Settings, model_id: str) -> Collections:
    """The names of a model's collections."""
    suffix = collection_suffix(model_id)
    return Collections(model_id, settings.named(f"{LISTINGS}_{suffix}"), settings.named(f"{TOMBSTONES}_{suffix}"))


def prepare(client: MilvusClient, settings: Settings, model_id: str, dimensions: int) -> Collections:
    """Create what is missing of a model's collections, and point the aliases to them if no model is live yet.

    Safe to repeat, and safe when several workers do it at once. Raises SlowDown where Milvus is away.
    """
    wanted = names(settings, model_id)
    _create(client, wanted.tombstones, _tombstone_schema(), "nothing")
    _create(client, wanted.listings, _listing_schema(dimensions), VECTOR_FIELD)
    for alias, collection in ((TOMBSTONES, wanted.tombstones), (LISTINGS, wanted.listings)):
        if resolve(client, settings.named(alias)) is None:
            try:
                client.create_alias(collection, settings.named(alias))
            except MilvusException:
                with told_apart():  # another worker was quicker, or Milvus is away
                    if resolve(client, settings.named(alias)) is None:
                        raise
    return wanted


def resolve(client: MilvusClient, alias: str, *, timeout: float = TIMEOUT_SECONDS) -> str | None:
    """The collection that `alias` points to; None where there is no such alias."""
    with told_apart():
        try:
            return str(client.describe_alias(alias, timeout=timeout)["collection_name"])
        except MilvusException as error:
            if error.code in _NO_ALIAS:
                return None
            raise


def live(client: MilvusClient, settings: Settings, *, timeout: float = TIMEOUT_SECONDS) -> Collections | None:
    """The collections of the live model; None before the first worker has made them."""
    listings = resolve(client, settings.named(LISTINGS), timeout=timeout)
    return None if listings is None else named(settings, listings)


def named(settings: Settings, listings: str) -> Collections:
    """The collections of the model that keeps its rows in the collection `listings`."""
    return names(settings, model_id_of(listings.removeprefix(settings.named(f"{LISTINGS}_"))))


def exists(client: MilvusClient, collections: Collections) -> bool:
    """Whether a model has its collections."""
    with told_apart():
        return all(client.has_collection(name) for name in (collections.listings, collections.tombstones))


def ours(client: MilvusClient, settings: Settings) -> list[Collections]:
    """The collections of every model of this catalogue, live or not; one that lacks either of the two is left out."""
    with told_apart():
        there = set(client.list_collections(timeout=TIMEOUT_SECONDS))
    prefix = settings.named(f"{LISTINGS}_")
    found = [
        names(settings, model_id_of(name.removeprefix(prefix))) for name in sorted(there) if name.startswith(prefix)
    ]
    return [each for each in found if each.tombstones in there]


def _create(client: MilvusClient, name: str, schema: CollectionSchema, vector: str) -> None:
    index = IndexParams()
    index.add_index(vector, index_type="HNSW", metric_type=METRIC, params=HNSW)
    with told_apart():
        if client.has_collection(name):
            return
        try:
            client.create_collection(name, schema=schema, index_params=index, consistency_level="Bounded")
        except MilvusException:
            # Another worker may be quicker, and on Milvus Lite the collection is seen only a moment after that.
            deadline = time.monotonic() + _MADE_WITHIN
            while not client.has_collection(name):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _listing_schema(dimensions: int) -> CollectionSchema:
    schema = _keyed_schema()
    schema.add_field(VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dimensions)
    for name, length in _TEXTS.items():
        schema.add_field(name, DataType.VARCHAR, max_length=length)
    for name in _NUMBERS:
        schema.add_field(name, DataType.INT64)
    for name in _DOCUMENTS:
        schema.add_field(name, DataType.JSON)
    return schema


def _tombstone_schema() -> CollectionSchema:
    schema = _keyed_schema()
    schema.add_field("nothing", DataType.FLOAT_VECTOR, dim=2)
    schema.add_field("version", DataType.INT64)
    schema.add_field("status", DataType.VARCHAR, max_length=16)
    schema.add_field("source", DataType.JSON)
    return schema


def _keyed_schema() -> CollectionSchema:
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("listing_id", DataType.VARCHAR, is_primary=True, max_length=128)
    return schema
