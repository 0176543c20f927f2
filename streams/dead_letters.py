"""Dead letters: how one is written, and how they are looked at."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from schemas.dead_letter import DeadLetter
from streams.codec import Record
from streams.read import read_all
from streams.settings import Settings
from streams.topics import DEAD_LETTER

MAX_BYTES = 6_000_000
"""What fits under the topic's 8,000,000 bytes with the headers; a larger value is left out, its size told."""


@dataclass(frozen=True)
class Letter:
    """A dead letter as it lies in its topic."""

    record: Record
    letter: DeadLetter

    def row(self) -> dict[str, object]:
        """The fields that `lookalike dead-letters list --json` shows."""
        source = self.letter.source
        at = datetime.fromtimestamp(self.record.source.timestamp / 1_000, UTC)
        return {
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "key": (self.record.key or b"").decode(errors="replace"),
            "reason": self.letter.reason,
            "error": self.letter.error,
            "attempts": self.letter.attempts,
            "at": at.isoformat(timespec="milliseconds"),
        }


def letters(settings: Settings) -> Iterator[Letter]:
    """Every dead letter, oldest first in each partition; a record whose headers are not ours is left out."""
    for record in read_all(settings, DEAD_LETTER):
        try:
            letter = DeadLetter.from_headers([(name, value or b"") for name, value in record.headers])
        except ValidationError:
            continue
        yield Letter(record, letter)


def by_reason(found: list[Letter]) -> dict[str, int]:
    """How many letters of each reason, most first."""
    return dict(Counter(letter.letter.reason for letter in found).most_common())
