"""The guard: what an event asks for, given what the store knows. Pure, and asked twice: before the fetch, to save
work, and right before the write, for correctness."""

from enum import Enum, auto

from schemas.listing import ListingEvent
from workers.vectors.row import Known, Order


class Action(Enum):
    """What is to be done with a listing event."""

    SUPERSEDED = auto()
    """A higher version has been written: nothing to do."""
    DONE = auto()
    """This very event has been written: nothing to do."""
    BURY = auto()
    """Write a tombstone and delete the row."""
    METADATA = auto()
    """Write the row again, with the vector that it has."""
    PICTURE = auto()
    """The picture is needed: fetch, decode, encode."""


def decide(event: ListingEvent, order: Order, known: Known, *, image_hash: str | None = None) -> Action:
    """What `event` asks for; `image_hash` is that of its pictures where they have been fetched.

    A listing that is not on sale never needs a picture: without a row, or with other pictures than its row's, its
    tombstone is enough. So a sale is never held up, or lost, by a picture that can't be had.
    """
    row, row_order, grave_order = known.row, known.row_order, known.tombstone_order
    newest = max(filter(None, (row_order, grave_order)), default=None)
    if newest is not None and newest > order:
        return Action.SUPERSEDED
    if event.status == "removed":
        return Action.DONE if row is None and grave_order == order else Action.BURY
    if row is None or row_order is None:
        if event.status == "on_sale":
            return Action.PICTURE
        return Action.DONE if grave_order == order else Action.BURY
    if row_order == order:
        return Action.DONE
    if row["image_urls"] == list(event.image_urls) or row["image_hash"] == image_hash:
        return Action.METADATA
    return Action.PICTURE if event.status == "on_sale" else Action.BURY
