"""The planner: reads records, folds them per listing, asks the guard for the first time, and sends each its way."""

import structlog

from streams.failures import BadMessage
from workers.index import metrics
from workers.index.change import Change, Received, read_change
from workers.index.fold import Fold
from workers.index.guard import Action, decide
from workers.index.pictures import Pictures
from workers.index.settle import Settler
from workers.index.stages import Stages, take_ready
from workers.index.work import Queues, Write
from workers.vectors.row import Known
from workers.vectors.store import Store

_log = structlog.get_logger(__name__)


class Planner:
    """One step: a batch from the inbox, one Strong read, and each listing's winner on its way."""

    def __init__(
        self, stages: Stages, queues: Queues, fold: Fold, store: Store, settler: Settler, pictures: Pictures
    ) -> None:
        self._stages, self._queues, self._fold = stages, queues, fold
        self._store, self._settler, self._pictures = store, settler, pictures

    def step(self) -> None:
        """Plan what is in the inbox; waits while the store is away."""
        batch = take_ready(
            self._queues.inbox, self._stages.capacity.read_batch, wait=self._stages.capacity.idle_wait_seconds
        )
        if not batch:
            return
        changes = [change for item in batch if isinstance(item, Received) for change in self._read(item)]
        listings = dict.fromkeys([*self._fold.add(changes), *(item for item in batch if isinstance(item, str))])
        known = self._stages.patiently("milvus", lambda: self._store.known(listings))
        for listing_id in listings:
            self._route(listing_id, known[listing_id])

    def _read(self, received: Received) -> list[Change]:
        if received.watermark.released:
            received.drop()
            return []
        try:
            return [read_change(received)]
        except BadMessage as bad:
            self._settler.unreadable(received, bad)
            return []

    def _route(self, listing_id: str, known: Known) -> None:
        while (winner := self._fold.winner(listing_id)) is not None and not winner.ours:
            # Its partition went away while it was being read, after the fold had let go of all that was foreign.
            if self._fold.discard(winner):
                winner.received.drop()
        if winner is None:
            return
        _watch_partitions(winner, known)
        action = decide(winner.event, winner.order, known)
        if action in (Action.SUPERSEDED, Action.DONE):
            # What is stored only grows, so this needs no second look.
            self._settler.already(winner, known)
        elif action is not Action.PICTURE:
            self._queues.writes.put(Write(winner))
        elif self._fold.start_picture(winner):
            self._pictures.submit(winner, known.row["image_hash"] if known.row else None)
        # Else the listing has a picture in work; when that is over, the listing comes back here.


def _watch_partitions(change: Change, known: Known) -> None:
    """Two producers with different partitioners put one listing on two partitions, with two owners: say so."""
    kept = known.row or known.tombstone
    if kept is not None and kept["source"].get("partition") != change.source.partition:
        metrics.TWO_PARTITIONS.inc()
        _log.warning(
            "listing_on_two_partitions",
            listing_id=change.listing_id,
            partitions=[kept["source"].get("partition"), change.source.partition],
            remedy="let every publisher place keys by murmur2",
        )
