"""What a dead letter carries, and the event that is had back from it."""

import pytest

from schemas.dead_letter import DeadLetter
from schemas.source import Source
from streams.codec import Record, decode_listing
from streams.dead_letters import MAX_BYTES, Letter, letters, read_letter, written
from streams.hash_key import HashKey
from streams.settings import Settings
from streams.takedowns import Takedowns

FIRST = Source(topic="listing-updated", partition=3, offset=17, timestamp=1_000)
LIES = Source(topic="listing-dead-letter", partition=3, offset=1, timestamp=2_000)
WHY = DeadLetter(source=FIRST, reason="schema", error="no", attempts=2, worker="w", model="m@1")


def letter_of(record: Record) -> Letter:
    """The letter of a record, written and read back."""
    value, headers = written(record, WHY)
    found = read_letter(Record(LIES, record.key, value, tuple(headers)))
    assert found is not None
    return found


def test_the_event_comes_back_as_it_was() -> None:
    """Key, value and headers, byte for byte: a removal by null would mean nothing without its version."""
    for value in (b"\xff raw", None, b""):
        record = Record(FIRST, b"m1", value, (("version", b"3"), ("trace", b"\xff"), ("empty", None), ("trace", b"2")))
        letter = letter_of(record)
        assert letter.event == record
        assert letter.letter == WHY
        assert not letter.left_out
    removal = letter_of(Record(FIRST, b"m1", None, (("version", b"3"),)))
    assert decode_listing(removal.event).version == 3


def test_a_publishers_header_never_passes_for_ours() -> None:
    """What it says of reason, attempts or place is not taken over, whichever comes first."""
    lies = tuple((name, b"77") for name in ("reason", "attempts", "source-offset", "source-topic", "value-bytes"))
    letter = letter_of(Record(FIRST, b"m1", b"raw", (("version", b"3"), *lies)))
    assert letter.letter == WHY
    assert letter.event.headers == (("version", b"3"),)
    assert not letter.left_out


def test_what_is_too_large_is_left_out_and_said_so() -> None:
    """Value and headers together count; they are had from where the event first stood."""
    large = Record(FIRST, b"m1", b"x" * MAX_BYTES)
    many_headers = Record(FIRST, b"m1", b"x", (("h", b"y" * MAX_BYTES),))
    for record, size in ((large, MAX_BYTES), (many_headers, 1)):
        letter = letter_of(record)
        assert letter.left_out
        assert (letter.record.value, letter.event.headers) == (None, ())
        assert dict(letter.record.headers)["value-bytes"] == str(size).encode()
    assert not letter_of(Record(FIRST, b"m1", b"x" * (MAX_BYTES - 2))).left_out


def test_a_record_that_is_no_letter() -> None:
    """Without our headers it is none."""
    assert read_letter(Record(LIES, b"m1", b"raw")) is None


def test_many_letters_ask_once_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing was taken down: a hundred thousand letters must not read the takedowns as often."""
    value, headers = written(Record(FIRST, b"m1", b"raw"), WHY)
    asked = []

    def takedowns(settings: Settings) -> Takedowns:
        asked.append(settings)
        return Takedowns(lambda: HashKey("a key that nobody else has"))

    monkeypatch.setattr("streams.dead_letters.read_all", lambda *_: [Record(LIES, b"m1", value, tuple(headers))] * 5)
    monkeypatch.setattr("streams.dead_letters.read_takedowns", takedowns)
    assert len(list(letters(Settings()))) == 5
    assert len(asked) == 1


def test_its_name_is_where_its_event_first_stood() -> None:
    """As people type it."""
    assert letter_of(Record(FIRST, b"m1", b"raw")).place == "listing-updated:3:17"
