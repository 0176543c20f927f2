"""The total order of the events of one listing: which of two is the newer, whatever order they arrive in."""

from typing import NamedTuple, Self

from schemas.source import Source


class Order(NamedTuple):
    """The sort key of an event: its version, then the first location of its record.

    The greater of two orders is the newer event. A publisher that repeats a version is decided by the record's
    timestamp (milliseconds since 1970); equal timestamps by topic, partition and offset, which no two records share.
    So the order is total: two events of equal order are two copies of one record.

    >>> later = Source(topic="updated", partition=0, offset=7, timestamp=2_000)
    >>> earlier = Source(topic="updated", partition=3, offset=9, timestamp=1_000)
    >>> Order.of(2, earlier) > Order.of(1, later)
    True
    >>> max(Order.of(1, later), Order.of(1, earlier)).offset
    7
    """

    version: int
    timestamp: int
    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, version: int, source: Source) -> Self:
        """The order of the event of this version whose record was first at `source`."""
        return cls(version, source.timestamp, source.topic, source.partition, source.offset)

    @property
    def source(self) -> Source:
        """The first location of the event's record."""
        return Source(topic=self.topic, partition=self.partition, offset=self.offset, timestamp=self.timestamp)
