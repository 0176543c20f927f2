"""Changes in hand, as plain values."""

import time
from typing import Any

from catalogue import dumped
from schemas.source import Source
from streams.listing_codec import Record
from streams.retry_headers import RetryState, first_source, requeue_headers, retry_state
from streams.watermark import Watermark
from workers.indexer.in_flight import InFlight
from workers.indexer.pending_event import PendingEvent, ReceivedRecord, read_event


def received_record(
    record: Record, watermark: Watermark, in_flight: InFlight | None = None, *, skip: bool = False
) -> ReceivedRecord:
    """A record as the Faust app submits it, its retry headers parsed."""
    source, retry = first_source(record), retry_state(record)
    return ReceivedRecord(record, watermark, in_flight or InFlight(1_000), time.monotonic(), source, retry, skip)


def received(
    event: dict[str, Any], offset: int = 0, watermark: Watermark | None = None, **source: Any
) -> ReceivedRecord:
    """A record as Faust hands it over, its offset begun."""
    mark = watermark or Watermark()
    place = {"topic": "listing-updated", "partition": 0, "offset": offset, "timestamp": 1_000, **source}
    record = Record(Source(**place), event["listing_id"].encode(), dumped(event))
    mark.begin(offset)
    return received_record(record, mark)


def change(
    listing_id: str = "m1", version: int = 1, offset: int = 0, status: str = "on_sale", **more: Any
) -> PendingEvent:
    """A change in hand; `more` is its source, or the watermark of its partition."""
    event = {"listing_id": listing_id, "version": version, "status": status, "title": "t", "image_urls": ["file:///a"]}
    event["image_urls"] = more.pop("image_urls", event["image_urls"])
    return read_event(received(event, offset, more.pop("watermark", None), **more))


def copy_of(first: PendingEvent, offset: int = 0, **said: Any) -> PendingEvent:
    """A copy of a change, put back with what is `said` of it (`RetryState`)."""
    record = first.received.record
    source = Source(topic="listing-retry", partition=0, offset=offset, timestamp=2_000)
    again = Record(source, record.key, record.value, tuple(requeue_headers(record, RetryState(**said))))
    mark = Watermark()
    mark.begin(offset)
    return read_event(received_record(again, mark))
