"""Refetching: the newest event of a listing goes back to the workers, who look at its pictures again.

For the exception to "unchanged addresses mean unchanged pictures". Where the log has lost the event that the row shows,
the row itself tells it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from pydantic import ValidationError

from schemas.order import Order
from streams.history import newest_events
from streams.listing_codec import Record, decode_listing, encode_listing
from streams.publish import Publisher
from streams.retry_headers import RetryState, first_source
from streams.settings import Settings
from workers.milvus.row import Known, Row, event_of_row
from workers.milvus.store import Store


@dataclass
class Refetched:
    """The listings whose pictures will be looked at again, and why the others' will not."""

    requested: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def refetch(settings: Settings, store: Store, listing_ids: Collection[str]) -> Refetched:
    """Ask the workers to look again at the pictures of `listing_ids`; returns when Kafka has confirmed it.

    Raises ServiceUnavailable and SlowDown where Kafka or Milvus is away.
    """
    known, newest = store.known(listing_ids), newest_events(settings, listing_ids)
    told, publisher = Refetched(), Publisher(settings)
    for listing_id in dict.fromkeys(listing_ids):
        record = newest_record(known[listing_id], newest.get(listing_id))
        if isinstance(record, str):
            told.refused[listing_id] = record
        else:
            publisher.requeue(record, RetryState(refetch=True))
            told.requested.append(listing_id)
    publisher.close()
    return told


def newest_record(known: Known, logged: Record | None) -> Record | str:
    """The newest event of a listing, by the log and by what is stored, as a record; or why none is fetched for.

    `logged` is the newest that the log has.
    """
    found: list[tuple[Order, str, Record | None]] = []
    if logged is not None:
        event = decode_listing(logged)
        found.append((Order.of(event.version, first_source(logged)), event.status, logged))
    for kept, order in ((known.row, known.row_order), (known.tombstone, known.tombstone_order)):
        if kept is not None and order is not None:
            found.append((order, kept["status"], None))
    if not found:
        return "it is unknown: the log has no event of it, and it has no row"
    order, status, record = max(found, key=lambda each: each[0])  # of equal ones the first: the log's
    if status != "on_sale":
        return f"it is {status}, and only the pictures of listings on sale are fetched"
    if record is None and known.row is not None:
        return _record_of(known.row, order)
    return record or "its tombstone is newer than every event in the log"


def _record_of(row: Row, order: Order) -> Record | str:
    try:
        event = event_of_row(row)
    except ValidationError:
        return "the log has lost its event, and its row is none that an event of ours can have made"
    return Record(order.source, row["listing_id"].encode(), encode_listing(event))
