"""The history of listings: every record that the log still has of them, copies that were put back included."""

from collections.abc import Collection, Iterator

from schemas.order import Order
from streams.errors import BadMessage
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import first_source
from streams.settings import Settings
from streams.topic_reader import read_all
from streams.topics import LISTING_TOPICS


def listing_history(settings: Settings, listing_ids: Collection[str] | None = None) -> Iterator[Record]:
    """The records of the listing topics as they came, of all listings or of those whose id is the record's key.

    In order within each partition, not between them. Raises as `read_all` does.
    """
    wanted = None if listing_ids is None else set(listing_ids)
    return read_all(settings, *LISTING_TOPICS, keep=lambda _, key: wanted is None or listing_of(key) in wanted)


def listing_of(key: bytes | None) -> str:
    """The listing that a record with this key is counted under, whatever its key is."""
    return (key or b"").decode(errors="replace")


def newest_events(settings: Settings, listing_ids: Collection[str]) -> dict[str, Record]:
    """The record of each listing's newest event that can be read, raw as it came; no entry where the log has none.

    The newest is the one that wins in the index: by version, then by where it first stood.
    """
    newest: dict[str, tuple[Order, Record]] = {}
    for record in listing_history(settings, listing_ids):
        try:
            event = decode_listing(record)
        except BadMessage:
            continue
        order = Order.of(event.version, first_source(record))
        if event.listing_id not in newest or newest[event.listing_id][0] < order:
            newest[event.listing_id] = (order, record)
    return {listing_id: record for listing_id, (_, record) in newest.items()}
