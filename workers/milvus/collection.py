"""The collections of a model: their schema, their names, and the aliases that say which model is live."""

import re
import secrets
import time
from dataclasses import dataclass

from pymilvus import CollectionSchema, DataType, MilvusClient
from pymilvus.exceptions import MilvusException
from pymilvus.milvus_client.index import IndexParams

from schemas.listing import CATEGORY_BYTES, TITLE_BYTES
from schemas.model import collection_suffix, model_id_of
from streams.errors import CollectionGone
from streams.settings import Settings
from workers.milvus.client import TIMEOUT_SECONDS, translate_errors
from workers.milvus.row import VECTOR_FIELD

LISTINGS, TOMBSTONES, FINGERPRINTS = "listings", "tombstones", "fingerprints"
HNSW = {"M": 16, "efConstruction": 200}
METRIC = "COSINE"
_ID = "lookalike.id"
"""The property that tells a collection from one of the same name that was made later."""
_MADE_WITHIN = 5.0  # seconds
_SUFFIX = re.compile(r"\w+_[0-9a-f]{12}")
_NO_ALIAS = {100, 1600}  # Milvus Lite's code, and Milvus'

# Milvus counts VARCHAR in bytes; a character of UTF-8 has at most four.
_TEXTS = {
    "status": 16,
    "category": CATEGORY_BYTES,
    "brand": 800,
    "currency": 8,
    "seller_id": 512,
    "title": TITLE_BYTES,
    "image_hash": 64,
}
_NUMBERS = ("version", "price_minor", "listed_at", "updated_at", "indexed_at")
_DOCUMENTS = ("attributes", "image_urls", "source")


@dataclass(frozen=True)
class Collections:
    """The two collections of one model; tombstones are kept per model, so that each has one writer."""

    model_id: str
    listings: str
    tombstones: str


def collection_names(settings: Settings, model_id: str) -> Collections:
    """The names of a model's collections."""
    suffix = collection_suffix(model_id)
    return Collections(model_id, settings.named(f"{LISTINGS}_{suffix}"), settings.named(f"{TOMBSTONES}_{suffix}"))


def fingerprint_collection(settings: Settings, model_id: str) -> str:
    """The name of the collection that keeps a model's fingerprint."""
    return settings.named(f"{FINGERPRINTS}_{collection_suffix(model_id)}")


def prepare(client: MilvusClient, settings: Settings, model_id: str, dimensions: int) -> Collections:
    """Create what is missing of a model's collections, and point the aliases to them if no model is live yet.

    Safe to repeat, and safe when several workers do it at once. Raises SlowDown where Milvus is away.
    """
    wanted = collection_names(settings, model_id)
    _forget_fingerprint(client, fingerprint_collection(settings, model_id), wanted)
    create(client, wanted.tombstones, _tombstone_schema(), "nothing")
    create(client, wanted.listings, _listing_schema(dimensions), VECTOR_FIELD)
    for alias, collection in ((TOMBSTONES, wanted.tombstones), (LISTINGS, wanted.listings)):
        if resolve(client, settings.named(alias)) is None:
            try:
                client.create_alias(collection, settings.named(alias))
            except MilvusException:
                with translate_errors():  # another worker was quicker, or Milvus is away
                    if resolve(client, settings.named(alias)) is None:
                        raise
    return wanted


def resolve(client: MilvusClient, alias: str, *, timeout: float = TIMEOUT_SECONDS) -> str | None:
    """The collection that `alias` points to; None where there is no such alias."""
    with translate_errors():
        try:
            return str(client.describe_alias(alias, timeout=timeout)["collection_name"])
        except MilvusException as error:
            if error.code in _NO_ALIAS:
                return None
            raise


def live(client: MilvusClient, settings: Settings, *, timeout: float = TIMEOUT_SECONDS) -> Collections | None:
    """The collections of the live model; None before the first worker has made them.

    Raises Broken where the alias was moved to what is no model's collection.
    """
    listings = resolve(client, settings.named(LISTINGS), timeout=timeout)
    return None if listings is None else collections_named(settings, listings)


def collections_named(settings: Settings, listings: str) -> Collections:
    """The collections of the model that keeps its rows in the collection `listings`.

    Raises CollectionGone if no model has such a collection: somebody else moved the alias.
    """
    prefix = settings.named(f"{LISTINGS}_")
    suffix = listings.removeprefix(prefix)
    if not listings.startswith(prefix) or not _SUFFIX.fullmatch(suffix):
        raise CollectionGone(
            f"the alias {settings.named(LISTINGS)} points to {listings}, which is no model's collection: somebody moved"
            f" it; point it to one of those named {prefix}… again"
        )
    return collection_names(settings, model_id_of(suffix))


def exists(client: MilvusClient, collections: Collections) -> bool:
    """Whether a model has its collections."""
    with translate_errors():
        return all(client.has_collection(name) for name in (collections.listings, collections.tombstones))


def all_models(client: MilvusClient, settings: Settings) -> list[Collections]:
    """The collections of every model of this catalogue, live or not; one that lacks either of the two is left out."""
    with translate_errors():
        there = set(client.list_collections(timeout=TIMEOUT_SECONDS))
    prefix = settings.named(f"{LISTINGS}_")
    found = [
        collection_names(settings, model_id_of(name.removeprefix(prefix)))
        for name in sorted(there)
        if name.startswith(prefix)
    ]
    return [each for each in found if each.tombstones in there]


def identity(client: MilvusClient, collections: Collections) -> str:
    """What tells a model's two collections from others of the same names; empty for those that say nothing.

    Our own random id, a property that they were made with, and Milvus' number, which one that was restored from a
    backup has not kept; Lite has no numbers. Raises SlowDown where Milvus is away, Broken where one is not there.
    """
    with translate_errors():
        found = [
            client.describe_collection(name, timeout=TIMEOUT_SECONDS)
            for name in (collections.listings, collections.tombstones)
        ]
    parts = [[(each.get("properties") or {}).get(_ID), each.get("collection_id")] for each in found]
    return "/".join(filter(None, (".".join(str(each) for each in part if each) for part in parts)))


def create(client: MilvusClient, name: str, schema: CollectionSchema, vector: str) -> None:
    """Create a collection with an index of its field `vector`, unless it is there."""
    index = IndexParams()
    index.add_index(vector, index_type="HNSW", metric_type=METRIC, params=HNSW)
    with translate_errors():
        if client.has_collection(name):
            return
        try:
            client.create_collection(
                name,
                schema=schema,
                index_params=index,
                consistency_level="Bounded",
                properties={_ID: secrets.token_hex(8)},
            )
        except MilvusException:
            # Another worker may be quicker, and on Milvus Lite the collection is seen only a moment after that.
            deadline = time.monotonic() + _MADE_WITHIN
            while not client.has_collection(name):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _forget_fingerprint(client: MilvusClient, fingerprint: str, collections: Collections) -> None:
    """The fingerprint of a collection that was dropped is of rows that are gone."""
    with translate_errors():
        # In this order: another worker makes the listings first, so that no fingerprint of its own can be met here.
        if client.has_collection(fingerprint) and not client.has_collection(collections.listings):
            client.drop_collection(fingerprint, timeout=TIMEOUT_SECONDS)


def empty_schema() -> CollectionSchema:
    """A schema without fields, to which none are added by writing."""
    return MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)


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
    schema = empty_schema()
    schema.add_field("listing_id", DataType.VARCHAR, is_primary=True, max_length=128)
    return schema
