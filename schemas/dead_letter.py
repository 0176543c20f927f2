"""A message that could not be done: its raw bytes as they came, and headers that say why."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from schemas.source import Source

Reason = Literal[
    "deserialize",
    "schema",
    "key-mismatch",
    "time-out-of-bounds",
    "image-missing",
    "image-refused",
    "image-too-large",
    "image-undecodable",
    "fetch-exhausted",
    "encode",
    "row-rejected",
    "skipped",
]
"""Further ones may come; whoever reads dead letters takes a reason that they don't know for one of these."""

Headers = list[tuple[str, bytes]]


class DeadLetter(BaseModel):
    """What the headers of a dead letter say; the record's key and value are the raw bytes of the first source."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source: Source
    reason: Reason
    error: str
    attempts: int = 1
    worker: str = ""
    model: str = ""

    def headers(self) -> Headers:
        """As Kafka headers, every value as UTF-8 text."""
        fields = {
            "source-topic": self.source.topic,
            "source-partition": self.source.partition,
            "source-offset": self.source.offset,
            "source-timestamp": self.source.timestamp,
            "reason": self.reason,
            "error": self.error[:1_000].encode(errors="backslashreplace").decode(),
            "attempts": self.attempts,
            "worker": self.worker,
            "model": self.model,
        }
        return [(name, str(value).encode()) for name, value in fields.items()]

    @classmethod
    def from_headers(cls, headers: Headers) -> Self:
        """Read back what `headers` wrote; raises pydantic's ValidationError where a header is missing or wrong."""
        text = {name: (value or b"").decode(errors="replace") for name, value in headers}
        source = {name: text.get(f"source-{name}") for name in ("topic", "partition", "offset", "timestamp")}
        return cls.model_validate({**text, "source": source})
