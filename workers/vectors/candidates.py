"""The rows near a vector, nearest first, with all that decides whether and where they are shown."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymilvus import MilvusClient

from workers.vectors.client import TIMEOUT_SECONDS, read
from workers.vectors.row import VECTOR_FIELD, plain

EF = 128
"""How many candidates HNSW keeps while it searches; at least as many as are asked for."""
LIMIT = 16_384
"""Milvus gives no more in one answer."""

_SHOWN = [
    "listing_id", "title", "category", "price_minor", "currency", "status", "version", "image_hash", "image_urls",
    "seller_id", "listed_at",
]  # fmt: skip

Hides = Callable[[str, int, str, str], bool]
"""Whether a row may not be shown, by listing id, version, seller id and image hash: it was taken down or erased."""


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
    """Where it was asked for; of length 1."""


def nearest(
    client: MilvusClient, collection: str, vector: list[float], expression: str, limit: int, *,
    vectors: bool = False, timeout: float = TIMEOUT_SECONDS,
) -> list[Candidate]:  # fmt: skip
    """The `limit` rows nearest to `vector` that meet a filter of Milvus; may be up to five seconds behind a write.

    Raises SlowDown where Milvus is away, BadMessage for a filter that it does not understand.
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
    # Milvus names the key `id`, Milvus Lite by its field; asked for as an output it stands in the row.
    row = plain(hit["entity"])
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


def passing(
    candidates: list[Candidate], hides: Hides, *, floor: float | None = None, seen: set[str | None] | None = None
) -> Iterator[Candidate]:
    """Those that may be shown; with `seen`, of each picture only the nearest, and none of those that are in it."""
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


def enough(
    ask: Callable[[int], list[Candidate]],
    choose: Callable[[list[Candidate]], list[Candidate]],
    *, wanted: int, first: int, floor: float | None = None,
) -> list[Candidate]:  # fmt: skip
    """What `choose` leaves of the nearest rows, `wanted` of them where there are as many.

    Choosing takes some away: first the nearest `first` rows are asked for, and many more if that was not enough.
    """
    found: list[Candidate] = []
    for limit in (first, 16 * first, LIMIT):
        candidates = ask(min(limit, LIMIT))
        found = choose(candidates)
        below = floor is not None and bool(candidates) and candidates[-1].score < floor
        if len(found) >= wanted or len(candidates) < min(limit, LIMIT) or below:
            break
    return found[:wanted]
