"""A listing event in hand: what came, where it stands in its partition, and how long each stage took."""

import time
from dataclasses import dataclass, field

from schemas.listing import ListingEvent
from schemas.outcome import StagesMs
from schemas.source import Source
from streams.codec import Record, decode_listing
from streams.retry import first_source, was_put_back
from streams.watermark import Watermark
from workers.index.room import Room
from workers.vectors.row import Order, order_of


@dataclass(slots=True)
class StageTimes:
    """Milliseconds in each stage; written by the stage, read when the outcome is made."""

    queue: float = 0.0
    fetch: float = 0.0
    decode: float = 0.0
    encode: float = 0.0
    upsert: float = 0.0

    def frozen(self) -> StagesMs:
        """As the outcome shows them."""
        return StagesMs(
            queue=round(self.queue, 1), fetch=round(self.fetch, 1), decode=round(self.decode, 1),
            encode=round(self.encode, 1), upsert=round(self.upsert, 1),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Received:
    """A record as Faust handed it over; its partition's watermark waits for its offset to be finished."""

    record: Record
    watermark: Watermark
    room: Room
    at: float
    """`time.monotonic()` of its arrival."""

    def finish(self) -> None:
        """Written, superseded or dead-lettered: the offset may be passed."""
        self.watermark.finish(self.record.source.offset)
        self.room.give()

    def drop(self) -> None:
        """The partition went to another worker, which will read this record again."""
        self.room.give()


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """A received record that could be read; two deliveries of one record are two changes of equal order."""

    received: Received
    event: ListingEvent
    source: Source
    """Where the event first stood: a replayed dead letter keeps its first place, or replaying would reorder it."""
    order: Order
    times: StageTimes = field(default_factory=StageTimes)

    @property
    def listing_id(self) -> str:
        """The listing that changed."""
        return self.event.listing_id

    @property
    def refetch(self) -> bool:
        """Whether its pictures are to be fetched again although their addresses are the same."""
        return was_put_back(self.received.record).refetch

    @property
    def ours(self) -> bool:
        """Whether the partition is still assigned to this worker; if not, nothing of it may be written."""
        return not self.received.watermark.released


def read_change(received: Received) -> Change:
    """The change in a record; raises BadMessage where the record can't be read."""
    event = decode_listing(received.record)
    source = first_source(received.record)
    change = Change(received, event, source, order_of(event.version, source))
    change.times.queue = (time.monotonic() - received.at) * 1_000
    return change
