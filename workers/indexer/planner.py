"""The planner: parses records, folds them by listing, asks the guard for the first time, and routes each winner."""

import structlog

from streams.errors import BadMessage
from streams.retry_headers import ERASURE_MARK
from streams.takedowns import Takedowns
from workers.indexer import metrics
from workers.indexer.fetch_stage import FetchStage
from workers.indexer.guard import Action, decide, is_taken_down
from workers.indexer.messages import Write
from workers.indexer.pending_event import PendingEvent, ReceivedRecord, read_event
from workers.indexer.shared import Shared
from workers.indexer.stages import drain_batch
from workers.milvus.row import Known

_log = structlog.get_logger(__name__)


class Planner:
    """One step: a batch from the inbox, one Strong read, and the routing of each listing's winner."""

    def __init__(self, shared: Shared, pictures: FetchStage) -> None:
        self._stages, self._queues, self._fold = shared.stages, shared.queues, shared.fold
        self._store, self._settler, self._follower = shared.store, shared.settler, shared.takedowns
        self._pictures = pictures

    def step(self) -> None:
        """Plan one batch from the inbox; waits while the store is unavailable."""
        batch = drain_batch(
            self._queues.inbox, self._stages.capacity.read_batch, wait=self._stages.capacity.idle_wait_seconds
        )
        if not batch:
            return
        pending_events = [pending for item in batch if isinstance(item, ReceivedRecord) for pending in self._read(item)]
        listings = dict.fromkeys([*self._fold.add(pending_events), *(item for item in batch if isinstance(item, str))])
        takedowns = self._takedowns_for(pending_events)
        known = self._stages.retry_while_unavailable("milvus", lambda: self._store.known(listings))
        for listing_id in listings:
            self._route(listing_id, known[listing_id], takedowns)

    def _takedowns_for(self, pending_events: list[PendingEvent]) -> Takedowns:
        """The takedowns; synchronised with the topic if an event was requeued, or marked, because of an entry."""
        takedowns = self._stages.retry_while_unavailable("takedowns", self._follower.require)
        if any(_may_have_changed(each, takedowns) for each in pending_events):
            return self._stages.retry_while_unavailable("takedowns", self._follower.sync)
        return takedowns

    def _read(self, received: ReceivedRecord) -> list[PendingEvent]:
        if received.watermark.released:
            self._settler.drop_unread(received)
            return []
        try:
            pending = read_event(received)
        except BadMessage as bad:
            self._settler.dead_letter_unreadable(received, bad)
            return []
        self._settler.count_success("read")
        return [pending]

    def _route(self, listing_id: str, known: Known, takedowns: Takedowns) -> None:
        while (winner := self._fold.winner(listing_id)) is not None and not winner.is_owned:
            self._settler.drop(winner)
        while winner is not None and takedowns.is_erased(listing_id, winner.event.version):
            self._settler.erase(winner)
            winner = self._fold.winner(listing_id)
        if winner is None:
            return
        _warn_if_on_two_partitions(winner, known)
        action = decide(
            winner.event,
            winner.order,
            known,
            refetch=winner.refetch,
            taken_down=is_taken_down(takedowns, winner.event, known),
        )
        if action in (Action.SUPERSEDED, Action.DONE):
            # Orders in the store only grow, so this needs no second check.
            self._settler.already_stored(winner, known)
        elif action is not Action.PICTURE:
            self._queues.writes.put(Write(winner))
        elif self._fold.claim_picture(winner):
            self._pictures.submit(winner, known.row["image_hash"] if known.row else None)
        # Else the listing has a picture task already; when that ends, the listing is planned again.


def _may_have_changed(pending: PendingEvent, takedowns: Takedowns) -> bool:
    """Whether the takedown topic may have entries for this event that this worker has not read.

    An erasure is written before the null values that carry its mark, an undo before its events are requeued.
    """
    record = pending.received.record
    if any(name == ERASURE_MARK for name, _ in record.headers):
        return True
    return record.source != pending.source and takedowns.covers(pending.listing_id, pending.event.seller_id)


def _warn_if_on_two_partitions(pending: PendingEvent, known: Known) -> None:
    """Warn about a listing on two partitions, so with two owners: two producers use different partitioners."""
    stored = known.row or known.tombstone
    if stored is not None and stored["source"].get("partition") != pending.source.partition:
        metrics.TWO_PARTITIONS.inc()
        _log.warning(
            "listing_on_two_partitions",
            listing_id=pending.listing_id,
            partitions=[stored["source"].get("partition"), pending.source.partition],
            remedy="let every publisher place keys by murmur2",
        )
