"""Dead letters: how one is written, how its event is restored, and how they are looked through.

A dead letter has the raw key, value and headers of its event, and headers of ours that say why it could not be done. A
publisher's header that has the name of one of ours, or a name that can't be written, is quoted
(`streams.record_headers`).
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import ValidationError

from schemas.dead_letter import DeadLetter
from schemas.source import Source, record_time
from streams.errors import BadMessage
from streams.listing_codec import Record, decode_listing, size_of
from streams.record_headers import RawHeaders, pack, unpack
from streams.retry_headers import OURS as PUT_BACK_HEADERS
from streams.retry_headers import publisher_headers
from streams.settings import Settings
from streams.takedowns import Takedowns, read_takedowns
from streams.topic_reader import read_all
from streams.topics import DEAD_LETTER

MAX_BYTES = 6_000_000
"""Of key, value and the event's headers: fits under the topic's 8,000,000 bytes with ours; more is left out."""
_HEADER_BYTES = 10
"""A header's own lengths on the wire, at most: ten thousand empty ones take room too."""
VALUE_BYTES = "value-bytes"
"""The size of an event that was too large for its letter: value and headers are where it first stood, or nowhere."""
VALUE_HASH = "value-sha256"
"""sha256 of the event's value, in hexadecimal digits, also if the value was left out; empty for a null value."""

_OURS = {*PUT_BACK_HEADERS, VALUE_BYTES, VALUE_HASH, "reason", "error", "worker", "model"}


@dataclass(frozen=True, slots=True)
class StoredDeadLetter:
    """A dead letter as it lies in its topic."""

    record: Record
    dead_letter: DeadLetter

    @property
    def location(self) -> str:
        """Where its event first stood, as `TOPIC:PARTITION:OFFSET`: the name that people use for the letter."""
        return place_of(self.dead_letter.source)

    @property
    def left_out(self) -> bool:
        """Whether its event was too large for it."""
        return any(name == VALUE_BYTES for name, _ in self.record.headers)

    @property
    def event(self) -> Record:
        """The event as it first came; without value and headers where it was left out."""
        own = tuple(unpack(self.record.headers, _OURS))
        return Record(self.dead_letter.source, self.record.key, self.record.value, own)

    @property
    def value_hash(self) -> str:
        """sha256 of the event's value; empty for a null value, and in dead letters of before this header."""
        return (dict(self.record.headers).get(VALUE_HASH) or b"").decode(errors="replace")

    def row(self) -> dict[str, object]:
        """The fields that `lookalike dead-letters list --json` shows."""
        source = self.dead_letter.source
        return {
            "topic": source.topic,
            "partition": source.partition,
            "offset": source.offset,
            "key": (self.record.key or b"").decode(errors="replace"),
            "reason": self.dead_letter.reason,
            "error": self.dead_letter.error,
            "attempts": self.dead_letter.attempts,
            "at": format_time(self.record.source.timestamp),
        }


def encode_dead_letter(record: Record, letter: DeadLetter) -> tuple[bytes | None, RawHeaders]:
    """The value and the headers with which the letter of `record` is written; the key stays as it is."""
    value_hash = "" if record.value is None else hashlib.sha256(record.value).hexdigest()
    ours: RawHeaders = [*letter.headers(), (VALUE_HASH, value_hash.encode())]
    own = pack(publisher_headers(record), _OURS)
    size = len(record.key or b"") + len(record.value or b"") + size_of(own) + _HEADER_BYTES * len(own)
    if size > MAX_BYTES:
        return None, [*ours, (VALUE_BYTES, str(len(record.value or b"")).encode())]
    return record.value, [*own, *ours]


def parse_dead_letter(record: Record) -> StoredDeadLetter | None:
    """The letter in a record of the topic; None where its headers are not ours."""
    try:
        letter = DeadLetter.from_headers([(name, value or b"") for name, value in record.headers])
    except ValidationError:
        return None
    return StoredDeadLetter(record, letter)


def read_dead_letters(settings: Settings) -> Iterator[StoredDeadLetter]:
    """Every dead letter, oldest first in each partition; what is no letter, or of an erased listing, is left out."""
    hidden: Takedowns | None = None
    for record in read_all(settings, DEAD_LETTER):
        if hidden is None:  # not before there is a letter: a catalogue without topics has none
            hidden = read_takedowns(settings)
        letter = parse_dead_letter(record)
        if letter is not None and not _erased(letter, hidden):
            yield letter


def _erased(letter: StoredDeadLetter, hidden: Takedowns) -> bool:
    if hidden.erasure((letter.record.key or b"").decode(errors="replace")) is None:
        return False
    try:
        event = decode_listing(letter.event)
    except BadMessage:
        return hidden.erased_record(letter.event)
    return hidden.is_erased(event.listing_id, event.version)


def newest_dead_letters(settings: Settings, wanted: Callable[[StoredDeadLetter], bool]) -> Iterator[StoredDeadLetter]:
    """The letters that are `wanted`, and of several of one event only the newest.

    Reads the topic twice, so that no more than a number for each event has to be kept in memory.
    """
    newest: dict[int, tuple[int, int]] = {}
    for letter in read_dead_letters(settings):
        if wanted(letter):
            newest[hash(letter.location)] = _lies_at(letter)
    if newest:
        yield from (each for each in read_dead_letters(settings) if newest.get(hash(each.location)) == _lies_at(each))


def _lies_at(letter: StoredDeadLetter) -> tuple[int, int]:
    return (letter.record.source.partition, letter.record.source.offset)


def count_by_reason(found: Iterable[StoredDeadLetter]) -> dict[str, int]:
    """How many letters of each reason, most first."""
    return dict(Counter(letter.dead_letter.reason for letter in found).most_common())


def place_of(source: Source) -> str:
    """A place in the log as people write it."""
    return f"{source.topic}:{source.partition}:{source.offset}"


def format_time(milliseconds: int) -> str:
    """A record's time, in UTC."""
    return datetime.fromtimestamp(record_time(milliseconds) / 1_000, UTC).isoformat(timespec="milliseconds")
