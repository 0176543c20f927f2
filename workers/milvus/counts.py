"""Counting a model's rows by status, and its tombstones."""

import json
from collections.abc import Iterable
from functools import partial
from typing import get_args

from pymilvus import MilvusClient

from schemas.listing import Status
from schemas.order import Order
from streams.errors import CollectionGone
from workers.milvus.client import read
from workers.milvus.collection import Collections
from workers.milvus.row import Known
from workers.milvus.store import STRONG, Store

ROW_STATUSES = tuple(status for status in get_args(Status) if status != "removed")


def rows_by_status(client: MilvusClient, collections: Collections) -> dict[str, int]:
    """How many rows there are of each status that a row may have."""
    return {status: _count(client, collections.listings, f"status == {json.dumps(status)}") for status in ROW_STATUSES}


def tombstones(client: MilvusClient, collections: Collections) -> int:
    """How many listings have a tombstone."""
    return _count(client, collections.tombstones, "")


def known_listing(client: MilvusClient, collections: Collections, listing_id: str) -> Known:
    """What is stored of one listing."""
    return Store(client, collections).known([listing_id])[listing_id]


def newest_orders(client: MilvusClient, collections: Collections, listing_ids: Iterable[str]) -> dict[str, Order]:
    """The order of the newest event that is stored of each listing; nothing where the collections are gone."""
    try:
        found = Store(client, collections).known(listing_ids)
    except CollectionGone:
        return {}
    orders = {each: (known.row_order, known.tombstone_order) for each, known in found.items()}
    return {each: max(filter(None, both)) for each, both in orders.items() if any(both)}


def _count(client: MilvusClient, collection: str, expression: str) -> int:
    ask = partial(client.query, collection, expression, output_fields=["count(*)"], consistency_level=STRONG)
    found = read(client, collection, ask)
    return int(found[0]["count(*)"])
