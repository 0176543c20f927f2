"""The rows that a takedown covers, and the listings that it has buried; in parts, however many they are."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from pymilvus import MilvusClient

from schemas.source import Source
from schemas.takedown import Kind, Takedown
from workers.milvus.client import TIMEOUT_SECONDS, read
from workers.milvus.row import quoted
from workers.milvus.store import READ_BATCH, STRONG, Store

PAGE = 4_000
"""Rows in one answer: of 600 bytes each, so far below the 64 MB that gRPC lets pass; Milvus gives 16,384 at most."""
Found = TypeVar("Found")
_FIELDS: dict[Kind, str] = {"listing": "listing_id", "seller": "seller_id", "image": "image_hash"}


@dataclass(frozen=True, slots=True)
class TakenDownRow:
    """What is needed to bury a row at its own order."""

    listing_id: str
    version: int
    seller_id: str
    image_hash: str
    source: Source


def filters_of(entries: Iterable[Takedown]) -> Iterator[str]:
    """Filters for the rows that these entries cover; erasures have none, for their ids are not known.

    A value with a control character is in no filter: Milvus Lite can't read it. The answers leave it out all the same.
    """
    values: dict[Kind, list[str]] = {}
    for entry in entries:
        if entry.kind in _FIELDS and entry.value.isprintable():
            values.setdefault(entry.kind, []).append(entry.value)
    for kind, several in values.items():
        for start in range(0, len(several), READ_BATCH):
            yield f"{_FIELDS[kind]} in [{', '.join(map(quoted, several[start : start + READ_BATCH]))}]"


def taken_down_rows(store: Store, expression: str) -> list[TakenDownRow]:
    """Up to `PAGE` rows of a filter, read Strong, in no order; raises SlowDown where Milvus is away."""
    fields = ["listing_id", "version", "seller_id", "image_hash", "source"]
    return [
        TakenDownRow(
            row["listing_id"], row["version"], row["seller_id"], row["image_hash"], Source.model_validate(row["source"])
        )
        for row in _page(store.client, store.collections.listings, expression, fields)
    ]


def taken_down(client: MilvusClient, tombstones: str) -> Iterator[str]:
    """The listings whose tombstone says that they were taken down."""

    def some(keys: str) -> list[str]:
        return [
            str(row["listing_id"])
            for row in _page(client, tombstones, f'status == "taken_down" and {keys}', ["listing_id"])
        ]

    for page in in_key_ranges(some, str):
        yield from page


def in_key_ranges(some: Callable[[str], list[Found]], listing_id: Callable[[Found], str]) -> Iterator[list[Found]]:
    """All that `some` finds, in parts: it is asked with a filter on the key, and gives up to `PAGE` results.

    No order is needed, for Milvus promises none: a range of keys that has too many results is asked for in halves.
    """
    ranges: list[tuple[str, str | None]] = [("", None)]
    while ranges:
        above, upto = ranges.pop()
        found = some(
            f"listing_id > {quoted(above)}" + (f" and listing_id <= {quoted(upto)}" if upto is not None else "")
        )
        if len(found) < PAGE:
            yield found
            continue
        middle = sorted(listing_id(each) for each in found)[len(found) // 2 - 1]
        ranges += [(middle, upto), (above, middle)]


def _page(client: MilvusClient, collection: str, expression: str, fields: list[str]) -> list[dict[str, Any]]:
    ask = partial(
        client.query,
        collection,
        expression,
        output_fields=fields,
        limit=PAGE,
        consistency_level=STRONG,
        timeout=TIMEOUT_SECONDS,
    )
    return [dict(row) for row in read(client, collection, ask)]
