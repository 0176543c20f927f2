"""Removals that people asked for: rows that were taken down are buried, erased listings leave nothing behind.

They have a queue of their own, which the thread that writes looks at first: behind a backlog of millions of events they
wait for one batch at most. Each worker removes the rows of its own partitions from its own model's collections.
"""

from collections.abc import Callable

import structlog

from schemas.takedown import Takedown
from streams.follow import Follower
from streams.takedowns import Takedowns
from workers.index import metrics
from workers.index.lease import Lease
from workers.index.stages import Stages
from workers.index.work import Erase, Queues, Sweep
from workers.vectors.covered import CoveredRow, covered_rows, filters_of, in_parts
from workers.vectors.row import Tombstone, tombstone_of
from workers.vectors.store import READ_BATCH, Store

_log = structlog.get_logger(__name__)


class Removals:
    """Asked for from any thread (`news`, `own`), done by `step` on the thread that writes."""

    def __init__(self, stages: Stages, queues: Queues, store: Store, follower: Follower, lease: Lease) -> None:
        self._stages, self._queues, self._store = stages, queues, store
        self._follower, self._lease = follower, lease
        self._owned: frozenset[int] = frozenset()
        metrics.TAKEDOWNS.set_function(lambda: follower.takedowns.count)

    @property
    def waiting(self) -> bool:
        """Whether there is anything to do."""
        return not self._queues.urgent.empty()

    def news(self, entries: list[Takedown]) -> None:
        """These were taken down just now."""
        self._queues.urgent.put(Sweep(tuple(entries)))

    def own(self, partitions: frozenset[int]) -> None:
        """These partitions are ours: whoever had them before may have left rows that were taken down since."""
        self._owned = partitions
        if partitions:
            self._queues.urgent.put(Sweep(None))

    def step(self) -> None:
        """Do all that was asked for; waits while the store, or the proof of what was taken down, is away."""
        erases: list[Erase] = []
        while self.waiting:
            item = self._queues.urgent.get()
            if isinstance(item, Erase):
                erases.append(item)
            else:
                self._sweep(item)
        if erases:
            self._erase(erases)

    def _sweep(self, sweep: Sweep) -> None:
        known = self._stages.patiently("takedowns", self._follower.require)
        entries = known.entries() if sweep.entries is None else sweep.entries
        removed = sum(self._sweep_filter(expression, known) for expression in filters_of(entries))
        if removed:
            _log.info("taken_down", rows=removed, entries=len(entries))

    def _sweep_filter(self, expression: str, known: Takedowns) -> int:
        def some(keys: str) -> list[CoveredRow]:
            return self._stages.patiently("milvus", lambda: covered_rows(self._store, f"({expression}) and {keys}"))

        removed = 0
        for page in in_parts(some, lambda row: row.listing_id):
            graves = [
                tombstone_of(row.listing_id, row.version, "taken_down", row.source)
                for row in page
                if row.source.partition in self._owned and known.covers(row.listing_id, row.seller_id, row.image_hash)
            ]
            for start in range(0, len(graves), READ_BATCH):
                self._stages.patiently("milvus", self._burying(graves[start : start + READ_BATCH]))
            metrics.TAKEN_DOWN.inc(len(graves))
            removed += len(graves)
        return removed

    def _burying(self, graves: list[Tombstone]) -> Callable[[], None]:
        def bury() -> None:
            self._lease.require()
            self._store.bury([each for each in graves if each["source"]["partition"] in self._owned])

        return bury

    def _erase(self, erases: list[Erase]) -> None:
        """Delete what is stored of erased events, and finish them without a word: it would hold the listing's id."""
        known = self._stages.patiently("takedowns", self._follower.require)
        ours = {each.change.listing_id for each in erases if each.change.ours}

        def erase() -> None:
            self._lease.require()
            stored = self._store.known(ours)
            rows = [each for each, has in stored.items() if has.row and known.erased(each, has.row["version"])]
            graves = [
                each for each, has in stored.items() if has.tombstone and known.erased(each, has.tombstone["version"])
            ]
            self._store.delete_rows(rows)
            self._store.delete_tombstones(graves)

        if ours:
            self._stages.patiently("milvus", erase)
        for each in erases:
            metrics.ERASED.inc()
            each.change.received.finish()
