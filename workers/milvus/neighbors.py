"""The nearest listings: by listing, by vector, with filters; the same picture collapsed."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from pymilvus import MilvusClient

from schemas.listing import Status
from workers.milvus.candidates import Candidate, Hides, nearest, search_until_enough, visible_candidates
from workers.milvus.client import TIMEOUT_SECONDS, read
from workers.milvus.filter_expression import enclosed
from workers.milvus.row import VECTOR_FIELD, listing_id_in, quoted
from workers.milvus.store import STRONG

PUBLIC_STATUSES: tuple[Status, ...] = ("on_sale", "reserved", "sold_out")
"""What a visitor may ever be shown."""


@dataclass(frozen=True)
class SearchOptions:
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
    """Not only what is on sale, but all that the index has; of that `public` leaves out what is hidden."""
    public: bool = False
    """For visitors, not for the operator."""
    min_score: float | None = None
    keep_duplicates: bool = False

    def filter(self, *, without: str | None = None, without_seller: str = "") -> str:
        """As a filter of Milvus; values are quoted, so none of them can become part of the expression.

        Raises BadMessage for an `expression` that would not stay within its brackets.
        """
        statuses = [] if not self.public else [f"status in [{', '.join(map(quoted, PUBLIC_STATUSES))}]"]
        parts = statuses if self.include_sold else ['status == "on_sale"']
        if without is not None:
            parts.append(f"listing_id != {quoted(without)}")
        if without_seller:
            parts.append(f"seller_id != {quoted(without_seller)}")
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
            parts.append(enclosed(self.expression))
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


class StoredListing(NamedTuple):
    """What a query by listing needs of its row."""

    vector: list[float]
    image_hash: str
    seller_id: str
    version: int
    category: str
    status: str


def stored_vector(
    client: MilvusClient,
    collection: str,
    listing_id: str,
    *,
    consistency: str = STRONG,
    timeout: float = TIMEOUT_SECONDS,
) -> StoredListing | None:
    """A listing's vector, the hash of its picture, its seller, version, category and status; None without a row."""
    ask = partial(
        client.query,
        collection,
        listing_id_in([listing_id]),  # a list of keys is looked up; for `==` Milvus 2.3 goes through all rows
        output_fields=[VECTOR_FIELD, "image_hash", "seller_id", "version", "category", "status"],
        consistency_level=consistency,
        timeout=timeout,
    )
    rows = read(client, collection, ask)
    if not rows:
        return None
    row = rows[0]
    return StoredListing(
        list(row[VECTOR_FIELD]),
        str(row["image_hash"]),
        str(row["seller_id"]),
        int(row["version"]),
        str(row["category"]),
        str(row["status"]),
    )


def search(
    client: MilvusClient,
    collection: str,
    vector: list[float],
    wanted: SearchOptions,
    *,
    without: str | None = None,
    without_hash: str | None = None,
    hides: Hides = lambda *_: False,
) -> list[Neighbor]:
    """The `wanted.k` nearest to `vector`, nearest first; fewer where there are fewer.

    The listing `without` is left out, and what shows the very same picture as an earlier one (or as `without_hash`)
    is collapsed into it; what `hides` says is left out, and others take its place. Raises SlowDown where Milvus is
    away, BadMessage for a filter that it does not understand.
    """
    expression = wanted.filter(without=without)

    def choose(candidates: list[Candidate]) -> list[Candidate]:
        seen = None if wanted.keep_duplicates else {without_hash}
        return list(visible_candidates(candidates, hides, floor=wanted.min_score, seen=seen))

    def ask(limit: int) -> list[Candidate]:
        return nearest(client, collection, vector, expression, limit)

    found = search_until_enough(ask, choose, wanted=wanted.k, first=wanted.k + 20, floor=wanted.min_score)
    return [_neighbor(each) for each in found]


def _neighbor(found: Candidate) -> Neighbor:
    return Neighbor(
        listing_id=found.listing_id,
        score=round(found.score, 6),
        title=found.title,
        category=found.category,
        price_minor=found.price_minor,
        currency=found.currency,
        status=found.status,
        version=found.version,
        image_urls=found.image_urls,
    )
