"""Rows as plain values, for tests of the store."""

import math
from typing import Any

from schemas.source import Source
from workers.milvus.row import Row


def source(offset: int = 0) -> Source:
    """A place in the log."""
    return Source(topic="listing-updated", partition=1, offset=offset, timestamp=1_000 + offset)


def row(listing_id: str, vector: list[float], version: int = 1, **fields: Any) -> Row:
    """A whole row; its picture is its own unless `image_hash` says otherwise."""
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    defaults: dict[str, Any] = {
        "listing_id": listing_id,
        "embedding": [value / length for value in vector],
        "version": version,
        "status": "on_sale",
        "category": "",
        "brand": "",
        "price_minor": 0,
        "currency": "",
        "attributes": {},
        "seller_id": "",
        "title": f"title of {listing_id}"[:100],
        "image_hash": (listing_id * 64)[:64],
        "image_urls": ["file:///a.jpg"],
        "listed_at": 1,
        "updated_at": 2,
        "indexed_at": 3,
        "source": source(version).model_dump(),
    }
    return Row(**{**defaults, **fields})  # type: ignore[typeddict-item]
