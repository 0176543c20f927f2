"""The guard: decides what to do with an event, given what the store has of its listing. Pure.

Called twice: before the fetch, to save work, and right before the write, for correctness.
"""

from enum import Enum, auto

from schemas.listing import ListingEvent
from schemas.order import Order
from streams.takedowns import Takedowns
from workers.milvus.row import Known, TombstoneStatus, content_of, expected_content


class Action(Enum):
    """What to do with a listing event."""

    SUPERSEDED = auto()
    """A newer event has been written: nothing to do."""
    DONE = auto()
    """This event has been written completely: nothing to do."""
    TOMBSTONE = auto()
    """Write a tombstone and delete the row."""
    METADATA = auto()
    """Write the row again with its present vector."""
    PICTURE = auto()
    """The pictures are needed: fetch, decode, encode."""


def decide(
    event: ListingEvent,
    order: Order,
    known: Known,
    *,
    image_hash: str | None = None,
    refetch: bool = False,
    taken_down: bool = False,
) -> Action:
    """The action for `event`; `image_hash` is the hash of its pictures if they have been fetched.

    If the listing is `taken_down`, it gets a tombstone with the order of the event, whatever the event says: so it
    comes back when the takedown is undone and the event is requeued.

    A listing that is not on sale never needs a picture: if it has no row, or a row with other pictures, a tombstone is
    enough. So a sale is never delayed, or lost, by a picture that is unavailable. With `refetch` the pictures are
    compared again even if the row shows this event. A row of this event with other content is written again: that is
    how a repair works.
    """
    row, row_order = known.row, known.row_order
    newest = max(filter(None, (row_order, known.tombstone_order)), default=None)
    if newest is not None and newest > order:
        return Action.SUPERSEDED
    status = status_of(event, taken_down=taken_down)
    if status in ("removed", "taken_down") or (row is None and status != "on_sale"):
        return Action.DONE if _tombstone_is_current(status, order, known) else Action.TOMBSTONE
    if row is None:
        return Action.PICTURE
    if refetch and event.status == "on_sale" and row["image_hash"] != image_hash:
        return Action.PICTURE
    if row_order == order and content_of(row) == expected_content(event, order.source):
        return Action.DONE
    if row["image_urls"] == list(event.image_urls) or row["image_hash"] == image_hash:
        return Action.METADATA
    return Action.PICTURE if event.status == "on_sale" else Action.TOMBSTONE


def status_of(event: ListingEvent, *, taken_down: bool) -> TombstoneStatus:
    """The status for its tombstone, if it gets one; a removal stays a removal, even if the listing is taken down."""
    return "taken_down" if taken_down and event.status != "removed" else event.status


def is_taken_down(takedowns: Takedowns, event: ListingEvent, known: Known, image_hash: str | None = None) -> bool:
    """Whether a takedown covers the row of `event`: by listing, seller, or picture if its hash is known."""
    row = known.row
    if image_hash is None and row is not None and row["image_urls"] == list(event.image_urls):
        image_hash = row["image_hash"]
    return takedowns.covers(event.listing_id, event.seller_id, image_hash or "")


def _tombstone_is_current(status: TombstoneStatus, order: Order, known: Known) -> bool:
    """Whether the tombstone is that of this event, and there is no row."""
    tombstone = known.tombstone
    return (
        known.row is None and tombstone is not None and known.tombstone_order == order and tombstone["status"] == status
    )
