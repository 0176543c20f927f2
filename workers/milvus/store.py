"""The store of one model's collections: read what is known, upsert rows, bury listings.

Three verbs, right on Milvus and on Milvus Lite. Each raises SlowDown where Milvus is away and Broken where the
collection is gone; nothing is kept in memory between calls.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, cast

from pymilvus import MilvusClient

from streams.errors import BadMessage
from workers.milvus.client import TIMEOUT_SECONDS, read, translate_errors
from workers.milvus.collection import Collections
from workers.milvus.row import VECTOR_FIELD, Known, Row, Tombstone, from_milvus, listing_id_in, to_milvus

ALL_BUT_VECTOR = [name for name in Row.__annotations__ if name != VECTOR_FIELD]
READ_BATCH = 500
"""Ids in one `in` filter; Milvus parses the whole expression, so thousands at once are slower than two calls."""

STRONG = "Strong"


class Store:
    """The one writer's view of a model's collections."""

    def __init__(self, client: MilvusClient, collections: Collections) -> None:
        self.collections = collections
        self.client = client

    def known(self, listing_ids: Iterable[str], *, vectors: bool = False) -> dict[str, Known]:
        """What is stored of each listing, read Strong: every write that was acknowledged before is seen."""
        ids = sorted(set(listing_ids))
        fields = [*ALL_BUT_VECTOR, *([VECTOR_FIELD] if vectors else [])]
        rows = self._read(self.collections.listings, ids, fields)
        graves = self._read(self.collections.tombstones, ids, ["listing_id", "version", "status", "source"])
        return {
            each: Known(cast("Row | None", rows.get(each)), cast("Tombstone | None", graves.get(each))) for each in ids
        }

    def upsert(self, rows: Sequence[Row]) -> dict[str, BadMessage]:
        """Write whole rows, at most one of a listing; returns those that Milvus will never take, by listing id.

        A batch that is refused is halved until the rows that it is refused for stand alone.
        """
        if not rows:
            return {}
        try:
            with translate_errors():
                entities = [to_milvus(row) for row in rows]
                self.client.upsert(self.collections.listings, entities, timeout=TIMEOUT_SECONDS)
        except BadMessage as refused:
            if len(rows) == 1:
                return {rows[0]["listing_id"]: refused}
            middle = len(rows) // 2
            return self.upsert(rows[:middle]) | self.upsert(rows[middle:])
        return {}

    def delete_with_tombstone(self, tombstones: Sequence[Tombstone]) -> None:
        """Write the tombstones, then delete the rows: in this order, or a late older event would find neither."""
        if not tombstones:
            return
        with translate_errors():
            graves = [dict(tombstone) for tombstone in tombstones]
            self.client.upsert(self.collections.tombstones, graves, timeout=TIMEOUT_SECONDS)
        self.delete_rows(each["listing_id"] for each in tombstones)

    def delete_rows(self, listing_ids: Iterable[str]) -> None:
        """Delete rows and leave no tombstone: for rows that should never have been."""
        self._delete(self.collections.listings, listing_ids)

    def delete_tombstones(self, listing_ids: Iterable[str]) -> None:
        """Delete tombstones: for those that should never have been."""
        self._delete(self.collections.tombstones, listing_ids)

    def _delete(self, collection: str, listing_ids: Iterable[str]) -> None:
        ids = sorted(set(listing_ids))
        with translate_errors():
            for start in range(0, len(ids), READ_BATCH):
                # Not by `ids`: pymilvus puts those between apostrophes as they are, to be read as an expression.
                expression = listing_id_in(ids[start : start + READ_BATCH])
                self.client.delete(collection, filter=expression, timeout=TIMEOUT_SECONDS)

    def _read(self, collection: str, ids: list[str], fields: list[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), READ_BATCH):
            expression = listing_id_in(ids[start : start + READ_BATCH])
            ask = partial(
                self.client.query,
                collection,
                expression,
                output_fields=fields,
                consistency_level=STRONG,
                timeout=TIMEOUT_SECONDS,
            )
            rows = read(self.client, collection, ask)
            found |= {row["listing_id"]: from_milvus(dict(row)) for row in rows}
        return found
