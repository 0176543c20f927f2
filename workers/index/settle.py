"""Settling: once the store shows an event, it and all that it folds away leave the hand, each with its outcome."""

import queue

from schemas.outcome import Done
from streams.failures import BadMessage
from workers.images.hosts import HostAway
from workers.index.change import Change, Received
from workers.index.fold import Fold
from workers.index.letter_limit import Stage
from workers.index.reporter import Reporter
from workers.vectors.row import Known


class Settler:
    """The one place where changes leave the hand; what is left of a listing goes back to the inbox."""

    def __init__(self, fold: Fold, reporter: Reporter, inbox: "queue.SimpleQueue[Received | str]") -> None:
        self._fold, self._reporter, self._inbox = fold, reporter, inbox

    def written(self, change: Change, done: Done, *, encoded: bool = False) -> None:
        """`change` is in the store now: older ones in hand are superseded by it."""
        for settled in self._fold.settle(change.listing_id, change.order, change):
            if settled.order == change.order:
                self._reporter.outcome(settled, done, encoded=encoded and settled is change)
            else:
                self._reporter.outcome(settled, "superseded")
        self.look_again(change)

    def already(self, change: Change, known: Known) -> None:
        """The store shows `change`, or something newer: a second delivery, or late."""
        newest = max(filter(None, (known.row_order, known.tombstone_order)))
        done: Done = "indexed" if known.row_order == newest else "removed"
        for settled in self._fold.settle(change.listing_id, newest, change):
            self._reporter.outcome(settled, done if settled.order == newest else "superseded")
        self.look_again(change)

    def refuse(self, change: Change, bad: BadMessage) -> None:
        """`change` is bad: it alone is dead-lettered, and the next older one of its listing goes on."""
        if self._fold.discard(change):
            self._reporter.dead_letter(change.received, bad, change)
        self.look_again(change)

    def put_back(self, change: Change, away: HostAway) -> None:
        """The image host of `change` is away: it is tried again later, and the next older one of its listing goes on.

        Should the older one be written meanwhile, the newer still wins when it comes again.
        """
        if self._fold.discard(change):
            self._reporter.put_back(change, away)
        self.look_again(change)

    def good(self, stage: Stage) -> None:
        """An event was read, or its pictures could be decoded."""
        self._reporter.good(stage)

    def unreadable(self, received: Received, bad: BadMessage) -> None:
        """A record that could not even be read: it was never in hand, and is dead-lettered as it came."""
        self._reporter.dead_letter(received, bad)

    def look_again(self, change: Change) -> None:
        """Let the planner look at what is left of the listing, if anything is."""
        self._fold.end_picture(change)
        if self._fold.winner(change.listing_id) is not None:
            self._inbox.put(change.listing_id)
