"""The planner: reads records, folds them per listing, asks the guard for the first time, and sends each its way."""

import structlog

from streams.failures import BadMessage
from streams.follow import Follower
from streams.retry import ERASES
from streams.takedowns import Takedowns
from workers.index import metrics
from workers.index.change import Change, Received, read_change
from workers.index.fold import Fold
from workers.index.guard import Action, covers, decide
from workers.index.pictures import Pictures
from workers.index.settle import Settler
from workers.index.stages import Stages, take_ready
from workers.index.work import Erase, Queues, Write
from workers.vectors.row import Known
from workers.vectors.store import Store

_log = structlog.get_logger(__name__)


class Planner:
    """One step: a batch from the inbox, one Strong read, and each listing's winner on its way."""

    def __init__(
        self, stages: Stages, queues: Queues, fold: Fold, store: Store, settler: Settler, pictures: Pictures,
        follower: Follower,
    ) -> None:  # fmt: skip
        self._follower = follower
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
        hidden = self._hidden(changes)
        known = self._stages.patiently("milvus", lambda: self._store.known(listings))
        for listing_id in listings:
            self._route(listing_id, known[listing_id], hidden)

    def _hidden(self, changes: list[Change]) -> Takedowns:
        """What was taken down; anew where an event was put back, or marked, because of what was said there."""
        hidden = self._stages.patiently("takedowns", self._follower.require)
        if any(_may_have_changed(each, hidden) for each in changes):
            return self._stages.patiently("takedowns", self._follower.sync)
        return hidden

    def _read(self, received: Received) -> list[Change]:
        if received.watermark.released:
            received.drop()
            return []
        try:
            change = read_change(received)
        except BadMessage as bad:
            self._settler.unreadable(received, bad)
            return []
        self._settler.good("read")
        return [change]

    def _route(self, listing_id: str, known: Known, hidden: Takedowns) -> None:
        while (winner := self._fold.winner(listing_id)) is not None and not winner.ours:
            # Its partition went away while it was being read, after the fold had let go of all that was foreign.
            if self._fold.discard(winner):
                winner.received.drop()
        while winner is not None and hidden.erased(listing_id, winner.event.version):
            if self._fold.discard(winner):
                self._queues.urgent.put(Erase(winner))
            winner = self._fold.winner(listing_id)
        if winner is None:
            return
        _watch_partitions(winner, known)
        action = decide(winner.event, winner.order, known, refetch=winner.refetch,
                        covered=covers(hidden, winner.event, known))  # fmt: skip
        if action in (Action.SUPERSEDED, Action.DONE):
            # What is stored only grows, so this needs no second look.
            self._settler.already(winner, known)
        elif action is not Action.PICTURE:
            self._queues.writes.put(Write(winner))
        elif self._fold.start_picture(winner):
            self._pictures.submit(winner, known.row["image_hash"] if known.row else None)
        # Else the listing has a picture in work; when that is over, the listing comes back here.


def _may_have_changed(change: Change, hidden: Takedowns) -> bool:
    """Whether more may have been said of what was taken down than this worker has read.

    An erasure is told before the nulls that carry its mark, an undoing before its events are put back.
    """
    record = change.received.record
    if any(name == ERASES for name, _ in record.headers):
        return True
    return record.source != change.source and hidden.covers(change.listing_id, change.event.seller_id)


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
