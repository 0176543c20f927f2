"""The nearest listings: by listing, by vector, with filters; the same picture collapsed."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from pymilvus import MilvusClient

from workers.vectors.client import read
from workers.vectors.row import VECTOR_FIELD, plain, quoted

EF = 128
"""How many candidates HNSW keeps while it searches; at least as many as are asked for."""

_SHOWN = ["listing_id", "title", "category", "price_minor", "currency", "status", "version", "image_hash", "image_urls"]


@dataclass(frozen=True)
class Wanted:
    """Which neighbours are wanted."""

    k: int = 10
    category: str | None = None
    """A path such as `fashion/shoes`; it and everything below it."""
    max_price: int | None = None
    """In the minor unit of `currency`."""
    currency: str | None = None
    expression: str = ""
    """A filter of Milvus' own, on any field."""
    include_sold: bool = False
    min_score: float | None = None
    keep_duplicates: bool = False

    def filter(self, *, without: str | None = None) -> str:
        """As a filter of Milvus; values are quoted, so none of them can become part of the expression."""
        parts = [] if self.include_sold else ['status == "on_sale"']
        if without is not None:
            parts.append(f"listing_id != {quoted(without)}")
        if self.category is not None:
            path = self.category.strip("/")
            # All that begins with `path/`: `0` is the next character after `/`. The servers differ in how `like`
            # takes `%`, `_` and backslashes; they agree in how texts are ordered.
            below = f"(category >= {quoted(path + '/')} and category < {quoted(path + '0')})"
            parts.append(f"(category == {quoted(path)} or {below})")
        if self.currency is not None:
            parts.append(f"currency == {quoted(self.currency)}")
        if self.max_price is not None:
            parts.append(f"price_minor <= {self.max_price}")
        if self.expression:
            parts.append(f"({self.expression})")
        return " and ".join(parts)


@dataclass(frozen=True)
class Neighbor:
    """A listing and how alike it is: `score` is the cosine, 1 for the same direction."""

    listing_id: str
    score: float
    title: str
    category: str
    price_minor: int | None
    currency: str | None
    status: str
    version: int
    image_urls: tuple[str, ...] = ()


def stored_vector(client: MilvusClient, collection: str, listing_id: str) -> tuple[list[float], str] | None:
    """A listing's vector and the hash of its picture; None where it has no row."""
    ask = partial(
        client.query,
        collection,
        f"listing_id == {quoted(listing_id)}",
        output_fields=[VECTOR_FIELD, "image_hash"],
        consistency_level="Strong",
    )
    rows = read(client, collection, ask)
    return (list(rows[0][VECTOR_FIELD]), str(rows[0]["image_hash"])) if rows else None


def search(
    client: MilvusClient,
    collection: str,
    vector: list[float],
    wanted: Wanted,
    *,
    without: str | None = None,
    without_hash: str | None = None,
) -> list[Neighbor]:
    """The `wanted.k` nearest to `vector`, nearest first; fewer where there are fewer.

    The listing `without` is left out, and what shows the very same picture as an earlier one (or as `without_hash`)
    is collapsed into it. Raises SlowDown where Milvus is away, BadMessage for a filter that it does not understand.
    """  # fmt: skip
    # Collapsing takes some away: ask for more, and for many more if that was not enough.
    for limit in (wanted.k + 20, 16 * (wanted.k + 20)):
        hits = _search(client, collection, vector, wanted.filter(without=without), min(limit, 16_384))
        found = list(_collapsed(hits, without_hash, wanted))
        if len(found) >= wanted.k or len(hits) < limit:
            break
    return found[: wanted.k]


def _search(client: MilvusClient, collection: str, vector: list[float], expression: str, limit: int) -> list[Any]:
    ask = partial(
        client.search,
        collection,
        [vector],
        filter=expression,
        limit=limit,
        output_fields=_SHOWN,
        search_params={"metric_type": "COSINE", "params": {"ef": max(EF, limit)}},
        consistency_level="Bounded",
    )
    return list(read(client, collection, ask)[0])


def _collapsed(hits: Iterable[Any], without_hash: str | None, wanted: Wanted) -> Iterable[Neighbor]:
    seen = {without_hash}
    for hit in hits:
        row, score = plain(hit["entity"]), float(hit["distance"])
        if wanted.min_score is not None and score < wanted.min_score:
            return  # nearest first: what follows is farther
        if not wanted.keep_duplicates and row["image_hash"] in seen:
            continue
        seen.add(row["image_hash"])
        yield Neighbor(
            # Milvus names the key `id`, Milvus Lite by its field; asked for as an output it stands in the row.
            listing_id=row["listing_id"],
            score=round(score, 6),
            title=row["title"],
            category=row["category"],
            price_minor=row["price_minor"] if row["currency"] else None,
            currency=row["currency"] or None,
            status=row["status"],
            version=row["version"],
            image_urls=tuple(row["image_urls"]),
        )
