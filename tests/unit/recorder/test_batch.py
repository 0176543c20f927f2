"""What is in hand is read piece by piece, in order, and let go of where its partition goes away."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from workers.recorder.batch import Batch
from workers.recorder.parsed_chunk import ParsedChunk


@dataclass
class Said:
    """A record, as far as a batch looks at it."""

    number: int

    def offset(self) -> int:
        return self.number

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 + self.number

    def __len__(self) -> int:
        return 10


def said(first: int, count: int) -> Any:
    """Records one after the other."""
    return [Said(first + number) for number in range(count)]


class Reading:
    """Remembers what it was asked to read."""

    def __init__(self) -> None:
        self.asked = list[list[int]]()
        self.begun = list["Future[ParsedChunk]"]()

    def __call__(self, messages: Sequence[Any]) -> "Future[ParsedChunk]":
        self.asked.append([each.offset() for each in messages])
        self.begun.append(Future())
        return self.begun[-1]


def test_pieces() -> None:
    """Reading begins while the batch grows; what is left is read once no more is taken in, and nothing twice."""
    reading = Reading()
    batch = Batch(reading)
    for first in range(0, 12_000, 1_000):
        batch.add(3, said(first, 1_000), 0)
    assert [len(each) for each in reading.asked] == [5_000, 5_000]
    batch.add(4, said(70, 2), 60)
    batch.finish()
    batch.finish()
    assert [each for asked in reading.asked[:3] for each in asked] == list(range(12_000))
    assert reading.asked[3:] == [[70, 71]]
    assert (batch.records, batch.size) == (12_002, 120_020)
    assert batch.ends() == {3: 12_000, 4: 72}
    part = batch.parts[4]
    assert (part.first, part.first_timestamp, part.last_timestamp) == (60, 1_070, 1_071)


def test_a_partition_that_goes_away() -> None:
    """Nothing of it is left, and what was not begun is not read."""
    reading = Reading()
    batch = Batch(reading)
    batch.add(3, said(0, 6_000), 0)
    batch.add(4, said(0, 10), 0)
    batch.drop([3, 5])
    assert reading.begun[0].cancelled()
    assert (batch.records, batch.size, batch.ends()) == (10, 100, {4: 10})
    batch.finish()
    assert reading.asked[1:] == [list(range(10))]
