"""Dead letters: how one is written, how the event in it is had back, and how they are looked through.

A letter carries the raw key, value and headers of its event, and headers of ours that say why it could not be done.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from schemas.dead_letter import DeadLetter
from schemas.source import Source
from streams.codec import Record, decode_listing
from streams.failures import BadMessage
from streams.read import read_all
from streams.retry import OURS as PUT_BACK_HEADERS
from streams.settings import Settings
from streams.takedowns import Takedowns, read_takedowns
from streams.topics import DEAD_LETTER

MAX_BYTES = 6_000_000
"""Of key, value and the event's headers: fits under the topic's 8,000,000 bytes with ours; more is left out."""
LEFT_OUT = "value-bytes"
"""The size of an event that was too large for its letter: value and headers are where it first stood, or nowhere."""

_OURS = {*PUT_BACK_HEADERS, LEFT_OUT, "reason", "error", "worker", "model"}

RawHeaders = list[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies in its topic."""

    record: Record
    letter: DeadLetter

    @property
    def place(self) -> str:
        """Where its event first stood, as `TOPIC:PARTITION:OFFSET`: the name that people use for the letter."""
        return place_of(self.letter.source)

    @property
    def left_out(self) -> bool:
        """Whether its event was too large for it."""
        return any(name == LEFT_OUT for name, _ in self.record.headers)

    @property
    def event(self) -> Record:
        """The event as it first came; without value and headers where it was left out."""
        own = tuple((name, value) for name, value in self.record.headers if name not in _OURS)
        return Record(self.letter.source, self.record.key, self.record.value, own)

    def row(self) -> dict[str, object]:
        """The fields that `lookalike dead-letters list --json` shows."""
        source = self.letter.source
        return {
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "key": (self.record.key or b"").decode(errors="replace"),
            "reason": self.letter.reason,
            "error": self.letter.error,
            "attempts": self.letter.attempts,
            "at": told_time(self.record.source.timestamp),
        }


def written(record: Record, letter: DeadLetter) -> tuple[bytes | None, RawHeaders]:
    """The value and the headers with which the letter of `record` is written; the key stays as it is."""
    ours: RawHeaders = [*letter.headers()]
    own = [(name, value) for name, value in record.headers if name not in _OURS]
    size = sum(len(part or b"") for part in (record.key, record.value, *(value for _, value in own)))
    if size > MAX_BYTES:
        return None, [*ours, (LEFT_OUT, str(len(record.value or b"")).encode())]
    return record.value, [*own, *ours]


def read_letter(record: Record) -> Letter | None:
    """The letter in a record of the topic; None where its headers are not ours."""
    try:
        letter = DeadLetter.from_headers([(name, value or b"") for name, value in record.headers])
    except ValidationError:
        return None
    return Letter(record, letter)


def letters(settings: Settings) -> Iterator[Letter]:
    """Every dead letter, oldest first in each partition; what is no letter, or of an erased listing, is left out."""
    hidden: Takedowns | None = None
    for record in read_all(settings, DEAD_LETTER):
        if hidden is None:  # not before there is a letter: a catalogue without topics has none
            hidden = read_takedowns(settings)
        letter = read_letter(record)
        if letter is not None and not _erased(letter, hidden):
            yield letter


def _erased(letter: Letter, hidden: Takedowns) -> bool:
    if hidden.erasure((letter.record.key or b"").decode(errors="replace")) is None:
        return False
    try:
        event = decode_listing(letter.event)
    except BadMessage:
        return hidden.erased_record(letter.event)
    return hidden.erased(event.listing_id, event.version)


def newest_letters(settings: Settings, wanted: Callable[[Letter], bool]) -> Iterator[Letter]:
    """The letters that are `wanted`, and of several of one event only the newest.

    Reads the topic twice, so that no more than a number for each event has to be kept in memory.
    """
    newest: dict[int, tuple[int, int]] = {}
    for letter in letters(settings):
        if wanted(letter):
            newest[hash(letter.place)] = _lies_at(letter)
    if newest:
        yield from (each for each in letters(settings) if newest.get(hash(each.place)) == _lies_at(each))


def _lies_at(letter: Letter) -> tuple[int, int]:
    return (letter.record.source.partition, letter.record.source.offset)


def by_reason(found: Iterable[Letter]) -> dict[str, int]:
    """How many letters of each reason, most first."""
    return dict(Counter(letter.letter.reason for letter in found).most_common())


def place_of(source: Source) -> str:
    """A place in the log as people write it."""
    return f"{source.topic}:{source.partition}:{source.offset}"


def told_time(milliseconds: int) -> str:
    """A record's time, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).isoformat(timespec="milliseconds")
