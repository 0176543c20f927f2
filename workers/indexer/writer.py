"""The writer: the one thread that writes to Milvus. Asks the guard again right before the write, upserts, settles.

Removals that people requested come first.
"""

import threading
import time

from streams.errors import BadMessage
from streams.takedowns import Takedowns
from workers.indexer.guard import Action, decide, is_taken_down, status_of
from workers.indexer.messages import Write
from workers.indexer.removals import Removals
from workers.indexer.shared import Shared
from workers.indexer.stages import drain_batch
from workers.milvus.row import Known, Row, Tombstone, row_of, tombstone_of


class Writer:
    """One step: a batch of writes, one Strong read, at most one upsert and one tombstone call, all events settled."""

    def __init__(self, shared: Shared, removals: Removals) -> None:
        self._stages, self._queues, self._fold = shared.stages, shared.queues, shared.fold
        self._store, self._settler, self._follower = shared.store, shared.settler, shared.takedowns
        self._lease, self._removals = shared.lease, removals
        self.idle = threading.Event()
        """Set while no batch is being written."""
        self.idle.set()

    def step(self) -> None:
        """Process removals, then write one batch; waits while the store is unavailable."""
        if self._removals.pending:
            self.idle.clear()
            try:
                self._removals.step()
            finally:
                self.idle.set()
        batch = drain_batch(
            self._queues.writes, self._stages.capacity.read_batch, wait=self._stages.capacity.idle_wait_seconds
        )
        if not batch:
            return
        newest: dict[str, Write] = {}
        for write in sorted(batch, key=lambda each: each.pending.order):
            older = newest.get(write.pending.listing_id)
            if older is not None:
                self._fold.release_picture(older.pending)
            newest[write.pending.listing_id] = write
        self.idle.clear()
        try:
            self._guard_and_write(newest)
        finally:
            self.idle.set()

    def _guard_and_write(self, newest: dict[str, Write]) -> None:
        takedowns = self._stages.retry_while_unavailable("takedowns", self._follower.require)
        known = self._stages.retry_while_unavailable("milvus", lambda: self._store.known(newest, vectors=True))
        rows: dict[str, Row] = {}
        tombstones: dict[str, Tombstone] = {}
        for listing_id, write in newest.items():
            self._prepare(write, known[listing_id], takedowns, rows, tombstones)
        self._write([newest[each] for each in (*rows, *tombstones)], rows, tombstones)

    def _prepare(
        self, write: Write, known: Known, takedowns: Takedowns, rows: dict[str, Row], tombstones: dict[str, Tombstone]
    ) -> None:
        pending = write.pending
        erased = takedowns.is_erased(pending.listing_id, pending.event.version)
        if erased or not (pending.is_owned and self._fold.holds(pending)):
            self._settler.reschedule(pending)
            return
        taken_down = is_taken_down(takedowns, pending.event, known, write.image_hash)
        action = decide(
            pending.event,
            pending.order,
            known,
            image_hash=write.image_hash,
            refetch=pending.refetch,
            taken_down=taken_down,
        )
        if action in (Action.SUPERSEDED, Action.DONE):
            self._settler.already_stored(pending, known)
        elif action is Action.TOMBSTONE:
            tombstones[pending.listing_id] = tombstone_of(
                pending.listing_id,
                pending.event.version,
                status_of(pending.event, taken_down=taken_down),
                pending.source,
            )
        elif action is Action.METADATA and known.row is not None:
            row = known.row
            rows[pending.listing_id] = self._row(write, list(row["embedding"]), row["image_hash"], row["listed_at"])
        elif write.vector is not None and write.image_hash is not None:
            listed_at = known.row["listed_at"] if known.row else None
            rows[pending.listing_id] = self._row(write, write.vector.tolist(), write.image_hash, listed_at)
        else:
            # The row changed after planning: it has another picture now, so this one is needed after all.
            self._settler.reschedule(pending)

    def _row(self, write: Write, vector: list[float], image_hash: str, listed_at: int | None) -> Row:
        pending, now = write.pending, time.time_ns() // 1_000
        return row_of(pending.event, pending.source, vector=vector, image_hash=image_hash, listed_at=listed_at, now=now)

    def _write(self, writes: list[Write], rows: dict[str, Row], tombstones: dict[str, Tombstone]) -> None:
        if not writes:
            return
        self._stages.retry_while_unavailable("group", self._lease.require)
        started = time.perf_counter()
        refused: dict[str, BadMessage] = self._stages.retry_while_unavailable(
            "milvus",
            lambda: self._store.upsert([rows[each.pending.listing_id] for each in self._still_ours(writes, rows)]),
        )
        self._stages.retry_while_unavailable(
            "milvus",
            lambda: self._store.delete_with_tombstone(
                [tombstones[each.pending.listing_id] for each in self._still_ours(writes, tombstones)]
            ),
        )
        milliseconds = (time.perf_counter() - started) * 1_000
        for write in writes:
            pending = write.pending
            pending.times.upsert = milliseconds
            if not pending.is_owned:
                continue
            if bad := refused.get(pending.listing_id):
                self._settler.dead_letter(pending, bad)
            elif pending.listing_id in tombstones:
                self._settler.written(pending, "removed")
            else:
                encoded = rows[pending.listing_id]["image_hash"] == write.image_hash and write.vector is not None
                self._settler.written(pending, "indexed" if encoded else "metadata", encoded=encoded)

    def _still_ours(self, writes: list[Write], prepared: dict[str, Row] | dict[str, Tombstone]) -> list[Write]:
        """The writes whose partition is still owned; checked before every try, for it may be lost while waiting."""
        if prepared:
            self._lease.require()
        return [each for each in writes if each.pending.listing_id in prepared and each.pending.is_owned]
