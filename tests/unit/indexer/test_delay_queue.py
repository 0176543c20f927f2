"""Events of the retry topic that are not due yet."""

import asyncio
import random
import time
from typing import Any

from changes import received, received_record
from streams.listing_codec import Record
from streams.retry_headers import RetryState, requeue_headers
from streams.watermark import Watermark
from workers.indexer.config import Capacity
from workers.indexer.delay_queue import DelayQueue
from workers.indexer.delayed_delivery import DelayedDelivery, PauseControl
from workers.indexer.pending_event import ReceivedRecord

EVENT: dict[str, Any] = {
    "listing_id": "m1",
    "version": 1,
    "status": "on_sale",
    "title": "t",
    "image_urls": ["file:///"],
}
CAPACITY = Capacity(max_delayed=4, max_delayed_bytes=10_000)


def retried(offset: int, *, first: int | None = None, mark: Watermark | None = None, **event: Any) -> ReceivedRecord:
    """A record of the retry topic; `first` is the offset at which its event first stood."""
    came = received({**EVENT, **event}, first if first is not None else offset)
    again = received({**EVENT, **event}, offset, mark, topic="listing-retry")
    headers = tuple(requeue_headers(came.record, RetryState(tries=1)))
    record = Record(again.record.source, again.record.key, again.record.value, headers)
    return received_record(record, again.watermark, again.in_flight)


def test_they_come_in_the_order_in_which_they_are_due() -> None:
    """None before its time, each once."""
    waiting, dues = DelayQueue(Capacity()), random.sample(range(100), 100)
    for offset, due in enumerate(dues):
        waiting.add(retried(offset), due)
    assert waiting.next_due == 0
    first, rest = waiting.take_due(49.5), waiting.take_due(1_000)
    assert [dues[each.record.source.offset] for each in (*first, *rest)] == list(range(100))
    assert len(first) == 50
    assert not len(waiting)
    assert waiting.next_due is None


def test_bounds() -> None:
    """By number and by bytes; half of it must be free before it has room again."""
    waiting = DelayQueue(CAPACITY)
    for offset in range(4):
        assert not waiting.full
        waiting.add(retried(offset), offset)
    assert waiting.full
    waiting.take_due(1)
    assert not waiting.full
    assert not waiting.has_room
    waiting.take_due(2)
    assert waiting.has_room
    waiting.add(retried(9, title="x" * 10_000), 9)
    assert waiting.full


def test_two_copies_of_one_event() -> None:
    """The later one in the log is kept, the other is given back to be finished; other events are none of its copies."""
    waiting = DelayQueue(CAPACITY)
    early, late, other = retried(5, first=1), retried(9, first=1), retried(10, first=2)
    assert waiting.add(early, 50.0) is None
    assert waiting.add(late, 10.0) is early
    assert waiting.add(other, 20.0) is None
    assert waiting.add(retried(11, first=2, title="forged"), 30.0) is None
    assert [each.record.source.offset for each in waiting.take_due(100)] == [9, 10, 11]


def test_partitions_that_went_away() -> None:
    """Their events are let go."""
    waiting, gone = DelayQueue(CAPACITY), Watermark()
    waiting.add(retried(1, mark=gone), 1.0)
    waiting.add(retried(2), 2.0)
    gone.close()
    waiting.clear()
    assert [each.record.source.offset for each in waiting.take_due(100)] == [2]


class Flow:
    """A tap that keeps what was done to it, and what came out in the end."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.went: list[int] = []
        tap = PauseControl(lambda: self.done.append("close"), lambda: self.done.append("open"))
        self.later = DelayedDelivery(DelayQueue(CAPACITY), self._go, tap)

    async def _go(self, received: ReceivedRecord) -> None:
        self.went.append(received.record.source.offset)


def test_while_too_many_wait_no_more_are_read() -> None:
    """The tap is shut with each one that still comes, and opened when half have gone on."""

    async def run() -> None:
        flow = Flow()
        running = asyncio.create_task(flow.later.run())
        for offset in range(6):
            flow.later.add(retried(offset), 0.2)
        assert flow.done == ["close"] * 3
        assert flow.later.paused
        started = time.monotonic()
        while not flow.done or flow.done[-1] != "open":
            await asyncio.sleep(0.01)
            assert time.monotonic() - started < 10
        assert flow.went == list(range(6))
        assert not flow.later.paused
        running.cancel()

    asyncio.run(run())


def test_a_copy_that_is_replaced_is_finished() -> None:
    """Its offset holds back no commit."""

    async def run() -> None:
        flow, mark = Flow(), Watermark()
        flow.later.add(retried(5, first=1, mark=mark), 60.0)
        flow.later.add(retried(9, first=1, mark=mark), 60.0)
        assert mark.committable == 9

    asyncio.run(run())
