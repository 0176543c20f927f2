"""Removals that people requested: a taken-down row is replaced by a tombstone, an erased listing is deleted entirely.

They have their own queue, which the writer thread processes first: even behind a backlog of millions of events they
wait for one batch at most. Each worker removes the rows of its own partitions from the collections of its own model.
"""

from collections.abc import Callable

import structlog

from streams.takedowns import Takedowns
from workers.indexer import metrics
from workers.indexer.messages import Erase, Sweep
from workers.indexer.shared import Shared
from workers.milvus.row import Tombstone, tombstone_of
from workers.milvus.store import READ_BATCH
from workers.milvus.takedown_rows import TakenDownRow, filters_of, in_key_ranges, taken_down_rows

_log = structlog.get_logger(__name__)


class Removals:
    """Requested from any thread by the queue `urgent`, done by `step` on the writer thread."""

    def __init__(self, shared: Shared) -> None:
        self._stages, self._queues, self._store = shared.stages, shared.queues, shared.store
        self._settler, self._follower, self._lease = shared.settler, shared.takedowns, shared.lease
        self._owned: frozenset[int] = frozenset()

    @property
    def pending(self) -> bool:
        """Whether a removal is queued."""
        return not self._queues.urgent.empty()

    def set_owned_partitions(self, partitions: frozenset[int]) -> None:
        """Set the owned partitions, and queue a full sweep: their last owner may have left taken-down rows."""
        self._owned = partitions
        if partitions:
            self._queues.urgent.put(Sweep(None))

    def step(self) -> None:
        """Process all queued removals; waits while the store or the takedown topic is unavailable."""
        erases: list[Erase] = []
        while self.pending:
            item = self._queues.urgent.get()
            if isinstance(item, Erase):
                erases.append(item)
            else:
                self._sweep(item)
        if erases:
            self._erase(erases)

    def _sweep(self, sweep: Sweep) -> None:
        known = self._stages.retry_while_unavailable("takedowns", self._follower.require)
        entries = known.entries() if sweep.entries is None else sweep.entries
        removed = sum(self._sweep_filter(expression, known) for expression in filters_of(entries))
        if removed:
            _log.info("taken_down", rows=removed, entries=len(entries))

    def _sweep_filter(self, expression: str, known: Takedowns) -> int:
        def find_rows(keys: str) -> list[TakenDownRow]:
            return self._stages.retry_while_unavailable(
                "milvus", lambda: taken_down_rows(self._store, f"({expression}) and {keys}")
            )

        removed = 0
        for page in in_key_ranges(find_rows, lambda row: row.listing_id):
            tombstones = [
                tombstone_of(row.listing_id, row.version, "taken_down", row.source)
                for row in page
                if row.source.partition in self._owned and known.covers(row.listing_id, row.seller_id, row.image_hash)
            ]
            for start in range(0, len(tombstones), READ_BATCH):
                self._stages.retry_while_unavailable("milvus", self._deleting(tombstones[start : start + READ_BATCH]))
            metrics.TAKEN_DOWN.inc(len(tombstones))
            removed += len(tombstones)
        return removed

    def _deleting(self, tombstones: list[Tombstone]) -> Callable[[], None]:
        def delete() -> None:
            self._lease.require()
            self._store.delete_with_tombstone(
                [each for each in tombstones if each["source"]["partition"] in self._owned]
            )

        return delete

    def _erase(self, erases: list[Erase]) -> None:
        """Delete what is stored of erased events, and end them."""
        known = self._stages.retry_while_unavailable("takedowns", self._follower.require)
        ours = {each.pending.listing_id for each in erases if each.pending.is_owned}

        def erase() -> None:
            self._lease.require()
            stored = self._store.known(ours)
            rows = [each for each, has in stored.items() if has.row and known.is_erased(each, has.row["version"])]
            tombstones = [
                each
                for each, has in stored.items()
                if has.tombstone and known.is_erased(each, has.tombstone["version"])
            ]
            self._store.delete_rows(rows)
            self._store.delete_tombstones(tombstones)

        if ours:
            self._stages.retry_while_unavailable("milvus", erase)
        for each in erases:
            self._settler.erased(each.pending)
