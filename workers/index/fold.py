"""The fold: every event of a listing that is in hand, newest first, until its winner is written.

An event that a newer one folds away is not done yet: if the newer turns out bad, the next lower goes on. Else what
ends up in the index would depend on where a batch ended.
"""

import threading
from bisect import insort
from collections.abc import Iterable

from workers.index.change import Change
from workers.vectors.row import Order


class Fold:
    """The changes in hand, by listing; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes: dict[str, list[Change]] = {}
        self._picturing: dict[str, Change] = {}

    def add(self, changes: Iterable[Change]) -> list[str]:
        """Take changes in hand; returns the listings that they concern, each once."""
        with self._lock:
            listings: dict[str, None] = {}
            for change in changes:
                insort(self._changes.setdefault(change.listing_id, []), change, key=lambda each: each.order)
                listings[change.listing_id] = None
            return list(listings)

    def winner(self, listing_id: str) -> Change | None:
        """The newest change in hand of a listing; None where none is left."""
        with self._lock:
            changes = self._changes.get(listing_id)
            return changes[-1] if changes else None

    def holds(self, change: Change) -> bool:
        """Whether a change is still in hand: a newer one may have been written since."""
        with self._lock:
            return any(each is change for each in self._changes.get(change.listing_id, ()))

    def settle(self, listing_id: str, written: Order, by: Change | None = None) -> list[Change]:
        """The store shows `written`: that change and all older ones leave the hand. Returns them, newest first.

        One of that very order that asks for its pictures again stays, unless it is `by`, the one that was worked off.
        """

        def stays(change: Change) -> bool:
            return change.order > written or (change.order == written and change.refetch and change is not by)

        with self._lock:
            changes = self._changes.get(listing_id, [])
            settled = [change for change in changes if not stays(change)]
            self._keep(listing_id, [change for change in changes if stays(change)])
            return settled[::-1]

    def discard(self, change: Change) -> bool:
        """A change turned out bad, or its partition went away: it leaves the hand, and the next older one wins.

        False where it had left the hand before: whoever took it out has seen to its end.
        """
        with self._lock:
            changes = self._changes.get(change.listing_id, [])
            kept = [each for each in changes if each is not change]
            self._keep(change.listing_id, kept)
            return len(kept) < len(changes)

    def drop_foreign(self) -> list[Change]:
        """Let go of everything whose partition is no longer ours, and return it."""
        with self._lock:
            foreign = [change for changes in self._changes.values() for change in changes if not change.ours]
            for listing_id in {change.listing_id for change in foreign}:
                self._keep(listing_id, [change for change in self._changes[listing_id] if change.ours])
            return foreign

    def start_picture(self, change: Change) -> bool:
        """Claim the listing's one picture in work; False where one is in work already, and the change waits."""
        with self._lock:
            current = self._picturing.get(change.listing_id)
            if current is not None and current.ours:
                return False
            self._picturing[change.listing_id] = change
            return True

    def end_picture(self, change: Change) -> None:
        """The picture's work is over, well or badly."""
        with self._lock:
            if self._picturing.get(change.listing_id) is change:
                del self._picturing[change.listing_id]

    def _keep(self, listing_id: str, changes: list[Change]) -> None:
        if changes:
            self._changes[listing_id] = changes
        else:
            self._changes.pop(listing_id, None)
