"""Times that others wrote: bounded by when Kafka took in the record that says them, for they are no clock."""

from datetime import UTC, datetime

from schemas.interaction import AHEAD
from schemas.source import Source


def not_ahead(at: datetime, source: Source) -> datetime:
    """`at`; the time of its record if it is later than that by more than clocks differ.

    >>> source = Source(topic="t", partition=0, offset=0, timestamp=1_700_000_000_000)
    >>> not_ahead(datetime(9999, 12, 31, tzinfo=UTC), source).isoformat()
    '2023-11-14T22:13:20+00:00'
    >>> not_ahead(datetime(2023, 11, 14, 22, 20, tzinfo=UTC), source).minute
    20
    """
    recorded = datetime.fromtimestamp(source.timestamp / 1_000, UTC)
    return at if at - recorded <= AHEAD else recorded
