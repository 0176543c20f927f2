"""Where a record stood in the log: what orders two events of equal version."""

from pydantic import BaseModel, ConfigDict


class Source(BaseModel):
    """The place of a record in Kafka; `timestamp` is the record's, in milliseconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: str
    partition: int
    offset: int
    timestamp: int = 0

    @property
    def order(self) -> tuple[int, str, int, int]:
        """What decides between two events of equal version: the later record, the same in every order of arrival."""
        return (self.timestamp, self.topic, self.partition, self.offset)
