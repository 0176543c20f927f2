"""Received records and pending events: the record, its order, its watermark, and the times of its stages."""

import time
from dataclasses import dataclass, field

from schemas.listing import ListingEvent
from schemas.order import Order
from schemas.outcome import StagesMs
from schemas.source import Source
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import RetryState
from streams.skipped_records import skipped
from streams.watermark import Watermark
from workers.indexer.in_flight import InFlight


@dataclass(slots=True)
class StageTimes:
    """Milliseconds in each stage; set by the stage, read for the outcome."""

    queue: float = 0.0
    fetch: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    upsert: float = 0.0

    def frozen(self) -> StagesMs:
        """The times as the outcome has them."""
        return StagesMs(
            queue=round(self.queue, 1),
            fetch=round(self.fetch, 1),
            decode=round(self.decode, 1),
            encode=round(self.encode, 1),
            upsert=round(self.upsert, 1),
        )


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """A record from Faust, with the watermark of its partition, which waits for its offset to be finished."""

    record: Record
    watermark: Watermark
    in_flight: InFlight
    received_at: float
    """`time.monotonic()` of its arrival."""
    source: Source
    """The first location of the event: a replayed dead letter keeps it, or replaying would reorder events."""
    retry: RetryState
    """How often it was requeued, and when it is due; from its headers."""
    skip: bool = False
    """Whether the operator skips it (`--skip`): then its value is not parsed."""

    def finish(self) -> None:
        """The event is written, superseded, dead-lettered or erased: its offset may be committed. See `Settler`."""
        self.watermark.finish(self.record.source.offset)
        self.in_flight.release()

    def finish_copy(self) -> None:
        """A later copy replaces this record before it was counted in flight: its offset may be committed."""
        self.watermark.finish(self.record.source.offset)

    def drop(self) -> None:
        """The partition was revoked: its new owner will read this record again."""
        self.in_flight.release()


@dataclass(frozen=True, slots=True, eq=False)
class PendingEvent:
    """A received record that was parsed. Two deliveries of one record are two pending events of equal order."""

    received: ReceivedRecord
    event: ListingEvent
    order: Order
    times: StageTimes = field(default_factory=StageTimes)

    @property
    def listing_id(self) -> str:
        """The id of its listing."""
        return self.event.listing_id

    @property
    def refetch(self) -> bool:
        """Whether its pictures must be fetched again even if their URLs are the same."""
        return self.received.retry.refetch

    @property
    def source(self) -> Source:
        """The first location of the event."""
        return self.received.source

    @property
    def is_owned(self) -> bool:
        """Whether its partition is still assigned to this worker; if not, it must not be written."""
        return not self.received.watermark.released


def read_event(received: ReceivedRecord) -> PendingEvent:
    """Parse a record; raises BadMessage if it can't be parsed, or is skipped by the operator."""
    if received.skip:
        raise skipped()
    event = decode_listing(received.record)
    pending = PendingEvent(received, event, Order.of(event.version, received.source))
    pending.times.queue = (time.monotonic() - received.received_at) * 1_000
    return pending
