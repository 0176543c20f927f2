"""The guard: what an event asks for, given what the store knows. Pure, and asked twice: before the fetch, to save
work, and right before the write, for correctness."""

from enum import Enum, auto

from schemas.listing import ListingEvent
from streams.takedowns import Takedowns
from workers.vectors.row import GraveStatus, Known, Order, content_of, shown_by, source_of


class Action(Enum):
    """What is to be done with a listing event."""

    SUPERSEDED = auto()
    """A higher version has been written: nothing to do."""
    DONE = auto()
    """This very event has been written, and is whole: nothing to do."""
    BURY = auto()
    """Write a tombstone and delete the row."""
    METADATA = auto()
    """Write the row again, with the vector that it has."""
    PICTURE = auto()
    """The picture is needed: fetch, decode, encode."""


def decide(
    event: ListingEvent, order: Order, known: Known, *,
    image_hash: str | None = None, refetch: bool = False, covered: bool = False,
) -> Action:  # fmt: skip
    """What `event` asks for; `image_hash` is that of its pictures where they have been fetched.

    A listing that is `covered` by a takedown is buried at its event's order, whatever the event says, so that it comes
    back when the takedown is undone and the event is asked for again.

    A listing that is not on sale never needs a picture: without a row, or with other pictures than its row's, its
    tombstone is enough. So a sale is never held up, or lost, by a picture that can't be had. With `refetch` its
    pictures are looked at again although the row shows this very event. A row of this very event that shows anything
    else than the event says is written again: that is how a repair mends it.
    """
    row, row_order = known.row, known.row_order
    newest = max(filter(None, (row_order, known.tombstone_order)), default=None)
    if newest is not None and newest > order:
        return Action.SUPERSEDED
    status = status_of(event, covered=covered)
    if status in ("removed", "taken_down") or (row is None and status != "on_sale"):
        return Action.DONE if _buried(status, order, known) else Action.BURY
    if row is None:
        return Action.PICTURE
    if refetch and event.status == "on_sale" and row["image_hash"] != image_hash:
        return Action.PICTURE
    if row_order == order and content_of(row) == shown_by(event, source_of(order)):
        return Action.DONE
    if row["image_urls"] == list(event.image_urls) or row["image_hash"] == image_hash:
        return Action.METADATA
    return Action.PICTURE if event.status == "on_sale" else Action.BURY


def status_of(event: ListingEvent, *, covered: bool) -> GraveStatus:
    """What its tombstone says, should it get one; a removal stays one, also of what was taken down."""
    return "taken_down" if covered and event.status != "removed" else event.status


def covers(hidden: Takedowns, event: ListingEvent, known: Known, image_hash: str | None = None) -> bool:
    """Whether a takedown covers the row that `event` would make; its picture counts once it is known."""
    row = known.row
    if image_hash is None and row is not None and row["image_urls"] == list(event.image_urls):
        image_hash = row["image_hash"]
    return hidden.covers(event.listing_id, event.seller_id, image_hash or "")


def _buried(status: GraveStatus, order: Order, known: Known) -> bool:
    """Whether the tombstone is this very event's, and no row is left or was written late."""
    grave = known.tombstone
    return known.row is None and grave is not None and known.tombstone_order == order and grave["status"] == status
