"""What a dead letter carries, and the event that is had back from it."""

import hashlib

import pytest

from schemas.dead_letter import DeadLetter
from schemas.source import Source
from streams.dead_letters import MAX_BYTES, StoredDeadLetter, encode_dead_letter, parse_dead_letter, read_dead_letters
from streams.keyed_hash import HashKey
from streams.listing_codec import Record, decode_listing
from streams.retry_headers import RetryState, first_source, publisher_headers, requeue_headers, retry_state
from streams.settings import Settings
from streams.takedowns import Takedowns

FIRST = Source(topic="listing-updated", partition=3, offset=17, timestamp=1_000)
LIES = Source(topic="listing-dead-letter", partition=3, offset=1, timestamp=2_000)
RETRIED = Source(topic="listing-retry", partition=3, offset=9, timestamp=3_000)
WHY = DeadLetter(source=FIRST, reason="schema", error="no", attempts=2, worker="w", model="m@1")


def letter_of(record: Record) -> StoredDeadLetter:
    """The letter of a record, written and read back."""
    value, headers = encode_dead_letter(record, WHY)
    found = parse_dead_letter(Record(LIES, record.key, value, tuple(headers)))
    assert found is not None
    return found


def test_the_event_comes_back_as_it_was() -> None:
    """Key, value and headers, byte for byte: a removal by null would mean nothing without its version."""
    for value in (b"\xff raw", None, b""):
        record = Record(FIRST, b"m1", value, (("version", b"3"), ("trace", b"\xff"), ("empty", None), ("trace", b"2")))
        letter = letter_of(record)
        assert letter.event == record
        assert letter.dead_letter == WHY
        assert not letter.left_out
    removal = letter_of(Record(FIRST, b"m1", None, (("version", b"3"),)))
    assert decode_listing(removal.event).version == 3


OURS = (
    "reason",
    "error",
    "attempts",
    "worker",
    "model",
    "tries",
    "not-before",
    "refetch",
    "value-bytes",
    "value-sha256",
    *(f"source-{name}" for name in ("topic", "partition", "offset", "timestamp")),
)


def test_a_publishers_header_never_passes_for_ours() -> None:
    """What it says of reason, attempts or place is not taken over, whichever comes first; nor is it lost."""
    headers = (("version", b"3"), *((name, b"77") for name in OURS), ("publisher-header:error", b"78"))
    letter = letter_of(Record(FIRST, b"m1", b"raw", headers))
    assert letter.dead_letter == WHY
    assert letter.event.headers == headers
    assert not letter.left_out


ODD = (
    ("", b"1"),
    ("a\0b", b"2"),
    ("caf\udce9", b"\xff"),
    ("\udced\udca0\udc80", None),
    ("é", b""),
    ("a\r\n", b"3"),
    ("n" * 40_000, b"4"),
    ("publisher-header:%", b"5"),
    ("twice", b"6"),
    ("twice", None),
)


def test_headers_of_any_name_come_back() -> None:
    """From the dead letter, and from the retry topic after a replay; on the wire each name is text without NUL."""
    record = Record(FIRST, b"m1", b"raw", (*ODD, *((name, b"7") for name in OURS)))
    letter = letter_of(record)
    assert letter.event == record
    assert all(name.encode() and "\0" not in name for name, _ in letter.record.headers if name)
    retried = Record(RETRIED, b"m1", b"raw", tuple(requeue_headers(letter.event, RetryState(attempts=2))))
    assert tuple(publisher_headers(retried)) == record.headers
    assert (first_source(retried), retry_state(retried)) == (FIRST, RetryState(attempts=2))
    again = letter_of(retried)
    assert again.event == record
    assert again.dead_letter == WHY


def test_it_says_the_hash_of_the_value() -> None:
    """Also if the value was left out; there is none of a null value."""
    assert letter_of(Record(FIRST, b"m1", b"raw")).value_hash == hashlib.sha256(b"raw").hexdigest()
    large = letter_of(Record(FIRST, b"m1", b"x" * (MAX_BYTES + 1)))
    assert large.left_out
    assert large.value_hash == hashlib.sha256(b"x" * (MAX_BYTES + 1)).hexdigest()
    assert letter_of(Record(FIRST, b"m1", None, (("value-sha256", b"lie"),))).value_hash == ""


def test_names_count_for_its_size() -> None:
    """A name, or a hundred thousand empty headers, take room too; quoted, a name takes three times as much."""
    for headers in ((("n" * MAX_BYTES, b""),), (("", None),) * 700_000, (("\udcff" * 2_100_000, b""),)):
        assert letter_of(Record(FIRST, b"m1", b"raw", headers)).left_out


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
    assert parse_dead_letter(Record(LIES, b"m1", b"raw")) is None


def test_many_letters_ask_once_what_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nothing was taken down: a hundred thousand letters must not read the takedowns as often."""
    value, headers = encode_dead_letter(Record(FIRST, b"m1", b"raw"), WHY)
    asked = []

    def takedowns(settings: Settings) -> Takedowns:
        asked.append(settings)
        return Takedowns(lambda: HashKey("a key that nobody else has"))

    monkeypatch.setattr("streams.dead_letters.read_all", lambda *_: [Record(LIES, b"m1", value, tuple(headers))] * 5)
    monkeypatch.setattr("streams.dead_letters.read_takedowns", takedowns)
    assert len(list(read_dead_letters(Settings()))) == 5
    assert len(asked) == 1


def test_its_name_is_where_its_event_first_stood() -> None:
    """As people type it."""
    assert letter_of(Record(FIRST, b"m1", b"raw")).location == "listing-updated:3:17"
