"""The writer: the one thread that writes. Asks the guard again, right before the write, then upserts and settles.

What people asked to have removed comes first."""

import threading
import time

from streams.failures import BadMessage
from streams.follow import Follower
from streams.takedowns import Takedowns
from workers.index.fold import Fold
from workers.index.guard import Action, covers, decide, status_of
from workers.index.lease import Lease
from workers.index.removals import Removals
from workers.index.settle import Settler
from workers.index.stages import Stages, take_ready
from workers.index.work import Queues, Write
from workers.vectors.row import Known, Row, Tombstone, row_of, tombstone_of
from workers.vectors.store import Store


class Writer:
    """One step: a batch of writes, one Strong read, at most one upsert and one burial, and everything settled."""

    def __init__(
        self, stages: Stages, queues: Queues, fold: Fold, store: Store, settler: Settler, lease: Lease,
        follower: Follower, removals: Removals,
    ) -> None:  # fmt: skip
        self._stages, self._queues, self._fold, self._store, self._settler = stages, queues, fold, store, settler
        self._lease, self._follower, self._removals = lease, follower, removals
        self.idle = threading.Event()
        """Set while no batch is being written."""
        self.idle.set()

    def step(self) -> None:
        """Write what is ready; waits while the store is away."""
        if self._removals.waiting:
            self.idle.clear()
            try:
                self._removals.step()
            finally:
                self.idle.set()
        batch = take_ready(
            self._queues.writes, self._stages.capacity.read_batch, wait=self._stages.capacity.idle_wait_seconds
        )
        if not batch:
            return
        newest: dict[str, Write] = {}
        for write in sorted(batch, key=lambda each: each.change.order):
            older = newest.get(write.change.listing_id)
            if older is not None:
                self._fold.end_picture(older.change)
            newest[write.change.listing_id] = write
        self.idle.clear()
        try:
            self._guard_and_write(newest)
        finally:
            self.idle.set()

    def _guard_and_write(self, newest: dict[str, Write]) -> None:
        hidden = self._stages.patiently("takedowns", self._follower.require)
        known = self._stages.patiently("milvus", lambda: self._store.known(newest, vectors=True))
        rows: dict[str, Row] = {}
        graves: dict[str, Tombstone] = {}
        for listing_id, write in newest.items():
            self._prepare(write, known[listing_id], hidden, rows, graves)
        self._write([newest[each] for each in (*rows, *graves)], rows, graves)

    def _prepare(
        self, write: Write, known: Known, hidden: Takedowns, rows: dict[str, Row], graves: dict[str, Tombstone]
    ) -> None:
        change = write.change
        erased = hidden.erased(change.listing_id, change.event.version)
        if erased or not (change.ours and self._fold.holds(change)):
            self._settler.look_again(change)
            return
        covered = covers(hidden, change.event, known, write.image_hash)
        action = decide(
            change.event, change.order, known, image_hash=write.image_hash, refetch=change.refetch, covered=covered
        )
        if action in (Action.SUPERSEDED, Action.DONE):
            self._settler.already(change, known)
        elif action is Action.BURY:
            graves[change.listing_id] = tombstone_of(
                change.listing_id, change.event.version, status_of(change.event, covered=covered), change.source
            )
        elif action is Action.METADATA and known.row is not None:
            kept = known.row
            rows[change.listing_id] = self._row(write, list(kept["embedding"]), kept["image_hash"], kept["listed_at"])
        elif write.vector is not None and write.image_hash is not None:
            listed_at = known.row["listed_at"] if known.row else None
            rows[change.listing_id] = self._row(write, write.vector.tolist(), write.image_hash, listed_at)
        else:
            # The row changed after the first look: it has another picture now, so ours is needed after all.
            self._settler.look_again(change)

    def _row(self, write: Write, vector: list[float], image_hash: str, listed_at: int | None) -> Row:
        change, now = write.change, time.time_ns() // 1_000
        return row_of(change.event, change.source, vector=vector, image_hash=image_hash, listed_at=listed_at, now=now)

    def _write(self, writes: list[Write], rows: dict[str, Row], graves: dict[str, Tombstone]) -> None:
        if not writes:
            return
        self._stages.patiently("group", self._lease.require)
        started = time.perf_counter()
        refused: dict[str, BadMessage] = self._stages.patiently(
            "milvus",
            lambda: self._store.upsert([rows[each.change.listing_id] for each in self._still_ours(writes, rows)]),
        )
        self._stages.patiently(
            "milvus",
            lambda: self._store.bury([graves[each.change.listing_id] for each in self._still_ours(writes, graves)]),
        )
        milliseconds = (time.perf_counter() - started) * 1_000
        for write in writes:
            change = write.change
            change.times.upsert = milliseconds
            if not change.ours:
                continue
            if bad := refused.get(change.listing_id):
                self._settler.refuse(change, bad)
            elif change.listing_id in graves:
                self._settler.written(change, "removed")
            else:
                encoded = rows[change.listing_id]["image_hash"] == write.image_hash and write.vector is not None
                self._settler.written(change, "indexed" if encoded else "metadata", encoded=encoded)

    def _still_ours(self, writes: list[Write], prepared: dict[str, Row] | dict[str, Tombstone]) -> list[Write]:
        """What may be written; asked before every try, for a service that was away may have cost us the partition."""
        if prepared:
            self._lease.require()
        return [each for each in writes if each.change.listing_id in prepared and each.change.ours]
