"""A listing as a row, a removed one as a tombstone, and what is known of a listing from both."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypedDict, cast

from pydantic import ValidationError

from schemas.listing import ListingEvent, Status
from schemas.order import Order
from schemas.source import Source

VECTOR_FIELD = "embedding"

TombstoneStatus = Status | Literal["taken_down"]
"""Why a listing has no row."""


class Row(TypedDict):
    """One listing in its model's collection; times are in microseconds since 1970, `embedding` has length 1."""

    listing_id: str
    embedding: list[float]
    version: int
    status: str
    category: str
    brand: str
    price_minor: int
    currency: str
    attributes: dict[str, Any]
    seller_id: str
    title: str
    image_hash: str
    image_urls: list[str]
    listed_at: int
    updated_at: int
    indexed_at: int
    source: dict[str, Any]


class Tombstone(TypedDict):
    """The kept version of a listing that has no row; `nothing` is there because Milvus wants a vector."""

    listing_id: str
    nothing: list[float]
    version: int
    status: str
    source: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows of a listing."""

    row: Row | None = None
    tombstone: Tombstone | None = None

    @property
    def row_order(self) -> Order | None:
        """The order of the event that the row shows."""
        return _order(self.row) if self.row else None

    @property
    def tombstone_order(self) -> Order | None:
        """The order of the event that the tombstone keeps."""
        return _order(self.tombstone) if self.tombstone else None


NOWHERE = Source(topic="", partition=-1, offset=-1)


def _order(kept: Row | Tombstone) -> Order:
    try:
        return Order.of(kept["version"], Source.model_validate(kept["source"]))
    except ValidationError:  # written by someone else; it must end no worker, and the audit finds it
        return Order.of(kept["version"], NOWHERE)


def row_of(
    event: ListingEvent, source: Source, *, vector: list[float], image_hash: str, listed_at: int | None, now: int
) -> Row:
    """The whole row of `event`; a price that is absent is 0 in the currency "", which no filter by currency meets."""
    updated_at = event.updated_at if event.updated_at is not None else source.timestamp * 1_000
    return Row(
        listing_id=event.listing_id,
        embedding=vector,
        version=event.version,
        status=event.status,
        category="/".join(event.category),
        brand=event.brand,
        price_minor=event.price_minor or 0,
        currency=event.currency or "" if event.price_minor is not None else "",
        attributes=event.attributes,
        seller_id=event.seller_id,
        title=event.title,
        image_hash=image_hash,
        image_urls=list(event.image_urls),
        listed_at=updated_at if listed_at is None else listed_at,
        updated_at=updated_at,
        indexed_at=now,
        source=source.model_dump(),
    )


def event_of_row(row: Row) -> ListingEvent:
    """The event that a row shows, but for its description; for a row whose record the log has lost.

    Raises pydantic's ValidationError for a row that no event of ours can have made.
    """
    return ListingEvent(
        listing_id=row["listing_id"],
        version=row["version"],
        status=cast("Status", row["status"]),
        occurred_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row["updated_at"]),
        title=row["title"],
        category=tuple(row["category"].split("/")) if row["category"] else (),
        brand=row["brand"],
        price_minor=row["price_minor"] if row["currency"] else None,
        currency=row["currency"] or None,
        seller_id=row["seller_id"],
        image_urls=tuple(row["image_urls"]),
        attributes=row["attributes"],
    )


_NOT_THE_EVENTS = {VECTOR_FIELD, "image_hash", "listed_at", "indexed_at"}
_THE_EVENTS = tuple(name for name in Row.__annotations__ if name not in _NOT_THE_EVENTS)
"""The fields that an event decides alone, whatever its pictures are and whatever came before it."""


def content_of(row: Row) -> bytes:
    """What a row shows of its event, as a digest of 16 bytes: that of `expected_content`, or the row is wrong."""
    shown = json.dumps({name: row[name] for name in _THE_EVENTS}, sort_keys=True)  # type: ignore[literal-required]
    return hashlib.blake2b(shown.encode(), digest_size=16).digest()


def expected_content(event: ListingEvent, source: Source) -> bytes:
    """What the row of `event` must show: see `content_of`."""
    return content_of(row_of(event, source, vector=[], image_hash="", listed_at=0, now=0))


def to_milvus(row: Row) -> dict[str, Any]:
    """A row as it is stored: Milvus up to 2.3 takes only objects in a JSON field, so the list becomes one."""
    return {**row, "image_urls": {"urls": row["image_urls"]}}


def from_milvus(kept: dict[str, Any]) -> dict[str, Any]:
    """What was `to_milvus` as a row again; fields that were not asked for stay absent."""
    if "image_urls" not in kept:
        return kept
    urls = kept["image_urls"]
    return {**kept, "image_urls": urls.get("urls", []) if isinstance(urls, dict) else []}


def quoted(text: str) -> str:
    """A string literal of Milvus' expression language: as JSON's, but Milvus Lite knows no `\\u`.

    >>> quoted('say "hi"')
    '"say \\\\"hi\\\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def listing_id_in(listing_ids: Iterable[str]) -> str:
    """A filter for the rows of these listings; whatever is in an id, it stays an id.

    >>> listing_id_in(["m1", "m2"])
    'listing_id in ["m1", "m2"]'
    """
    return f"listing_id in [{', '.join(quoted(each) for each in listing_ids)}]"


def tombstone_of(listing_id: str, version: int, status: TombstoneStatus, source: Source) -> Tombstone:
    """The tombstone of an event."""
    return Tombstone(
        listing_id=listing_id, nothing=[1.0, 0.0], version=version, status=status, source=source.model_dump()
    )
