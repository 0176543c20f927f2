"""The settler: ends events. A written event and the older ones that it supersedes leave the fold with an outcome."""

from schemas.outcome import Done
from streams.errors import BadMessage
from workers.images.circuit_breaker import HostUnavailable
from workers.images.responses import NotYet
from workers.indexer import metrics
from workers.indexer.fold import Fold
from workers.indexer.messages import Erase, Queues
from workers.indexer.pending_event import PendingEvent, ReceivedRecord
from workers.indexer.reporter import Reporter
from workers.milvus.row import Known
from workers.process.dead_letter_limit import Stage


class Settler:
    """The one place where events leave the fold and end; a listing with events left goes back to the inbox.

    An event ends in one of three ways. Reported: the reporter finishes it when Kafka has confirmed its record. Erased:
    finished without a record. Dropped: its partition was revoked, and the new owner reads it again. Thread-safe.
    """

    def __init__(self, fold: Fold, reporter: Reporter, queues: Queues) -> None:
        self._fold, self._reporter, self._queues = fold, reporter, queues

    def written(self, pending: PendingEvent, done: Done, *, encoded: bool = False) -> None:
        """`pending` is written: older pending events of its listing are superseded."""
        for settled in self._fold.settle(pending.listing_id, pending.order, pending):
            if settled.order == pending.order:
                self._reporter.outcome(settled, done, encoded=encoded and settled is pending)
            else:
                self._reporter.outcome(settled, "superseded")
        self.reschedule(pending)

    def already_stored(self, pending: PendingEvent, known: Known) -> None:
        """The store has `pending` or a newer event already: a second delivery, or a late one."""
        newest = max(filter(None, (known.row_order, known.tombstone_order)))
        done: Done = "indexed" if known.row_order == newest else "removed"
        for settled in self._fold.settle(pending.listing_id, newest, pending):
            self._reporter.outcome(settled, done if settled.order == newest else "superseded")
        self.reschedule(pending)

    def dead_letter(self, pending: PendingEvent, bad: BadMessage) -> None:
        """`pending` is bad: it alone is dead-lettered, and the next older event of its listing is processed."""
        if self._fold.discard(pending):
            self._reporter.dead_letter(pending.received, bad, pending)
        self.reschedule(pending)

    def requeue(self, pending: PendingEvent, away: HostUnavailable) -> None:
        """The image host of `pending` is unavailable: requeue it, and process the next older event of its listing.

        If the older one is written meanwhile, the newer still wins when it is retried.
        """
        if self._fold.discard(pending):
            self._reporter.requeue(pending, away)
        self.reschedule(pending)

    def requeue_missing_picture(self, pending: PendingEvent, bad: NotYet) -> None:
        """The picture of `pending` is not there: it is requeued while it is young, else dead-lettered."""
        if self._fold.discard(pending):
            self._reporter.requeue_missing_picture(pending, bad)
        self.reschedule(pending)

    def count_success(self, stage: Stage, site: str = "") -> None:
        """Count an event that was parsed, or whose pictures (of `site`) were decoded, for the dead-letter limit."""
        self._reporter.count_success(stage, site)

    def dead_letter_unreadable(self, received: ReceivedRecord, bad: BadMessage) -> None:
        """Dead-letter a record that could not be parsed: it was never in the fold."""
        self._reporter.dead_letter(received, bad)

    def erase(self, pending: PendingEvent) -> None:
        """The listing of `pending` was erased: the event leaves the fold, and `Removals` deletes what is stored."""
        if self._fold.discard(pending):
            self._queues.urgent.put(Erase(pending))

    def erased(self, pending: PendingEvent) -> None:
        """What was stored of the listing is deleted: the event ends without an outcome, which would hold the id."""
        metrics.ERASED.inc()
        pending.received.finish()

    def drop(self, pending: PendingEvent) -> None:
        """The partition of `pending` was revoked while it was parsed, after `drop_revoked` had run."""
        if self._fold.discard(pending):
            pending.received.drop()

    def drop_revoked(self) -> None:
        """Drop the events of all revoked partitions (their watermarks are closed)."""
        for pending in self._fold.drop_revoked():
            pending.received.drop()

    def drop_unread(self, received: ReceivedRecord) -> None:
        """The partition of a record was revoked before it was parsed."""
        received.drop()

    def reschedule(self, pending: PendingEvent) -> None:
        """Send the listing back to the planner if it has pending events left."""
        self._fold.release_picture(pending)
        if self._fold.winner(pending.listing_id) is not None:
            self._queues.inbox.put(pending.listing_id)
