"""Search candidates: the rows nearest to a vector, with the fields that decide whether and where they are shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from workers.milvus.client import TIMEOUT_SECONDS, read
from workers.milvus.row import VECTOR_FIELD, from_milvus

EF = 128
"""How many candidates HNSW keeps while it searches; at least as many as are asked for."""
LIMIT = 16_384
"""The most rows that Milvus returns in one answer."""

_SHOWN = [
    "listing_id",
    "title",
    "category",
    "price_minor",
    "currency",
    "status",
    "version",
    "image_hash",
    "image_urls",
    "seller_id",
    "listed_at",
]

Hides = Callable[[str, int, str, str], bool]
"""Whether a row is hidden (taken down or erased), by listing id, version, seller id and image hash."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row and how near it is: `score` is the cosine, 1 for the same direction."""

    listing_id: str
    score: float
    title: str = ""
    category: str = ""
    price_minor: int | None = None
    currency: str | None = None
    status: str = "on_sale"
    version: int = 0
    image_urls: tuple[str, ...] = ()
    image_hash: str = ""
    seller_id: str = ""
    listed_at: int = 0
    vector: NDArray[np.float32] | None = None
    """If it was requested; of length 1."""


def nearest(
    client: MilvusClient,
    collection: str,
    vector: list[float],
    expression: str,
    limit: int,
    *,
    vectors: bool = False,
    timeout: float = TIMEOUT_SECONDS,
) -> list[Candidate]:
    """The `limit` rows nearest to `vector` that match a Milvus filter; may be up to five seconds behind a write.

    Raises SlowDown if Milvus is unavailable, BadMessage for an invalid filter.
    """
    ask = partial(
        client.search,
        collection,
        [vector],
        filter=expression,
        limit=limit,
        output_fields=[*_SHOWN, VECTOR_FIELD] if vectors else _SHOWN,
        search_params={"metric_type": "COSINE", "params": {"ef": max(EF, limit)}},
        consistency_level="Bounded",
        timeout=timeout,
    )
    return [_candidate(hit) for hit in read(client, collection, ask)[0]]


def _candidate(hit: Any) -> Candidate:
    # Milvus names the key `id`, Milvus Lite by its field; requested as an output field it is in the row.
    row = from_milvus(hit["entity"])
    return Candidate(
        listing_id=row["listing_id"],
        score=float(hit["distance"]),
        title=row["title"],
        category=row["category"],
        price_minor=row["price_minor"] if row["currency"] else None,
        currency=row["currency"] or None,
        status=row["status"],
        version=row["version"],
        image_urls=tuple(row["image_urls"]),
        image_hash=row["image_hash"],
        seller_id=row["seller_id"],
        listed_at=row["listed_at"],
        vector=np.asarray(row[VECTOR_FIELD], np.float32) if VECTOR_FIELD in row else None,
    )


def visible_candidates(
    candidates: list[Candidate], hides: Hides, *, floor: float | None = None, seen: set[str | None] | None = None
) -> Iterator[Candidate]:
    """The candidates that may be shown; with `seen` (image hashes), only the nearest of each picture not in it."""
    for each in candidates:
        if floor is not None and each.score < floor:
            return  # nearest first: what follows is farther
        if hides(each.listing_id, each.version, each.seller_id, each.image_hash):
            continue
        if seen is not None:
            if each.image_hash in seen:
                continue
            seen.add(each.image_hash)
        yield each


def search_until_enough(
    ask: Callable[[int], list[Candidate]],
    choose: Callable[[list[Candidate]], list[Candidate]],
    *,
    wanted: int,
    first: int,
    floor: float | None = None,
) -> list[Candidate]:
    """The first `wanted` of the nearest rows that `choose` accepts; fewer if there are fewer.

    `choose` removes some: first the nearest `first` rows are requested, then many more if that was not enough.
    """
    found: list[Candidate] = []
    for limit in (first, 16 * first, LIMIT):
        candidates = ask(min(limit, LIMIT))
        found = choose(candidates)
        below = floor is not None and bool(candidates) and candidates[-1].score < floor
        if len(found) >= wanted or len(candidates) < min(limit, LIMIT) or below:
            break
    return found[:wanted]
