"""The location of a record in the log, and its time."""

from pydantic import BaseModel, ConfigDict

LAST_MS = 253_402_300_799_999
"""The end of the year 9999 in milliseconds since 1970: what a `datetime` can say."""


def record_time(milliseconds: int) -> int:
    """A record's timestamp as everything of ours has it: Kafka takes -1 (none) and any number below or above.

    >>> record_time(-1), record_time(2**62)
    (0, 253402300799999)
    """
    return max(0, min(milliseconds, LAST_MS))


class Source(BaseModel):
    """The place of a record in Kafka; `timestamp` is the record's, in milliseconds since 1970 (`record_time`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: str
    partition: int
    offset: int
    timestamp: int = 0
