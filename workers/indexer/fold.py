"""The fold: the unfinished events of each listing, in order; only the newest (the winner) is processed.

An older event stays until a newer one is written: if the newer one turns out bad, the next older one is processed.
Otherwise the content of the index would depend on where a batch ended.
"""

import threading
from bisect import insort
from collections.abc import Iterable

from schemas.order import Order
from workers.indexer.pending_event import PendingEvent


class Fold:
    """The unfinished events by listing. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_listing: dict[str, list[PendingEvent]] = {}
        self._picture_in_work: dict[str, PendingEvent] = {}

    def add(self, pending_events: Iterable[PendingEvent]) -> list[str]:
        """Add events; returns the ids of their listings, each once."""
        with self._lock:
            listings: dict[str, None] = {}
            for pending in pending_events:
                insort(self._by_listing.setdefault(pending.listing_id, []), pending, key=lambda each: each.order)
                listings[pending.listing_id] = None
            return list(listings)

    def winner(self, listing_id: str) -> PendingEvent | None:
        """The newest unfinished event of a listing; None if there is none."""
        with self._lock:
            pending_events = self._by_listing.get(listing_id)
            return pending_events[-1] if pending_events else None

    def holds(self, pending: PendingEvent) -> bool:
        """Whether an event is still unfinished: a newer one may have been written since."""
        with self._lock:
            return any(each is pending for each in self._by_listing.get(pending.listing_id, ()))

    def settle(self, listing_id: str, written: Order, by: PendingEvent | None = None) -> list[PendingEvent]:
        """Remove the event of order `written` and all older ones, for the store has it. Returns them, newest first.

        An event of that order that asks for a refetch of its pictures stays, unless it is `by`, the one processed.
        """

        def stays(pending: PendingEvent) -> bool:
            return pending.order > written or (pending.order == written and pending.refetch and pending is not by)

        with self._lock:
            pending_events = self._by_listing.get(listing_id, [])
            settled = [pending for pending in pending_events if not stays(pending)]
            self._store(listing_id, [pending for pending in pending_events if stays(pending)])
            return settled[::-1]

    def discard(self, pending: PendingEvent) -> bool:
        """Remove one event that is bad or whose partition was revoked; the next older one becomes the winner.

        False if it was removed before: whoever removed it finishes it.
        """
        with self._lock:
            pending_events = self._by_listing.get(pending.listing_id, [])
            remaining = [each for each in pending_events if each is not pending]
            self._store(pending.listing_id, remaining)
            return len(remaining) < len(pending_events)

    def drop_revoked(self) -> list[PendingEvent]:
        """Remove and return the events of revoked partitions."""
        with self._lock:
            foreign = [
                pending
                for pending_events in self._by_listing.values()
                for pending in pending_events
                if not pending.is_owned
            ]
            for listing_id in {pending.listing_id for pending in foreign}:
                self._store(listing_id, [pending for pending in self._by_listing[listing_id] if pending.is_owned])
            return foreign

    def claim_picture(self, pending: PendingEvent) -> bool:
        """Claim the listing's one picture task; False if another event of the listing has it, and this one waits."""
        with self._lock:
            current = self._picture_in_work.get(pending.listing_id)
            if current is not None and current.is_owned:
                return False
            self._picture_in_work[pending.listing_id] = pending
            return True

    def release_picture(self, pending: PendingEvent) -> None:
        """Release the claim: the picture task ended, with success or not."""
        with self._lock:
            if self._picture_in_work.get(pending.listing_id) is pending:
                del self._picture_in_work[pending.listing_id]

    def _store(self, listing_id: str, pending_events: list[PendingEvent]) -> None:
        if pending_events:
            self._by_listing[listing_id] = pending_events
        else:
            self._by_listing.pop(listing_id, None)
