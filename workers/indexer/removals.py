"""Removals that people requested: a taken-down row is replaced by a tombstone, an erased listing is deleted entirely.

They have their own queue, which the writer thread processes first: even behind a backlog of millions of events they
wait for one batch at most. Each worker removes the rows of its own partitions from the collections of its own model.
"""

from collections.abc import Callable

import structlog

from schemas.takedown import Takedown
from streams.takedown_follower import TakedownFollower
from streams.takedowns import Takedowns
from workers.indexer import metrics
from workers.indexer.lease import Lease
from workers.indexer.messages import Erase, Queues, Sweep
from workers.indexer.stages import Stages
from workers.milvus.row import Tombstone, tombstone_of
from workers.milvus.store import READ_BATCH, Store
from workers.milvus.takedown_rows import TakenDownRow, filters_of, in_key_ranges, taken_down_rows

_log = structlog.get_logger(__name__)


class Removals:
    """Requested from any thread (`add_takedowns`, `set_owned_partitions`), done by `step` on the writer thread."""

    def __init__(self, stages: Stages, queues: Queues, store: Store, follower: TakedownFollower, lease: Lease) -> None:
        self._stages, self._queues, self._store = stages, queues, store
        self._follower, self._lease = follower, lease
        self._owned: frozenset[int] = frozenset()
        metrics.TAKEDOWNS.set_function(lambda: follower.takedowns.count)
        metrics.TAKEDOWNS_UNREAD.set_function(lambda: follower.takedowns.unread)

    @property
    def pending(self) -> bool:
        """Whether a removal is queued."""
        return not self._queues.urgent.empty()

    def add_takedowns(self, entries: list[Takedown]) -> None:
        """Queue the removal of rows covered by new takedowns."""
        self._queues.urgent.put(Sweep(tuple(entries)))

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
        """Delete what is stored of erased events, and finish them without an outcome, which would hold the id."""
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
            metrics.ERASED.inc()
            each.pending.received.finish()
