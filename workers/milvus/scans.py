"""Reading whole collections, page by page in the order of the listing ids.

Asked as pymilvus' own iterator asks, but not through it: on Milvus 2.3 that ends at once, without a row and without an
error, for it takes the time of a snapshot from this machine's clock.

pymilvus asks for the pages of an iteration at the collection's own consistency, whatever it is told. That may be five
seconds behind the last write, so a Strong read goes before the first page: what it waited for, every later one shows.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, cast

from pymilvus import MilvusClient

from streams.errors import Broken
from workers.milvus.client import TIMEOUT_SECONDS, read
from workers.milvus.collection import Collections
from workers.milvus.row import Row, Tombstone, from_milvus, quoted
from workers.milvus.store import ALL_BUT_VECTOR, STRONG

# With the first, Milvus Lite answers in the order of the keys; with the second, Milvus leaves out no smaller key.
_ITERATING = {"iterator": "True", "reduce_stop_for_best": True}

PAGE = 1_000
"""Rows in one answer: the largest possible ones, 42 kB each, stay below the 64 MB that gRPC lets pass."""


def all_rows(client: MilvusClient, collections: Collections, page: int = PAGE) -> Iterator[list[Row]]:
    """Every row, without its vector; with all that was written before the first page was asked for.

    Raises SlowDown where Milvus is away, Broken where its answer has another order than that of the keys.
    """
    return cast("Iterator[list[Row]]", _pages(client, collections.listings, ALL_BUT_VECTOR, page))


def all_tombstones(client: MilvusClient, collections: Collections, page: int = PAGE) -> Iterator[list[Tombstone]]:
    """Every tombstone, as `all_rows`."""
    fields = ["listing_id", "version", "status", "source"]
    return cast("Iterator[list[Tombstone]]", _pages(client, collections.tombstones, fields, page))


def _pages(client: MilvusClient, collection: str, fields: list[str], page: int) -> Iterator[list[dict[str, Any]]]:
    caught_up = partial(
        client.query, collection, "", output_fields=["count(*)"], consistency_level=STRONG, timeout=TIMEOUT_SECONDS
    )
    read(client, collection, caught_up)
    beyond = 'listing_id >= ""'
    while True:
        ask = partial(
            client.query, collection, beyond, output_fields=fields, limit=page, timeout=TIMEOUT_SECONDS, **_ITERATING
        )
        found = [from_milvus(dict(row)) for row in read(client, collection, ask)]
        ids = [row["listing_id"] for row in found]
        if ids != sorted(ids):
            raise Broken(f"Milvus answered for {collection} in another order than that of its keys")
        if not found:
            return
        yield found
        beyond = f"listing_id > {quoted(ids[-1])}"
